//! The naive reference: dense distributions or those of the bucket, lane by lane, in `f64`.

use kldiv::{KLDivLoss, PerDistribution, Sum, Tail, Target};
use ndarray::{Array1, Array2};

use super::common::Number;
use super::{FAMILY, Operands, Settings};

/// The loss of a lane, and its gradient.
pub fn lane(
    settings: &Settings,
    input: &[f64],
    classes: &[i64],
    values: &[f64],
) -> (f64, Vec<f64>) {
    let [tau, of_target] = match settings.logits {
        true if settings.holds == Target::Logits => settings.temperatures,
        true => [settings.temperatures[0]; 2],
        false => [1.0; 2],
    };
    let log_sum = |z: &[f64]| {
        let peak = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        peak + z.iter().map(|z| (z - peak).exp()).sum::<f64>().ln()
    };
    let scaled: Vec<f64> = input.iter().map(|z| z / tau).collect();
    let norm = if settings.logits { log_sum(&scaled) } else { 0.0 };
    let log_q: Vec<f64> = scaled.iter().map(|z| z - norm).collect();
    let log_values: Vec<f64> = match settings.holds {
        Target::Probabilities => values.iter().map(|p| p.ln()).collect(),
        Target::LogProbabilities => values.to_vec(),
        Target::Logits => values.iter().map(|z| z / of_target).collect(),
    };
    let mass: f64 = log_values.iter().map(|y| y.exp()).sum();
    let (named, all) = (classes.len(), input.len());
    let left = (1.0 - mass).max(0.0);

    // Groups of classes, and ln p of each.
    let mut groups: Vec<(Vec<usize>, f64)> =
        classes.iter().zip(&log_values).map(|(&class, &y)| (vec![class as usize], y)).collect();
    let others: Vec<usize> = (0..all).filter(|class| !classes.contains(&(*class as i64))).collect();
    match settings.tail {
        Tail::Bucket => groups.push((others, left.ln())),
        Tail::Uniform => {
            let each = (left / (all - named) as f64).ln();
            groups.extend(others.into_iter().map(|class| (vec![class], each)));
        }
        Tail::Renormalized => {
            groups.iter_mut().for_each(|(_, y)| *y -= mass.ln());
            groups.extend(others.into_iter().map(|class| (vec![class], f64::NEG_INFINITY)));
        }
        _ => {}
    }
    groups.retain(|(classes, _)| !classes.is_empty());
    let of_group =
        |classes: &[usize]| log_sum(&classes.iter().map(|&class| log_q[class]).collect::<Vec<_>>());
    let group_q: Array1<f64> = groups.iter().map(|(classes, _)| of_group(classes)).collect();
    let group_p: Array1<f64> = groups.iter().map(|(_, y)| *y).collect();
    let criterion = KLDivLoss::new(Sum)
        .log_target(true)
        .divergence(settings.divergence)
        .generalized(settings.generalized);
    let (loss, slopes) = criterion.value_and_grad(&group_q, &group_p).unwrap();

    let mut gradient = vec![0.0; all];
    for (i, (classes, _)) in groups.iter().enumerate() {
        for &class in classes {
            gradient[class] = slopes[i] * (log_q[class] - group_q[i]).exp();
        }
    }
    if !settings.logits {
        return (loss, gradient);
    }
    let factor = tau * of_target;
    let sum: f64 = gradient.iter().sum();
    let chain = |(g, x): (&f64, &f64)| (g - x.exp() * sum) * factor / tau;
    (loss * factor, gradient.iter().zip(&log_q).map(chain).collect())
}

/// The reference of all lanes.
pub fn lanes<A: Number>(settings: &Settings, operands: &Operands<A>) -> (Array1<f64>, Array2<f64>) {
    let (mut losses, mut gradients) = (Vec::new(), Vec::new());
    let numbers = |row: ndarray::ArrayView1<'_, A>| row.iter().map(|x| x.to()).collect::<Vec<_>>();
    for (i, input) in operands.input.rows().into_iter().enumerate() {
        let classes = operands.classes.row(i).to_vec();
        let values = numbers(operands.values.row(i));
        let (loss, gradient) = lane(settings, &numbers(input), &classes, &values);
        losses.push(loss);
        gradients.extend(gradient);
    }
    let gradients = Array2::from_shape_vec(operands.input.dim(), gradients).unwrap();
    (losses.into(), gradients)
}

/// Losses and gradients are within this many ε of the size of what they are made of.
pub fn check_near<A: Number>(
    settings: &Settings,
    operands: &Operands<A>,
    losses: &Array1<A::Loss>,
    gradient: &Array2<A>,
    epsilons: f64,
) {
    let (expected, slopes) = lanes(settings, operands);
    let dim = [operands.input.nrows(), operands.input.ncols(), operands.classes.ncols()];
    let factor = settings.temperatures[0] * settings.temperatures[1];
    let size = 10.0 * factor; // logits and logarithms of up to some 10
    let (wide, own) = (<A as Number>::Wide::EPSILON, A::EPSILON);
    for (lane, (loss, expected)) in losses.iter().zip(&expected).enumerate() {
        let (loss, expected) = (Number::to(*loss), *expected);
        let far = (loss - expected).abs() / (size + expected.abs());
        let what = || format!("{settings:?} {dim:?} lane {lane}: {loss}, not {expected}");
        assert!(far <= epsilons * wide || loss == expected, "{}", what());
    }
    for ((place, found), slope) in gradient.indexed_iter().zip(&slopes) {
        // Beside an infinite loss the limits are special values: see `special.rs`.
        if expected[place.0].is_infinite() {
            continue;
        }
        let (found, expected) = (found.to(), slope);
        let bound = epsilons * (size * wide + expected.abs() * own.max(wide)) + A::TINY;
        let what = || format!("{settings:?} {dim:?} gradient {place:?}: {found}, not {expected}");
        assert!((found - expected).abs() <= bound || found == *expected, "{}", what());
    }
}

fn close<A: Number>(settings: Settings, dim: [usize; 3], seed: u64, epsilons: f64) {
    let operands = Operands::<A>::random(&settings, dim, seed);
    let Operands { input, classes, values } = &operands;
    let batch = settings.batch(PerDistribution, input, classes, values).unwrap();
    let (losses, gradient) = batch.value_and_grad().unwrap();
    assert_eq!(losses, batch.forward().unwrap());
    check_near(&settings, &operands, &losses, &gradient, epsilons);
}

const SHAPES: [[usize; 3]; 10] = [
    [3, 2, 1],
    [40, 10, 3],
    [5, 10, 10],
    [7, 64, 1],
    [3, 65, 64],
    [2, 100, 99],
    [4, 1000, 16],
    [2, 1500, 1100],
    [1, 3000, 3],
    [9, 33, 2],
];

fn every<A: Number>(epsilons: f64) {
    for (seed, settings) in Settings::faces().enumerate() {
        for divergence in FAMILY {
            for (more, dim) in SHAPES.into_iter().enumerate() {
                let generalized = (seed + more) % 2 == 0;
                let temperatures = if settings.logits { [2.0, 0.75] } else { [1.0; 2] };
                let settings = Settings { divergence, generalized, temperatures, ..settings };
                close::<A>(settings, dim, 1000 * seed as u64 + more as u64, epsilons);
            }
        }
    }
}

#[test]
fn in_f64() {
    every::<f64>(100.0);
}

#[test]
fn in_f32() {
    every::<f32>(100.0);
}

#[cfg(feature = "half")]
#[test]
fn in_16_bits() {
    every::<kldiv::half::f16>(100.0);
    every::<kldiv::half::bf16>(100.0);
}

#[test]
fn forward_by_hand() {
    let settings = Settings {
        divergence: kldiv::Divergence::Forward,
        ..Settings::new(false, Target::Probabilities, Tail::Bucket)
    };
    let log_q: Vec<f64> = [0.1_f64, 0.2, 0.3, 0.4].map(f64::ln).to_vec();
    let (loss, gradient) = lane(&settings, &log_q, &[3, 1], &[0.5, 0.25]);
    let expected =
        0.5 * (0.5_f64 / 0.4).ln() + 0.25 * (0.25_f64 / 0.2).ln() + 0.25 * (0.25_f64 / 0.4).ln();
    assert!((loss - expected).abs() < 1e-15);
    let slopes = [-0.25 * 0.1 / 0.4, -0.25, -0.25 * 0.3 / 0.4, -0.5];
    assert!(gradient.iter().zip(slopes).all(|(a, b)| (a - b).abs() < 1e-15), "{gradient:?}");
}
