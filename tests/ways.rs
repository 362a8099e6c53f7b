//! The same bits, whichever way they are computed: where the arrays lie if there are no weights, and distribution by
//! distribution if there are.

mod common;

use common::{Number, Operands, bits};
use kldiv::{KLDivLoss, PerDistribution, Pointwise, Reduction, Sum};
use ndarray::{ArrayD, IxDyn};

/// With weights of one, beside a gradient, and merged.
fn check_totals<A: Number<Wide = A>>(
    operands: &Operands<A>,
    criterion: KLDivLoss<Sum>,
    what: &str,
) {
    let batch = criterion.batch(&operands.input, &operands.target).unwrap();
    let weighted = batch.weights(&operands.weights).unwrap();
    let alone = batch.forward().unwrap().bits();
    assert_eq!(weighted.forward().unwrap().bits(), alone, "{what}, weights");
    let (beside, gradient) = batch.value_and_grad().unwrap();
    assert_eq!(beside.bits(), alone, "{what}, beside a gradient");
    assert_eq!(bits(&gradient), bits(&weighted.value_and_grad().unwrap().1), "{what}, gradient");
    let partial = batch.partial().unwrap();
    assert_eq!(criterion.finish::<A>(&partial).unwrap().bits(), alone, "{what}, partial");
    for upstream in [0.3, 0.0, f64::NAN].map(A::of) {
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
