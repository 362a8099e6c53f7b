//! The instruction set, chosen at run time.

use fearless_simd::Level as Simd;

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug)]
pub struct Level(Simd);

impl Level {
    /// The best instruction set of this machine.
    #[inline]
    pub fn best() -> Level {
        Level(Simd::new())
    }

    /// All instruction sets of this machine, the best last.
    #[cfg(test)]
    pub fn all() -> Vec<Level> {
        #[allow(unused_mut)]
        let mut levels = vec![Level(Simd::baseline())];
        #[cfg(target_arch = "x86_64")]
        {
            let best = Simd::new();
            levels.extend(best.as_avx2().map(|token| Level(Simd::Avx2(token))));
            levels.extend(best.as_avx512().map(|token| Level(Simd::Avx512(token))));
        }
        levels
    }

    /// The token of AVX-512, if this is AVX-512.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn avx512(self) -> Option<fearless_simd::Avx512> {
        if let Simd::Avx512(token) = self.0 { Some(token) } else { None }
    }

    /// The token of AVX2, if this is AVX2.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn avx2(self) -> Option<fearless_simd::Avx2> {
        if let Simd::Avx2(token) = self.0 { Some(token) } else { None }
    }

    /// Runs `vectors` as [`run`](Self::run) does; or `scalar` on x86-64 without AVX2, where each fused multiply-add is a call, and numbers
    /// side by side gain nothing but code (benches/LIMITS.md).
    #[inline(always)]
    pub fn run_or<S, R>(
        self,
        state: S,
        vectors: impl FnOnce(S) -> R,
        scalar: impl FnOnce(S) -> R,
    ) -> R {
        #[cfg(target_arch = "x86_64")]
        {
            use fearless_simd::Simd as _;
            match self.0 {
                Simd::Avx512(token) => token.vectorize(
                    #[inline(always)]
                    || vectors(state),
                ),
                Simd::Avx2(token) => token.vectorize(
                    #[inline(always)]
                    || vectors(state),
                ),
                _ => scalar(state),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = scalar;
            self.run(
                #[inline(always)]
                || vectors(state),
            )
        }
    }

    /// Runs `work`, compiled for this instruction set. `work` and every function that it calls must be `#[inline(always)]`.
    #[inline(always)]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[cfg(target_arch = "x86_64")]
        {
            use fearless_simd::Simd as _;
            match self.0 {
                Simd::Avx512(token) => return token.vectorize(work),
                Simd::Avx2(token) => return token.vectorize(work),
                _ => {}
            }
        }
        // Everywhere else the baseline is compiled in; on AArch64 that is NEON.
        work()
    }
}
