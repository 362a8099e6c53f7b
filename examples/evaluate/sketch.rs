//! How the divergences are distributed: counts in buckets that are fixed, so that adding them is the merge.

/// Buckets an octave: a quantile is right to 1 / (2·32) of itself.
const STEPS: usize = 32;
/// Exponents of two of the first bucket and behind the last.
const RANGE: (i32, i32) = (-40, 24);
const BUCKETS: usize = (RANGE.1 - RANGE.0) as usize * STEPS;

// In the order of the numbers; what is no divergence of two distributions may be negative.
const MINUS_INFINITE: usize = 0;
const BELOW: usize = 1;
const NEGATIVE: usize = 2;
const ZERO: usize = NEGATIVE + BUCKETS;
const POSITIVE: usize = ZERO + 1;
const ABOVE: usize = POSITIVE + BUCKETS;
const INFINITE: usize = ABOVE + 1;
const NAN: usize = ABOVE + 2;
pub const COUNTS: usize = ABOVE + 3;

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

    /// The middle of the first bucket up to which lies that share of all, NaN above everything.
    pub fn quantile(&self, share: f64) -> f64 {
        let total: i64 = self.counts.iter().sum();
        let wanted = ((share * total as f64).ceil() as i64).clamp(1, total.max(1));
        let mut up_to = 0;
        let place = self.counts.iter().position(|count| {
            up_to += count;
            up_to >= wanted
        });
        middle(place.unwrap_or(NAN))
    }

    /// The buckets above 0 that hold something: from, to, how many.
    pub fn bars(&self) -> impl Iterator<Item = (f64, f64, i64)> {
        let all = self.counts[POSITIVE..ABOVE].iter().enumerate();
        let some = all.filter(|(_, count)| **count > 0);
        some.map(|(bucket, &count)| (edge(bucket), edge(bucket + 1), count))
    }

    /// How many are finite, but have no such bucket: below 0, about 0, and huge.
    pub fn others(&self) -> [i64; 3] {
        [self.counts[BELOW..ZERO].iter().sum(), self.counts[ZERO], self.counts[ABOVE]]
    }
}

fn place(divergence: f64) -> usize {
    let bucket = bucket(divergence.abs());
    match divergence {
        _ if divergence.is_nan() => NAN,
        f64::INFINITY => INFINITE,
        f64::NEG_INFINITY => MINUS_INFINITE,
        _ if divergence.abs() < edge(0) => ZERO,
        _ if divergence < 0.0 => bucket.map_or(BELOW, |bucket| ZERO - 1 - bucket),
        _ => bucket.map_or(ABOVE, |bucket| POSITIVE + bucket),
    }
}

/// From the exponent and the first five digits behind the point.
fn bucket(size: f64) -> Option<usize> {
    let bucket = (size.to_bits() >> (52 - STEPS.ilog2())).checked_sub(first())?;
    Some(bucket as usize).filter(|&bucket| bucket < BUCKETS)
}

fn first() -> u64 {
    ((1023 + RANGE.0) as u64) << STEPS.ilog2()
}

/// Where a bucket starts.
fn edge(bucket: usize) -> f64 {
    f64::from_bits((first() + bucket as u64) << (52 - STEPS.ilog2()))
}

fn middle(place: usize) -> f64 {
    let of = |bucket: usize| (edge(bucket) + edge(bucket + 1)) / 2.0;
    match place {
        MINUS_INFINITE => f64::NEG_INFINITY,
        BELOW => -edge(BUCKETS),
        ZERO => 0.0,
        ABOVE => edge(BUCKETS),
        INFINITE => f64::INFINITY,
        NAN => f64::NAN,
        _ if place < ZERO => -of(ZERO - 1 - place),
        _ => of(place - POSITIVE),
    }
}
