//! Values aligned to a cache line.

/// A value aligned to a cache line.
///
/// A store that crosses two cache lines is split, and the processor cannot forward it to a load that follows
/// (benches/LIMITS.md has the cost).
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Aligned<T>(pub T);
