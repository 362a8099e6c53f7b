//! One `.npy` file, of which any part can be read.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use kldiv::Element;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::Header;

/// What is read: a range along every axis.
pub type Window = Vec<Range<usize>>;

/// `f32` or `f64`, little-endian.
pub trait Number: Element<Loss = Self> + Into<f64> {
    const DTYPE: &'static str;
    fn all_from(bytes: &[u8], to: &mut Vec<Self>);
}

impl Number for f32 {
    const DTYPE: &'static str = "'<f4'";
    fn all_from(bytes: &[u8], to: &mut Vec<f32>) {
        to.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    }
}

impl Number for f64 {
    const DTYPE: &'static str = "'<f8'";
    fn all_from(bytes: &[u8], to: &mut Vec<f64>) {
        to.extend(bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)));
    }
}

#[derive(Debug)]
pub struct NpyFile {
    pub path: PathBuf,
    pub shape: Vec<usize>,
    pub fortran: bool,
    /// As numpy writes it, in quotes.
    pub dtype: String,
    file: File,
    /// Where the numbers start.
    start: u64,
}

impl NpyFile {
    /// Reads the header, and checks that the file is as long as it says.
    pub fn open(path: &Path) -> Result<NpyFile, Box<dyn Error>> {
        let at = |error: &dyn Error| format!("cannot read {}: {error}", path.display());
        let file = File::open(path).map_err(|error| at(&error))?;
        let mut reader = BufReader::new(file);
        let header = Header::from_reader(&mut reader)
            .map_err(|error| at(&error) + "; is it an array, saved by numpy.save?")?;
        let start = reader.stream_position().map_err(|error| at(&error))?;
        let npy = NpyFile {
            path: path.to_owned(),
            shape: header.shape,
            fortran: header.layout.is_fortran(),
            dtype: header.type_descriptor.to_string(),
            file: reader.into_inner(),
            start,
        };
        npy.check_length()?;
        Ok(npy)
    }

    fn check_length(&self) -> Result<(), Box<dyn Error>> {
        let path = self.path.display();
        let size = match self.dtype.as_str() {
            f32::DTYPE => 4,
            f64::DTYPE => 8,
            other => {
                return Err(format!(
                    "{path} holds {other}, not float32 or float64; save it again as a.astype(\"<f4\")"
                )
                .into());
            }
        };
        let elements = self.shape.iter().try_fold(size, |n: u64, &len| n.checked_mul(len as u64));
        let expected = elements.and_then(|bytes| bytes.checked_add(self.start));
        let found =
            self.file.metadata().map_err(|error| format!("cannot read {path}: {error}"))?.len();
        let Some(missing) = expected.and_then(|expected| expected.checked_sub(found)) else {
            return Err(format!("{path} is longer than its header says; save it again").into());
        };
        if missing > 0 {
            return Err(
                format!("{path} is truncated, {missing} bytes are missing; copy it again").into()
            );
        }
        Ok(())
    }

    /// Reads a window, as it lies in the file.
    pub fn read<A: Number>(
        &mut self,
        window: &[Range<usize>],
    ) -> Result<ArrayD<A>, Box<dyn Error>> {
        let lengths: Vec<usize> = window.iter().map(Range::len).collect();
        let mut values = Vec::with_capacity(lengths.iter().product());
        let mut bytes = Vec::new();
        for piece in self.pieces(window) {
            bytes.resize(piece.len() * size_of::<A>(), 0);
            let offset = self.start + (piece.start * size_of::<A>()) as u64;
            let read = self.file.seek(SeekFrom::Start(offset));
            read.and_then(|_| self.file.read_exact(&mut bytes))
                .map_err(|error| format!("cannot read {}: {error}", self.path.display()))?;
            A::all_from(&bytes, &mut values);
        }
        Ok(ArrayD::from_shape_vec(IxDyn(&lengths).set_f(self.fortran), values)?)
    }

    /// The runs of neighbouring numbers that a window is made of, in the order of the file.
    fn pieces(&self, window: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut order: Vec<usize> = (0..self.shape.len()).collect();
        if self.fortran {
            order.reverse();
        }
        let whole = |axis: &usize| window[*axis].len() == self.shape[*axis];
        let inner = order.iter().rev().take_while(|axis| whole(axis)).count();
        let (outer, inner) = order.split_at(order.len() - inner);
        let run: usize = inner.iter().map(|&axis| self.shape[axis]).product();
        let Some((&last, outer)) = outer.split_last() else {
            return std::iter::once(0..run).collect();
        };
        let mut starts = vec![0];
        for &axis in outer {
            let next =
                |&start: &usize| window[axis].clone().map(move |i| start * self.shape[axis] + i);
            starts = starts.iter().flat_map(next).collect();
        }
        let Range { start, end } = window[last];
        let piece = |before: usize| {
            let before = before * self.shape[last];
            (before + start) * run..(before + end) * run
        };
        starts.into_iter().map(piece).collect()
    }

    /// FNV-1a of the shape and of samples spread over the file.
    pub fn fingerprint(&mut self, mut hash: u64) -> Result<u64, Box<dyn Error>> {
        const SAMPLES: u64 = 64;
        let length = self.file.metadata()?.len();
        let described = format!("{:?} {} {} {length}", self.shape, self.fortran, self.dtype);
        hash = fnv(hash, described.as_bytes());
        let mut sample = [0; 1024];
        for i in 0..SAMPLES {
            let last = length.saturating_sub(sample.len() as u64);
            self.file.seek(SeekFrom::Start(last / (SAMPLES - 1) * i))?;
            let read = self.file.read(&mut sample)?;
            hash = fnv(hash, &sample[..read]);
        }
        Ok(hash)
    }
}

/// FNV-1a, 64 bits, continued.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
