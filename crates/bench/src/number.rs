//! What arrays hold, and what formulas are computed in.

use std::iter::Sum;
use std::ops::{Add, Div, Mul, Neg, Sub};

use kldiv::Element;
use ndarray::NdFloat;

use crate::double::Double;

/// `f32` or `f64`.
pub trait Number: Real + Element<Loss = Self> + NdFloat + Sum + Into<f64> {
    const NAME: &'static str;
}

/// Whatever arrays hold: a [`Number`], or 16 bits that are computed in `f32`.
pub trait Stored: Element<Loss: Number> {}

impl<A: Element<Loss: Number>> Stored for A {}

/// What a formula needs: `f32`, `f64`, and [`Double`] have it.
pub trait Real:
    Copy
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn of(value: f64) -> Self;
    fn exponential(self) -> Self;
    fn logarithm(self) -> Self;
}

macro_rules! number {
    ($float:ident) => {
        impl Number for $float {
            const NAME: &'static str = stringify!($float);
        }

        impl Real for $float {
            #[inline(always)]
            fn of(value: f64) -> $float {
                value as $float
            }
            #[inline(always)]
            fn exponential(self) -> $float {
                self.exp()
            }
            #[inline(always)]
            fn logarithm(self) -> $float {
                self.ln()
            }
        }
    };
}
number!(f32);
number!(f64);

impl Real for Double {
    fn of(value: f64) -> Double {
        value.into()
    }
    fn exponential(self) -> Double {
        self.exp()
    }
    fn logarithm(self) -> Double {
        self.ln()
    }
}
