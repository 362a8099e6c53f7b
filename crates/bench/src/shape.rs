//! Lengths and class axis.

use std::env;

/// Lengths and class axis.
#[derive(Clone, Debug)]
pub struct Shape {
    pub name: String,
    pub lengths: Vec<usize>,
    pub axis: usize,
}

impl Shape {
    /// Reads lengths such as `512x32000`; classes lie along the last axis if no other is given.
    ///
    /// # Errors
    /// One line: what is wrong.
    pub fn parse(text: &str, axis: Option<usize>) -> Result<Shape, String> {
        let length = |part: &str| match part.trim().parse() {
            Ok(0) | Err(_) => Err(format!("{text}: give lengths of 1 or more, such as 512x32000")),
            Ok(length) => Ok(length),
        };
        let lengths: Vec<usize> = text.split('x').map(length).collect::<Result<_, _>>()?;
        let last = lengths.len() - 1;
        let axis = axis.unwrap_or(last);
        if axis > last {
            return Err(format!("{text} has the axes 0 to {last}, but no axis {axis}"));
        }
        // Eight bytes an element must be countable.
        let fits = |bytes: isize, &length: &usize| bytes.checked_mul(length.try_into().ok()?);
        match lengths.iter().try_fold(8, fits) {
            Some(_) => Ok(Shape { name: format!("{text} axis {axis}"), lengths, axis }),
            None => Err(format!("{text}: more elements than memory can hold")),
        }
    }

    /// Those that benchmarks take unless they are told others.
    pub fn usual() -> Vec<Shape> {
        let usual: [(&str, &[usize], usize); 6] = [
            ("tiny", &[32, 10], 1),
            ("cifar", &[1024, 10], 1),
            ("many", &[1_000_000, 10], 1),
            ("imagenet", &[4096, 1000], 1),
            ("vocab", &[512, 32_000], 1),
            ("segment", &[8, 21, 256, 256], 1),
        ];
        let shape = |(name, lengths, axis): (&str, &[usize], usize)| Shape {
            name: name.to_owned(),
            lengths: lengths.to_vec(),
            axis,
        };
        usual.map(shape).into()
    }

    /// The shape that `KLDIV_SHAPE` (512x32000) and `KLDIV_AXIS` (the last) ask for, or the usual six; of these only the
    /// small ones without optimisation. Panics where the two make no sense.
    pub fn chosen() -> Vec<Shape> {
        let Ok(text) = env::var("KLDIV_SHAPE") else {
            let mut usual = Shape::usual();
            usual.retain(|shape| !cfg!(debug_assertions) || shape.elements() < 100_000);
            return usual;
        };
        let axis = env::var("KLDIV_AXIS").ok().map(|axis| axis.parse().expect("KLDIV_AXIS"));
        vec![Shape::parse(&text, axis).expect("KLDIV_SHAPE")]
    }

    pub fn elements(&self) -> usize {
        self.lengths.iter().product()
    }
}
