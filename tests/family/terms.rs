//! Generalized terms of a log target, in ulp of themselves, against arithmetic of 104 bits.

use std::fmt;

use kldiv::{Divergence, Pointwise};
use ndarray::{Array1, Array2};

use super::big::{Big, ONE, ZERO};
use super::common::{Number, Random};
use super::definition::{Class, INF};
use super::{EXTREMES, FAMILY, LOGS, Settings};

/// The pairs of each draw. A search over a million is the environment variable `PAIRS` away.
fn pairs(usual: usize) -> usize {
    std::env::var("PAIRS").map_or(usual, |text| text.parse().unwrap())
}

/// Random x and y: |D| from 1e−8 to 80, p from 1e−30 to 1 and at times more, every magnitude alike. Both sides are normal
/// numbers of `f32`.
fn draw<A: Number>(count: usize, seed: u64) -> [Array2<A>; 2] {
    let mut random = Random(seed);
    let (mut x, mut y) = (vec![], vec![]);
    while x.len() < count {
        let log_p = match random.below(4) {
            0 => 2.0 - 3.0 * random.unit(),
            // So small that differences far below 1 are told.
            1 => -10_f64.powf(-8.0 * random.unit()),
            _ => -69.0 * random.unit(),
        };
        let distance = 10_f64.powf(-8.0 + 9.9031 * random.unit());
        let d = if random.below(2) == 0 { distance } else { -distance };
        let (of_x, of_y) = (A::of(log_p - d), A::of(log_p));
        if of_x.to().abs() < 85.0 && of_x.to() != of_y.to() {
            x.push(of_x);
            y.push(of_y);
        }
    }
    [x, y].map(|numbers| Array1::from(numbers).insert_axis(ndarray::Axis(0)))
}

/// a·p·φ(P) + b·q·φ(Q) in 104 bits. Near p = q half of them cancel at most, and 50 are left.
fn exact(divergence: Divergence, x: f64, y: f64) -> Big {
    let (p, q, d) = (Big::of(y).exp(), Big::of(x).exp(), Big::of(y) - Big::of(x));
    // φ(−ln(1 + rest·(e^(−D) − 1))) of one direction.
    let phi_of = |rest: Big, d: Big| {
        let growth = rest * (-d).exp_m1();
        growth - growth.ln_1p()
    };
    let big = Big::of;
    let forward = |rest: Big| p * phi_of(rest, d);
    let reverse = |rest: Big| q * phi_of(rest, -d);
    match divergence {
        Divergence::Forward => forward(ONE),
        Divergence::Reverse => reverse(ONE),
        Divergence::Symmetric(a) => big(a) * forward(ONE) + (ONE - big(a)) * reverse(ONE),
        Divergence::Jeffreys => forward(ONE) + reverse(ONE),
        Divergence::JensenShannon(b) => {
            let (b, rest) = (big(b), ONE - big(b));
            b * forward(rest) + rest * reverse(b)
        }
        Divergence::Skew(a) => forward(ONE - big(a)),
        Divergence::SkewReverse(a) => reverse(ONE - big(a)),
        _ => big(0.5) * (p * (-d).exp_m1()).abs(),
    }
}

/// The same in `f64`, where that is exact enough for `f32`.
fn nearly(divergence: Divergence, x: f64, y: f64) -> f64 {
    let class = Class { p: y.exp(), q: x.exp(), log_p: y, log_q: x, d: y - x, d_size: 0.0 };
    class.results(divergence, true).term.value
}

/// The largest error in ulp, and the pair that has it.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    ulp: f64,
    d: f64,
    y: f64,
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ulp at D = {:e}, y = {}", self.ulp, self.d, self.y)
    }
}

/// The worst where |D| ≤ 1e−3, and the worst of the others. Terms so small that they are not judged are none.
fn worst<A: Number<Wide = A>>(divergence: Divergence, [x, y]: [&Array2<A>; 2]) -> [Worst; 2] {
    let settings = Settings::new(divergence, LOGS).generalized(true);
    let terms = settings.rows(Pointwise, x, y).forward().unwrap();
    let mut worst = [Worst::default(); 2];
    for ((term, x), y) in terms.iter().zip(x).zip(y) {
        let (term, x, y) = (term.to(), x.to(), y.to());
        let rough = nearly(divergence, x, y);
        // Smaller ones are made of subnormals.
        if rough < A::TINY / A::EPSILON / A::EPSILON {
            continue;
        }
        let place = 2_f64.powi(rough.log2().floor() as i32) * A::EPSILON;
        let error = match A::NAME {
            _ if term.is_nan() => INF,
            "f32" => (term - rough).abs(),
            _ => (Big::of(term) - exact(divergence, x, y)).abs().to_f64(),
        };
        let (ulp, d) = (error / place, y - x);
        let worst = &mut worst[usize::from(d.abs() > 1e-3)];
        if ulp > worst.ulp {
            *worst = Worst { ulp, d, y };
        }
    }
    worst
}

/// The definition in `f64` is good enough: near p = q and far from it.
#[test]
fn the_reference_is_right() {
    let [x, y] = draw::<f64>(4000, 3);
    for divergence in FAMILY.into_iter().chain(EXTREMES) {
        for (&x, &y) in x.iter().zip(&y) {
            let (found, exact) = (nearly(divergence, x, y), exact(divergence, x, y));
            assert!(exact > ZERO && found < INF, "{divergence} {x} {y}");
            if exact < Big::of(1e-290) {
                continue;
            }
            let apart = (Big::of(found) - exact).abs();
            assert!(apart < Big::of(1e-11) * exact, "{divergence} {x} {y}: {found:e}");
        }
    }
}

/// In `f32` and `f64`: a little above the worst of 10⁶ and 10⁵ pairs.
///
/// The worst of Jensen–Shannon with uneven weights is beyond |D| = ln 2, where its parts cancel; that of skew where m/p is just
/// beyond 4/3.
fn bound(divergence: Divergence) -> [f64; 2] {
    match divergence {
        Divergence::Forward => [5.0, 4.0],
        Divergence::Symmetric(share) if share > 0.1 => [6.5, 4.8],
        Divergence::Jeffreys => [5.6, 4.5],
        Divergence::TotalVariation => [4.0, 4.0],
        Divergence::Reverse => [5.2, 4.5],
        Divergence::JensenShannon(0.5) => [9.5, 10.5],
        Divergence::JensenShannon(_) => [20.0, 13.0],
        Divergence::Skew(share) | Divergence::SkewReverse(share) if share < 0.9 => [21.0, 17.0],
        Divergence::Skew(_) | Divergence::SkewReverse(_) => [36.0, 30.0],
        // Nearly `Reverse`.
        _ => [8.9, 7.6],
    }
}

fn check(divergences: &[Divergence]) {
    let [x, y] = draw::<f32>(pairs(50_000), 17);
    let [wide_x, wide_y] = draw::<f64>(pairs(50_000) / 10, 18);
    let mut excess = vec![];
    for &divergence in divergences {
        let single = worst::<f32>(divergence, [&x, &y]);
        let double = worst::<f64>(divergence, [&wide_x, &wide_y]);
        let bounds = bound(divergence);
        for (name, worst, bound) in [("f32", single, bounds[0]), ("f64", double, bounds[1])] {
            for worst in worst {
                println!("{divergence} {name}: {worst}");
                if worst.ulp > bound {
                    excess.push(format!("{divergence} {name}: {worst}"));
                }
            }
        }
    }
    assert!(excess.is_empty(), "{excess:#?}");
}

#[test]
fn generalized_terms_in_ulp_of_themselves() {
    check(&FAMILY);
}

#[test]
fn generalized_terms_where_a_parameter_is_near_its_end() {
    check(&EXTREMES);
}
