//! The diagnosis of a batch.

use ndarray::Dimension;

use super::Batch;
use crate::check::{Diagnosis, Inspection, Terms, diagnose};
use crate::element::Element;
use crate::elementwise::{Loops, Operands, Prefetch, with_loops};
use crate::engine::{Form, Rule};
use crate::number::Float;
use crate::reduction::Reduction;

impl<R: Reduction, A: Element, D: Dimension> Batch<'_, R, A, D> {
    /// Says whether the operands hold what they should, and if not, where and the likely mistake. Also says which terms and
    /// divergences are negative. `Display` prints it in a few sentences.
    ///
    /// The tolerance of a mass is that of [`validated`](crate::KLDivLoss::validated). Without it, it is max(0.001, √ε), where ε is the
    /// precision of the elements. Logits have no mass: a distribution of logits is improper if its softmax is NaN.
    ///
    /// This takes one pass over both operands, and allocates nothing of their size. If something is found, a search for its index
    /// follows. If most masses are wrong, a search for the cause takes up to one more pass for each axis. From logits, terms and
    /// divergences are not inspected.
    ///
    /// ```
    /// use kldiv::{KLDivLoss, LikelyCause, Sum};
    /// use ndarray::array;
    ///
    /// let q = array![[0.2_f64, 0.3, 0.5], [0.1, 0.8, 0.1]];
    /// let p = array![[0.6_f64, 0.3, 0.1], [0.2, 0.6, 0.2]];
    ///
    /// let diagnosis = KLDivLoss::new(Sum).batch(&q, &p)?.diagnose(); // q, not ln q
    /// assert!(!diagnosis.is_proper());
    /// assert_eq!(diagnosis.likely_causes, [LikelyCause::ProbabilitiesAsInput]);
    ///
    /// let diagnosis = KLDivLoss::new(Sum).batch(&q.ln(), &p)?.diagnose();
    /// assert!(diagnosis.is_proper() && diagnosis.negative_terms == 2);
    /// println!("{diagnosis}");
    /// # Ok::<(), kldiv::Error>(())
    /// ```
    pub fn diagnose(&self) -> Diagnosis {
        match self.rule {
            Rule::LogProbabilities { form: Form { divergence, generalized }, log_target } => {
                with_loops(divergence, generalized, log_target, |loops| self.diagnose_with(loops))
            }
            Rule::Logits { .. } => self.diagnose_terms(None),
        }
    }

    fn diagnose_with(&self, loops: &dyn Loops<A>) -> Diagnosis {
        self.diagnose_terms(Some(&|input: &[A], target: &[A], out: &mut [A::Loss]| {
            loops.terms(self.level, Operands { input, target }, Prefetch::NOTHING, out);
        }))
    }

    fn diagnose_terms(&self, terms: Option<Terms<'_, A>>) -> Diagnosis {
        let tolerance = self.tolerance.unwrap_or_else(default_tolerance::<A>);
        let (level, holds) = (self.level, self.rule.holds());
        let inspection = Inspection { level, holds: holds.map(Some), tolerance, terms };
        diagnose(&self.region(), holds, &inspection)
    }
}

fn default_tolerance<A: Element>() -> f64 {
    let precision = (0..60).map(|k| 1.0 / (1_u64 << k) as f64);
    let counts = |e: &f64| A::narrow(1.0 + e).widen() > A::Loss::ONE;
    precision.take_while(counts).last().unwrap_or(1.0).sqrt().max(1e-3)
}
