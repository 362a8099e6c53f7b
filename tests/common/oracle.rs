//! The definition, naively, in f64; for finite inputs and targets that are not negative.

use ndarray::{ArrayD, Axis, Zip};

use super::Number;

/// The terms, their derivatives, and the size of what is rounded on the way to each.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub terms: ArrayD<f64>,
    pub d_input: ArrayD<f64>,
    pub d_target: ArrayD<f64>,
    /// max(|t·ln t|, |t·x|).
    pub size: ArrayD<f64>,
}

impl Oracle {
    pub fn new<A: Number>(input: &ArrayD<A>, target: &ArrayD<A>, log_target: bool) -> Oracle {
        let x = input.mapv(A::to);
        let (t, ln_t) = match log_target {
            true => (target.mapv(|y| y.to().exp()), target.mapv(A::to)),
            false => (target.mapv(A::to), target.mapv(|t| t.to().ln())),
        };
        let product = |t: f64, factor: f64| if t == 0.0 { 0.0 } else { t * factor };
        let of = |f: &dyn Fn(f64, f64, f64) -> f64| {
            Zip::from(&t).and(&ln_t).and(&x).map_collect(|&t, &ln_t, &x| f(t, ln_t, x))
        };
        Oracle {
            terms: of(&|t, ln_t, x| product(t, ln_t - x)),
            d_input: -&t,
            d_target: of(&|t, ln_t, x| {
                let slope = ln_t - x + 1.0;
                if log_target { product(t, slope) } else { slope }
            }),
            size: of(&|t, ln_t, x| product(t, ln_t.abs().max(x.abs()))),
        }
    }

    pub fn by_lane(array: &ArrayD<f64>, axis: Axis) -> ArrayD<f64> {
        array.sum_axis(axis)
    }
}
