//! What the measurements say about machines that were not measured.

use kldiv::Partial;

use super::figures::{grouped, power, short, table, time};
use crate::record::{Point, Scaling};
use crate::scaling::{ONE_THREAD, SIZE};

/// Of both operands.
const BYTES: f64 = 8.0;
/// Where memory is not asked: both operands in a second-level cache.
const IN_CACHE: f64 = 32_000.0;
/// Peak and what is reached of it: channels of DDR5-4800.
const CHANNEL: f64 = 38.4e9;
const REACHED: f64 = 0.8;
const CHANNELS: [u32; 2] = [8, 12];
const CORES: [u32; 5] = [1, 2, 8, 16, 64];
/// A network: seconds a message, bytes a second.
const LATENCY: f64 = 5e-6;
const NETWORK: f64 = 10e9;
const RANKS: [u32; 3] = [16, 1024, 16_384];
const ELEMENTS_A_RANK: f64 = 1e9;

struct Model {
    hertz: f64,
    /// With 10 classes and with 1000, one thread, in cache.
    cycles: [f64; 2],
}

impl Model {
    fn of(scaling: &Scaling) -> Model {
        let hertz = 1e9 * scaling.gigahertz;
        let cycles = ["10", "1000"].map(|classes| {
            let series = format!("{classes} classes, probability");
            let points = scaling.sweep(ONE_THREAD).filter(|point| point.series == series);
            let nearest = points.min_by(|a, b| distance(a).total_cmp(&distance(b)));
            nearest.map_or(f64::NAN, |point| point.ours * hertz / point.elements as f64)
        });
        Model { hertz, cycles }
    }

    /// Elements a second that `cores` compute, that memory brings.
    fn rate(&self, cores: f64, cycles: f64, bandwidth: f64) -> (f64, f64) {
        (cores * self.hertz / cycles, bandwidth / BYTES)
    }
}

fn distance(point: &Point) -> f64 {
    (point.x / IN_CACHE).ln().abs()
}

pub fn text(scaling: &Scaling) -> String {
    let model = Model::of(scaling);
    let [few, many] = model.cycles;
    let (one, all) = (bandwidth(scaling, ONE_THREAD), bandwidth(scaling, SIZE));
    format!(
        "### The model behind it\n\n\
        An element is {BYTES} bytes, read once, and {many:.2} cycles of a core ({few:.2} with 10 classes), measured in \
        one thread on {} elements, which a second-level cache holds, at {:.2} GHz. So N elements on k cores take the \
        longer of N·c/(k·f) and N·{BYTES}/B, where B is what memory brings, as the roofline found with the largest batch: here {:.0} GB/s to one thread, {:.0} GB/s to \
        {}. {}\n\n\
        A core that asks for nothing but this can use {:.0} GB/s. What that predicts for others, of these cores, \
        in 10⁹ elements a second (1000 classes · 10 classes), if {:.0} % of what channels of DDR5-4800 can carry is \
        reached and all else is equal (not measured):\n\n{}\
        {}",
        power(nearest_size(scaling)),
        scaling.gigahertz,
        one / 1e9,
        all / 1e9,
        scaling.machine.threads,
        check(scaling, &model),
        BYTES * model.hertz / many / 1e9,
        100.0 * REACHED,
        cores(&model),
        ranks(scaling, &model),
    )
}

/// What the roofline reads a second of the largest batch.
fn bandwidth(scaling: &Scaling, sweep: &str) -> f64 {
    let largest = scaling.sweep(sweep).max_by(|a, b| a.x.total_cmp(&b.x));
    largest.map_or(f64::NAN, |point| BYTES * point.elements as f64 / point.roofline)
}

fn nearest_size(scaling: &Scaling) -> f64 {
    let points = scaling.sweep(ONE_THREAD);
    points.min_by(|a, b| distance(a).total_cmp(&distance(b))).map_or(f64::NAN, |point| point.x)
}

/// The largest batch, predicted and measured.
fn check(scaling: &Scaling, model: &Model) -> String {
    let threads = scaling.machine.threads;
    let line = |(classes, cycles): (&str, f64)| {
        let series = format!("{classes} classes, probability");
        let points = scaling.sweep(SIZE).filter(|point| point.series == series);
        let point = points.max_by(|a, b| a.x.total_cmp(&b.x))?;
        let (computed, brought) = model.rate(threads as f64, cycles, bandwidth(scaling, SIZE));
        let (by, rate) = if computed < brought { ("cores", computed) } else { ("memory", brought) };
        let predicted = point.elements as f64 / rate;
        Some(format!(
            "{} elements of {classes} classes: predicted {} (bound by {by}), measured {}.",
            grouped(point.elements),
            time(predicted),
            time(point.ours)
        ))
    };
    let lines = [("1000", model.cycles[1]), ("10", model.cycles[0])].into_iter().filter_map(line);
    lines.collect::<Vec<_>>().join(" ")
}

fn cores(model: &Model) -> String {
    let head = std::iter::once("cores".to_owned()).chain(CHANNELS.map(|channels| {
        let bandwidth = REACHED * CHANNEL * f64::from(channels) / 1e9;
        format!("{channels} channels, {bandwidth:.0} GB/s")
    }));
    let row = |count: u32| {
        let cell = |channels: u32| {
            let bandwidth = REACHED * CHANNEL * f64::from(channels);
            let [few, many] = model.cycles.map(|cycles| {
                let (computed, brought) = model.rate(f64::from(count), cycles, bandwidth);
                let by = if computed < brought { "cores" } else { "memory" };
                format!("{} ({by})", short(computed.min(brought) / 1e9))
            });
            format!("{many} · {few}")
        };
        std::iter::once(count.to_string()).chain(CHANNELS.map(cell)).collect()
    };
    let rows: Vec<Vec<String>> = CORES.map(row).into();
    table(&head.collect::<Vec<_>>(), &rows)
}

/// Batches too large for one machine.
fn ranks(scaling: &Scaling, model: &Model) -> String {
    let bytes = (size_of::<i64>() * (Partial::WORDS + 2)) as f64;
    let pass = ELEMENTS_A_RANK * model.cycles[1] / (16.0 * model.hertz);
    let pass = pass.max(ELEMENTS_A_RANK * BYTES / (REACHED * CHANNEL * 8.0));
    let row = |count: u32| {
        let steps = f64::from(count.next_power_of_two().ilog2());
        let seconds = steps * (LATENCY + bytes / NETWORK + scaling.merge);
        vec![
            grouped(count as usize),
            grouped(Partial::WORDS * (count as usize - 1)),
            time(seconds),
            format!("{:.2} %", 100.0 * seconds / pass),
        ]
    };
    let head = ["ranks", "words that travel", "up a tree", "of the pass"].map(str::to_owned);
    format!(
        "A batch too large for one machine costs one reduction, whatever its size: a `Partial` of {} words of 64 bits \
        and two extremes, {:.1} kB, from each rank, added as integers, so that the bits do not depend on the ranks. A merge \
        takes {}. With {} a message and {:.0} GB/s, and {} elements a rank on 16 of these cores with 8 channels, \
        {} a pass (not measured):\n\n{}",
        Partial::WORDS,
        bytes / 1e3,
        time(scaling.merge),
        time(LATENCY),
        NETWORK / 1e9,
        power(ELEMENTS_A_RANK),
        time(pass),
        table(&head, &RANKS.map(row)),
    )
}
