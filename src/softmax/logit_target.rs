//! Both sides are logits: the passes over a lane, and what is made of its sums.

use std::ops::Range;

use super::contribution::KeptRow;
use super::normalizers::Normalizers;
use super::shift::{Peaks, Shift};
use super::slopes::{UpstreamSums, gradients, gradients_each, put_limits, terms};
use super::sums::{Sums, Way, add};
use super::{Arrangement, Row};
use super::{Factors, Outputs, Overlap, Settings, Solver};
use crate::elementwise::{Operands, Pairs, Prefetch, TILE};
use crate::number::{Number, Real, WIDTH};

/// The rows of a block, but for the last of a lane.
const ROWS: usize = TILE / WIDTH;

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
    /// The contributions of a lane, row by row; where it has more rows than these, those of the last block that was computed.
    kept: Vec<KeptRow<T>>,
    /// Blocks visited in this pass.
    blocks: usize,
    /// The block whose contributions will be asked for next.
    next: usize,
    upstream: UpstreamSums,
    /// The logits of a block over their ratio, where the two temperatures differ.
    scaled: Option<Box<[[T; TILE]; 2]>>,
}

impl<T: Real + Number<Real = T>> LogitTarget<T> {
    /// For no lanes yet. Of lanes of up to so many classes nothing is computed again for outputs.
    pub fn new(settings: Settings, kept: usize) -> Self {
        let rows = match settings.arrangement {
            _ if !settings.outputs => 0,
            Arrangement::Sixteen => kept,
            Arrangement::OneLane => kept.div_ceil(WIDTH),
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
            kept: vec![KeptRow::zeros(); rows],
            blocks: 0,
            next: 0,
            upstream: UpstreamSums::default(),
            scaled: (settings.rates.ratios != [1.0; 2]).then(|| Box::new([[T::ZERO; TILE]; 2])),
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

    /// Visits a block at one temperature.
    fn visit_block<N: Number<Real = T>, M: Overlap>(
        &mut self,
        operands: Operands<'_, N>,
        overlap: &mut M,
    ) {
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
                let rows = self.rows_of(self.blocks);
                self.blocks += 1;
                add(way, operands, &self.shift, &mut self.sums, &mut self.kept[rows], overlap);
            }
        }
    }

    /// The places of the rows of a block, if there are any.
    fn rows_of(&self, block: usize) -> Range<usize> {
        let rows = self.kept.len();
        (block * ROWS).min(rows)..((block + 1) * ROWS).min(rows)
    }

    /// Computes the contributions of the next block, which is the first after the last, unless they are there; returns their places.
    fn fill<N: Number<Real = T>>(&mut self, operands: Operands<'_, N>) -> Range<usize> {
        let first = self.rows_of(0);
        if self.blocks <= self.kept.len().div_ceil(ROWS) {
            let block = self.next;
            self.next = if block + 1 < self.blocks { block + 1 } else { 0 };
            return self.rows_of(block);
        }
        let way = if self.shift.all_and_any_careful().0 { Way::Careful } else { Way::Fast };
        let (mut sums, mut nothing) = (Sums::default(), Prefetch::<N>::NOTHING);
        let (shift, kept) = (&self.shift, &mut self.kept[first.clone()]);
        match &mut self.scaled {
            None => add(way, operands, shift, &mut sums, kept, &mut nothing),
            Some(scaled) => {
                let operands = scale(operands, self.settings.rates.ratios, scaled);
                add(way, operands, shift, &mut sums, kept, &mut nothing);
            }
        }
        first
    }

    /// Whether any lane is computed the careful way.
    pub fn is_any_careful(&self) -> bool {
        self.shift.all_and_any_careful().1
    }

    /// p, q and D of a block, once no pass is needed. [`Settings::pairs`] must be set.
    pub fn pairs<N: Number<Real = T>>(&mut self, operands: Operands<'_, N>, pairs: &mut Pairs<T>) {
        let rows = self.fill(operands);
        let (lanes, kept) = (&*self.lanes, &self.kept[rows]);
        self.settings.level.run(
            #[inline(always)]
            || {
                let log_total = lanes.kept_log_totals().map(T::from_f64);
                let (mut of_p, mut of_q) = ([T::ZERO; WIDTH], [T::ZERO; WIDTH]);
                for i in 0..WIDTH {
                    of_p[i] = T::from_f64(lanes.share[i]);
                    of_q[i] = T::from_f64(lanes.share[i] / lanes.kept_total[i]);
                }
                let (all_p, all_q) = (pairs.p.as_chunks_mut().0, pairs.q.as_chunks_mut().0);
                let places = all_p.iter_mut().zip(all_q).zip(pairs.log_ratio.as_chunks_mut().0);
                for (row, ((place_p, place_q), place_d)) in kept.iter().zip(places) {
                    let KeptRow { weight: e, log_ratio: ratio, excess: other } = row;
                    let zeros = [T::ZERO; WIDTH];
                    let (mut p, mut q, mut d) = (zeros, zeros, zeros);
                    for i in 0..WIDTH {
                        (p[i], q[i]) = (e[i] * of_p[i], other[i] * of_q[i]);
                        // Of a class that both exclude, D is 0.
                        let is_absent = ratio[i].is_nan() & !p[i].is_nan();
                        d[i] = if is_absent { T::ZERO } else { ratio[i] + log_total[i] };
                    }
                    (*place_p, *place_q, *place_d) = (p, q, d);
                }
            },
        );
    }
}

/// Multiplies the logits of both sides by their ratios. Each product is rounded once.
fn scale<'s, T: Real, N: Number<Real = T>>(
    operands: Operands<'_, N>,
    ratios: [f64; 2],
    scaled: &'s mut [[T; TILE]; 2],
) -> Operands<'s, T> {
    let len = operands.input.len();
    for ((places, from), ratio) in
        scaled.iter_mut().zip([operands.input, operands.target]).zip(ratios)
    {
        places.iter_mut().zip(from).for_each(|(place, z)| {
            *place = T::from_f64(z.widen().to_f64() * ratio);
        });
    }
    let [input, target] = &*scaled;
    Operands { input: &input[..len], target: &target[..len] }
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
        (self.blocks, self.next) = (0, 0);
        self.parts.clear();
        self.upstream = UpstreamSums::default();
    }

    fn is_long_pass(&self) -> bool {
        self.pass != Pass::Peaks
    }

    fn visit<M: Overlap>(&mut self, operands: Operands<'_, N>, overlap: &mut M) {
        match self.scaled.take() {
            None => self.visit_block(operands, overlap),
            Some(mut scaled) => {
                let operands = scale(operands, self.settings.rates.ratios, &mut scaled);
                self.visit_block(operands, overlap);
                self.scaled = Some(scaled);
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
        let rows = self.fill(operands);
        let Settings { level, rates, generalized, .. } = self.settings;
        let lanes = (&*self.lanes, rates.each(), generalized);
        self.upstream.add(level, lanes, &self.kept[rows], factors);
    }

    fn outputs<O: Number<Real = T>>(
        &mut self,
        operands: Operands<'_, N>,
        factors: Factors<'_>,
        out: Outputs<'_, O>,
    ) {
        let rows = self.fill(operands);
        let (Settings { level, rates, generalized, arrangement, .. }, contributions) =
            (self.settings, &self.kept[rows]);
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
                gradients(level, (&self.lanes, rates.each()), factors, contributions, out)
            }
            Factors::Each(factors) => {
                let sums = &self.upstream.of_lanes(arrangement);
                let lanes = (&*self.lanes, rates.each(), generalized);
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
