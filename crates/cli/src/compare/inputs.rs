//! The files of a run, which fit each other.

use std::ops::Range;

use ndarray::ArrayD;

use super::blocks::Blocks;
use super::options::Options;
use crate::failure::{Code, Failure};
use crate::formats::{Array, BASIS, Float, Type, fnv};

/// All files, opened and checked.
pub struct Inputs {
    /// The reference, then the candidates.
    pub operands: Vec<Array>,
    pub weights: Option<Array>,
    pub labels: Option<Labels>,
    pub axis: usize,
    pub blocks: Blocks,
}

/// The true class of each row.
pub enum Labels {
    /// In a file of their own.
    File(Array),
    /// The tokens of a base file of llama.cpp, in the order of its rows.
    Tokens { name: String, tokens: Vec<i64> },
}

/// By which a run is known again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fingerprint {
    /// Of the settings, of how the rows are cut, and of samples of all files.
    pub content: u64,
    /// Of when the files were changed.
    pub times: u64,
}

/// The same rows of all files.
pub struct Block<A> {
    /// A range along every axis.
    pub window: Vec<Range<usize>>,
    /// The reference, then the candidates.
    pub operands: Vec<ArrayD<A>>,
    pub weights: Option<ArrayD<f64>>,
    pub labels: Option<ArrayD<i64>>,
}

impl Inputs {
    pub fn open(options: &Options) -> Result<Inputs, Failure> {
        let open = |name: &str| Array::open(name, options.bf16);
        let names = options.reference.iter().chain(&options.candidates);
        let operands = names.map(|name| open(name)).collect::<Result<Vec<_>, _>>()?;
        let [reference, candidates @ ..] = &operands[..] else {
            let line = "which files? kldiv compare REFERENCE CANDIDATE";
            return Err(Failure::new(line).with(Code::Usage));
        };
        let axis = class_axis(reference, options.axis)?;
        for operand in &operands {
            check_numbers(operand)?;
        }
        for candidate in candidates {
            check_shape(reference, candidate)?;
        }
        let lanes = without(&reference.shape, axis);
        let weights = options.weights.as_deref().map(open).transpose()?;
        let labels = match options.labels.as_deref().map(open).transpose()? {
            Some(file) => Some(Labels::File(file)),
            None => {
                check_texts(&operands)?;
                operands.iter().find_map(tokens)
            }
        };
        let label_file = match &labels {
            Some(Labels::File(file)) => Some(file),
            _ => None,
        };
        for file in weights.iter().chain(label_file) {
            check_lanes(file, &lanes)?;
        }
        let is_single = operands.iter().all(|operand| operand.dtype != Type::F64);
        let elements = options.block_bytes / if is_single { 4 } else { 8 };
        let blocks = Blocks::new(&reference.shape, axis, reference.is_fortran, elements);
        Ok(Inputs { operands, weights, labels, axis, blocks })
    }

    /// One array alone.
    pub fn of_one(
        array: Array,
        axis: Option<isize>,
        block_bytes: usize,
    ) -> Result<Inputs, Failure> {
        let axis = class_axis(&array, axis)?;
        let elements = block_bytes / if array.dtype == Type::F64 { 8 } else { 4 };
        let blocks = Blocks::new(&array.shape, axis, array.is_fortran, elements);
        Ok(Inputs { operands: vec![array], weights: None, labels: None, axis, blocks })
    }

    /// The index of a row, the class axis left out.
    pub fn index(&self, position: u64) -> Vec<u64> {
        index(self.shape(), self.axis, position)
    }

    pub fn shape(&self) -> &[usize] {
        &self.operands[0].shape
    }

    /// Whether one of them is standard input.
    pub fn has_stdin(&self) -> bool {
        let labels = match &self.labels {
            Some(Labels::File(file)) => Some(file),
            _ => None,
        };
        let mut all = self.operands.iter().chain(&self.weights).chain(labels);
        all.any(|file| file.name == "-")
    }

    /// How many rows there are in all.
    pub fn rows(&self) -> u64 {
        without(self.shape(), self.axis).iter().map(|&len| len as u64).product()
    }

    /// Whether all is computed in `f32`.
    pub fn is_single(&self) -> bool {
        self.operands.iter().all(|operand| operand.dtype != Type::F64)
    }

    pub fn elements_per_slab(&self) -> usize {
        self.shape().iter().product::<usize>() / self.blocks.slabs()
    }

    pub fn bytes_per_slab(&self) -> u64 {
        let elements = self.elements_per_slab();
        self.operands.iter().map(|operand| (operand.dtype.size() * elements) as u64).sum()
    }

    /// Reads the next block of the slabs that are left, into memory that is used again.
    pub fn read<A: Float>(
        &mut self,
        left: Range<usize>,
        memory: &mut Vec<Vec<A>>,
    ) -> Result<(Block<A>, Range<usize>), Failure> {
        let (window, left) = self.blocks.next(left);
        let mut operands = Vec::with_capacity(self.operands.len());
        for operand in &mut self.operands {
            operands.push(operand.read(&window, memory.pop().unwrap_or_default())?);
        }
        let lanes = without(&window, self.axis);
        let weights =
            self.weights.as_mut().map(|file| file.read(&lanes, Vec::new())).transpose()?;
        let labels = match &mut self.labels {
            Some(Labels::File(file)) => Some(file.read_integers(&lanes)?),
            // A base file has one axis of rows.
            Some(Labels::Tokens { tokens, .. }) => Some(
                tokens[lanes[0].clone()].iter().copied().collect::<ndarray::Array1<_>>().into_dyn(),
            ),
            None => None,
        };
        Ok((Block { window, operands, weights, labels }, left))
    }

    pub fn fingerprint(&mut self, options: &Options) -> Result<Fingerprint, Failure> {
        let Options { reference_holds, candidate_holds, tolerance, keep_going, .. } = options;
        let Options { temperature, reference_temperature, bf16, .. } = options;
        let settings = format!(
            "{reference_holds:?} {candidate_holds:?} {tolerance} {keep_going} {temperature} {reference_temperature:?} {bf16} {:?} {} {}",
            options.divergences(),
            self.axis,
            self.blocks.slabs(),
        );
        let (mut content, mut times) = (fnv(BASIS, settings.as_bytes()), BASIS);
        let labels = match &mut self.labels {
            Some(Labels::File(file)) => Some(file),
            _ => None,
        };
        for file in self.operands.iter_mut().chain(&mut self.weights).chain(labels) {
            content = file.fingerprint(content)?;
            times = fnv(times, &file.changed().to_le_bytes());
        }
        Ok(Fingerprint { content, times })
    }
}

/// Base files of llama.cpp of different texts have rows that have nothing to do with each other.
fn check_texts(operands: &[Array]) -> Result<(), Failure> {
    let mut texts = operands.iter().filter_map(|operand| Some((operand, operand.tokens()?)));
    let Some((first, tokens)) = texts.next() else { return Ok(()) };
    for (other, others) in texts {
        if let Some(row) = tokens.iter().zip(others).position(|(a, b)| a != b) {
            let line = format!(
                "{} is of another text than {}: row {row} predicts token {}, not {}; write both from the same text, with the same \
                 tokens, or give --labels if that is meant",
                other.name, first.name, others[row], tokens[row]
            );
            return Err(Failure::new(line));
        }
    }
    Ok(())
}

/// The tokens of a base file of llama.cpp.
fn tokens(operand: &Array) -> Option<Labels> {
    let tokens = operand.tokens()?.iter().map(|&token| i64::from(token)).collect();
    Some(Labels::Tokens { name: operand.name.clone(), tokens })
}

/// The one that was asked for, or the last; an error where there is none.
fn class_axis(reference: &Array, axis: Option<isize>) -> Result<usize, Failure> {
    let (name, shape) = (&reference.name, &reference.shape);
    let Some(last) = shape.len().checked_sub(1) else {
        let line = format!("{name} holds a single number; give an array with an axis of classes");
        return Err(Failure::new(line));
    };
    let asked = axis.unwrap_or(-1);
    // From the end, as numpy counts.
    let axis = if asked < 0 { asked + shape.len() as isize } else { asked };
    let Some(axis) = usize::try_from(axis).ok().filter(|axis| *axis <= last) else {
        let line = format!("--axis {asked}: {name} has axes 0 to {last}, and the shape {shape:?}");
        return Err(Failure::new(line).with(Code::Usage));
    };
    if shape.contains(&0) {
        return Err(Failure::new(format!("{name} holds nothing: its shape is {shape:?}")));
    }
    Ok(axis)
}

fn check_numbers(operand: &Array) -> Result<(), Failure> {
    if operand.dtype.is_float() {
        return Ok(());
    }
    let Array { name, dtype, .. } = operand;
    let line = format!(
        "{name} holds {dtype}, which are no predictions; give floats, and integers as --labels"
    );
    Err(Failure::new(line))
}

fn check_shape(reference: &Array, candidate: &Array) -> Result<(), Failure> {
    if reference.shape == candidate.shape {
        return Ok(());
    }
    let line = format!(
        "{} has shape {:?}, but {} has {:?}; both must be the same rows and classes",
        reference.name, reference.shape, candidate.name, candidate.shape
    );
    Err(Failure::new(line))
}

fn check_lanes(file: &Array, lanes: &[usize]) -> Result<(), Failure> {
    if file.shape == lanes {
        return Ok(());
    }
    let Array { name, shape, .. } = file;
    let line = format!("{name} has shape {shape:?}, but there is one number a row: {lanes:?}");
    Err(Failure::new(line))
}

/// All but that along one axis.
pub fn without<T: Clone>(values: &[T], axis: usize) -> Vec<T> {
    let others = values.iter().enumerate().filter(|&(i, _)| i != axis);
    others.map(|(_, value)| value.clone()).collect()
}

/// The index of the row at a position in the order of C, the class axis left out.
pub fn index(shape: &[usize], axis: usize, mut position: u64) -> Vec<u64> {
    let mut index: Vec<u64> = without(shape, axis).iter().map(|&len| len as u64).collect();
    for len in index.iter_mut().rev() {
        let along = position % *len;
        position /= *len;
        *len = along;
    }
    index
}
