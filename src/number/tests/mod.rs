//! Elementary functions against higher precision, formulas against their shortcuts, levels against
//! each other.

mod accuracy;
mod exp;
mod growth;
#[cfg(feature = "half")]
mod half;
mod ln;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::Float;

pub fn random() -> SmallRng {
    SmallRng::seed_from_u64(1951)
}

/// The bits, all NaN alike.
pub fn bits<T: Float>(value: T) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_f64().to_bits() }
}

pub fn all_bits<T: Float>(values: &[T]) -> Vec<u64> {
    values.iter().copied().map(bits).collect()
}

/// Every magnitude alike, specials among them.
pub fn any_f32(rng: &mut SmallRng) -> f32 {
    f32::from_bits(rng.random())
}

/// The same in double precision.
pub fn any_f64(rng: &mut SmallRng) -> f64 {
    f64::from_bits(rng.random())
}
