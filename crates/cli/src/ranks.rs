//! The processes of a run: one, or under MPI as many as it started.
//!
//! Every process measures its share of the rows. What each knows merges exactly, in the order of the rows, so the report is bit for bit
//! that of one process.

use std::ops::Range;

use crate::failure::{Code, Failure};
use crate::statistics::Tally;

#[cfg(feature = "mpi")]
use mpi::environment::Universe;
#[cfg(feature = "mpi")]
use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Source};

/// All processes, as one of them sees them.
pub struct Ranks {
    #[cfg(feature = "mpi")]
    universe: Universe,
}

/// The most bytes of one message: MPI counts them in 32 bits.
#[cfg(feature = "mpi")]
const MESSAGE: usize = 1 << 30;

#[cfg(not(feature = "mpi"))]
impl Ranks {
    pub fn start() -> Result<Ranks, Failure> {
        Ok(Ranks {})
    }

    /// Which of them this is, and how many there are.
    pub fn place(&self) -> (usize, usize) {
        (0, 1)
    }

    /// The tally of all, which only the first process has.
    pub fn merged(&self, tally: Tally) -> Result<Option<Tally>, Failure> {
        Ok(Some(tally))
    }

    /// A failure on every process where not all have the same files and settings.
    pub fn check_same(&self, _: u64) -> Result<(), Failure> {
        Ok(())
    }

    /// Ends all processes.
    pub fn abort(&self, _: Code) {}
}

#[cfg(feature = "mpi")]
impl Ranks {
    pub fn start() -> Result<Ranks, Failure> {
        // The library has threads of its own; only this one speaks to MPI.
        let started = mpi::initialize_with_threading(mpi::Threading::Funneled);
        let Some((universe, _)) = started else {
            return Err(Failure::new("MPI was initialised already"));
        };
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tell(panic);
            // Unwinding would end in waiting for the others, who wait for this process.
            std::process::abort();
        }));
        Ok(Ranks { universe })
    }

    /// Which of them this is, and how many there are.
    pub fn place(&self) -> (usize, usize) {
        let world = self.universe.world();
        (world.rank() as usize, world.size() as usize)
    }

    /// The tally of all, which only the first process has. In each round half of those that still know something send it to the other
    /// half, whose rows come before theirs.
    pub fn merged(&self, mut tally: Tally) -> Result<Option<Tally>, Failure> {
        let (world, (rank, size)) = (self.universe.world(), self.place());
        let mut step = 1;
        while step < size {
            if rank % (2 * step) == step {
                let bytes = postcard::to_stdvec(&tally).map_err(|error| damaged(&error))?;
                let to = world.process_at_rank((rank - step) as i32);
                to.send(&(bytes.len() as u64));
                bytes.chunks(MESSAGE).for_each(|chunk| to.send(chunk));
                return Ok(None);
            }
            if rank + step < size {
                let from = world.process_at_rank((rank + step) as i32);
                let mut bytes = vec![0_u8; from.receive::<u64>().0 as usize];
                bytes.chunks_mut(MESSAGE).for_each(|chunk| {
                    from.receive_into(chunk);
                });
                let next: Tally = postcard::from_bytes(&bytes).map_err(|error| damaged(&error))?;
                tally.merge(&next);
            }
            step *= 2;
        }
        Ok(Some(tally))
    }

    /// A failure on every process where not all have the same files and settings. Copies have times of their own, which do not matter.
    pub fn check_same(&self, fingerprint: u64) -> Result<(), Failure> {
        let mine = [fingerprint, !fingerprint];
        let mut largest = [0_u64; 2];
        let max = mpi::collective::SystemOperation::max();
        self.universe.world().all_reduce_into(&mine[..], &mut largest[..], max);
        if largest[0] == !largest[1] {
            return Ok(());
        }
        Err(Failure::new(
            "not all processes have the same files and settings; give them all the same",
        ))
    }

    /// Ends all processes: the others may wait for this one.
    pub fn abort(&self, code: Code) {
        self.universe.world().abort(code as i32);
    }
}

#[cfg(feature = "mpi")]
fn damaged(error: &postcard::Error) -> Failure {
    Failure::new(format!("cannot send what was found to another process: {error}"))
}

impl Ranks {
    /// This process's part of `0..total`: in proportion to the shares, evenly where there are none.
    pub fn part(&self, total: usize, shares: &[usize]) -> Result<Range<usize>, Failure> {
        let (rank, size) = self.place();
        part(rank, size, total, shares)
    }
}

fn part(rank: usize, size: usize, total: usize, shares: &[usize]) -> Result<Range<usize>, Failure> {
    let even = vec![1; size];
    let shares = if shares.is_empty() { &even } else { shares };
    let sum = shares.iter().try_fold(0_usize, |sum, &share| sum.checked_add(share)).unwrap_or(0);
    if shares.len() != size || sum == 0 {
        let line = format!(
            "--shares {shares:?}: give one number for each process, {size} in all; not all may be 0, and their sum must not overflow"
        );
        return Err(Failure::usage(line));
    }
    let cut = |rank: usize| {
        let before: usize = shares[..rank].iter().sum();
        (total as u128 * before as u128 / sum as u128) as usize
    };
    Ok(cut(rank)..cut(rank + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_everything_once() {
        for (size, shares) in [(1, vec![]), (3, vec![]), (7, vec![]), (4, vec![5, 1, 0, 2])] {
            for total in [0, 1, 5, 64, 1000] {
                let parts = (0..size).map(|rank| part(rank, size, total, &shares).unwrap());
                let end = parts.fold(0, |end, part| {
                    assert_eq!(part.start, end);
                    part.end
                });
                assert_eq!(end, total);
            }
        }
        assert!(part(0, 2, 10, &[1]).is_err() && part(0, 2, 10, &[0, 0]).is_err());
        assert!(part(0, 2, 10, &[usize::MAX, 1]).is_err());
    }
}
