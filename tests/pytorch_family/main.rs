//! The divergences of the family: PyTorch's answers, as `tests/fixtures/pytorch_family.py` wrote them.

#[path = "../common/mod.rs"]
mod common;

mod bounds;
mod fixtures;
#[path = "../common/rows.rs"]
mod rows;

use std::collections::BTreeSet;

use bounds::tolerances;
use common::Number;
use fixtures::{
    Case, INPUT, INPUT_GRADIENT, TARGET, TARGET_GRADIENT, UPSTREAM, VALUE, WEIGHTS, cases,
};
use ndarray::ArrayD;

fn assert_close<A: Number>(
    what: &str,
    ours: &ArrayD<A>,
    torch: &ArrayD<f64>,
    bounds: &ArrayD<f64>,
) {
    assert_eq!(ours.shape(), torch.shape(), "{what}");
    for ((ours, &torch), &bound) in ours.iter().map(|a| a.to()).zip(torch).zip(bounds) {
        let close = (ours - torch).abs() <= bound;
        assert!(close, "{what}: {ours:e}, torch {torch:e}, bound {bound:e}");
    }
}

fn check<A: Number<Wide = A>>(case: &Case) {
    let [input, target] = [INPUT, TARGET].map(|row| case.full::<A>(row));
    let weights = case.row(WEIGHTS).index_axis_move(case.axis, 0).mapv(A::of);
    let batch = case.batch(&input, &target).weights(&weights).unwrap();
    let value = batch.forward().unwrap();
    let (same, gradient) = batch.value_and_grad().unwrap();
    let gradients = batch.backward(&case.reduced::<A>(UPSTREAM)).unwrap();
    assert_eq!(value, same, "{}", case.name);

    let what = |of: &str| format!("{of}, {}", case.name);
    let bounds = tolerances::<A>(case);
    let [d_input, d_target] = [INPUT_GRADIENT, TARGET_GRADIENT].map(|row| case.row(row).to_owned());
    assert_close(&what("value"), &value, &case.reduced(VALUE), &bounds.value);
    assert_close(&what("input's gradient"), &gradients.input, &d_input, &bounds.input);
    assert_close(&what("target's gradient"), &gradients.target, &d_target, &bounds.target);
    if value.ndim() == 0 {
        let upstream = *case.row(UPSTREAM).first().unwrap();
        let bound = bounds.input / upstream.abs();
        assert_close(&what("gradient"), &gradient, &(d_input / upstream), &bound);
    }
}

#[test]
fn f32_is_pytorchs() {
    cases::<f32>().iter().for_each(check::<f32>);
}

#[test]
fn f64_is_pytorchs() {
    cases::<f64>().iter().for_each(check::<f64>);
}

#[test]
fn the_fixtures_cover_every_divergence_form_and_pair_of_operands() {
    let cases: Vec<_> = cases::<f32>().into_iter().chain(cases::<f64>()).collect();
    let kinds = |weights: &str, places: &[usize]| {
        let names = cases.iter().map(|case| case.name.split('/').collect::<Vec<_>>());
        let names = names.filter(|words| words[10] == weights);
        let kinds = names.map(|words| places.iter().map(|&place| words[place]).collect::<Vec<_>>());
        kinds.map(|words| words.join("/")).collect::<BTreeSet<_>>().len()
    };
    // Eight divergences in two forms, and total variation; two targets of log-probabilities, and of logits three at
    // three temperatures and one at two.
    let (forms, settings) = (8 * 2 + 1, 2 + 3 * 3 + 2);
    assert_eq!(kinds("plain", &[3, 4, 5, 6, 7, 8, 9]), forms * settings * 3);
    assert_eq!(kinds("plain", &[0, 3, 4, 5, 6, 7, 8]), 2 * forms * settings);
    assert_eq!(kinds("plain", &[0, 3, 4, 9]), 2 * forms * 3);
    assert_eq!(kinds("plain", &[0, 3, 11, 1]), 2 * 9 * 3 * 3);
    assert_eq!(kinds("weighted", &[3, 11]), 9 * 3);
    assert_eq!(cases.len(), forms * settings * 4 + 9 * 3);
}
