//! Room that begins with a cache line.

/// A value aligned to a cache line.
///
/// A store across two lines is split, and a load that follows is not served from it (store forwarding fails):
/// binary16, widened to such a place, took three times as long on Zen 4.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Aligned<T>(pub T);
