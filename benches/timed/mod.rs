//! Criterion, set for many short measurements.

use std::time::Duration;

use criterion::{Criterion, Throughput};

pub fn criterion() -> Criterion {
    let criterion = Criterion::default()
        .sample_size(10)
        .nresamples(2000)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    criterion.configure_from_args()
}

/// Two operands of so many elements of `A`, read once.
pub fn throughput<A>(elements: usize) -> Throughput {
    let bytes = (2 * elements * size_of::<A>()) as u64;
    Throughput::ElementsAndBytes { elements: elements as u64, bytes }
}
