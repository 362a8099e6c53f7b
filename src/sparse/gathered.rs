//! Lanes gathered to their named classes and the bucket.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::bucket::{Bucket, BucketReader, blocks};
use super::entries::Entries;
use super::request::SparseRequest;
use crate::elementwise::TILE;
use crate::engine::{Request, Results, Rule, Values, merged};
use crate::exact::{ExactSum, SUM_BLOCK};
use crate::layout::{Matrices, Reader, Scratch, steps, write};
use crate::number::{Float, Number, ln};
use crate::partial::BufferedMoments;
use crate::tail::Tail;
use crate::target::Target;

/// The numbers of lanes that are gathered at a time: their gradients are written while they are in the second-level cache.
const READ: usize = 1 << 15;
/// The numbers of gathered lanes that are computed at a time.
const GATHERED: usize = 6 << 10;

/// Computes matrices and returns their total.
pub fn compute<A: Number>(
    sparse: &SparseRequest,
    matrices: Matrices<'_, A>,
    mut moments: Option<&mut BufferedMoments>,
) -> ExactSum {
    let (lanes, classes) = matrices.input.dim();
    let mut work = Gathering::new(sparse, matrices);
    let step = (READ / classes).min(GATHERED / work.width).max(1);
    let mut total = ExactSum::default();
    for lanes in steps(0..lanes, step) {
        total = merged(total, work.lanes(lanes, moments.as_deref_mut()));
    }
    total
}

/// The gathering of lanes, with scratch.
struct Gathering<'s, 'a, A: Number> {
    sparse: &'s SparseRequest,
    matrices: Matrices<'a, A>,
    input: Reader<'a, A>,
    bucket: BucketReader<A>,
    /// The number of classes of a gathered lane.
    width: usize,
    entries: Entries,
    /// The named classes of each lane, and its bucket. A lane of weight 0 has none.
    named: Vec<usize>,
    buckets: Vec<Option<Bucket>>,
    gathered: Gathered,
    copy: Scratch<A>,
}

/// Reads the bucket of a lane, of so many, block by block.
fn read_bucket<A: Number>(
    input: &mut Reader<'_, A>,
    reader: &mut BucketReader<A>,
    bucket: &mut Bucket,
    named: &[usize],
    (lane, lanes): (usize, usize),
) {
    let of_lane = |block: &Range<usize>| (lane..lane + 1, block.clone());
    let first_of_next =
        (lane + 1 < lanes).then_some((lane + 1..lane + 2, 0..reader.classes.min(TILE)));
    let mut blocks = blocks(reader.classes, named).peekable();
    while let Some((block, named)) = blocks.next() {
        let next = blocks.peek().map(|(next, _)| of_lane(next)).or(first_of_next.clone());
        let next = next.and_then(|next| input.dense(&next)).unwrap_or(&[]);
        let numbers = input.read(&of_lane(&block));
        let found = reader.block(numbers, &block, named, next);
        reader.join(bucket, found);
    }
}

/// Lanes of `width` classes, one behind the other.
#[derive(Default)]
struct Gathered {
    input: Vec<f64>,
    target: Vec<f64>,
    weights: Vec<f64>,
    /// One for each lane. Where the bucket is to contribute nothing: with the weight for each class, and 0 for the bucket.
    upstream: Vec<f64>,
    /// Divergences, or terms.
    value: Vec<f64>,
    gradient: Vec<f64>,
}

impl<'s, 'a, A: Number> Gathering<'s, 'a, A> {
    fn new(sparse: &'s SparseRequest, matrices: Matrices<'a, A>) -> Self {
        let Request { level, classes, .. } = sparse.request;
        let has_bucket = sparse.named < classes && !sparse.reads_only_named();
        Gathering {
            sparse,
            input: Reader::new(matrices.input),
            matrices,
            bucket: BucketReader::new(level, classes, sparse.rate()),
            width: sparse.named + usize::from(has_bucket),
            entries: Entries::default(),
            named: Vec::new(),
            buckets: Vec::new(),
            gathered: Gathered::default(),
            copy: Scratch::EMPTY,
        }
    }

    /// The weight of a lane, and its upstream.
    fn factors(&self, lane: usize) -> [f64; 2] {
        let Matrices { weights, upstream, .. } = &self.matrices;
        [weights, upstream].map(|view| view.as_ref().map_or(1.0, |view| view[[lane, 0]].to_f64()))
    }

    /// Computes some lanes, and returns their total.
    fn lanes(&mut self, lanes: Range<usize>, moments: Option<&mut BufferedMoments>) -> ExactSum {
        self.gathered.clear();
        self.named.clear();
        self.buckets.clear();
        lanes.clone().for_each(|lane| self.gather(lane));
        let wants_gradient = self.matrices.d_input.is_some();
        let request = Request { classes: self.width, ..self.sparse.request };
        let total = match self.sparse.drops_bucket() {
            true => self.gathered.run_without_bucket(&request, wants_gradient, moments),
            false => self.gathered.run(&request, wants_gradient, moments),
        };
        if let Some(value) = &mut self.matrices.value {
            for (lane, &found) in lanes.clone().zip(&self.gathered.value) {
                value[[lane, 0]] = A::Real::from_f64(found);
            }
        }
        if wants_gradient {
            for (i, lane) in lanes.enumerate() {
                self.put_gradient(lane, i);
            }
        }
        total
    }

    /// Gathers a lane.
    fn gather(&mut self, lane: usize) {
        let SparseRequest { request, .. } = *self.sparse;
        let holds = self.sparse.holds();
        let [weight, of_lane] = self.factors(lane);
        let entries = &mut self.entries;
        let Gathered { input, target, weights, upstream, .. } = &mut self.gathered;
        let end = input.len() + self.width;
        weights.push(weight);
        // A weight of 0 gives 0, whatever the upstream is.
        match self.sparse.drops_bucket() {
            true => {
                let each = if weight == 0.0 { 0.0 } else { weight * of_lane };
                upstream.resize(end - 1, each);
                upstream.push(0.0);
            }
            false => upstream.push(of_lane),
        }
        if weight == 0.0 {
            self.buckets.push(None);
            self.named.resize(self.named.len() + self.sparse.named, 0);
            input.resize(end, 0.0);
            return target.resize(end, 0.0);
        }
        self.sparse.read(&self.matrices, lane, entries);
        let has_bucket = self.width > entries.classes.len();
        let mut bucket = Bucket::EMPTY;
        if has_bucket {
            let lanes = self.matrices.input.nrows();
            let (input, named) = (&mut self.input, &entries.classes);
            read_bucket(input, &mut self.bucket, &mut bucket, named, (lane, lanes));
        }
        self.named.extend_from_slice(&entries.classes);
        self.buckets.push(Some(bucket));
        // Now the lane is in a cache.
        let row = self.matrices.input.row(lane);
        let shift = if has_bucket { self.sparse.shift(&bucket) } else { 0.0 };
        input.extend(entries.classes.iter().map(|&class| row[class].widen().to_f64() - shift));
        target.extend_from_slice(&entries.values);
        if !has_bucket {
            return;
        }
        input.push(bucket.logit(request.level, self.sparse.rate(), shift));
        let is_empty = self.sparse.tail == Tail::Renormalized || self.sparse.is_label;
        let left = if is_empty { 0.0 } else { entries.mass_left(request.level, holds) };
        target.push(match holds {
            Target::Probabilities => left,
            _ => request.level.run(
                #[inline(always)]
                || ln(left),
            ),
        });
    }

    /// Writes the gradient of a lane: the named classes have their own, and the bucket's is shared out.
    fn put_gradient(&mut self, lane: usize, i: usize) {
        let Some(d_input) = &mut self.matrices.d_input else { return };
        let classes = self.sparse.request.classes;
        let bucket = self.buckets[i].unwrap_or(Bucket::EMPTY);
        let gradient = &self.gathered.gradient[i * self.width..][..self.width];
        let named = &self.named[i * self.sparse.named..][..self.sparse.named];
        let named = if self.buckets[i].is_some() { named } else { &[] };
        let of_bucket = gradient.get(named.len()).filter(|_| !named.is_empty());
        let sharers = match bucket.peak == f64::NEG_INFINITY {
            true => (classes - named.len()) as f64,
            false => bucket.sum,
        };
        let share = of_bucket.map_or(0.0, |gradient| gradient / sharers);
        for (block, _) in blocks(classes, &[]) {
            let rect = (lane..lane + 1, block);
            let numbers = if share == 0.0 { &[] } else { self.input.read(&rect) };
            write(d_input, &rect, &mut self.copy, |out| match share == 0.0 {
                true => out.fill(A::default()),
                false => self.bucket.share_out(numbers, &bucket, share, out),
            });
        }
        for (&class, &found) in named.iter().zip(gradient) {
            d_input[[lane, class]] = A::narrow(found);
        }
    }
}

impl SparseRequest {
    /// Whether nothing of the other classes matters.
    fn reads_only_named(&self) -> bool {
        let has_softmax = matches!(self.request.rule, Rule::Logits { .. });
        self.tail == Tail::Dropped && !has_softmax
    }

    /// What is subtracted from all logits of a lane, so that the bucket's is not rounded to the last place of large ones.
    fn shift(&self, bucket: &Bucket) -> f64 {
        let has_softmax = matches!(self.request.rule, Rule::Logits { .. });
        let is_usual = bucket.peak.abs() < 1e290;
        if has_softmax && is_usual { bucket.peak } else { 0.0 }
    }

    /// Whether the bucket is part of a softmax, but contributes nothing.
    fn drops_bucket(&self) -> bool {
        self.tail == Tail::Dropped && !self.reads_only_named()
    }
}

impl Gathered {
    fn clear(&mut self) {
        let Gathered { input, target, weights, upstream, value, gradient } = self;
        [input, target, weights, upstream, value, gradient].into_iter().for_each(Vec::clear);
    }

    /// Computes the lanes as the dense call of their classes does. Returns their total.
    fn run(
        &mut self,
        request: &Request,
        wants_gradient: bool,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        let (width, lanes) = (request.classes, self.weights.len());
        let wants_terms = request.values == Values::Terms;
        let each = if wants_terms { width } else { 1 };
        self.value.resize(lanes * each, 0.0);
        self.gradient.resize(if wants_gradient { self.input.len() } else { 0 }, 0.0);
        let wants_value = wants_terms || request.values == Values::Divergences;
        let matrices = Matrices {
            input: rows(&self.input, width),
            target: rows(&self.target, width),
            classes: None,
            weights: (!wants_terms).then(|| rows(&self.weights, 1)),
            upstream: Some(rows(&self.upstream, each)),
            value: wants_value.then(|| rows_mut(&mut self.value, each)),
            d_input: wants_gradient.then(|| rows_mut(&mut self.gradient, width)),
            d_target: None,
        };
        request.compute::<f64>(matrices, moments)
    }

    /// The same, but the last class of each lane, which is part of the softmax, contributes nothing: its term is left out of the
    /// sum, and its upstream is 0.
    fn run_without_bucket(
        &mut self,
        request: &Request,
        wants_gradient: bool,
        moments: Option<&mut BufferedMoments>,
    ) -> ExactSum {
        self.run(&Request { values: Values::Terms, ..*request }, wants_gradient, None);
        let lanes = self.value.chunks_exact(request.classes);
        let mut sums: Vec<f64> =
            lanes.map(|terms| terms[..request.classes - 1].iter().sum()).collect();
        self.value.truncate(self.weights.len());
        let wants_value = request.values == Values::Divergences;
        let mut value = Some(rows_mut(&mut self.value, 1)).filter(|_| wants_value);
        let mut results = Results::new(request, moments);
        for lanes in steps(0..sums.len(), SUM_BLOCK) {
            let some = &mut sums[lanes.clone()];
            results.emit(&Some(rows(&self.weights, 1)), &mut value, lanes, some);
        }
        results.finish()
    }
}

fn rows(numbers: &[f64], width: usize) -> ArrayView2<'_, f64> {
    let rows = ArrayView2::from_shape((numbers.len() / width, width), numbers);
    rows.unwrap_or_else(|_| unreachable!("whole rows"))
}

fn rows_mut(numbers: &mut [f64], width: usize) -> ArrayViewMut2<'_, f64> {
    let rows = ArrayViewMut2::from_shape((numbers.len() / width, width), numbers);
    rows.unwrap_or_else(|_| unreachable!("whole rows"))
}
