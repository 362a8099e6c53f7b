//! Nothing of the operands' size is allocated but what is returned.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use kldiv::{
    DistributionMean, Divergence, KLDivLoss, KLDivWithLogitsLoss, PerDistribution, Pointwise, Sum,
    Tail, Target,
};
use ndarray::{Array1, Array2, Axis};

/// Counts bytes: alive, the most that were, and all there ever were.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);

fn more(bytes: usize) {
    TOTAL.fetch_add(bytes, SeqCst);
    let live = LIVE.fetch_add(bytes, SeqCst) + bytes;
    PEAK.fetch_max(live, SeqCst);
}

// SAFETY: every call is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), SeqCst);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `call` on `n` elements of 4 bytes, which may keep `output` bytes. The rest is scratch, that
/// comes and goes with every piece of work and does not grow.
fn check<T>(what: &str, n: usize, output: usize, call: impl FnOnce() -> T) {
    check_pieces(what, n, output, n, call);
}

/// The same where the pieces of work, which grow with `n` in number, take so many bytes one after the other.
fn check_pieces<T>(what: &str, n: usize, output: usize, pieces: usize, call: impl FnOnce() -> T) {
    let before = LIVE.load(SeqCst);
    PEAK.store(before, SeqCst);
    TOTAL.store(0, SeqCst);
    let returned = call();
    let (peak, total) = (PEAK.load(SeqCst) - before, TOTAL.load(SeqCst));
    drop(returned);
    assert!((output..output + n / 4).contains(&peak), "{what}: {peak} bytes at once");
    // The allocator may be asked for an output twice: first whether it can.
    assert!((output..2 * output + pieces).contains(&total), "{what}: {total} bytes in all");
}

/// Lanes × classes, or with the class axis first.
fn operands(n: usize, classes: usize, axis: usize) -> [Array2<f32>; 2] {
    let mut dim = [n / classes; 2];
    dim[axis] = classes;
    [Array2::from_elem(dim, -1.5), Array2::from_elem(dim, 0.25)]
}

fn check_forward(n: usize, classes: usize, axis: usize) {
    let [x, t] = operands(n, classes, axis);
    let at = |what: &str| format!("{what} of {:?} along {axis}", x.dim());
    let axis = Axis(axis);
    let sum = KLDivLoss::new(Sum).axis(axis);
    check(&at("sum"), n, 0, || sum.forward(&x, &t));
    check(&at("diagnosis"), n, 0, || sum.batch(&x, &t).unwrap().diagnose());
    let lanes = KLDivLoss::new(PerDistribution).axis(axis);
    check(&at("divergences"), n, 4 * n / classes, || lanes.forward(&x, &t));
    let mean = KLDivLoss::new(DistributionMean).axis(axis).log_target(true);
    let weights = Array1::from_elem(n / classes, 0.5);
    check(&at("weighted"), n, 0, || {
        mean.batch(&x, &t).unwrap().weights(&weights).unwrap().forward()
    });
}

fn check_into(n: usize, classes: usize, axis: usize) {
    let [x, t] = operands(n, classes, axis);
    let at = |what: &str| format!("{what} of {:?} along {axis}", x.dim());
    let [mut first, mut second] = [x.clone(), x.clone()];
    let sum = KLDivLoss::new(Sum).axis(Axis(axis)).batch(&x, &t).unwrap();
    check(&at("partial"), n, 0, || sum.partial().unwrap());
    let generalized = KLDivLoss::new(Sum).axis(Axis(axis)).generalized(true);
    check(&at("generalized"), n, 0, || generalized.forward(&x, &t).unwrap());
    let jensen_shannon = generalized.divergence(Divergence::JensenShannon(0.5));
    check(&at("Jensen–Shannon"), n, 0, || jensen_shannon.forward(&x, &t).unwrap());
    let validated = KLDivLoss::new(Sum).axis(Axis(axis)).validated(1e-3);
    check(&at("validated"), n, 0, || validated.forward(&x, &t).unwrap_err());
    check(&at("gradient"), n, 0, || sum.value_and_grad_into(&mut first).unwrap());
    let both = || sum.backward_into(&1.0, Some(&mut first), Some(&mut second)).unwrap();
    check(&at("gradients"), n, 0, both);
    let terms = KLDivLoss::new(Pointwise).axis(Axis(axis)).batch(&x, &t).unwrap();
    check(&at("terms"), n, 0, || terms.forward_into(&mut first).unwrap());
    check(&at("terms"), n, 4 * n, || terms.forward().unwrap());
    check(&at("gradients of terms"), n, 8 * n, || terms.backward(&first).unwrap());
    let mut divergences = Array1::zeros(n / classes);
    let lanes = KLDivLoss::new(PerDistribution).axis(Axis(axis)).batch(&x, &t).unwrap();
    check(&at("divergences"), n, 0, || lanes.forward_into(&mut divergences).unwrap());
}

fn check_logits(n: usize, classes: usize, axis: usize) {
    let [student, teacher] = operands(n, classes, axis);
    let at = |what: &str| format!("{what} from logits of {:?} along {axis}", student.dim());
    let mut gradient = student.clone();
    for target in [Target::Logits, Target::Probabilities] {
        let sum = KLDivWithLogitsLoss::new(Sum).axis(Axis(axis)).target(target);
        let sum = sum.batch(&student, &teacher).unwrap();
        check_pieces(&at("sum"), n, 0, 3 * n, || sum.forward().unwrap());
        check_pieces(&at("gradient"), n, 0, 3 * n, || {
            sum.value_and_grad_into(&mut gradient).unwrap()
        });
        let jensen_shannon = KLDivWithLogitsLoss::new(Sum).axis(Axis(axis)).target(target);
        let jensen_shannon = jensen_shannon.divergence(Divergence::JensenShannon(0.5));
        let jensen_shannon = jensen_shannon.batch(&student, &teacher).unwrap();
        check_pieces(&at("Jensen–Shannon"), n, 0, 3 * n, || {
            jensen_shannon.value_and_grad_into(&mut gradient).unwrap()
        });
        let lanes = KLDivWithLogitsLoss::new(PerDistribution).axis(Axis(axis)).target(target);
        check_pieces(&at("divergences"), n, 4 * n / classes, 3 * n, || {
            lanes.forward(&student, &teacher)
        });
    }
}

/// Few classes named, and labels; of few classes whole lanes of targets are made, a few at a time.
fn check_sparse(n: usize, classes: usize, axis: usize) {
    let [logits, _] = operands(n, classes, axis);
    let mut dim = [n / classes; 2];
    dim[axis] = 2;
    let named = Array2::from_shape_fn(dim, |place| [place.0, place.1][axis]);
    let log_p = Array2::from_elem(dim, -1.5_f32);
    let labels = Array1::from_elem(n / classes, 3_i64);
    let mut gradient = logits.clone();
    let at = |what: &str| format!("{what} of {:?} along {axis}", logits.dim());
    for tail in [Tail::Bucket, Tail::Uniform, Tail::Dropped] {
        let sum = KLDivWithLogitsLoss::new(Sum).axis(Axis(axis)).tail(tail);
        let sum = sum.target(Target::LogProbabilities);
        let sum = sum.sparse_batch(&logits, &named, &log_p).unwrap();
        check_pieces(&at("sparse sum"), n, 0, 8 * n, || sum.forward().unwrap());
        check_pieces(&at("sparse gradient"), n, 0, 8 * n, || {
            sum.value_and_grad_into(&mut gradient).unwrap()
        });
        check_pieces(&at("sparse gradient"), n, 0, 8 * n, || {
            sum.backward_into(&2.0, &mut gradient).unwrap()
        });
    }
    let lanes = KLDivWithLogitsLoss::new(PerDistribution).axis(Axis(axis));
    let lanes = lanes.labels_batch(&logits, &labels).unwrap();
    check_pieces(&at("labels"), n, 4 * n / classes, 8 * n, || lanes.forward().unwrap());
    let mut losses = Array1::zeros(n / classes);
    check_pieces(&at("labels"), n, 0, 8 * n, || lanes.forward_into(&mut losses).unwrap());
}

/// Half as many bytes, and no copy in single precision.
#[cfg(feature = "half")]
fn check_half(n: usize, classes: usize, axis: usize) {
    let [x, t] = operands(n, classes, axis).map(|array| array.mapv(kldiv::half::bf16::from_f32));
    let at = |what: &str| format!("{what} of {:?} along {axis} in bf16", x.dim());
    let sum = KLDivLoss::new(Sum).axis(Axis(axis)).batch(&x, &t).unwrap();
    check(&at("sum"), n / 2, 0, || sum.forward().unwrap());
    check(&at("gradient"), n / 2, 2 * n, || sum.value_and_grad().unwrap());
    check(&at("gradients"), n / 2, 4 * n, || sum.backward(&1.0).unwrap());
    let terms = KLDivLoss::new(Pointwise).axis(Axis(axis)).batch(&x, &t).unwrap();
    check(&at("terms"), n / 2, 4 * n, || terms.forward().unwrap());
}

/// Where nothing is cut for other threads: few lanes, whose classes are far apart.
fn check_one_thread(n: usize) {
    let [x, t] = operands(n, n / 8, 0);
    let sum = KLDivLoss::new(Sum).axis(Axis(0));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    alone.install(|| check("sum on one thread", n, 0, || sum.forward(&x, &t)));
}

/// One test, since there is one count.
#[test]
fn only_outputs_are_allocated() {
    let [x, t] = operands(1 << 18, 256, 1);
    KLDivLoss::new(Sum).forward(&x, &t).unwrap(); // starts the threads
    check_forward(4_000_000, 1000, 1);
    check_forward(4_000_000, 8, 0);
    check_forward(4_000_000, 4_000_000, 1);
    check_one_thread(4_000_000);
    for (classes, axis) in [(1000, 1), (8, 1), (1000, 0), (8, 0), (32_000, 1), (4_000_000, 1)] {
        check_logits(4_000_000, classes, axis);
    }
    for (classes, axis) in [(1000, 1), (8, 1), (1000, 0), (8, 0), (10_000, 1)] {
        check_sparse(4_000_000, classes, axis);
    }
    for (classes, axis) in [(1000, 1), (8, 1), (1000, 0), (8, 0), (1_000_000, 1)] {
        check_into(1_000_000, classes, axis);
        #[cfg(feature = "half")]
        check_half(2_000_000, classes, axis);
    }
}
