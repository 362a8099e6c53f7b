//! The divergence as a setting: parameters, text, and serialisation.

use kldiv::{Divergence, Error, KLDivLoss, KLDivWithLogitsLoss, Sum, Target};
use ndarray::{Array0, array};

use super::{EXTREMES, FAMILY};

/// The divergence whose parameter is refused, and its name.
fn refused() -> Vec<(Divergence, &'static str, f64)> {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let outside = [-5e-324, -0.5, -inf, inf, nan, 1.0 + f64::EPSILON, 2.0];
    let mut all = vec![];
    for number in outside {
        all.push((Divergence::Symmetric(number), "symmetric", number));
    }
    for number in outside.into_iter().chain([0.0, -0.0, 1.0]) {
        all.push((Divergence::JensenShannon(number), "jensen-shannon", number));
    }
    for number in outside.into_iter().chain([1.0]) {
        all.push((Divergence::Skew(number), "skew", number));
        all.push((Divergence::SkewReverse(number), "skew-reverse", number));
    }
    all
}

fn is_refused(found: Option<Error>, name: &str, number: f64) {
    match found {
        Some(Error::InvalidDivergence { name: found, parameter }) => {
            assert_eq!((found, parameter.to_bits()), (name, number.to_bits()));
        }
        other => panic!("{name}:{number}: {other:?}"),
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    let (x, t) = (array![[0.5_f32, 0.5]].ln(), array![[0.25_f32, 0.75]]);
    for (divergence, name, number) in refused() {
        for generalized in [false, true] {
            let given = KLDivLoss::new(Sum).divergence(divergence).generalized(generalized);
            is_refused(given.batch(&x, &t).err(), name, number);
            is_refused(given.log_target(true).batch(&x, &t).err(), name, number);
            is_refused(given.forward(&x, &t).err(), name, number);
            for kind in [Target::Logits, Target::Probabilities, Target::LogProbabilities] {
                let logits = KLDivWithLogitsLoss::new(Sum).divergence(divergence).target(kind);
                is_refused(logits.generalized(generalized).batch(&x, &t).err(), name, number);
            }
        }
        is_refused(format!("{divergence}").parse::<Divergence>().err(), name, number);
    }
}

/// Of an empty batch too.
#[test]
fn parameters_are_refused_before_anything_is_computed() {
    let nothing = ndarray::Array2::<f64>::zeros((0, 3));
    let criterion = KLDivLoss::new(Sum).divergence(Divergence::JensenShannon(1.0));
    is_refused(criterion.batch(&nothing, &nothing).err(), "jensen-shannon", 1.0);
    let scalar = Array0::<f64>::zeros(());
    assert_eq!(
        criterion.batch(&scalar, &scalar).err(),
        Some(Error::AxisOutOfBounds { axis: 0, ndim: 0 })
    );
}

#[test]
fn parameters_at_the_ends_of_their_range_are_accepted() {
    let (x, t) = (array![[0.5_f64, 0.5]].ln(), array![[0.25_f64, 0.75]]);
    let ends = [
        Divergence::Symmetric(0.0),
        Divergence::Symmetric(1.0),
        Divergence::JensenShannon(5e-324),
        Divergence::JensenShannon(1.0 - f64::EPSILON / 2.0),
        Divergence::Skew(0.0),
        Divergence::Skew(5e-324),
        Divergence::Skew(1.0 - f64::EPSILON / 2.0),
        Divergence::SkewReverse(0.0),
        Divergence::SkewReverse(1.0 - f64::EPSILON / 2.0),
    ];
    for divergence in FAMILY.into_iter().chain(EXTREMES).chain(ends) {
        let given = KLDivLoss::new(Sum).divergence(divergence).forward(&x, &t).unwrap();
        let logits = KLDivWithLogitsLoss::new(Sum).divergence(divergence).forward(&x, &t).unwrap();
        assert!(given >= 0.0 && logits >= 0.0, "{divergence}: {given} {logits}");
    }
}

#[test]
fn text_is_read_and_written() {
    let texts = [
        ("forward", Divergence::Forward),
        ("reverse", Divergence::Reverse),
        ("symmetric:0.5", Divergence::Symmetric(0.5)),
        ("jeffreys", Divergence::Jeffreys),
        ("jensen-shannon:0.5", Divergence::JensenShannon(0.5)),
        ("skew:0.1", Divergence::Skew(0.1)),
        ("skew-reverse:0.1", Divergence::SkewReverse(0.1)),
        ("total-variation", Divergence::TotalVariation),
    ];
    for (text, divergence) in texts {
        assert_eq!(text.parse(), Ok(divergence));
        assert_eq!(divergence.to_string(), text);
    }
    let tiny = [Divergence::JensenShannon(5e-324), Divergence::Skew(1.0 / 3.0)];
    for divergence in FAMILY.into_iter().chain(EXTREMES).chain(tiny) {
        assert_eq!(divergence.to_string().parse(), Ok(divergence));
    }
    assert_eq!(Divergence::default(), Divergence::Forward);
}

#[test]
fn unknown_text_is_refused() {
    let unknown = [
        "",
        ":",
        "Forward",
        "forward:",
        "forward:1",
        "forward ",
        " reverse",
        "kl",
        "jensen-shannon",
        "jensen-shannon:",
        "jensen-shannon:half",
        "jensen_shannon:0.5",
        "symmetric",
        "skew",
        "skew:0.1:0.2",
        "skew: 0.1",
        "skew-reverse",
        "jeffreys:1",
        "total-variation:0.5",
        "skew:0,1",
    ];
    for text in unknown {
        let expected = Error::UnknownDivergence { name: text.to_owned() };
        assert_eq!(text.parse::<Divergence>(), Err(expected), "{text:?}");
    }
    for text in ["skew:nan", "skew:inf", "symmetric:-1", "jensen-shannon:0", "skew:1"] {
        let found = text.parse::<Divergence>();
        assert!(matches!(found, Err(Error::InvalidDivergence { .. })), "{text:?}: {found:?}");
    }
}

#[test]
fn an_error_names_the_divergences_at_the_ends() {
    let message = "jensen-shannon:0".parse::<Divergence>().unwrap_err().to_string();
    assert!(message.contains("Forward") && message.contains("Reverse"), "{message}");
    let message = "kl".parse::<Divergence>().unwrap_err().to_string();
    for name in FAMILY.map(|divergence| divergence.to_string()) {
        let name = name.split(':').next().unwrap();
        assert!(message.contains(name), "{message} lacks {name}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn serialised_settings_come_back() {
    for divergence in FAMILY.into_iter().chain(EXTREMES) {
        let text = serde_json::to_string(&divergence).unwrap();
        assert_eq!(serde_json::from_str::<Divergence>(&text).unwrap(), divergence);
        let given = KLDivLoss::new(Sum).divergence(divergence).generalized(true);
        let text = serde_json::to_string(&given).unwrap();
        assert_eq!(serde_json::from_str::<KLDivLoss<Sum>>(&text).unwrap(), given);
        let logits = KLDivWithLogitsLoss::new(Sum).divergence(divergence).target_temperature(0.5);
        let text = serde_json::to_string(&logits).unwrap();
        assert_eq!(serde_json::from_str::<KLDivWithLogitsLoss<Sum>>(&text).unwrap(), logits);
    }
}

/// Written before there was a divergence to choose.
#[cfg(feature = "serde")]
#[test]
fn older_settings_are_of_the_forward_divergence() {
    let older = |text: String| text.replace("\"divergence\":\"Forward\",", "");
    let given = KLDivLoss::new(Sum).log_target(true);
    let text = serde_json::to_string(&given).unwrap();
    assert_ne!(older(text.clone()), text);
    assert_eq!(serde_json::from_str::<KLDivLoss<Sum>>(&older(text)).unwrap(), given);
    let logits = KLDivWithLogitsLoss::new(Sum).temperature(2.0);
    let text = serde_json::to_string(&logits).unwrap();
    let text = older(text).replace("\"target_temperature\":null,", "");
    assert_eq!(serde_json::from_str::<KLDivWithLogitsLoss<Sum>>(&text).unwrap(), logits);
}
