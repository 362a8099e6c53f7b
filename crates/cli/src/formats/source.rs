//! Where bytes come from: a part of a file, or a stream.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Problem, cannot_read, cut_off};

/// A part of a file. All parts share one handle, so an archive of a thousand arrays needs one; they read by themselves.
#[derive(Clone, Debug)]
pub struct Part {
    file: Arc<File>,
    start: u64,
    pub length: u64,
    position: u64,
}

impl Part {
    pub fn whole(file: File) -> io::Result<Part> {
        let length = file.metadata()?.len();
        Ok(Part { file: Arc::new(file), start: 0, length, position: 0 })
    }

    /// A part of this part. `None` if it ends beyond the end.
    pub fn part(&self, start: u64, length: u64) -> Option<Part> {
        let end = start.checked_add(length)?;
        (end <= self.length).then(|| Part {
            file: self.file.clone(),
            start: self.start + start,
            length,
            position: 0,
        })
    }

    pub fn read_at(&mut self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.position = offset;
        self.read_exact(to)
    }
}

impl Read for Part {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.position);
        let len = usize::try_from(left).map_or(to.len(), |left| left.min(to.len()));
        let read = read_at(&self.file, self.start + self.position, &mut to[..len])?;
        self.position += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, to: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, offset)
}

#[cfg(windows)]
fn read_at(file: &File, offset: u64, to: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, offset)
}

impl Seek for Part {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        // Beyond the end nothing is read. The bound keeps `start + position` from overflowing.
        let position = position.filter(|&position| position <= i64::MAX as u64);
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Bytes that can be read once, in their order: standard input, or a deflated member.
pub struct Stream {
    pub reader: Box<dyn Read + Send>,
    /// How many bytes have been read.
    pub position: u64,
    /// How many bytes the header promises.
    pub end: u64,
}

impl Stream {
    fn read_at(&mut self, offset: u64, to: &mut [u8]) -> Result<(), Problem> {
        let Some(skipped) = offset.checked_sub(self.position) else {
            return Err(OUT_OF_ORDER.into());
        };
        let skipped = io::copy(&mut (&mut self.reader).take(skipped), &mut io::sink());
        self.position += skipped.map_err(|error| cannot_read(&error))?;
        self.fill(to)?;
        if self.position == self.end { self.check_end() } else { Ok(()) }
    }

    fn fill(&mut self, mut to: &mut [u8]) -> Result<(), Problem> {
        while !to.is_empty() {
            match self.reader.read(to) {
                Ok(0) => return Err(cut_off(self.end - self.position)),
                Ok(read) => {
                    self.position += read as u64;
                    to = &mut to[read..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(cannot_read(&error)),
            }
        }
        Ok(())
    }

    /// There must be nothing after the last number.
    fn check_end(&mut self) -> Result<(), Problem> {
        let read = self.reader.read(&mut [0]).map_err(|error| cannot_read(&error))?;
        let more = "has more bytes than its header says; write it again";
        if read == 0 { Ok(()) } else { Err(more.into()) }
    }
}

/// A window behind those read before.
const OUT_OF_ORDER: &str = "is a stream, which cannot be read backwards or in Fortran order; give a .npy file, \
     or save it with np.savez(…) instead of np.savez_compressed(…) and as np.ascontiguousarray(a)";

#[derive(Clone)]
pub enum Source {
    File(Part),
    /// With the checksum of a deflated member, by which it is known again.
    Stream(Arc<Mutex<Stream>>, u32),
}

impl Source {
    pub fn stream(stream: Stream, checksum: u32) -> Source {
        Source::Stream(Arc::new(Mutex::new(stream)), checksum)
    }

    pub fn read_at(&mut self, offset: u64, to: &mut [u8]) -> Result<(), Problem> {
        match self {
            Source::File(part) => part.read_at(offset, to).map_err(|error| cannot_read(&error)),
            Source::Stream(stream, _) => {
                stream.lock().unwrap_or_else(PoisonError::into_inner).read_at(offset, to)
            }
        }
    }
}

/// The hash of nothing.
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits, continued.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// FNV-1a of samples spread from the first byte to the last. Up to 1 MiB they cover every byte.
pub fn sampled(part: &mut Part, mut hash: u64) -> io::Result<u64> {
    const SAMPLES: u64 = 64;
    const SAMPLE: u64 = 1 << 14;
    let mut sample = vec![0; part.length.min(SAMPLE) as usize];
    let last = u128::from(part.length - sample.len() as u64);
    for i in 0..SAMPLES {
        let start = last * u128::from(i) / u128::from(SAMPLES - 1);
        part.read_at(start as u64, &mut sample)?;
        hash = fnv(hash, &sample);
    }
    Ok(hash)
}
