//! A call of the face, and what must hold of it.

use std::sync::LazyLock;

use kldiv::{
    AnyReduction, Batch, BatchMean, DistributionMean, Divergence, Error, KLDivLoss, Mean, Partial,
    PerDistribution, Pointwise, Reduction, Sum, Target,
};
use ndarray::{ArrayD, ArrayView1, ArrayViewD, Axis, IxDyn, RemoveAxis, Slice, arr0};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::common::layout::Layout;
use crate::common::{Number, Random, bits};
use crate::definition::Computed;
use crate::lane::{agrees, classes, lane};
use crate::{Face, Settings};

/// Rounding errors that are allowed of a result, in ulp of the size of what is added up: some more than in the tests.
const ULPS: f64 = 64.0;

pub(crate) static POOLS: LazyLock<[ThreadPool; 2]> = LazyLock::new(|| {
    [1, 3].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
});

/// A call: its settings, and of what its operands are made.
#[derive(Clone, Debug)]
pub struct Call {
    pub kind: u8,
    pub(crate) settings: Settings,
    pub reduction: AnyReduction,
    pub validated: Option<f64>,
    pub shape: Vec<usize>,
    /// Of the classes; at times there is no such axis.
    pub axis: usize,
    pub(crate) layouts: [Layout; 2],
    /// An axis of stride 0.
    pub repeated: [Option<usize>; 2],
    pub numbers: Numbers,
    pub weighted: bool,
    pub cut: usize,
}

/// How operands are filled.
#[derive(Clone, Debug)]
pub struct Numbers {
    pub seed: u64,
    /// How far the logarithms of both sides are apart.
    pub apart: f64,
    /// Whether some classes are excluded.
    pub with_holes: bool,
    /// Any numbers, and where they go.
    pub special: Vec<(usize, f64)>,
}

impl Call {
    /// Checks everything, in a type of numbers.
    pub fn check<A: Number>(&self) {
        let stores = [0, 1].map(|side| self.stored::<A>(side));
        let once = [0, 1].map(|side| self.layouts[side].view(&stores[side]));
        let views = once.each_ref().map(|once| once.broadcast(&self.shape[..]).unwrap());
        let copies = views.each_ref().map(|view| view.as_standard_layout().into_owned());
        let [x, t] = copies.each_ref().map(|copy| copy.view());
        let [one, several] = &*POOLS;
        let expected = one.install(|| self.answers(&x, &t));
        assert_eq!(several.install(|| self.answers(&x, &t)), expected, "threads");
        assert_eq!(one.install(|| self.answers(&views[0], &views[1])), expected, "layout");
        if expected.is_ok() && self.validated.is_none() {
            self.check_cut(&x, &t).unwrap();
            self.check_definition(&x, &t);
        }
    }

    /// The numbers of one side as they are kept in memory, an axis of stride 0 with one element.
    fn stored<A: Number>(&self, side: usize) -> ArrayD<A> {
        let Numbers { seed, apart, with_holes, special } = &self.numbers;
        // The same for both sides, and what one has beside it.
        let (mut common, mut own) = (Random(*seed), Random(!seed));
        let is_probability = side == 1
            && matches!(
                self.settings.face,
                Face::Given(Target::Probabilities) | Face::Logits(Target::Probabilities)
            );
        let number = || {
            let (log, noise) = (-8.0 * common.unit(), own.unit());
            let log = if side == 1 { log + apart * (noise - 0.5) } else { log };
            let is_hole = *with_holes && (noise * 1e6) as u64 % 8 == side as u64;
            let log = if is_hole { f64::NEG_INFINITY } else { log };
            A::of(if is_probability { log.min(0.0).exp() } else { log })
        };
        let mut shape = self.shape.clone();
        if let Some(len) = self.repeated[side].and_then(|axis| shape.get_mut(axis)) {
            *len = (*len).min(1);
        }
        let mut array = ArrayD::from_shape_simple_fn(shape, number);
        let len = array.len();
        for (place, number) in special.iter().filter(|_| len > 0) {
            if place % 2 == side {
                array
                    .iter_mut()
                    .nth(place / 2 % len)
                    .into_iter()
                    .for_each(|at| *at = A::of(*number));
            }
        }
        self.layouts[side].store(&array)
    }

    fn batch<'a, R: Reduction, A: Number>(
        &self,
        reduction: R,
        x: &'a ArrayViewD<'_, A>,
        t: &'a ArrayViewD<'_, A>,
    ) -> Result<Batch<'a, R, A, IxDyn>, Error> {
        let (settings, axis) = (&self.settings, Axis(self.axis));
        match (settings.face, self.validated) {
            (_, None) => settings.batch(reduction, axis, x, t),
            (Face::Given(_), Some(tolerance)) => {
                settings.given(reduction).axis(axis).validated(tolerance).batch(x, t)
            }
            (Face::Logits(kind), Some(tolerance)) => {
                settings.logits(reduction, kind).axis(axis).validated(tolerance).batch(x, t)
            }
        }
    }

    fn weights<A: Number>(&self) -> ArrayD<A::Loss> {
        let mut random = Random(self.numbers.seed ^ 1);
        let lanes = IxDyn(&self.shape).remove_axis(Axis(self.axis));
        let weight = || A::Loss::of([0.0, 1.0, 2.5, random.unit()][random.below(4) as usize]);
        ArrayD::from_shape_simple_fn(lanes, weight)
    }

    /// Everything that a call returns, or why it does not.
    fn answers<A: Number>(
        &self,
        x: &ArrayViewD<'_, A>,
        t: &ArrayViewD<'_, A>,
    ) -> Result<Vec<Vec<u64>>, String> {
        let answers = || {
            let batch = self.batch(self.reduction, x, t)?;
            let weights = self.weights::<A>();
            let batch = if self.weighted { batch.weights(&weights)? } else { batch };
            let value = batch.forward()?;
            let (same, gradient) = batch.value_and_grad()?;
            let both = batch.backward(&value)?;
            let sum = self.batch(Sum, x, t)?;
            let sum = if self.weighted { sum.weights(&weights)? } else { sum };
            let (partial, diagnosis) = (sum.partial()?, sum.diagnose());
            let told = [partial.mean(), partial.standard_error(), partial.min(), partial.max()];
            let words = partial.to_words().into_iter().chain(partial.extremes());
            assert_eq!(bits(&value), bits(&same));
            Ok(vec![
                bits(&value),
                bits(&gradient),
                bits(&both.input),
                bits(&both.target),
                words.map(|word| word as u64).chain(bits(&told)).collect(),
                format!("{diagnosis:?} {diagnosis}").bytes().map(u64::from).collect(),
            ])
        };
        answers().map_err(|error: Error| format!("{error:?} {error}"))
    }

    /// Cut in two along axis 0, it is the whole.
    fn check_cut<A: Number>(
        &self,
        x: &ArrayViewD<'_, A>,
        t: &ArrayViewD<'_, A>,
    ) -> Result<(), Error> {
        let whole = self.batch(Sum, x, t)?.partial()?;
        if self.axis != 0 {
            let at = self.cut % (x.len_of(Axis(0)) + 1);
            let mut merged = Partial::default();
            for range in [Slice::from(at..), Slice::from(..at)] {
                let [x, t] = [x, t].map(|side| side.slice_axis(Axis(0), range));
                merged.merge(&self.batch(Sum, &x, &t)?.partial()?);
            }
            assert_eq!(merged, whole, "cut");
        }
        macro_rules! finished {
            ($($reduction:ident)*) => {$(
                let finished = KLDivLoss::new($reduction).finish::<A::Loss>(&whole);
                let direct = self.batch(AnyReduction::$reduction, x, t)?.forward();
                let found = |all: ArrayD<A::Loss>| bits(&all);
                assert_eq!(finished.map(|n| found(arr0(n).into_dyn())), direct.map(found));
            )*};
        }
        finished!(Sum Mean BatchMean DistributionMean);
        Ok(())
    }

    /// Of ordinary numbers, terms, sums and gradients are near the definition.
    fn check_definition<A: Number>(&self, x: &ArrayViewD<'_, A>, t: &ArrayViewD<'_, A>) {
        let ordinary = self.settings.temperatures.iter().all(|t| (0.2..5.0).contains(t));
        if !ordinary || !self.numbers.special.is_empty() || x.len() > 1 << 13 {
            return;
        }
        let (all, lanes) =
            (self.batch(Pointwise, x, t).unwrap(), self.batch(PerDistribution, x, t).unwrap());
        let mut random = Random(self.numbers.seed ^ 2);
        let upstream = x.mapv(|_| A::Loss::of(3.0 * random.unit() - 1.0));
        let (terms, sums) = (all.forward().unwrap(), lanes.forward().unwrap());
        let both = all.backward(&upstream).unwrap();
        let axis = Axis(self.axis);
        let wide = |lane: ArrayView1<'_, A>| -> Vec<f64> { lane.iter().map(|n| n.to()).collect() };
        let rows = x.lanes(axis).into_iter().zip(t.lanes(axis)).zip(upstream.lanes(axis));
        let found =
            terms.lanes(axis).into_iter().zip(both.input.lanes(axis)).zip(both.target.lanes(axis));
        for ((((x, t), upstream), ((terms, d_x), d_t)), sum) in rows.zip(found).zip(&sums) {
            let (x, t) = (wide(x), wide(t));
            let upstream: Vec<f64> = upstream.iter().map(|n| n.to()).collect();
            // Which side is larger is decided by rounding, where they are almost equal.
            let is_tie =
                classes(&self.settings, &x, &t).iter().any(|c| c.d.abs() < 1e-4 * (1.0 + c.d_size));
            if self.settings.divergence == Divergence::TotalVariation && is_tie {
                continue;
            }
            let expected = lane(&self.settings, &x, &t, &upstream);
            let total = expected.terms.iter().fold(Computed::default(), |total, term| Computed {
                value: total.value + term.value,
                size: total.size + term.size,
            });
            assert!(agrees(*sum, total, ULPS), "{self:?} {x:?} {t:?}: {sum}, not {total:?}");
            for (class, (found, &expected)) in terms.iter().zip(&expected.terms).enumerate() {
                assert!(agrees(*found, expected, ULPS), "term {class}: {found}, not {expected:?}");
            }
            for (gradient, expected) in [(d_x, &expected.d_input), (d_t, &expected.d_target)] {
                for (class, (found, &expected)) in gradient.iter().zip(expected).enumerate() {
                    assert!(
                        agrees(*found, expected, ULPS),
                        "gradient {class}: {found}, not {expected:?}"
                    );
                }
            }
        }
    }
}
