//! The thread pool. No other file names rayon.

/// The fewest elements of a task. Fewer are not worth a second thread.
pub const TASK: usize = 1 << 16;
/// The fewest bytes of numbers in the computing type that are worth a second thread where only the total is wanted: one thread has
/// added fewer before another wakes.
pub const TOTAL_TASK_BYTES: usize = 1 << 19;
/// The most elements of a task, unless there is only one thread. Larger tasks save nothing.
const LARGE_TASK: usize = 1 << 19;
/// The number of tasks that each thread should get at least, so that no thread waits long for the last one.
const TASKS_PER_THREAD: usize = 8;

/// The number of elements of a task, if there are `len` elements. No pool is started for up to `alone` elements.
pub fn task(len: usize, alone: usize) -> usize {
    if len <= alone {
        return alone;
    }
    match threads() {
        1 => usize::MAX,
        threads => (len / (TASKS_PER_THREAD * threads)).clamp(TASK, LARGE_TASK),
    }
}

/// Computes both results, in parallel if a thread is free.
#[cfg(feature = "rayon")]
pub fn join<R: Send>(a: impl FnOnce() -> R + Send, b: impl FnOnce() -> R + Send) -> (R, R) {
    rayon::join(a, b)
}

/// Computes both results, one after the other.
#[cfg(not(feature = "rayon"))]
pub fn join<R: Send>(a: impl FnOnce() -> R + Send, b: impl FnOnce() -> R + Send) -> (R, R) {
    (a(), b())
}

/// The number of threads of the current pool, or of the global one.
fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    1
}
