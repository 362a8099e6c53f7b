//! How far from torch's answers the library may be.

use kldiv::{AnyReduction, Divergence, Target};
use ndarray::{ArrayD, ArrayView1, Axis, Zip, arr0};

use crate::common::Number;
use crate::fixtures::{Case, INPUT, TARGET, UPSTREAM};

/// A number that is computed: the size of what is added up for it, and how wrong it may be, in units of rounding.
#[derive(Clone, Copy, Default)]
pub struct Computed {
    pub size: f64,
    pub error: f64,
}

impl Computed {
    pub fn scaled(self, factor: f64) -> Computed {
        Computed { size: factor * self.size, error: factor * self.error }
    }

    pub fn plus(self, other: Computed) -> Computed {
        Computed { size: self.size + other.size, error: self.error + other.error }
    }
}

/// One class, and how wrong what is known of it may be, in units of rounding.
#[derive(Clone, Copy)]
pub struct Class {
    pub p: f64,
    pub q: f64,
    /// D = ln p − ln q.
    pub d: f64,
    /// The relative error of p.
    pub p_error: f64,
    /// The relative error of q.
    pub q_error: f64,
    /// The error of D.
    pub d_error: f64,
    /// What ln(p/m) and ln(q/m) are wrong by, beside what D does to them.
    pub mixture_error: f64,
}

/// A term and its derivatives.
#[derive(Clone, Copy, Default)]
pub struct Results {
    pub term: Computed,
    pub d_p: Computed,
    pub d_log_p: Computed,
    pub d_q: Computed,
    pub d_log_q: Computed,
}

impl Results {
    pub fn scaled(self, factor: f64) -> Results {
        let Results { term, d_p, d_log_p, d_q, d_log_q } = self;
        let [term, d_p, d_log_p, d_q, d_log_q] =
            [term, d_p, d_log_p, d_q, d_log_q].map(|computed| computed.scaled(factor));
        Results { term, d_p, d_log_p, d_q, d_log_q }
    }

    pub fn plus(self, other: Results) -> Results {
        Results {
            term: self.term.plus(other.term),
            d_p: self.d_p.plus(other.d_p),
            d_log_p: self.d_log_p.plus(other.d_log_p),
            d_q: self.d_q.plus(other.d_q),
            d_log_q: self.d_log_q.plus(other.d_log_q),
        }
    }

    /// The results of the pair (q, p).
    pub fn swapped(self) -> Results {
        let Results { term, d_p, d_log_p, d_q, d_log_q } = self;
        Results { term, d_p: d_q, d_log_p: d_log_q, d_q: d_p, d_log_q: d_log_p }
    }
}

impl Class {
    pub fn swapped(self) -> Class {
        let Class { p, q, d, p_error, q_error, .. } = self;
        Class { p: q, q: p, d: -d, p_error: q_error, q_error: p_error, ..self }
    }

    /// KL(p ‖ m) with m = (1−s)·q + s·p, or its generalized form, to first order in all errors. P = ln(p/m).
    ///
    /// | | plain | generalized |
    /// |---|---|---|
    /// | term | p·P | p·φ(P), φ′(P) = 1 − m/p |
    /// | ∂/∂p | P + (1−s)·q/m | P − s·(1 − p/m) |
    /// | ∂/∂q | −(1−s)·p/m | (1−s)·(1 − p/m) |
    ///
    /// The derivative of P with respect to D is (1−s)·q/m, that of ln(q/m) is −s·p/m. So p·q/m is as wrong as p and ln(q/m), or
    /// as q and ln(p/m), whichever is less. Each result is rounded by one unit of what is added up for it.
    pub fn one_direction(self, s: f64, generalized: bool) -> Results {
        let Class { p, q, d, p_error, q_error, d_error, mixture_error } = self;
        // m/p − 1, and m/p without its cancellation.
        let (excess, m) = ((1.0 - s) * (-d).exp_m1(), s + (1.0 - s) * (-d).exp());
        let log_ratio = if d.abs() < 1.0 { -excess.ln_1p() } else { -m.ln() };
        let (log, p_over_m) = (log_ratio.abs(), 1.0 / m);
        let (share_p, share_q) = (s * p_over_m, (1.0 - s) * (-d).exp() * p_over_m);
        let log_error = log + d_error * share_q + mixture_error;
        let product = p * share_q;
        let by_ln_q = p_error + d_error * share_p;
        let by_ln_p = q_error + d_error * share_q;
        let product_error = product * (by_ln_q.min(by_ln_p) + mixture_error);
        let computed = |size: f64, error: f64| Computed { size, error: size + error };
        if !generalized {
            let d_p_error = log_error + share_q * (d_error * share_p + mixture_error);
            let (d_p, d_q) = (log + share_q, (1.0 - s) * p_over_m);
            return Results {
                term: computed(p * log, p * (log * p_error + log_error)),
                d_p: computed(d_p, d_p_error),
                d_log_p: computed(p * d_p, p * (log * p_error + log_error) + product_error),
                d_q: computed(d_q, d_q * (d_error * share_q + mixture_error)),
                d_log_q: computed(product, product_error),
            };
        }
        let lack = excess.abs() * p_over_m;
        let lack_error = lack + d_error * share_q * p_over_m;
        let (gap, d_p) = (phi(log_ratio), log + s * lack);
        let d_p_error = log_error + s * lack_error;
        let of_d = q * (lack * q_error + lack_error);
        let of_difference = q * (q_error + lack) + product_error / (1.0 - s);
        Results {
            term: computed(p * gap, p * (gap * (1.0 + p_error) + excess.abs() * log_error)),
            d_p: computed(d_p, d_p_error),
            d_log_p: computed(p * d_p, p * (d_p * p_error + d_p_error)),
            d_q: computed((1.0 - s) * lack, (1.0 - s) * lack_error),
            d_log_q: computed((1.0 - s) * q * lack, (1.0 - s) * of_d.min(of_difference)),
        }
    }

    /// Any of the family: a·KL(p ‖ m) + b·KL(q ‖ n) with m = (1−s)·q + s·p, n = (1−r)·p + r·q.
    pub fn results(self, divergence: Divergence, generalized: bool) -> Results {
        let [a, s, b, r] = match divergence {
            Divergence::Reverse => [0.0, 0.0, 1.0, 0.0],
            Divergence::Symmetric(lambda) => [lambda, 0.0, 1.0 - lambda, 0.0],
            Divergence::Jeffreys => [1.0, 0.0, 1.0, 0.0],
            Divergence::JensenShannon(beta) => [beta, beta, 1.0 - beta, 1.0 - beta],
            Divergence::Skew(alpha) => [1.0, alpha, 0.0, 0.0],
            Divergence::SkewReverse(alpha) => [0.0, 0.0, 1.0, alpha],
            Divergence::TotalVariation => return self.total_variation(),
            unknown => panic!("{unknown}"),
        };
        let forward = self.one_direction(s, generalized).scaled(a);
        forward.plus(self.swapped().one_direction(r, generalized).swapped().scaled(b))
    }

    /// ½·|p − q|, from D where p and q are close, with derivatives ±½.
    pub fn total_variation(self) -> Results {
        let Class { p, q, p_error, q_error, d_error, .. } = self;
        let difference = (p - q).abs();
        let error = (difference * p_error + q * d_error).min(p * p_error + q * q_error);
        let computed = |size: f64, error: f64| Computed { size, error: size + error }.scaled(0.5);
        Results {
            term: computed(difference, error),
            d_p: computed(1.0, 0.0),
            d_log_p: computed(p, p * p_error),
            d_q: computed(1.0, 0.0),
            d_log_q: computed(q, q * q_error),
        }
    }

    /// What torch makes of it: the generalized form adds multiples of p and q that are at most they themselves.
    pub fn results_of_torch(self, divergence: Divergence, generalized: bool) -> Results {
        let Class { p, q, p_error, q_error, .. } = self;
        let plain = self.results(divergence, false);
        if !generalized {
            return plain;
        }
        let wrong = |size: f64, error: f64| Computed { size, error };
        let [d_p, d_q] = [wrong(1.0, 1.0); 2];
        let [d_log_p, d_log_q] = [wrong(p, p * (p_error + 1.0)), wrong(q, q * (q_error + 1.0))];
        plain.plus(Results { term: d_log_p.plus(d_log_q), d_p, d_log_p, d_q, d_log_q })
    }
}

/// φ(x) = e^(−x) − 1 + x.
pub fn phi(x: f64) -> f64 {
    if x.abs() < 1e-3 { x * x * (0.5 - x / 6.0 + x * x / 24.0) } else { (-x).exp_m1() + x }
}

/// The classes of a case as the library knows them, and as torch does.
///
/// An exponential is wrong by as many units of itself as its argument is large, and one more. What is given is exact.
/// ln t keeps its low part: it is wrong by an eighth of a unit. A logarithm of a softmax is wrong by as many units as it is
/// large. From logits to logits q may be computed from p, and D counted from the middle of its lane. At one temperature D is
/// the difference of logits, divided and shifted: as wrong as the largest of its lane says. At two temperatures each logit is
/// divided and rounded first.
pub fn classes(case: &Case) -> [ArrayD<Class>; 2] {
    let [of_input, of_target] = case.temperatures;
    let to_logits = case.target == Target::Logits;
    let divisor = if to_logits { of_target } else { 1.0 };
    let [x, y] =
        [(INPUT, of_input), (TARGET, divisor)].map(|(row, t)| case.row(row).mapv(|z| z / t));
    let log_q = if case.from_logits { log_softmax(&x, case.axis) } else { x.clone() };
    let log_p = match case.target {
        Target::Logits => log_softmax(&y, case.axis),
        Target::Probabilities => y.ln(),
        _ => y.clone(),
    };
    let largest = |array: &ArrayD<f64>| {
        lanewise(array, case.axis, |lane| lane.iter().fold(0.0, |max, &z| z.abs().max(max)))
    };
    let reach = largest(&(&log_p - &log_q));
    let logits = largest(&x) * f64::from(u8::from(case.from_logits))
        + largest(&y) * f64::from(u8::from(to_logits));
    let known = |[x, y]: [f64; 2], [log_q, log_p]: [f64; 2], reach: f64| {
        let (size_q, size_p, d) = (log_q.abs(), log_p.abs(), log_p - log_q);
        let (q_error, x_error) = if case.from_logits { (size_q + 1.0, size_q) } else { (1.0, 0.0) };
        let (p_error, y_error) = match case.target {
            Target::Logits => (size_p + 1.0, size_p),
            Target::Probabilities => (0.0, 0.125),
            _ => (1.0, 0.0),
        };
        let d_error = d.abs() + x_error + y_error;
        let errors = match (to_logits, of_input == of_target) {
            (false, _) => [p_error, q_error, d_error],
            (true, true) => [p_error, q_error + reach, (d_error + reach).min(2.0 * reach)],
            (true, false) => {
                [p_error + y.abs(), q_error + x.abs() + reach, d_error + x.abs() + y.abs() + reach]
            }
        };
        let [p_error, q_error, d_error] = errors;
        let (p, q, mixture_error) = (log_p.exp(), log_q.exp(), 0.0);
        Class { p, q, d, p_error, q_error, d_error, mixture_error }
    };
    let ours = Zip::from(&x)
        .and(&y)
        .and(&log_q)
        .and(&log_p)
        .and(&reach)
        .map_collect(|&x, &y, &log_q, &log_p, &reach| known([x, y], [log_q, log_p], reach));
    let torchs = Zip::from(&ours).and(&log_q).and(&log_p).and(&logits).map_collect(
        |&class, &log_q, &log_p, &logits| {
            let error = 1.0 + log_q.abs() + log_p.abs() + logits;
            let [p_error, q_error, mixture_error, d_error] = [error, error, error, 2.0 * error];
            Class { p_error, q_error, d_error, mixture_error, ..class }
        },
    );
    [ours, torchs]
}

/// Of each lane, in its place: a number.
pub fn lanewise(
    array: &ArrayD<f64>,
    axis: Axis,
    number: impl Fn(ArrayView1<'_, f64>) -> f64,
) -> ArrayD<f64> {
    let mut result = array.clone();
    for mut lane in result.lanes_mut(axis) {
        let number = number(lane.view());
        lane.fill(number);
    }
    result
}

pub fn log_softmax(logits: &ArrayD<f64>, axis: Axis) -> ArrayD<f64> {
    let log_sum = lanewise(logits, axis, |lane| {
        let max = lane.fold(f64::NEG_INFINITY, |max, &z| z.max(max));
        max + lane.iter().map(|z| (z - max).exp()).sum::<f64>().ln()
    });
    logits - log_sum
}

/// How wrong results may be, in units of rounding: of the library, or of torch.
pub struct Bounds {
    pub value: ArrayD<f64>,
    pub input: ArrayD<f64>,
    pub target: ArrayD<f64>,
}

impl Bounds {
    /// ∂z_j = (g_j − q_j·Σg)/τ, with g the derivatives with respect to ln q; the target's alike.
    pub fn new(case: &Case, classes: &ArrayD<Class>, results: &ArrayD<Results>) -> Bounds {
        let factors = case.factors();
        let of = |result: fn(&Results) -> Computed, factor: &ArrayD<f64>| {
            Zip::from(results)
                .and(factor)
                .map_collect(|results, &f| result(results).scaled(f.abs()))
        };
        let terms = of(|results| results.term, &factors).mapv(|term| term.error);
        let u = &factors * &case.row(UPSTREAM);
        let chain = |slopes: ArrayD<Computed>, mass: fn(&Class) -> (f64, f64), temperature: f64| {
            let sum = |array: ArrayD<f64>| lanewise(&array, case.axis, |lane| lane.sum());
            let (sizes, errors) = (sum(slopes.mapv(|g| g.size)), sum(slopes.mapv(|g| g.error)));
            Zip::from(&slopes).and(classes).and(&sizes).and(&errors).map_collect(
                |slope, class, size, error| {
                    let (mass, mass_error) = mass(class);
                    (slope.error + mass * (error + size * (mass_error + 2.0))) / temperature
                },
            )
        };
        let [of_input, of_target] = case.temperatures;
        let input = of(|results| results.d_log_q, &u);
        let input = match case.from_logits {
            true => chain(input, |class| (class.q, class.q_error), of_input),
            false => input.mapv(|slope| slope.error),
        };
        let target = match case.target {
            Target::Logits => {
                let slopes = of(|results| results.d_log_p, &u);
                chain(slopes, |class| (class.p, class.p_error), of_target)
            }
            Target::Probabilities => of(|results| results.d_p, &u).mapv(|slope| slope.error),
            _ => of(|results| results.d_log_p, &u).mapv(|slope| slope.error),
        };
        let value = match case.reduction {
            AnyReduction::Pointwise => terms,
            _ => arr0(terms.sum()).into_dyn(),
        };
        Bounds { value, input, target }
    }
}

/// How far from torch's float64 the library may be.
///
/// One operation rounds by half an epsilon and an elementary function by one, on numbers that are each counted once: three
/// epsilons a unit cover them all, and seven tenths of that is seen. Torch's half an epsilon a unit is counted double.
pub fn tolerances<A: Number>(case: &Case) -> Bounds {
    let [ours, torchs] = classes(case);
    let divergence = case.divergence;
    // These two are their own generalized form.
    let is_nonnegative = matches!(divergence, Divergence::Jeffreys | Divergence::JensenShannon(_))
        || case.generalized;
    // Between logits the reverse divergence is the forward one with its sides exchanged, whose gradients with a factor for each
    // class are differences of masses, q·Σut − ut, in its generalized form too.
    let subtracts_masses = divergence == Divergence::Reverse
        && case.target == Target::Logits
        && case.reduction == AnyReduction::Pointwise;
    let results = ours.mapv(|class| {
        let results = class.results(divergence, is_nonnegative);
        let term = results.term;
        let plain = class.results(divergence, false);
        if subtracts_masses { Results { term, ..plain } } else { results }
    });
    let ours = Bounds::new(case, &ours, &results);
    let results = torchs.mapv(|class| class.results_of_torch(divergence, case.generalized));
    let torchs = Bounds::new(case, &torchs, &results);
    let both =
        |ours: ArrayD<f64>, torchs: ArrayD<f64>| ours * (3.0 * A::EPSILON) + torchs * f64::EPSILON;
    Bounds {
        value: both(ours.value, torchs.value),
        input: both(ours.input, torchs.input),
        target: both(ours.target, torchs.target),
    }
}
