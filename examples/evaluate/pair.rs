//! Student, teacher and weights: files that fit each other.

use std::error::Error;
use std::ops::Range;

use kldiv::Partial;

use crate::blocks::Blocks;
use crate::measure::Measure;
use crate::npy::{NpyFile, Number, fnv};
use crate::options::Options;

pub struct Pair {
    input: NpyFile,
    target: NpyFile,
    weights: Option<NpyFile>,
    pub measure: Measure,
    pub blocks: Blocks,
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
        let ndim = input.shape.len();
        let axis = options.axis.unwrap_or(ndim.saturating_sub(1));
        if axis >= ndim {
            return Err(
                format!("--axis {axis}: the arrays have axes 0 to {}", ndim as i64 - 1).into()
            );
        }
        if input.shape.contains(&0) {
            return Err(format!(
                "{} holds nothing: its shape is {:?}",
                input.path.display(),
                input.shape
            )
            .into());
        }
        for file in [&target].into_iter().chain(&weights) {
            same("type", &input, file, |file| file.dtype.clone())?;
        }
        if let Some(weights) = &weights {
            let lanes = without(&input.shape, axis);
            if weights.shape != lanes {
                let path = weights.path.display();
                return Err(format!(
                    "{path} has shape {:?}, but there is one weight a distribution: {lanes:?}",
                    weights.shape
                )
                .into());
            }
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

    /// Of the settings, of what a slab is, and of samples of all files.
    pub fn fingerprint(&mut self) -> Result<u64, Box<dyn Error>> {
        let settings = format!("{:?} {}", self.measure, self.blocks.slabs());
        let hash = fnv(0xcbf2_9ce4_8422_2325, settings.as_bytes());
        let files = [&mut self.input, &mut self.target].into_iter().chain(&mut self.weights);
        files.into_iter().try_fold(hash, |hash, file| file.fingerprint(hash))
    }
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
