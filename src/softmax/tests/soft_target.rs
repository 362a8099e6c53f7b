//! A target in its own space: a target of which one class has all mass gives −ln q of that class.

use super::Call;
use super::value::{SPECIAL, pair, wide};
use crate::divergence::Divergence;
use crate::elementwise::with_loops;
use crate::number::tests::random;
use crate::number::{Level, Number, Real};
use crate::softmax::{Settings, SoftTarget};

/// A lane of logits against a target of probabilities.
fn found<A: Number<Real = A> + Real>(call: Call<'_>, z: &[A], t: &[A]) -> super::Found<A> {
    let settings = Settings { each: false, ..call.settings(z.len()) };
    with_loops::<A, _>(Divergence::Forward, false, false, |loops| {
        with_loops::<f64, _>(Divergence::Forward, false, false, |wide| {
            call.lane(SoftTarget::new(loops, wide, settings), [t, z], [t, z])
        })
    })
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
            let call = Call { level, ..Call::new(0.5, &[2.0]) };
            for i in (0..classes).step_by(classes.div_ceil(9)) {
                let one = |at: usize| if at == i { 1.0 } else { 0.0 };
                let t: Vec<f64> = (0..classes).map(one).collect();
                let double = found(call, &z, &t);
                let exact = exact[i].to_f64();
                let error = (double.divergence + exact).abs();
                assert!(error <= 4.5e-16 * (1.0 + exact.abs()), "{error:e}");
                // ∂z_q = q − t.
                let error = (double.d_input[i] - (exact.exp() - 1.0)).abs();
                assert!(error <= 4e-15, "{error:e}");
                let t: Vec<_> = t.iter().map(|&t| t as f32).collect();
                let exact = exact_single[i].to_f64();
                let error = (found(call, &single, &t).divergence + exact).abs();
                assert!(error <= 2.4e-7 * (1.0 + exact.abs()), "{error:e}");
            }
        }
    }
}

#[test]
fn log_softmax_of_specials() {
    for classes in 1..=70 {
        for place in 0..classes {
            let mut z = vec![1.0f32; classes];
            let mut t = vec![0.0; classes];
            t[(place + 1) % classes] = 1.0;
            for special in SPECIAL {
                z[place] = special as f32;
                let divergence = found(Call::new(1.0, &[1.0]), &z, &t).divergence;
                let expected = match special {
                    f64::NEG_INFINITY | -1e4 | -1e9 if classes > 1 => ((classes - 1) as f64).ln(),
                    300.0 if classes > 1 => 299.0,
                    -1e4 | -1e9 | 300.0 => 0.0,
                    _ => f64::NAN,
                };
                let is_right = (divergence - expected).abs() < 1e-5;
                assert!(is_right || divergence.is_nan() & expected.is_nan(), "{special} {place}");
            }
        }
    }
}
