//! How an array is cut: memory stays bounded, and every block holds whole distributions.

use std::ops::Range;

/// Enough slabs that shares of them can be even.
const MANY: usize = 64;

/// An array in slabs: one index along each of the outer axes, everything along the others. Neighbouring
/// slabs are read as one block.
#[derive(Clone, Debug)]
pub struct Blocks {
    shape: Vec<usize>,
    /// The outer axes, in the order of the file, the class axis left out.
    outer: Vec<usize>,
    /// Slabs read at a time.
    together: usize,
}

impl Blocks {
    /// Blocks of up to so many elements; of one distribution where that has more.
    pub fn new(shape: &[usize], axis: usize, fortran: bool, elements: usize) -> Blocks {
        let mut order: Vec<usize> = (0..shape.len()).filter(|&other| other != axis).collect();
        if fortran {
            order.reverse();
        }
        let all: usize = shape.iter().product();
        let slabs =
            |outer: usize| order[..outer].iter().map(|&axis| shape[axis]).product::<usize>();
        let fits = |&outer: &usize| all / slabs(outer) <= elements && slabs(outer) >= MANY;
        let outer = (0..order.len()).find(fits).unwrap_or(order.len());
        let together = (elements / (all / slabs(outer))).max(1);
        order.truncate(outer);
        Blocks { shape: shape.to_vec(), outer: order, together }
    }

    pub fn slabs(&self) -> usize {
        self.outer.iter().map(|&axis| self.shape[axis]).product()
    }

    /// The slab of an element.
    pub fn slab(&self, index: impl Fn(usize) -> usize) -> usize {
        self.outer.iter().fold(0, |slab, &axis| slab * self.shape[axis] + index(axis))
    }

    /// The next block of the slabs that are left, and what is left after it.
    pub fn next(&self, left: Range<usize>) -> (Vec<Range<usize>>, Range<usize>) {
        let mut window: Vec<Range<usize>> = self.shape.iter().map(|&len| 0..len).collect();
        let Some((&inner, outer)) = self.outer.split_last() else {
            return (window, left.end..left.end);
        };
        let at = left.start % self.shape[inner];
        let count = self.together.min(left.len()).min(self.shape[inner] - at);
        window[inner] = at..at + count;
        let mut rest = left.start / self.shape[inner];
        for &axis in outer.iter().rev() {
            let index = rest % self.shape[axis];
            window[axis] = index..index + 1;
            rest /= self.shape[axis];
        }
        (window, left.start + count..left.end)
    }
}
