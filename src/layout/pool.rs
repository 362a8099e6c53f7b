//! The pool: the only place that names rayon.

/// No more elements than that are worth a second thread.
pub const TASK: usize = 1 << 16;
/// No more bytes of numbers in the computing type are worth a second thread where only the total is wanted: one thread has
/// added them before another wakes.
pub const TOTAL_TASK_BYTES: usize = 1 << 19;
/// A thread takes no more elements at a time, even of many.
pub const LARGE_TASK: usize = 1 << 18;
/// A thread takes work so many times, so that none waits long for the last.
const TASKS: usize = 8;

/// How many of `len` elements one thread takes at a time. The pool is not started for up to `alone` elements.
pub fn task(len: usize, alone: usize) -> usize {
    if len <= alone {
        return alone;
    }
    match threads() {
        1 => usize::MAX,
        threads => (len / (TASKS * threads)).clamp(TASK, LARGE_TASK),
    }
}

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
fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    1
}
