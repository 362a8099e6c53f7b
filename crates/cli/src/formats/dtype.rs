//! The types of stored numbers.

use std::fmt;

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
