use kldiv::{KLDivLoss, PerDistribution};
use ndarray::{Array2, Axis, array};

use crate::common::layout::LAYOUTS;
use crate::common::{Number, Random};

/// Random numbers, which are no distributions: half of the sums are negative. Summed in another order than
/// `PerDistribution` has, most would differ in their last place.
fn check_sums_of_many_classes<A: Number<Wide = A>>() {
    for classes in [64, 65, 100, 129, 1000, 1025] {
        let mut random = Random(classes as u64);
        let x = Array2::from_shape_simple_fn((40, classes), || A::of(random.unit() - 0.5));
        let t = Array2::from_shape_simple_fn((40, classes), || A::of(random.unit()));
        let y = t.mapv(|t| A::of(t.to() - 0.75));
        for (log_target, target) in [(false, t), (true, y)] {
            for layout in LAYOUTS {
                let stores = [&x, &target].map(|array| layout.store(&array.clone().into_dyn()));
                let [x, t] = stores.each_ref().map(|store| layout.view(store));
                let criterion = KLDivLoss::new(PerDistribution).axis(Axis(1));
                let criterion = criterion.log_target(log_target);
                let sums = criterion.forward(&x, &t).unwrap();
                let mut negative = sums.iter().enumerate().filter(|(_, sum)| sum.to() < 0.0);
                let first = negative.clone().next().map(|(i, sum)| (vec![i], sum.to()));
                let diagnosis = criterion.batch(&x, &t).unwrap().diagnose();
                assert_eq!(diagnosis.first_negative_divergence, first, "{classes} {layout:?}");
                assert_eq!(diagnosis.negative_divergences, negative.by_ref().count());
            }
        }
    }
}

#[test]
fn sums_of_many_classes_are_those_of_per_distribution() {
    check_sums_of_many_classes::<f32>();
    check_sums_of_many_classes::<f64>();
    // 1, −2⁻³⁰ and −1 add up to nothing in `f32`.
    let mut x = Array2::<f32>::zeros((1, 65));
    (x[[0, 0]], x[[0, 16]], x[[0, 32]]) = (-1.0, 2_f32.powi(-30), 1.0);
    let criterion = KLDivLoss::new(PerDistribution).log_target(true);
    let zeros = Array2::zeros((1, 65));
    assert_eq!(criterion.forward(&x, &zeros).unwrap(), array![0.0]);
    assert_eq!(criterion.batch(&x, &zeros).unwrap().diagnose().negative_divergences, 0);
}
