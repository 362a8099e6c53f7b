//! The header of a `.npy`: a magic number, a version, a length, and a Python dict of `descr`, `fortran_order` and `shape`.

use std::io::{self, Read};

use super::array::Header;
use super::source::{Part, Source};
use super::{Array, Problem, Type, cannot_read, check_length};

pub const MAGIC: &[u8] = b"\x93NUMPY";

/// A whole `.npy` file, or a stored member of a `.npz`.
pub fn open(mut part: Part, format: &'static str, bf16: bool) -> Result<Array, Problem> {
    let header = Header::read(&mut part, bf16)?;
    check_length(header.end()?, part.length)?;
    Ok(Array::new(format, header, Source::File(part)))
}

impl Header {
    /// Reads a header, and nothing behind it. `bf16`: numbers of two bytes without a type are bf16.
    pub fn read(reader: &mut impl Read, bf16: bool) -> Result<Header, Problem> {
        let mut fixed = [0; 8];
        read_exact(reader, &mut fixed)?;
        if !fixed.starts_with(MAGIC) {
            return Err("is no .npy array; save it with np.save".into());
        }
        let (before, length) = match fixed[6] {
            1 => {
                let mut length = [0; 2];
                read_exact(reader, &mut length)?;
                (10, u32::from(u16::from_le_bytes(length)))
            }
            2 | 3 => {
                let mut length = [0; 4];
                read_exact(reader, &mut length)?;
                (12, u32::from_le_bytes(length))
            }
            version => {
                return Err(format!(
                    "is a .npy of version {version}, only 1 to 3 are known; save it again with np.save"
                ));
            }
        };
        if length > LONGEST {
            return Err(damaged(&format!("a header of {length} bytes")));
        }
        let mut text = vec![0; length as usize];
        read_exact(reader, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let start = before + u64::from(length);
        let dict = Dict::parse(&text).ok_or_else(|| damaged(text.trim()))?;
        let (dtype, is_big_endian) = dtype(dict.descr, bf16)?;
        let shape = shape(dict.shape)?;
        Ok(Header { dtype, shape, is_fortran: dict.is_fortran, is_big_endian, start })
    }
}

/// No header that describes an array of numbers is longer.
const LONGEST: u32 = 1 << 20;

fn read_exact(reader: &mut impl Read, to: &mut [u8]) -> Result<(), Problem> {
    reader.read_exact(to).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            "is cut off within its header; copy or write it again".into()
        }
        _ => cannot_read(&error),
    })
}

fn damaged(found: &str) -> Problem {
    let found: String =
        found.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("has a damaged header ({found}); save it again with np.save")
}

/// The dict, its values still text.
struct Dict<'a> {
    descr: &'a str,
    is_fortran: bool,
    shape: &'a str,
}

impl<'a> Dict<'a> {
    fn parse(text: &'a str) -> Option<Dict<'a>> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
        let (mut descr, mut is_fortran, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let after = after.trim_start().strip_prefix(':')?.trim_start();
            let (value, after) = value(after)?;
            let known = match key {
                "descr" => descr.replace(value).is_none(),
                "fortran_order" => is_fortran.replace(boolean(value)?).is_none(),
                "shape" => shape.replace(value).is_none(),
                _ => false,
            };
            if !known {
                return None;
            }
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if after.is_empty() => after,
                None => return None,
            };
        }
        Some(Dict { descr: descr?, is_fortran: is_fortran?, shape: shape? })
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

/// The string in quotes at the start, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// The value at the start, and what follows: a string with its quotes, a tuple or a list with its brackets, or a word.
fn value(text: &str) -> Option<(&str, &str)> {
    let end = match text.as_bytes().first()? {
        b'\'' | b'"' => text.len() - quoted(text)?.1.len(),
        b'(' => text.find(')')? + 1,
        b'[' => text.rfind(']')? + 1,
        _ => text.find([',', ' ']).unwrap_or(text.len()),
    };
    Some(text.split_at(end))
}

/// The type, and whether it is big-endian.
fn dtype(descr: &str, bf16: bool) -> Result<(Type, bool), Problem> {
    if descr.starts_with('[') {
        return Err("holds records of several fields; save one of them, as a[\"logits\"]".into());
    }
    let (name, _) = quoted(descr).ok_or_else(|| damaged(descr))?;
    let kind = name.trim_start_matches(['<', '>', '=', '|']);
    let dtype = match kind {
        "b1" => Type::Bool,
        "i1" => Type::I8,
        "i2" => Type::I16,
        "i4" => Type::I32,
        "i8" => Type::I64,
        "u1" => Type::U8,
        "u2" => Type::U16,
        "u4" => Type::U32,
        "u8" => Type::U64,
        "f2" => Type::F16,
        "f4" => Type::F32,
        "f8" => Type::F64,
        "V2" if bf16 => Type::Bf16,
        _ => return Err(unsupported(name, kind)),
    };
    Ok((dtype, name.starts_with('>')))
}

fn unsupported(name: &str, kind: &str) -> Problem {
    let (what, mend) = match kind.as_bytes() {
        b"V2" => {
            return format!(
                "holds two bytes of no type ({name}); if they are bfloat16, add --bf16, \
                 or save a.view(ml_dtypes.bfloat16).astype(np.float32)"
            );
        }
        [b'O', ..] => ("Python objects", "np.array(a.tolist(), dtype=np.float32)"),
        [b'c', ..] => ("complex numbers", "a.real, or abs(a) ** 2"),
        [b'S' | b'U', ..] => ("strings", "a.astype(np.float32)"),
        [b'f', ..] => ("floats of an unknown size", "a.astype(np.float64)"),
        _ => ("a type that is not a number", "a.astype(np.float32)"),
    };
    format!("holds {what} ({}); save {mend}", name.chars().take(20).collect::<String>())
}

/// The lengths in `(6, 5)`, or `(6L, 5L)` as Python 2 wrote them.
fn shape(text: &str) -> Result<Vec<usize>, Problem> {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let inner = inner.ok_or_else(|| damaged(text))?.trim();
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let lengths = inner.strip_suffix(',').unwrap_or(inner).split(',');
    check_axes(lengths.clone().count())?;
    lengths.map(|length| length_of_axis(length.trim())).collect()
}

/// As many axes as numpy allows.
pub fn check_axes(axes: usize) -> Result<(), Problem> {
    const MOST: usize = 64;
    if axes <= MOST {
        return Ok(());
    }
    Err(format!("has {axes} axes, and at most {MOST} are read; reshape it and write it again"))
}

fn length_of_axis(text: &str) -> Result<usize, Problem> {
    let digits = text.strip_suffix('L').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(damaged(&format!("an axis of length {text}")));
    }
    digits.parse().map_err(|_| {
        format!("has an axis of length {text}, which no machine can hold; write it again")
    })
}
