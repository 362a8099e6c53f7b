//! The serialised form of a partial result.

use super::Partial;
use crate::error::Error;

/// The version of the fields of [`Wire`]. The words have a version of their own.
const VERSION: u32 = 1;

/// The serialised form: the words, which hold a checksum, and the extremes with a checksum.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Partial", deny_unknown_fields)]
pub struct Wire {
    version: u32,
    words: Vec<i64>,
    extremes: [i64; 2],
    check: i64,
}

impl From<Partial> for Wire {
    fn from(partial: Partial) -> Wire {
        let extremes = partial.extremes();
        let words = partial.to_words().to_vec();
        Wire { version: VERSION, words, extremes, check: checksum(extremes) }
    }
}

impl TryFrom<Wire> for Partial {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Partial, Error> {
        if wire.version != VERSION {
            return Err(Error::InvalidPartial { reason: "another version" });
        }
        let words = wire.words.as_slice().try_into();
        let words =
            words.map_err(|_| Error::InvalidPartial { reason: "too few or too many words" })?;
        if wire.check != checksum(wire.extremes) {
            return Err(Error::InvalidPartial { reason: "the extremes are damaged" });
        }
        Partial::from_words(words, wire.extremes)
    }
}

/// The checksum of the extremes. Any change of one of them changes it.
fn checksum([max, min]: [i64; 2]) -> i64 {
    const ODD: i64 = 0x2545_f491_4f6c_dd1d;
    max.wrapping_mul(ODD) ^ min.wrapping_mul(ODD).rotate_left(32)
}
