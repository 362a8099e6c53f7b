//! The diagnosis of a batch: one pass counts, then a search finds the index of each finding.

use super::cause::{Causes, likely_causes};
use super::inspect::Inspection;
use super::region::Region;
use super::summary::{Merge, Summary, distance};
use super::{Diagnosis, Offender};
use crate::number::Number;
use crate::target::Target;

/// Diagnoses a batch whose input and target should hold these. Terms are inspected if the inspection has a function for them.
pub fn diagnose<A: Number>(
    batch: &Region<'_, A>,
    holds: [Target; 2],
    inspection: &Inspection<'_, A>,
) -> Diagnosis {
    let tolerance = inspection.tolerance;
    let blocks = batch.clone().blocks(inspection);
    let mut all = Summary::default();
    blocks.iter().for_each(|(_, summary)| all.merge(summary.clone()));
    let lanes = all.lanes;
    let causes = Causes { batch, inspection: Inspection { terms: None, ..*inspection } };
    let likely_causes = match lanes == 0 || batch.input.is_empty() {
        true => vec![],
        false => likely_causes(&all, holds, &causes),
    };
    let search = Search { blocks: &blocks };
    let operand = |i: usize| {
        let mut report = all.operands[i].report(holds[i], lanes);
        let Some(worst) = all.operands[i].worst else { return report };
        let offender = |is_offender: &dyn Fn(f64) -> bool| {
            let mut only = Inspection { terms: None, holds: [None; 2], ..*inspection };
            only.holds[i] = inspection.holds[i];
            let found = |summary: &Summary| summary.operands[i].worst.is_some_and(is_offender);
            let region = search.first(&only, false, &found)?;
            let mass = region.summary(&only).operands[i].worst?;
            Some(Offender { index: region.lane_index(), mass })
        };
        report.first = offender(&|_| true);
        report.worst = offender(&|mass| distance(mass).total_cmp(&distance(worst)).is_eq());
        report
    };
    let terms = Inspection { holds: [None; 2], ..*inspection };
    let most_negative_term = (all.negative_terms > 0).then(|| {
        let is_least =
            |summary: &Summary| summary.negative_terms > 0 && summary.least_term == all.least_term;
        search.first(&terms, true, &is_least).map(|region| (region.origin, all.least_term))
    });
    let first_negative_divergence = (all.negative_divergences > 0).then(|| {
        let is_negative = |summary: &Summary| summary.negative_divergences > 0;
        let region = search.first(&terms, false, &is_negative)?;
        Some((region.lane_index(), region.summary(&terms).least_divergence))
    });
    Diagnosis {
        distributions: lanes,
        skipped: batch.distributions() - lanes,
        classes: batch.classes(),
        tolerance,
        negative_terms: all.negative_terms,
        most_negative_term: most_negative_term.flatten(),
        negative_divergences: all.negative_divergences,
        first_negative_divergence: first_negative_divergence.flatten(),
        input: operand(0),
        target: operand(1),
        likely_causes,
    }
}

/// Finds indices in blocks whose summaries are known.
struct Search<'s, 'a, A: Number> {
    blocks: &'s [(Region<'a, A>, Summary)],
}

impl<'a, A: Number> Search<'_, 'a, A> {
    /// The first distribution for which `found` is true, or with `single_classes` the first element.
    fn first(
        &self,
        inspection: &Inspection<'_, A>,
        single_classes: bool,
        found: &dyn Fn(&Summary) -> bool,
    ) -> Option<Region<'a, A>> {
        let mut first: Option<Region<'a, A>> = None;
        for (block, _) in self.blocks.iter().filter(|(_, summary)| found(summary)) {
            // No index of a block is below its origin.
            if first.as_ref().is_some_and(|first| first.origin < block.origin) {
                continue;
            }
            let holds = |region: &Region<'a, A>| found(&region.summary(inspection));
            let region = block.clone().first(single_classes, &holds);
            if first.as_ref().is_none_or(|first| region.origin < first.origin) {
                first = Some(region);
            }
        }
        first
    }
}
