//! Which part is whose.

use std::error::Error;
use std::ops::Range;

use mpi::topology::SimpleCommunicator;
use mpi::traits::Communicator;

/// This rank's part of `0..total`: in proportion to `shares`, evenly where there are none.
pub fn of(
    world: &SimpleCommunicator,
    total: usize,
    shares: &[usize],
) -> Result<Range<usize>, Box<dyn Error>> {
    let (rank, size) = (world.rank() as usize, world.size() as usize);
    let even = vec![1; size];
    let shares = if shares.is_empty() { &even } else { shares };
    let sum_of =
        |shares: &[usize]| shares.iter().try_fold(0_usize, |sum, &share| sum.checked_add(share));
    let sum = sum_of(shares).unwrap_or(0);
    if shares.len() != size || sum == 0 {
        return Err(format!(
            "--shares {shares:?}: one a rank, {size} in all, not all 0 and not beyond all bounds"
        )
        .into());
    }
    let cut = |rank: usize| {
        let before: usize = shares[..rank].iter().sum();
        (total as u128 * before as u128 / sum as u128) as usize
    };
    Ok(cut(rank)..cut(rank + 1))
}
