//! Why sums are exact here, how that is done, and what it costs.
//!
//! # Why
//!
//! Addition of floats is not associative: 10¹⁶ + 1 − 10¹⁶ is 0 or 1, depending on the order. Threads, blocks and machines
//! add millions of terms in an order that changes from run to run, so the last digits change too. Then nobody can tell
//! whether a code change or the number of threads moved a result. An interrupted run cannot continue to the same result.
//!
//! Addition of integers is associative. So every total here is an integer while it grows, and is rounded once, when it is
//! read. Threads, layout, blocks, machines and their order then cannot change a bit. Partial results merge
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
//! `i64`. A number touches three neighbouring limbs. The bits of a limb above the lower 32 hold **carries**: there is room for 2²⁹
//! additions before carries must move to the next limb. Rounding takes the top limbs, and one bit that tells
//! whether anything below them is not 0 (rounding to odd; Boldo and Melquiond, 2008).
//!
//! Adding single numbers takes some 2 ns each. So a block of 1024 numbers is added at a time. Most blocks of `f32` lie
//! within 20 powers of two. Every sum of such numbers is exact in `f64`, so they are added in `f64`. For any other block below
//! 2ᴱ, adding and subtracting M = 1.5·2^(E+1) splits each number into two parts: a multiple of M's last place, which is
//! added as an integer, and an exact rest, which is split again (Rump, Ogita and Oishi, 2008). Most
//! blocks of `f64` are split twice. NaN, ∞ and −∞ are counted separately.
//!
//! A [`Partial`](crate::Partial) holds a few counts and five such sums: of the loss, w, wD, wD² and w², where w are the weights and D the
//! divergences. A product is added as two `f64`, the rounded product and its error (Dekker, 1971). So W·ΣwD² − (ΣwD)², with W = Σw, is
//! exact. It is computed in limbs and rounded once. With rounded squares it would cancel where the divergences are alike.
//!
//! # As words
//!
//! [`to_words`](crate::Partial::to_words) moves all carries and returns 362 integers of 64 bits, 2896 bytes. Every word except the
//! last of a sum is then below 2³². Anything that adds integers can add the words of 2³¹ partial results before one
//! overflows. The first three words are a magic number with the layout's version, the number of results that were added, and a
//! checksum. The checksum is a linear function of the others modulo 2³¹ − 1, so the checksum of a sum is the sum of the checksums.
//!
//! # What it costs
//!
//! Four million `f32` elements of each operand, in milliseconds: medians of one run of `cargo bench --bench sum` in two
//! threads on a shared machine (AVX-512), 2026-11-25. "Plain" writes the divergences to a buffer and adds them in a loop of `f64`:
//!
//! | classes | plain | exact sum | partial result |
//! |--:|--:|--:|--:|
//! | 1 | 4.1 | 0.9 | 3.3 |
//! | 10 | 1.3 | 0.9 | 1.5 |
//! | 100 | 1.9 | 1.8 | 1.9 |
//! | 1000 | 0.8 | 0.8 | 0.8 |
//!
//! The exact sum takes no more time than the plain one. A partial result also adds every distribution's divergence and
//! its square. That takes a nanosecond or two each, which is visible if there are few classes. A merge takes 40 ns, words in either
//! direction 2 µs, and a standard error 2 µs.
//!
//! # References
//!
//! - U. Kulisch and W. Miranker, *The arithmetic of the digital computer: a new approach*, SIAM Review 28, 1986
//! - R. M. Neal, [*Fast exact summation using small and large superaccumulators*](https://arxiv.org/abs/1505.05571), 2015
//! - S. M. Rump, T. Ogita and S. Oishi, *Accurate floating-point summation, part I*, SIAM J. Sci. Comput. 31, 2008
//! - S. Boldo and G. Melquiond, *Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd*,
//!   IEEE Trans. Comput. 57, 2008
//! - T. J. Dekker, *A floating-point technique for extending the available precision*, Numer. Math. 18, 1971
