//! What is right, by the definitions in `f64`, or in twice its digits for `f64`; and how far off an answer is.

use kldiv::Divergence;
use ndarray::Dimension;
use rayon::prelude::*;

use crate::double::Double;
use crate::formula::Class;
use crate::lane::{Lane, Pair};
use crate::logits::TEMPERATURE;
use crate::{Given, Number, Problem, Real, Stored, Task};

/// The right values of a task.
pub struct Oracle {
    task: Task,
    /// The batch mean.
    pub mean: Double,
    /// The divergence of each distribution.
    each: Vec<Double>,
}

/// A number of a gradient: its place in memory, what it should be, and the larger of itself and the parts that it is the
/// difference of.
pub struct Slope {
    pub place: usize,
    pub right: Double,
    pub size: f64,
}

impl Oracle {
    pub fn new<A: Stored, D: Dimension>(task: Task, problem: &Problem<A, D>) -> Oracle {
        let Task { divergence, given, .. } = task;
        let value = |(_, [x, t]): (usize, Pair<'_, A>)| match is_double::<A>() {
            true => Lane::<A, Double>::new(given, x, t).value(divergence),
            false => Lane::<A, f64>::new(given, x, t).value(divergence).into(),
        };
        let each: Vec<Double> = task.lanes(problem).map(value).collect();
        let sum = each.iter().fold(Double::default(), |sum, &value| sum + value);
        Oracle { task, mean: sum / Double::from(problem.rows()), each }
    }

    /// The error of a batch mean, in ulp of itself.
    pub fn error<A: Stored>(&self, found: A::Loss) -> f64 {
        Ulp::of::<A::Loss>().error(found.into(), self.mean, self.mean.0)
    }

    /// The largest error of the divergence of a distribution, in ulp of itself.
    pub fn error_of_each<'a, A: Stored>(
        &self,
        found: impl IntoIterator<Item = &'a A::Loss>,
    ) -> f64 {
        let ulp = Ulp::of::<A::Loss>();
        let pairs = found.into_iter().zip(&self.each);
        pairs.map(|(&found, &right)| ulp.error(found.into(), right, right.0)).fold(0.0, f64::max)
    }

    /// The largest error of the gradient in the problem's output, in ulp of the [size](Slope::size). Left out is what
    /// rounding decides: the total variation of distributions with a class where p and q are nearly equal.
    pub fn error_of_gradient<A: Stored, D: Dimension>(&self, problem: &Problem<A, D>) -> f64 {
        let ulp = Ulp::of::<A>();
        let found = problem.output.as_slice().expect("standard layout");
        let error = |Slope { place, right, size }: Slope| match right.0.is_nan() {
            true => 0.0,
            false => ulp.error(found[place].widen().into(), right, size),
        };
        let lanes = slopes(self.task, problem);
        lanes.map(|lane| lane.into_iter().map(error).fold(0.0, f64::max)).reduce(|| 0.0, f64::max)
    }
}

impl Task {
    /// The error of this crate's answer in ulp: that of the value, or the gradient's where that is larger. Panics where it is
    /// more than 32.
    pub fn check<A: Number, D: Dimension>(self, name: &str, problem: &mut Problem<A, D>) -> f64 {
        let oracle = Oracle::new(self, problem);
        problem.output.fill(A::nan());
        let value = self.ours(problem);
        let value = oracle.error::<A>(value);
        let gradient = if self.gradient { oracle.error_of_gradient(problem) } else { 0.0 };
        let ([given, asked], divergence) = (self.names(), self.divergence);
        let line = format!("{name}, {}, {given}, {divergence}, {asked}", A::NAME);
        assert!(value.max(gradient) <= 32.0, "{line}: {value:.1} and {gradient:.1} ulp");
        eprintln!("{line}: error {:.1} ulp", value.max(gradient));
        value.max(gradient)
    }
}

/// The gradient of the batch mean, lane by lane. NaN where rounding decides it.
pub fn slopes<A: Stored, D: Dimension>(
    task: Task,
    problem: &Problem<A, D>,
) -> impl ParallelIterator<Item = Vec<Slope>> {
    let (rows, step) = (problem.rows(), problem.inner());
    task.lanes(problem).map(move |(start, [x, t])| {
        let slopes = match is_double::<A>() {
            true => of_lane(task, rows, &Lane::<A, Double>::new(task.given, x, t)),
            false => of_lane(task, rows, &Lane::<A, f64>::new(task.given, x, t)),
        };
        let slope = |(index, (right, size))| Slope { place: start + index * step, right, size };
        slopes.into_iter().enumerate().map(slope).collect()
    })
}

/// What each class of a lane should have, and the size.
fn of_lane<A: Stored, T: Real + Into<Double>>(
    task: Task,
    rows: f64,
    lane: &Lane<'_, A, T>,
) -> Vec<(Double, f64)> {
    let may_tie = task.divergence == Divergence::TotalVariation;
    let slopes = lane.gradient(rows, |class| match may_tie && class.is_tie() {
        true => T::of(f64::NAN),
        false => class.slope(task.divergence),
    });
    let divisor = if task.given == Given::Logits { TEMPERATURE * rows } else { rows };
    let number = |(class, slope): (Class<T>, T)| {
        let [p, q, right] = [class.p(), class.q(), slope].map(T::into);
        (right, (p.0.max(q.0) / divisor).max(right.0.abs()))
    };
    slopes.map(number).collect()
}

fn is_double<A: Stored>() -> bool {
    size_of::<A::Loss>() == 8
}

/// The distance of the numbers of a type.
#[derive(Clone, Copy)]
struct Ulp {
    epsilon: f64,
    /// That of subnormal numbers.
    least: f64,
}

impl Ulp {
    fn of<A: Stored>() -> Ulp {
        let powers = || (0..1100).map(|power| 0.5_f64.powi(power));
        let last = |is_there: &dyn Fn(f64) -> bool| {
            powers().take_while(|&power| is_there(power)).last().unwrap_or(1.0)
        };
        let number = |value: f64| -> f64 { A::narrow(value).widen().into() };
        // Half of each is a tie, which goes to the even neighbour.
        Ulp {
            epsilon: last(&|power| number(1.0 + power) > 1.0),
            least: last(&|power| number(power) > 0.0),
        }
    }

    /// The error of a number in ulp at a size. NaN is as wrong as can be, unless it is right.
    fn error(self, found: f64, right: Double, size: f64) -> f64 {
        if found == right.0 || (found.is_nan() && right.0.is_nan()) {
            return (right.1 / self.at(size)).abs();
        }
        let error = (((found - right.0) - right.1) / self.at(size)).abs();
        if error.is_nan() { f64::INFINITY } else { error }
    }

    fn at(self, size: f64) -> f64 {
        (size.abs().log2().floor().exp2() * self.epsilon).max(self.least)
    }
}
