//! What is found of a block of rows.

use kldiv::{Divergence, Error, Operand, Tail};
use ndarray::{ArrayD, Axis, Zip};

use super::checks::{Side, refusal, refusal_of_named, report_of_input, reports};
use super::labels::Labels;
use super::pair::Pair;
use super::rows::{Rows, position};
use crate::compare::input::{Block, Holds, Inputs, doubt, index, is_constant, top};
use crate::compare::options::Options;
use crate::failure::{Code, Failure};
use crate::formats::{Array, Float, Type};
use crate::statistics::{CandidateTally, Deviations, EXACT_ROWS, Tally};

/// What is computed, and of what.
#[derive(Clone, Debug)]
pub struct Measure {
    pub axis: Axis,
    /// The lengths of all axes of the files.
    pub shape: Vec<usize>,
    /// The reference, then the candidates.
    pub files: Vec<File>,
    pub divergences: Vec<Divergence>,
    /// What the candidates' logits are divided by, and the reference's.
    pub temperatures: [f64; 2],
    pub tolerance: f64,
    /// Whether the reference names some classes only, and what it says of the others.
    pub has_classes: bool,
    pub tail: Tail,
    /// Whether rows that are no distributions are counted, rather than the end.
    pub keep_going: bool,
    /// Whether the numbers of each row are kept.
    pub is_kept: bool,
}

/// A file that is compared.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    /// What it holds, once that is known.
    pub holds: Option<Holds>,
    /// Whether that was found out, rather than said by the user.
    pub is_found: bool,
    /// Whether its logits are logarithms of probabilities that add up to 1 but for rounding, as in base files of llama.cpp. The
    /// probability of a label is then the stored one, as llama.cpp's own tool has it.
    is_near_log: bool,
}

impl Measure {
    pub fn new(inputs: &Inputs, options: &Options) -> Measure {
        let said = [options.reference_holds, options.candidate_holds];
        let file = |(i, operand): (usize, &Array)| {
            let said = said[i.min(1)].known();
            // Logarithms of 16 bits add up to 1 within a few thousandths: they are normalised again.
            let of_format = (operand.dtype == Type::Log16).then_some(Holds::Logits);
            File {
                name: operand.name.clone(),
                holds: said.or(of_format),
                is_found: said.is_none(),
                is_near_log: operand.dtype == Type::Log16,
            }
        };
        let of_reference = options.reference_temperature.unwrap_or(options.temperature);
        Measure {
            axis: Axis(inputs.axis),
            shape: inputs.shape().to_vec(),
            files: inputs.operands.iter().enumerate().map(file).collect(),
            divergences: options.divergences(),
            temperatures: [options.temperature, of_reference],
            tolerance: options.tolerance,
            has_classes: inputs.classes.is_some(),
            tail: options.tail(),
            keep_going: options.keep_going,
            is_kept: inputs.rows() <= EXACT_ROWS,
        }
    }

    /// Whether it is known what each file holds.
    pub fn is_known(&self) -> bool {
        self.files.iter().all(|file| file.holds.is_some())
    }

    /// Finds out what the files hold of which that is not known, from a block, if it has rows that say so.
    pub fn find_holds<A: Float>(&mut self, block: &Block<A>) -> Result<(), Failure> {
        let rows = Rows::new(block, &self.shape, self.axis.0)?;
        for (i, (file, operand)) in self.files.iter_mut().zip(&block.operands).enumerate() {
            if file.holds.is_some() {
                continue;
            }
            let mask = rows.mask.as_ref();
            if i == 0 && block.classes.is_some() {
                file.holds = Holds::of_some(operand, self.axis, self.tolerance, mask);
                continue;
            }
            let holds = Holds::of(operand, self.axis, self.tolerance, mask)?;
            let Some(holds) = holds else { continue };
            if holds == Holds::Logits
                && let Some(doubt) = doubt(operand, self.axis, self.tolerance, mask)
            {
                let side = if i == 0 { "reference" } else { "candidate" };
                let line = format!(
                    "{}: {doubt} If this is intended, give --{side}-holds logits, or --{side}-holds probabilities with --tolerance",
                    file.name
                );
                return Err(Failure::new(line).with(Code::NotDistributions));
            }
            file.holds = Some(holds);
        }
        Ok(())
    }

    /// Files of which no row says what they hold: none counts, or each holds one number only.
    pub fn take_the_rest_for_logits(&mut self) {
        self.files.iter_mut().for_each(|file| file.holds = file.holds.or(Some(Holds::Logits)));
    }

    /// Only logits are divided by a temperature, and those of some classes do not say how much mass the others have.
    pub fn check_settings(&self) -> Result<(), Failure> {
        if self.has_classes && self.holds(0) == Holds::Logits && self.tail != Tail::Renormalized {
            let line = format!(
                "{} holds logits of some classes, which do not say how much mass the others have; give --tail renormalized, or say what \
                 it holds by --reference-holds",
                self.files[0].name
            );
            return Err(Failure::usage(line));
        }
        for (i, file) in self.files.iter().enumerate() {
            let temperature = self.temperatures[usize::from(i == 0)];
            let holds = self.holds(i);
            if temperature != 1.0 && holds != Holds::Logits {
                let side = if i == 0 { "reference" } else { "candidate" };
                let line = format!(
                    "{} holds {holds}, and a temperature divides logits; leave it out, or give --{side}-holds logits",
                    file.name
                );
                return Err(Failure::usage(line));
            }
        }
        Ok(())
    }

    /// What a file holds.
    pub fn holds(&self, file: usize) -> Holds {
        self.files[file].holds.unwrap_or(Holds::Logits)
    }

    /// What is found of a block. Probabilities of candidates become their logarithms; q − p of each class is written to `difference`,
    /// which saves memory where it is used again.
    pub fn block<A: Float>(
        &self,
        block: &mut Block<A>,
        difference: &mut ArrayD<A>,
    ) -> Result<Tally, Failure> {
        let mut tally = Tally::new(self.files.len() - 1, self.divergences.len());
        // Before logarithms, which make equal what is nearly so.
        let mut tops: Vec<_> =
            block.operands.iter().map(|operand| top(operand, self.axis)).collect();
        if let Some(classes) = &block.classes {
            let class_of = |lane: ndarray::ArrayView1<'_, i64>, &place: &usize| {
                usize::try_from(lane[place]).unwrap_or(usize::MAX)
            };
            tops[0] = Zip::from(classes.lanes(self.axis)).and(&tops[0]).map_collect(class_of);
        }
        let are_probabilities = |file| self.holds(file) == Holds::Probabilities;
        // Beside probabilities the reference is taken by its logarithms too, so that equal files are equal.
        let is_any = are_probabilities(0) && (1..self.files.len()).any(are_probabilities);
        let logarithms = is_any.then(|| {
            let mut logarithms = block.operands[0].clone();
            logarithms.mapv_inplace(|p| p.ln());
            logarithms
        });
        for (i, operand) in block.operands.iter_mut().enumerate().skip(1) {
            if are_probabilities(i) {
                operand.mapv_inplace(|p| p.ln());
            }
        }
        let rows = Rows::new(block, &self.shape, self.axis.0)?;
        let [reference, candidates @ ..] = &block.operands[..] else { return Ok(tally) };
        tally.rows += rows.positions.len() as u64;
        tally.left_out += rows.all - rows.positions.len() as u64;
        tally.constant_rows += self.constant_rows(&block.operands, &rows);
        if self.is_kept {
            tally.positions.extend(rows.positions.iter().map(|&position| position as u32));
        }
        let place = |position| self.index(position);
        let labels = block.labels.as_ref();
        let labels = labels.map(|labels| Labels::new(labels, reference, self.axis, &rows, place));
        let labels = labels.transpose()?;
        let base = match &labels {
            Some(labels) => {
                let base = labels.log_loss(
                    reference,
                    self.holds_of_labels(0),
                    self.axis,
                    self.temperatures[1],
                )?;
                tally.base.add(&base, labels.weights())?;
                if self.is_kept {
                    tally.labelled.extend(labels.positions.iter().map(|&position| position as u32));
                }
                base
            }
            None => Vec::new(),
        };
        for (i, input) in candidates.iter().enumerate() {
            let (target, of_target) = match &logarithms {
                Some(logarithms) if are_probabilities(i + 1) => {
                    (logarithms, Holds::LogProbabilities)
                }
                _ => (reference, self.holds(0)),
            };
            let pair = Pair {
                input,
                target,
                classes: block.classes.as_ref().map(|classes| (classes, self.tail)),
                holds: [self.holds_now(i + 1), of_target],
                mask: rows.mask.as_ref(),
                axis: self.axis,
                temperatures: self.temperatures,
            };
            let (all, variation) = self.divergences(&pair, block, i + 1, &mut tally, difference)?;
            let found = &mut tally.candidates[i];
            self.add(&all, &variation, &rows, found)?;
            let same = Zip::from(&tops[0]).and(&tops[i + 1]).and(&all[0]);
            // A row of NaN has no greatest class.
            let same = same.map_collect(|a, b, d| f32::from(u8::from(a == b && !d.is_nan())));
            found.same_top.add(&rows.pick(&same), rows.weights.as_ref())?;
            if let Some(labels) = &labels {
                let loss = labels.log_loss(
                    input,
                    self.holds_of_labels(i + 1),
                    self.axis,
                    self.temperatures[0],
                )?;
                labels.add([&loss, &base], &mut found.labels, self.is_kept)?;
            }
        }
        Ok(tally)
    }

    /// The index of a row, the class axis left out.
    pub fn index(&self, position: u64) -> Vec<u64> {
        index(&self.shape, self.axis.0, position)
    }

    /// What a file holds once probabilities of candidates have become their logarithms.
    fn holds_now(&self, file: usize) -> Holds {
        match self.holds(file) {
            Holds::Probabilities if file > 0 => Holds::LogProbabilities,
            holds => holds,
        }
    }

    /// The same, as the probabilities of labels are computed from it.
    fn holds_of_labels(&self, file: usize) -> Holds {
        let is_divided = self.temperatures[usize::from(file == 0)] != 1.0;
        if self.files[file].is_near_log && !is_divided {
            Holds::LogProbabilities
        } else {
            self.holds_now(file)
        }
    }

    /// All divergences of each row of a candidate, and the total variation. The first call checks that both sides are distributions.
    fn divergences<A: Float>(
        &self,
        pair: &Pair<'_, A>,
        block: &Block<A>,
        candidate: usize,
        tally: &mut Tally,
        difference: &mut ArrayD<A>,
    ) -> Result<(Vec<ArrayD<A>>, ArrayD<f64>), Failure> {
        let mut variation = None;
        let mut divergence = |divergence: &Divergence, tolerance| match divergence {
            Divergence::Forward if pair.tells_variation() => {
                let (forward, of_rows) = pair.forward_and_variation(tolerance, difference)?;
                variation = Some(of_rows);
                Ok(forward)
            }
            _ => pair.divergence(*divergence, tolerance),
        };
        let mut all = Vec::with_capacity(self.divergences.len());
        for asked in &self.divergences {
            if !all.is_empty() {
                all.push(divergence(asked, None)?);
                continue;
            }
            let checked = divergence(asked, Some(self.tolerance));
            let is_proper = checked.as_ref().is_ok_and(|found| !found.iter().any(|d| d.is_nan()));
            if !is_proper || pair.holds == [Holds::LogProbabilities, Holds::Logits] {
                self.check(pair, block, candidate, &mut tally.deviations)?;
            }
            all.push(match checked {
                Err(Error::NotADistribution { .. }) => divergence(asked, None)?,
                Err(error) => return Err(self.of_classes(error, block)),
                Ok(checked) => checked,
            });
        }
        let asked = self.divergences.iter().position(|asked| *asked == Divergence::TotalVariation);
        let variation = match (asked, variation) {
            (Some(at), _) => all[at].mapv(Into::into),
            (None, Some(variation)) => variation,
            (None, None) if pair.tells_variation() => {
                pair.forward_and_variation(None, difference)?.1
            }
            (None, None) => pair.divergence(Divergence::TotalVariation, None)?.mapv(Into::into),
        };
        Ok((all, variation))
    }

    /// The error of a class, with the index of its row in the files.
    fn of_classes<A>(&self, mut error: Error, block: &Block<A>) -> Failure {
        if let Error::ClassOutOfRange { index, .. } | Error::RepeatedClass { index, .. } =
            &mut error
        {
            let at = self.index(position(&block.window, &self.shape, self.axis.0, index));
            *index = at.into_iter().map(|along| along as usize).collect();
            return Failure::new(format!("--classes: {error}").replace(
                "call .weights(…) with a weight of 0 for it",
                "give --weights with a weight of 0 for its row",
            ));
        }
        error.into()
    }

    /// Counts the rows that are no distributions. A failure, unless the run is to go on.
    fn check<A: Float>(
        &self,
        pair: &Pair<'_, A>,
        block: &Block<A>,
        candidate: usize,
        deviations: &mut [Deviations],
    ) -> Result<(), Failure> {
        let side = |file: usize, index: &[usize]| {
            let holds = [self.holds(file), pair.holds[usize::from(file == 0)]];
            let at = position(&block.window, &self.shape, self.axis.0, index);
            let name = &self.files[file].name;
            (at, Side { name, holds, is_reference: file == 0, index: self.index(at) })
        };
        let sides = match pair.classes {
            None => {
                let [of_input, of_target] = reports(pair, self.tolerance)?;
                vec![(0, pair.target, of_target), (candidate, pair.input, of_input)]
            }
            Some(_) => {
                let found = pair.divergence(self.divergences[0], Some(self.tolerance));
                if let Err(Error::NotADistribution { operand: Operand::Target, index, mass }) =
                    found
                {
                    return Err(refusal_of_named(&side(0, &index).1, mass, self.tolerance));
                }
                vec![(candidate, pair.input, report_of_input(pair, self.tolerance)?)]
            }
        };
        for (file, operand, report) in sides {
            // The reference is the same for every candidate.
            let Some(first) = report.first.as_ref().filter(|_| file > 0 || candidate == 1) else {
                continue;
            };
            let (at, side) = side(file, &first.index);
            if !self.keep_going {
                return Err(refusal(&side, operand, pair, &report, self.tolerance)?);
            }
            let first = Some((at, first.mass.to_bits()));
            deviations[file].merge(Deviations { rows: report.improper as u64, first });
        }
        Ok(())
    }

    /// Adds the divergences of each row, and 1 − total variation.
    fn add<A: Float>(
        &self,
        all: &[ArrayD<A>],
        variation: &ArrayD<f64>,
        rows: &Rows,
        found: &mut CandidateTally,
    ) -> Result<(), Error> {
        let weights = rows.weights.as_ref();
        for (quantity, values) in found.divergences.iter_mut().zip(all) {
            quantity.add(&rows.positions, &rows.pick(values), weights, self.is_kept)?;
        }
        let accepted = variation.mapv(|variation| 1.0 - variation);
        found.acceptance.add(&rows.pick(&accepted), weights)
    }

    /// How many rows hold one number only in every file.
    fn constant_rows<A: Float>(&self, operands: &[ArrayD<A>], rows: &Rows) -> u64 {
        let [reference, candidates @ ..] = operands else { return 0 };
        let mut constant = Zip::from(reference.lanes(self.axis)).map_collect(is_constant);
        for candidate in candidates {
            Zip::from(&mut constant)
                .and(candidate.lanes(self.axis))
                .for_each(|constant, lane| *constant = *constant && is_constant(lane));
        }
        let constant = constant.mapv(|constant| f32::from(u8::from(constant)));
        rows.pick(&constant).iter().filter(|constant| **constant != 0.0).count() as u64
    }
}
