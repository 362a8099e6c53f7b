//! One distribution by the definitions, in any arithmetic: in that of the loss it is the loop by hand, in a wider one the
//! oracle.

use kldiv::Divergence;
use ndarray::{ArrayView1, ShapeBuilder};

use crate::formula::Class;
use crate::logits::TEMPERATURE;
use crate::{Given, Real, Stored};

/// The input and the target of a lane.
pub(crate) type Pair<'a, A> = [ArrayView1<'a, A>; 2];

/// The numbers of a lane, and what to subtract from logits that have been divided by τ.
pub(crate) struct Lane<'a, A, T> {
    input: ArrayView1<'a, A>,
    target: ArrayView1<'a, A>,
    given: Given,
    shifts: [T; 2],
}

impl<'a, A: Stored, T: Real> Lane<'a, A, T> {
    pub fn new(given: Given, input: ArrayView1<'a, A>, target: ArrayView1<'a, A>) -> Self {
        let shifts = match given {
            Given::Pair(_) => [T::of(0.0); 2],
            Given::Logits => [&input, &target].map(log_sum_exp),
        };
        Lane { input, target, given, shifts }
    }

    #[inline(always)]
    pub fn classes(&self) -> impl Iterator<Item = Class<T>> {
        let [of_input, of_target] = self.shifts;
        let holds = self.given.target();
        self.input.iter().zip(self.target).map(move |(&x, &t)| match self.given {
            Given::Pair(_) => Class { log_q: number(x), target: number(t), holds },
            Given::Logits => Class {
                log_q: scaled::<A, T>(x) - of_input,
                target: scaled::<A, T>(t) - of_target,
                holds,
            },
        })
    }

    #[inline(always)]
    pub fn value(&self, divergence: Divergence) -> T {
        sum(self.classes().map(|class| class.term(divergence)))
    }

    /// The gradient with respect to the input, of the mean of so many rows: the slopes, and from logits (g − q·Σg)/τ.
    #[inline(always)]
    pub fn gradient(
        &self,
        rows: f64,
        slope: impl Fn(Class<T>) -> T,
    ) -> impl Iterator<Item = (Class<T>, T)> {
        let (total, divisor) = match self.given {
            Given::Pair(_) => (None, rows),
            Given::Logits => (Some(sum(self.classes().map(&slope))), TEMPERATURE * rows),
        };
        let scale = T::of(1.0) / T::of(divisor);
        self.classes().map(move |class| {
            let slope = slope(class);
            (class, scale * total.map_or(slope, |total| slope - class.q() * total))
        })
    }
}

/// The lane of those that alternate.
pub(crate) fn lane<A>(numbers: &[A], lane: usize, lanes: usize) -> ArrayView1<'_, A> {
    let shape = [numbers.len() / lanes].strides([lanes]);
    ArrayView1::from_shape(shape, &numbers[lane..]).expect("a part of the numbers")
}

#[inline(always)]
fn number<A: Stored, T: Real>(number: A) -> T {
    T::of(number.widen().into())
}

#[inline(always)]
fn scaled<A: Stored, T: Real>(logit: A) -> T {
    number::<A, T>(logit) / T::of(TEMPERATURE)
}

fn log_sum_exp<A: Stored, T: Real>(logits: &ArrayView1<'_, A>) -> T {
    let scaled = || logits.iter().map(|&logit| scaled::<A, T>(logit));
    let peak = scaled().reduce(|peak, z| if z > peak { z } else { peak });
    let peak = peak.unwrap_or(T::of(0.0));
    peak + sum(scaled().map(|z| (z - peak).exponential())).logarithm()
}

#[inline(always)]
fn sum<T: Real>(numbers: impl Iterator<Item = T>) -> T {
    numbers.fold(T::of(0.0), |sum, number| sum + number)
}
