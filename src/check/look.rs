//! A look at all lanes, in one pass.

use std::ops::Range;

use ndarray::{ArrayView2, Axis, Dimension};

use super::masses::{COLUMNS, Masses};
use super::survey::{LANES, Summands, Survey, lanes_of_a_block, weighted};
use crate::check::{Holds, Numbers, Side};
use crate::divergence::Kernel;
use crate::elementwise::{ManySum, Operands, Prefetch, TILE, all_finite, negative, terms};
use crate::layout::{
    Arrays, Patch, Rect, Scratch, Unit, for_each_patch, is_by_columns, read, steps, tile, tiles,
    without,
};
use crate::number::Number;
use crate::number::{Float, Level};

/// What was found of some lanes.
#[derive(Default)]
pub struct Tally {
    pub lanes: usize,
    pub negative_terms: usize,
    pub most_negative_term: Option<(Vec<usize>, f64)>,
    pub negative_divergences: usize,
    pub first_negative_divergence: Option<(Vec<usize>, f64)>,
    pub input: Side,
    pub target: Side,
}

impl Tally {
    fn merged(mut self, other: Tally) -> Tally {
        self.lanes += other.lanes;
        self.negative_terms += other.negative_terms;
        self.negative_divergences += other.negative_divergences;
        most_negative(&mut self.most_negative_term, other.most_negative_term);
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
pub struct Look {
    pub level: Level,
    /// What input and target should hold; neither is looked at without.
    pub holds: [Option<Holds>; 2],
    pub tolerance: f64,
    pub axis: usize,
}

impl Look {
    /// At terms, divergences and operands.
    pub fn at_all<K: Kernel, A: Number, D: Dimension>(
        self,
        kernel: K,
        arrays: Arrays<'_, A, D>,
    ) -> Tally {
        self.at(arrays, &|place, lanes, survey, tally| {
            place.terms(self, kernel, lanes, survey, tally)
        })
    }

    /// At operands alone.
    pub fn at_operands<A: Number, D: Dimension>(self, arrays: Arrays<'_, A, D>) -> Tally {
        self.at(arrays, &|_, _, _, _| ())
    }

    /// An operand is looked at first, and is in the cache when its terms are.
    fn at<A: Number, D: Dimension>(
        self,
        arrays: Arrays<'_, A, D>,
        terms: &(impl Fn(&Place<'_, '_, A>, Range<usize>, &mut Survey<A::Real>, &mut Tally) + Sync),
    ) -> Tally {
        let lengths = without(arrays.input.shape(), self.axis);
        let visit = |patch: Patch<'_, A>| {
            let mut tally = Tally::default();
            let place = Place { patch: &patch, lengths: &lengths, axis: self.axis };
            let mut survey = Survey::new(self.level, patch.unit.input.ncols());
            let at_most = lanes_of_a_block(&patch.unit).min(COLUMNS);
            for lanes in weighted(patch.unit.weights, 0..patch.unit.input.nrows(), at_most) {
                tally.lanes += lanes.len();
                for (i, side) in [&mut tally.input, &mut tally.target].into_iter().enumerate() {
                    self.operand(i, &place, lanes.clone(), &mut survey, side);
                }
                terms(&place, lanes, &mut survey, &mut tally);
            }
            tally
        };
        for_each_patch(arrays, Axis(self.axis), &visit, &Tally::merged)
    }

    fn operand<A: Number>(
        self,
        i: usize,
        place: &Place<'_, '_, A>,
        lanes: Range<usize>,
        survey: &mut Survey<A::Real>,
        side: &mut Side,
    ) {
        let view = [&place.patch.unit.input, &place.patch.unit.target][i];
        let Look { level, tolerance, .. } = self;
        match self.holds[i] {
            None => {}
            Some(Holds::Logits) => {
                let probabilities = Masses { level, holds: Holds::Probabilities, tolerance, view };
                logits(&probabilities, place, lanes, side);
            }
            Some(holds) => {
                let operand = Masses { level, holds, tolerance, view };
                masses(&operand, place, lanes, survey, side);
            }
        }
    }
}

fn masses<A: Number>(
    masses: &Masses<'_, '_, A>,
    place: &Place<'_, '_, A>,
    lanes: Range<usize>,
    survey: &mut Survey<A::Real>,
    side: &mut Side,
) {
    if masses.surely_hold(lanes.clone()) {
        side.reading.proper += lanes.len();
        return;
    }
    for lanes in steps(lanes, LANES) {
        masses.exactly(lanes, survey, |lane, mass, odd| {
            let numbers = if odd { numbers(masses, lane) } else { Numbers::default() };
            side.note(mass, &numbers, masses.view.ncols(), masses.tolerance, || place.lane(lane));
        });
    }
}

/// A distribution of logits has a softmax unless a logit is NaN or +∞, or all are −∞.
fn logits<A: Number>(
    probabilities: &Masses<'_, '_, A>,
    place: &Place<'_, '_, A>,
    lanes: Range<usize>,
    side: &mut Side,
) {
    let classes = probabilities.view.ncols();
    if classes > 1 && probabilities.surely_hold(lanes.clone()) {
        side.probabilities += lanes.len();
        side.reading.proper += lanes.len();
    } else if is_finite(probabilities.level, probabilities.view, &lanes) {
        side.reading.proper += lanes.len();
    } else {
        for lane in lanes {
            let numbers = numbers(probabilities, lane);
            let fine = numbers.nan + numbers.plus_infinity == 0 && numbers.minus_infinity < classes;
            let (mass, numbers) = (if fine { 1.0 } else { f64::NAN }, numbers.special());
            side.note(mass, &numbers, classes, probabilities.tolerance, || place.lane(lane));
        }
    }
}

fn numbers<A: Number>(masses: &Masses<'_, '_, A>, lane: usize) -> Numbers {
    let mut numbers = Numbers::default();
    for &number in masses.view.row(lane) {
        let wide = number.widen().to_f64();
        numbers.nan += usize::from(wide.is_nan());
        numbers.plus_infinity += usize::from(wide == f64::INFINITY);
        numbers.minus_infinity += usize::from(wide == f64::NEG_INFINITY);
        numbers.out_of_range += usize::from(masses.is_out_of_range(number));
        numbers.positive |= wide > masses.tolerance;
        numbers.negative |= wide < 0.0;
    }
    numbers
}

fn is_finite<A: Number>(level: Level, view: &ArrayView2<'_, A>, lanes: &Range<usize>) -> bool {
    let (classes, mut room) = (view.ncols(), Scratch::EMPTY);
    let (tall, wide) = match is_by_columns(view, view) {
        true => (TILE, 1),
        false => tile(classes),
    };
    tiles(lanes.len(), classes, tall, wide).all(|(rows, classes)| {
        let rows = lanes.start + rows.start..lanes.start + rows.end;
        all_finite(level, read(view, &(rows, classes), &mut room))
    })
}

/// Where lanes are found.
struct Place<'p, 'a, A: Number> {
    patch: &'p Patch<'a, A>,
    lengths: &'p [usize],
    axis: usize,
}

impl<A: Number> Place<'_, '_, A> {
    fn lane(&self, lane: usize) -> Vec<usize> {
        self.patch.index(lane, self.lengths)
    }

    fn term(&self, lane: usize, class: usize) -> Vec<usize> {
        let mut index = self.lane(lane);
        index.insert(self.axis, class);
        index
    }

    /// Looks at the terms of lanes, and their sums.
    fn terms<K: Kernel>(
        &self,
        look: Look,
        kernel: K,
        lanes: Range<usize>,
        survey: &mut Survey<A::Real>,
        tally: &mut Tally,
    ) {
        let unit = &self.patch.unit;
        let by_columns = is_by_columns(&unit.input, &unit.target);
        let mut terms = Terms::<K, A>::new(look.level, kernel, self);
        for lanes in steps(lanes, LANES) {
            for (lane, &sum) in lanes.clone().zip(survey.lanes(lanes, by_columns, &mut terms)) {
                let divergence = A::Real::from_f64(sum).to_f64();
                if divergence < 0.0 {
                    tally.negative_divergences += 1;
                    let first = &mut tally.first_negative_divergence;
                    first.get_or_insert_with(|| (self.lane(lane), divergence));
                }
            }
        }
        tally.negative_terms += terms.negative;
        most_negative(&mut tally.most_negative_term, terms.most_negative);
    }
}

/// The terms, to be summed.
struct Terms<'p, 'a, K, A: Number> {
    level: Level,
    place: &'p Place<'p, 'a, A>,
    rooms: [Scratch<A>; 2],
    negative: usize,
    most_negative: Option<(Vec<usize>, f64)>,
    kernel: K,
}

impl<'p, 'a, K: Kernel, A: Number> Terms<'p, 'a, K, A> {
    fn new(level: Level, kernel: K, place: &'p Place<'p, 'a, A>) -> Self {
        let rooms = [Scratch::EMPTY; 2];
        Terms { level, place, rooms, negative: 0, most_negative: None, kernel }
    }

    /// Whether a term of a rectangle, `least` at best, may be more negative than all before, or as
    /// negative at a lower index.
    fn may_be_the_most(&self, least: f64, (lanes, classes): &Rect) -> bool {
        let lowest = || self.place.term(lanes.start, classes.start);
        let most = self.most_negative.as_ref();
        most.is_none_or(|(index, term)| least < *term || least == *term && lowest() < *index)
    }
}

impl<K: Kernel, A: Number> Summands<A::Real> for Terms<'_, '_, K, A> {
    type Sum = ManySum;

    fn fill(&mut self, rect: &Rect, out: &mut [A::Real]) {
        let Unit { input, target, .. } = &self.place.patch.unit;
        let [x, t] = &mut self.rooms;
        let chunk = Operands { input: read(input, rect, x), target: read(target, rect, t) };
        terms(self.level, self.kernel, chunk, Prefetch::NOTHING, out);
        let Some((count, least)) = negative(self.level, out) else { return };
        self.negative += count;
        if !self.may_be_the_most(least.to_f64(), rect) {
            return;
        }
        for (lane, terms) in rect.0.clone().zip(out.chunks_exact(rect.1.len())) {
            if let Some(class) = terms.iter().position(|&term| term == least) {
                let found = (self.place.term(lane, rect.1.start + class), least.to_f64());
                most_negative(&mut self.most_negative, Some(found));
            }
        }
    }

    fn add(&mut self, level: Level, rect: &Rect, room: &mut [A::Real], sum: &mut ManySum) {
        self.fill(rect, room);
        sum.add(level, room, room.len());
    }

    fn fork(&self) -> Self {
        Terms::new(self.level, self.kernel, self.place)
    }

    fn merge(&mut self, other: Self) {
        self.negative += other.negative;
        most_negative(&mut self.most_negative, other.most_negative);
    }
}

/// Keeps the more negative term; of equal ones that of the lower index.
fn most_negative(most: &mut Option<(Vec<usize>, f64)>, other: Option<(Vec<usize>, f64)>) {
    let both = most.take().into_iter().chain(other);
    *most = both.min_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
}
