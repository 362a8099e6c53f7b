//! The tables of a report, for the terminal and for the page.

use super::model::{Candidate, Labels, Operand, Report, Summary};
use super::numbers::{Style, grouped, index, printable};
use super::table::{Cell, Table};

/// What the files were taken for, and how they were compared: a name and a sentence each.
pub fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = vec![("reference", operand(&report.reference))];
    facts.extend(report.candidates.iter().map(|it| ("candidate", operand(&it.operand))));
    facts.push(("rows", rows(report)));
    let shape = report.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
    let classes = grouped(report.classes);
    facts.push(("classes", format!("{classes}, along axis {} of {shape}", report.axis)));
    facts.push(("computed in", report.computed_in.to_owned()));
    if report.temperatures != [1.0, 1.0] {
        let [candidates, reference] = report.temperatures;
        let both = format!("{candidates} of the candidates, {reference} of the reference");
        facts.push(("temperature", both));
    }
    for (name, file) in [("weights", &report.weights), ("labels", &report.labels)] {
        facts.extend(file.iter().map(|file| (name, printable(file))));
    }
    let error = report.candidates.iter().flat_map(summaries).map(|it| it.quantile_error);
    let error = error.fold(0.0, f64::max);
    if error > 0.0 {
        facts.push(("quantiles", format!("from a sketch, within {:.2} %", 100.0 * error)));
    }
    facts.extend(report.notes.iter().map(|note| ("note", printable(note))));
    facts
}

/// `base.kld: llama.cpp, 16-bit logarithms, taken as logits (found)`
fn operand(operand: &Operand) -> String {
    let Operand { file, format, dtype, holds, is_found, deviating } = operand;
    let how = if *is_found { "found" } else { "as told" };
    let mut text = format!("{}: {format}, {dtype}, taken as {holds} ({how})", printable(file));
    if let Some(deviating) = deviating {
        let (rows, first) = (grouped(deviating.rows), index(&deviating.first));
        let mass = deviating.mass;
        text +=
            &format!("; rows that are not distributions: {rows}, the first {first} of mass {mass}");
    }
    text
}

fn rows(report: &Report) -> String {
    let mut text = grouped(report.rows);
    if report.constant_rows > 0 {
        text += &format!(", {} constant in every file", grouped(report.constant_rows));
    }
    if report.left_out > 0 {
        text += &format!("; {} more of weight 0 left out", grouped(report.left_out));
    }
    text
}

/// A row for each candidate: its divergences.
pub fn overview(report: &Report) -> Table {
    let mut header = divergences(report);
    if !header.is_empty() {
        header.splice(1..1, ["median", "99 %", "maximum"].map(str::to_owned));
    }
    table(report, header, |candidate| {
        let means = candidate.divergences.iter().map(|(_, it)| Style::Nats.estimate(it.mean));
        let mut cells: Vec<Cell> = means.collect();
        if let Some((_, first)) = candidate.divergences.first() {
            let few = [quantile(first, 50.0), quantile(first, 99.0), Some(first.max)];
            cells.splice(1..1, few.map(|number| cell(Style::Nats, number)));
        }
        cells
    })
}

/// A row for each candidate: how well it predicts what the reference does, and the labels.
pub fn predictions(report: &Report) -> Table {
    let mut header = vec!["same top %", "acceptance %"];
    if report.candidates.iter().any(|it| it.labels.is_some()) {
        header.extend(["PPL(Q)", "ln(PPL(Q)/PPL(base))"]);
    }
    table(report, header.into_iter().map(str::to_owned).collect(), |candidate| {
        let shares = [candidate.same_top, candidate.acceptance];
        let mut cells = shares.map(|it| Style::Percent.estimate(it)).to_vec();
        if let Some(labels) = &candidate.labels {
            cells.extend([labels.perplexity, labels.log_ratio].map(|it| Style::Nats.estimate(it)));
        }
        cells
    })
}

fn table(report: &Report, header: Vec<String>, cells: impl Fn(&Candidate) -> Vec<Cell>) -> Table {
    let row = |it: &Candidate| (printable(&it.operand.file), cells(it));
    Table { corner: "candidate", header, rows: report.candidates.iter().map(row).collect() }
}

/// What stands above [`overview`] and [`predictions`].
pub fn caption(report: &Report) -> String {
    match divergences(report).first() {
        Some(first) => format!(
            "Mean ± standard error; divergences are in nats. Median, 99 % and maximum are of {first}. Forward is \
             KL(reference ‖ candidate), which llama.cpp calls KLD. Reverse is KL(candidate ‖ reference). Acceptance is 1 − total \
             variation. Δp is the candidate's probability of the label minus the reference's."
        ),
        None => "Mean ± standard error.".to_owned(),
    }
}

/// The perplexities of a candidate, named and written as llama.cpp does.
pub fn perplexities(labels: &Labels) -> Table {
    let correlation = format!("{:.2}", 100.0 * labels.correlation);
    let nats = |name: &str, it| (name.to_owned(), vec![Style::Nats.estimate(it)]);
    let rows = vec![
        nats("Mean PPL(Q)", labels.perplexity),
        nats("Mean PPL(base)", labels.base_perplexity),
        (
            "Cor(ln(PPL(Q)), ln(PPL(base)))".to_owned(),
            vec![Cell::new(correlation, " %".to_owned())],
        ),
        nats("Mean ln(PPL(Q)/PPL(base))", labels.log_ratio),
        nats("Mean PPL(Q)/PPL(base)", labels.ratio),
        nats("Mean PPL(Q)-PPL(base)", labels.difference),
    ];
    Table { corner: "", header: vec![String::new()], rows }
}

/// How the divergences of a candidate, and Δp, are distributed, from the largest to the least; then the worst rows.
pub fn distributions(candidate: &Candidate) -> Table {
    let mut header: Vec<String> =
        candidate.divergences.iter().map(|(name, _)| name.clone()).collect();
    let mut columns: Vec<(Style, &Summary)> =
        candidate.divergences.iter().map(|(_, it)| (Style::Nats, it)).collect();
    if let Some(labels) = &candidate.labels {
        header.push("Δp %".to_owned());
        columns.push((Style::Percent, &labels.delta_p));
    }
    let row = |name: String, cell: &dyn Fn(Style, &Summary) -> Cell| -> (String, Vec<Cell>) {
        (name, columns.iter().map(|&(style, it)| cell(style, it)).collect())
    };
    let mut rows = vec![
        row("mean".to_owned(), &|style, it| style.estimate(it.mean)),
        row("maximum".to_owned(), &|style, it| style.number(it.max).into()),
    ];
    for &(percent, _) in columns.first().iter().flat_map(|(_, it)| it.quantiles.iter().rev()) {
        let name = if percent == 50.0 { "median".to_owned() } else { format!("{percent} %") };
        rows.push(row(name, &|style, it| cell(style, quantile(it, percent))));
    }
    rows.push(row("minimum".to_owned(), &|style, it| style.number(it.min).into()));
    if let Some(labels) = &candidate.labels {
        let mut root = vec![Cell::default(); candidate.divergences.len()];
        root.push(Style::Percent.estimate(labels.delta_p_rms));
        rows.push(("RMS".to_owned(), root));
    }
    for (kind, name) in ["NaN", "∞", "−∞"].into_iter().enumerate() {
        if columns.iter().any(|(_, it)| it.not_finite[kind] > 0) {
            rows.push(row(format!("rows of {name}"), &|_, it| grouped(it.not_finite[kind]).into()));
        }
    }
    let worst = columns.iter().map(|(_, it)| it.worst.len()).max().unwrap_or(0);
    for place in 0..worst {
        rows.push(row(format!("worst {}", place + 1), &|style, it| match it.worst.get(place) {
            Some((at, number)) => Cell::new(style.number(*number), format!(" {}", index(at))),
            None => Cell::default(),
        }));
    }
    Table { corner: "", header, rows }
}

/// The names of the divergences; every candidate has the same.
pub fn divergences(report: &Report) -> Vec<String> {
    let first = report.candidates.first();
    first.iter().flat_map(|it| &it.divergences).map(|(name, _)| name.clone()).collect()
}

fn summaries(candidate: &Candidate) -> impl Iterator<Item = &Summary> {
    let delta_p = candidate.labels.iter().map(|labels| &labels.delta_p);
    candidate.divergences.iter().map(|(_, it)| it).chain(delta_p)
}

fn quantile(summary: &Summary, percent: f64) -> Option<f64> {
    summary.quantiles.iter().find(|(other, _)| *other == percent).map(|(_, number)| *number)
}

fn cell(style: Style, number: Option<f64>) -> Cell {
    number.map_or_else(Cell::default, |number| style.number(number).into())
}
