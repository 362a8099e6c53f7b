//! From a name to an array: which file, which format, which array within it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::array::Header;
use super::npy;
use super::source::{Part, Source, Stream};
use super::{Array, Member, Problem, cannot_read, llama, npz, safetensors};
use crate::failure::Failure;

impl Array {
    /// Opens `file.npy`, `file.npz:name`, `file.safetensors:tensor`, `file.kld`, or a `.npy` on standard input as `-`.
    ///
    /// An archive with one array, or with one array of floats, needs no name. `bf16`: a `.npy` of two bytes of no type
    /// (`|V2`) holds bf16.
    pub fn open(name: &str, bf16: bool) -> Result<Array, Failure> {
        if name == "-" {
            let array = standard_input(bf16).map(|array| array.named(name));
            return array.map_err(|problem| failure(name, problem));
        }
        let (path, member) = split(name);
        let contents = Contents::read(path, bf16)?;
        let array = match (contents, member) {
            (Contents::One(array), None) => Ok(*array),
            (Contents::One(_), Some(_)) => {
                Err(failure(name, format!("is one array, and holds none by a name; give {path}")))
            }
            (Contents::Archive(entries), member) => {
                // Under its full name, whichever was meant.
                return choose(name, path, member, entries);
            }
        }?;
        Ok(array.named(name))
    }
}

/// An array within a file, or why it cannot be read; with its name as [`Array::open`] takes it.
pub type Entry = (String, Result<Array, Failure>);

/// All arrays within a file, readable or not.
pub fn entries(path: &str, bf16: bool) -> Result<Vec<Entry>, Failure> {
    Ok(match Contents::read(path, bf16)? {
        Contents::One(array) => vec![(path.to_owned(), Ok(*array))],
        Contents::Archive(entries) => entries,
    })
}

enum Contents {
    One(Box<Array>),
    Archive(Vec<Entry>),
}

impl Contents {
    fn read(path: &str, bf16: bool) -> Result<Contents, Failure> {
        let of_file = |problem| failure(path, problem);
        let (part, changed) = open_file(path).map_err(of_file)?;
        let mut magic = vec![0; part.length.min(9) as usize];
        part.clone().read_at(0, &mut magic).map_err(|error| of_file(cannot_read(&error)))?;
        let one = |array: Array| Contents::One(Box::new(array.named(path).with_changed(changed)));
        let members = if magic.starts_with(npy::MAGIC) {
            return npy::open(part, ".npy", bf16).map(one).map_err(of_file);
        } else if magic.starts_with(llama::MAGIC) {
            return llama::open(part).map(one).map_err(of_file);
        } else if magic.starts_with(npz::MAGIC) {
            npz::entries(&part, bf16)
        } else if magic.get(8) == Some(&b'{') {
            safetensors::entries(part)
        } else {
            Err(unknown(path, &magic))
        };
        let named = |(name, array): Member| {
            let name = format!("{path}:{name}");
            let array = array
                .map(|array| array.named(&name).with_changed(changed))
                .map_err(|problem| failure(&name, problem));
            (name, array)
        };
        Ok(Contents::Archive(members.map_err(of_file)?.into_iter().map(named).collect()))
    }
}

fn open_file(path: &str) -> Result<(Part, u128), Problem> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist; check the path".into(),
        _ => cannot_read(&error),
    })?;
    let metadata = file.metadata().map_err(|error| cannot_read(&error))?;
    if metadata.is_dir() {
        return Err("is a directory; give a file within it".into());
    }
    if !metadata.is_file() {
        return Err("is no regular file; give - to read a .npy from a pipe".into());
    }
    if metadata.len() == 0 {
        return Err("is empty; write it again".into());
    }
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let part = Part::whole(file).map_err(|error| cannot_read(&error))?;
    Ok((part, since.map_or(0, |since| since.as_nanos())))
}

/// The file that a name is in.
pub fn path_of(name: &str) -> &str {
    split(name).0
}

/// The path, and the name of an array within the file. A path may hold colons itself: the longest that exists counts.
fn split(name: &str) -> (&str, Option<&str>) {
    if Path::new(name).exists() {
        return (name, None);
    }
    let mut splits = name.rmatch_indices(':').map(|(at, _)| (&name[..at], Some(&name[at + 1..])));
    splits.find(|(path, _)| Path::new(path).exists()).unwrap_or((name, None))
}

/// The array of an archive that is meant.
fn choose(
    name: &str,
    path: &str,
    member: Option<&str>,
    entries: Vec<Entry>,
) -> Result<Array, Failure> {
    let names: Vec<String> =
        entries.iter().map(|(full, _)| full[path.len() + 1..].to_owned()).collect();
    let position = match member {
        Some(member) => {
            let member = member.strip_suffix(".npy").unwrap_or(member);
            names.iter().position(|name| name == member)
        }
        None if entries.len() == 1 => Some(0),
        None => the_only_floats(&entries),
    };
    match position.and_then(|position| entries.into_iter().nth(position)) {
        Some((_, array)) => array,
        None => Err(failure(name, not_found(path, member, &names))),
    }
}

fn not_found(path: &str, member: Option<&str>, names: &[String]) -> Problem {
    let Some(first) = names.first() else {
        return "holds no arrays; save them with np.savez or safetensors".into();
    };
    let list = listed(names);
    match member {
        Some(_) => format!("is not an array of {path}, which holds {list}"),
        None => {
            format!("is an archive; give one of its arrays, as {path}:{first}; it holds {list}")
        }
    }
}

/// The position of the array of floats, if there is one only.
fn the_only_floats(entries: &[Entry]) -> Option<usize> {
    let is_float = |(_, array): &Entry| array.as_ref().is_ok_and(|array| array.dtype.is_float());
    let mut floats = (0..entries.len()).filter(|&index| is_float(&entries[index]));
    floats.next().filter(|_| floats.next().is_none())
}

/// At most ten names.
fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    let list = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

fn standard_input(bf16: bool) -> Result<Array, Problem> {
    let mut reader = io::stdin();
    let header = Header::read(&mut reader, bf16)?;
    let (position, end) = (header.start, header.end()?);
    let stream = Stream { reader: Box::new(reader), position, end };
    Ok(Array::new(".npy", header, Source::stream(stream, 0)))
}

/// What to do with a file that begins like none of the formats.
fn unknown(path: &str, magic: &[u8]) -> Problem {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    let mend = match extension.unwrap_or("").to_ascii_lowercase().as_str() {
        "npy" | "npz" | "safetensors" | "kld" => "it is damaged: write it again",
        "gguf" => {
            "it is a model: give what it predicts, from llama-perplexity --kl-divergence-base"
        }
        "pt" | "pth" | "bin" | "pkl" => "save np.save(\"a.npy\", t.float().numpy())",
        "csv" | "txt" | "tsv" => "save np.save(\"a.npy\", np.loadtxt(…))",
        _ => "save it with np.save",
    };
    let found: Vec<String> = magic.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "is not a .npy, .npz, .safetensors or base file of llama.cpp (it begins with {}); {mend}",
        found.join(" ")
    )
}

fn failure(name: &str, problem: Problem) -> Failure {
    Failure::new(format!("{name} {problem}"))
}
