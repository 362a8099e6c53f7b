//! Which numbers are taken.

use std::fmt::{Debug, Display};

use crate::kernel::Float;
use crate::kernel::softmax::Logit;

/// A number that losses are computed of: `f32` or `f64`.
///
/// Sealed: what is promised is promised of these.
pub trait Element:
    Sealed + Copy + Debug + Display + Default + PartialOrd + Send + Sync + 'static
{
    /// What it is computed in, and what the loss is: `f32` for all but `f64`.
    type Loss: Element<Loss = Self::Loss> + Logit;

    /// To the computing type, exactly.
    #[doc(hidden)]
    fn widen(self) -> Self::Loss;

    /// From `f64`, rounded to nearest.
    #[doc(hidden)]
    fn narrow(value: f64) -> Self;
}

impl Element for f32 {
    type Loss = f32;

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> f32 {
        f32::from_f64(value)
    }
}

impl Element for f64 {
    type Loss = f64;

    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> f64 {
        value
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
use sealed::Sealed;
