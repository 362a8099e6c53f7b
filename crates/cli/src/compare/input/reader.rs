//! Blocks are read one after the other, and computed side by side: each by the thread that read it, whose cache then holds it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inputs::{Block, Inputs};
use crate::failure::Failure;
use crate::formats::Float;

/// The work of each block, on any thread, with what that keeps from block to block, and then `merge` with what came of it, in the order of
/// the blocks; `merge` is given the slabs that are left as well. Ends at the failure that is the first in that order.
pub fn each_block<A: Float, K: Default, T: Send>(
    inputs: &mut Inputs,
    left: Range<usize>,
    work: impl Fn(&mut Block<A>, &mut K) -> Result<T, Failure> + Sync,
    merge: impl FnMut(T, Range<usize>) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    // A stream is read in its order: by one thread at a time, the next one whose turn it is.
    let own = (!inputs.has_stream()).then(|| inputs.clone());
    let turn = Mutex::new(Turn { inputs, left, number: 0 });
    let done = Mutex::new(Done { waiting: BTreeMap::new(), number: 0, merge, failure: None });
    rayon::broadcast(|_| {
        let (mut own, mut memory, mut kept) = (own.clone(), Vec::new(), K::default());
        loop {
            let mut turn = lock(&turn);
            let Some((number, slabs)) = turn.next() else { return };
            let read = match &mut own {
                None => turn.inputs.read(slabs, &mut memory),
                Some(own) => {
                    drop(turn);
                    own.read(slabs, &mut memory)
                }
            };
            let found = read.and_then(|(mut block, left)| {
                let found = work(&mut block, &mut kept)?;
                memory = block.into_memory();
                Ok((found, left))
            });
            if !lock(&done).put(number, found) {
                return;
            }
        }
    });
    let Done { failure, .. } = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(()), Err)
}

/// A panic ends the program by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which block is the next to be read.
struct Turn<'i> {
    inputs: &'i mut Inputs,
    left: Range<usize>,
    number: usize,
}

impl Turn<'_> {
    /// The number of the next block, and the slabs that start with it; `None` if there is none.
    fn next(&mut self) -> Option<(usize, Range<usize>)> {
        if self.left.is_empty() {
            return None;
        }
        let (_, rest) = self.inputs.blocks.next(self.left.clone());
        self.number += 1;
        Some((self.number - 1, std::mem::replace(&mut self.left, rest)))
    }
}

/// What came of the blocks.
struct Done<T, M> {
    /// That of blocks which wait for one before them.
    waiting: BTreeMap<usize, Result<(T, Range<usize>), Failure>>,
    /// The number of the next block to be merged.
    number: usize,
    merge: M,
    failure: Option<Failure>,
}

impl<T, M: FnMut(T, Range<usize>) -> Result<(), Failure>> Done<T, M> {
    /// Merges what came of a block, and of those that waited for it. Returns whether none has failed.
    fn put(&mut self, number: usize, found: Result<(T, Range<usize>), Failure>) -> bool {
        self.waiting.insert(number, found);
        while self.failure.is_none()
            && let Some(found) = self.waiting.remove(&self.number)
        {
            self.number += 1;
            self.failure = found.and_then(|(found, left)| (self.merge)(found, left)).err();
        }
        self.failure.is_none()
    }
}
