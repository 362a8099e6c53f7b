//! Exact differences of products of sums: a rounded product would lose them to cancellation.

use super::{ExactSum, LIMB_BITS, LIMBS, leading};
use crate::number::Scaled;

/// The number of limbs of a product, and one more for the sign.
const WIDE: usize = 2 * LIMBS + 1;

impl ExactSum {
    /// The finite sum, rounded once.
    pub fn scaled(&self) -> Scaled {
        let (negative, sum) = self.sign_and_magnitude();
        signed(negative, leading(&sum.limbs), -1074)
    }

    /// The difference a·b − c·d of products of finite sums, rounded once.
    pub fn difference_of_products([a, b]: [&Self; 2], [c, d]: [&Self; 2]) -> Scaled {
        let mut wide = [0; WIDE];
        add_product(&mut wide, a, b, 1);
        add_product(&mut wide, c, d, -1);
        let negative = carried(&mut wide) < 0;
        if negative {
            wide.iter_mut().for_each(|limb| *limb = -*limb);
            carried(&mut wide);
        }
        signed(negative, leading(&wide.map(|limb| limb as i64)), -2 * 1074)
    }
}

/// The number ±significand·2^(exponent + unit).
fn signed(negative: bool, (significand, exponent): (u64, i32), unit: i32) -> Scaled {
    let significand = if negative { -(significand as f64) } else { significand as f64 };
    Scaled { significand, exponent: exponent + unit }
}

/// Adds ±a·b. A limb takes at most 2·68 products below 2⁶⁴.
fn add_product(wide: &mut [i128; WIDE], a: &ExactSum, b: &ExactSum, sign: i128) {
    let ((a_negative, a), (b_negative, b)) = (a.sign_and_magnitude(), b.sign_and_magnitude());
    let sign = if a_negative == b_negative { sign } else { -sign };
    for (i, &a) in a.limbs.iter().enumerate().filter(|(_, a)| **a != 0) {
        for (wide, &b) in wide[i..].iter_mut().zip(&b.limbs) {
            *wide += sign * i128::from(a) * i128::from(b);
        }
    }
}

/// Brings every limb but the last into 0..2³², and returns the last.
fn carried(wide: &mut [i128; WIDE]) -> i128 {
    let mut carry = 0;
    let (last, others) = wide.split_last_mut().expect("not empty");
    for limb in others {
        let sum = *limb + carry;
        *limb = sum & 0xffff_ffff;
        carry = sum >> LIMB_BITS;
    }
    *last += carry;
    *last
}
