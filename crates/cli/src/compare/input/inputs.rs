//! The files of a run, which fit each other.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, ArrayD};

use super::blocks::Blocks;
use crate::compare::options::Options;
use crate::failure::Failure;
use crate::formats::{Array, BASIS, Float, Type, fnv};

/// All files, opened and checked.
#[derive(Clone)]
pub struct Inputs {
    /// The reference, then the candidates.
    pub operands: Vec<Array>,
    /// The classes that the reference names, if those are not all.
    pub classes: Option<Array>,
    pub weights: Option<Array>,
    /// The true class of each row: a file of integers.
    pub labels: Option<Array>,
    /// The same from a base file of llama.cpp.
    pub tokens: Option<Tokens>,
    pub axis: usize,
    pub blocks: Blocks,
}

/// The name of a base file of llama.cpp, and the token that each of its rows predicts.
type Tokens = (String, Arc<[i32]>);

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
    /// The classes that the reference names, if those are not all.
    pub classes: Option<ArrayD<i64>>,
    pub weights: Option<ArrayD<f64>>,
    pub labels: Option<ArrayD<i64>>,
}

impl<A> Block<A> {
    /// The memory of the operands, for the next block.
    pub fn into_memory(self) -> Vec<Vec<A>> {
        self.operands.into_iter().map(|operand| operand.into_raw_vec_and_offset().0).collect()
    }
}

impl Inputs {
    pub fn open(options: &Options) -> Result<Inputs, Failure> {
        let open = |name: &str| Array::open(name, options.bf16);
        let names = options.reference.iter().chain(&options.candidates);
        let operands = names.map(|name| open(name)).collect::<Result<Vec<_>, _>>()?;
        let [reference, candidates @ ..] = &operands[..] else {
            let line = "which files? kldiv compare REFERENCE CANDIDATE";
            return Err(Failure::usage(line));
        };
        let axis = class_axis(reference, options.axis)?;
        for operand in &operands {
            check_numbers(operand)?;
        }
        let classes = options.classes.as_deref().map(open).transpose()?;
        if let (Some(classes), Some(candidate)) = (&classes, candidates.first()) {
            check_shape(reference, classes)?;
            check_named(reference, candidate, axis)?;
        }
        let whole = if classes.is_some() { &candidates[0] } else { reference };
        for candidate in candidates {
            check_shape(whole, candidate)?;
        }
        let lanes = without(&reference.shape, axis);
        let weights = options.weights.as_deref().map(open).transpose()?;
        let labels = options.labels.as_deref().map(open).transpose()?;
        for file in weights.iter().chain(&labels) {
            check_lanes(file, &lanes)?;
        }
        let tokens = match &labels {
            Some(_) => None,
            // Of a reference of some classes the label's probability is not known.
            None => tokens(&operands)?.filter(|_| classes.is_none()),
        };
        let mut inputs = Inputs { classes, weights, labels, tokens, ..Inputs::of(operands, axis) };
        inputs.cut(options.block_bytes);
        Ok(inputs)
    }

    /// Arrays alone, not cut.
    fn of(operands: Vec<Array>, axis: usize) -> Inputs {
        let Array { shape, is_fortran, .. } = &operands[operands.len() - 1];
        let blocks = Blocks::new(shape, axis, *is_fortran, usize::MAX);
        let (classes, weights, labels, tokens) = (None, None, None, None);
        Inputs { operands, classes, weights, labels, tokens, axis, blocks }
    }

    /// Cuts the rows into blocks of so many bytes of each file.
    pub fn cut(&mut self, block_bytes: usize) {
        let elements = block_bytes / if self.is_single() { 4 } else { 8 };
        let is_fortran = self.operands[self.operands.len() - 1].is_fortran;
        self.blocks = Blocks::new(self.shape(), self.axis, is_fortran, elements);
    }

    /// One array alone.
    pub fn of_one(
        array: Array,
        axis: Option<isize>,
        block_bytes: usize,
    ) -> Result<Inputs, Failure> {
        let axis = class_axis(&array, axis)?;
        let mut inputs = Inputs::of(vec![array], axis);
        inputs.cut(block_bytes);
        Ok(inputs)
    }

    /// The index of a row, the class axis left out.
    pub fn index(&self, position: u64) -> Vec<u64> {
        index(self.shape(), self.axis, position)
    }

    /// The slab of the row at a position.
    pub fn slab(&self, position: u64) -> usize {
        let index = self.index(position);
        self.blocks.slab(|axis| index[axis - usize::from(axis > self.axis)] as usize)
    }

    /// The shape of the candidates.
    pub fn shape(&self) -> &[usize] {
        &self.operands[self.operands.len() - 1].shape
    }

    fn files(&self) -> impl Iterator<Item = &Array> {
        self.operands.iter().chain(&self.classes).chain(&self.weights).chain(&self.labels)
    }

    /// Whether one of them is standard input.
    pub fn has_stdin(&self) -> bool {
        self.files().any(|file| file.name == "-")
    }

    /// Whether one of them can be read in its order only.
    pub fn has_stream(&self) -> bool {
        self.files().any(Array::is_stream)
    }

    /// How many rows there are in all.
    pub fn rows(&self) -> u64 {
        without(self.shape(), self.axis).iter().map(|&len| len as u64).product()
    }

    /// Whether all is computed in `f32`.
    pub fn is_single(&self) -> bool {
        self.operands.iter().all(|operand| operand.dtype != Type::F64)
    }

    pub fn bytes_per_slab(&self) -> u64 {
        let elements = self.shape().iter().product::<usize>() / self.blocks.slabs();
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
        let mut named = window.clone();
        named[self.axis] = 0..self.operands[0].shape[self.axis];
        for (i, operand) in self.operands.iter_mut().enumerate() {
            let window = if i == 0 { &named } else { &window };
            operands.push(operand.read(window, memory.pop().unwrap_or_default())?);
        }
        let classes =
            self.classes.as_mut().map(|classes| classes.read_integers(&named)).transpose()?;
        let lanes = without(&window, self.axis);
        let weights =
            self.weights.as_mut().map(|file| file.read(&lanes, Vec::new())).transpose()?;
        let labels = match (&mut self.labels, &self.tokens) {
            (Some(file), _) => Some(file.read_integers(&lanes)?),
            // A base file has one axis of rows.
            (None, Some((_, tokens))) => {
                let tokens = tokens[lanes[0].clone()].iter();
                Some(tokens.map(|&token| token.into()).collect::<Array1<_>>().into_dyn())
            }
            (None, None) => None,
        };
        Ok((Block { window, operands, classes, weights, labels }, left))
    }

    pub fn fingerprint(&mut self, options: &Options) -> Result<Fingerprint, Failure> {
        let Options { reference_holds, candidate_holds, tolerance, keep_going, .. } = options;
        let Options { temperature, reference_temperature, bf16, .. } = options;
        let settings = format!(
            "{reference_holds:?} {candidate_holds:?} {tolerance} {keep_going} {temperature} {reference_temperature:?} {bf16} {:?} {} {} {}",
            options.divergences(),
            options.tail(),
            self.axis,
            self.blocks.slabs(),
        );
        let (mut content, mut times) = (fnv(BASIS, settings.as_bytes()), BASIS);
        let all = (self.operands.iter_mut().map(|file| ("operand", file)))
            .chain(self.classes.iter_mut().map(|file| ("classes", file)))
            .chain(self.weights.iter_mut().map(|file| ("weights", file)))
            .chain(self.labels.iter_mut().map(|file| ("labels", file)));
        for (role, file) in all {
            content = file.fingerprint(fnv(content, role.as_bytes()))?;
            times = fnv(times, &file.changed().to_le_bytes());
        }
        Ok(Fingerprint { content, times })
    }
}

/// The tokens of the first base file of llama.cpp. An error where others are of another text: their rows have nothing to do with each
/// other.
fn tokens(operands: &[Array]) -> Result<Option<Tokens>, Failure> {
    let mut texts = operands.iter().filter_map(|operand| Some((operand, operand.tokens()?)));
    let Some((first, tokens)) = texts.next() else { return Ok(None) };
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
    Ok(Some((first.name.clone(), tokens.into())))
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
        return Err(Failure::usage(line));
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
        "{name} holds {dtype}, which are not predictions; give floats, and integers as --labels"
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

/// A reference of k classes beside candidates of all.
fn check_named(reference: &Array, candidate: &Array, axis: usize) -> Result<(), Failure> {
    let [of_reference, of_candidate] = [&reference.shape, &candidate.shape];
    let is_same = without(of_reference, axis.min(of_reference.len()))
        == without(of_candidate, axis.min(of_candidate.len()));
    if is_same
        && of_reference.len() == of_candidate.len()
        && of_reference[axis] <= of_candidate[axis]
    {
        return Ok(());
    }
    let line = format!(
        "{} has shape {of_reference:?}, but {} has {of_candidate:?}; with --classes the reference has the same rows, and along axis {axis} at \
         most as many classes",
        reference.name, candidate.name
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
