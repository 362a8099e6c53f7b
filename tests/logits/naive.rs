//! The definition, naively, in f64.

use kldiv::Target;
use ndarray::{ArrayD, Axis, Zip};

use super::common::{Number, REDUCTIONS};
use super::{Operands, Settings, TARGETS};
use kldiv::AnyReduction;

/// Terms and both gradients of Σ upstream·output, by the formulas of the documentation.
struct Naive {
    output: ArrayD<f64>,
    d_input: ArrayD<f64>,
    d_target: ArrayD<f64>,
    /// The largest of what is subtracted for a gradient.
    size: f64,
}

fn log_softmax(logits: &ArrayD<f64>, axis: Axis) -> ArrayD<f64> {
    let mut log = logits.clone();
    for mut lane in log.lanes_mut(axis) {
        let peak = lane.fold(f64::NEG_INFINITY, |peak, &z| peak.max(z));
        let sum: f64 = lane.iter().map(|z| (z - peak).exp()).sum();
        lane.mapv_inplace(|z| z - peak - sum.ln());
    }
    log
}

/// t·factor, 0 where t is.
fn product(t: f64, factor: f64) -> f64 {
    if t == 0.0 { 0.0 } else { t * factor }
}

fn naive<A: Number<Wide = A>>(
    settings: &Settings,
    operands: &Operands<A>,
    weighted: bool,
) -> Naive {
    let (axis, tau) = (Axis(settings.axis), settings.temperature);
    let factor = if settings.squared { tau * tau } else { 1.0 };
    let wide = |array: &ArrayD<A>| array.mapv(A::to);
    let log_q = log_softmax(&(wide(&operands.input) / tau), axis);
    let target = wide(&operands.target);
    let (t, log_t) = match settings.target {
        Target::Logits => {
            let log = log_softmax(&(target / tau), axis);
            (log.exp(), log)
        }
        Target::Probabilities => (target.clone(), target.ln()),
        Target::LogProbabilities => (target.exp(), target),
    };
    let d = &log_t - &log_q;
    let along = |lanes: ArrayD<f64>| lanes.insert_axis(axis);
    let weights = match weighted {
        true => along(wide(&operands.weights)),
        false => along(wide(&operands.weights).mapv(|_| 1.0)),
    };
    let mut terms = Zip::from(&t).and(&d).map_collect(|&t, &d| product(t, d));
    let q = log_q.exp();
    let one = if settings.generalized {
        terms += &(&q - &t);
        0.0
    } else {
        1.0
    };
    let terms = factor * &weights * terms;
    let (classes, lanes) = (t.len_of(axis) as f64, weights.len() as f64);
    let mass = if weighted { weights.sum() } else { lanes };
    let divisor = match settings.reduction {
        AnyReduction::Mean => classes * mass,
        AnyReduction::BatchMean => t.len_of(Axis(0)) as f64,
        AnyReduction::DistributionMean => mass,
        AnyReduction::SumOver(n) => n,
        _ => 1.0,
    };
    let upstream = wide(&operands.upstream);
    let (output, upstream) = match settings.reduction {
        AnyReduction::Pointwise => (terms, upstream),
        AnyReduction::PerDistribution => (terms.sum_axis(axis), along(upstream)),
        _ => (ndarray::arr0(terms.sum() / divisor).into_dyn(), upstream / divisor),
    };
    let u = (factor * &weights * upstream).broadcast(t.raw_dim()).unwrap().to_owned();
    let slope = Zip::from(&t).and(&d).map_collect(|&t, &d| product(t, d + one));
    let sum = |array: ArrayD<f64>| along(array.sum_axis(axis));
    // ∂term/∂ln q is −t, or q − t of generalized terms.
    let slope_q = &u * if settings.generalized { &q - &t } else { -&t };
    let d_input = (&slope_q - &q * sum(slope_q.clone())) / tau;
    let d_target = match settings.target {
        Target::Logits => (&u * &slope - &t * sum(&u * &slope)) / tau,
        Target::Probabilities => &u * (&d + one),
        Target::LogProbabilities => &u * &slope,
    };
    let size = [&u * &t, &u * &slope].iter().flatten().fold(0.0, |size: f64, x| size.max(x.abs()));
    // 0 · ∞ where a weight is 0.
    let settle = |gradient: ArrayD<f64>| {
        Zip::from(&gradient).and(&u).map_collect(|&g, &u| if u == 0.0 { 0.0 } else { g })
    };
    Naive { output, d_input: settle(d_input), d_target: settle(d_target), size: size / tau }
}

/// The largest difference relative to the largest magnitude; infinities must be the same.
fn error<A: Number<Wide = A>>(found: &ArrayD<A>, expected: &ArrayD<f64>, size: f64) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let finite = expected.iter().filter(|x| x.is_finite());
    let size = finite.fold(size.max(f64::MIN_POSITIVE), |size, x| size.max(x.abs()));
    Zip::from(found).and(expected).fold(0.0, |worst: f64, &found, &expected| {
        let found = found.to();
        if found == expected {
            return worst;
        }
        let error = (found - expected).abs() / size;
        if error <= worst { worst } else { error }
    })
}

fn check<A: Number<Wide = A>>(shape: &[usize], settings: &Settings) {
    let operands = Operands::<A>::random(shape, settings);
    for weighted in [false, true] {
        let expected = naive(settings, &operands, weighted);
        let criterion = settings.criterion();
        let mut batch = criterion.batch(&operands.input, &operands.target).unwrap();
        if weighted {
            batch = batch.weights(&operands.weights).unwrap();
        }
        let output = batch.forward().unwrap();
        let gradients = batch.backward(&operands.upstream).unwrap();
        let errors = [
            error(&output, &expected.output, 0.0),
            error(&gradients.input, &expected.d_input, expected.size),
            error(&gradients.target, &expected.d_target, expected.size),
        ];
        // The oracle is rounded as much as what it judges in f64.
        let allowed = if A::NAME == "f64" { 32.0 } else { 8.0 } * A::EPSILON;
        assert!(
            errors.iter().all(|&error| error <= allowed),
            "{} {shape:?} {settings:?} weighted {weighted}: {errors:?}",
            A::NAME
        );
    }
}

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    let shapes: [(&[usize], usize); 9] = [
        (&[5], 0),
        (&[4, 3], 1),
        (&[3, 70], 0),
        (&[200, 10], 1),
        (&[3, 65, 2], 1),
        (&[2, 1030], 1),
        (&[40, 66, 5], 1),
        (&[300, 64], 0),
        (&[2, 3, 2, 7], 2),
    ];
    for (i, (shape, axis)) in shapes.into_iter().enumerate() {
        for (j, reduction) in REDUCTIONS.into_iter().enumerate() {
            for target in TARGETS {
                let temperature = [1.0, 2.0, 0.5, 4.0, 1.7][(i + j) % 5];
                let squared = (i + j) % 2 == 0;
                for generalized in [false, true] {
                    let settings =
                        Settings { reduction, axis, target, temperature, squared, generalized };
                    check::<f32>(shape, &settings);
                    check::<f64>(shape, &settings);
                }
            }
        }
    }
}
