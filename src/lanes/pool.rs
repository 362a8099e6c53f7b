//! The pool: the only place that names rayon.

/// Elements that one thread takes at a time; no more than that are not worth a second thread.
pub const TASK: usize = 1 << 16;

/// Both results, computed beside each other where there are threads for it.
#[cfg(feature = "rayon")]
pub fn join<R: Send>(a: impl FnOnce() -> R + Send, b: impl FnOnce() -> R + Send) -> (R, R) {
    rayon::join(a, b)
}

/// Both results, one after the other.
#[cfg(not(feature = "rayon"))]
pub fn join<R: Send>(a: impl FnOnce() -> R + Send, b: impl FnOnce() -> R + Send) -> (R, R) {
    (a(), b())
}

/// The threads of the pool that this was called in, or of the global one.
pub fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    1
}
