//! What the operands look like, in one pass over all lanes.

use std::ops::Range;

use ndarray::{Axis, Dimension};

use super::survey::{LANES, Numbers, Summands, Survey, weighted};
use super::{Batch, Rule};
use crate::diagnosis::{Diagnosis, Side, likely_causes};
use crate::element::Element;
use crate::error::Operand;
use crate::kernel::{
    self, Ahead, Chunk, Float, GeneralizedLogProbability, GeneralizedProbability, Level,
    LogProbability, Probability, Term, copies, exps,
};
use crate::lanes::{Arrays, Patch, Rect, for_each_patch, without};
use crate::reduction::Reduction;

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// Whether the operands are distributions, and if not, where and why; which terms and divergences
    /// are negative. `Display` says it in a few sentences.
    ///
    /// Masses may be as far from 1 as [`validated`](crate::KLDivLoss::validated) allows, or else
    /// max(0.001, √ε), with ε the precision of the elements. One pass over both operands, which allocates nothing of their size;
    /// where masses are wrong, up to two more along each other axis.
    ///
    /// ```
    /// use kldiv::{KLDivLoss, LikelyCause, Sum};
    /// use ndarray::array;
    ///
    /// let q = array![[0.2_f64, 0.3, 0.5], [0.1, 0.8, 0.1]];
    /// let p = array![[0.6_f64, 0.3, 0.1], [0.2, 0.6, 0.2]];
    ///
    /// let diagnosis = KLDivLoss::new(Sum).batch(&q, &p)?.diagnose(); // q, not ln q
    /// assert!(!diagnosis.is_proper());
    /// assert_eq!(diagnosis.likely_causes, [LikelyCause::ProbabilitiesAsInput]);
    ///
    /// let diagnosis = KLDivLoss::new(Sum).batch(&q.ln(), &p)?.diagnose();
    /// assert!(diagnosis.is_proper() && diagnosis.negative_terms == 2);
    /// println!("{diagnosis}");
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn diagnose(&self) -> Diagnosis {
        let tolerance = self.tolerance.unwrap_or_else(default_tolerance::<A>);
        let all = self.arrays(None, None, None);
        let look = Look { level: self.level, rule: self.rule, tolerance, axis: self.axis };
        let tally = if self.input.is_empty() { self.nothing(tolerance) } else { look.all(all) };
        let Tally { lanes, negative_terms, negative_divergences, input, target, .. } = &tally;
        let holds = self.rule.holds();
        let proper_along = |operand| self.proper_along(operand, look);
        let case = (*lanes, tolerance);
        let likely_causes = match *lanes == 0 || self.input.is_empty() {
            true => vec![],
            false => likely_causes([input, target], holds, case, proper_along),
        };
        Diagnosis {
            distributions: *lanes,
            skipped: self.distributions() - lanes,
            classes: self.input.len_of(Axis(self.axis)),
            tolerance,
            negative_terms: *negative_terms,
            negative_divergences: *negative_divergences,
            input: input.report(holds[0], *lanes),
            target: target.report(holds[1], *lanes),
            likely_causes,
            most_negative_term: tally.most_negative_term,
            first_negative_divergence: tally.first_negative_divergence,
        }
    }

    /// Distributions without classes have no mass.
    fn nothing(&self, tolerance: f64) -> Tally {
        let mut tally = Tally::default();
        let skips = |weight: &&A::Loss| **weight == A::Loss::ZERO;
        let skipped = self.weights.map_or(0, |weights| weights.iter().filter(skips).count());
        tally.lanes = self.distributions() - skipped;
        if tally.lanes > 0 {
            // They are all alike.
            for side in [&mut tally.input, &mut tally.target] {
                for reading in [&mut side.as_logs, &mut side.as_probabilities] {
                    reading.note(0.0, 0, tolerance, || self.first_weighted().unwrap_or_default());
                    reading.proper *= tally.lanes;
                }
            }
        }
        tally
    }

    /// The first other axis along which half of an operand's masses are 1.
    fn proper_along(&self, operand: Operand, look: Look) -> Option<usize> {
        (0..self.input.ndim()).filter(|&axis| axis != self.axis).find(|&axis| {
            let all = Arrays { weights: None, ..self.arrays(None, None, None) };
            let tally = Look { axis, ..look }.all(all);
            let [input, target] = self.rule.holds();
            let readings = match operand {
                Operand::Input => tally.input.readings(input),
                Operand::Target => tally.target.readings(target),
            };
            readings.is_some_and(|[claimed, _]| 2 * claimed.proper >= tally.lanes)
        })
    }
}

fn default_tolerance<A: Element>() -> f64 {
    let precision = (0..60).map(|k| 2_f64.powi(-k));
    let counts = |e: &f64| A::narrow(1.0 + e).widen() > A::Loss::ONE;
    precision.take_while(counts).last().unwrap_or(1.0).sqrt().max(1e-3)
}

/// What was found of some lanes.
#[derive(Default)]
struct Tally {
    lanes: usize,
    negative_terms: usize,
    most_negative_term: Option<(Vec<usize>, f64)>,
    negative_divergences: usize,
    first_negative_divergence: Option<(Vec<usize>, f64)>,
    input: Side,
    target: Side,
}

impl Tally {
    fn merged(mut self, other: Tally) -> Tally {
        self.lanes += other.lanes;
        self.negative_terms += other.negative_terms;
        self.negative_divergences += other.negative_divergences;
        let both = self.most_negative_term.take().into_iter().chain(other.most_negative_term);
        self.most_negative_term =
            both.min_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        let both = self.first_negative_divergence.take().into_iter();
        let both = both.chain(other.first_negative_divergence);
        self.first_negative_divergence = both.min_by(|a, b| a.0.cmp(&b.0));
        self.input.merge(other.input);
        self.target.merge(other.target);
        self
    }
}

/// How it is looked.
#[derive(Clone, Copy)]
struct Look {
    level: Level,
    rule: Rule,
    tolerance: f64,
    axis: usize,
}

impl Look {
    fn of_logits(self) -> bool {
        matches!(self.rule, Rule::Logits(_))
    }

    fn all<A: Element, D: Dimension>(self, arrays: Arrays<'_, A, D>) -> Tally {
        match self.rule {
            Rule::Probabilities => self.all_of::<Probability, A, D>(arrays),
            Rule::LogProbabilities => self.all_of::<LogProbability, A, D>(arrays),
            Rule::GeneralizedProbabilities => self.all_of::<GeneralizedProbability, A, D>(arrays),
            Rule::GeneralizedLogProbabilities => {
                self.all_of::<GeneralizedLogProbability, A, D>(arrays)
            }
            // Terms of logits are not looked at.
            Rule::Logits(_) => self.all_of::<Probability, A, D>(arrays),
        }
    }

    fn all_of<K: Term, A: Element, D: Dimension>(self, arrays: Arrays<'_, A, D>) -> Tally {
        let lengths = without(arrays.input.shape(), self.axis);
        let visit = |patch: Patch<'_, A>| self.patch::<K, A>(&patch, &lengths);
        for_each_patch(arrays, Axis(self.axis), &visit, &Tally::merged)
    }

    fn patch<K: Term, A: Element>(self, patch: &Patch<'_, A>, lengths: &[usize]) -> Tally {
        let mut tally = Tally::default();
        let mut survey = Survey::<A, 5>::new(self.level, patch);
        for lanes in weighted(patch) {
            let mut seen = Seen::<K> {
                look: self,
                first: lanes.start,
                counts: [[0; LANES]; 4],
                index: &|lane, class| {
                    let mut index = patch.index(lane, lengths);
                    index.insert(self.axis, class);
                    index
                },
                tally: &mut tally,
                term: std::marker::PhantomData,
            };
            let sums = survey.lanes(lanes.clone(), &mut seen);
            let counts = seen.counts;
            let index = |lane| patch.index(lane, lengths);
            self.conclude::<A>(lanes, sums, &counts, &index, &mut tally);
        }
        tally
    }

    /// What the sums say of the lanes.
    fn conclude<A: Element>(
        self,
        lanes: Range<usize>,
        sums: &[[f64; LANES]; 5],
        counts: &[[usize; LANES]; 4],
        index: &dyn Fn(usize) -> Vec<usize>,
        tally: &mut Tally,
    ) {
        tally.lanes += lanes.len();
        for (place, lane) in lanes.enumerate() {
            let divergence = A::Loss::from_f64(sums[0][place]).to_f64();
            if divergence < 0.0 && !self.of_logits() {
                tally.negative_divergences += 1;
                tally.first_negative_divergence.get_or_insert_with(|| (index(lane), divergence));
            }
            let readings = [
                &mut tally.input.as_logs,
                &mut tally.input.as_probabilities,
                &mut tally.target.as_logs,
                &mut tally.target.as_probabilities,
            ];
            for (i, reading) in readings.into_iter().enumerate() {
                let (mass, count) = (sums[i + 1][place], counts[i][place]);
                reading.note(mass, count, self.tolerance, || index(lane));
            }
        }
    }
}

/// The terms; both operands read as log-probabilities and as probabilities.
struct Seen<'s, K> {
    look: Look,
    /// The lane that has the first place in `counts`.
    first: usize,
    /// Numbers out of range, of every reading and lane.
    counts: [[usize; LANES]; 4],
    /// Of a lane and class.
    index: &'s dyn Fn(usize, usize) -> Vec<usize>,
    tally: &'s mut Tally,
    term: std::marker::PhantomData<K>,
}

impl<K: Term, A: Element> Summands<A, 5> for Seen<'_, K> {
    fn fill(&mut self, chunk: Chunk<'_, A>, rect: &Rect, numbers: &mut Numbers<A::Loss, 5>) {
        let level = self.look.level;
        let Chunk { input, target } = chunk;
        let terms = &mut numbers[0][..input.len()];
        let ahead = Ahead { arrays: [&[]; 3], output: &[] };
        kernel::terms::<K, A>(level, chunk, ahead, terms);
        if !self.look.of_logits() {
            level.run(
                #[inline(always)]
                || self.terms::<A>(terms, rect),
            );
        }
        for (i, operand) in [input, target].into_iter().enumerate() {
            exps(level, operand, A::Loss::ZERO, &mut numbers[2 * i + 1]);
            copies(level, operand, &mut numbers[2 * i + 2]);
            level.run(
                #[inline(always)]
                || self.numbers(i, operand, rect),
            );
        }
    }
}

impl<K: Term> Seen<'_, K> {
    /// Notes negative terms.
    #[inline(always)]
    fn terms<A: Element>(&mut self, terms: &[A::Loss], (lanes, classes): &Rect) {
        let negative = terms.iter().filter(|&&term| term < A::Loss::ZERO).count();
        self.tally.negative_terms += negative;
        if negative == 0 {
            return;
        }
        let least = terms.iter().fold(A::Loss::ZERO, |a, &b| if b < a { b } else { a });
        let most = &mut self.tally.most_negative_term;
        if most.as_ref().is_some_and(|most| most.1 < least.to_f64()) {
            return;
        }
        for (lane, terms) in lanes.clone().zip(terms.chunks_exact(classes.len())) {
            if let Some(place) = terms.iter().position(|&term| term == least) {
                let index = (self.index)(lane, classes.start + place);
                let term = least.to_f64();
                if most.as_ref().is_none_or(|most| term < most.1 || index < most.0) {
                    *most = Some((index, term));
                }
            }
        }
    }

    /// Counts numbers that are special or out of range.
    #[inline(always)]
    fn numbers<A: Element>(&mut self, operand: usize, numbers: &[A], (lanes, classes): &Rect) {
        let tolerance = self.look.tolerance;
        let side = if operand == 0 { &mut self.tally.input } else { &mut self.tally.target };
        let special = |what: fn(f64) -> bool| {
            numbers.iter().filter(|number| what(number.widen().to_f64())).count()
        };
        side.nan += special(f64::is_nan);
        side.plus_infinity += special(|number| number == f64::INFINITY);
        side.minus_infinity += special(|number| number == f64::NEG_INFINITY);
        let first = lanes.start - self.first;
        for (place, numbers) in numbers.chunks_exact(classes.len()).enumerate() {
            let above = numbers.iter().filter(|x| x.widen().to_f64() > tolerance).count();
            let below = numbers.iter().filter(|t| t.widen() < A::Loss::ZERO).count();
            self.counts[2 * operand][first + place] += above;
            self.counts[2 * operand + 1][first + place] += below;
        }
    }
}
