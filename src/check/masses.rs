//! The masses of an operand's distributions: roughly, which is fast and mostly enough, and exactly.

use std::ops::Range;

use ndarray::ArrayView2;

use super::survey::{LANES, Summands, Survey};
use crate::check::Holds;
use crate::elementwise::{
    FEW, LaneSum, Mass, OfLogProbabilities, OfProbabilities, PART, TILE, add_copies, add_exps,
    add_shares, add_to_each, all_finite, copies, exps, rough_mass, rough_masses,
};
use crate::layout::{Rect, Scratch, dense, is_by_columns, join, read, steps};
use crate::number::Number;
use crate::number::{Exp, Float, Level};

/// Neighbouring lanes whose rough masses are summed beside each other.
pub const COLUMNS: usize = 1024;

/// So many shares are summed in the computing type at most, before they go on in `f64`.
const SHARES: usize = 32;

/// What is asked of the masses of an operand that does not hold logits.
#[derive(Clone, Copy)]
pub struct Masses<'u, 'a, A> {
    pub level: Level,
    pub holds: Holds,
    pub tolerance: f64,
    /// The operand as a matrix [lane, class].
    pub view: &'u ArrayView2<'a, A>,
}

impl<A: Number> Masses<'_, '_, A> {
    /// Whether lanes are certain to be in order, as by far the most are. They may still be where this
    /// is false: a mass may be too near the tolerance, a number unusual (−∞, say).
    pub fn surely_hold(&self, lanes: Range<usize>) -> bool {
        match self.holds {
            Holds::Probabilities => self.roughly(lanes, &OfProbabilities),
            Holds::LogProbabilities => self.roughly(lanes, &OfLogProbabilities),
            Holds::Logits => true,
        }
    }

    fn roughly(&self, mut lanes: Range<usize>, mass: &(impl Mass<A::Real> + Sync)) -> bool {
        let classes = self.view.ncols();
        if is_by_columns(self.view, self.view) {
            steps(lanes, COLUMNS).all(|lanes| self.columns(lanes, mass))
        } else if classes <= FEW {
            self.short(lanes, mass)
        } else {
            lanes.all(|lane| self.lane(lane, 0..classes, mass).is_some_and(|m| self.surely_one(m)))
        }
    }

    fn surely_one(&self, mass: f64) -> bool {
        (mass - 1.0).abs() + mass * A::Real::ROUGHLY <= self.tolerance
    }

    fn short(&self, lanes: Range<usize>, mass: &impl Mass<A::Real>) -> bool {
        let (end, classes) = self.view.dim();
        let (tall, mut room) = (TILE / classes, Scratch::EMPTY);
        steps(lanes, tall).all(|lanes| {
            let after = (lanes.end..end.min(lanes.end + tall), 0..classes);
            let next = dense(self.view, &after).unwrap_or(&[]);
            let numbers = read(self.view, &(lanes, 0..classes), &mut room);
            rough_masses(self.level, numbers, next, classes, mass)
                .is_some_and(|masses| masses.into_iter().all(|mass| self.surely_one(mass)))
        })
    }

    /// The rough mass of some classes of a lane; of very many, in parallel.
    fn lane(
        &self,
        lane: usize,
        classes: Range<usize>,
        mass: &(impl Mass<A::Real> + Sync),
    ) -> Option<f64> {
        if classes.len() > PART {
            let middle = classes.start + classes.len() / 2 / TILE * TILE;
            let (a, b) = join(
                || self.lane(lane, classes.start..middle, mass),
                || self.lane(lane, middle..classes.end, mass),
            );
            return Some(a? + b?);
        }
        let (mut room, all) = (Scratch::EMPTY, self.view.ncols());
        let after = if lane + 1 < self.view.nrows() { lane + 1..lane + 2 } else { 0..0 };
        let next = dense(self.view, &(after, 0..all)).unwrap_or(&[]);
        steps(classes, TILE).try_fold(0.0, |sum, classes| {
            let next = next.get(classes.start..).unwrap_or(&[]);
            let numbers = read(self.view, &(lane..lane + 1, classes), &mut room);
            Some(sum + rough_mass(self.level, numbers, next, mass)?)
        })
    }

    /// Neighbouring lanes beside each other, class after class.
    fn columns(&self, lanes: Range<usize>, mass: &impl Mass<A::Real>) -> bool {
        let (mut room, mut sums) = (Scratch::EMPTY, [A::Real::ZERO; COLUMNS]);
        let (sums, mut all) = (&mut sums[..lanes.len()], [0.0; COLUMNS]);
        let all = &mut all[..lanes.len()];
        for classes in steps(0..self.view.ncols(), SHARES) {
            sums.fill(A::Real::ZERO);
            for class in classes {
                let numbers = read(self.view, &(lanes.clone(), class..class + 1), &mut room);
                if !add_shares(self.level, numbers, mass, sums) {
                    return false;
                }
            }
            add_to_each(self.level, all, sums);
        }
        all.iter().fold(true, |fine, &mass| fine & self.surely_one(mass))
    }

    /// Up to here every number is in range: rounded, this must not grow.
    fn limit<T: Float>(&self) -> T {
        T::from_f64(self.tolerance * (1.0 - 1e-6))
    }

    /// Whether a mass is what it should be.
    pub fn is_one(&self, mass: f64) -> bool {
        (mass - 1.0).abs() <= self.tolerance
    }

    /// Whether no such distribution has this number; NaN may pass.
    pub fn is_out_of_range(&self, number: A) -> bool {
        match self.holds {
            Holds::Probabilities => number.widen() < A::Real::ZERO,
            Holds::LogProbabilities => number.widen().to_f64() > self.tolerance,
            Holds::Logits => false,
        }
    }

    /// The masses of at most [`LANES`] lanes, summed as divergences are, each given to `note` with its lane;
    /// and whether any of their numbers may be odd: out of range, infinite or NaN.
    pub fn exactly(
        &self,
        lanes: Range<usize>,
        survey: &mut Survey<A::Real>,
        mut note: impl FnMut(usize, f64, bool),
    ) {
        debug_assert!(lanes.len() <= LANES);
        let by_columns = is_by_columns(self.view, self.view);
        let mut exact = Exact { masses: *self, room: Scratch::EMPTY, odd: false };
        let sums = survey.lanes(lanes.clone(), by_columns, &mut exact);
        lanes.zip(sums).for_each(|(lane, &mass)| note(lane, mass, exact.odd));
    }

    /// The first of at most [`LANES`] lanes that is no distribution, and its mass.
    pub fn first_offence(
        &self,
        lanes: Range<usize>,
        survey: &mut Survey<A::Real>,
    ) -> Option<(usize, f64)> {
        let mut first = None;
        self.exactly(lanes, survey, |lane, mass, odd| {
            let in_range = || !odd || !self.view.row(lane).iter().any(|&x| self.is_out_of_range(x));
            if first.is_none() && !(self.is_one(mass) && in_range()) {
                first = Some((lane, mass));
            }
        });
        first
    }
}

/// The probabilities themselves, to be summed.
struct Exact<'u, 'a, A: Number> {
    masses: Masses<'u, 'a, A>,
    room: Scratch<A>,
    odd: bool,
}

impl<A: Number> Summands<A::Real> for Exact<'_, '_, A> {
    type Sum = LaneSum;

    fn fill(&mut self, rect: &Rect, out: &mut [A::Real]) {
        let Masses { level, view, holds, .. } = self.masses;
        let numbers = read(view, rect, &mut self.room);
        self.odd |= !all_finite(level, numbers);
        self.odd |= match holds {
            Holds::LogProbabilities => exps(level, numbers, self.masses.limit(), out),
            _ => copies(level, numbers, out),
        };
    }

    fn add(&mut self, level: Level, rect: &Rect, _: &mut [A::Real], sum: &mut LaneSum) {
        let numbers = read(self.masses.view, rect, &mut self.room);
        self.odd |= !all_finite(level, numbers);
        self.odd |= match self.masses.holds {
            Holds::LogProbabilities => add_exps(level, numbers, self.masses.limit(), sum),
            _ => add_copies(level, numbers, sum),
        };
    }

    fn fork(&self) -> Self {
        Exact { masses: self.masses, room: Scratch::EMPTY, odd: false }
    }

    fn merge(&mut self, other: Self) {
        self.odd |= other.odd;
    }
}
