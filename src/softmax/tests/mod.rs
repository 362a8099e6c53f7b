//! Lanes through the solvers, against double-double sums; neighbours, parts and levels against each other.

mod gradient;
mod masked;
mod oracle;
mod soft_target;
mod value;

use crate::elementwise::{Operands, PART, Prefetch, TILE};
use crate::number::tests::{all_bits, bits};
use crate::number::{Level, Number, Real, WIDTH};
use crate::softmax::{Arrangement, FEW, Factors, LogitTarget, Outputs, Rates, Settings, Solver};

/// What a lane gives.
pub struct Found<T> {
    pub divergence: f64,
    pub terms: Vec<T>,
    pub d_input: Vec<T>,
    pub d_target: Vec<T>,
}

impl<T: Real> Found<T> {
    /// The bits of everything.
    pub fn bits(&self) -> Vec<u64> {
        let arrays = [&self.terms, &self.d_input, &self.d_target];
        let all = arrays.into_iter().flat_map(|values| all_bits(values));
        all.chain([bits(self.divergence)]).collect()
    }
}

/// A call, with one factor or one for each class.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub level: Level,
    pub rate: f64,
    pub factors: &'a [f64],
    pub generalized: bool,
}

impl<'a> Call<'a> {
    pub fn new(rate: f64, factors: &'a [f64]) -> Self {
        Call { level: Level::best(), rate, factors, generalized: false }
    }

    fn settings(self, classes: usize) -> Settings {
        let arrangement = if classes <= FEW { Arrangement::Sixteen } else { Arrangement::OneLane };
        let Call { level, rate, generalized, .. } = self;
        let rates = Rates { common: rate, ratios: [1.0; 2] };
        let (outputs, sides, each) = (true, [true; 2], self.factors.len() > 1);
        Settings { level, arrangement, rates, outputs, sides, each, pairs: false, generalized }
    }

    /// A lane of logits against logits, as lanes of its length are computed; beside it, at another position, are the neighbours'
    /// logits.
    pub fn beside<A: Number<Real = A> + Real>(
        self,
        [z_p, z_q]: [&[A]; 2],
        neighbour: [&[A]; 2],
    ) -> Found<A> {
        let classes = z_p.len();
        self.lane(LogitTarget::<A>::new(self.settings(classes), classes), [z_p, z_q], neighbour)
    }

    /// The same, beside itself.
    pub fn of<A: Number<Real = A> + Real>(self, z_p: &[A], z_q: &[A]) -> Found<A> {
        self.beside([z_p, z_q], [z_p, z_q])
    }

    /// A lane through any solver.
    pub fn lane<A: Number<Real = A> + Real, S: Solver<A>>(
        self,
        mut solver: S,
        [target, input]: [&[A]; 2],
        neighbour: [&[A]; 2],
    ) -> Found<A> {
        let classes = target.len();
        let is_alone = classes > FEW;
        let (step, at) = if is_alone { (1, 0) } else { (WIDTH, 5) };
        let rows = |lane: &[A], neighbour: &[A]| -> Vec<A> {
            match is_alone {
                true => lane.to_vec(),
                false => (0..classes * WIDTH)
                    .map(|k| if k % WIDTH == at { lane[k / WIDTH] } else { neighbour[k / WIDTH] })
                    .collect(),
            }
        };
        let (target, input) = (rows(target, neighbour[0]), rows(input, neighbour[1]));
        let each: Vec<f64> = match self.factors {
            [_] => vec![],
            factors => (0..target.len()).map(|k| factors[k / step]).collect(),
        };
        let block = |classes: &std::ops::Range<usize>| Operands {
            input: &input[classes.clone()],
            target: &target[classes.clone()],
        };
        let steps = |len: usize| crate::layout::steps(0..target.len(), len);
        solver.start();
        loop {
            for part in steps(PART) {
                for classes in crate::layout::steps(part, TILE) {
                    solver.visit(block(&classes), &mut Prefetch::<A>::NOTHING.clone());
                }
                solver.end_part();
            }
            if !solver.end_pass() {
                break;
            }
        }
        if !each.is_empty() {
            steps(TILE).for_each(|of| solver.add_upstream(block(&of), &each[of]));
        }
        let mut all = [0; 3].map(|_| vec![A::ZERO; target.len()]);
        for of in steps(TILE) {
            let factors = match each.is_empty() {
                true => Factors::Lanes(&[self.factors[0]; WIDTH]),
                false => Factors::Each(&each[of.clone()]),
            };
            let [terms, d_input, d_target] = &mut all;
            let out = Outputs {
                terms: Some(&mut terms[of.clone()]),
                d_input: Some(&mut d_input[of.clone()]),
                d_target: Some(&mut d_target[of.clone()]),
            };
            solver.outputs(block(&of), factors, out);
        }
        let [terms, d_input, d_target] =
            all.map(|found| found.into_iter().skip(at).step_by(step).collect());
        Found { divergence: solver.divergences()[at], terms, d_input, d_target }
    }
}
