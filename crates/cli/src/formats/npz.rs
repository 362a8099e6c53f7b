//! A `.npz`: a zip archive of `.npy` members. Stored ones are read in place, without their checksum; deflated ones are
//! streams, whose checksum is compared at their end.

use std::io::{self, BufReader, Read};

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

use super::array::Header;
use super::npy;
use super::source::{Part, Source, Stream};
use super::{Array, Member, Problem, check_length};

pub const MAGIC: &[u8] = b"PK";

/// The members that end in `.npy`, by their names without it.
pub fn entries(part: &Part, bf16: bool) -> Result<Vec<Member>, Problem> {
    let damaged = |error| {
        format!("is cut off or damaged, no whole archive ({error}); copy or write it again")
    };
    let mut archive = ZipArchive::new(BufReader::new(part.clone())).map_err(damaged)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(damaged)?;
        let name = member.name().map_err(damaged)?;
        if let Some(name) = name.strip_suffix(".npy") {
            members.push((name.to_owned(), open(part, &member, bf16)));
        }
    }
    Ok(members)
}

fn open(archive: &Part, member: &ZipFile<impl Read>, bf16: bool) -> Result<Array, Problem> {
    if member.encrypted() {
        return Err("is encrypted; save it again with np.savez".into());
    }
    let start = member.data_start().unwrap_or(u64::MAX);
    let part = archive.part(start, member.compressed_size()).ok_or_else(|| {
        String::from("is cut off: its member ends beyond the archive; copy it again")
    })?;
    match member.compression() {
        CompressionMethod::Stored => npy::open(part, ".npz", bf16),
        CompressionMethod::DEFLATE => deflated(part, member.size(), member.crc32(), bf16),
        method => Err(format!(
            "is compressed by {method}, only deflate is known; save it again with np.savez"
        )),
    }
}

fn deflated(part: Part, size: u64, crc: u32, bf16: bool) -> Result<Array, Problem> {
    let decoder = DeflateDecoder::new(BufReader::with_capacity(1 << 18, part));
    let mut reader = Checked { reader: CrcReader::new(decoder), crc };
    let header = Header::read(&mut reader, bf16)?;
    let end = header.end()?;
    check_length(end, size)?;
    let stream = Stream { reader: Box::new(reader), position: header.start, end };
    Ok(Array::new(".npz", header, Source::stream(stream, crc)))
}

/// Compares the checksum when the member ends. Only a reader that reads to the end learns of it.
struct Checked {
    reader: CrcReader<DeflateDecoder<BufReader<Part>>>,
    crc: u32,
}

impl Read for Checked {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(to)?;
        if read == 0 && !to.is_empty() && self.reader.crc().sum() != self.crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum differs"));
        }
        Ok(read)
    }
}
