//! Settings survive a round trip.
#![cfg(feature = "serde")]

use kldiv::{AnyReduction, KLDivLoss, Partial, Sum, SumOver};
use ndarray::{Axis, array};

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

fn partial() -> Partial {
    let (log_q, p) = (array![[0.5, 0.5], [0.9, 0.1]].ln(), array![[0.25, 0.75], [0.0, 1.0]]);
    KLDivLoss::new(Sum).batch(&log_q, &p).unwrap().partial().unwrap()
}

#[test]
fn a_partial_result_survives_a_round_trip() {
    for partial in [partial(), Partial::default()] {
        let text = serde_json::to_string(&partial).unwrap();
        assert_eq!(serde_json::from_str::<Partial>(&text).unwrap(), partial);
    }
}

/// Any digit exchanged for another is an error, or says the same.
#[test]
fn a_damaged_partial_result_is_refused() {
    let text = serde_json::to_string(&partial()).unwrap();
    for place in 0..text.len() {
        for other in [b'1', b'2', b'-', b'}'] {
            let mut damaged = text.clone().into_bytes();
            damaged[place] = other;
            let found = serde_json::from_slice::<Partial>(&damaged);
            assert!(found.is_err() || found.unwrap() == partial(), "byte {place}");
        }
        assert!(serde_json::from_str::<Partial>(&text[..place]).is_err());
    }
    let newer = text.replace("\"version\":1", "\"version\":2");
    let error = serde_json::from_str::<Partial>(&newer).unwrap_err();
    assert!(error.to_string().contains("another version"), "{error}");
}
