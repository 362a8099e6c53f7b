//! A `.safetensors`: u64 length of the header, a JSON object of tensors by name, then their numbers. Little-endian.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::array::Header;
use super::npy::check_axes;
use super::source::{Part, Source};
use super::{Array, Member, Problem, Type, bytes, cannot_read, check_length};

/// The bytes of the length of the header.
const LENGTH: u64 = 8;

/// No header is longer: the limit of the format.
const LONGEST: u64 = 100_000_000;

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The tensors, in the order of their names.
pub fn entries(mut part: Part) -> Result<Vec<Member>, Problem> {
    let mut length = [0; LENGTH as usize];
    part.read_at(0, &mut length).map_err(|error| cannot_read(&error))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(damaged(&format!("a header of {}", bytes(length))));
    }
    let data = LENGTH + length;
    if let Some(missing) = data.checked_sub(part.length).filter(|missing| *missing > 0) {
        return Err(format!(
            "is cut off within its header: it lacks {}; copy or write it again",
            bytes(missing)
        ));
    }
    let mut header = vec![0; length as usize];
    part.read_at(LENGTH, &mut header).map_err(|error| cannot_read(&error))?;
    let mut values: BTreeMap<String, Value> =
        serde_json::from_slice(&header).map_err(|error| damaged(&error))?;
    values.remove("__metadata__");
    let mut tensors = BTreeMap::new();
    for (name, value) in values {
        let tensor: Tensor = serde_json::from_value(value)
            .map_err(|error| damaged(&format!("tensor {name:?}: {error}")))?;
        tensors.insert(name, tensor);
    }
    let end = tensors.values().map(|tensor| tensor.data_offsets[1]).max().unwrap_or(0);
    check_length(end.saturating_add(data), part.length)?;
    let open = |(name, tensor)| (name, open(&part, data, tensor));
    Ok(tensors.into_iter().map(open).collect())
}

fn open(part: &Part, data: u64, tensor: Tensor) -> Result<Array, Problem> {
    let Tensor { dtype, shape, data_offsets: [start, end] } = tensor;
    let dtype = self::dtype(&dtype)?;
    check_axes(shape.len())?;
    let length = end.checked_sub(start).filter(|length| dtype.bytes(&shape) == Some(*length));
    let part = length.and_then(|length| part.part(data + start, length)).ok_or_else(|| {
        damaged(&format!("{dtype} of the shape {shape:?} from byte {start} to {end}"))
    })?;
    let header = Header { dtype, shape, is_fortran: false, is_big_endian: false, start: 0 };
    Ok(Array::new(".safetensors", header, Source::File(part)))
}

fn dtype(name: &str) -> Result<Type, Problem> {
    Ok(match name {
        "BOOL" => Type::Bool,
        "I8" => Type::I8,
        "I16" => Type::I16,
        "I32" => Type::I32,
        "I64" => Type::I64,
        "U8" => Type::U8,
        "U16" => Type::U16,
        "U32" => Type::U32,
        "U64" => Type::U64,
        "F16" => Type::F16,
        "BF16" => Type::Bf16,
        "F32" => Type::F32,
        "F64" => Type::F64,
        _ => {
            let name: String = name.chars().take(20).collect();
            return Err(format!("holds {name}, which is not read; save t.float()"));
        }
    })
}

fn damaged(found: &dyn std::fmt::Display) -> Problem {
    format!("has a damaged header ({found}); save it again with safetensors")
}
