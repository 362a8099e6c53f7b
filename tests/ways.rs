//! The same bits, whichever way they are computed: where the arrays lie if there are no weights, and distribution by
//! distribution if there are.

mod common;

use common::{Number, Operands, Random, bits};
use kldiv::{KLDivLoss, PerDistribution, Pointwise, Reduction, Sum};
use ndarray::{ArrayD, IxDyn};

/// With weights of one, beside a gradient, and merged.
fn check_totals<A: Number>(operands: &Operands<A>, criterion: KLDivLoss<Sum>, what: &str) {
    let batch = criterion.batch(&operands.input, &operands.target).unwrap();
    let weighted = batch.weights(&operands.weights).unwrap();
    let alone = batch.forward().unwrap().bits();
    assert_eq!(weighted.forward().unwrap().bits(), alone, "{what}, weights");
    let (beside, gradient) = batch.value_and_grad().unwrap();
    assert_eq!(beside.bits(), alone, "{what}, beside a gradient");
    assert_eq!(bits(&gradient), bits(&weighted.value_and_grad().unwrap().1), "{what}, gradient");
    let partial = batch.partial().unwrap();
    assert_eq!(criterion.finish::<A::Wide>(&partial).unwrap().bits(), alone, "{what}, partial");
    for upstream in [0.3, 0.0, f64::NAN].map(A::Wide::of) {
        let [one, other] = [batch, weighted].map(|batch| batch.backward(&upstream).unwrap());
        assert_eq!(bits(&one.input), bits(&other.input), "{what}, backward");
        assert_eq!(bits(&one.target), bits(&other.target), "{what}, backward to the target");
    }
}

/// An array of losses and the gradient of its sum, with weights of one and with every operand looked at.
fn check_arrays<A: Number<Wide = A>, R>(operands: &Operands<A>, criterion: KLDivLoss<R>, what: &str)
where
    R: Reduction<Output<A, IxDyn> = ArrayD<A>>,
{
    let batch = criterion.batch(&operands.input, &operands.target).unwrap();
    let weighted = batch.weights(&operands.weights).unwrap();
    let criterion = criterion.validated(f64::MAX);
    let validated = criterion.batch(&operands.input, &operands.target).unwrap();
    let (alone, gradient) = (batch.forward().unwrap(), batch.value_and_grad().unwrap().1);
    for (other, way) in [(weighted, "weights"), (validated, "validated"), (batch, "gradient")] {
        let (values, slopes) = other.value_and_grad().unwrap();
        assert_eq!(bits(&values), bits(&alone), "{what}, {way}");
        assert_eq!(bits(&other.forward().unwrap()), bits(&alone), "{what}, {way} alone");
        assert_eq!(bits(&slopes), bits(&gradient), "{what}, {way}: slopes");
    }
}

fn check_ways<A: Number<Wide = A>>(shape: [usize; 2], log_target: bool, generalized: bool) {
    let mut operands = Operands::<A>::random(&shape, 1, log_target);
    operands.weights.fill(A::of(1.0));
    let what = format!("{} {shape:?} {log_target} {generalized}", A::NAME);
    let criterion = KLDivLoss::new(Sum).log_target(log_target).generalized(generalized);
    check_totals(&operands, criterion, &what);
    let criterion = KLDivLoss::new(Pointwise).log_target(log_target).generalized(generalized);
    check_arrays(&operands, criterion, &format!("{what} terms"));
    let criterion = KLDivLoss::new(PerDistribution).log_target(log_target).generalized(generalized);
    check_arrays(&operands, criterion, &format!("{what} divergences"));
}

#[test]
fn results_are_the_same_whichever_way() {
    let few = [[1, 1], [1030, 1], [129, 8], [8193, 8], [16_385, 8], [1040, 64]];
    let many = [
        [300, 65],
        [70, 1000],
        [140, 1000],
        [33, 1024],
        [5, 1025],
        [3, 32_000],
        [2, 65_536],
        [2, 65_537],
        [1, 140_000],
    ];
    for shape in few.into_iter().chain(many) {
        for (log_target, generalized) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            check_ways::<f32>(shape, log_target, generalized);
            check_ways::<f64>(shape, log_target, generalized);
        }
    }
}

/// Stretches of 1,024 elements: much alike, without mass, far apart, with one that takes special care.
fn check_stretches<A: Number>(log_target: bool) {
    let mut operands = Operands::<A>::random(&[3080, 8], 1, log_target);
    operands.weights.fill(A::Wide::of(1.0));
    let mut random = Random(24);
    let nothing = if log_target { f64::NEG_INFINITY } else { 0.0 };
    let number = |log: f64| if log_target { log } else { log.exp() };
    let elements = operands.input.iter_mut().zip(&mut operands.target).enumerate();
    for (i, (x, t)) in elements {
        let alike = [-3.0 - random.unit(), -1.0 - random.unit()];
        let [input, target] = match (i / 1024 % 5, i % 1024) {
            (1, _) => [alike[0], nothing],
            (2, place) if place % 7 == 0 => [alike[0], number(-30.0 * random.unit())],
            (3, 1023) => [alike[0], number(if log_target { -100.0 } else { -90.0 })],
            (4, place) if place % 2 == 0 => [alike[0], nothing],
            _ => [alike[0], number(alike[1])],
        };
        (*x, *t) = (A::of(input), A::of(target));
    }
    let criterion = KLDivLoss::new(Sum).log_target(log_target);
    check_totals(&operands, criterion, &format!("{} stretches {log_target}", A::NAME));
}

#[test]
fn stretches_of_many_kinds_are_the_same_whichever_way() {
    for log_target in [false, true] {
        check_stretches::<f32>(log_target);
        check_stretches::<f64>(log_target);
        #[cfg(feature = "half")]
        check_stretches::<kldiv::half::f16>(log_target);
        #[cfg(feature = "half")]
        check_stretches::<kldiv::half::bf16>(log_target);
    }
}
