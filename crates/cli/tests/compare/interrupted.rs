//! Runs that end early, and what they leave to the next.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use kldiv::Partial;
use kldiv_cli::compare::state;
use kldiv_cli::statistics::Tally;
use ndarray_npy::write_npy;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::program::{Room, fortran, pair, program};

/// A run of 400 blocks that saves its state after each.
const SLOW: [&str; 7] = ["p.npy", "q.npy", "--json", "--block-bytes", "2000", "--save-every", "0"];

/// Starts it, and waits until it has saved so often, or ended.
fn started(room: &Room, arguments: &[&str], saves: usize) -> Child {
    let state = room.path(arguments.last().unwrap());
    let mut command = program();
    command.current_dir(&room.0).arg("compare").args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut seen = fs::read(&state).ok();
    for _ in 0..saves {
        loop {
            let now = fs::read(&state).ok();
            if now != seen || child.try_wait().unwrap().is_some() {
                seen = now;
                break;
            }
            std::thread::yield_now();
        }
    }
    child
}

/// Killed a few times, at moments that are random between two saves and within them.
#[test]
fn an_interrupted_run_ends_with_the_same_bits() {
    let room = Room::new("killed");
    room.write(&[4000, 50]);
    let expected = room.run(&SLOW).stdout;
    let mut rng = SmallRng::seed_from_u64(1951);
    let mut kills = 0;
    for round in 0..3 {
        let state = format!("state-{round}");
        let arguments = [&SLOW[..], &["--resume", &state]].concat();
        for _ in 0..8 {
            let mut child = started(&room, &arguments, rng.random_range(0..4));
            let (moment, start) = (rng.random_range(0..5000), Instant::now());
            while start.elapsed() < Duration::from_micros(moment) {
                std::hint::spin_loop();
            }
            child.kill().unwrap(); // SIGKILL where there are signals
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                assert_eq!(output.stdout, expected);
            } else {
                kills += 1;
            }
        }
        assert_eq!(room.run(&arguments).stdout, expected);
        assert_eq!(room.run(&arguments).stdout, expected, "once more, from the end");
    }
    assert!(kills > 0);
}

#[test]
fn a_state_is_of_one_run_at_a_time() {
    let room = Room::new("locked");
    room.write(&[40, 5]);
    let arguments = ["p.npy", "q.npy", "--resume", "state"];
    let expected = room.report(&arguments);
    let state = fs::read(room.path("state")).unwrap();
    let lock = File::options().append(true).open(room.path("state.lock")).unwrap();
    lock.lock().unwrap();
    let error = room.error(&arguments);
    assert!(error.contains("another run uses the state state; wait until it ends"), "{error}");
    assert_eq!(fs::read(room.path("state")).unwrap(), state);
    lock.unlock().unwrap();
    assert_eq!(room.report(&arguments), expected);
}

/// Stopped, so that it cannot end before the other has tried.
#[cfg(unix)]
#[test]
fn a_second_run_is_refused_while_the_first_goes_on() {
    let room = Room::new("second");
    room.write(&[4000, 50]);
    let expected = room.run(&SLOW).stdout;
    let arguments = [&SLOW[..], &["--resume", "state"]].concat();
    let child = started(&room, &arguments, 1);
    let signal = |name: &str| {
        let status = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(status.unwrap().success());
    };
    signal("-STOP");
    let second = room.run(&arguments);
    signal("-CONT");
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && error.contains("another run uses the state"), "{error}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout == expected);
    assert_eq!(room.run(&arguments).stdout, expected);
}

#[test]
fn a_foreign_state_is_refused_and_kept() {
    let room = Room::new("foreign");
    let [_, p] = room.write(&[40, 5]);
    write_npy(room.path("other.npy"), &p.mapv(f32::sqrt)).unwrap();
    room.report(&["p.npy", "q.npy", "--resume", "state"]);
    let state = fs::read(room.path("state")).unwrap();
    // What is counted as done depends on the size of the blocks.
    let [deep, _] = pair(&[70, 10, 5], 2, |x| x as f32);
    write_npy(room.path("deep.npy"), &deep).unwrap();
    let deep = ["deep.npy", "deep.npy", "--resume", "deep", "--block-bytes"];
    room.report(&[&deep[..], &["4000"]].concat());
    let error = room.error(&[&deep[..], &["40"]].concat());
    assert!(error.contains("the state of another run"), "{error}");
    for arguments in [&["other.npy", "q.npy"][..], &["p.npy", "q.npy", "--tolerance", "0.1"]] {
        let error = room.error(&[arguments, &["--resume", "state"]].concat());
        assert!(error.contains("the state of another run"), "{error}");
    }
    assert_eq!(fs::read(room.path("state")).unwrap(), state);
    for place in (0..state.len()).step_by(97) {
        let mut damaged = state.clone();
        damaged[place] ^= 1;
        fs::write(room.path("damaged"), &damaged).unwrap();
        let error = room.error(&["p.npy", "q.npy", "--resume", "damaged"]);
        assert!(error.contains("damaged"), "byte {place}: {error}");
    }
}

/// Edits are seen at the last byte as at any, and in any place by their time.
#[test]
fn a_file_that_changed_is_another() {
    let room = Room::new("changed");
    room.write(&[4000, 150]);
    let arguments = ["p.npy", "q.npy", "--resume", "state"];
    let expected = room.report(&arguments);
    let path = room.path("p.npy");
    let whole = fs::read(&path).unwrap();
    let written = |content: &[u8], time: SystemTime| {
        fs::write(&path, content).unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    };
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let edited = |place: usize| {
        let mut edited = whole.clone();
        edited[place] ^= 1;
        edited
    };
    for place in [whole.len() - 1, 200] {
        written(&edited(place), time);
        let error = room.error(&arguments);
        assert!(error.contains("the state of another run"), "{error}");
    }
    // Between two samples.
    written(&edited(20_000), time + Duration::from_secs(1));
    let error = room.error(&arguments);
    assert!(error.contains("is of files that changed since"), "{error}");
    written(&whole, time);
    assert_eq!(room.report(&arguments), expected);
}

/// FNV-1a, as the state is checked by.
fn check(bytes: &[u8]) -> [u8; 8] {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step).to_le_bytes()
}

#[test]
fn a_state_of_another_version_is_refused() {
    let room = Room::new("version");
    room.write(&[40, 5]);
    let arguments = ["p.npy", "q.npy", "--resume", "state"];
    room.report(&arguments);
    let state = fs::read(room.path("state")).unwrap();
    let head = state.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let (magic, rest) = state.split_at(head);
    let (written, fields) = rest.split_at(8);
    assert_eq!(written, check(fields));
    let of = |magic: &[u8], fields: &[u8]| {
        fs::write(room.path("state"), [magic, &check(fields), fields].concat()).unwrap();
        room.error(&arguments)
    };
    // The version stands first, behind its length.
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    assert_eq!(&fields[1..=version.len()], version);
    let mut other = fields.to_vec();
    other[version.len()] = b'9';
    let error = of(magic, &other);
    assert!(error.contains("was begun by version 0.1.9"), "{error}");
    let error = of(b"kldiv compare 0\n", fields);
    assert!(error.contains("not a state of this version"), "{error}");
    fs::write(room.path("state"), state).unwrap();
    room.report(&arguments);
}

/// A limit on the size of files stands for a disk without room.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_state() {
    let room = Room::new("full");
    room.write(&[40, 5]);
    let limited = |arguments: &str| {
        let command = format!("trap '' XFSZ; ulimit -f 1; \"$0\" compare p.npy q.npy {arguments}");
        let mut shell = Command::new("sh");
        shell.current_dir(&room.0).args(["-c", &command]).arg(program().get_program());
        let output = shell.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    room.report(&["p.npy", "q.npy", "--plot", "p.svg"]);
    let picture = fs::read(room.path("p.svg")).unwrap();
    for (arguments, name) in [("--resume state", "state"), ("--plot p.svg", "p.svg")] {
        let (success, error) = limited(arguments);
        let told = format!("error: cannot write {name}: ");
        assert!(!success && error.starts_with(&told) && error.lines().count() == 1, "{error}");
    }
    assert_eq!(fs::read(room.path("p.svg")).unwrap(), picture);
    assert!(!room.path("state").exists() && !room.path("state.kldiv-unfinished").exists());
}

/// A file of weights is not one of labels, and settings that are told at the command line are part of the run.
#[test]
fn what_a_file_is_for_is_part_of_the_run() {
    let room = Room::new("roles");
    room.write(&[40, 5]);
    write_npy(room.path("n.npy"), &ndarray::Array1::from_shape_fn(40, |i| (i % 5) as i64)).unwrap();
    room.report(&["p.npy", "q.npy", "--weights", "n.npy", "--resume", "state"]);
    let error = room.error(&["p.npy", "q.npy", "--labels", "n.npy", "--resume", "state"]);
    assert!(error.contains("the state of another run"), "{error}");
}

/// What a state says, as a tree that can be changed.
fn forge(state: &[u8], edit: &dyn Fn(&mut u64, &mut Value)) -> Vec<u8> {
    let (version, run, mut done, tally) = state::parse(state).unwrap();
    let mut tree = serde_json::to_value(tally).unwrap();
    edit(&mut done, &mut tree);
    let tally: Tally = serde_json::from_value(tree).unwrap();
    let fields = postcard::to_stdvec(&(version, run, done, tally)).unwrap();
    let head = state.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    [&state[..head], &check(&fields), &fields].concat()
}

/// Every field, changed by somebody who computes the check again: refused, in one line. In both orders of memory, since a position is
/// the row's in the order of C.
#[test]
fn a_forged_state_is_refused() {
    let room = Room::new("forged");
    let [q, p] = room.write(&[3, 14, 5]);
    // One row of 42 is no distribution, one has no weight, one no label.
    let mut improper = p.clone();
    improper[[0, 3, 0]] += 0.5;
    write_npy(room.path("p.npy"), &improper).unwrap();
    write_npy(room.path("p_fortran.npy"), &fortran(&improper)).unwrap();
    write_npy(room.path("q_fortran.npy"), &fortran(&q)).unwrap();
    let number = |i: usize, j: usize| i * 14 + j;
    let weights = ndarray::Array2::from_shape_fn((3, 14), |(i, j)| f64::from(number(i, j) != 7));
    let labels = ndarray::Array2::from_shape_fn((3, 14), |(i, j)| match number(i, j) {
        9 => -100,
        row => row as i64 % 5,
    });
    write_npy(room.path("w.npy"), &weights).unwrap();
    write_npy(room.path("l.npy"), &labels).unwrap();

    let none = serde_json::to_value(Partial::default()).unwrap();
    let quantity = ["/candidates/1/divergences/0", "/candidates/0/labels/delta_p"];
    let mut edits: Vec<(String, Value)> = [
        ("/rows", json!(40)),
        ("/rows", json!(u64::MAX)),
        ("/left_out", json!(0)),
        ("/left_out", json!(u64::MAX)),
        ("/constant_rows", json!(42)),
        ("/positions", json!([])),
        ("/positions/3", json!(42)),
        ("/positions/3", json!(u32::MAX)),
        ("/labelled", json!([])),
        ("/labelled/0", json!(42)),
        ("/labelled/0", json!(7)),
        ("/labelled/0", json!(1)),
        ("/base", none.clone()),
        ("/deviations", json!([])),
        ("/deviations/0/rows", json!(0)),
        ("/deviations/0/rows", json!(43)),
        ("/deviations/0/first", json!(null)),
        ("/deviations/0/first/0", json!(42)),
        ("/deviations/1/first", json!([1, 1])),
        ("/candidates", json!([])),
        ("/candidates/0/divergences", json!([])),
        ("/candidates/0/same_top", none.clone()),
        ("/candidates/1/acceptance", none.clone()),
        ("/candidates/0/labels/log_loss", none.clone()),
        ("/candidates/0/labels/log_ratio", none.clone()),
        ("/candidates/0/labels/delta_p_squared", none.clone()),
    ]
    .map(|(place, value)| (place.to_owned(), value))
    .into();
    for at in quantity {
        edits.extend(
            [
                ("/mean", none.clone()),
                ("/sketch/counts", json!({})),
                ("/sketch/counts", json!({"-2147483648": 41})),
                ("/sketch/counts", json!({"2147483647": 40})),
                ("/sketch/not_finite/1", json!(u64::MAX)),
                ("/worst/entries", json!([])),
                ("/worst/entries/0/0", json!(42)),
                ("/worst/entries/9/1", json!(f64::NAN.to_bits())),
                ("/values", json!([])),
            ]
            .map(|(place, value)| (format!("{at}{place}"), value)),
        );
    }
    for files in [["p.npy", "q.npy", "p.npy"], ["p_fortran.npy", "q_fortran.npy", "q.npy"]] {
        let of = |state: &'static str| {
            let settings =
                "--weights w.npy --labels l.npy --keep-going --block-bytes 60 --resume".split(' ');
            files.into_iter().chain(settings).chain([state]).collect::<Vec<_>>()
        };
        let _ = fs::remove_file(room.path("state"));
        let expected = room.report(&of("state"));
        let whole = fs::read(room.path("state")).unwrap();
        let forged = |edit: &dyn Fn(&mut u64, &mut Value)| {
            fs::write(room.path("forged"), forge(&whole, edit)).unwrap();
            room.run(&of("forged"))
        };
        assert_eq!(room.report(&of("state")), expected);
        assert!(forged(&|_, _| ()).status.success());
        let refused = |edit: &dyn Fn(&mut u64, &mut Value), what: &str| {
            let output = forged(edit);
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{what}: {error}");
            let told = "error: forged is damaged, or was changed: ";
            assert!(error.starts_with(told) && error.lines().count() == 1, "{what}: {error}");
        };
        for (place, value) in &edits {
            let edit = |_: &mut u64, tree: &mut Value| {
                *tree.pointer_mut(place).expect(place) = value.clone();
            };
            refused(&edit, &format!("{place} {value}"));
        }
        refused(&|_, tree| tree["positions"][3] = tree["positions"][2].clone(), "a row twice");
        for change in [1, u64::MAX, u64::MAX / 2] {
            refused(&|done, _| *done = done.wrapping_add(change), &format!("done by {change}"));
        }
    }
}

/// Half a run, which ends at a row that is no distribution: what it says of later rows is forged.
#[test]
fn a_state_knows_only_rows_that_were_read() {
    let room = Room::new("ahead");
    let [q, mut p] = room.write(&[6, 10, 5]);
    p[[4, 9, 0]] += 0.5;
    for (name, p, q) in [("c", p.clone(), q.clone()), ("f", fortran(&p), fortran(&q))] {
        write_npy(room.path(&format!("p{name}.npy")), &p).unwrap();
        write_npy(room.path(&format!("q{name}.npy")), &q).unwrap();
        let files = [format!("p{name}.npy"), format!("q{name}.npy")];
        let settings = "--block-bytes 40 --save-every 0 --resume state".split(' ');
        let arguments: Vec<&str> = files.iter().map(|file| &file[..]).chain(settings).collect();
        let expected = room.error(&arguments);
        assert!(expected.contains("row [4, 9] is not a distribution"), "{expected}");
        let half = fs::read(room.path("state")).unwrap();
        assert_eq!(room.error(&arguments), expected);
        for place in ["/positions/0", "/candidates/0/divergences/1/worst/entries/0/0"] {
            let edit = |done: &mut u64, tree: &mut Value| {
                // Saved at least once before the row that ends the run.
                assert!((1..59).contains(done), "{done}");
                *tree.pointer_mut(place).expect(place) = json!(59);
            };
            fs::write(room.path("state"), forge(&half, &edit)).unwrap();
            let error = room.error(&arguments);
            assert!(error.contains("was changed"), "{place}: {error}");
        }
        fs::remove_file(room.path("state")).unwrap();
    }
}
