//! The next lanes beside each other, copied while those before them are summed.
//!
//! A class of them is a short run of memory, and that of the next class often lies a power of two away: few lines that lie
//! so fit a set of the cache. Fetched all at once, most are gone before they are used, which took half of all time at
//! 21 classes of 256 × 256 on Zen 4. So a group of either operand is copied for every group of cells, and asked for
//! [`AHEAD`] classes before. (Whole classes, an eighth as often, took a third longer.)

use std::ops::Range;

use super::few::GROUP;
use crate::elementwise::fetch;
use crate::number::Level;
use crate::number::Number;

/// Classes of either operand that are on their way.
const AHEAD: usize = 2;

/// Numbers of both operands to be copied.
#[derive(Debug)]
pub struct Coming<'a, A: Number> {
    /// The lanes' numbers, class by class.
    from: [&'a [&'a [A]]; 2],
    /// Where in them those that are copied lie.
    lanes: Range<usize>,
    to: [&'a mut [A::Real]; 2],
    /// The class after the one that is being copied,
    class: usize,
    /// what is left of that one,
    left: [&'a [A]; 2],
    /// and what is left to be asked for of the one [`AHEAD`] of it.
    ahead: [&'a [A]; 2],
}

impl<'a, A: Number> Coming<'a, A> {
    /// Those lanes of each class, put one class behind the other.
    pub fn new(from: [&'a [&'a [A]]; 2], lanes: Range<usize>, to: [&'a mut [A::Real]; 2]) -> Self {
        Coming { from, lanes, to, class: 0, left: [&[]; 2], ahead: [&[]; 2] }
    }

    /// Copies the next group of either operand; whether there was one.
    #[inline(always)]
    pub fn advance(&mut self, level: Level) -> bool {
        if self.left[0].is_empty() && !self.next_class() {
            return false;
        }
        for i in 0..2 {
            if let Some((group, rest)) = self.ahead[i].split_first_chunk::<GROUP>() {
                fetch::<_, GROUP>(group, 0);
                self.ahead[i] = rest;
            }
            let to = std::mem::take(&mut self.to[i]).split_first_chunk_mut::<GROUP>();
            let Some(((from, left), (to, room))) = self.left[i].split_first_chunk().zip(to) else {
                return false;
            };
            *to = A::widen_all(level, from);
            (self.left[i], self.to[i]) = (left, room);
        }
        true
    }

    /// Turns to the next class; whether there is one.
    #[inline(always)]
    fn next_class(&mut self) -> bool {
        if self.class >= self.from[0].len() {
            return false;
        }
        for i in 0..2 {
            let row = |class: usize| {
                self.from[i].get(class).and_then(|row| row.get(self.lanes.clone())).unwrap_or(&[])
            };
            (self.left[i], self.ahead[i]) = (row(self.class), row(self.class + AHEAD));
            // A class that begins inside a line ends in one more.
            fetch::<_, 1>(self.ahead[i], self.ahead[i].len().saturating_sub(1));
        }
        self.class += 1;
        !self.left[0].is_empty()
    }

    /// Copies what is left.
    pub fn finish(&mut self, level: Level) {
        level.run(
            #[inline(always)]
            || while self.advance(level) {},
        );
    }
}
