//! The types of stored numbers, and how they become those that are computed in.

use std::fmt;

use bytemuck::Pod;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// The type of the numbers in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Type {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    Bf16,
    F32,
    F64,
    /// llama.cpp's 16-bit logarithms: ln p = scale · u + least, with a scale and a least logarithm for each row.
    Log16,
}

impl Type {
    /// The bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Type::Bool | Type::I8 | Type::U8 => 1,
            Type::I16 | Type::U16 | Type::F16 | Type::Bf16 | Type::Log16 => 2,
            Type::I32 | Type::U32 | Type::F32 => 4,
            Type::I64 | Type::U64 | Type::F64 => 8,
        }
    }

    /// Whether it can hold probabilities or their logarithms: neither integer nor boolean.
    pub fn is_float(self) -> bool {
        matches!(self, Type::F16 | Type::Bf16 | Type::F32 | Type::F64 | Type::Log16)
    }

    /// The bytes of an array of this type. `None` if they do not fit the memory of any machine.
    pub(super) fn bytes(self, shape: &[usize]) -> Option<u64> {
        if shape.contains(&0) {
            return Some(0);
        }
        let bytes = shape.iter().try_fold(self.size(), |bytes, &len| bytes.checked_mul(len))?;
        isize::try_from(bytes).ok().map(|bytes| bytes as u64)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Type::Bool => "bool",
            Type::I8 => "i8",
            Type::I16 => "i16",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::F16 => "f16",
            Type::Bf16 => "bf16",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Log16 => "16-bit logarithms",
        })
    }
}

/// `f32` or `f64`: what is computed in.
pub trait Float:
    kldiv::Element<Loss = Self> + ndarray::NdFloat + Pod + From<f32> + Into<f64>
{
    /// The stored type that is read without any conversion.
    const TYPE: Type;

    /// The same number.
    fn from_single(number: f32) -> Self;

    /// Converts numbers of the type. Narrower types are exact, wider ones are rounded. `from` is aligned for them.
    #[doc(hidden)]
    fn convert(dtype: Type, from: &[u8], to: &mut [Self]);
}

/// Converts each number by itself.
fn each<S: Pod, A>(from: &[u8], to: &mut [A], convert: impl Fn(S) -> A) {
    let from: &[S] = bytemuck::cast_slice(from);
    from.iter().zip(to).for_each(|(from, to)| *to = convert(*from));
}

macro_rules! float {
    ($float:ident, $dtype:expr, $from_halves:ident) => {
        impl Float for $float {
            const TYPE: Type = $dtype;

            fn from_single(number: f32) -> $float {
                $float::from(number)
            }

            fn convert(dtype: Type, from: &[u8], to: &mut [$float]) {
                match dtype {
                    Type::Bool | Type::U8 => each(from, to, |n: u8| n as $float),
                    Type::I8 => each(from, to, |n: i8| n as $float),
                    Type::I16 => each(from, to, |n: i16| n as $float),
                    Type::I32 => each(from, to, |n: i32| n as $float),
                    Type::I64 => each(from, to, |n: i64| n as $float),
                    Type::U16 | Type::Log16 => each(from, to, |n: u16| n as $float),
                    Type::U32 => each(from, to, |n: u32| n as $float),
                    Type::U64 => each(from, to, |n: u64| n as $float),
                    Type::F16 => bytemuck::cast_slice::<_, f16>(from).$from_halves(to),
                    Type::Bf16 => bytemuck::cast_slice::<_, bf16>(from).$from_halves(to),
                    Type::F32 => each(from, to, |n: f32| n as $float),
                    Type::F64 => each(from, to, |n: f64| n as $float),
                }
            }
        }
    };
}

float!(f32, Type::F32, convert_to_f32_slice);
float!(f64, Type::F64, convert_to_f64_slice);

/// Converts integers and booleans. `None` for a type that is neither.
pub fn integers(dtype: Type, from: &[u8], to: &mut [i64]) -> Option<()> {
    match dtype {
        Type::Bool | Type::U8 => each(from, to, |n: u8| i64::from(n)),
        Type::I8 => each(from, to, |n: i8| i64::from(n)),
        Type::I16 => each(from, to, |n: i16| i64::from(n)),
        Type::I32 => each(from, to, |n: i32| i64::from(n)),
        Type::I64 => each(from, to, |n: i64| n),
        Type::U16 => each(from, to, |n: u16| i64::from(n)),
        Type::U32 => each(from, to, |n: u32| i64::from(n)),
        // No label is that large: whoever looks for it finds that it is out of range.
        Type::U64 => each(from, to, |n: u64| i64::try_from(n).unwrap_or(i64::MAX)),
        Type::F16 | Type::Bf16 | Type::F32 | Type::F64 | Type::Log16 => return None,
    }
    Some(())
}

/// Reverses the bytes of each number of `size` bytes.
pub fn swap_bytes(bytes: &mut [u8], size: usize) {
    fn swap<const SIZE: usize>(bytes: &mut [u8]) {
        bytes.as_chunks_mut::<SIZE>().0.iter_mut().for_each(|number| number.reverse());
    }
    match size {
        2 => swap::<2>(bytes),
        4 => swap::<4>(bytes),
        8 => swap::<8>(bytes),
        _ => {}
    }
}
