//! Everybody on the same data, as tables.

use kldiv::Divergence;

use super::figures::{grouped, short, table, time};
use crate::job::{Job, OTHERS};
use crate::record::{Comparison, Row, Shape};
use crate::rivals::OURS;

/// Those whom README.md shows.
const SHOWN: [&str; 5] = ["ndarray, Zip", "NumKong, rayon", "torch", "torch.compile", "jax.jit"];

impl Comparison {
    pub fn row(&self, shape: &str, job: Job, contender: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.shape == shape && row.job == job.id() && row.contender == contender)
    }

    /// How many times as long as ours the fastest of the others takes in the same rounds, and which that is.
    pub fn lead(
        &self,
        (shape, job): (&str, Job),
        ours: &str,
        among: impl Fn(&str) -> bool,
    ) -> Option<(f64, &str)> {
        let ours = self.row(shape, job, ours)?;
        let others = self.rows.iter().filter(|row| {
            let name = &row.contender;
            row.shape == shape && row.job == job.id() && !name.starts_with(OURS) && among(name)
        });
        let leads =
            others.map(|row| (row.seconds.multiple_of(&ours.seconds), row.contender.as_str()));
        leads.min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Everybody who does one of the jobs, in the order of the record.
    pub fn contenders(&self, jobs: &[Job]) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in self.rows.iter().filter(|row| jobs.iter().any(|job| row.job == job.id())) {
            if !names.contains(&row.contender.as_str()) {
                names.push(&row.contender);
            }
        }
        names
    }
}

pub fn lengths(shape: &Shape) -> String {
    let lengths: Vec<String> = shape.lengths.iter().map(|&length| grouped(length)).collect();
    let axis = if shape.axis + 1 == shape.lengths.len() {
        String::new()
    } else {
        format!(", axis {}", shape.axis)
    };
    lengths.join(" × ") + &axis
}

fn head(first: &str, comparison: &Comparison) -> Vec<String> {
    let name = |shape: &Shape| format!("{}<br>{}", shape.name, lengths(shape));
    std::iter::once(first.to_owned()).chain(comparison.shapes.iter().map(name)).collect()
}

fn line(first: &str, comparison: &Comparison, cell: impl Fn(&str) -> String) -> Vec<String> {
    let cells = comparison.shapes.iter().map(|shape| cell(&shape.name));
    std::iter::once(first.to_owned()).chain(cells).collect()
}

/// [`Comparison::lead`] in the run in the middle.
fn middle_lead(
    comparison: &Comparison,
    at: (&str, Job),
    among: impl Fn(&str) -> bool,
) -> Option<(f64, String)> {
    let of = |run: Comparison| {
        let (lead, name) = run.lead(at, OURS, &among)?;
        Some((lead, name.to_owned()))
    };
    let runs = (0..comparison.runs).map(|run| of(comparison.only(|row| row.run == run)));
    let mut leads: Vec<_> = runs.collect::<Option<_>>()?;
    leads.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(leads.swap_remove(leads.len() / 2))
}

/// The fastest of the others, job by job.
pub fn summary(single: &Comparison, double: &Comparison) -> String {
    let cell = |comparison: &Comparison, job: Job, shape: &str| {
        let (lead, name) = middle_lead(comparison, (shape, job), |_| true)?;
        Some(format!("{} × ({name})", short(lead)))
    };
    let row = |comparison: &Comparison, job: Job, precision: &str| {
        let name = format!("{}{precision}", job.title());
        line(&name, comparison, |shape| cell(comparison, job, shape).unwrap_or_default())
    };
    let rows = Job::done_in("f32").into_iter().map(|job| row(single, job, ""));
    let in_double = Job::done_in("f64").into_iter().map(|job| row(double, job, ", `f64`"));
    let rows: Vec<Vec<String>> = rows.chain(in_double).collect();
    format!(
        "## In short\n\nThe time of the fastest of all others, as a multiple of this crate's in the same run.\n\n{}",
        table(&head("", single), &rows)
    )
}

/// With its chart.
pub fn job(comparison: &Comparison, job: Job) -> String {
    let (title, id) = (job.title(), job.id());
    format!(
        "## {}\n\n![{title}: time as a multiple of the roofline, and error, by shape](charts/{id}.svg)\n\n{}",
        capitalized(&title),
        times_and_errors(comparison, &[("", job)]),
    )
}

/// The divergences that are measured beside the forward one, each with its chart.
pub fn others(comparison: &Comparison) -> String {
    let of = |divergence: Divergence| {
        let jobs = Job::of(divergence);
        let names = jobs.map(|job| format!("{}: ", job.operands()));
        let named: Vec<(&str, Job)> = names.iter().map(String::as_str).zip(jobs).collect();
        format!(
            "### `{divergence}`\n\n![{divergence}: time as a multiple of the roofline, by shape](charts/{}.svg)\n\n{}",
            chart(divergence),
            times_and_errors(comparison, &named),
        )
    };
    format!(
        "## Other divergences\n\nBatch means from log-probabilities of both sides, and from logits at T = 2 without and with \
        the gradient. Those in Python compose them: `reverse` is `kl_div` with its operands exchanged, the logarithm of a mixture \
        is `logsumexp` of two shifted log-probabilities, in JAX `logaddexp`, which is faster there. Errors are against `f64`; those of gradients are in ulp of \
        the larger of the two probabilities, scaled as the gradient is.\n\n{}",
        OTHERS.map(of).concat(),
    )
}

/// The name of its chart.
pub fn chart(divergence: Divergence) -> String {
    divergence.to_string().replace(':', "-")
}

/// Without charts.
pub fn in_double(comparison: &Comparison) -> String {
    let job = |job: Job| {
        let table = times_and_errors(comparison, &[("", job)]);
        format!("### {}, `f64`\n\n{table}", capitalized(&job.title()))
    };
    format!(
        "## In `f64`\n\nThe same numbers before they are rounded to `f32`, the roofline over twice the bytes, errors in \
        ulp of `f64`.\n\n{}",
        Job::done_in("f64").into_iter().map(job).collect::<String>()
    )
}

/// Of jobs, each with what stands before its lines.
fn times_and_errors(comparison: &Comparison, jobs: &[(&str, Job)]) -> String {
    let lines = |(prefix, job): (&str, Job), cell: &dyn Fn(&Row) -> String| {
        let of = |contender: &&str| {
            let name = if *contender == OURS { "**kldiv**" } else { contender };
            line(&format!("{prefix}{name}"), comparison, |shape| {
                comparison.row(shape, job, contender).map_or(String::new(), cell)
            })
        };
        comparison.contenders(&[job]).iter().map(of).collect::<Vec<_>>()
    };
    let (mut times, mut errors) = (Vec::new(), Vec::new());
    for &(prefix, job) in jobs {
        times.push(line(&format!("{prefix}the roofline takes"), comparison, |shape| {
            comparison.row(shape, job, OURS).map_or(String::new(), |row| time(row.roofline.median))
        }));
        times.extend(lines((prefix, job), &|row| short(row.multiple())));
        errors.extend(lines((prefix, job), &|row| row.error.map_or("∞".to_owned(), short)));
    }
    table(&head("time, multiples of the roofline", comparison), &times)
        + &table(&head("error, ulp", comparison), &errors)
}

/// The table and the chart in README.md.
pub fn readme(comparison: &Comparison) -> String {
    let cell = |shape: &str, job: Job, contender: &str| {
        Some(short(middle_lead(comparison, (shape, job), |name| name == contender)?.0))
    };
    let row = |shape: &Shape| {
        let both = |contender: &&str| {
            let [a, b] = [Job::Probability, Job::LogTarget(Divergence::Forward)]
                .map(|job| cell(&shape.name, job, contender).unwrap_or("–".to_owned()));
            format!("{a} · {b}")
        };
        std::iter::once(lengths(shape)).chain(SHOWN.iter().map(both)).collect()
    };
    let rows: Vec<Vec<String>> = comparison.shapes.iter().map(row).collect();
    let head: Vec<String> = std::iter::once("shape").chain(SHOWN).map(str::to_owned).collect();
    format!(
        "\n![Time of each as a multiple of the roofline, and its error in ulp, by shape](benches/charts/{}.svg)\n\n\
        How many times as long others take for `BatchMean` (probability target · log target; {} threads, {}):\n\n{}\
        [benches/REPORT.md](benches/REPORT.md) has all peers, every run, `f64`, pointwise terms, logits and gradients, the errors, and the scaling with size, threads, classes and axes.\n\
        `benches/peers/run.sh` measures all of it again.\n\n",
        Job::Probability.id(),
        comparison.machine.threads,
        comparison.machine.date,
        table(&head, &rows),
    )
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
