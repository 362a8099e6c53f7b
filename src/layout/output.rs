//! New arrays.

use ndarray::{Array, Dimension};

use crate::error::Error;

/// From this many bytes on the allocator is asked whether it can before it must.
const LARGE: usize = 1 << 20;

/// `values` without the one of `axis`.
pub fn without<T: Copy>(values: &[T], axis: usize) -> Vec<T> {
    let others = values.iter().enumerate().filter(|&(i, _)| i != axis);
    others.map(|(_, &value)| value).collect()
}

/// Zeros of shape `dim`, laid out in memory in the order of `strides`.
///
/// # Errors
/// [`Error::TooLarge`]
pub fn zeros<T: Copy + Default, D: Dimension>(
    dim: D,
    strides: &[isize],
) -> Result<Array<T, D>, Error> {
    let too_large = || Error::TooLarge { shape: dim.slice().to_vec() };
    let len = dim.size_checked().ok_or_else(too_large)?;
    let bytes = len.checked_mul(size_of::<T>()).ok_or_else(too_large)?;
    if bytes >= LARGE {
        // `vec!` takes zeroed pages from the system, but aborts where there are none.
        Vec::<T>::new().try_reserve_exact(len).map_err(|_| too_large())?;
    }
    let mut order: Vec<usize> = (0..dim.ndim()).collect();
    order.sort_by_key(|&axis| std::cmp::Reverse(strides[axis].unsigned_abs()));
    let (mut shape, mut back) = (dim.clone(), dim.clone());
    for (position, &axis) in order.iter().enumerate() {
        shape[position] = dim[axis];
        back[axis] = position;
    }
    let array = Array::from_shape_vec(shape, vec![T::default(); len]).map_err(|_| too_large())?;
    Ok(array.permuted_axes(back))
}
