//! What `validated` refuses.

use kldiv::{Error, KLDivLoss, Operand, Pointwise, Sum};
use ndarray::{Array2, ShapeBuilder, array};

use crate::{INF, NAN, operand};

#[test]
fn tolerance_must_be_finite_and_at_least_0() {
    let x = operand();
    for tolerance in [-1.0, -1e-300, INF, NAN] {
        let error = KLDivLoss::new(Sum).validated(tolerance).batch(&x, &x).unwrap_err();
        let Error::InvalidTolerance { tolerance: found } = error else { panic!("{error}") };
        assert_eq!(found.to_bits(), tolerance.to_bits());
    }
    assert!(KLDivLoss::new(Sum).validated(0.0).batch(&x, &x).is_ok());
}

/// Every call refuses; outputs are left alone; what has no weight is not looked at.
#[test]
fn validated_calls_refuse_what_is_no_distribution() {
    let p = array![[0.5, 0.25, 0.25], [0.125, 0.5, 0.375], [0.5, 0.5, 0.0]];
    let mut x = p.ln();
    x[[1, 2]] = -0.5;
    let criterion = KLDivLoss::new(Pointwise).validated(1e-6);
    let batch = criterion.batch(&x, &p).unwrap();
    let refused = |error: Error| match error {
        Error::NotADistribution { operand: Operand::Input, index, mass } => {
            assert!(index == [1] && (mass - 0.625 - (-0.5_f64).exp()).abs() < 1e-12);
        }
        other => panic!("{other}"),
    };
    let (mut first, mut second) = (x.clone(), x.clone());
    refused(batch.forward().unwrap_err());
    refused(batch.forward_into(&mut first).unwrap_err());
    refused(batch.value_and_grad().unwrap_err());
    refused(batch.value_and_grad_into(&mut first).unwrap_err());
    refused(batch.backward(&p).unwrap_err());
    refused(batch.backward_into(&p, Some(&mut first), Some(&mut second)).unwrap_err());
    assert_eq!((&first, &second), (&x, &x));
    let sum = KLDivLoss::new(Sum).validated(1e-6);
    refused(sum.batch(&x, &p).unwrap().partial().unwrap_err());
    let weights = array![1.0, 0.0, 1.0];
    let weighted = batch.weights(&weights).unwrap();
    assert!(weighted.forward().is_ok() && weighted.backward(&p).is_ok());
    let plain = KLDivLoss::new(Sum).forward(&p.ln(), &p);
    assert_eq!(sum.forward(&p.ln(), &p), plain);
    // A mass of 1 is not enough.
    let mut negative = p.clone();
    negative.row_mut(2).assign(&array![1.5, -0.5, 0.0]);
    let refused = sum.forward(&p.ln(), &negative).unwrap_err();
    let expected = Error::NotADistribution { operand: Operand::Target, index: vec![2], mass: 1.0 };
    assert_eq!(refused, expected);
}

/// Whichever way the classes lie: one number out of range or a mass out of tolerance, in a long distribution.
#[test]
fn validated_calls_refuse_one_wrong_number_among_many() {
    for classes in [65, 1000, 1024, 1500] {
        let t = Array2::from_elem((3, classes), 1.0 / classes as f64);
        let wrong = [0.0, 1e-4, 0.011, NAN, -NAN, INF, -INF, -700.0, -800.0];
        for (x, place) in wrong.into_iter().flat_map(|x| [(x, 0), (x, classes - 1)]) {
            let mut input = t.ln();
            input[[1, place]] = x;
            let mut columns = Array2::zeros(t.raw_dim().f());
            columns.assign(&input);
            let criterion = KLDivLoss::new(Sum).validated(0.01);
            let result =
                |x: &Array2<f64>| criterion.forward(x, &t).map_err(|error| format!("{error:?}"));
            assert_eq!(result(&input).is_ok(), classes > 100 && x < 0.0, "{classes} {x}");
            assert_eq!(result(&input).err(), result(&columns).err(), "{classes} {x}");
        }
        for t01 in [-1.0 / 1024.0, 0.011 + 1.0 / classes as f64, NAN, INF] {
            let mut target = t.clone();
            target[[2, 5]] = t01;
            let refused = KLDivLoss::new(Sum).validated(0.01).forward(&t.ln(), &target);
            assert!(refused.is_err(), "{classes} {t01}");
        }
    }
}
