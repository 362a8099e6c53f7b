//! Products and quotients beyond the range of an `f64`.

/// The number significand·2^exponent.
#[derive(Clone, Copy, Debug)]
pub struct Scaled {
    /// The significand. It is in 1..2, unless it is 0, infinite or NaN, or the exponent is 0 and the number is far from the ends of
    /// an `f64`'s range.
    pub significand: f64,
    /// The exponent of 2.
    pub exponent: i32,
}

impl Scaled {
    /// The number as a significand and an exponent.
    pub fn new(number: f64) -> Scaled {
        let plain = Scaled { significand: number, exponent: 0 };
        if is_far_from_ends(number) { plain } else { plain.normalized() }
    }

    /// The product. Its significand is rounded once.
    pub fn times(self, other: Scaled) -> Scaled {
        let (a, b) = (self.normalized(), other.normalized());
        let significand = a.significand * b.significand;
        Scaled { significand, exponent: a.exponent + b.exponent }.normalized()
    }

    /// The quotient. Its significand is rounded once.
    pub fn over(self, other: Scaled) -> Scaled {
        let plain = self.significand / other.significand;
        let is_plain =
            |number: &Scaled| number.exponent == 0 && is_far_from_ends(number.significand);
        if is_plain(&self) && is_plain(&other) && is_far_from_ends(plain) {
            return Scaled { significand: plain, exponent: 0 };
        }
        let (a, b) = (self.normalized(), other.normalized());
        let significand = a.significand / b.significand;
        Scaled { significand, exponent: a.exponent - b.exponent }.normalized()
    }

    /// The square root of a number that is not negative.
    pub fn sqrt(self) -> f64 {
        let Scaled { significand, exponent } = self.normalized();
        let odd = exponent.rem_euclid(2);
        let root = (significand * power_of_two(odd)).sqrt();
        let [a, b] = powers((exponent - odd) / 2);
        root * a * b
    }

    /// Two factors whose product is the number. The second is a power of 2; it is 1 if the first can hold the number.
    pub fn split(self) -> [f64; 2] {
        let Scaled { significand, exponent } = self.normalized();
        let first = exponent.clamp(-1000, 1000);
        let rest = (exponent - first).clamp(-1022, 1023);
        [significand * power_of_two(first), power_of_two(rest)]
    }

    /// The number, rounded to an `f64`.
    pub fn value(self) -> f64 {
        if self.exponent == 0 {
            return self.significand;
        }
        let Scaled { significand, exponent } = self.normalized();
        let [a, b] = powers(exponent);
        significand * a * b
    }

    /// The same number with a significand in 1..2, unless that is 0, infinite or NaN.
    pub fn normalized(self) -> Scaled {
        let Scaled { significand, exponent } = self;
        if significand == 0.0 || !significand.is_finite() {
            return self;
        }
        if !significand.is_normal() {
            let lifted = significand * power_of_two(64);
            return Scaled { significand: lifted, exponent: exponent - 64 }.normalized();
        }
        let shift = ((significand.to_bits() >> 52 & 0x7ff) as i32) - 1023;
        let [a, b] = [power_of_two(-(shift / 2)), power_of_two(-(shift - shift / 2))];
        Scaled { significand: significand * a * b, exponent: exponent + shift }
    }
}

/// Whether the product or quotient of two such numbers is rounded only once, and is far from overflow.
fn is_far_from_ends(number: f64) -> bool {
    (1e-290..1e290).contains(&number.abs())
}

/// Two powers of two whose product is 2^exponent. The exponent is clamped to a range beyond which every `f64` becomes 0 or ∞.
fn powers(exponent: i32) -> [f64; 2] {
    let exponent = exponent.clamp(-2040, 2040);
    [power_of_two(exponent / 2), power_of_two(exponent - exponent / 2)]
}

/// The number 2^exponent, for −1022 ≤ exponent ≤ 1023.
#[inline(always)]
pub fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}
