//! Slopes of a lane of several blocks, kept for its gradients instead of computed again.

use crate::elementwise::TILE;

/// What the gradients of one side of a block are made of.
#[derive(Clone, Debug)]
struct Side<T> {
    /// p or q.
    weights: [T; TILE],
    /// ∂term/∂(ln p) or ∂term/∂(ln q).
    slopes: [T; TILE],
}

/// The slopes of a lane, block by block.
#[derive(Clone, Debug)]
pub struct Kept<T> {
    /// The number of blocks of a lane, or 0 if nothing is kept.
    blocks: usize,
    /// The blocks that were visited, for the input and for the target.
    sides: [Vec<Side<T>>; 2],
    /// The blocks whose gradients are written.
    written: usize,
}

impl<T: Copy> Kept<T> {
    /// For lanes of so many classes. One block needs no place here.
    pub fn new(classes: usize) -> Self {
        let blocks = if classes > TILE { classes.div_ceil(TILE) } else { 0 };
        Kept { blocks, sides: [Vec::new(), Vec::new()], written: 0 }
    }

    /// Keeps nothing.
    pub fn nothing() -> Self {
        Kept::new(0)
    }

    /// Whether anything is kept.
    pub fn is_some(&self) -> bool {
        self.blocks > 0
    }

    /// Begins with another lane, whose gradients will be written from the first block on.
    pub fn start(&mut self) {
        self.written = 0;
    }

    /// Keeps the slopes of one side of the block that is visited as number `block`.
    pub fn put(&mut self, side: usize, block: usize, weights: &[T; TILE], slopes: &[T; TILE]) {
        let places = &mut self.sides[side];
        match places.get_mut(block) {
            Some(place) => (place.weights, place.slopes) = (*weights, *slopes),
            None => {
                places.reserve_exact(self.blocks - places.len());
                places.push(Side { weights: *weights, slopes: *slopes });
            }
        }
    }

    /// The weights and slopes of one side of the block whose gradients come next.
    pub fn next(&self, side: usize) -> Option<(&[T; TILE], &[T; TILE])> {
        let place = self.sides[side].get(self.written).filter(|_| self.is_some());
        place.map(|Side { weights, slopes }| (weights, slopes))
    }

    /// The gradients of a block are written.
    pub fn advance(&mut self) {
        self.written += 1;
    }
}
