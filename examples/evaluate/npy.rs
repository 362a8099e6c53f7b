//! One `.npy` file, of which any part can be read.

use std::error::Error;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

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
    /// When, in nanoseconds since 1970; 0 where the system does not tell.
    pub changed: u128,
    file: File,
    /// Where the numbers start.
    start: u64,
}

impl NpyFile {
    /// Reads the header, and checks that the file is as long as it says.
    pub fn open(path: &Path) -> Result<NpyFile, Box<dyn Error>> {
        let at = |error: &dyn Error| cannot_read(path, error);
        let file = File::open(path).map_err(|error| at(&error))?;
        let mut reader = BufReader::new(file);
        let header = Header::from_reader(&mut reader).map_err(|error| at(&error))?;
        let start = reader.stream_position().map_err(|error| at(&error))?;
        let npy = NpyFile {
            path: path.to_owned(),
            shape: header.shape,
            fortran: header.layout.is_fortran(),
            dtype: header.type_descriptor.to_string(),
            changed: reader.get_ref().metadata().map_or(0, |metadata| changed(&metadata)),
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
                    "{path} holds {other}, not float32 or float64 in little-endian order; \
                     save it again as a.astype(\"<f4\") or a.astype(\"<f8\")"
                )
                .into());
            }
        };
        let elements = self.shape.iter().try_fold(size, |n: u64, &len| n.checked_mul(len as u64));
        let expected = elements.and_then(|bytes| bytes.checked_add(self.start));
        let found = self.file.metadata().map_err(|error| cannot_read(&self.path, &error))?.len();
        let Some(expected) = expected else {
            return Err(
                format!("{path}: no file is as long as its header says; save it again").into()
            );
        };
        let Some(missing) = expected.checked_sub(found) else {
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
                .map_err(|error| cannot_read(&self.path, &error))?;
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

    /// FNV-1a of what the header says, the length, and samples spread over the file from its first byte to its
    /// last, which are all of it up to 1 MiB.
    pub fn fingerprint(&mut self, hash: u64) -> Result<u64, Box<dyn Error>> {
        self.sampled(hash).map_err(|error| cannot_read(&self.path, &error).into())
    }

    fn sampled(&mut self, mut hash: u64) -> io::Result<u64> {
        const SAMPLES: u64 = 64;
        const SAMPLE: u64 = 1 << 14;
        let length = self.file.metadata()?.len();
        let described = format!("{:?} {} {} {length}", self.shape, self.fortran, self.dtype);
        hash = fnv(hash, described.as_bytes());
        let mut sample = vec![0; length.min(SAMPLE) as usize];
        let last = u128::from(length - length.min(SAMPLE));
        for i in 0..SAMPLES {
            let start = last * u128::from(i) / u128::from(SAMPLES - 1);
            self.file.seek(SeekFrom::Start(start as u64))?;
            self.file.read_exact(&mut sample)?;
            hash = fnv(hash, &sample);
        }
        Ok(hash)
    }
}

fn changed(metadata: &Metadata) -> u128 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos())
}

/// In one line, whatever the error has to say.
fn cannot_read(path: &Path, error: &dyn Error) -> String {
    let error = error.to_string();
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("cannot read {}: {error}; give a whole file that numpy.save wrote", path.display())
}

pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits, continued.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
