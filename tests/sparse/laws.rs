//! Laws: what changes no bit, and what bounds what.

use kldiv::{
    AnyReduction, BatchMean, DistributionMean, Divergence, KLDivLoss, Mean, Partial,
    PerDistribution, Sum, SumOver, Tail, Target,
};
use ndarray::{Array1, Array2, Array3, Axis, Slice, arr0, s};

use super::common::{Number, Random, bits, same};
use super::{FAMILY, Operands, Settings};

/// Value and gradient of each lane.
fn answers<A: Number>(settings: &Settings, operands: &Operands<A>) -> Vec<Vec<u64>> {
    let Operands { input, classes, values } = operands;
    let batch = settings.batch(PerDistribution, input, classes, values).unwrap();
    let (losses, gradient) = batch.value_and_grad().unwrap();
    vec![bits(&losses), bits(&gradient)]
}

fn each_setting(mut check: impl FnMut(Settings, u64)) {
    let divergences = [Divergence::Forward, Divergence::JensenShannon(0.3)];
    for (seed, settings) in (0..).zip(Settings::faces()) {
        for divergence in divergences {
            check(Settings { divergence, ..settings }, seed);
        }
    }
}

#[test]
fn the_order_of_the_named_classes_changes_no_bit() {
    each_setting(|settings, seed| {
        for dim in [[5, 10, 4], [3, 300, 17], [2, 2100, 1050]] {
            let operands = Operands::<f32>::random(&settings, dim, seed);
            let mut turned = operands.clone();
            let mut random = Random(seed);
            for lane in 0..dim[0] {
                for i in 0..dim[2] {
                    let j = i + random.below((dim[2] - i) as u64) as usize;
                    turned.classes.swap([lane, i], [lane, j]);
                    turned.values.swap([lane, i], [lane, j]);
                }
            }
            assert_ne!(turned.classes, operands.classes);
            let what = format!("{settings:?} {dim:?}");
            same(&answers(&settings, &turned), &answers(&settings, &operands), &what);
        }
    });
}

#[test]
fn strides_and_axes_change_no_bit() {
    each_setting(|settings, seed| {
        for dim in [[37, 10, 4], [20, 300, 17]] {
            let operands = Operands::<f32>::random(&settings, dim, seed);
            let expected = answers(&settings, &operands);
            let Operands { input, classes, values } = &operands;
            let first = Settings { axis: 0, ..settings };
            // The class axis first: transposed, and with every array's own memory.
            let turned = [
                (input.t().to_owned(), classes.t().to_owned(), values.t().to_owned()),
                (
                    input.clone().reversed_axes(),
                    classes.t().to_owned(),
                    values.clone().reversed_axes(),
                ),
            ];
            for (input, classes, values) in &turned {
                let batch = first.batch(PerDistribution, input, classes, values).unwrap();
                let (losses, gradient) = batch.value_and_grad().unwrap();
                let mut rows = Array2::from_elem(input.dim(), f32::NAN);
                let again = batch.value_and_grad_into(&mut rows).unwrap();
                assert_eq!((&again, &rows), (&losses, &gradient));
                let found = [bits(&losses), bits(gradient.t().iter())];
                same(&found, &expected, &format!("{settings:?} {dim:?} turned"));
            }
            // Every second lane backwards, of wider arrays.
            let wide = |array: &Array2<f32>| {
                let mut wide = Array2::from_elem((2 * array.nrows(), array.ncols()), f32::NAN);
                wide.slice_mut(s![..;-2, ..]).assign(array);
                wide
            };
            let (wide_input, wide_values) = (wide(input), wide(values));
            let (input, values) =
                (wide_input.slice(s![..;-2, ..]), wide_values.slice(s![..;-2, ..]));
            let batch = settings.batch(PerDistribution, &input, classes, &values).unwrap();
            let (losses, gradient) = batch.value_and_grad().unwrap();
            same(&[bits(&losses), bits(&gradient)], &expected, &format!("{settings:?} {dim:?}"));
        }
    });
}

#[test]
fn three_axes_are_as_two() {
    let settings = Settings::new(true, Target::LogProbabilities, Tail::Bucket);
    let operands = Operands::<f64>::random(&settings, [12, 9, 3], 5);
    let expected = answers(&settings, &operands);
    let Operands { input, classes, values } = operands;
    // Lanes along axes 0 and 2, classes along axis 1.
    let turn = |array: Array2<f64>| -> Array3<f64> {
        let len = array.ncols();
        array.into_shape_with_order((4, 3, len)).unwrap().permuted_axes([0, 2, 1])
    };
    let classes = classes.into_shape_with_order((4, 3, 3)).unwrap().permuted_axes([0, 2, 1]);
    let (input, values) = (turn(input), turn(values));
    let batch = settings.batch(PerDistribution, &input, &classes, &values).unwrap();
    let (losses, gradient) = batch.value_and_grad().unwrap();
    let gradient = gradient.permuted_axes([0, 2, 1]);
    same(&[bits(&losses), bits(&gradient)], &expected, "three axes");
}

#[test]
fn threads_and_cuts_change_no_bit() {
    each_setting(|settings, seed| {
        let dim = if seed % 2 == 0 { [700, 300, 9] } else { [30_000, 10, 3] };
        let operands = Operands::<f32>::random(&settings, dim, seed);
        let Operands { input, classes, values } = &operands;
        let weights: Array1<f32> = (0..dim[0]).map(|lane| (lane % 5) as f32 / 2.0).collect();
        let partial = |lanes: Slice| -> Partial {
            let cut = |array: &Array2<f32>| array.slice_axis(Axis(0), lanes).to_owned();
            let (input, values) = (cut(input), cut(values));
            let classes = classes.slice_axis(Axis(0), lanes).to_owned();
            let weights = weights.slice_axis(Axis(0), lanes);
            let batch = settings.batch(Mean, &input, &classes, &values).unwrap();
            batch.weights(&weights).unwrap().partial().unwrap()
        };
        let all = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let batch = settings.batch(Mean, input, classes, values).unwrap();
                let (loss, gradient) = batch.weights(&weights).unwrap().value_and_grad().unwrap();
                (loss, gradient, partial(Slice::from(..)))
            })
        };
        let (loss, gradient, whole) = all(1);
        for threads in [2, 5] {
            assert!((loss, gradient.clone(), whole.clone()) == all(threads), "{settings:?}");
        }
        let mut merged = Partial::default();
        for (from, to) in [(0, 1), (1, 300), (300, dim[0])] {
            merged.merge(&partial(Slice::from(from..to)));
        }
        assert_eq!(merged, whole);
        assert_eq!(KLDivLoss::new(Mean).finish::<f32>(&merged), Ok(loss));
    });
}

#[test]
fn every_reduction_is_of_the_same_sums() {
    each_setting(|settings, seed| {
        let operands = Operands::<f64>::random(&settings, [6, 100, 7], seed);
        let Operands { input, classes, values } = &operands;
        let weights = Array1::from(vec![1.0, 0.0, 2.5, 0.5, 0.0, 3.0]);
        let batch = settings.batch(PerDistribution, input, classes, values).unwrap();
        let (plain, of_plain) = batch.value_and_grad().unwrap();
        let (weighted, gradient) = batch.weights(&weights).unwrap().value_and_grad().unwrap();
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-13 * b.abs().max(1e-3);
        let mut buffer = Array1::from_elem(6, f64::NAN);
        batch.weights(&weights).unwrap().forward_into(&mut buffer).unwrap();
        assert_eq!(buffer, weighted);
        assert!(weighted.iter().zip(&plain * &weights).all(|(a, b)| close(*a, b)));
        let rows = gradient.rows().into_iter().zip(of_plain.rows()).zip(&weights);
        for ((row, plain), weight) in rows {
            assert!(row.iter().zip(plain).all(|(a, b)| close(*a, b * weight)), "{settings:?}");
        }
        let sum = plain.sum();
        let scalars: [(AnyReduction, f64, f64); 5] = [
            (Sum.into(), 1.0, 1.0),
            (Mean.into(), 600.0, 700.0),
            (BatchMean.into(), 6.0, 6.0),
            (DistributionMean.into(), 6.0, 7.0),
            (SumOver(0.7).into(), 0.7, 0.7),
        ];
        for (reduction, count, weight) in scalars {
            let batch = settings.batch(reduction, input, classes, values).unwrap();
            let (loss, gradient) = batch.value_and_grad().unwrap();
            assert!(close(loss[[]], sum / count), "{settings:?} {reduction}");
            assert_eq!(batch.forward().unwrap(), loss);
            assert!(gradient.iter().zip(&of_plain).all(|(a, b)| close(*a, b / count)));
            let batch = batch.weights(&weights).unwrap();
            assert!(close(batch.forward().unwrap()[[]], weighted.sum() / weight));
        }
        let ones = Array1::ones(6);
        let unit = batch.weights(&ones).unwrap().value_and_grad().unwrap();
        assert_eq!(unit, (plain, of_plain));
    });
}

/// Where all classes are named, in whatever order, nothing is left for a tail: the bits are those of the dense call.
#[test]
fn all_classes_are_the_dense_call() {
    for (seed, settings) in (0..).zip(Settings::faces()) {
        for divergence in FAMILY {
            let settings = Settings { divergence, ..settings };
            for dim in [[4, 10, 10], [3, 500, 500]] {
                let operands = Operands::<f32>::random(&settings, dim, seed);
                let Operands { input, classes, values } = &operands;
                let mut target = Array2::zeros(input.dim());
                for (place, &class) in classes.indexed_iter() {
                    target[[place.0, class as usize]] = values[place];
                }
                let dense = match settings.logits {
                    true => settings.of_logits(PerDistribution).value_and_grad(input, &target),
                    false => settings
                        .of_log_probabilities(PerDistribution)
                        .value_and_grad(input, &target),
                };
                let (losses, gradient) = dense.unwrap();
                let found = answers(&settings, &operands);
                if settings.tail != Tail::Renormalized || settings.holds == Target::Logits {
                    same(
                        &found,
                        &[bits(&losses), bits(&gradient)],
                        &format!("{settings:?} {dim:?}"),
                    );
                    continue;
                }
                // Dividing by a sum that is 1 but for rounding rounds once more.
                let sparse = settings.batch(PerDistribution, input, classes, values).unwrap();
                let (loss, slopes) = sparse.value_and_grad().unwrap();
                assert!(loss.iter().zip(&losses).all(|(a, b)| (a - b).abs() < 4e-6));
                assert!(slopes.iter().zip(&gradient).all(|(a, b)| (a - b).abs() < 4e-6));
            }
        }
    }
}

/// Naming one more class cannot make the bucket's divergence smaller, and that of the whole target bounds it.
#[test]
fn the_bucket_is_monotone_and_a_lower_bound() {
    for divergence in FAMILY {
        for seed in 0..20 {
            let settings = Settings {
                divergence,
                ..Settings::new(false, Target::LogProbabilities, Tail::Bucket)
            };
            let Operands { input, classes, values } =
                Operands::<f64>::random(&settings, [1, 12, 12], seed);
            let mut last = 0.0;
            for named in 1..=12 {
                let first = |array: &Array2<f64>| array.slice(s![.., ..named]).to_owned();
                let (classes, values) = (classes.slice(s![.., ..named]).to_owned(), first(&values));
                let batch = settings.batch(Sum, &input, &classes, &values).unwrap();
                let loss = batch.forward().unwrap();
                assert!(loss >= last - 1e-14, "{divergence:?} {seed} {named}: {loss} < {last}");
                last = loss;
            }
            assert!(last > 0.0);
        }
    }
}

#[test]
fn a_weight_of_zero_skips_a_lane() {
    each_setting(|settings, seed| {
        for dim in [[3, 10, 3], [3, 200, 7]] {
            let settings = Settings { validated: Some(2.0), ..settings };
            let mut operands = Operands::<f32>::random(&settings, dim, seed);
            operands.input.row_mut(1).fill(f32::NAN);
            operands.classes.row_mut(1).fill(-100);
            operands.values.row_mut(1).fill(f32::NAN);
            let Operands { input, classes, values } = &operands;
            let weights = Array1::from(vec![1.0, 0.0, 1.0]);
            let batch = settings.batch(PerDistribution, input, classes, values).unwrap();
            assert!(batch.forward().is_err());
            let (losses, gradient) = batch.weights(&weights).unwrap().value_and_grad().unwrap();
            assert_eq!(losses[1], 0.0);
            assert!(gradient.row(1).iter().all(|&slope| slope == 0.0));
            let others = [0, 2];
            let pick = |array: &Array2<f32>| array.select(Axis(0), &others);
            let (input, values) = (pick(input), pick(values));
            let classes = classes.select(Axis(0), &others);
            let batch = settings.batch(PerDistribution, &input, &classes, &values).unwrap();
            let (expected, slopes) = batch.value_and_grad().unwrap();
            assert_eq!(losses.select(Axis(0), &others), expected);
            assert_eq!(pick(&gradient), slopes);
        }
    });
}

#[test]
fn indices_of_every_type_give_the_same() {
    let settings = Settings::new(true, Target::Probabilities, Tail::Bucket);
    let Operands { input, classes, values } = Operands::<f32>::random(&settings, [4, 70, 5], 1);
    let criterion = settings.of_logits(DistributionMean);
    let expected = criterion.sparse_batch(&input, &classes, &values).unwrap().value_and_grad();
    let (i32s, u32s, usizes) =
        (classes.mapv(|c| c as i32), classes.mapv(|c| c as u32), classes.mapv(|c| c as usize));
    assert_eq!(criterion.sparse_batch(&input, &i32s, &values).unwrap().value_and_grad(), expected);
    assert_eq!(criterion.sparse_batch(&input, &u32s, &values).unwrap().value_and_grad(), expected);
    assert_eq!(
        criterion.sparse_batch(&input, &usizes, &values).unwrap().value_and_grad(),
        expected
    );
}

#[test]
fn a_batch_may_be_empty() {
    let (input, values) = (Array2::<f32>::zeros((0, 5)), Array2::<f32>::zeros((0, 2)));
    let (classes, labels) = (Array2::<i64>::zeros((0, 2)), Array1::<i64>::zeros(0));
    let criterion = KLDivLoss::new(Sum);
    assert_eq!(criterion.sparse_batch(&input, &classes, &values).unwrap().forward(), Ok(0.0));
    let batch = criterion.labels_batch(&input, &labels).unwrap();
    assert_eq!(batch.value_and_grad(), Ok((0.0, input.clone())));
    assert_eq!(batch.partial(), Ok(Partial::default()));
    let nothing = Array2::<f32>::zeros((0, 0));
    let batch = criterion.labels_batch(&nothing, &labels).unwrap();
    assert_eq!((batch.forward(), batch.partial()), (Ok(0.0), Ok(Partial::default())));
    let mean = KLDivLoss::new(DistributionMean).labels_batch(&input, &labels).unwrap();
    assert_eq!(mean.forward(), Err(kldiv::Error::EmptyMean));
    let (one, label) = (Array1::from(vec![-0.5_f32, -1.0]), arr0(1_usize));
    assert_eq!(criterion.labels_batch(&one, &label).unwrap().forward(), Ok(1.0));
}
