//! How numbers are written for people: as llama.cpp prints them, so that the digits can be laid side by side.

use super::model::Estimate;
use super::table::Cell;

/// How numbers of one kind are written.
#[derive(Clone, Copy)]
pub enum Style {
    /// A divergence or a perplexity: six decimals, or four significant digits where six decimals say little.
    Nats,
    /// A fraction, told in per cent with three decimals.
    Percent,
}

impl Style {
    pub fn number(self, number: f64) -> String {
        self.write(number, number)
    }

    /// Mean ± standard error, both in the notation that suits the mean.
    pub fn estimate(self, estimate: Estimate) -> Cell {
        let Estimate { mean, standard_error } = estimate;
        Cell::new(self.number(mean), format!(" ± {}", self.write(standard_error, mean)))
    }

    /// Writes `number` in the notation that suits `model`.
    fn write(self, number: f64, model: f64) -> String {
        if number.is_infinite() {
            return if number > 0.0 { "∞".to_owned() } else { "−∞".to_owned() };
        }
        match self {
            Style::Percent => format!("{:.3}", 100.0 * number),
            Style::Nats if model == 0.0 || (1e-4..1e7).contains(&model.abs()) => {
                format!("{number:.6}")
            }
            Style::Nats => format!("{number:.3e}"),
        }
    }
}

/// 1234567 as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `[3, 15]`
pub fn index(index: &[u64]) -> String {
    format!("{index:?}")
}

/// A file name without the characters that would steer a terminal or break a page.
pub fn printable(name: &str) -> String {
    name.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_suits_the_size() {
        let cases = [
            (0.0350312, "0.035031"),
            (-0.00012345, "-0.000123"),
            (4.56789e-7, "4.568e-7"),
            (29.785944, "29.785944"),
            (1.25e8, "1.250e8"),
            (0.0, "0.000000"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (number, written) in cases {
            assert_eq!(Style::Nats.number(number), written);
        }
        assert_eq!(Style::Percent.number(0.82031), "82.031");
    }

    #[test]
    fn the_error_is_written_as_the_mean() {
        let cell = |mean, standard_error| {
            let Cell { number, rest } = Style::Nats.estimate(Estimate { mean, standard_error });
            number + &rest
        };
        assert_eq!(cell(0.035031, 1.5e-5), "0.035031 ± 0.000015");
        assert_eq!(cell(3.5e-7, 1.5e-8), "3.500e-7 ± 1.500e-8");
        assert_eq!(cell(0.5, f64::NAN), "0.500000 ± NaN");
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, written) in [(0, "0"), (999, "999"), (1000, "1,000"), (12345678, "12,345,678")]
        {
            assert_eq!(grouped(number), written);
        }
    }
}
