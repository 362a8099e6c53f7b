//! What this crate set out to reach, run by run.

mod lines;

use super::figures::table;
use crate::record::Comparison;

/// What one run measured.
struct Run {
    single: Comparison,
    double: Comparison,
    f16: Comparison,
    bf16: Comparison,
    one_thread: Comparison,
}

impl Run {
    fn of(comparison: &Comparison, run: usize) -> Run {
        let all = comparison.only(|row| row.run == run);
        Run {
            single: all.in_precision("f32"),
            double: all.in_precision("f64"),
            f16: all.in_precision("f16"),
            bf16: all.in_precision("bf16"),
            one_thread: all.only(|row| row.threads == 1 && row.precision == "f32"),
        }
    }
}

/// What a run reached.
struct Reached {
    text: String,
    holds: bool,
}

impl Reached {
    /// Digits are cut, not rounded, so that what is shown is below the bar where the number is.
    fn at_least(bar: f64, number: f64) -> Reached {
        let text = format!("{:.2}", (100.0 * number).floor() / 100.0);
        Reached { text, holds: number >= bar }
    }

    fn at_most(bar: f64, number: f64) -> Reached {
        let text = format!("{:.2}", (100.0 * number).ceil() / 100.0);
        Reached { text, holds: number <= bar }
    }

    fn with(self, remark: &str) -> Reached {
        Reached { text: format!("{} ({remark})", self.text), ..self }
    }
}

struct Goal {
    line: String,
    bar: String,
    /// `None` where nothing was measured.
    runs: Vec<Option<Reached>>,
}

impl Goal {
    fn holds(&self) -> bool {
        self.runs.iter().all(|run| run.as_ref().is_some_and(|reached| reached.holds))
    }

    fn cells(&self) -> Vec<String> {
        let reached = self.runs.iter().map(|run| match run {
            Some(Reached { text, holds: true }) => text.clone(),
            Some(Reached { text, holds: false }) => format!("**{text}**"),
            None => "–".to_owned(),
        });
        let holds = if self.holds() { "yes" } else { "**no**" };
        let first = [self.line.clone(), self.bar.clone()];
        first.into_iter().chain(reached).chain([holds.to_owned()]).collect()
    }
}

struct Goals {
    runs: Vec<Run>,
    goals: Vec<Goal>,
}

impl Goals {
    fn goal(&mut self, line: String, bar: &str, reached: impl Fn(&Run) -> Option<Reached>) {
        let runs = self.runs.iter().map(reached).collect();
        self.goals.push(Goal { line, bar: bar.to_owned(), runs });
    }

    fn ratio(&mut self, line: String, bar: f64, unit: &str, ratio: impl Fn(&Run) -> Option<f64>) {
        self.goal(line, &format!("≥ {bar} {unit}"), |run| {
            Some(Reached::at_least(bar, ratio(run)?))
        });
    }

    /// The least over some shapes, all of which must have been measured.
    fn least(
        &mut self,
        line: String,
        (bar, unit): (f64, &str),
        shapes: &[&'static str],
        ratio: impl Fn(&Run, &str) -> Option<f64>,
    ) {
        self.goal(line, &format!("≥ {bar} {unit}"), |run| {
            let ratios = shapes.iter().map(|&shape| Some((ratio(run, shape)?, shape)));
            let ratios: Option<Vec<_>> = ratios.collect();
            let (least, shape) = ratios?.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
            Some(Reached::at_least(bar, least).with(shape))
        });
    }
}

/// Nothing for other shapes than the usual.
pub fn text(comparison: &Comparison) -> String {
    let runs = (0..comparison.runs).map(|run| Run::of(comparison, run)).collect();
    let mut goals = Goals { runs, goals: Vec::new() };
    goals.all();
    let goals = goals.goals;
    if goals.iter().flat_map(|goal| &goal.runs).all(Option::is_none) {
        return String::new();
    }
    let title = match comparison.runs {
        1 => "one run".to_owned(),
        3 => "three runs".to_owned(),
        runs => format!("{runs} runs"),
    };
    let runs = (1..=comparison.runs).map(|run| format!("run {run}"));
    let head = ["", "bar"].map(str::to_owned).into_iter().chain(runs).chain(["holds".to_owned()]);
    let rows: Vec<Vec<String>> = goals.iter().map(Goal::cells).collect();
    format!(
        "## The bars, in {title}\n\nWhat this crate set out to reach, in runs of everything, one after the other: {} of {} \
        lines hold in each. × is the time of others as a multiple of this crate's. A line over several shapes tells the \
        least and where it is. Bars of the roofline are of the four large shapes; `f64` leaves out gradients; smaller batches \
        are under “Size of the batch” below; that nothing of size N is allocated is tested in `tests/memory.rs`. Digits are cut, \
        not rounded; what could not be measured does not hold. What stands in the way of the lines that do not hold is in \
        `benches/LIMITS.md`.\n\n{}",
        goals.iter().filter(|goal| goal.holds()).count(),
        goals.len(),
        table(&head.collect::<Vec<_>>(), &rows),
    )
}
