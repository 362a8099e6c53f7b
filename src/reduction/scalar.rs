//! Tells the compiler that a scalar reduction returns a number. Each rank needs its own bound: there is no bound for all ranks.

use ndarray::{Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

use super::Reduction;
use super::output::Scalar;
use crate::element::Element;

/// A reduction of `A`s, of any rank, to one number.
pub trait ScalarOver<A: Element>: Reduction
where
    Self: Reduction<Output<A, Ix1> = A::Loss, Buffer<A, Ix1> = A::Loss>,
    Self: Reduction<Output<A, Ix2> = A::Loss, Buffer<A, Ix2> = A::Loss>,
    Self: Reduction<Output<A, Ix3> = A::Loss, Buffer<A, Ix3> = A::Loss>,
    Self: Reduction<Output<A, Ix4> = A::Loss, Buffer<A, Ix4> = A::Loss>,
    Self: Reduction<Output<A, Ix5> = A::Loss, Buffer<A, Ix5> = A::Loss>,
    Self: Reduction<Output<A, Ix6> = A::Loss, Buffer<A, Ix6> = A::Loss>,
    Self: Reduction<Output<A, IxDyn> = A::Loss, Buffer<A, IxDyn> = A::Loss>,
{
}

impl<S: Scalar, A: Element> ScalarOver<A> for S {}

/// A reduction of 16-bit numbers, where there are any, to one number.
#[cfg(feature = "half")]
pub trait ScalarOverHalves: ScalarOver<half::f16> + ScalarOver<half::bf16> {}
/// A reduction of 16-bit numbers, where there are any, to one number.
#[cfg(not(feature = "half"))]
pub trait ScalarOverHalves {}

impl<S: Scalar> ScalarOverHalves for S {}
