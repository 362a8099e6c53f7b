//! The check of sparse targets: classes that are in range and named once, and values that are part of a distribution.

use ndarray::{ArrayView2, Ix2};

use super::entries::Entries;
use crate::layout::{Classes, Matrices};
use crate::number::{Float, Level, Number};
use crate::target::Target;

/// What is wrong with the target of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The input has no such class. It stands at this place along the class axis.
    OutOfRange { entry: usize },
    /// The class is named more than once.
    Repeated { class: usize },
    /// The values are no part of a distribution.
    Improper { mass: f64 },
}

/// A check of sparse targets.
#[derive(Clone, Copy, Debug)]
pub struct SparseCheck {
    pub level: Level,
    /// The number of the input's classes.
    pub classes: usize,
    /// What holds for the values, if they are checked.
    pub values: Option<ValueCheck>,
}

/// A check of the values of named classes: none is NaN or out of range, and their sum is from `least` to 1 + `tolerance`.
#[derive(Clone, Copy, Debug)]
pub struct ValueCheck {
    pub holds: Target,
    pub least: f64,
    pub tolerance: f64,
}

/// So many classes are marked; of more the named ones are sorted, so that nothing grows with their number.
const MOST_MARKS: usize = 1 << 20;

/// The classes that a lane has named so far, a bit each.
type Marks = Vec<u64>;

impl SparseCheck {
    /// The fault of the first lane that has one, of those whose weight is not 0.
    pub fn fault<A: Number>(&self, matrices: &Matrices<'_, A>) -> Option<Fault> {
        let classes = matrices.classes.as_ref()?;
        let marked = if self.classes <= MOST_MARKS { self.classes } else { 0 };
        let (mut marks, mut entries) = (vec![0; marked.div_ceil(64)], Entries::default());
        let weights = matrices.weights.as_ref();
        let has_weight =
            |lane: &usize| weights.is_none_or(|weights| weights[[*lane, 0]] != A::Real::ZERO);
        (0..matrices.input.nrows()).filter(has_weight).find_map(|lane| {
            let fault = match marks.is_empty() {
                false => self.of_classes(classes, lane, &mut marks),
                true => self.of_many(classes, lane, &mut entries),
            };
            fault.or_else(|| {
                let check = self.values?;
                entries.read(classes, Some(&matrices.target), lane);
                check.fault(self.level, &mut entries)
            })
        })
    }

    fn of_classes(
        &self,
        classes: &Classes<'_, Ix2>,
        lane: usize,
        marks: &mut Marks,
    ) -> Option<Fault> {
        let (mut fault, mut entry) = (None, 0);
        let place = |class: u64| ((class / 64) as usize, 1 << (class % 64));
        let is_class = |class: u64| class < self.classes as u64;
        classes.each_of(lane, |class| {
            if !is_class(class) {
                fault = fault.or(Some(Fault::OutOfRange { entry }));
            } else {
                let (word, bit) = place(class);
                if marks[word] & bit != 0 {
                    fault = fault.or(Some(Fault::Repeated { class: class as usize }));
                }
                marks[word] |= bit;
            }
            entry += 1;
        });
        classes.each_of(lane, |class| {
            if is_class(class) {
                marks[place(class).0] = 0;
            }
        });
        fault
    }
}

impl SparseCheck {
    /// The same of more classes than are marked.
    fn of_many(
        &self,
        classes: &Classes<'_, Ix2>,
        lane: usize,
        entries: &mut Entries,
    ) -> Option<Fault> {
        let (mut outside, mut entry) = (None, 0);
        classes.each_of(lane, |class| {
            if class >= self.classes as u64 {
                outside = outside.or(Some(Fault::OutOfRange { entry }));
            }
            entry += 1;
        });
        if outside.is_some() {
            return outside;
        }
        entries.read(classes, None::<&ArrayView2<'_, f64>>, lane);
        let mut pairs = entries.classes.windows(2);
        pairs.find_map(|pair| (pair[0] == pair[1]).then_some(Fault::Repeated { class: pair[0] }))
    }
}

impl ValueCheck {
    fn fault(&self, level: Level, entries: &mut Entries) -> Option<Fault> {
        let ValueCheck { holds, least, tolerance } = *self;
        let mass = entries.mass(level, holds);
        let is_fine = |value: f64| match holds {
            Target::Logits => value < f64::INFINITY,
            Target::Probabilities => value >= 0.0,
            Target::LogProbabilities => value <= tolerance,
        };
        let is_proper = entries.values.iter().all(|&value| is_fine(value))
            && (least..=1.0 + tolerance).contains(&mass);
        (!is_proper).then_some(Fault::Improper { mass })
    }
}
