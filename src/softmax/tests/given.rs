use super::value::{pair, wide};
use crate::elementwise::TILE;
use crate::number::Number;
use crate::number::tests::random;
use crate::number::{Float, Level};
use crate::softmax::{
    Beside, COLUMNS, One, Peaks, Total, TotalColumns, TotalSum, d_logits, log_softmax,
};

/// ln q and S.
fn log_q<A: Number>(level: Level, z: &[A], rate: f64) -> Vec<A::Real> {
    let rate = <A::Real as Float>::from_f64(rate);
    let mut peaks = Peaks::default();
    peaks.add::<A, true>(level, z);
    let (peak, mut sum) = (peaks.value(level), TotalSum::default());
    let mut room = [<A::Real as Float>::ZERO; TILE];
    z.chunks(TILE).for_each(|z| sum.add(level, z, peak, rate, &mut room));
    let mut out = vec![<A::Real as Float>::ZERO; z.len()];
    log_softmax(level, One(Total::new(peak, rate, sum.value())), z, &mut out);
    out
}

#[test]
fn log_softmax_is_accurate() {
    let mut rng = random();
    for level in Level::all() {
        for classes in (1..=70).chain([1000, 5000]) {
            let (z, _) = pair::<f64>(classes, 1.0, 3.0, 1.0, &mut rng);
            let single: Vec<_> = z.iter().map(|&z| z as f32).collect();
            let exact = super::oracle::log_softmax(&z, 2.0);
            let exact_single = super::oracle::log_softmax(&wide(&single), 2.0);
            let (double, single) = (log_q(level, &z, 0.5), log_q(level, &single, 0.5));
            for i in 0..classes {
                let error = (double[i] - exact[i].to_f64()).abs();
                assert!(error <= 4.5e-16 * (1.0 + exact[i].to_f64().abs()), "{error:e}");
                let exact = exact_single[i].to_f64();
                let error = (f64::from(single[i]) - exact).abs();
                assert!(error <= 2.4e-7 * (1.0 + exact.abs()), "{error:e}");
            }
        }
    }
}

/// A given target: sums of lanes beside each other, and the gradient's formula.
#[test]
fn given_targets_beside_each_other() {
    let mut rng = random();
    let (level, rate, classes) = (Level::best(), 0.4f32, 100);
    let (z, t) = pair::<f32>(classes, f64::INFINITY, 2.0, 0.0, &mut rng);
    let log_q_along = log_q(level, &z, f64::from(rate));
    let peak = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut totals: TotalColumns = TotalColumns::new(classes);
    let row = |z: f32| std::array::from_fn(|i| if i == 77 { z } else { 0.5 });
    for (class, &z) in z.iter().enumerate() {
        totals.add(level, class, &row(z), &row(peak), rate);
    }
    let total = [Total::new(peak, rate, totals.value(77)); COLUMNS];
    for (z, expected) in z.iter().zip(&log_q_along) {
        let mut out = [0.0f32; COLUMNS];
        log_softmax(level, Beside(&total), &row(*z), &mut out);
        assert_eq!(out[77].to_bits(), expected.to_bits());
    }
    let shares: Vec<_> = t.iter().map(|&t| f64::from(t)).collect();
    let sum: f64 = shares.iter().sum();
    let mut out = vec![0.0f32; classes];
    d_logits(level, One(sum), &log_q_along, &shares, &mut out);
    for i in 0..classes {
        let expected = f64::from(log_q_along[i]).exp() * sum - shares[i];
        assert!((f64::from(out[i]) - expected).abs() < 1e-6 * (1.0 + expected.abs()));
    }
}

#[test]
fn log_softmax_of_specials() {
    for classes in 1..=70 {
        for place in 0..classes {
            let mut z = vec![1.0f32; classes];
            z[place] = f32::NEG_INFINITY;
            let found = log_q(Level::best(), &z, 1.0);
            if classes == 1 {
                assert!(found[0].is_nan());
                continue;
            }
            assert_eq!(found[place], f32::NEG_INFINITY);
            let expected = -((classes - 1) as f64).ln() as f32;
            assert!((0..classes).all(|i| i == place || (found[i] - expected).abs() < 1e-6));
            for bad in [f32::INFINITY, f32::NAN] {
                z[place] = bad;
                assert!(log_q(Level::best(), &z, 1.0).iter().all(|x| x.is_nan()), "{bad} {place}");
            }
        }
    }
}
