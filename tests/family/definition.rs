//! The family by its definition, in `f64`: a·KL(p ‖ m) + b·KL(q ‖ n) with m = (1−s)·q + s·p and n = (1−r)·p + r·q; and what it
//! gives where a side excludes a class.

use kldiv::Divergence;

pub const INF: f64 = f64::INFINITY;

/// One class. D = ln p − ln q.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    pub p: f64,
    pub q: f64,
    pub log_p: f64,
    pub log_q: f64,
    pub d: f64,
    /// What the rounding error of D is relative to.
    pub d_size: f64,
}

/// A number, and what its rounding error is relative to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Computed {
    pub value: f64,
    pub size: f64,
}

/// F and its derivatives with respect to x = ln q, p and y = ln p.
#[derive(Clone, Copy, Debug, Default)]
pub struct Results {
    pub term: Computed,
    pub d_x: Computed,
    pub d_p: Computed,
    pub d_y: Computed,
}

/// The weights of the two directions, and the shares of both sides in their mixtures.
struct Shares {
    a: f64,
    b: f64,
    /// s and 1 − s.
    s: [f64; 2],
    /// r and 1 − r.
    r: [f64; 2],
}

/// Nothing for total variation.
fn shares(divergence: Divergence) -> Option<Shares> {
    let none = [0.0, 1.0];
    let (a, b, s, r) = match divergence {
        Divergence::Forward => (1.0, 0.0, none, none),
        Divergence::Reverse => (0.0, 1.0, none, none),
        Divergence::Symmetric(lambda) => (lambda, 1.0 - lambda, none, none),
        Divergence::Jeffreys => (1.0, 1.0, none, none),
        Divergence::JensenShannon(beta) => {
            (beta, 1.0 - beta, [beta, 1.0 - beta], [1.0 - beta, beta])
        }
        Divergence::Skew(alpha) => (1.0, 0.0, [alpha, 1.0 - alpha], none),
        Divergence::SkewReverse(alpha) => (0.0, 1.0, none, [alpha, 1.0 - alpha]),
        _ => return None,
    };
    Some(Shares { a, b, s, r })
}

/// κ, of which κ·(q − p) is what the generalized form adds.
pub fn kappa(divergence: Divergence) -> f64 {
    shares(divergence).map_or(0.0, |Shares { a, b, s, r }| a * s[1] - b * r[1])
}

/// φ(z) = e^(−z) − 1 + z near 0, by its series.
fn phi(z: f64) -> f64 {
    let (mut term, mut sum) = (-z, 0.0);
    for k in 2..20 {
        term *= -z / f64::from(k);
        sum += term;
    }
    sum
}

/// p·φ(z) with p·e^(−z) = m, neither of which overflows where e^(−z) does.
fn weighted_phi(p: f64, z: f64, m: f64) -> f64 {
    if z.abs() < 0.5 { p * phi(z) } else { p * z + (m - p) }
}

/// A share times a number that may be infinite.
fn times(share: f64, number: f64) -> f64 {
    if share == 0.0 { 0.0 } else { share * number }
}

/// ln(p/m), p/m and q/m of m = s·p + rest·q.
fn mixture([s, rest]: [f64; 2], d: f64) -> [f64; 3] {
    if s == 0.0 {
        return [d, d.exp(), 1.0];
    }
    let (apart, excess) = ((-d.abs()).exp(), rest * (-d).exp_m1());
    // m over the larger side.
    let ratio = if d > 0.0 { s + rest * apart } else { rest + s * apart };
    let log = match d {
        _ if excess.abs() < 0.5 => -excess.ln_1p(),
        d if d > 0.0 => -ratio.ln(),
        d if s < 0.5 => d - (s * (apart - 1.0)).ln_1p(),
        d => d - ratio.ln(),
    };
    let (share_p, share_q) = if d > 0.0 { (1.0, apart) } else { (apart, 1.0) };
    [log, share_p / ratio, share_q / ratio]
}

impl Class {
    /// The results for a class that both sides have.
    fn regular(self, divergence: Divergence, generalized: bool) -> Results {
        let Class { p, q, d, d_size, .. } = self;
        let Some(Shares { a, b, s, r }) = shares(divergence) else { return self.total_variation() };
        let [log_p, p_over_m, q_over_m] = mixture(s, d);
        let [log_q, q_over_n, p_over_n] = mixture(r, -d);
        let kappa = kappa(divergence);
        let added = if generalized { kappa } else { 0.0 };
        // Without cancellation where no term is negative.
        let term = match added == kappa {
            true => {
                let (m, n) = (s[0] * p + s[1] * q, r[0] * q + r[1] * p);
                a * weighted_phi(p, log_p, m) + b * weighted_phi(q, log_q, n)
            }
            false => a * (p * log_p) + b * (q * log_q),
        };
        // What an error of D does to ln(p/m) and ln(q/n).
        let (of_p, of_q) = (s[1] * q_over_m * d_size, r[1] * p_over_n * d_size);
        let (all_p, all_q) = (a * (log_p.abs() + of_p), b * (log_q.abs() + of_q));
        let (both_m, both_n) = (times(a * s[1], p * q_over_m), times(b * r[1], q * p_over_n));
        // ∂F/∂p and ∂F/∂q, beside the share that each has of the other direction.
        let (slope_p, slope_q) = match divergence {
            Divergence::JensenShannon(_) => {
                let computed = |value, size| Computed { value, size };
                return Results {
                    term: computed(term, p * all_p + q * all_q),
                    d_x: computed(q * b * log_q, q * all_q),
                    d_p: computed(a * log_p, all_p),
                    d_y: computed(p * a * log_p, p * all_p),
                };
            }
            _ => (
                a * (log_p + 1.0 - times(s[0], p_over_m)) - added,
                b * (log_q + 1.0 - times(r[0], q_over_n)) + added,
            ),
        };
        let (size_p, size_q) = (all_p + a + added.abs(), all_q + b + added.abs());
        let more = 1.0 + d_size;
        let of_n = times(b * r[1], q_over_n);
        Results {
            term: Computed { value: term, size: p * all_p + q * all_q + added.abs() * (p + q) },
            d_x: Computed { value: q * slope_q - both_m, size: q * size_q + both_m * more },
            d_p: Computed { value: slope_p - of_n, size: size_p + of_n * more },
            d_y: Computed { value: p * slope_p - both_n, size: p * size_p + both_n * more },
        }
    }

    fn total_variation(self) -> Results {
        let Class { p, q, d, d_size, .. } = self;
        let term = if d.abs() < 1.5 { 0.5 * p * (-d).exp_m1().abs() } else { 0.5 * (p - q).abs() };
        let sign = if d == 0.0 { 0.0 } else { 0.5 * d.signum() };
        let exact = |value: f64| Computed { value, size: value.abs() };
        Results {
            term: Computed { value: term, size: term + p.min(q) * d_size },
            d_x: exact(-sign * q),
            d_p: exact(sign),
            d_y: exact(sign * p),
        }
    }

    /// F and its derivatives, limits included.
    pub fn results(self, divergence: Divergence, generalized: bool) -> Results {
        let excluded = [self.log_p, self.log_q].map(|log| log == -INF);
        if excluded == [false; 2] {
            return self.regular(divergence, generalized);
        }
        let found = limits(divergence, generalized, [self.p, self.q], excluded);
        let [term, d_x, d_p, d_y] = found.map(|value| Computed { value, size: value.abs() });
        Results { term, d_x, d_p, d_y }
    }
}

/// F, ∂F/∂x, ∂F/∂p and ∂F/∂y where p or q is excluded: the tables of the documentation.
pub fn limits(
    divergence: Divergence,
    generalized: bool,
    [p, q]: [f64; 2],
    [without_p, without_q]: [bool; 2],
) -> [f64; 4] {
    let divergence = match divergence {
        Divergence::Symmetric(0.0) => Divergence::Reverse,
        Divergence::Symmetric(1.0) => Divergence::Forward,
        other => other,
    };
    let plain = match (without_p, without_q) {
        (false, true) => without_model(divergence, p),
        (true, false) => without_target(divergence, q),
        _ => without_both(divergence),
    };
    let kappa = if generalized { kappa(divergence) } else { 0.0 };
    let added = [kappa * (q - p), kappa * q, -kappa, -kappa * p];
    let found: [f64; 4] = std::array::from_fn(|i| plain[i] + added[i]);
    // −ln α − (1 − α) without cancellation.
    match (divergence, without_p, without_q) {
        (Divergence::Skew(alpha), false, true) if generalized && alpha > 0.7 => {
            let slope = phi(-alpha.ln());
            [p * slope, found[1], slope, p * slope]
        }
        (Divergence::SkewReverse(alpha), true, false) if generalized && alpha > 0.7 => {
            let slope = phi(-alpha.ln());
            [q * slope, q * slope, found[2], found[3]]
        }
        _ => found,
    }
}

/// p > 0, q = 0.
fn without_model(divergence: Divergence, p: f64) -> [f64; 4] {
    match divergence {
        Divergence::Forward | Divergence::Jeffreys => [INF, -p, INF, INF],
        Divergence::Symmetric(lambda) => [INF, -lambda * p, INF, INF],
        Divergence::JensenShannon(beta) => {
            let slope = -beta * beta.ln();
            [p * slope, 0.0, slope, p * slope]
        }
        Divergence::Skew(alpha) => [-p * alpha.ln(), 0.0, -alpha.ln(), -p * alpha.ln()],
        Divergence::TotalVariation => [p / 2.0, 0.0, 0.5, p / 2.0],
        _ => [0.0; 4],
    }
}

/// p = 0, q > 0.
fn without_target(divergence: Divergence, q: f64) -> [f64; 4] {
    match divergence {
        Divergence::Reverse | Divergence::Jeffreys => [INF, INF, -INF, -q],
        Divergence::Symmetric(lambda) => [INF, INF, -INF, -(1.0 - lambda) * q],
        Divergence::JensenShannon(beta) => {
            let term = -(1.0 - beta) * q * (-beta).ln_1p();
            [term, term, -INF, 0.0]
        }
        Divergence::SkewReverse(alpha) => {
            [-q * alpha.ln(), -q * alpha.ln(), -(1.0 - alpha) / alpha, 0.0]
        }
        Divergence::TotalVariation => [q / 2.0, q / 2.0, -0.5, 0.0],
        _ => [0.0, 0.0, -INF, 0.0],
    }
}

/// p = q = 0.
fn without_both(divergence: Divergence) -> [f64; 4] {
    let d_p = match divergence {
        Divergence::Forward | Divergence::Symmetric(_) | Divergence::Jeffreys => INF,
        Divergence::JensenShannon(beta) => -beta * beta.ln(),
        Divergence::Skew(alpha) => -alpha.ln(),
        _ => 0.0,
    };
    [0.0, 0.0, d_p, 0.0]
}

/// The definition is judged too: its derivatives are finite differences, and its plain and generalized terms differ by κ·(q − p).
#[test]
fn derivatives_are_finite_differences() {
    let class = |x: f64, y: f64| {
        let (log_p, log_q, d) = (y, x, y - x);
        Class { p: y.exp(), q: x.exp(), log_p, log_q, d, d_size: 1.0 }
    };
    for divergence in crate::FAMILY.into_iter().chain(crate::EXTREMES) {
        for (x, y) in [(-1.0, -1.2), (-3.0, -0.5), (-0.25, -4.0), (-1.0, -1.5), (-2.0, -1.98)] {
            let [plain, more] = [false, true].map(|form| class(x, y).results(divergence, form));
            let Class { p, q, .. } = class(x, y);
            let apart = more.term.value - plain.term.value - kappa(divergence) * (q - p);
            assert!(apart.abs() < 1e-15, "{divergence} {x} {y}: {apart}");
            for form in [false, true] {
                let term = |x, y| class(x, y).results(divergence, form).term.value;
                let found = class(x, y).results(divergence, form);
                let h = 1e-5;
                let d_x = (term(x + h, y) - term(x - h, y)) / (2.0 * h);
                let d_y = (term(x, y + h) - term(x, y - h)) / (2.0 * h);
                assert!((d_x - found.d_x.value).abs() < 1e-9, "{divergence} {form} {x} {y}");
                assert!((d_y - found.d_y.value).abs() < 1e-9, "{divergence} {form} {x} {y}");
                assert!((found.d_y.value - p * found.d_p.value).abs() < 1e-14);
            }
        }
    }
}
