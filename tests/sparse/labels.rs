//! Labels are one-hot targets, and those of `torch.nn.functional.cross_entropy`.

use kldiv::{DistributionMean, KLDivLoss, KLDivWithLogitsLoss, PerDistribution, Tail, Target};
use ndarray::{Array1, Array2};
use ndarray_npy::ReadableElement;

use super::common::{Number, Random};
use super::{FAMILY, Operands, Settings, TAILS};

fn labels_of(lanes: usize, classes: usize, seed: u64) -> (Array1<i64>, Array2<f64>) {
    let mut random = Random(seed);
    let labels: Array1<i64> = (0..lanes).map(|_| random.below(classes as u64) as i64).collect();
    let one_hot =
        Array2::from_shape_fn((lanes, classes), |(lane, c)| f64::from(labels[lane] == c as i64));
    (labels, one_hot)
}

#[test]
fn a_label_is_a_one_hot_target() {
    for (seed, classes) in [2, 10, 64, 65, 1000, 2500].into_iter().enumerate() {
        for divergence in FAMILY {
            for tail in [Tail::Bucket, Tail::Uniform, Tail::Renormalized] {
                let face = Settings::new(true, Target::Probabilities, tail);
                let settings = Settings { divergence, ..face };
                let (labels, one_hot) = labels_of(5, classes, seed as u64);
                let operands = Operands::<f64>::random(&settings, [5, classes, 1], seed as u64);
                let logits = settings.of_logits(PerDistribution);
                let found = logits.labels_batch(&operands.input, &labels).unwrap();
                let (losses, gradient) = found.value_and_grad().unwrap();
                let (expected, slopes) = logits.value_and_grad(&operands.input, &one_hot).unwrap();
                let near =
                    |(a, b): (&f64, &f64)| a == b || (a - b).abs() < 1e-13 * b.abs().max(1.0);
                assert!(losses.iter().zip(&expected).all(near), "{settings:?} {classes}");
                assert!(gradient.iter().zip(&slopes).all(near), "{settings:?} {classes}");
            }
        }
    }
}

#[test]
fn labels_need_no_target_setting() {
    let settings = Settings::new(true, Target::Logits, Tail::Renormalized);
    let Operands { input, .. } = Operands::<f32>::random(&settings, [5, 100, 1], 3);
    let (labels, _) = labels_of(5, 100, 3);
    let plain = KLDivWithLogitsLoss::new(DistributionMean);
    let expected =
        plain.target(Target::Probabilities).labels_batch(&input, &labels).unwrap().forward();
    assert_eq!(plain.labels_batch(&input, &labels).unwrap().forward(), expected);
    for tail in TAILS {
        assert_eq!(plain.tail(tail).labels_batch(&input, &labels).unwrap().forward(), expected);
    }
    let log_q = input.mapv(|z| z - 5.0);
    let log = KLDivLoss::new(DistributionMean);
    assert_eq!(
        log.log_target(true).labels_batch(&log_q, &labels).unwrap().forward(),
        log.labels_batch(&log_q, &labels).unwrap().forward()
    );
}

fn npz<T: ReadableElement + Clone>(name: &str) -> Array1<T> {
    let file = std::fs::File::open("tests/fixtures/pytorch_sparse.npz").unwrap();
    ndarray_npy::NpzReader::new(file).unwrap().by_name(&format!("{name}.npy")).unwrap()
}

/// `F.cross_entropy` of logits and labels, with label smoothing, in float64 and float32, and its gradient.
#[test]
fn cross_entropy_is_pytorchs() {
    let (lanes, epsilons) = (7, [0.0, 0.1, 0.5]);
    for classes in [3, 10, 200] {
        let input = npz::<f64>(&format!("logits_{classes}"));
        let input = input.into_shape_with_order((lanes, classes)).unwrap();
        let labels = npz::<i64>(&format!("labels_{classes}"));
        for (i, epsilon) in epsilons.into_iter().enumerate() {
            let losses = npz::<f64>(&format!("loss_{classes}_{i}"));
            let slopes = npz::<f64>(&format!("grad_{classes}_{i}"));
            check::<f64>((&input, &labels), epsilon, (&losses, &slopes), 1e-14);
            check::<f32>((&input, &labels), epsilon, (&losses, &slopes), 4e-6);
        }
    }
}

fn check<A: Number>(
    (input, labels): (&Array2<f64>, &Array1<i64>),
    epsilon: f64,
    (losses, slopes): (&Array1<f64>, &Array1<f64>),
    tolerance: f64,
) {
    let input = input.mapv(A::of);
    let classes = input.ncols() as f64;
    let criterion = KLDivWithLogitsLoss::new(PerDistribution);
    let (found, gradient) = match epsilon {
        0.0 => criterion.labels_batch(&input, labels).unwrap().value_and_grad().unwrap(),
        _ => {
            let values =
                Array2::from_elem((labels.len(), 1), A::of(1.0 - epsilon + epsilon / classes));
            let classes = labels.clone().insert_axis(ndarray::Axis(1));
            let criterion = criterion.target(Target::Probabilities).tail(Tail::Uniform);
            let batch = criterion.sparse_batch(&input, &classes, &values).unwrap();
            batch.value_and_grad().unwrap()
        }
    };
    // Cross entropy is the divergence and the entropy of the target.
    let (p, others) = (1.0 - epsilon + epsilon / classes, epsilon / classes);
    let entropy = match epsilon {
        0.0 => 0.0,
        _ => -p * p.ln() - (classes - 1.0) * others * others.ln(),
    };
    for (found, expected) in found.iter().zip(losses) {
        let (found, expected) = (Number::to(*found) + entropy, *expected);
        assert!(
            (found - expected).abs() < tolerance * expected.max(1.0),
            "{found}, not {expected}"
        );
    }
    for (found, expected) in gradient.iter().zip(slopes) {
        assert!((found.to() - expected).abs() < tolerance, "{found:?}, not {expected}");
    }
}
