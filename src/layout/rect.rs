//! Rectangles of a matrix as slices: borrowed if they are contiguous, otherwise copied.

use std::ops::Range;

use ndarray::{ArrayRef2, ArrayView2, ArrayViewMut2, Axis, Slice};

use super::copy::copy;
use super::tiles::{LINE_NUMBERS, Rect, Tile};

/// A scratch buffer, which grows to the length that is asked for.
pub struct Scratch<T>(Vec<T>);

/// The bytes of a vector, at a multiple of which scratch starts: a vector across two cache lines takes twice as long.
const ALIGNMENT: usize = 64;

impl<T: Copy + Default> Scratch<T> {
    /// A buffer of length 0.
    pub const EMPTY: Self = Scratch(Vec::new());

    /// The first `len` elements. Their content is arbitrary.
    #[inline]
    pub fn get(&mut self, len: usize) -> &mut [T] {
        let spare = ALIGNMENT / size_of::<T>();
        if self.0.len() < len + spare {
            self.0 = vec![T::default(); len + spare];
        }
        let start = self.start();
        &mut self.0[start..][..len]
    }

    /// What was written last.
    #[inline]
    fn written(&self) -> &[T] {
        &self.0[self.start()..]
    }

    #[inline]
    fn start(&self) -> usize {
        self.0.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT / size_of::<T>())
    }
}

/// The rectangle, row by row: borrowed from the matrix, or copied to `scratch`.
pub fn read<'a, T: Copy + Default>(
    matrix: &'a ArrayView2<'_, T>,
    rect: &Rect,
    scratch: &'a mut Scratch<T>,
) -> &'a [T] {
    dense(matrix, rect).unwrap_or_else(|| copied(&part(*matrix, rect), scratch))
}

/// The rectangle as a slice, if it is contiguous row by row.
pub fn dense<'a, T>(matrix: &'a ArrayRef2<T>, rect: &Rect) -> Option<&'a [T]> {
    dense_of(matrix.as_slice(), matrix.view(), rect)
}

/// The rectangle as a slice, if it is contiguous row by row. `all` is the whole matrix, if that is contiguous.
#[inline]
fn dense_of<'a, T>(
    all: Option<&'a [T]>,
    matrix: ArrayView2<'a, T>,
    rect: &Rect,
) -> Option<&'a [T]> {
    let (lanes, classes) = rect;
    let in_one = lanes.len() == 1 || classes.len() == matrix.ncols();
    match all.filter(|_| in_one) {
        Some(all) => {
            let start = lanes.start * matrix.ncols() + classes.start;
            Some(&all[start..start + lanes.len() * classes.len()])
        }
        None => part(matrix, rect).to_slice(),
    }
}

fn part<'a, T>(mut part: ArrayView2<'a, T>, (lanes, classes): &Rect) -> ArrayView2<'a, T> {
    part.slice_axis_inplace(Axis(0), Slice::from(lanes.clone()));
    part.slice_axis_inplace(Axis(1), Slice::from(classes.clone()));
    part
}

fn copied<'a, T: Copy + Default>(part: &ArrayView2<'_, T>, scratch: &'a mut Scratch<T>) -> &'a [T] {
    let scratch = scratch.get(part.len());
    copy(part, scratch);
    scratch
}

/// Reads a matrix rectangle by rectangle. Rectangles that are not contiguous are copied. Neighbouring lanes are copied together,
/// since they share cache lines.
pub struct Reader<'a, T> {
    matrix: ArrayView2<'a, T>,
    /// The whole matrix, if it is contiguous.
    all: Option<&'a [T]>,
    copy: Scratch<T>,
    /// The lanes that `copy` holds.
    lanes: Range<usize>,
}

/// The most lanes that are copied together.
const COPIED_LANES: usize = 32;
/// The most numbers that are copied together, unless fewer lanes than share a cache line have more.
const COPIED_NUMBERS: usize = 1 << 17;
/// Lanes of more classes than this are copied one by one.
const COPIED_CLASSES: usize = 1 << 15;

impl<'a, T: Copy + Default> Reader<'a, T> {
    /// A reader of this matrix, which has copied nothing yet.
    pub fn new(matrix: ArrayView2<'a, T>) -> Self {
        Reader { matrix, all: matrix.to_slice(), copy: Scratch::EMPTY, lanes: 0..0 }
    }

    /// Whether the matrix is contiguous along the lanes.
    pub fn lanes_lie_together(&self) -> bool {
        self.matrix.strides()[0] == 1
    }

    /// The rectangle as a slice, if it is contiguous row by row.
    #[inline]
    pub fn dense(&self, rect: &Rect) -> Option<&'a [T]> {
        dense_of(self.all, self.matrix, rect)
    }

    /// The rectangle, row by row. This is fastest for rectangles of whole lanes, or parts of one lane, in the order of the lanes.
    #[inline]
    pub fn read<'s>(&'s mut self, rect: &Rect) -> &'s [T] {
        match self.dense(rect) {
            Some(dense) => dense,
            None => self.copied(rect),
        }
    }

    /// A tile: borrowed if it is contiguous, otherwise copied.
    #[inline]
    pub fn tile<'s>(&'s mut self, tile: &Tile) -> &'s [T] {
        match self.all.zip(tile.place.clone()) {
            Some((all, place)) => &all[place],
            None => self.read(&tile.rect),
        }
    }

    /// A tile that can be prefetched: its numbers if it is contiguous, otherwise nothing.
    #[inline]
    pub fn borrowed_tile(&self, tile: &Tile) -> &'a [T] {
        match self.all.zip(tile.place.clone()) {
            Some((all, place)) => &all[place],
            None => self.dense(&tile.rect).unwrap_or(&[]),
        }
    }

    fn copied(&mut self, rect: &Rect) -> &[T] {
        let (lanes, classes) = rect;
        let matrix = self.matrix;
        let is_transposed = self.lanes_lie_together() && lanes.len() < LINE_NUMBERS;
        let is_long = matrix.ncols() > COPIED_CLASSES;
        if !is_transposed || is_long || lanes.len() > 1 && classes.len() < matrix.ncols() {
            self.lanes = 0..0;
            return copied(&part(matrix, rect), &mut self.copy);
        }
        if !(self.lanes.start <= lanes.start && lanes.end <= self.lanes.end) {
            let most = (COPIED_NUMBERS / matrix.ncols()).clamp(LINE_NUMBERS, COPIED_LANES);
            let end = lanes.start + most / lanes.len() * lanes.len();
            self.lanes = lanes.start..end.min(matrix.nrows());
            copied(&part(matrix, &(self.lanes.clone(), 0..matrix.ncols())), &mut self.copy);
        }
        let start = (lanes.start - self.lanes.start) * matrix.ncols() + classes.start;
        &self.copy.written()[start..start + lanes.len() * classes.len()]
    }
}

/// The rectangle as a slice to write to, if it is contiguous row by row.
pub fn dense_mut<'a, T>(matrix: &'a mut ArrayViewMut2<'_, T>, rect: &Rect) -> Option<&'a mut [T]> {
    let (lanes, classes) = rect;
    let width = matrix.ncols();
    if (lanes.len() == 1 || classes.len() == width) && matrix.is_standard_layout() {
        let start = lanes.start * width + classes.start;
        let all = matrix.as_slice_mut()?;
        return Some(&mut all[start..start + lanes.len() * classes.len()]);
    }
    part_mut(matrix, rect).into_slice()
}

fn part_mut<'a, T>(
    matrix: &'a mut ArrayViewMut2<'_, T>,
    (lanes, classes): &Rect,
) -> ArrayViewMut2<'a, T> {
    let mut part = matrix.view_mut();
    part.slice_axis_inplace(Axis(0), Slice::from(lanes.clone()));
    part.slice_axis_inplace(Axis(1), Slice::from(classes.clone()));
    part
}

/// Lets `work` write the rectangle, row by row: in place if it is contiguous, otherwise to `scratch`, which is then copied.
pub fn write<T: Copy + Default>(
    matrix: &mut ArrayViewMut2<'_, T>,
    rect: &Rect,
    scratch: &mut Scratch<T>,
    work: impl FnOnce(&mut [T]),
) {
    if let Some(dense) = dense_mut(matrix, rect) {
        return work(dense);
    }
    let mut part = part_mut(matrix, rect);
    let scratch = scratch.get(part.len());
    work(scratch);
    let dense = ArrayView2::from_shape(part.dim(), &*scratch);
    part.assign(&dense.unwrap_or_else(|_| unreachable!("as long as the part")));
}
