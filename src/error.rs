//! The errors.

use std::error;
use std::fmt;

use crate::tail::Tail;

/// Why a call was refused. The documentation of a variant is the exact condition. Its fields hold what
/// is needed to mend the call, and `Display` names the call that mends it where there is one.
///
/// The `index` of a distribution is its position, without the class axis.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// `input.shape() != target.shape()`. Nothing is broadcast silently.
    ShapeMismatch {
        /// The input's shape.
        input: Vec<usize>,
        /// The target's shape.
        target: Vec<usize>,
        /// The class axis asked for.
        axis: usize,
    },
    /// `axis >= ndim`. This is true for every 0-d array.
    AxisOutOfBounds {
        /// The class axis asked for.
        axis: usize,
        /// The number of axes of the input.
        ndim: usize,
    },
    /// The mean of an empty batch, where PyTorch returns NaN: no elements for `Mean`, an axis 0 of length 0 for
    /// `BatchMean`, no distributions for `DistributionMean`.
    EmptyMean,
    /// `weights.shape()` is not the input's without the class axis.
    WeightShape {
        /// The input's shape without the class axis.
        expected: Vec<usize>,
        /// The weights' shape.
        found: Vec<usize>,
    },
    /// `!(0 <= weight && weight < ∞)`.
    InvalidWeight {
        /// The distribution.
        index: Vec<usize>,
        /// Its weight.
        weight: f64,
    },
    /// An output buffer, gradient or upstream does not have the shape of the output or operand that it belongs to.
    OutputShape {
        /// The shape it should have.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },
    /// `!(0 < denominator && denominator < ∞ && 1/denominator < ∞)` in `SumOver(denominator)`.
    InvalidDenominator {
        /// The denominator.
        denominator: f64,
    },
    /// `!(0 <= tolerance && tolerance < ∞)` in `validated(tolerance)`.
    InvalidTolerance {
        /// The tolerance.
        tolerance: f64,
    },
    /// In a [validated](crate::KLDivLoss::validated) call: `!(|mass − 1| <= tolerance)`, a probability below 0, or
    /// `!(x <= tolerance)` for a log-probability x. The input is checked before the target, and the lowest index is reported. For the
    /// values of a sparse target with k < C classes: `!(0 <= mass && mass <= 1 + tolerance)`. With `Tail::Renormalized`, for any k:
    /// `!(0 < mass && mass <= 1 + tolerance)`.
    NotADistribution {
        /// The operand.
        operand: Operand,
        /// The distribution.
        index: Vec<usize>,
        /// The sum of its probabilities.
        mass: f64,
    },
    /// τ is not a positive normal number of the computing type, or 1/τ is not a normal `f64`. With
    /// `times_temperature_squared(true)` also: τ² is not a normal number of the computing type.
    InvalidTemperature {
        /// The temperature τ.
        temperature: f64,
    },
    /// A parameter of a [`Divergence`](crate::Divergence) is out of range: `!(0 <= λ && λ <= 1)` of `Symmetric`,
    /// `!(0 < β && β < 1)` of `JensenShannon`, `!(0 <= α && α < 1)` of `Skew` and `SkewReverse`.
    InvalidDivergence {
        /// The name of the divergence.
        name: &'static str,
        /// The parameter.
        parameter: f64,
    },
    /// For a [sparse target](crate::KLDivLoss::sparse_batch): the shape of `classes` or `values` differs from the input's on another
    /// axis than the class axis, their lengths k on the class axis differ, or `!(1 <= k && k <= C)`.
    SparseShape {
        /// The input's shape.
        input: Vec<usize>,
        /// The shape of the classes.
        classes: Vec<usize>,
        /// The shape of their values.
        values: Vec<usize>,
        /// The class axis.
        axis: usize,
    },
    /// `labels.shape()` is not the input's without the class axis.
    LabelShape {
        /// The input's shape without the class axis.
        expected: Vec<usize>,
        /// The labels' shape.
        found: Vec<usize>,
    },
    /// `!(0 <= class && class < C)` for a class that a sparse target names, in a distribution whose weight is not 0.
    ClassOutOfRange {
        /// The distribution.
        index: Vec<usize>,
        /// The position of the class along the class axis of `classes`.
        entry: usize,
        /// The class.
        class: i128,
        /// The number of classes C.
        classes: usize,
    },
    /// A sparse target names a class twice in one distribution, whose weight is not 0.
    RepeatedClass {
        /// The distribution.
        index: Vec<usize>,
        /// The class.
        class: usize,
    },
    /// A sparse target of logits with a tail other than `Renormalized`: k logits do not tell how much mass is left.
    InvalidTail {
        /// The tail.
        tail: Tail,
    },
    /// `Pointwise` with a sparse target.
    InvalidReduction {
        /// The name of the reduction.
        name: &'static str,
    },
    /// No divergence has this name, or its parameter is missing, or it takes no parameter.
    UnknownDivergence {
        /// The name.
        name: String,
    },
    /// No reduction has this name.
    UnknownReduction {
        /// The name.
        name: String,
    },
    /// The words or the payload are not those of a partial result, or are damaged.
    InvalidPartial {
        /// What is wrong with the words.
        reason: &'static str,
    },
    /// The output cannot be allocated.
    TooLarge {
        /// The shape of the output.
        shape: Vec<usize>,
    },
}

/// One of the two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// The model's side, the first argument.
    Input,
    /// The target's side, the second argument.
    Target,
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operand::Input => "input",
            Operand::Target => "target",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::ShapeMismatch { input, target, axis } => {
                write!(f, "input has shape {input:?} but target has shape {target:?}; ")?;
                advise_on_shapes(f, input, target, *axis)
            }
            Error::AxisOutOfBounds { axis, ndim } => {
                write!(f, "class axis {axis} is out of bounds for an array of {ndim} axes; ")?;
                match ndim.checked_sub(1) {
                    Some(last) => write!(f, "call .axis(Axis(n)) with n from 0 to {last}"),
                    None => write!(f, "call .insert_axis(Axis(0)) on both operands"),
                }
            }
            Error::EmptyMean => {
                write!(
                    f,
                    "the mean of an empty batch is undefined; skip the batch, or use Sum, which gives 0"
                )
            }
            Error::WeightShape { expected, found } => write!(
                f,
                "weights have shape {found:?} but must have {expected:?}, the input's shape without the class axis"
            ),
            Error::InvalidWeight { index, weight } => {
                write!(f, "weight {weight} of distribution {index:?} must be finite and at least 0")
            }
            Error::OutputShape { expected, found } => {
                write!(f, "expected an array of shape {expected:?} but got {found:?}")
            }
            Error::InvalidDenominator { denominator } => {
                write!(
                    f,
                    "denominator {denominator} must be above 0 and finite, and 1/denominator must be finite"
                )
            }
            Error::InvalidTolerance { tolerance } => {
                write!(
                    f,
                    "tolerance {tolerance} must be finite and at least 0; try .validated(1e-3)"
                )
            }
            Error::NotADistribution { operand, index, mass } => write!(
                f,
                "{operand} {index:?} is not a distribution: its mass is {mass}, or a number in it is out of range; {}",
                match *mass < 0.0 {
                    true =>
                        "numbers below 0 look like log-probabilities: call .log_target(true), or .target(Target::LogProbabilities)",
                    false => "for dense operands .batch(…)?.diagnose() names the likely cause",
                }
            ),
            Error::InvalidTemperature { temperature } => write!(
                f,
                "temperature {temperature} and its inverse must be normal numbers above 0; with .times_temperature_squared(true) so must its square, or its product with .target_temperature(…)"
            ),
            Error::InvalidDivergence { name, parameter } => {
                let range = match *name {
                    "symmetric" => "must be from 0 to 1",
                    "jensen-shannon" => {
                        "must be above 0 and below 1; for 0 use Divergence::Forward, for 1 Divergence::Reverse"
                    }
                    _ => "must be at least 0 and below 1",
                };
                write!(f, "the parameter {parameter} of the divergence {name} {range}")
            }
            Error::SparseShape { input, classes, values, axis } => {
                let (mut expected, k) = (format!("{input:?}"), input.get(*axis).copied());
                let named = classes.get(*axis).copied().unwrap_or(0);
                if let (Some(most), true) = (k, classes.len() == input.len()) {
                    if !(1..=most).contains(&named) {
                        return write!(
                            f,
                            "{named} classes are named along axis {axis}, but their number must be from 1 to the input's {most}"
                        );
                    }
                    let mut shape = input.clone();
                    shape[*axis] = named;
                    expected = format!("{shape:?}");
                }
                write!(
                    f,
                    "classes have shape {classes:?} and values have {values:?}, but both must have {expected}: the input's shape, with the number of named classes along axis {axis}"
                )
            }
            Error::LabelShape { expected, found } => write!(
                f,
                "labels have shape {found:?} but must have {expected:?}, the input's shape without the class axis"
            ),
            Error::ClassOutOfRange { index, entry, class, classes } => write!(
                f,
                "class {class} at place {entry} of distribution {index:?} is not from 0 to {}; if it marks padding, call .weights(…) with a weight of 0 for it",
                classes.saturating_sub(1)
            ),
            Error::RepeatedClass { index, class } => {
                write!(f, "class {class} is named twice in distribution {index:?}")
            }
            Error::InvalidTail { tail } => write!(
                f,
                "the tail {tail} needs the mass that the named classes leave, but logits do not tell it; call .tail(Tail::Renormalized), or .target(Target::LogProbabilities) if the values are log-probabilities"
            ),
            Error::InvalidReduction { name } => write!(
                f,
                "the reduction {name} needs the terms of single classes, which a sparse target does not have; use PerDistribution for their sums"
            ),
            Error::UnknownDivergence { name } => write!(
                f,
                "unknown divergence {name:?}; use one of forward, reverse, symmetric:0.5, jeffreys, jensen-shannon:0.5, skew:0.1, skew-reverse:0.1, total-variation; the number after a colon is a parameter, and is required"
            ),
            Error::UnknownReduction { name } => write!(
                f,
                "unknown reduction {name:?}; use one of none, per_distribution, sum, mean, batchmean, distribution_mean, sum_over(n)"
            ),
            Error::InvalidPartial { reason } => write!(f, "not a partial result: {reason}"),
            Error::TooLarge { shape } => {
                write!(
                    f,
                    "an output of shape {shape:?} cannot be allocated; cut the batch into parts"
                )
            }
        }
    }
}

/// Names the call that makes the shapes equal, or else the axes that differ.
fn advise_on_shapes(
    f: &mut fmt::Formatter<'_>,
    input: &[usize],
    target: &[usize],
    class_axis: usize,
) -> fmt::Result {
    for (small, large, operand) in
        [(target, input, Operand::Target), (input, target, Operand::Input)]
    {
        if broadcasts(small, large) {
            return write!(f, "call .broadcast({large:?}) on the {operand} to repeat it");
        }
    }
    if input.len() != target.len() {
        return write!(f, "they have {} and {} axes", input.len(), target.len());
    }
    let lengths = input.iter().zip(target).enumerate();
    let axes: Vec<usize> = lengths.filter(|(_, (a, b))| a != b).map(|(axis, _)| axis).collect();
    let shorter = |axis: usize| input[axis].min(target[axis]);
    match axes[..] {
        [axis] if axis == class_axis => {
            let longer = if input[axis] > target[axis] { "input" } else { "target" };
            write!(f, "the number of classes differs, along axis {axis}; ")?;
            if longer == "input" {
                f.write_str("if the target holds the best classes of each distribution, call .sparse_batch(&input, &classes, &target); otherwise ")?;
            }
            write!(
                f,
                "slice the {longer} to the classes that both have: {longer}.slice_axis(Axis({axis}), Slice::from(..{}))",
                shorter(axis)
            )
        }
        [axis] => write!(f, "they differ along axis {axis}, which does not hold the classes"),
        _ => write!(f, "they differ along the axes {axes:?}"),
    }
}

/// Whether an array of the small shape can be repeated to the large one.
fn broadcasts(small: &[usize], large: &[usize]) -> bool {
    let fits = |(&small, &large): (&usize, &usize)| small == large || small == 1;
    small.len() <= large.len() && small.iter().rev().zip(large.iter().rev()).all(fits)
}

impl error::Error for Error {}
