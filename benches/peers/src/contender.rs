//! Somebody's way to do a job.

use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array, Dimension};

use crate::common::Problem;

/// What was found: a loss, an array, or both.
#[derive(Default)]
pub struct Answer {
    pub value: Option<f64>,
    pub array: Option<Vec<f32>>,
}

pub trait Contender<P> {
    fn name(&self) -> &'static str;
    /// Seconds of so many runs.
    fn time(&self, problem: &mut P, repeats: u32) -> f64;
    fn answer(&self, problem: &mut P) -> Answer;
}

pub type Contenders<D> = Vec<Box<dyn Contender<Problem<f32, D>>>>;

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

    fn time(&self, problem: &mut P, repeats: u32) -> f64 {
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
pub fn array<D: Dimension + 'static>(
    name: &'static str,
    run: impl Fn(&mut Problem<f32, D>) -> Array<f32, D> + 'static,
) -> Box<dyn Contender<Problem<f32, D>>> {
    contender(name, run, |array: Array<f32, D>, _| Answer {
        value: None,
        array: Some(array.into_iter().collect()),
    })
}

/// Gives a loss and a new array.
pub fn both<D: Dimension + 'static>(
    name: &'static str,
    run: impl Fn(&mut Problem<f32, D>) -> (f32, Array<f32, D>) + 'static,
) -> Box<dyn Contender<Problem<f32, D>>> {
    contender(name, run, |(value, array): (f32, Array<f32, D>), _| Answer {
        value: Some(value.into()),
        array: Some(array.into_iter().collect()),
    })
}

/// Writes into the problem's buffer; gives the loss, where there is one.
pub fn written<D: Dimension + 'static>(
    name: &'static str,
    run: impl Fn(&mut Problem<f32, D>) -> Option<f32> + 'static,
) -> Box<dyn Contender<Problem<f32, D>>> {
    contender(name, run, |value: Option<f32>, problem: &Problem<f32, D>| Answer {
        value: value.map(f64::from),
        array: Some(problem.output.iter().copied().collect()),
    })
}
