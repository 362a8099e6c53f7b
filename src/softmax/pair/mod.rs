//! Both sides are logits: the passes over a lane.

mod columns;
mod lane;

pub use columns::ColumnPair;
pub use lane::LanePair;

use super::columns::Row;
use crate::elementwise::TILE;
use crate::number::Level;

/// The pass that is under way; there may be several for the sums, each with a better shift.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Peaks,
    /// Over what is no mask, where there may be some.
    Unmasked,
    Sums,
}

/// factors · rate.
fn scale<'a>(factors: &[f64], rate: f64, room: &'a mut [f64; TILE]) -> &'a [f64] {
    let scaled = &mut room[..factors.len()];
    scaled.iter_mut().zip(factors).for_each(|(scaled, factor)| *scaled = factor * rate);
    scaled
}

/// Something of each lane.
pub fn each_lane<S: Copy + Default, const N: usize>(
    level: Level,
    of: impl Fn(usize) -> S,
) -> Row<S, N> {
    let mut all = [S::default(); N];
    level.run(
        #[inline(always)]
        || {
            for i in 0..N {
                all[i] = of(i);
            }
        },
    );
    all
}
