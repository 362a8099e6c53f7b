//! The gradient for an upstream: multiples of the gradient, the naive reference, laws, what is refused.

use kldiv::{
    AnyReduction, DistributionMean, Error, KLDivLoss, KLDivWithLogitsLoss, PerDistribution,
    SparseBatch, Sum, SumOver, Tail, Target,
};
use ndarray::{Array1, Array2, ArrayD, Ix2, arr0, array, s};

use super::common::{Number, REDUCTIONS, bits, same};
use super::{FAMILY, Operands, Settings, TAILS, reference};

/// A power of two for each lane, and 0 for some.
fn powers<A: Number>(lanes: usize) -> Array1<A> {
    let power = |lane: usize| if lane % 7 == 6 { 0.0 } else { 2_f64.powi(lane as i32 % 5 - 2) };
    (0..lanes).map(|lane| A::of(power(lane))).collect()
}

/// Multiples of the gradient, without weights and with them: of scalars by a power of two, of arrays by one for each lane.
fn multiples<'a, A: Number>(
    batch: impl Fn(AnyReduction) -> SparseBatch<'a, AnyReduction, A, Ix2, i64>,
    weights: &'a Array1<A::Loss>,
    what: &str,
) {
    let lanes = weights.len();
    for reduction in REDUCTIONS.into_iter().filter(|&any| any != AnyReduction::Pointwise) {
        let plain = batch(reduction);
        for batch in [plain, plain.weights(weights).unwrap()] {
            let (losses, mut expected) = batch.value_and_grad().unwrap();
            let ones = ArrayD::from_elem(losses.dim(), A::Wide::of(1.0));
            same(&[bits(&batch.backward(&ones).unwrap())], &[bits(&expected)], what);
            let (factors, upstream) = match reduction {
                AnyReduction::PerDistribution => {
                    (powers::<A>(lanes), powers::<A::Wide>(lanes).into_dyn())
                }
                _ => (Array1::from_elem(lanes, A::of(4.0)), arr0(A::Wide::of(4.0)).into_dyn()),
            };
            for (mut slopes, factor) in expected.rows_mut().into_iter().zip(&factors) {
                match factor.to() {
                    0.0 => slopes.fill(A::of(0.0)), // where the gradient is infinite too
                    factor => slopes.mapv_inplace(|slope| A::of(slope.to() * factor)),
                }
            }
            let found = batch.backward(&upstream).unwrap();
            // 0 has either sign.
            let positive = |gradient: &Array2<A>| bits(&gradient.mapv(|a| A::of(a.to() + 0.0)));
            same(&[positive(&found)], &[positive(&expected)], &format!("{what} {reduction}"));
            let mut into = Array2::from_elem(found.dim(), A::of(f64::NAN));
            batch.backward_into(&upstream, &mut into).unwrap();
            same(&[bits(&into)], &[bits(&found)], what);
        }
    }
}

const SHAPES: [[usize; 3]; 5] =
    [[9, 10, 3], [8, 65, 64], [8, 10, 10], [8, 300, 7], [2, 1500, 1100]];

fn every_face<A: Number>() {
    for (seed, settings) in (0..).zip(Settings::faces()) {
        for divergence in FAMILY {
            for dim in SHAPES {
                let settings = Settings { divergence, ..settings };
                let Operands { input, classes, values } =
                    &Operands::<A>::random(&settings, dim, seed);
                let weights =
                    (0..dim[0]).map(|lane| A::Wide::of(lane as f64 % 4.0 / 2.0)).collect();
                let batch = |reduction| settings.batch(reduction, input, classes, values).unwrap();
                multiples(batch, &weights, &format!("{settings:?} {dim:?}"));
            }
        }
    }
}

#[test]
fn an_upstream_multiplies_the_gradient() {
    every_face::<f32>();
    every_face::<f64>();
}

#[test]
fn labels_as_well() {
    for classes in [10, 300] {
        for (tail, divergence) in TAILS.into_iter().flat_map(|tail| FAMILY.map(|d| (tail, d))) {
            for logits in [false, true] {
                let face = Settings::new(logits, Target::Probabilities, tail);
                let settings = Settings { divergence, ..face };
                let Operands { input, classes: one, .. } =
                    Operands::<f32>::random(&settings, [9, classes, 1], 3);
                let labels = one.column(0);
                let weights = powers(9);
                let what = format!("labels {settings:?} {classes}");
                if logits {
                    let batch =
                        |any| settings.of_logits(any).labels_batch(&input, &labels).unwrap();
                    multiples(batch, &weights, &what);
                } else {
                    let criterion = |any| settings.of_log_probabilities(any);
                    let batch = |any| criterion(any).labels_batch(&input, &labels).unwrap();
                    multiples(batch, &weights, &what);
                }
            }
        }
    }
}

/// An upstream that is no power of two, and a weight beside it.
#[test]
fn the_naive_gradient_of_each_lane_times_its_upstream() {
    for (seed, settings) in (0..).zip(Settings::faces()) {
        for divergence in FAMILY {
            let temperatures = if settings.logits { [2.0, 0.75] } else { [1.0; 2] };
            let settings = Settings { divergence, temperatures, ..settings };
            for dim in [[5, 10, 3], [5, 200, 9]] {
                let operands = Operands::<f64>::random(&settings, dim, seed);
                let Operands { input, classes, values } = &operands;
                let (losses, slopes) = reference::lanes(&settings, &operands);
                let (u, w) = (array![0.3, -1.7, 0.0, 1e3, 0.9], array![1.1, 0.7, 2.0, 0.3, 0.0]);
                let batch = settings.batch(PerDistribution, input, classes, values).unwrap();
                let found = batch.weights(&w).unwrap().backward(&u).unwrap();
                for ((lane, class), found) in found.indexed_iter() {
                    if losses[lane].is_infinite() {
                        continue; // limits: see `special.rs`
                    }
                    let (slope, factor) = (slopes[[lane, class]], u[lane] * w[lane]);
                    let bound = 100.0 * f64::EPSILON * (15.0 + slope.abs()) * factor.abs();
                    let what = format!("{settings:?} {dim:?} [{lane}, {class}]");
                    let far = (found - slope * factor).abs();
                    assert!(far <= bound, "{what}: {found}, not {slope} times {factor}");
                }
            }
        }
    }
}

#[test]
fn layouts_threads_and_orders_change_no_bit() {
    for (seed, settings) in (0..).zip(Settings::faces()) {
        for dim in [[3_000, 10, 4], [300, 300, 17]] {
            let Operands { input, classes, values } = Operands::<f32>::random(&settings, dim, seed);
            let upstream: Array1<f32> = (0..dim[0]).map(|lane| 0.1 + lane as f32 / 7.0).collect();
            let batch = settings.batch(PerDistribution, &input, &classes, &values).unwrap();
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| batch.backward(&upstream).unwrap())
            };
            let expected = on(1);
            assert_eq!(on(2), expected, "{settings:?}");
            assert_eq!(on(5), expected, "{settings:?}");
            // The classes backwards, the class axis first, the upstream between other numbers.
            let (input, values) = (input.t().to_owned(), values.slice(s![.., ..;-1]).to_owned());
            let (classes, values) = (classes.slice(s![.., ..;-1]), values.t());
            let classes = classes.t();
            let mut wide = Array2::from_elem((dim[0], 3), f32::NAN);
            wide.column_mut(1).assign(&upstream);
            let first = Settings { axis: 0, ..settings };
            let batch = first.batch(PerDistribution, &input, &classes, &values).unwrap();
            assert_eq!(
                batch.backward(&wide.column(1)).unwrap().t(),
                expected,
                "{settings:?} {dim:?}"
            );
        }
    }
}

/// A weight of 0 gives 0, whatever the upstream is; an upstream of 0 gives 0 unless an operand is NaN.
#[test]
fn zeros() {
    for settings in Settings::faces() {
        for dim in [[3, 10, 3], [3, 200, 7]] {
            let mut operands = Operands::<f64>::random(&settings, dim, 1);
            operands.input.row_mut(1).fill(f64::NAN);
            let Operands { input, classes, values } = &operands;
            let skipped = array![1.0, 0.0, 1.0];
            let batch = settings.batch(PerDistribution, input, classes, values).unwrap();
            let batch = batch.weights(&skipped).unwrap();
            for upstream in [f64::NAN, f64::INFINITY, 0.0] {
                let gradient = batch.backward(&array![1.0, upstream, 0.0]).unwrap();
                assert!(gradient.row(0).iter().any(|&slope| slope != 0.0));
                assert!(gradient.slice(s![1.., ..]).iter().all(|&slope| slope == 0.0));
            }
        }
    }
}

/// The product of upstream and denominator has an exponent of its own, as for dense targets.
#[test]
fn a_factor_beyond_the_range() {
    let (logits, labels) = (array![[0.0, 3_f64.ln()]], array![0]);
    let criterion = KLDivWithLogitsLoss::new(SumOver(1e-300));
    let batch = criterion.labels_batch(&logits, &labels).unwrap();
    let gradient = batch.backward(&1e-310).unwrap();
    let expected = array![[-0.75e-10, 0.75e-10]];
    assert!((gradient - expected).iter().all(|difference| difference.abs() < 1e-20));
}

#[test]
fn an_upstream_of_another_shape_is_refused_as_by_the_dense_call() {
    let log_q = Array2::from_elem((4, 3), 3_f64.recip().ln());
    let (classes, p) = (Array2::<u32>::zeros((4, 1)), Array2::from_elem((4, 1), 0.5));
    for reduction in REDUCTIONS.into_iter().filter(|&any| any != AnyReduction::Pointwise) {
        let criterion = KLDivLoss::new(reduction).tail(Tail::Bucket);
        let sparse = criterion.sparse_batch(&log_q, &classes, &p).unwrap();
        let mut gradient = Array2::from_elem((4, 3), 7.0);
        for shape in [vec![4, 3], vec![3], vec![1], vec![4, 1]] {
            let upstream = ArrayD::zeros(shape);
            let expected =
                criterion.batch(&log_q, &log_q).unwrap().backward(&upstream).unwrap_err();
            assert!(matches!(expected, Error::OutputShape { .. }));
            assert_eq!(sparse.backward(&upstream), Err(expected.clone()));
            assert_eq!(sparse.backward_into(&upstream, &mut gradient), Err(expected));
        }
        assert_eq!(gradient, Array2::from_elem((4, 3), 7.0));
    }
    let batch = KLDivLoss::new(Sum).sparse_batch(&log_q, &classes, &p).unwrap();
    let mut narrow = Array2::zeros((4, 2));
    let refused = Error::OutputShape { expected: vec![4, 3], found: vec![4, 2] };
    assert_eq!(batch.backward_into(&1.0, &mut narrow), Err(refused));
}

#[test]
fn a_gradient_is_untouched_where_the_call_fails() {
    let log_q = array![[0.5_f64, 0.5], [0.5, 0.5]].ln();
    let (labels, criterion) = (array![0, 2], KLDivLoss::new(DistributionMean));
    let batch = criterion.labels_batch(&log_q, &labels).unwrap();
    let mut gradient = Array2::from_elem((2, 2), 7.0);
    let (index, entry) = (vec![1], 0);
    let refused = Error::ClassOutOfRange { index, entry, class: 2, classes: 2 };
    assert_eq!(batch.backward_into(&1.0, &mut gradient), Err(refused));
    assert_eq!(gradient, Array2::from_elem((2, 2), 7.0));
    let (nothing, none) = (Array2::<f64>::zeros((0, 2)), Array1::<i64>::zeros(0));
    let batch = criterion.labels_batch(&nothing, &none).unwrap();
    assert_eq!(batch.backward(&1.0), Err(Error::EmptyMean));
    let batch = KLDivLoss::new(Sum).labels_batch(&nothing, &none).unwrap();
    assert_eq!(batch.backward(&1.0), Ok(nothing.clone()));
}
