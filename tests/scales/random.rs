//! Random factors between 1e-300 and 1e300, against the formulas without rounding, and `f32` against `f64`.

use std::collections::BTreeMap;

use kldiv::{AnyReduction, Target};
use ndarray::Array2;

use super::big::Big;
use super::call::{Answers, Case, Face};
use super::cases::{Factors, case};
use super::common::{Number, Random};
use super::reference::Expected;

/// Errors are a few ulp of the size of what is added up, times the conditioning of e^(z/τ).
const ULPS: f64 = 16.0;

/// What went wrong how often, and where first.
#[derive(Debug, Default)]
struct Mistakes(BTreeMap<String, (usize, String)>);

impl Mistakes {
    fn add(&mut self, what: String, example: impl Fn() -> String) {
        self.0.entry(what).or_insert_with(|| (0, example())).0 += 1;
    }

    fn judge<A: Number>(
        &mut self,
        call: &str,
        case: &Case,
        found: &Array2<f64>,
        expected: &Array2<Expected>,
    ) {
        for ((index, &found), expected) in found.indexed_iter().zip(expected) {
            if let Some(mistake) = expected.mistake::<A>(found, ULPS) {
                let kind =
                    if case.reduction == AnyReduction::Pointwise { ", pointwise" } else { "" };
                self.add(format!("{} {:?} {call}{kind}: {mistake}", A::NAME, case.face), || {
                    let slope = expected.slope.to_f64();
                    format!("{found:e}, not {slope:e}, at {index:?}\n    {}", case.lane(index.0))
                });
            }
        }
    }

    fn none(self) {
        let lines = self
            .0
            .iter()
            .map(|(what, (count, example))| format!("{count} times {what}; first {example:.1000}"));
        let lines: Vec<_> = lines.collect();
        assert!(lines.is_empty(), "{} kinds of mistakes\n{}", lines.len(), lines.join("\n"));
    }
}

fn check<A: Number<Wide = A>>(case: &Case, mistakes: &mut Mistakes) -> Option<Answers> {
    let answers = match case.answers::<A>() {
        Ok(answers) => answers,
        Err(error) => {
            mistakes.add(format!("{} {:?}: refused", A::NAME, case.face), || {
                format!("{error}\n    {}", case.lane(0))
            });
            return None;
        }
    };
    if let Some(values) = case.expected_values::<A>() {
        assert_eq!(values.len(), answers.value.len());
        for (i, (value, &found)) in values.iter().zip(&answers.value).enumerate() {
            if let Some(mistake) = value.mistake::<A>(found, ULPS) {
                mistakes.add(format!("{} {:?} value: {mistake}", A::NAME, case.face), || {
                    let exact = value.slope.to_f64();
                    format!("{found:e}, not {exact:e}, at {i}\n    {}", case.lane(0))
                });
            }
        }
    }
    let of_one = case.expected(None, A::TINY);
    mistakes.judge::<A>("value_and_grad", case, &answers.gradient, &of_one[0]);
    let expected = case.expected(Some(&case.upstream), A::TINY);
    mistakes.judge::<A>("backward, input", case, &answers.d_input, &expected[0]);
    mistakes.judge::<A>("backward, target", case, &answers.d_target, &expected[1]);
    Some(answers)
}

/// `f32` gives what `f64` gives of the same numbers, narrowed.
fn agree(case: &Case, narrow: &Answers, mistakes: &mut Mistakes) {
    let Ok(wide) = case.answers::<f64>() else { return };
    let pairs = [
        ("value_and_grad", &narrow.gradient, &wide.gradient, None, 0),
        ("backward, input", &narrow.d_input, &wide.d_input, Some(&case.upstream[..]), 0),
        ("backward, target", &narrow.d_target, &wide.d_target, Some(&case.upstream[..]), 1),
    ];
    for (call, narrow, wide, upstream, which) in pairs {
        let mut expected = case.expected(upstream, f32::TINY)[which].clone();
        for (expected, &wide) in expected.iter_mut().zip(wide) {
            match wide {
                _ if wide.is_nan() => {}
                _ if wide.is_infinite() => expected.infinite = wide.signum(),
                _ => expected.slope = Big::of(wide),
            }
        }
        let call = format!("against f64, {call}");
        mistakes.judge::<f32>(&call, case, narrow, &expected);
    }
}

fn check_all<A: Number<Wide = A>>(face: Face, factors: Factors, cases: usize) {
    let mut random = Random(1951);
    let mut mistakes = Mistakes::default();
    for _ in 0..cases {
        let case = case::<A>(&mut random, face, factors);
        if let Some(answers) = check::<A>(&case, &mut mistakes)
            && A::NAME == "f32"
        {
            agree(&case, &answers, &mut mistakes);
        }
    }
    mistakes.none();
}

const FACES: [Face; 5] = [
    Face::Given { log_target: false },
    Face::Given { log_target: true },
    Face::Logits(Target::Logits),
    Face::Logits(Target::Probabilities),
    Face::Logits(Target::LogProbabilities),
];

/// The reference and what it allows are right.
#[test]
fn factors_of_usual_size() {
    for face in FACES {
        check_all::<f32>(face, Factors::Usual, 100);
        check_all::<f64>(face, Factors::Usual, 100);
    }
}

#[test]
fn log_probabilities_f32() {
    FACES[..2].iter().for_each(|&face| check_all::<f32>(face, Factors::Any, 400));
}

#[test]
fn log_probabilities_f64() {
    FACES[..2].iter().for_each(|&face| check_all::<f64>(face, Factors::Any, 400));
}

#[test]
fn logits_against_logits_f32() {
    check_all::<f32>(FACES[2], Factors::Any, 500);
}

#[test]
fn logits_against_logits_f64() {
    check_all::<f64>(FACES[2], Factors::Any, 500);
}

#[test]
fn logits_against_soft_targets_f32() {
    FACES[3..].iter().for_each(|&face| check_all::<f32>(face, Factors::Any, 400));
}

#[test]
fn logits_against_soft_targets_f64() {
    FACES[3..].iter().for_each(|&face| check_all::<f64>(face, Factors::Any, 400));
}
