//! Settings survive a round trip.
#![cfg(feature = "serde")]

use kldiv::{AnyReduction, KLDivLoss, SumOver};
use ndarray::Axis;

#[test]
fn a_criterion_survives_a_round_trip() {
    let criterion = KLDivLoss::new(SumOver(64.0))
        .axis(Axis(1))
        .log_target(true)
        .generalized(true)
        .validated(1e-3);
    let text = serde_json::to_string(&criterion).unwrap();
    assert_eq!(serde_json::from_str::<KLDivLoss<SumOver>>(&text).unwrap(), criterion);
}

#[test]
fn a_reduction_survives_a_round_trip() {
    for reduction in [AnyReduction::Pointwise, AnyReduction::BatchMean, AnyReduction::SumOver(0.5)]
    {
        let text = serde_json::to_string(&reduction).unwrap();
        assert_eq!(serde_json::from_str::<AnyReduction>(&text).unwrap(), reduction);
    }
}
