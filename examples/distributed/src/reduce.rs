//! What all ranks know, brought to the first.

use std::error::Error;

use kldiv::Partial;
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Root};

use crate::sketch::COUNTS;
use crate::tally::{Tally, WORST};

/// Words and counts, which are added.
const SUMS: usize = Partial::WORDS + COUNTS;
/// Position and key of each of the worst, and how many there are.
const ENTRIES: usize = 2 * WORST + 1;
/// What a rank sends in all.
pub const BYTES: usize = size_of::<i64>() * (SUMS + 2 + ENTRIES);

/// The tally over all ranks, on rank 0. Integers are added and compared, so it does not matter in which order.
pub fn to_root(world: &SimpleCommunicator, tally: &Tally) -> Result<Option<Tally>, Box<dyn Error>> {
    let root = world.process_at_rank(0);
    let sums = [&tally.partial.to_words()[..], &tally.sketch.counts].concat();
    let (extremes, entries) = (tally.partial.extremes(), entries(tally));
    if world.rank() != 0 {
        root.reduce_into(&sums[..], SystemOperation::sum());
        root.reduce_into(&extremes[..], SystemOperation::max());
        root.gather_into(&entries[..]);
        return Ok(None);
    }
    let (mut all_sums, mut all_extremes) = ([0_i64; SUMS], [0_i64; 2]);
    let mut all_entries = vec![0_i64; ENTRIES * world.size() as usize];
    root.reduce_into_root(&sums[..], &mut all_sums[..], SystemOperation::sum());
    root.reduce_into_root(&extremes[..], &mut all_extremes[..], SystemOperation::max());
    root.gather_into_root(&entries[..], &mut all_entries[..]);

    let (words, counts) = all_sums.split_at(Partial::WORDS);
    let partial = Partial::from_words(words.try_into()?, all_extremes)?;
    let mut all = Tally { partial, ..Tally::default() };
    all.sketch.counts = counts.to_vec();
    for entries in all_entries.as_chunks::<ENTRIES>().0 {
        let pairs = entries[1..].as_chunks().0.iter().take(entries[0] as usize);
        pairs.for_each(|&[position, key]| all.worst.add_key(position as u64, key));
    }
    Ok(Some(all))
}

fn entries(tally: &Tally) -> [i64; ENTRIES] {
    let mut entries = [0; ENTRIES];
    entries[0] = tally.worst.entries().len() as i64;
    let (pairs, _) = entries[1..].as_chunks_mut();
    for (pair, &(position, key)) in pairs.iter_mut().zip(tally.worst.entries()) {
        *pair = [position as i64, key];
    }
    entries
}

/// An error on every rank where not all have the same files and settings. Copies have times of their own, which do not
/// matter.
pub fn same_everywhere(world: &SimpleCommunicator, fingerprint: u64) -> Result<(), Box<dyn Error>> {
    let mine = [fingerprint, !fingerprint];
    let mut largest = [0_u64; 2];
    world.all_reduce_into(&mine[..], &mut largest[..], SystemOperation::max());
    if largest[0] == !largest[1] {
        return Ok(());
    }
    Err("not all ranks have the same files and settings; give them all the same".into())
}
