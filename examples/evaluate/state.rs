//! How far the work has come, in a file that is whole at any moment.

use std::error::Error;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use kldiv::Partial;

use crate::npy::fnv;
use crate::tally::{Tally, WORST};

/// The first word of a state, and the version of what follows.
const MAGIC: &str = "kldiv-evaluate-1";
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// What is written: run, slabs done, the words and extremes of the partial result, the sketch, the worst.
type Fields = (u64, usize, Vec<i64>, [i64; 2], Vec<i64>, Vec<(u64, i64)>);

/// Where the state is kept, and of which run.
pub struct State {
    path: PathBuf,
    run: u64,
}

impl State {
    pub fn new(path: &Path, run: u64) -> State {
        State { path: path.to_owned(), run }
    }

    /// The slabs done and what they gave; none where there is no state yet.
    pub fn load(&self) -> Result<(usize, Tally), Box<dyn Error>> {
        let path = self.path.display();
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, Tally::default())),
            Err(error) => return Err(format!("cannot read the state {path}: {error}").into()),
        };
        let damaged =
            || format!("{path} is no state of this program, or damaged; name another file");
        let (run, done, tally) = parse(&text).ok_or_else(damaged)?;
        if run != self.run {
            return Err(format!("{path} is the state of another run, of other files or settings; name another file, or remove it to start over").into());
        }
        Ok((done, tally))
    }

    /// Replaces the state, in one step.
    pub fn save(&self, done: usize, tally: &Tally) -> Result<(), Box<dyn Error>> {
        let Tally { partial, sketch, worst } = tally;
        let words = partial.to_words().to_vec();
        let fields: Fields = (
            self.run,
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

fn parse(text: &str) -> Option<(u64, usize, Tally)> {
    let (head, text) = text.split_once('\n')?;
    let text = text.strip_suffix('\n')?;
    if head != format!("{MAGIC} {:016x}", fnv(BASIS, text.as_bytes())) {
        return None;
    }
    let (run, done, words, extremes, counts, entries) =
        serde_json::from_str::<Fields>(text).ok()?;
    let partial = Partial::from_words(words.as_slice().try_into().ok()?, extremes).ok()?;
    let mut tally = Tally { partial, ..Tally::default() };
    if counts.len() != tally.sketch.counts.len() || entries.len() > WORST {
        return None;
    }
    tally.sketch.counts = counts;
    entries.into_iter().for_each(|(position, key)| tally.worst.add_key(position, key));
    Some((run, done, tally))
}

/// Writes a file beside the one that is meant, and then gives it its name: whenever that is cut short, the old
/// content is there or the new.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".kldiv-unfinished");
    let beside = PathBuf::from(beside);
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
        let advice = "make room or name another file";
        format!("cannot write {}: {error}; {advice}", path.display()).into()
    })
}
