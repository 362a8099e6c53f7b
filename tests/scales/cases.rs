//! Random calls whose factors may have any size.

use kldiv::{AnyReduction, Target};
use ndarray::Array2;

use super::call::{Case, Face};
use super::common::{Number, REDUCTIONS, Random};

/// Exponents of ten that a number of the type may have.
fn range<A: Number>() -> f64 {
    if A::NAME == "f32" { 37.0 } else { 300.0 }
}

/// How large and how small factors may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Factors {
    Usual,
    Any,
}

impl Factors {
    /// The exponents of ten that they may have: those of numbers of the type, and of denominators.
    fn limits<A: Number>(self) -> [f64; 2] {
        if self == Factors::Any { [range::<A>(), 300.0] } else { [1.0, 1.0] }
    }
}

/// ±10^exponent, times a number in [1, 2).
fn power(random: &mut Random, exponent: f64) -> f64 {
    10_f64.powf(exponent) * (1.0 + random.unit())
}

fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    low + (high - low) * random.unit()
}

/// Exponents: of the temperature, of the differences of distributions that are near each other.
fn exponents<A: Number>(
    random: &mut Random,
    logits: bool,
    squared: bool,
    factors: Factors,
) -> [f64; 2] {
    let limit = factors.limits::<A>()[0] / if squared { 2.0 } else { 1.0 };
    let temperature = match random.below(2) {
        _ if !logits => 0.0,
        0 => between(random, -1.0, 1.0),
        _ => between(random, -limit, limit),
    };
    let near = match (random.below(6), A::NAME) {
        (0, _) => -3.0,
        (1, _) => -10.0,
        (2, "f64") => -54.0,
        (2, _) => -25.0,
        _ => 0.0,
    };
    [temperature, near]
}

/// Logits of one lane and of another that is as near as 10^near.
fn lanes<A: Number>(random: &mut Random, classes: usize, tau: f64, near: f64) -> [Vec<f64>; 2] {
    let spread = [3.0_f64, 20.0, 60.0][random.below(3) as usize].min(0.4 * A::MAX / tau);
    let scale = 10_f64.powf(near);
    let small = near < -20.0; // Differences so small need logits so small.
    let equal = random.below(6) == 0;
    let mut pair = [vec![], vec![]];
    for _ in 0..classes {
        let z = spread * between(random, -0.5, 0.5) * if small { scale } else { 1.0 };
        let apart = spread * between(random, -0.5, 0.5) * scale;
        let other = match near {
            0.0 => apart,
            _ if small => apart,
            _ => z + apart,
        };
        pair[0].push(A::of(z * tau).to());
        pair[1].push(A::of(if equal { z } else { other } * tau).to());
    }
    pair
}

/// A call. Most of its products fit the type, though not all of their factors do.
pub fn case<A: Number>(random: &mut Random, face: Face, factors: Factors) -> Case {
    let logits = matches!(face, Face::Logits(_));
    let squared = logits && random.below(2) == 0;
    let generalized = random.below(3) == 0;
    let [tau_exponent, near] = exponents::<A>(random, logits, squared, factors);
    let temperature = A::of(power(random, tau_exponent)).to();
    let classes = [1, 2, 3, 5, 10, 70][random.below(6) as usize];
    let count = [1, 2, 4, 33][random.below(if classes < 10 { 4 } else { 3 }) as usize];
    let columns = random.below(2) == 0;
    let reduction = match random.below(12) {
        i @ 0..7 => REDUCTIONS[i as usize],
        7 => AnyReduction::Pointwise,
        8 => AnyReduction::PerDistribution,
        _ => AnyReduction::SumOver(1.0),
    };

    let [mut input, mut target] = [0; 2].map(|_| Array2::zeros((count, classes)));
    for lane in 0..count {
        let [z_q, z_p] = lanes::<A>(random, classes, temperature, near);
        let equal = random.below(6) == 0;
        for class in 0..classes {
            let deep = if random.below(8) == 0 { 2.3 * range::<A>() } else { 12.0 };
            let log = |random: &mut Random| -deep * random.unit();
            let kind = match face {
                Face::Given { log_target } => log_target,
                Face::Logits(kind) => kind == Target::LogProbabilities,
            };
            let t = match (kind, random.below(8)) {
                (true, _) => log(random),
                (false, 0) => 0.0,
                _ => log(random).exp(),
            };
            input[[lane, class]] = if logits { z_q[class] } else { A::of(log(random)).to() };
            let both = face == Face::Logits(Target::Logits);
            target[[lane, class]] = match face {
                Face::Given { log_target: true } if equal => input[[lane, class]],
                _ if both => z_p[class],
                _ => A::of(t).to(),
            };
        }
    }

    // Most products fit: the denominator or the upstream makes up for the rest.
    let [limit, limit_over] = factors.limits::<A>();
    let weight = between(random, -limit, limit);
    let mut upstream = between(random, -limit, limit);
    let weighted = random.below(2) == 0;
    let by_mass = matches!(reduction, AnyReduction::Mean | AnyReduction::DistributionMean);
    let fixed = if weighted && !by_mass { weight } else { 0.0 }
        + near.min(0.0)
        + tau_exponent
            * if squared {
                1.0
            } else if logits {
                -1.0
            } else {
                0.0
            };
    let mut reduction = reduction;
    if let AnyReduction::SumOver(denominator) = &mut reduction {
        let wanted = if random.below(4) == 0 { 0.0 } else { fixed + upstream };
        let fits = wanted.abs() < limit_over && random.below(4) > 0;
        let exponent = if fits { wanted } else { between(random, -limit_over, limit_over) };
        *denominator = power(random, exponent);
        // `value_and_grad` has an upstream of 1.
        if random.below(2) == 0 {
            upstream = 0.0;
            *denominator = power(random, fixed.clamp(-limit_over, limit_over));
        }
    } else if fixed.abs() < limit && random.below(4) > 0 {
        upstream = -fixed;
    }
    let outputs = match reduction {
        AnyReduction::Pointwise => count * classes,
        AnyReduction::PerDistribution => count,
        _ => 1,
    };
    let wild = random.below(4) == 0;
    let upstream = (0..outputs).map(|_| {
        let exponent = if wild { between(random, -limit, limit) } else { upstream };
        let sign = if random.below(3) == 0 { -1.0 } else { 1.0 };
        if random.below(20) == 0 { 0.0 } else { A::of(sign * power(random, exponent)).to() }
    });
    let upstream = upstream.collect();
    let weights = weighted.then(|| {
        let one = |_| if random.below(8) == 0 { 0.0 } else { A::of(power(random, weight)).to() };
        (0..count).map(one).collect()
    });
    Case {
        face,
        generalized,
        squared,
        temperature,
        reduction,
        input,
        target,
        weights,
        upstream,
        columns,
    }
}
