//! Totals, whichever way they are computed.

mod common;

use common::{Number, Operands};
use kldiv::{KLDivLoss, Sum};

/// A total is computed where the operands lie if nothing else is wanted, and otherwise distribution by distribution.
fn check_ways<A: Number<Wide = A>>(shape: [usize; 2], log_target: bool, generalized: bool) {
    let mut operands = Operands::<A>::random(&shape, 1, log_target);
    operands.weights.fill(A::of(1.0));
    let criterion = KLDivLoss::new(Sum).log_target(log_target).generalized(generalized);
    let batch = criterion.batch(&operands.input, &operands.target).unwrap();
    let alone = batch.forward().unwrap().bits();
    let what = format!("{} {shape:?} {log_target} {generalized}", A::NAME);
    let weighted = batch.weights(&operands.weights).unwrap().forward().unwrap();
    assert_eq!(weighted.bits(), alone, "{what}, weights");
    assert_eq!(batch.value_and_grad().unwrap().0.bits(), alone, "{what}, gradient");
    let partial = batch.partial().unwrap();
    assert_eq!(criterion.finish::<A>(&partial).unwrap().bits(), alone, "{what}, partial");
}

#[test]
fn totals_are_the_same_beside_whatever_else_is_wanted() {
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
