//! Calls from bytes.

use arbitrary::{Arbitrary, Result, Unstructured};
use kldiv::{AnyReduction, Divergence, Target};

use crate::Settings;
use crate::call::{Call, Numbers};
use crate::common::REDUCTIONS;
use crate::common::layout::LAYOUTS;
use crate::face::{FACES, Face};
use crate::sparse::{self, SparseCall, TAILS};

/// A call with a target of all classes, or of some.
#[derive(Clone, Debug, Arbitrary)]
pub enum Any {
    Dense(Call),
    Sparse(SparseCall),
}

impl<'a> Arbitrary<'a> for Call {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Call> {
        let shape = shape(bytes)?;
        let kind = bytes.arbitrary()?;
        let mut settings = Settings {
            divergence: divergence(bytes)?,
            generalized: bytes.arbitrary()?,
            face: *bytes.choose(&FACES)?,
            temperatures: [temperature(bytes)?, temperature(bytes)?],
            squared: bytes.arbitrary()?,
        };
        // Only logits have temperatures; the reference would take their product for a factor.
        if matches!(settings.face, Face::Given(_)) {
            settings.temperatures = [1.0; 2];
        }
        Ok(Call {
            kind,
            settings,
            reduction: reduction(bytes)?,
            validated: validated(bytes)?,
            axis: bytes.int_in_range(0..=shape.len())?,
            layouts: [*bytes.choose(&LAYOUTS)?, *bytes.choose(&LAYOUTS)?],
            repeated: [repeated(bytes)?, repeated(bytes)?],
            weighted: bytes.arbitrary()?,
            cut: bytes.arbitrary::<u16>()?.into(),
            numbers: numbers(bytes)?,
            shape,
        })
    }
}

impl<'a> Arbitrary<'a> for SparseCall {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<SparseCall> {
        let mut lanes = shape(bytes)?;
        // The last is that of the classes, more or fewer of which are named.
        let classes = lanes.pop().unwrap_or(0);
        let has_labels = bytes.ratio(1, 4)?;
        let last_axis = lanes.len() + usize::from(bytes.ratio(1, 32)?);
        let named = match bytes.int_in_range(0..=7)? {
            _ if has_labels => classes.min(1),
            0 => classes,
            _ => bytes.int_in_range(classes.min(1)..=classes.min(20))?,
        };
        Ok(SparseCall {
            kind: bytes.arbitrary()?,
            settings: sparse::Settings {
                logits: bytes.arbitrary()?,
                tail: *bytes.choose(&TAILS)?,
                divergence: divergence(bytes)?,
                generalized: bytes.arbitrary()?,
                axis: bytes.int_in_range(0..=last_axis)?,
                temperatures: [temperature(bytes)?, temperature(bytes)?],
                validated: validated(bytes)?,
                holds: *bytes.choose(&[
                    Target::Probabilities,
                    Target::LogProbabilities,
                    Target::Logits,
                ])?,
            }
            .possible(),
            reduction: reduction(bytes)?,
            classes,
            named,
            has_labels,
            layouts: [*bytes.choose(&LAYOUTS)?, *bytes.choose(&LAYOUTS)?, *bytes.choose(&LAYOUTS)?],
            seed: bytes.arbitrary()?,
            special: special(bytes)?,
            wrong: match bytes.ratio(1, 4)? {
                true => wrong(bytes, classes)?,
                false => Vec::new(),
            },
            weighted: bytes.arbitrary()?,
            cut: bytes.arbitrary::<u16>()?.into(),
            misfit: match bytes.ratio(1, 32)? {
                true => Some([bytes.int_in_range(0..=3)?, bytes.int_in_range(0..=12)?]),
                false => None,
            },
            lanes,
        })
    }
}

/// Classes that are not there, or there already.
fn wrong(bytes: &mut Unstructured, classes: usize) -> Result<Vec<(usize, i64)>> {
    (0..bytes.int_in_range(1..=4)?)
        .map(|_| {
            let class = match bytes.int_in_range(0..=3)? {
                0 => bytes.arbitrary()?,
                1 => classes as i64,
                2 => -100,
                _ => bytes.int_in_range(0..=classes as i64)?,
            };
            Ok((bytes.arbitrary::<u16>()?.into(), class))
        })
        .collect()
}

fn reduction(bytes: &mut Unstructured) -> Result<AnyReduction> {
    Ok(match bytes.ratio(1, 32)? {
        true => AnyReduction::SumOver(bytes.arbitrary()?),
        false => *bytes.choose(&REDUCTIONS)?,
    })
}

fn validated(bytes: &mut Unstructured) -> Result<Option<f64>> {
    Ok(match bytes.int_in_range(0..=15)? {
        0 => Some(bytes.arbitrary()?),
        1 => Some(10.0),
        _ => None,
    })
}

/// Of up to 4 axes; seldom of many classes, more seldom of enough elements for several threads.
fn shape(bytes: &mut Unstructured) -> Result<Vec<usize>> {
    Ok(match bytes.int_in_range(0..=63)? {
        0 => vec![bytes.int_in_range(100..=130)?, bytes.int_in_range(900..=1100)?],
        1..=3 => vec![bytes.int_in_range(1..=3)?, bytes.int_in_range(1000..=1100)?],
        4..=12 => vec![bytes.int_in_range(1..=5)?, bytes.int_in_range(55..=70)?],
        n => (0..n % 5).map(|_| bytes.int_in_range(0..=9)).collect::<Result<_>>()?,
    })
}

fn divergence(bytes: &mut Unstructured) -> Result<Divergence> {
    let parameter = match bytes.int_in_range(0..=15)? {
        0 => bytes.arbitrary()?,
        // ½ has a formula of its own.
        1..=4 => *bytes.choose(&[0.0, 0.5, 1.0])?,
        _ => (f64::from(bytes.arbitrary::<u16>()?) + 0.5) / 65536.0,
    };
    Ok(match bytes.int_in_range(0..=7)? {
        0 => Divergence::Forward,
        1 => Divergence::Reverse,
        2 => Divergence::Symmetric(parameter),
        3 => Divergence::Jeffreys,
        4 => Divergence::JensenShannon(parameter),
        5 => Divergence::Skew(parameter),
        6 => Divergence::SkewReverse(parameter),
        _ => Divergence::TotalVariation,
    })
}

fn temperature(bytes: &mut Unstructured) -> Result<f64> {
    Ok(match bytes.int_in_range(0..=15)? {
        0 => bytes.arbitrary()?,
        n if n < 8 => 1.0,
        n => f64::from(n) / 4.0 - 1.5,
    })
}

fn repeated(bytes: &mut Unstructured) -> Result<Option<usize>> {
    let axis = bytes.int_in_range(0..=15)?;
    Ok(Some(axis).filter(|axis| *axis < 4))
}

fn numbers(bytes: &mut Unstructured) -> Result<Numbers> {
    Ok(Numbers {
        seed: bytes.arbitrary()?,
        apart: *bytes.choose(&[0.0, 1e-4, 0.1, 4.0, 16.0, 150.0])?,
        with_holes: bytes.arbitrary()?,
        special: special(bytes)?,
    })
}

/// Places and numbers, in half of all calls.
fn special(bytes: &mut Unstructured) -> Result<Vec<(usize, f64)>> {
    let count = match bytes.arbitrary()? {
        true => bytes.int_in_range(1..=8)?,
        false => 0,
    };
    (0..count).map(|_| Ok((bytes.arbitrary::<u16>()?.into(), bytes.arbitrary()?))).collect()
}
