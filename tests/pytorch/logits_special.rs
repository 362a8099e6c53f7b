//! Where we differ from PyTorch from logits on purpose, by name; and nowhere else.

use kldiv::{KLDivWithLogitsLoss, Pointwise};
use ndarray::{Array1, ArrayD, Axis, Ix1};

use crate::Precision;
use crate::fixtures::open;
use crate::logits::target_of;

/// What is asked of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Value,
    Input,
    Target,
}
use Of::*;

/// Kind of target, situation, and where PyTorch gives NaN that we do not.
type Difference = (&'static str, &'static str, Of);

/// 0 · ∞ in a term, which autograd carries from logits to the whole distribution.
const CLASSES_WITHOUT_MASS: &[Difference] = &[
    ("logits", "absent from the target", Value),
    ("logits", "absent from the target", Target),
    ("logits", "absent from both", Value),
    ("logits", "absent from both", Target),
    ("probabilities", "absent from both", Value),
    ("log-probabilities", "absent from the target", Value),
    ("log-probabilities", "absent from the target", Target),
    ("log-probabilities", "absent from both", Value),
    ("log-probabilities", "absent from both", Target),
];

const TARGET_GRADIENT_AT_ZERO: &[Difference] = &[
    ("probabilities", "absent from the target", Target),
    ("probabilities", "absent from both", Target),
];

/// The loss is infinite, since the input excludes a class that the target has: ∂target is +∞ there, where PyTorch gives ∞ − ∞.
const INFINITE_LOSS: Difference = ("logits", "absent from the input", Target);

/// A distribution of the fixtures and both answers; the last of torch's is that without the classes that
/// the target lacks.
struct Situation {
    precision: &'static str,
    kind: String,
    name: String,
    tolerance: f64,
    torch: [Array1<f64>; 3],
    without: [Array1<f64>; 3],
    ours: [Array1<f64>; 3],
}

fn situations() -> Vec<Situation> {
    [situations_of::<f32>(), situations_of::<f64>()].into_iter().flatten().collect()
}

fn situations_of<A: Precision>() -> Vec<Situation> {
    let mut npz = open("pytorch_logits.npz");
    let names = npz.names().unwrap().into_iter();
    let special = names.filter(|name| name.starts_with(&format!("{}/special/", A::NAME)));
    special.map(|name| situation::<A>(&name, &npz.by_name(&name).unwrap())).collect()
}

fn situation<A: Precision>(name: &str, rows: &ArrayD<f64>) -> Situation {
    let facts: Vec<_> = name.split('/').collect();
    let row = |i: usize| rows.index_axis(Axis(0), i).into_dimensionality::<Ix1>().unwrap();
    let [input, target] = [0, 1].map(|i| row(i).mapv(A::from_f64));
    let criterion = KLDivWithLogitsLoss::new(Pointwise).temperature(2.0);
    let criterion = criterion.target(target_of(facts[2]));
    let value = criterion.forward(&input, &target).unwrap();
    let ones = Array1::from_elem(input.len(), A::from_f64(1.0));
    let gradients = criterion.backward(&input, &target, &ones).unwrap();
    Situation {
        precision: A::NAME,
        kind: facts[2].into(),
        name: facts[3].into(),
        // No number here is larger than 3.
        tolerance: 3.0 * A::TOLERANCE,
        torch: [2, 3, 4].map(|i| row(i).to_owned()),
        without: [5, 6, 7].map(|i| row(i).to_owned()),
        ours: [value, gradients.input, gradients.target].map(|array| array.mapv(A::to_f64)),
    }
}

fn differ(differences: &[Difference]) {
    let situations = situations();
    for &(kind, name, of) in differences {
        let here = |s: &&Situation| s.kind == kind && s.name == name;
        let here: Vec<_> = situations.iter().filter(here).collect();
        assert_eq!(here.len(), 2, "both precisions of {kind}, {name}");
        for situation in here {
            let (torch, ours) = (&situation.torch[of as usize], &situation.ours[of as usize]);
            let at = format!("{of:?}, {kind}, {name}, {}", situation.precision);
            assert!(torch.iter().any(|torch| torch.is_nan()), "{at}: {torch}");
            assert!(!ours.iter().any(|ours| ours.is_nan()), "{at}: {ours}");
            same(&at, ours, &situation.without[of as usize], situation.tolerance);
        }
    }
}

fn same(at: &str, ours: &Array1<f64>, torch: &Array1<f64>, tolerance: f64) {
    for (&ours_, &torch_) in ours.iter().zip(torch) {
        let alike = ours_ == torch_ || ours_.is_nan() && torch_.is_nan();
        assert!(alike || (ours_ - torch_).abs() <= tolerance, "{at}: {ours}, torch {torch}");
    }
}

#[test]
fn classes_without_mass_are_left_out_where_pytorch_gives_nan() {
    differ(CLASSES_WITHOUT_MASS);
}

#[test]
fn target_gradient_at_zero_is_its_limit_from_logits_too() {
    differ(TARGET_GRADIENT_AT_ZERO);
}

#[test]
fn target_gradient_of_an_infinite_loss_is_its_limit() {
    let (kind, name, of) = INFINITE_LOSS;
    let situations = situations();
    let here =
        situations.iter().filter(|situation| situation.kind == kind && situation.name == name);
    assert_eq!(here.clone().count(), 2);
    for situation in here {
        let (torch, ours) = (&situation.torch[of as usize], &situation.ours[of as usize]);
        assert_eq!(torch.iter().filter(|torch| torch.is_nan()).count(), 1, "{torch}");
        for (&torch, &ours) in torch.iter().zip(ours) {
            assert_eq!(ours, if torch.is_nan() { f64::INFINITY } else { torch });
        }
    }
}

#[test]
fn every_other_situation_is_pytorchs() {
    for situation in situations() {
        for of in [Value, Input, Target] {
            let named = |d: &&Difference| (d.0, d.1, d.2) == (&situation.kind, &situation.name, of);
            let differences = CLASSES_WITHOUT_MASS.iter().chain(TARGET_GRADIENT_AT_ZERO);
            if differences.chain([&INFINITE_LOSS]).any(|d| named(&d)) {
                continue;
            }
            let (ours, torch) = (&situation.ours[of as usize], &situation.torch[of as usize]);
            let at = format!("{of:?}, {}, {}", situation.kind, situation.name);
            same(&format!("{at}, {}", situation.precision), ours, torch, situation.tolerance);
        }
    }
}
