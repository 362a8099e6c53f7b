//! One array within a file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use super::source::{Source, fnv, sampled};
use super::{Float, Problem, Type, cannot_read, logarithms, number};
use crate::failure::Failure;

/// Where the numbers of an array are, and what they are.
#[derive(Debug)]
pub struct Header {
    pub dtype: Type,
    pub shape: Vec<usize>,
    pub is_fortran: bool,
    pub is_big_endian: bool,
    /// The offset of the first number.
    pub start: u64,
}

impl Header {
    /// The offset behind the last number.
    pub fn end(&self) -> Result<u64, Problem> {
        let bytes = self.dtype.bytes(&self.shape);
        bytes.and_then(|bytes| bytes.checked_add(self.start)).ok_or_else(|| {
            format!("has the shape {:?}, which no machine can hold; write it again", self.shape)
        })
    }
}

/// An array within a file, of which any window can be read. Copies read by themselves, but for those of a stream.
#[derive(Clone)]
pub struct Array {
    /// As it was given: `file.npz:name`.
    pub name: String,
    /// `.npy`, `.npz`, `.safetensors` or `llama.cpp`.
    pub format: &'static str,
    /// The type of the stored numbers.
    pub dtype: Type,
    /// The length of every axis.
    pub shape: Vec<usize>,
    /// Whether the first axis, not the last, is the one whose numbers are neighbours.
    pub is_fortran: bool,
    /// Nanoseconds since 1970, 0 if unknown.
    changed: u128,
    /// Whether the bytes of each number are in the other order than this machine's.
    is_swapped: bool,
    /// Where the numbers start in the source.
    start: u64,
    source: Source,
    tokens: Option<Arc<[i32]>>,
    /// Stored numbers that wait for conversion: kept, so that a block allocates nothing. Of u64, so that it is aligned
    /// for all types.
    buffer: Vec<u64>,
}

impl Array {
    /// An array whose name is set later.
    pub(super) fn new(format: &'static str, header: Header, source: Source) -> Array {
        Array {
            name: String::new(),
            format,
            dtype: header.dtype,
            shape: header.shape,
            is_fortran: header.is_fortran,
            changed: 0,
            is_swapped: header.is_big_endian != cfg!(target_endian = "big"),
            start: header.start,
            source,
            tokens: None,
            buffer: Vec::new(),
        }
    }

    pub(super) fn named(self, name: &str) -> Array {
        Array { name: name.to_owned(), ..self }
    }

    pub(super) fn with_changed(self, changed: u128) -> Array {
        Array { changed, ..self }
    }

    pub(super) fn with_tokens(self, tokens: Vec<i32>) -> Array {
        Array { tokens: Some(tokens.into()), ..self }
    }

    /// Whether windows must come in the order of the file: standard input, or a deflated member.
    pub fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream(..))
    }

    /// Of a file of llama.cpp, the token that each row predicts.
    pub fn tokens(&self) -> Option<&[i32]> {
        self.tokens.as_deref()
    }

    /// When the file was modified: nanoseconds since 1970, 0 if unknown.
    pub fn changed(&self) -> u128 {
        self.changed
    }

    /// FNV-1a, continued, of the header and of samples of the file; of a deflated member its checksum, of standard input the header
    /// only.
    pub fn fingerprint(&mut self, hash: u64) -> Result<u64, Failure> {
        let Array { shape, is_fortran, dtype, .. } = &*self;
        let hash = fnv(hash, format!("{shape:?} {is_fortran} {dtype}").as_bytes());
        match &mut self.source {
            Source::Stream(_, checksum) => Ok(fnv(hash, &checksum.to_le_bytes())),
            Source::File(part) => {
                let hash = fnv(hash, &part.length.to_le_bytes());
                sampled(part, hash).map_err(|error| self.failure(cannot_read(&error)))
            }
        }
    }

    /// Reads a window, in the memory order of the file. Narrower numbers are widened exactly, wider ones are rounded.
    ///
    /// The array is made of `memory`, whatever that holds: take it from the last block by `into_raw_vec_and_offset`.
    ///
    /// # Panics
    ///
    /// If the window does not lie within the array.
    pub fn read<A: Float>(
        &mut self,
        window: &Window,
        mut memory: Vec<A>,
    ) -> Result<ArrayD<A>, Failure> {
        memory.resize(self.count(window), A::zeroed());
        let read = if self.dtype == A::TYPE {
            self.load(window, bytemuck::cast_slice_mut(&mut memory))
        } else if self.dtype == Type::Log16 {
            self.load_logarithms(window, &mut memory)
        } else {
            self.with_buffer(memory.len() * self.dtype.size(), |array, buffer| {
                array.load(window, buffer)?;
                A::convert(array.dtype, buffer, &mut memory);
                Ok(())
            })
        };
        read.map_err(|problem| self.failure(problem))?;
        self.shaped(window, memory)
    }

    /// Reads a window of integers or booleans.
    ///
    /// # Panics
    ///
    /// If the window does not lie within the array.
    pub fn read_integers(&mut self, window: &Window) -> Result<ArrayD<i64>, Failure> {
        let mut integers = vec![0; self.count(window)];
        self.with_buffer(integers.len() * self.dtype.size(), |array, buffer| {
            let dtype = array.dtype;
            if dtype.is_float() {
                return Err(format!("holds {dtype}, not integers; save a.astype(np.int64)"));
            }
            array.load(window, buffer)?;
            number::integers(dtype, buffer, &mut integers);
            Ok(())
        })
        .map_err(|problem| self.failure(problem))?;
        self.shaped(window, integers)
    }

    /// The numbers in a window.
    fn count(&self, window: &Window) -> usize {
        assert_eq!(window.len(), self.shape.len(), "a window has a range for each axis");
        let is_within = window.iter().zip(&self.shape).all(|(range, len)| range.end <= *len);
        assert!(is_within, "the window {window:?} does not lie within {:?}", self.shape);
        window.iter().map(ExactSizeIterator::len).product()
    }

    /// Calls `read` with the buffer, cut to so many bytes.
    fn with_buffer(
        &mut self,
        bytes: usize,
        read: impl FnOnce(&mut Array, &mut [u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(bytes.div_ceil(size_of::<u64>()), 0);
        let result = read(self, &mut bytemuck::cast_slice_mut(&mut buffer)[..bytes]);
        self.buffer = buffer;
        result
    }

    /// Reads the bytes of a window, and puts those of each number into this machine's order.
    fn load(&mut self, window: &Window, to: &mut [u8]) -> Result<(), Problem> {
        let size = self.dtype.size();
        let mut rest = &mut *to;
        for_each_run(&self.shape, self.is_fortran, window, |run| {
            let bytes = rest.split_off_mut(..run.len() * size).unwrap_or_default();
            self.source.read_at(self.start + (run.start * size) as u64, bytes)
        })?;
        if self.is_swapped {
            number::swap_bytes(to, size);
        }
        Ok(())
    }

    /// Reads whole rows of llama.cpp, and decodes those classes of them that are asked for.
    fn load_logarithms<A: Float>(&mut self, window: &Window, to: &mut [A]) -> Result<(), Problem> {
        let [rows, classes] = window else { return Ok(()) };
        let row = logarithms::row_bytes(self.shape[1]);
        self.with_buffer(rows.len() * row, |array, buffer| {
            array.source.read_at(array.start + (rows.start * row) as u64, buffer)?;
            logarithms::decode(buffer, row, classes.clone(), to)
                .map_err(|index| logarithms::not_finite(rows.start + index))
        })
    }

    fn shaped<T>(&self, window: &Window, numbers: Vec<T>) -> Result<ArrayD<T>, Failure> {
        let lengths: Vec<usize> = window.iter().map(ExactSizeIterator::len).collect();
        ArrayD::from_shape_vec(IxDyn(&lengths).set_f(self.is_fortran), numbers)
            .map_err(|error| self.failure(error.to_string()))
    }

    fn failure(&self, problem: Problem) -> Failure {
        Failure::new(format!("{} {problem}", self.name))
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {} {:?})", self.name, self.format, self.dtype, self.shape)
    }
}

/// What is read: a range along every axis.
pub type Window = [Range<usize>];

/// Calls `read` with each run of neighbouring numbers that a window is made of, in the order of the file.
pub fn for_each_run<E>(
    shape: &[usize],
    is_fortran: bool,
    window: &Window,
    mut read: impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    if window.iter().any(Range::is_empty) {
        return Ok(());
    }
    let mut axes: Vec<Axis> = shape.iter().copied().zip(window.iter().cloned()).collect();
    if is_fortran {
        axes.reverse();
    }
    visit(&axes, 0, &mut read)
}

/// The length of an axis, and the range along it. The outermost axis of the file comes first.
type Axis = (usize, Range<usize>);

/// `index`: the index of the axes before these, counted in their order.
fn visit<E>(
    axes: &[Axis],
    index: usize,
    read: &mut impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    let Some(((len, range), inner)) = axes.split_first() else {
        return read(index..index + 1);
    };
    let at = |i| index * len + i;
    if inner.iter().all(|(len, range)| range.len() == *len) {
        let run: usize = inner.iter().map(|(len, _)| len).product();
        return read(at(range.start) * run..at(range.end) * run);
    }
    range.clone().try_for_each(|i| visit(inner, at(i), read))
}
