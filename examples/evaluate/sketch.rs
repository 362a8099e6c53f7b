//! How the divergences are distributed: counts in buckets that are fixed, so that adding them is the merge.

/// Buckets an octave: a quantile is right to 1 / (2·64) of itself.
const STEPS: usize = 64;
/// Exponents of two of the first bucket and behind the last.
const RANGE: (i32, i32) = (-40, 24);
const BUCKETS: usize = (RANGE.1 - RANGE.0) as usize * STEPS;
/// Below the first bucket, the buckets, above the last; ∞, −∞, NaN.
pub const COUNTS: usize = BUCKETS + 5;
const ABOVE: usize = BUCKETS + 1;
const INFINITE: usize = BUCKETS + 2;
const MINUS_INFINITE: usize = BUCKETS + 3;
const NAN: usize = BUCKETS + 4;

#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    pub counts: Vec<i64>,
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch { counts: vec![0; COUNTS] }
    }
}

impl Sketch {
    pub fn add(&mut self, divergence: f64) {
        self.counts[place(divergence)] += 1;
    }

    /// How many were NaN, ∞ and −∞.
    pub fn not_finite(&self) -> [i64; 3] {
        [NAN, INFINITE, MINUS_INFINITE].map(|place| self.counts[place])
    }

    /// The least bucket below or in which lies that share of all, NaN above everything.
    pub fn quantile(&self, share: f64) -> f64 {
        let order = [MINUS_INFINITE].into_iter().chain(0..=ABOVE).chain([INFINITE, NAN]);
        let total: i64 = self.counts.iter().sum();
        let wanted = ((share * total as f64).ceil() as i64).clamp(1, total.max(1));
        let mut below = 0;
        for place in order {
            below += self.counts[place];
            if below >= wanted {
                return middle(place);
            }
        }
        f64::NAN
    }

    /// The buckets that hold something: from, to, how many.
    pub fn bars(&self) -> impl Iterator<Item = (f64, f64, i64)> {
        let all = self.counts[1..=BUCKETS].iter().enumerate();
        let some = all.filter(|(_, count)| **count > 0);
        some.map(|(bucket, &count)| (edge(bucket), edge(bucket + 1), count))
    }

    /// How many lie below all buckets: equal distributions, to rounding.
    pub fn zeros(&self) -> i64 {
        self.counts[0]
    }
}

/// From the exponent and the first six digits behind the point.
fn place(divergence: f64) -> usize {
    match divergence {
        _ if divergence.is_nan() => NAN,
        f64::INFINITY => INFINITE,
        f64::NEG_INFINITY => MINUS_INFINITE,
        _ if divergence < edge(0) => 0,
        _ if divergence >= edge(BUCKETS) => ABOVE,
        _ => 1 + ((divergence.to_bits() >> (52 - STEPS.ilog2())) - first()) as usize,
    }
}

fn first() -> u64 {
    ((1023 + RANGE.0) as u64) << STEPS.ilog2()
}

/// Where a bucket starts.
fn edge(bucket: usize) -> f64 {
    f64::from_bits((first() + bucket as u64) << (52 - STEPS.ilog2()))
}

fn middle(place: usize) -> f64 {
    match place {
        0 => 0.0,
        ABOVE => edge(BUCKETS),
        INFINITE => f64::INFINITY,
        MINUS_INFINITE => f64::NEG_INFINITY,
        NAN => f64::NAN,
        _ => (edge(place - 1) + edge(place)) / 2.0,
    }
}
