//! `kldiv inspect`: what a file is, and what it seems to hold.

use std::fmt::Write;

use clap::Args;
use kldiv::{Diagnosis, KLDivLoss, OperandReport, Sum};
use ndarray::{ArrayD, Axis};
use serde_json::{Value, json};

use crate::compare::check_tolerance;
use crate::compare::input::{Block, Holds, Inputs, each_block, is_constant};
use crate::compare::measure::position;
use crate::compare::outputs::print;
use crate::failure::Failure;
use crate::formats::{Array, Float, Type, entries};
use crate::report::number;

/// Say what files are and probably hold: format, shape, type and arrays; logits or probabilities, the sums of rows, NaN, infinities,
/// and rows that hold one number only.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Files, or arrays within files: file.npz:name
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// The axis along which the classes lie, from 0; -1 is the last [default: -1]
    #[arg(long, allow_negative_numbers = true)]
    axis: Option<isize>,
    /// The largest difference from 1 that the sum of a row's probabilities may have
    #[arg(long, default_value_t = 1e-3)]
    tolerance: f64,
    /// Read numpy's 2-byte void type, |V2, as bfloat16
    #[arg(long)]
    bf16: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Bytes that are read at a time; at least one row
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20)]
    block_bytes: usize,
}

/// What was found in the rows of an array.
struct Found {
    /// From the first rows that say so.
    holds: Option<Holds>,
    rows: u64,
    /// Read as log-probabilities, and as probabilities.
    sums: [Sums; 2],
    /// NaN, +∞ and −∞.
    not_finite: [u64; 3],
    constant_rows: u64,
    /// The least and the greatest finite number.
    range: [f64; 2],
}

/// How the rows add up in one reading.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// Rows that do not add up to 1.
    improper: u64,
    /// The position of that farthest from it, and its sum.
    worst: Option<(u64, f64)>,
}

/// Inspects every file; those that cannot be read are told after the others.
pub fn run(options: &Options) -> Result<(), Failure> {
    check_tolerance(options.tolerance)?;
    let (mut told, mut failed) = (Vec::new(), Vec::new());
    for file in &options.files {
        let arrays = match Array::open(file, options.bf16) {
            Ok(array) => vec![(file.clone(), Ok(array))],
            // An archive of many.
            Err(failure) => match entries(file, options.bf16) {
                Ok(entries) if entries.len() > 1 => entries,
                _ => vec![(file.clone(), Err(failure))],
            },
        };
        for (name, array) in arrays {
            let result = array.and_then(|array| describe(name.clone(), array, options));
            match result {
                Ok((text, value)) => {
                    if !options.json {
                        print(&text)?;
                    }
                    told.push(value);
                }
                Err(failure) => {
                    told.push(json!({ "file": name, "error": failure.to_string() }));
                    failed.push(failure);
                }
            }
        }
    }
    if options.json {
        print(&format!("{}\n", json!({ "arrays": told })))?;
    }
    // All but the last are told here, and that by the caller.
    let Some(last) = failed.pop() else { return Ok(()) };
    failed.iter().for_each(|failure| eprintln!("error: {failure}"));
    Err(last)
}

/// An array in words and as JSON.
fn describe(name: String, array: Array, options: &Options) -> Result<(String, Value), Failure> {
    let Array { format, dtype, shape, .. } = &array;
    let order = if array.is_fortran { ", in Fortran order" } else { "" };
    let mut text = name.replace(char::is_control, "\u{fffd}");
    text += &format!(": {format}, {dtype}, shape {shape:?}{order}\n");
    let mut value = json!({
        "file": name, "format": format, "dtype": dtype.to_string(), "shape": shape, "fortran_order": array.is_fortran,
    });
    // Labels or weights, a single number, or nothing at all have no rows of classes.
    if !dtype.is_float() || shape.is_empty() || shape.contains(&0) {
        return Ok((text, value));
    }
    let tokens = array.tokens().map(<[i32]>::len);
    let is_single = *dtype != Type::F64;
    let mut inputs = Inputs::of_one(array, options.axis, options.block_bytes)?;
    let found = match is_single {
        true => Found::of::<f32>(&mut inputs, options)?,
        false => Found::of::<f64>(&mut inputs, options)?,
    };
    let classes = inputs.shape()[inputs.axis];
    found.tell(&mut text, &inputs, options.tolerance);
    if let Some(tokens) = tokens {
        let _ = writeln!(text, "  tokens         {tokens}, one for each row");
    }
    let [nan, infinite, minus_infinite] = found.not_finite;
    let Sums { improper, worst } = found.sums();
    let worst =
        worst.map(|(position, sum)| json!({ "index": inputs.index(position), "sum": number(sum) }));
    let more = json!({
        "rows": found.rows, "classes": classes, "axis": inputs.axis, "seems_to_hold": found.holds().name(),
        "improper_rows": improper, "worst_row": worst, "constant_rows": found.constant_rows,
        "not_finite": { "NaN": nan, "inf": infinite, "-inf": minus_infinite },
        "min": number(found.range[0]), "max": number(found.range[1]), "tokens": tokens,
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    Ok((text, value))
}

impl Sums {
    fn of(report: &OperandReport, place: impl Fn(&[usize]) -> u64) -> Sums {
        let worst = report.worst.as_ref().map(|worst| (place(&worst.index), worst.mass));
        Sums { improper: report.improper as u64, worst }
    }

    fn merge(&mut self, next: Sums) {
        self.improper += next.improper;
        let far = |sum: f64| if sum.is_nan() { f64::INFINITY } else { (sum - 1.0).abs() };
        if let Some((_, sum)) = next.worst
            && self.worst.is_none_or(|(_, worst)| far(sum) > far(worst))
        {
            self.worst = next.worst;
        }
    }
}

impl Found {
    fn of<A: Float>(inputs: &mut Inputs, options: &Options) -> Result<Found, Failure> {
        let (axis, slabs) = (Axis(inputs.axis), inputs.blocks.slabs());
        let shape = inputs.shape().to_vec();
        let of_format = (inputs.operands[0].dtype == Type::Log16).then_some(Holds::Logits);
        let mut found = Found { holds: of_format, ..Found::nothing() };
        let of_block = |block: &mut Block<A>, (): &mut ()| {
            let place = |index: &[usize]| position(&block.window, &shape, axis.0, index);
            Found::of_block(&block.operands[0], axis, options.tolerance, place)
        };
        each_block(inputs, 0..slabs, of_block, |next, _| {
            found.merge(next);
            Ok(())
        })?;
        Ok(found)
    }

    fn nothing() -> Found {
        Found {
            holds: None,
            rows: 0,
            sums: Default::default(),
            not_finite: [0; 3],
            constant_rows: 0,
            range: [f64::INFINITY, f64::NEG_INFINITY],
        }
    }

    fn of_block<A: Float>(
        array: &ArrayD<A>,
        axis: Axis,
        tolerance: f64,
        place: impl Fn(&[usize]) -> u64,
    ) -> Result<Found, Failure> {
        // As the input it is asked for log-probabilities, as the target for probabilities.
        let both = KLDivLoss::new(Sum).axis(axis).validated(tolerance);
        let Diagnosis { input, target, .. } = both.batch(array, array)?.diagnose();
        let constant = array.lanes(axis).into_iter().filter(|lane| is_constant(lane.view()));
        let wider = |[low, high]: [A; 2], x: A| {
            if x.is_finite() { [low.min(x), high.max(x)] } else { [low, high] }
        };
        let range =
            array.iter().fold([A::infinity(), A::neg_infinity()], |ends, &x| wider(ends, x));
        Ok(Found {
            holds: Holds::of(array, axis, tolerance, None)?,
            rows: (array.len() / array.len_of(axis)) as u64,
            sums: [Sums::of(&input, &place), Sums::of(&target, &place)],
            not_finite: [input.nan, input.plus_infinity, input.minus_infinity].map(|n| n as u64),
            constant_rows: constant.count() as u64,
            range: range.map(Into::into),
        })
    }

    /// Adds what was found of the rows behind these.
    fn merge(&mut self, next: Found) {
        self.holds = self.holds.or(next.holds);
        self.rows += next.rows;
        self.constant_rows += next.constant_rows;
        for (sums, next) in self.sums.iter_mut().zip(next.sums) {
            sums.merge(next);
        }
        for (all, more) in self.not_finite.iter_mut().zip(next.not_finite) {
            *all += more;
        }
        let ([low, high], [next_low, next_high]) = (self.range, next.range);
        self.range = [low.min(next_low), high.max(next_high)];
    }

    /// What it seems to hold: logits where no row says anything.
    fn holds(&self) -> Holds {
        self.holds.unwrap_or(Holds::Logits)
    }

    /// How the rows add up as what they seem to be. Logits add up to anything.
    fn sums(&self) -> Sums {
        match self.holds() {
            Holds::Logits => Sums::default(),
            Holds::LogProbabilities => self.sums[0],
            Holds::Probabilities => self.sums[1],
        }
    }

    fn tell(&self, text: &mut String, inputs: &Inputs, tolerance: f64) {
        let Found { rows, constant_rows, .. } = self;
        let [nan, infinite, minus_infinite] = self.not_finite;
        let classes = inputs.shape()[inputs.axis];
        let mut line = |name: &str, what: String| {
            let _ = writeln!(text, "  {name:<14} {what}");
        };
        line("rows", format!("{rows} of {classes} classes, along axis {}", inputs.axis));
        let Sums { improper, worst } = self.sums();
        let sums = match (self.holds(), worst) {
            (Holds::Logits, _) => String::new(),
            (_, None) => format!(": every row sums to 1 within {tolerance}"),
            (_, Some((position, sum))) => {
                let index = inputs.index(position);
                format!(
                    ": but {improper} rows do not sum to 1 within {tolerance}, the farthest {index:?} to {sum}"
                )
            }
        };
        line("seems to hold", format!("{}{sums}", self.holds()));
        let [low, high] = self.range;
        line(
            "numbers",
            format!("{low:?} to {high:?}; {nan} NaN, {infinite} +∞, {minus_infinite} −∞"),
        );
        line("constant rows", constant_rows.to_string());
    }
}
