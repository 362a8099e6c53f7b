//! Blocks are read on a thread of their own, while the one before is computed.

use std::ops::Range;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use super::inputs::{Block, Inputs};
use crate::failure::Failure;
use crate::formats::Float;

/// Does the work of each block, in order; it is given the slabs that are left after it. Ends at the first failure.
pub fn each_block<A: Float>(
    inputs: &mut Inputs,
    mut left: Range<usize>,
    mut work: impl FnMut(&mut Block<A>, Range<usize>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    thread::scope(|scope| {
        let (full, blocks) = sync_channel(1);
        let (empty, used) = channel::<Vec<Vec<A>>>();
        scope.spawn(move || {
            while !left.is_empty() {
                let mut memory = used.try_recv().unwrap_or_default();
                let read = inputs.read(left.clone(), &mut memory);
                let rest = read.as_ref().map_or(left.end..left.end, |(_, rest)| rest.clone());
                // Nobody takes it where the work before has failed.
                if full.send(read).is_err() {
                    return;
                }
                left = rest;
            }
        });
        for read in blocks {
            let (mut block, left) = read?;
            work(&mut block, left)?;
            let memory =
                block.operands.into_iter().map(|operand| operand.into_raw_vec_and_offset().0);
            // The last may have been read already.
            let _ = empty.send(memory.collect());
        }
        Ok(())
    })
}
