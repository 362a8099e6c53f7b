//! A batch mean of any divergence, or its value and gradient: by this crate, by hand, and what memory allows.

use kldiv::{BatchMean, Divergence, Error, KLDivLoss, KLDivWithLogitsLoss, PerDistribution};
use ndarray::{Array, ArrayViewMut1, Dimension, ShapeBuilder};
use rayon::prelude::*;

use crate::lane::{Lane, Pair, lane};
use crate::logits::TEMPERATURE;
use crate::{Problem, Real, Stored, Target};

/// What both sides are given as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    /// Log-probabilities of the input, and the target.
    Pair(Target),
    /// Logits, which are divided by τ = 2. A log-softmax is as good as any.
    Logits,
}

impl Given {
    /// Which array of a [`Problem`] is the target.
    pub fn target(self) -> Target {
        match self {
            Given::Pair(target) => target,
            Given::Logits => Target::LogProbability,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Given::Pair(target) => target.name(),
            Given::Logits => "logits",
        }
    }
}

/// The batch mean of a divergence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    pub divergence: Divergence,
    pub given: Given,
    /// Whether the gradient of the input is written into the problem's output.
    pub gradient: bool,
}

/// The two criteria have the same calls, but no trait.
macro_rules! with_criterion {
    ($task:expr, $axis:expr, $reduction:expr, |$criterion:ident| $work:expr) => {
        match $task.given {
            Given::Logits => {
                let $criterion = KLDivWithLogitsLoss::new($reduction).temperature(TEMPERATURE);
                let $criterion = $criterion.axis($axis).divergence($task.divergence);
                $work
            }
            Given::Pair(target) => {
                let log_target = target == Target::LogProbability;
                let $criterion = KLDivLoss::new($reduction).log_target(log_target);
                let $criterion = $criterion.axis($axis).divergence($task.divergence);
                $work
            }
        }
    };
}

impl Task {
    /// What both sides are given as, and what is asked for.
    pub fn names(self) -> [&'static str; 2] {
        [self.given.name(), if self.gradient { "value and gradient" } else { "value" }]
    }

    pub fn ours<A: Stored, D: Dimension>(self, problem: &mut Problem<A, D>) -> A::Loss {
        self.answer(problem).expect("operands that fit")
    }

    fn answer<A: Stored, D: Dimension>(
        self,
        problem: &mut Problem<A, D>,
    ) -> Result<A::Loss, Error> {
        let (x, t) = problem.operands.pair(self.given.target());
        with_criterion!(self, problem.axis, BatchMean, |criterion| match self.gradient {
            true => criterion.batch(x, t)?.value_and_grad_into(&mut problem.output),
            false => criterion.forward(x, t),
        })
    }

    /// The divergence of each distribution.
    pub fn each<A: Stored, D: Dimension>(
        self,
        problem: &Problem<A, D>,
    ) -> Array<A::Loss, D::Smaller> {
        let (x, t) = problem.operands.pair(self.given.target());
        let each = with_criterion!(self, problem.axis, PerDistribution, |criterion| {
            criterion.forward(x, t)
        });
        each.expect("operands that fit")
    }

    /// Reads what is read, and writes as much as is written.
    pub fn roofline<A: Stored, D: Dimension>(self, problem: &mut Problem<A, D>) -> A::Loss {
        let target = self.given.target();
        if self.gradient { problem.read_and_write(target) } else { problem.read(target) }
    }

    /// A serial loop of the definition.
    pub fn by_hand<A: Stored, D: Dimension>(self, problem: &mut Problem<A, D>) -> A::Loss {
        let hand = Hand::new(self, problem);
        let size = if let Given::Pair(_) = self.given { usize::MAX } else { hand.block };
        let (x, t) = problem.operands.slices(self.given.target());
        let out = problem.output.as_slice_mut().expect("standard layout");
        let blocks = x.chunks(size).zip(t.chunks(size)).zip(out.chunks_mut(size));
        let sum: A::Loss = blocks.map(|((x, t), out)| hand.run(x, t, out)).sum();
        sum / A::Loss::of(hand.rows)
    }

    /// The same, rows in parallel.
    pub fn by_hand_in_parallel<A: Stored, D: Dimension>(
        self,
        problem: &mut Problem<A, D>,
    ) -> A::Loss {
        let hand = Hand::new(self, problem);
        let size = hand.block;
        let (x, t) = problem.operands.slices(self.given.target());
        let out = problem.output.as_slice_mut().expect("standard layout");
        let blocks = x.par_chunks(size).zip(t.par_chunks(size)).zip(out.par_chunks_mut(size));
        let sum: A::Loss = blocks.map(|((x, t), out)| hand.run(x, t, out)).sum();
        sum / A::Loss::of(hand.rows)
    }

    /// The divergence of each distribution by hand.
    pub fn each_by_hand<A: Stored, D: Dimension>(self, problem: &Problem<A, D>) -> Vec<A::Loss> {
        let value = |(_, [x, t]): (usize, Pair<'_, A>)| {
            Lane::<A, _>::new(self.given, x, t).value(self.divergence)
        };
        self.lanes(problem).map(value).collect()
    }

    /// The input and the target of every lane, and where in memory it starts.
    pub(crate) fn lanes<A: Stored, D: Dimension>(
        self,
        problem: &Problem<A, D>,
    ) -> impl IndexedParallelIterator<Item = (usize, Pair<'_, A>)> {
        let (x, t) = problem.operands.slices(self.given.target());
        let (lanes, block) = (problem.inner(), problem.block());
        (0..x.len() / block * lanes).into_par_iter().map(move |index| {
            let (start, index) = (index / lanes * block, index % lanes);
            (start + index, [x, t].map(|all| lane(&all[start..start + block], index, lanes)))
        })
    }
}

/// How the loop by hand goes through memory.
struct Hand {
    task: Task,
    /// Lanes that alternate in a block; all numbers are one lane where nothing is normalised.
    lanes: usize,
    /// Numbers of a block, which one thread takes.
    block: usize,
    rows: f64,
}

impl Hand {
    fn new<A: Stored, D: Dimension>(task: Task, problem: &Problem<A, D>) -> Hand {
        let input = &problem.operands.input;
        let (lanes, block) = match task.given {
            Given::Pair(_) if input.ndim() > 1 => (1, input.len() / input.shape()[0]),
            Given::Pair(_) => (1, input.len()),
            Given::Logits => (problem.inner(), problem.block()),
        };
        Hand { task, lanes, block, rows: problem.rows() }
    }

    /// The sum over a block, whose gradient is written where it is asked for.
    fn run<A: Stored>(&self, x: &[A], t: &[A], out: &mut [A]) -> A::Loss {
        let Task { divergence, given, gradient } = self.task;
        let lanes = (0..self.lanes).map(|index| {
            let [x, t] = [x, t].map(|numbers| lane(numbers, index, self.lanes));
            let lane = Lane::<A, A::Loss>::new(given, x, t);
            if gradient {
                let shape = [out.len() / self.lanes].strides([self.lanes]);
                let out = ArrayViewMut1::from_shape(shape, &mut out[index..]);
                let slopes = lane.gradient(self.rows, |class| class.slope(divergence));
                let out = out.expect("as many").into_iter().zip(slopes);
                out.for_each(|(out, (_, slope))| *out = A::round(slope));
            }
            lane.value(divergence)
        });
        lanes.sum()
    }
}
