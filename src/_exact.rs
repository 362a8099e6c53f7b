//! Why sums are exact here, how that is done, and what it costs.
//!
//! # Why
//!
//! Addition of floats is not associative: 10¹⁶ + 1 − 10¹⁶ is 0 or 1 as one adds. A sum over millions of terms
//! that is made by threads, block by block, by machines that come and go, is a different sum each time, and its
//! last digits are nobody's. That is a nuisance where two runs are compared (did the change matter, or the number
//! of threads?), and an obstacle where work is interrupted and taken up again.
//!
//! Integers have no such trouble. So every total here is an integer while it grows, and is rounded once, when it is
//! asked for. Threads, layout, blocks, machines and their order then cannot change a bit, and partial results merge
//! to the bits of the whole:
//!
//! ```
//! use kldiv::{KLDivLoss, Partial, Sum};
//! use ndarray::{Array2, Axis};
//!
//! let log_q = Array2::from_shape_fn((1000, 10), |(i, j)| -0.1 - ((i * 7 + j * 13) % 17) as f64);
//! let p = Array2::from_shape_fn((1000, 10), |(i, j)| ((i * 5 + j * 3) % 19) as f64 / 90.0);
//! let criterion = KLDivLoss::new(Sum);
//!
//! let mut parts = Partial::default();
//! for i in (0..1000).rev() {
//!     let (log_q, p) = (log_q.slice_axis(Axis(0), (i..=i).into()), p.slice_axis(Axis(0), (i..=i).into()));
//!     parts.merge(&criterion.batch(&log_q, &p)?.partial()?);
//! }
//! assert_eq!(parts, criterion.batch(&log_q, &p)?.partial()?);
//! assert_eq!(criterion.finish::<f64>(&parts)?, criterion.forward(&log_q, &p)?);
//! # Ok::<(), kldiv::Error>(())
//! ```
//!
//! # How
//!
//! A finite `f64` is a whole multiple of 2⁻¹⁰⁷⁴ and below 2¹⁰²⁴: an integer of 2098 bits. The accumulator (Kulisch and
//! Miranker, 1986; the small superaccumulator of Neal, 2015) is such an integer, in **68 limbs** of 32 bits, each in an
//! `i64`. A number touches three neighbouring limbs. What a limb has above its 32 bits is room for **carries**: 2²⁹
//! additions before they must be brought on, limb by limb. Rounding takes the top limbs, and one bit that tells
//! whether anything is left below them (rounding to odd; Boldo and Melquiond, 2008).
//!
//! Number by number that is some 2 ns each. So numbers are added a block of 1024 at a time. Most blocks of `f32` lie
//! within 20 powers of two: every sum of theirs is an `f64`, so `f64`s are added. Against any other block below
//! 2ᴱ, adding and subtracting M = 1.5·2^(E+1) splits each number into a multiple of M's last place, an integer that
//! is added as one, and a rest that is exact and goes on to the next digit (Rump, Ogita and Oishi, 2008). Most
//! blocks of `f64` need two digits. NaN, ∞ and −∞ are counted apart.
//!
//! A [`Partial`](crate::Partial) is five such sums, of the loss, w, wD, wD² and w², and a few counts. Products go in as the two
//! `f64`s that they are the sum of (Dekker, 1971), so W·ΣwD² − (ΣwD)², which rounded squares would spoil where the
//! divergences are alike, is exact; it is computed in limbs and rounded once.
//!
//! # As words
//!
//! [`to_words`](crate::Partial::to_words) brings the carries on and gives 362 integers of 64 bits, 2896 bytes. Every word but the
//! last of a sum is then below 2³², and 2³¹ of them can be added, by anything that adds integers, before one
//! overflows. Three words go before: a magic number with the layout's version, how many results were added, and a
//! check, a linear function of the others modulo 2³¹ − 1, so that the check of a sum is the sum of the checks.
//!
//! # What it costs
//!
//! Four million `f32` elements of each operand, in milliseconds, medians of one run of `cargo bench --bench sum` in two
//! threads on a shared machine (AVX-512), 2026-11-25. "Plain" are the divergences written to a buffer and added in a loop of `f64`:
//!
//! | classes | plain | exact sum | partial result |
//! |--:|--:|--:|--:|
//! | 1 | 4.1 | 0.9 | 3.3 |
//! | 10 | 1.3 | 0.9 | 1.5 |
//! | 100 | 1.9 | 1.8 | 1.9 |
//! | 1000 | 0.8 | 0.8 | 0.8 |
//!
//! The exact sum costs nothing that a loss has not to pay anyhow. A partial result wants every distribution's divergence and
//! its square, a nanosecond or two each, which shows where there are few classes. A merge takes 40 ns, words in either direction
//! 2 µs, a standard error 2 µs.
//!
//! # References
//!
//! - U. Kulisch and W. Miranker, *The arithmetic of the digital computer: a new approach*, SIAM Review 28, 1986
//! - R. M. Neal, [*Fast exact summation using small and large superaccumulators*](https://arxiv.org/abs/1505.05571), 2015
//! - S. M. Rump, T. Ogita and S. Oishi, *Accurate floating-point summation, part I*, SIAM J. Sci. Comput. 31, 2008
//! - S. Boldo and G. Melquiond, *Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd*,
//!   IEEE Trans. Comput. 57, 2008
//! - T. J. Dekker, *A floating-point technique for extending the available precision*, Numer. Math. 18, 1971
