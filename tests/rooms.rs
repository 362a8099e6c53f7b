//! The picture of the modules is drawn from the list in `src/lib.rs` and from what each file uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What any module may use.
const COMMON: [&str; 3] = ["error", "tail", "target"];

/// The names in the list "The modules" of the crate docs, the lowest first.
fn listed(lib: &str) -> Vec<&str> {
    let list = lib.split("//! # The modules").nth(1).unwrap().split("#![forbid").next().unwrap();
    let heads = list.lines().filter_map(|line| line.strip_prefix("//! - ")?.split(':').next());
    let names = heads.flat_map(|head| head.split('`').skip(1).step_by(2));
    names.map(|name| name.trim_end_matches(".rs")).collect()
}

/// The files of a module, its tests left out. The first is the one that says what the module is.
fn files(src: &Path, name: &str) -> Vec<PathBuf> {
    let (file, folder) = (src.join(name).with_extension("rs"), src.join(name));
    if file.exists() {
        return vec![file];
    }
    let (mut files, mut folders) = (vec![folder.join("mod.rs")], vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_stem().unwrap().to_str().unwrap() {
                "tests" => {}
                _ if path.is_dir() => folders.push(path),
                _ => files.push(path),
            }
        }
    }
    files
}

/// The names behind `crate::` in the code of a file.
fn used(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap())
}

/// The first sentence of the documentation of a file, without links and backticks.
fn sentence(text: &str) -> String {
    let first = text.lines().next().unwrap().trim_start_matches("//! ");
    let first = first.split(". ").next().unwrap().trim_end_matches('.');
    first.replace("[`", "").replace("`]", "").replace('`', "")
}

/// A module: its name, its first sentence, and the modules that it uses.
struct Room<'a> {
    name: &'a str,
    about: String,
    uses: BTreeSet<&'a str>,
}

fn rooms<'a>(src: &Path, names: &[&'a str]) -> Vec<Room<'a>> {
    let room = |&name: &&'a str| {
        let texts = files(src, name).into_iter().map(|file| fs::read_to_string(file).unwrap());
        let texts: Vec<String> = texts.collect();
        let uses = names.iter().copied().filter(|other| {
            *other != name && texts.iter().flat_map(|text| used(text)).any(|used| used == *other)
        });
        Room { name, about: sentence(&texts[0]), uses: uses.collect() }
    };
    names.iter().map(room).collect()
}

const ROW: usize = 40;
/// Where the boxes start.
const LEFT: usize = 190;

/// A box a room, the lowest at the bottom. An arc leads to each room that is used, unless another that is used uses it too.
fn svg(rooms: &[Room]) -> String {
    let height = rooms.len() * ROW + 12;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1000\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <marker id=\"tip\" orient=\"auto\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"3\"><path d=\"M0 0L7 3L0 6z\" fill=\"#2662A8\"/></marker>\n\
         <rect width=\"1000\" height=\"{height}\" fill=\"#FFFFFF\"/>\n"
    );
    let top = |place: usize| 10 + (rooms.len() - 1 - place) * ROW;
    let mut below: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (place, Room { name, about, uses }) in rooms.iter().enumerate() {
        let y = top(place);
        writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{y}\" width=\"110\" height=\"28\" rx=\"4\" fill=\"#E6EEF8\" stroke=\"#2662A8\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name}</text><text x=\"{}\" y=\"{1}\" fill=\"#444444\">{about}</text>",
            LEFT + 55, y + 19, LEFT + 125
        ).unwrap();
        let further: BTreeSet<&str> = uses.iter().flat_map(|used| &below[used]).copied().collect();
        for (used, _) in rooms.iter().enumerate().filter(|(_, room)| uses.contains(room.name)) {
            if further.contains(rooms[used].name) {
                continue;
            }
            let (from, to, bulge) = (y + 19, top(used) + 9, LEFT - 22 * (place - used) - 10);
            writeln!(
                svg,
                "<path d=\"M{LEFT} {from}C{bulge} {from} {bulge} {to} {LEFT} {to}\" fill=\"none\" stroke=\"#2662A8\" marker-end=\"url(#tip)\"/>"
            ).unwrap();
        }
        below.insert(name, &further | uses);
    }
    svg + "</svg>\n"
}

#[test]
fn the_picture_is_of_the_modules_as_they_are() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = fs::read_to_string(here.join("src/lib.rs")).unwrap();
    let names = listed(&lib);
    let declared = lib.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    for module in declared.filter(|module| *module != "fixtures") {
        let is_listed = names.contains(&module) || COMMON.contains(&module);
        assert!(is_listed, "add {module} to the list of modules in src/lib.rs");
    }
    let rooms = rooms(&here.join("src"), &names);
    for (place, room) in rooms.iter().enumerate() {
        for used in &room.uses {
            assert!(
                names[..place].contains(used),
                "{} uses {used}, which is listed behind it",
                room.name
            );
        }
    }
    let (picture, drawn) = (svg(&rooms), Path::new(env!("CARGO_TARGET_TMPDIR")).join("rooms.svg"));
    fs::write(&drawn, &picture).unwrap();
    let current = fs::read_to_string(here.join("docs/rooms.svg")).unwrap_or_default();
    let command = format!("cp {} docs/rooms.svg", drawn.display());
    assert!(current == picture, "the picture of the modules is not current: {command}");
}
