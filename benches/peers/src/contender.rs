//! Somebody's way to do a job.

use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array, Dimension};

use kldiv_bench::{Number, Problem};

/// What was found, in any precision: a loss, an array, or both.
#[derive(Default)]
pub struct Answer {
    pub value: Option<f64>,
    pub array: Option<Vec<f64>>,
}

pub trait Contender<P> {
    fn name(&self) -> &'static str;
    /// Seconds of so many runs, right after others that take at least `warming` seconds.
    fn time(&self, problem: &mut P, warming: f64, repeats: u32) -> f64;
    fn answer(&self, problem: &mut P) -> Answer;
}

pub type Contenders<A, D> = Vec<Box<dyn Contender<Problem<A, D>>>>;

/// A run, and how to read its result, which is not timed.
struct Entry<R, A> {
    name: &'static str,
    run: R,
    read: A,
}

impl<P, T, R, A> Contender<P> for Entry<R, A>
where
    R: Fn(&mut P) -> T,
    A: Fn(T, &P) -> Answer,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn time(&self, problem: &mut P, warming: f64, repeats: u32) -> f64 {
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < warming {
            black_box((self.run)(black_box(problem)));
        }
        let start = Instant::now();
        for _ in 0..repeats {
            black_box((self.run)(black_box(problem)));
        }
        start.elapsed().as_secs_f64()
    }

    fn answer(&self, problem: &mut P) -> Answer {
        let found = (self.run)(problem);
        (self.read)(found, problem)
    }
}

pub fn contender<P, T>(
    name: &'static str,
    run: impl Fn(&mut P) -> T + 'static,
    read: impl Fn(T, &P) -> Answer + 'static,
) -> Box<dyn Contender<P>>
where
    T: 'static,
{
    Box::new(Entry { name, run, read })
}

/// Gives a loss.
pub fn value<P, T: Into<f64> + 'static>(
    name: &'static str,
    run: impl Fn(&mut P) -> T + 'static,
) -> Box<dyn Contender<P>> {
    contender(name, run, |value, _| Answer { value: Some(value.into()), array: None })
}

/// Gives a new array.
pub fn array<A: Number, D: Dimension + 'static>(
    name: &'static str,
    run: impl Fn(&mut Problem<A, D>) -> Array<A, D> + 'static,
) -> Box<dyn Contender<Problem<A, D>>> {
    contender(name, run, |array, _| Answer { value: None, array: Some(numbers(&array)) })
}

/// Gives a loss and a new array.
pub fn both<A: Number, D: Dimension + 'static>(
    name: &'static str,
    run: impl Fn(&mut Problem<A, D>) -> (A, Array<A, D>) + 'static,
) -> Box<dyn Contender<Problem<A, D>>> {
    contender(name, run, |(value, array), _| Answer {
        value: Some(value.into()),
        array: Some(numbers(&array)),
    })
}

/// Writes into the problem's buffer; gives the loss, where there is one.
pub fn written<A: Number, D: Dimension + 'static>(
    name: &'static str,
    run: impl Fn(&mut Problem<A, D>) -> Option<A> + 'static,
) -> Box<dyn Contender<Problem<A, D>>> {
    contender(name, run, |value, problem: &Problem<A, D>| Answer {
        value: value.map(A::into),
        array: Some(numbers(&problem.output)),
    })
}

/// In the order of the classes and distributions.
pub fn numbers<A: Number, D: Dimension>(array: &Array<A, D>) -> Vec<f64> {
    array.iter().map(|&number| number.into()).collect()
}
