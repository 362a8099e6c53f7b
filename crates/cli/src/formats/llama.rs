//! The base files of llama.cpp: what `llama-perplexity --kl-divergence-base` writes.
//!
//! `_logits_`, u32 n_ctx, i32 n_vocab, i32 n_chunk, i32 tokens\[n_chunk\]\[n_ctx\]; then the rows of the second half of
//! each chunk: f32 scale, f32 least, u16 u\[n_vocab\], padded to an even count. ln p = scale · u + least. All numbers are
//! little-endian.

use super::array::Header;
use super::logarithms::row_bytes;
use super::source::{Part, Source};
use super::{Array, Problem, Type, bytes, cannot_read, check_length, cut_off};

pub const MAGIC: &[u8] = b"_logits_";

/// The bytes before the tokens.
const HEADER: u64 = 20;

pub fn open(mut part: Part) -> Result<Array, Problem> {
    if part.length <= 12 {
        return Err(format!(
            "holds no rows: llama-perplexity leaves these {} when the text is too short; \
             give it a longer text, or a smaller context with -c",
            bytes(part.length)
        ));
    }
    if part.length < HEADER {
        return Err(cut_off(HEADER - part.length));
    }
    let mut header = [0; HEADER as usize];
    part.read_at(0, &mut header).map_err(|error| cannot_read(&error))?;
    let [context, classes, chunks] = sizes(&header)?;
    let rows_of_chunk = context - 1 - context / 2;
    let rows = chunks.checked_mul(rows_of_chunk);
    let start = (chunks as u64 * context as u64).checked_mul(4).map(|tokens| HEADER + tokens);
    let end = rows.zip(start).and_then(|(rows, start)| {
        (rows as u64).checked_mul(row_bytes(classes) as u64)?.checked_add(start)
    });
    let (Some(rows), Some(start), Some(end)) = (rows, start, end) else {
        return Err("has a damaged header: no file is as long as it says; write it again".into());
    };
    check_length(end, part.length)?;
    let tokens = tokens(&mut part, context, classes, chunks)?;
    let header = Header {
        dtype: Type::Log16,
        shape: vec![rows, classes],
        is_fortran: false,
        is_big_endian: false,
        start,
    };
    Ok(Array::new("llama.cpp", header, Source::File(part)).with_tokens(tokens))
}

/// n_ctx, n_vocab and n_chunk.
fn sizes(header: &[u8; HEADER as usize]) -> Result<[usize; 3], Problem> {
    let mut sizes = [0; 3];
    let fields = [("n_ctx", 3), ("n_vocab", 1), ("n_chunk", 1)];
    let stored = header[MAGIC.len()..].as_chunks().0;
    for ((size, stored), (name, least)) in sizes.iter_mut().zip(stored).zip(fields) {
        let number = i32::from_le_bytes(*stored);
        *size = usize::try_from(number).unwrap_or(0);
        if *size < least {
            return Err(format!(
                "has a damaged header: {name} is {number}, at least {least} is needed; write it again"
            ));
        }
    }
    Ok(sizes)
}

/// The tokens that the rows predict: row j of a chunk predicts token n_ctx/2 + j + 1 of it.
fn tokens(
    part: &mut Part,
    context: usize,
    classes: usize,
    chunks: usize,
) -> Result<Vec<i32>, Problem> {
    let first = context / 2 + 1;
    let mut bytes = vec![0; (context - first) * 4];
    let mut tokens = Vec::with_capacity(chunks * (context - first));
    for chunk in 0..chunks {
        let at = HEADER + (chunk * context + first) as u64 * 4;
        part.read_at(at, &mut bytes).map_err(|error| cannot_read(&error))?;
        tokens.extend(bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)));
    }
    let is_class = |token: i32| usize::try_from(token).is_ok_and(|token| token < classes);
    match tokens.iter().find(|token| !is_class(**token)) {
        None => Ok(tokens),
        Some(token) => {
            Err(format!("is damaged: its token {token} is none of {classes}; write it again"))
        }
    }
}
