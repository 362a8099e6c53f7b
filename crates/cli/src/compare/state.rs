//! How far the work has come, in a file that is whole at any moment.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::input::Fingerprint;
use crate::failure::Failure;
use crate::formats::{BASIS, fnv};
use crate::statistics::Tally;

/// The first bytes of a state, and the version of what follows.
const MAGIC: &[u8] = b"kldiv compare 1\n";
/// Another may compute other bits.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// No state is longer: another file that was named by mistake may be larger than memory.
const LONGEST: u64 = 16 << 30;
/// Saving may take one part in so many of the time.
const SHARE: u32 = 20;

/// What is written behind the check: version, run, slabs done, and what they gave.
type Fields = (String, [u64; 2], u64, Tally);

/// Where the state is kept, and of which run.
pub struct State {
    path: PathBuf,
    run: Fingerprint,
    /// The time between two saves, and when the last one was.
    pause: Duration,
    saved: Instant,
    /// Held as long as this is: no other run may go on from the state meanwhile.
    _lock: File,
}

impl State {
    /// An error where another run has it.
    pub fn open(path: &Path, run: Fingerprint, pause: Duration) -> Result<State, Failure> {
        let _lock = lock(path)?;
        Ok(State { path: path.to_owned(), run, pause, saved: Instant::now(), _lock })
    }

    /// The slabs done and what they gave; none where there is no state yet.
    pub fn load(&self) -> Result<Option<(usize, Tally)>, Failure> {
        let path = self.path.display();
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let line = format!("cannot read the state {path}: {error}; name another file");
                return Err(Failure::new(line));
            }
        };
        let Some((version, [content, times], done, tally)) = parse(&bytes) else {
            let line = format!(
                "{path} is not a state of this version of the program, or is damaged; name another file"
            );
            return Err(Failure::new(line));
        };
        let other = if version != VERSION {
            format!("was begun by version {version}, and this is {VERSION}")
        } else if content != self.run.content {
            "is the state of another run, of other files or settings".to_owned()
        } else if times != self.run.times {
            "is of files that changed since, or were copied without their times (cp -p keeps them)"
                .to_owned()
        } else {
            return Ok(Some((usize::try_from(done).unwrap_or(usize::MAX), tally)));
        };
        Err(self.refusal(&other))
    }

    /// The failure that says what is wrong with the state.
    pub fn refusal(&self, what: &str) -> Failure {
        let path = self.path.display();
        Failure::new(format!("{path} {what}; name another file, or remove it to start over"))
    }

    /// Replaces the state in one step, if it is time to: often enough to lose little, seldom enough to cost little.
    pub fn save(&mut self, left: &Range<usize>, tally: &Tally) -> Result<(), Failure> {
        if self.saved.elapsed() < self.pause && !left.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let fields = (VERSION, [self.run.content, self.run.times], left.start as u64, tally);
        let fields = postcard::to_stdvec(&fields)
            .map_err(|error| Failure::new(format!("cannot keep the state: {error}")))?;
        let check = fnv(BASIS, &fields).to_le_bytes();
        write_atomically(&self.path, |file| file.write_all(&[MAGIC, &check, &fields].concat()))?;
        self.pause = self.pause.max(SHARE * start.elapsed());
        self.saved = Instant::now();
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The fields of a state that is whole.
pub fn parse(bytes: &[u8]) -> Option<Fields> {
    let (check, fields) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    (u64::from_le_bytes(*check) == fnv(BASIS, fields)).then_some(())?;
    postcard::from_bytes(fields).ok()
}

/// The state itself is replaced again and again, so the lock is on a file beside it, which stays. The system lets it
/// go when the process ends, however it does.
fn lock(state: &Path) -> Result<File, Failure> {
    let path = lock_of(state);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| cannot_write(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let state = state.display();
            let line = format!(
                "another run uses the state {state}; wait until it ends, or name another file"
            );
            Err(Failure::new(line))
        }
        Err(TryLockError::Error(error)) => {
            let path = path.display();
            Err(Failure::new(format!("cannot lock {path}: {error}; name a file on another disk")))
        }
    }
}

pub fn lock_of(state: &Path) -> PathBuf {
    beside(state, ".lock")
}

/// What a file is called while it is written.
pub fn unfinished(path: &Path) -> PathBuf {
    beside(path, ".kldiv-unfinished")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = OsString::from(path);
    beside.push(ending);
    PathBuf::from(beside)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::new(format!("cannot write {path}: {error}; make room or name another file"))
}

/// Writes a file beside the one that is meant, and then gives it its name: whenever that is cut short, the old
/// content is there or the new. What is no file, such as a pipe or a device, is written to as it is.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    // The file behind a link, if it is one.
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&place).is_ok_and(|metadata| !metadata.is_file()) {
        let written =
            File::options().write(true).open(&place).and_then(|mut file| write(&mut file));
        return written.map_err(|error| cannot_write(path, &error));
    }
    let beside = unfinished(&place);
    let mut ours = false;
    let written = File::create(&beside)
        .inspect(|_| ours = true)
        .and_then(|mut file| write(&mut file).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, &place));
    written.map_err(|error| {
        // What was there before stays; a file cut short is of no use.
        if ours {
            let _ = fs::remove_file(&beside);
        }
        cannot_write(path, &error)
    })
}
