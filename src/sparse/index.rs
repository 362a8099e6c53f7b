//! The types of indices of classes.

use std::fmt::Debug;

use ndarray::{ArrayViewD, IxDyn};

use crate::layout::Classes;

/// An index of a class: `i64`, `i32`, `u32` or `usize`. Sealed.
///
/// A negative one is out of range wherever it is looked at. A distribution of weight 0 is not looked at, so −100 may mark padding.
pub trait ClassIndex: Sealed + Copy + Debug + Send + Sync + 'static {
    /// The indices, without their type.
    #[doc(hidden)]
    fn erased(view: ArrayViewD<'_, Self>) -> Classes<'_, IxDyn>
    where
        Self: Sized;
}

macro_rules! class_index {
    ($($index:ty => $variant:ident),*) => {
        $(
            impl Sealed for $index {}
            impl ClassIndex for $index {
                fn erased(view: ArrayViewD<'_, $index>) -> Classes<'_, IxDyn> {
                    Classes::$variant(view)
                }
            }
        )*
    };
}

class_index!(i32 => I32, i64 => I64, u32 => U32, usize => Usize);

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;
