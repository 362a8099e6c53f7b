//! Axes: where a value lies, and which values are named.

/// More ticks than this would crowd an axis.
const MOST: usize = 7;
/// At which per cent the least and the largest value are drawn: beyond every quantile.
pub const ENDS: [f64; 2] = [0.01, 99.99];

pub struct Axis {
    /// What is linear along the axis: a function of the value.
    scale: fn(f64) -> f64,
    /// The ends of the axis on that scale, and their places in the picture.
    values: [f64; 2],
    places: [f64; 2],
    ticks: Vec<(f64, String)>,
}

impl Axis {
    fn new(
        scale: fn(f64) -> f64,
        [from, to]: [f64; 2],
        places: [f64; 2],
        ticks: Vec<(f64, String)>,
    ) -> Axis {
        Axis { scale, values: [scale(from), scale(to)], places, ticks }
    }

    /// Positive values on a logarithmic scale; at least a factor of 4, so that ticks have their place.
    pub fn logarithmic([from, to]: [f64; 2], places: [f64; 2]) -> Axis {
        let [from, to] = if to / from < 4.0 { [from / 2.0, to * 2.0] } else { [from, to] };
        Axis::new(f64::log10, [from, to], places, decimal_ticks(from, to))
    }

    /// From 0 to a percentage.
    pub fn percentage(to: f64, places: [f64; 2]) -> Axis {
        let exponent = to.log10().floor() as i32;
        let steps =
            [-1, 0].into_iter().flat_map(|more| [1, 2, 5].map(|digit| (digit, exponent + more)));
        let step = |(digit, exponent)| f64::from(digit) * power(exponent);
        let mut steps = steps.skip_while(|&it| to / step(it) > 5.0);
        let (digit, exponent) = steps.next().unwrap_or((1, exponent + 1));
        let decimals = usize::try_from(-exponent).unwrap_or(0);
        let count = (to / step((digit, exponent))) as i32;
        let values = (0..=count).map(|at| f64::from(at * digit) * power(exponent));
        let ticks = values.map(|value| (value, format!("{value:.decimals$}"))).collect();
        Axis::new(|value| value, [0.0, to], places, ticks)
    }

    /// Percentages of which both ends matter, on the logistic scale.
    pub fn percentiles(places: [f64; 2]) -> Axis {
        let named =
            [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9].map(|percent| {
                // Between 1 and 10 there is no room for another number.
                let is_named = percent != 5.0 && percent != 95.0;
                (percent, if is_named { percent.to_string() } else { String::new() })
            });
        let ends = [(ENDS[0], "min".to_owned()), (ENDS[1], "max".to_owned())];
        let ticks = named.into_iter().chain(ends).collect();
        Axis::new(|percent| (percent / (100.0 - percent)).ln(), ENDS, places, ticks)
    }

    /// Where a value lies.
    pub fn at(&self, value: f64) -> f64 {
        let [from, to] = self.values;
        let [start, end] = self.places;
        start + (end - start) * ((self.scale)(value) - from) / (to - from)
    }

    /// The places that are named, and their names.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, &str)> {
        self.ticks.iter().map(|(value, name)| (self.at(*value), name.as_str()))
    }
}

/// As many as there is room for: one, two or three of each power of ten, or every so many powers.
fn decimal_ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    let powers = from.log10().floor() as i32..=to.log10().ceil() as i32;
    let ticks = |digits: &[i32], every: usize| -> Vec<(f64, String)> {
        let all = powers.clone().step_by(every).flat_map(|exponent| {
            digits.iter().map(move |&digit| (f64::from(digit) * power(exponent), digit, exponent))
        });
        let shown = all.filter(|&(value, ..)| from <= value && value <= to);
        shown.map(|(value, digit, exponent)| (value, decimal(value, digit, exponent))).collect()
    };
    let dense = [&[1, 2, 5][..], &[1, 3], &[1]].map(|digits| ticks(digits, 1));
    let fitting = dense.into_iter().find(|ticks| ticks.len() <= MOST);
    fitting.unwrap_or_else(|| ticks(&[1], powers.clone().count().div_ceil(MOST)))
}

/// 10ⁿ, correctly rounded where 10⁻ⁿ is exact.
fn power(exponent: i32) -> f64 {
    if exponent < 0 { 1.0 / 10f64.powi(-exponent) } else { 10f64.powi(exponent) }
}

/// `0.02`, `500`, `2·10⁻⁷`
fn decimal(value: f64, digit: i32, exponent: i32) -> String {
    if (-3..=4).contains(&exponent) {
        let decimals = usize::try_from(-exponent).unwrap_or(0);
        return format!("{value:.decimals$}");
    }
    let raised = |letter: char| match letter.to_digit(10) {
        Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
        None => '⁻',
    };
    let raised: String = exponent.to_string().chars().map(raised).collect();
    let factor = if digit == 1 { String::new() } else { format!("{digit}·") };
    format!("{factor}10{raised}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks().map(|(_, name)| name).collect()
    }

    #[test]
    fn logarithmic_ticks_suit_the_range() {
        let axis = |from, to| Axis::logarithmic([from, to], [0.0, 100.0]);
        assert_eq!(names(&axis(0.03, 0.03)), ["0.02", "0.05"]);
        assert_eq!(names(&axis(0.01, 0.6)), ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"]);
        assert_eq!(names(&axis(9e-6, 2e-3)), ["10⁻⁵", "3·10⁻⁵", "10⁻⁴", "3·10⁻⁴", "0.001"]);
        for (from, to) in [(f64::MIN_POSITIVE, 1e300), (1e-18, 1.0), (1e-3, 1e7), (1.0, 1.0)] {
            let axis = axis(from, to);
            assert!((1..=MOST).contains(&names(&axis).len()), "{:?}", names(&axis));
            assert!(axis.ticks().all(|(place, _)| (0.0..=100.0).contains(&place)));
        }
    }

    #[test]
    fn percentages_have_round_steps() {
        let axis = |to| Axis::percentage(to, [0.0, 1.0]);
        assert_eq!(names(&axis(105.0)), ["0", "50", "100"]);
        assert_eq!(names(&axis(8.0)), ["0", "2", "4", "6", "8"]);
        assert_eq!(names(&axis(0.024)), ["0.000", "0.005", "0.010", "0.015", "0.020"]);
    }
}
