//! Both sides are logits: the passes over a lane, and what is made of its sums.

use super::contribution::Contributions;
use super::normalizers::Normalizers;
use super::shift::{Peaks, Shift};
use super::slopes::{UpstreamSums, gradients, gradients_each, put_limits, terms};
use super::solver::{Factors, Outputs, Overlap, Settings, Solver};
use super::sums::{Sums, Way, add};
use super::{Arrangement, Row};
use crate::elementwise::{Operands, Prefetch, TILE};
use crate::number::{Number, Real, WIDTH};

/// The pass that is under way. There may be several with care, each with a better shift.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pass {
    Peaks,
    Sums(Way),
}

/// Lanes of logits against lanes of logits.
#[derive(Clone, Debug)]
pub struct LogitTarget<T> {
    settings: Settings,
    pass: Pass,
    /// Of the input and the target.
    peaks: [Peaks<T>; 2],
    shift: Shift<T>,
    /// Of this part in this pass.
    sums: Sums,
    /// Of the parts that have ended in this pass.
    parts: Vec<Sums>,
    /// Of all parts, from the pass that counts for each lane.
    all: Sums,
    lanes: Box<Normalizers>,
    contributions: Contributions<T>,
    /// Blocks visited in this pass: after only one, the contributions are those of the whole lane.
    blocks: usize,
    upstream: UpstreamSums,
}

impl<T: Real> LogitTarget<T> {
    /// For no lanes of so many classes yet.
    pub fn new(settings: Settings, classes: usize) -> Self {
        let rows = match settings.arrangement {
            Arrangement::Sixteen => classes,
            Arrangement::OneLane => classes.min(TILE).div_ceil(WIDTH),
        };
        LogitTarget {
            settings,
            pass: Pass::Peaks,
            peaks: Default::default(),
            shift: Shift::new(settings),
            sums: Sums::default(),
            parts: Vec::new(),
            all: Sums::default(),
            lanes: Box::default(),
            contributions: Contributions::new(if settings.outputs { rows } else { 0 }),
            blocks: 0,
            upstream: UpstreamSums::default(),
        }
    }

    /// Ends a pass over the sums; returns whether another one is needed.
    fn end_sums(&mut self, way: Way) -> bool {
        let Settings { level, arrangement, .. } = self.settings;
        let mut parts = self.parts.drain(..);
        let mut found = parts.next().unwrap_or_default();
        parts.for_each(|part| found.join(part));
        match way {
            Way::Fast => self.all = found,
            Way::Careful => level.run(
                #[inline(always)]
                || self.all.take_some(found, &self.shift.careful),
            ),
        }
        let (all, any) = self.shift.all_and_any_careful();
        if way == Way::Fast && any {
            debug_assert!(!all && arrangement == Arrangement::Sixteen);
            (self.pass, self.blocks) = (Pass::Sums(Way::Careful), 0);
            return true;
        }
        let again = level.run(
            #[inline(always)]
            || {
                self.lanes.take(&self.all, &self.shift);
                self.lanes.improve(&mut self.shift)
            },
        );
        if again {
            (self.pass, self.blocks) = (Pass::Sums(Way::Careful), 0);
        }
        again
    }

    /// Computes the contributions of a block, unless they are there.
    fn fill<N: Number<Real = T>>(&mut self, operands: Operands<'_, N>) {
        if self.blocks == 1 {
            return;
        }
        let way = if self.shift.all_and_any_careful().0 { Way::Careful } else { Way::Fast };
        let mut sums = Sums::default();
        let overlap = &mut Prefetch::<N>::NOTHING.clone();
        add(way, operands, &self.shift, &mut sums, &mut self.contributions, overlap);
    }
}

impl<T: Real + Number<Real = T>, N: Number<Real = T>> Solver<N> for LogitTarget<T> {
    const TARGETS_ARE_APART: bool = false;
    type Wide = LogitTarget<f64>;

    fn wide(&self) -> LogitTarget<f64> {
        let settings = Settings { arrangement: Arrangement::OneLane, ..self.settings };
        LogitTarget::new(settings, TILE)
    }

    fn start(&mut self) {
        self.pass = Pass::Peaks;
        self.peaks = Default::default();
        self.sums = Sums::default();
        self.blocks = 0;
        self.parts.clear();
        self.upstream = UpstreamSums::default();
    }

    fn is_long_pass(&self) -> bool {
        self.pass != Pass::Peaks
    }

    fn visit<M: Overlap>(&mut self, operands: Operands<'_, N>, overlap: &mut M) {
        let Settings { level, .. } = self.settings;
        let [of_q, of_p] = &mut self.peaks;
        match self.pass {
            Pass::Peaks => level.run(
                #[inline(always)]
                || {
                    of_q.add(level, operands.input);
                    of_p.add(level, operands.target);
                },
            ),
            Pass::Sums(way) => {
                self.blocks += 1;
                let (sums, contributions) = (&mut self.sums, &mut self.contributions);
                add(way, operands, &self.shift, sums, contributions, overlap);
            }
        }
    }

    fn end_part(&mut self) {
        let Settings { level, arrangement, .. } = self.settings;
        if self.pass != Pass::Peaks {
            let sums = std::mem::take(&mut self.sums);
            let sums = level.run(
                #[inline(always)]
                || sums.of_lanes(arrangement),
            );
            self.parts.push(sums);
        }
    }

    fn end_pass(&mut self) -> bool {
        let Settings { level, .. } = self.settings;
        let way = match self.pass {
            Pass::Sums(way) => return self.end_sums(way),
            Pass::Peaks => level.run(
                #[inline(always)]
                || {
                    let [q, p] = self.peaks;
                    self.shift.take(p, q);
                    let (all, any) = self.shift.all_and_any_careful();
                    if any {
                        self.shift.prepare_careful();
                    }
                    if all { Way::Careful } else { Way::Fast }
                },
            ),
        };
        self.pass = Pass::Sums(way);
        true
    }

    fn divergences(&self) -> &Row<f64> {
        &self.lanes.divergence
    }

    fn add_upstream(&mut self, operands: Operands<'_, N>, factors: &[f64]) {
        self.fill(operands);
        let Settings { level, rate, generalized, .. } = self.settings;
        self.upstream.add(level, (&self.lanes, rate, generalized), &self.contributions, factors);
    }

    fn outputs<O: Number<Real = T>>(
        &mut self,
        operands: Operands<'_, N>,
        factors: Factors<'_>,
        out: Outputs<'_, O>,
    ) {
        self.fill(operands);
        let (Settings { level, rate, generalized, arrangement, .. }, contributions) =
            (self.settings, &self.contributions);
        if let Some(out) = out.terms {
            terms(level, &self.lanes, generalized, contributions, out);
        }
        if out.d_input.is_none() && out.d_target.is_none() {
            return;
        }
        let mut d_target = out.d_target;
        let out = [out.d_input, d_target.as_deref_mut()];
        match factors {
            Factors::Lanes(factors) => {
                gradients(level, (&self.lanes, rate), factors, contributions, out)
            }
            Factors::Each(factors) => {
                let sums = &self.upstream.of_lanes(arrangement);
                let lanes = (&*self.lanes, rate, generalized);
                gradients_each(level, lanes, sums, factors, contributions, out);
            }
        }
        let is_infinite = self.lanes.divergence.contains(&f64::INFINITY);
        if let Some(out) = d_target.filter(|_| is_infinite) {
            put_limits(&self.lanes, contributions, factors, out);
        }
    }

    fn fork(&self) -> Self {
        let (peaks, sums, parts) = (Default::default(), Sums::default(), Vec::new());
        LogitTarget { peaks, sums, parts, ..self.clone() }
    }

    fn absorb(&mut self, next: Self) {
        self.blocks += next.blocks;
        self.parts.extend(next.parts);
        self.peaks.iter_mut().zip(&next.peaks).for_each(|(peaks, next)| peaks.merge(next));
    }
}
