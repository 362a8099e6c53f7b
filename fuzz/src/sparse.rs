//! A call with a sparse target or labels, and what must hold of it.

use kldiv::{
    AnyReduction, BatchMean, ClassIndex, DistributionMean, Divergence, Error, KLDivLoss, Mean,
    Partial, PerDistribution, Reduction, ScalarReduction, SparseBatch, Sum, Tail, Target,
};
use ndarray::{Array2, ArrayD, ArrayViewD, Axis, Dimension, IxDyn, Slice, arr0};

use crate::call::POOLS;
use crate::common;
use crate::common::layout::Layout;
use crate::common::{Number, Random, bits};

#[allow(dead_code)]
#[path = "../../tests/sparse/call.rs"]
mod call;
#[allow(dead_code)]
#[path = "../../tests/sparse/reference.rs"]
mod reference;

use call::{FAMILY, Operands};
pub(crate) use call::{Settings, TAILS};

/// Rounding errors that are allowed, in ulp: some more than in the tests.
const ULPS: f64 = 400.0;

/// A call: its settings, and of what its operands are made.
#[derive(Clone, Debug)]
pub struct SparseCall {
    pub kind: u8,
    pub(crate) settings: Settings,
    pub reduction: AnyReduction,
    /// Of the input, without the class axis.
    pub lanes: Vec<usize>,
    pub classes: usize,
    /// Classes that are named; one for labels.
    pub named: usize,
    pub has_labels: bool,
    /// Of the input, the classes and the values.
    pub(crate) layouts: [Layout; 3],
    pub seed: u64,
    /// Any numbers, and where they go: into the input, or the values.
    pub special: Vec<(usize, f64)>,
    /// Any classes, and where they go.
    pub wrong: Vec<(usize, i64)>,
    pub weighted: bool,
    pub cut: usize,
    /// An axis of the classes, and another length for it.
    pub misfit: Option<[usize; 2]>,
}

/// The operands as arrays of any rank.
struct Arrays<A: Number> {
    input: ArrayD<A>,
    classes: ArrayD<i64>,
    values: ArrayD<A>,
    weights: ArrayD<A::Loss>,
}

/// The operands as they are asked for.
struct Views<'v, A: Number, I> {
    input: ArrayViewD<'v, A>,
    classes: ArrayViewD<'v, I>,
    values: ArrayViewD<'v, A>,
    /// The classes without their axis.
    labels: ArrayViewD<'v, I>,
    weights: ArrayViewD<'v, A::Loss>,
}

impl Settings {
    /// Beside log-probabilities there are no logits, and no temperatures.
    pub(crate) fn possible(mut self) -> Self {
        if !self.logits {
            self.temperatures = [1.0; 2];
            if self.holds == Target::Logits {
                self.holds = Target::Probabilities;
            }
        }
        self
    }
}

type Answers = Result<Vec<Vec<u64>>, Error>;

impl SparseCall {
    /// Checks everything, in a type of numbers.
    pub fn check<A: Number>(&self) {
        let operands = self.operands::<A>();
        let arrays = self.arrays(&operands);
        let [one, several] = &*POOLS;
        let views = self.views(&arrays, &arrays.classes);
        let expected = one.install(|| self.answers(&views));
        let again = several.install(|| self.answers(&views));
        assert_same(&again, &expected, "threads");
        self.check_layouts(&arrays, &expected);
        self.check_types_of_index(&arrays, &expected);
        if self.misfit.is_some() || expected.as_ref().is_err_and(is_of_settings) {
            return;
        }
        if self.settings.validated.is_none() {
            let fault = self.fault(&arrays);
            let found = expected.as_ref().err().filter(|error| !is_empty_mean(error));
            assert_eq!(found, fault.as_ref(), "the fault");
            if fault.is_none() {
                self.check_cut(&arrays);
                self.check_definition(&operands);
            }
        }
    }

    /// Of lanes by classes.
    fn operands<A: Number>(&self) -> Operands<A> {
        let lanes = self.lanes.iter().product();
        let dim = [lanes, self.classes, self.named];
        let mut operands = Operands::<A>::random(&self.settings, dim, self.seed);
        if self.has_labels {
            operands.values.fill(A::of(1.0));
        }
        let [of_input, of_values] = [operands.input.len(), operands.values.len()];
        for &(place, number) in &self.special {
            let (array, len) = match place % 2 {
                0 => (&mut operands.input, of_input),
                _ => (&mut operands.values, of_values),
            };
            if len > 0 && !(place % 2 == 1 && self.has_labels) {
                array.as_slice_mut().unwrap()[place / 2 % len] = A::of(number);
            }
        }
        for &(place, class) in self.wrong.iter().filter(|_| of_values > 0) {
            operands.classes.as_slice_mut().unwrap()[place % of_values] = class;
        }
        operands
    }

    /// The same with all axes.
    fn arrays<A: Number>(&self, operands: &Operands<A>) -> Arrays<A> {
        let mut random = Random(self.seed ^ 1);
        let weight = || A::Loss::of([0.0, 1.0, 2.5, random.unit()][random.below(4) as usize]);
        let mut arrays = Arrays {
            input: self.with_axes(&operands.input),
            classes: self.with_axes(&operands.classes),
            values: self.with_axes(&operands.values),
            weights: ArrayD::from_shape_simple_fn(&self.lanes[..], weight),
        };
        if let Some([axis, len]) = self.misfit {
            let mut shape = arrays.classes.shape().to_vec();
            shape[axis % (self.lanes.len() + 1)] = len;
            arrays.classes = ArrayD::zeros(shape);
        }
        arrays
    }

    /// Lanes by classes with the axes of the lanes, and the class axis where it is asked for.
    fn with_axes<T: Clone>(&self, array: &Array2<T>) -> ArrayD<T> {
        let mut shape = self.lanes.clone();
        shape.push(array.ncols());
        let all = ArrayD::from_shape_vec(shape, array.iter().cloned().collect()).unwrap();
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.insert(self.settings.axis.min(self.lanes.len()), self.lanes.len());
        all.permuted_axes(order).as_standard_layout().into_owned()
    }

    fn views<'v, A: Number, I: Copy>(
        &self,
        arrays: &'v Arrays<A>,
        classes: &'v ArrayD<I>,
    ) -> Views<'v, A, I> {
        let Arrays { input, values, weights, .. } = arrays;
        Views::new(self.settings.axis, [input.view(), values.view()], classes.view(), weights)
    }

    fn batch<'a, R: Reduction, A: Number, I: ClassIndex>(
        &self,
        reduction: R,
        views: &'a Views<'_, A, I>,
    ) -> Result<SparseBatch<'a, R, A, IxDyn, I>, Error> {
        let Views { input, classes, values, labels, weights } = views;
        let settings = &self.settings;
        let batch = match (settings.logits, self.has_labels) {
            (true, true) => settings.of_logits(reduction).labels_batch(input, labels),
            (true, false) => settings.of_logits(reduction).sparse_batch(input, classes, values),
            (false, true) => settings.of_log_probabilities(reduction).labels_batch(input, labels),
            (false, false) => {
                settings.of_log_probabilities(reduction).sparse_batch(input, classes, values)
            }
        }?;
        if self.weighted { batch.weights(weights) } else { Ok(batch) }
    }

    /// Everything that a call returns, or why it does not.
    fn answers<A: Number, I: ClassIndex>(&self, views: &Views<'_, A, I>) -> Answers {
        let batch = self.batch(self.reduction, views)?;
        let (value, gradient) = (batch.forward(), batch.value_and_grad());
        let partial = self.batch(Sum, views)?.partial();
        assert_eq!(value.as_ref().err(), gradient.as_ref().err());
        let (value, (same, gradient), partial) = (value?, gradient?, partial?);
        assert_eq!(bits(&value), bits(&same));
        let ones = value.mapv(|_| A::Wide::of(1.0));
        assert_eq!(bits(&batch.backward(&ones)?), bits(&gradient));
        let words = partial.to_words().into_iter().chain(partial.extremes());
        Ok(vec![bits(&value), bits(&gradient), words.map(|word| word as u64).collect()])
    }

    fn check_layouts<A: Number>(&self, arrays: &Arrays<A>, expected: &Answers) {
        let [of_input, of_classes, of_values] = self.layouts;
        let (input, values) = (of_input.store(&arrays.input), of_values.store(&arrays.values));
        // Classes are kept as numbers that hold them exactly, so that they too can be laid out.
        let (classes, moved) = (&arrays.classes, ArrayD::from_elem(arrays.classes.raw_dim(), 0.0));
        let mut store = of_classes.store::<f64>(&moved).mapv(|_| i64::MIN);
        of_classes.view_mut(&mut store).assign(classes);
        let both = [of_input.view(&input), of_values.view(&values)];
        let views = Views::new(self.settings.axis, both, of_classes.view(&store), &arrays.weights);
        let found = POOLS[0].install(|| self.answers(&views));
        assert_same(&found, expected, "layout");
    }

    /// A class that another type cannot hold is another class there.
    fn check_types_of_index<A: Number>(&self, arrays: &Arrays<A>, expected: &Answers) {
        let classes = &arrays.classes;
        macro_rules! same {
            ($($index:ty)*) => {$(
                if classes.iter().all(|&class| <$index>::try_from(class).is_ok()) {
                    let classes = classes.mapv(|class| class as $index);
                    let found = POOLS[0].install(|| self.answers(&self.views(arrays, &classes)));
                    assert_same(&found, expected, stringify!($index));
                }
            )*};
        }
        same!(i32 u32 usize);
    }

    /// The first class that is not there, or that stands twice in its lane; lanes in the order of C.
    fn fault<A: Number>(&self, arrays: &Arrays<A>) -> Option<Error> {
        let axis = Axis(self.settings.axis);
        // Of nothing nothing is looked at.
        if arrays.input.is_empty() {
            return None;
        }
        let lanes = arrays.classes.lanes(axis).into_iter().zip(arrays.weights.indexed_iter());
        for (lane, (index, weight)) in lanes {
            if self.weighted && weight.to() == 0.0 {
                continue;
            }
            let index = index.slice().to_vec();
            for (entry, &class) in lane.iter().enumerate() {
                if !(0..self.classes as i64).contains(&class) {
                    let (class, classes) = (class.into(), self.classes);
                    return Some(Error::ClassOutOfRange { index, entry, class, classes });
                }
                if lane.iter().take(entry).any(|&other| other == class) {
                    return Some(Error::RepeatedClass { index, class: class as usize });
                }
            }
        }
        None
    }

    /// Cut in two along axis 0, it is the whole.
    fn check_cut<A: Number>(&self, arrays: &Arrays<A>) {
        let views = self.views(arrays, &arrays.classes);
        let partial =
            |views: &Views<'_, A, i64>| self.batch(Sum, views).unwrap().partial().unwrap();
        let whole = partial(&views);
        if self.settings.axis != 0 && !self.lanes.is_empty() {
            let at = self.cut % (self.lanes[0] + 1);
            let mut merged = Partial::default();
            for range in [Slice::from(at..), Slice::from(..at)] {
                let first = Axis(0);
                merged.merge(&partial(&Views {
                    input: views.input.slice_axis(first, range),
                    classes: views.classes.slice_axis(first, range),
                    values: views.values.slice_axis(first, range),
                    labels: views.labels.slice_axis(first, range),
                    weights: views.weights.slice_axis(first, range),
                }));
            }
            assert_eq!(merged, whole, "cut");
        }
        self.check_finish(Sum, &views, &whole);
        self.check_finish(Mean, &views, &whole);
        self.check_finish(BatchMean, &views, &whole);
        self.check_finish(DistributionMean, &views, &whole);
    }

    /// A value that is finished is the value.
    fn check_finish<R: ScalarReduction + Into<AnyReduction>, A: Number>(
        &self,
        reduction: R,
        views: &Views<'_, A, i64>,
        whole: &Partial,
    ) {
        let finished = KLDivLoss::new(reduction).finish::<A::Loss>(whole);
        let direct = self.batch(reduction.into(), views).unwrap().forward();
        let found = |all: ArrayD<A::Loss>| bits(&all);
        assert_eq!(finished.map(|n| found(arr0(n).into_dyn())), direct.map(found), "finish");
    }

    /// Of ordinary numbers, values and gradients are near the definition.
    fn check_definition<A: Number>(&self, operands: &Operands<A>) {
        let ordinary = |temperature: &f64| (1.0..=4.0).contains(temperature);
        if !self.settings.temperatures.iter().all(ordinary)
            || !self.special.is_empty()
            || !self.wrong.is_empty()
            || operands.input.is_empty()
            // Which side is larger is decided by rounding, where they are almost equal.
            || self.settings.divergence == Divergence::TotalVariation
        {
            return;
        }
        let mut settings = Settings { axis: 1, ..self.settings };
        if self.has_labels {
            settings.holds = Target::Probabilities;
            settings.tail =
                if settings.tail == Tail::Dropped { Tail::Dropped } else { Tail::Renormalized };
        }
        let Operands { input, classes, values } = operands;
        let batch = settings.batch(PerDistribution, input, classes, values).unwrap();
        let (losses, gradient) = batch.value_and_grad().unwrap();
        reference::check_near(&settings, operands, &losses, &gradient, ULPS);
        if self.has_labels {
            let labels = classes.column(0);
            let found = match settings.logits {
                true => settings.of_logits(PerDistribution).labels_batch(input, &labels),
                false => {
                    settings.of_log_probabilities(PerDistribution).labels_batch(input, &labels)
                }
            };
            let (losses, gradient) = found.unwrap().value_and_grad().unwrap();
            reference::check_near(&settings, operands, &losses, &gradient, ULPS);
        }
    }
}

impl<'v, A: Number, I: Copy> Views<'v, A, I> {
    fn new(
        axis: usize,
        [input, values]: [ArrayViewD<'v, A>; 2],
        classes: ArrayViewD<'v, I>,
        weights: &'v ArrayD<A::Loss>,
    ) -> Self {
        // Where there is not one class a lane they are no labels, which is an error.
        let is_one = classes.shape().get(axis) == Some(&1);
        let labels = match is_one {
            true => classes.clone().index_axis_move(Axis(axis), 0),
            false => classes.clone(),
        };
        Views { input, classes, values, labels, weights: weights.view() }
    }
}

/// Refused before a number is looked at.
fn is_of_settings(error: &Error) -> bool {
    !matches!(
        error,
        Error::ClassOutOfRange { .. }
            | Error::RepeatedClass { .. }
            | Error::NotADistribution { .. }
            | Error::EmptyMean
    )
}

fn is_empty_mean(error: &Error) -> bool {
    *error == Error::EmptyMean
}

fn assert_same(found: &Answers, expected: &Answers, what: &str) {
    match (found, expected) {
        // Two masses that are NaN are the same, and not equal.
        (Err(found), Err(expected)) => {
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{what}");
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}
