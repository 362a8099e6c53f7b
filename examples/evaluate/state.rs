//! How far the work has come, in a file that is whole at any moment.

use std::error::Error;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use kldiv::Partial;

use crate::npy::{BASIS, fnv};
use crate::pair::Fingerprint;
use crate::tally::{Tally, WORST};

/// The first word of a state, and the version of what follows: another where a field, a bucket of the sketch or
/// the number of the worst is.
const MAGIC: &str = "kldiv-evaluate-2";
/// Another may compute other bits.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is written: version, run, slabs done, the words and extremes of the partial result, the sketch, the worst.
type Fields = (String, [u64; 2], usize, Vec<i64>, [i64; 2], Vec<i64>, Vec<(u64, i64)>);

/// Where the state is kept, and of which run.
pub struct State {
    path: PathBuf,
    run: Fingerprint,
    /// Held as long as this is: no other run may go on from the state meanwhile.
    _lock: File,
}

impl State {
    /// An error where another run has it.
    pub fn open(path: &Path, run: Fingerprint) -> Result<State, Box<dyn Error>> {
        Ok(State { path: path.to_owned(), run, _lock: lock(path)? })
    }

    /// The slabs done and what they gave; none where there is no state yet.
    pub fn load(&self) -> Result<(usize, Tally), Box<dyn Error>> {
        let path = self.path.display();
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, Tally::default())),
            Err(error) => {
                return Err(
                    format!("cannot read the state {path}: {error}; name another file").into()
                );
            }
        };
        let damaged = || {
            format!(
                "{path} is no state of this version of the program, or damaged; name another file"
            )
        };
        let (version, run, done, tally) = parse(&text).ok_or_else(damaged)?;
        let other = if version != VERSION {
            format!("was begun by version {version}, and this is {VERSION}")
        } else if run.content != self.run.content {
            "is the state of another run, of other files or settings".to_owned()
        } else if run.times != self.run.times {
            "is of files that changed since, or were copied without their times (cp -p keeps them)"
                .to_owned()
        } else {
            return Ok((done, tally));
        };
        Err(format!("{path} {other}; name another file, or remove it to start over").into())
    }

    /// Replaces the state, in one step.
    pub fn save(&self, done: usize, tally: &Tally) -> Result<(), Box<dyn Error>> {
        let Tally { partial, sketch, worst } = tally;
        let words = partial.to_words().to_vec();
        let fields: Fields = (
            VERSION.to_owned(),
            [self.run.content, self.run.times],
            done,
            words,
            partial.extremes(),
            sketch.counts.clone(),
            worst.entries().to_vec(),
        );
        let text = serde_json::to_string(&fields)?;
        let check = fnv(BASIS, text.as_bytes());
        write_atomically(&self.path, format!("{MAGIC} {check:016x}\n{text}\n").as_bytes())
    }
}

/// No more than a state may have: another file that was named by mistake may be larger than memory.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(1 << 20).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<(String, Fingerprint, usize, Tally)> {
    let (head, text) = text.split_once('\n')?;
    let text = text.strip_suffix('\n')?;
    if head != format!("{MAGIC} {:016x}", fnv(BASIS, text.as_bytes())) {
        return None;
    }
    let (version, [content, times], done, words, extremes, counts, entries) =
        serde_json::from_str::<Fields>(text).ok()?;
    let partial = Partial::from_words(words.as_slice().try_into().ok()?, extremes).ok()?;
    let mut tally = Tally { partial, ..Tally::default() };
    if counts.len() != tally.sketch.counts.len() || entries.len() > WORST {
        return None;
    }
    tally.sketch.counts = counts;
    entries.into_iter().for_each(|(position, key)| tally.worst.add_key(position, key));
    Some((version, Fingerprint { content, times }, done, tally))
}

/// The state itself is replaced again and again, so the lock is on a file beside it, which stays. The system lets it
/// go when the process ends, however it does.
fn lock(state: &Path) -> Result<File, Box<dyn Error>> {
    let path = lock_of(state);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| cannot_write(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let state = state.display();
            Err(format!("another run goes on from {state}; wait for its end, or name another file")
                .into())
        }
        Err(TryLockError::Error(error)) => {
            let path = path.display();
            Err(format!("cannot lock {path}: {error}; name a file on another disk").into())
        }
    }
}

pub fn lock_of(state: &Path) -> PathBuf {
    beside(state, ".lock")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    PathBuf::from(beside)
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}; make room or name another file", path.display())
}

/// Writes a file beside the one that is meant, and then gives it its name: whenever that is cut short, the old
/// content is there or the new.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Box<dyn Error>> {
    let beside = beside(path, ".kldiv-unfinished");
    let mut ours = false;
    let written = File::create(&beside)
        .inspect(|_| ours = true)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // What was there before stays; a file cut short is of no use.
        if ours {
            let _ = fs::remove_file(&beside);
        }
        cannot_write(path, &error).into()
    })
}
