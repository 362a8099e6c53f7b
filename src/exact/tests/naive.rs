//! Exact sums as at school: two big integers, one for each sign, and long subtraction.

/// 2⁻¹⁰⁷⁴ times an integer of 2200 bits, lowest first.
#[derive(Clone, PartialEq)]
struct Bits([bool; 2200]);

/// The sum of the numbers of each sign.
pub struct Naive;

impl Naive {
    /// The sum of finite numbers, rounded to nearest, ties to even.
    pub fn sum(numbers: &[f64]) -> f64 {
        let (mut positive, mut negative) = (Bits([false; 2200]), Bits([false; 2200]));
        for number in numbers {
            let sum = if number.is_sign_negative() { &mut negative } else { &mut positive };
            sum.add(number.abs());
        }
        if positive.is_below(&negative) {
            -negative.minus(&positive).rounded()
        } else {
            positive.minus(&negative).rounded()
        }
    }
}

impl Bits {
    fn add(&mut self, number: f64) {
        let exponent = number.to_bits() >> 52;
        let fraction = number.to_bits() & ((1 << 52) - 1);
        let significand = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        let shift = exponent.max(1) as usize - 1;
        let mut carry = false;
        for place in shift..self.0.len() {
            let digit = place - shift < 64 && significand >> (place - shift) & 1 == 1;
            let ones = [self.0[place], digit, carry].into_iter().filter(|&one| one).count();
            (self.0[place], carry) = (ones % 2 == 1, ones > 1);
            if place - shift > 53 && !carry {
                break;
            }
        }
    }

    fn is_below(&self, other: &Bits) -> bool {
        self.0.iter().rev().lt(other.0.iter().rev())
    }

    fn minus(&self, other: &Bits) -> Bits {
        let mut difference = self.clone();
        let mut borrow = false;
        for (place, digit) in difference.0.iter_mut().enumerate() {
            let rest = i8::from(*digit) - i8::from(other.0[place]) - i8::from(borrow);
            (*digit, borrow) = (rest % 2 != 0, rest < 0);
        }
        difference
    }

    fn rounded(&self) -> f64 {
        let Some(top) = self.0.iter().rposition(|&digit| digit) else { return 0.0 };
        let last = top.saturating_sub(52);
        let head = (last..=top).rev().fold(0, |head, place| head << 1 | u64::from(self.0[place]));
        let half = last > 0 && self.0[last - 1];
        let more = last > 1 && self.0[..last - 1].contains(&true);
        let head = head + u64::from(half && (more || head % 2 == 1));
        // The bits of a float are in the order of its values: a carry moves on to the next exponent.
        if top > 52 + 2045 {
            return f64::INFINITY;
        }
        f64::from_bits(head + ((last as u64) << 52))
    }
}
