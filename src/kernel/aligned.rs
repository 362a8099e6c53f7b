//! Room whose vectors do not lie across two cache lines.

/// Something that begins with a cache line.
///
/// What is stored across two lines takes the machine two steps, and reaches a load that follows it late: binary16,
/// widened to such a place, took three times as long on Zen 4.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Aligned<T>(pub T);
