//! Over sizes, threads, classes, axes and layouts.

use std::error::Error;

use plotters::style::RGBColor;

use super::figures::{grouped, power, short, table};
use super::lines::{Chart, Curve};
use super::on;
use crate::record::{Point, Scaling};
use crate::scaling::{CLASSES, LAYOUT, ONE_THREAD, SIZE, STRIDE, THREADS};

const OURS: RGBColor = RGBColor(200, 30, 60);
const ROOFLINE: RGBColor = RGBColor(60, 60, 60);
const BY_HAND: RGBColor = RGBColor(150, 150, 150);
const LOG_TARGET: RGBColor = RGBColor(40, 100, 180);
const SHADES: [RGBColor; 4] = [OURS, LOG_TARGET, RGBColor(60, 150, 90), RGBColor(240, 170, 40)];

type Charts = Vec<(&'static str, String)>;
/// What a curve shows: elements in so many seconds.
type Seconds = fn(&Point) -> Option<f64>;

const MEASURED: [(&str, Seconds); 3] = [
    ("kldiv", |point| Some(point.ours)),
    ("roofline", |point| Some(point.roofline)),
    ("by hand, one thread", |point| point.by_hand),
];

/// 10⁹ elements a second over what varies.
fn curve(
    name: &str,
    color: RGBColor,
    points: impl Iterator<Item = (f64, usize, Option<f64>)>,
) -> Curve {
    let rate = |(x, elements, seconds): (f64, usize, Option<f64>)| {
        Some((x, elements as f64 / seconds? / 1e9))
    };
    Curve { name: name.to_owned(), color, width: 2, points: points.filter_map(rate).collect() }
}

fn of<'s>(
    scaling: &'s Scaling,
    sweep: &'s str,
    series: &'s str,
    seconds: Seconds,
) -> impl Iterator<Item = (f64, usize, Option<f64>)> + 's {
    let points = scaling.sweep(sweep).filter(move |point| point.series == series);
    points.map(move |point| (point.x, point.elements, seconds(point)))
}

fn series<'s>(scaling: &'s Scaling, sweep: &'s str) -> Vec<&'s str> {
    let mut names: Vec<&str> = Vec::new();
    for point in scaling.sweep(sweep) {
        if !names.contains(&point.series.as_str()) {
            names.push(&point.series);
        }
    }
    names
}

pub fn charts(scaling: &Scaling) -> Result<Charts, Box<dyn Error>> {
    let rate = "10⁹ elements a second";
    let mut charts = Vec::new();
    for (name, classes) in [("size-10", "10"), ("size-1000", "1000")] {
        let title = format!("Throughput over the size of the batch, {classes} classes");
        let chart =
            Chart { title: &title, x: "elements", y: rate, curves: sizes(scaling, classes) };
        charts.push((name, chart.svg()?));
    }
    let others = [
        (
            "classes",
            "Throughput over the number of classes, the number of elements constant",
            "classes",
            both_targets(scaling, CLASSES),
        ),
        (
            "stride",
            "Throughput over the stride of the class axis: last on the left, first on the right",
            "stride [elements]",
            both_targets(scaling, STRIDE),
        ),
        (
            "threads",
            "Throughput over the number of threads (thin: the roofline)",
            "threads",
            threads(scaling),
        ),
    ];
    for (name, title, x, curves) in others {
        charts.push((name, Chart { title, x, y: rate, curves }.svg()?));
    }
    Ok(charts)
}

fn sizes(scaling: &Scaling, classes: &str) -> Vec<Curve> {
    let probability = &format!("{classes} classes, probability");
    let log = &format!("{classes} classes, log target");
    let [(_, ours), (_, roofline), (_, by_hand)] = MEASURED;
    vec![
        curve("roofline", ROOFLINE, of(scaling, SIZE, probability, roofline)),
        curve("kldiv", OURS, of(scaling, SIZE, probability, ours)),
        curve("kldiv, log target", LOG_TARGET, of(scaling, SIZE, log, ours)),
        curve("kldiv, one thread", SHADES[3], of(scaling, ONE_THREAD, probability, ours)),
        curve("by hand, one thread", BY_HAND, of(scaling, SIZE, probability, by_hand)),
    ]
}

fn both_targets(scaling: &Scaling, sweep: &str) -> Vec<Curve> {
    let [(_, ours), (_, roofline), (_, by_hand)] = MEASURED;
    vec![
        curve("roofline", ROOFLINE, of(scaling, sweep, "probability", roofline)),
        curve("kldiv", OURS, of(scaling, sweep, "probability", ours)),
        curve("kldiv, log target", LOG_TARGET, of(scaling, sweep, "log target", ours)),
        curve("by hand, one thread", BY_HAND, of(scaling, sweep, "probability", by_hand)),
    ]
}

fn threads(scaling: &Scaling) -> Vec<Curve> {
    let [(_, ours), (_, roofline), _] = MEASURED;
    let mut curves = Vec::new();
    for (name, color) in series(scaling, THREADS).into_iter().zip(SHADES) {
        curves.push(curve(name, color, of(scaling, THREADS, name, ours)));
        let thin = curve("", color, of(scaling, THREADS, name, roofline));
        curves.push(Curve { width: 1, ..thin });
    }
    curves
}

pub fn text(scaling: &Scaling) -> String {
    format!(
        "## Scaling\n\n{}. `BatchMean`, `f32`; by hand is the serial loop with `Zip`.\n\n{}{}{}{}{}",
        on(&scaling.machine),
        size_text(scaling),
        classes_text(scaling),
        stride_text(scaling),
        layout_text(scaling),
        threads_text(scaling),
    )
}

fn size_text(scaling: &Scaling) -> String {
    format!(
        "### Size of the batch\n\n![Throughput over sizes, 10 classes](charts/size-10.svg)\n\
        ![Throughput over sizes, 1000 classes](charts/size-1000.svg)\n\n{} {}\n\n",
        beside_by_hand(scaling),
        cut_off(scaling)
    )
}

/// Whether the loop by hand wins anywhere.
fn beside_by_hand(scaling: &Scaling) -> String {
    let gain = |point: &Point| point.by_hand.map(|by_hand| by_hand / point.ours);
    let of = |point: &Point| format!("{} elements ({})", grouped(point.elements), point.series);
    let slower: Vec<String> = scaling
        .sweep(SIZE)
        .filter_map(|point| Some((gain(point)?, point)))
        .filter(|(gain, _)| *gain < 1.0)
        .map(|(gain, point)| format!("{gain:.2} of its time at {}", of(point)))
        .collect();
    if !slower.is_empty() {
        return format!(
            "The loop by hand takes {}; it is slower at every other size.",
            slower.join(", ")
        );
    }
    let least = scaling.sweep(SIZE).filter_map(|point| Some((gain(point)?, point)));
    let least = least.min_by(|a, b| a.0.total_cmp(&b.0));
    least.map_or(String::new(), |(gain, point)| {
        let of = of(point);
        format!(
            "The loop by hand is slower at every size: {gain:.2} times as long at least, at {of}."
        )
    })
}

/// No second thread is asked for so many elements of `f32`: `ALONE` of src/layout/pool.rs.
const ALONE: usize = 1 << 17;

/// From where on the threads help.
fn cut_off(scaling: &Scaling) -> String {
    let gain = |point: &Point| {
        let mut alone = scaling.sweep(ONE_THREAD);
        let alone = alone.find(|other| other.series == point.series && other.x == point.x)?;
        Some(alone.ours / point.ours)
    };
    let first = scaling
        .sweep(SIZE)
        .filter(|point| point.elements > ALONE) // What smaller ones gain is noise.
        .filter(|point| gain(point).is_some_and(|gain| gain > 1.1))
        .min_by(|a, b| a.x.total_cmp(&b.x));
    match first {
        Some(point) => format!(
            "A second thread is asked from {} elements on; the first size measured at which it gains a tenth is {} \
            elements ({}).",
            grouped(ALONE + 1),
            grouped(point.elements),
            point.series
        ),
        None => "A second thread gained a tenth nowhere.".to_owned(),
    }
}

fn classes_text(scaling: &Scaling) -> String {
    format!(
        "### Number of classes\n\n![Throughput over classes](charts/classes.svg)\n\n{}",
        ratios(scaling, CLASSES, "classes")
    )
}

fn stride_text(scaling: &Scaling) -> String {
    format!(
        "### Position and stride of the class axis\n\n\
        32 classes, the rest of the elements before and behind them: a stride of 1 is a class axis that is last, the \
        largest one that is first.\n\n![Throughput over strides](charts/stride.svg)\n\n{}",
        ratios(scaling, STRIDE, "stride")
    )
}

/// Of the roofline, and of the loop by hand.
fn ratios(scaling: &Scaling, sweep: &str, name: &str) -> String {
    let targets = ["probability", "log target"];
    let head =
        [name].into_iter().map(str::to_owned).chain(targets.iter().flat_map(|target| {
            [format!("{target}: of the roofline"), format!("{target}: × by hand")]
        }));
    let first = scaling.sweep(sweep).filter(|point| point.series == targets[0]);
    let row = |point: &Point| {
        let find = |target: &&str| {
            scaling.sweep(sweep).find(|other| other.series == *target && other.x == point.x)
        };
        let cells = targets.iter().filter_map(find).flat_map(|point| {
            let by_hand = point.by_hand.unwrap_or(f64::NAN);
            [format!("{:.2}", point.roofline / point.ours), short(by_hand / point.ours)]
        });
        std::iter::once(power(point.x)).chain(cells).collect()
    };
    table(&head.collect::<Vec<_>>(), &first.map(row).collect::<Vec<Vec<String>>>())
}

fn layout_text(scaling: &Scaling) -> String {
    let head = ["view", "of the roofline", "× by hand"].map(str::to_owned);
    let row = |point: &Point| {
        vec![
            point.series.clone(),
            format!("{:.2}", point.roofline / point.ours),
            short(point.by_hand.unwrap_or(f64::NAN) / point.ours),
        ]
    };
    let rows: Vec<Vec<String>> = scaling.sweep(LAYOUT).map(row).collect();
    format!(
        "### Views\n\n4096 × 1000 elements, reached in other ways; the roofline reads as many that lie side by side.\n\n{}",
        table(&head, &rows)
    )
}

fn threads_text(scaling: &Scaling) -> String {
    let counts: Vec<f64> = {
        let mut counts: Vec<f64> = scaling.sweep(THREADS).map(|point| point.x).collect();
        counts.sort_by(f64::total_cmp);
        counts.dedup();
        counts
    };
    let head = std::iter::once("elements".to_owned())
        .chain(counts.iter().map(|count| format!("{count}: gain · roofline's")));
    let row = |name: &&str| {
        let at = |count: f64| {
            scaling.sweep(THREADS).find(|point| point.series == *name && point.x == count)
        };
        let cell = |&count: &f64| {
            let (one, many) = at(1.0).zip(at(count))?;
            Some(format!("{:.2} · {:.2}", one.ours / many.ours, one.roofline / many.roofline))
        };
        let cells = counts.iter().map(|count| cell(count).unwrap_or_default());
        std::iter::once(name.to_string()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = series(scaling, THREADS).iter().map(row).collect();
    format!(
        "### Threads\n\n![Throughput over threads](charts/threads.svg)\n\n{}",
        table(&head.collect::<Vec<_>>(), &rows)
    )
}
