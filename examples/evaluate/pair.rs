//! Student, teacher and weights: files that fit each other.

use std::error::Error;
use std::ops::Range;

use kldiv::Partial;

use crate::blocks::Blocks;
use crate::measure::Measure;
use crate::npy::{BASIS, NpyFile, Number, fnv};
use crate::options::Options;

pub struct Pair {
    input: NpyFile,
    target: NpyFile,
    weights: Option<NpyFile>,
    pub measure: Measure,
    pub blocks: Blocks,
}

/// By which a run is known again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fingerprint {
    /// Of the settings, of what a slab is, and of samples of all files.
    pub content: u64,
    /// Of when the files were changed.
    pub times: u64,
}

/// What is found of one block.
pub struct Measured {
    pub partial: Partial,
    /// Of each distribution that counts: its position in the order of C, and its divergence.
    pub divergences: Vec<(u64, f64)>,
}

impl Pair {
    pub fn open(options: &Options) -> Result<Pair, Box<dyn Error>> {
        let [student, teacher] = options.files();
        let (input, target) = (NpyFile::open(student)?, NpyFile::open(teacher)?);
        let weights = options.weights.as_deref().map(NpyFile::open).transpose()?;
        same("shape", &input, &target, |file| format!("{:?}", file.shape))?;
        let axis = class_axis(&input, options.axis)?;
        for file in [&target].into_iter().chain(&weights) {
            same("type", &input, file, |file| file.dtype.clone())?;
        }
        if let Some(weights) = &weights {
            check_weights(weights, &without(&input.shape, axis))?;
        }
        let elements = options.block_bytes / if input.dtype == f32::DTYPE { 4 } else { 8 };
        let blocks = Blocks::new(&input.shape, axis, input.fortran, elements);
        Ok(Pair { input, target, weights, measure: Measure::new(axis, options), blocks })
    }

    pub fn is_single(&self) -> bool {
        self.input.dtype == f32::DTYPE
    }

    pub fn shape(&self) -> &[usize] {
        &self.input.shape
    }

    pub fn bytes_per_slab(&self) -> u64 {
        let size = if self.is_single() { 4 } else { 8 };
        2 * (size * self.shape().iter().product::<usize>() / self.blocks.slabs()) as u64
    }

    /// Reads the next block of the slabs that are left and measures it.
    pub fn step<A: Number>(
        &mut self,
        left: Range<usize>,
    ) -> Result<(Measured, Range<usize>), Box<dyn Error>> {
        let (window, left) = self.blocks.next(left);
        let input = self.input.read::<A>(&window)?;
        let target = self.target.read::<A>(&window)?;
        let lanes = without(&window, self.measure.axis);
        let weights = match &mut self.weights {
            Some(file) => Some(file.read::<A>(&lanes)?),
            None => None,
        };
        let starts: Vec<usize> = lanes.iter().map(|range| range.start).collect();
        let measured = self.measure.block(&input, &target, weights.as_ref());
        let (partial, divergences) = measured.map_err(|error| self.located(error, &starts))?;
        let lengths = without(self.shape(), self.measure.axis);
        let divergences = divergences
            .indexed_iter()
            .filter(|(index, _)| weights.as_ref().is_none_or(|w| w[index.clone()].into() != 0.0))
            .map(|(index, &divergence)| {
                let position = (0..lengths.len()).fold(0, |position, axis| {
                    position * lengths[axis] + starts[axis] + index[axis]
                });
                (position as u64, divergence.into())
            })
            .collect();
        Ok((Measured { partial, divergences }, left))
    }

    /// The error, with the place in the file instead of that in the block.
    fn located(&self, error: kldiv::Error, starts: &[usize]) -> Box<dyn Error> {
        match (error, &self.weights) {
            (kldiv::Error::InvalidWeight { index, weight }, Some(file)) => {
                let index = index.iter().zip(starts).map(|(index, start)| index + start).collect();
                let error = kldiv::Error::InvalidWeight { index, weight };
                format!("{}: {error}", file.path.display()).into()
            }
            (error, _) => error.into(),
        }
    }

    pub fn fingerprint(&mut self) -> Result<Fingerprint, Box<dyn Error>> {
        let settings = format!("{:?} {}", self.measure, self.blocks.slabs());
        let (mut content, mut times) = (fnv(BASIS, settings.as_bytes()), BASIS);
        for file in [&mut self.input, &mut self.target].into_iter().chain(&mut self.weights) {
            content = file.fingerprint(content)?;
            times = fnv(times, &file.changed.to_le_bytes());
        }
        Ok(Fingerprint { content, times })
    }
}

/// The one that was asked for, or the last; an error where there is none.
fn class_axis(input: &NpyFile, axis: Option<usize>) -> Result<usize, Box<dyn Error>> {
    let (path, shape) = (input.path.display(), &input.shape);
    let Some(last) = shape.len().checked_sub(1) else {
        return Err(
            format!("{path} holds a single number; give an array with an axis of classes").into()
        );
    };
    let axis = axis.unwrap_or(last);
    if axis > last {
        return Err(format!("--axis {axis}: the arrays have axes 0 to {last}").into());
    }
    if shape.contains(&0) {
        return Err(format!("{path} holds nothing: its shape is {shape:?}").into());
    }
    Ok(axis)
}

fn check_weights(weights: &NpyFile, lanes: &[usize]) -> Result<(), Box<dyn Error>> {
    let (path, shape) = (weights.path.display(), &weights.shape);
    if shape == lanes {
        return Ok(());
    }
    Err(format!("{path} has shape {shape:?}, but there is one weight a distribution: {lanes:?}")
        .into())
}

fn same(
    what: &str,
    a: &NpyFile,
    b: &NpyFile,
    of: impl Fn(&NpyFile) -> String,
) -> Result<(), Box<dyn Error>> {
    let (one, other) = (of(a), of(b));
    if one == other {
        return Ok(());
    }
    let (a, b) = (a.path.display(), b.path.display());
    Err(format!("{a} has {what} {one}, but {b} has {other}; both must be the same").into())
}

fn without<T: Clone>(values: &[T], axis: usize) -> Vec<T> {
    let others = values.iter().enumerate().filter(|&(i, _)| i != axis);
    others.map(|(_, value)| value.clone()).collect()
}
