//! Naive, in double-double arithmetic: 30 digits.

use std::ops::{Add, Mul, Neg, Sub};

#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64, pub f64);

impl Double {
    pub fn of(value: f64) -> Double {
        Double(value, 0.0)
    }
    pub fn to_f64(self) -> f64 {
        self.0 + self.1
    }
    fn renormal(hi: f64, lo: f64) -> Double {
        let sum = hi + lo;
        Double(sum, lo - (sum - hi))
    }
    pub fn over(self, by: Double) -> Double {
        let first = self.0 / by.0;
        let rest = self - by * Double::of(first);
        let second = rest.0 / by.0;
        let rest = rest - by * Double::of(second);
        Double::renormal(first, second) + Double::of(rest.0 / by.0)
    }
    pub fn exp(self) -> Double {
        if self.0 < -740.0 {
            return Double::of(0.0);
        }
        // e^x = 2^k·(e^(r/512))^512.
        let ln2 = Double(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);
        let k = (self.0 / ln2.0).round();
        let r = self - ln2 * Double::of(k);
        let r = Double(r.0 / 512.0, r.1 / 512.0);
        let mut sum = Double::of(0.0);
        for n in (1..12).rev() {
            sum = (sum + Double::of(1.0)) * r.over(Double::of(f64::from(n)));
        }
        for _ in 0..9 {
            sum = sum + sum + sum * sum;
        }
        let one = sum + Double::of(1.0);
        let half = (k / 2.0).trunc();
        let (a, b) = (2f64.powi(half as i32), 2f64.powi((k - half) as i32));
        Double(one.0 * a * b, one.1 * a * b)
    }
    pub fn ln(self) -> Double {
        let first = Double::of(self.0.ln());
        let rest = self * (-first).exp() - Double::of(1.0);
        // ln(1 + d) = d − d²/2, d ≈ 1e−16.
        first + rest - rest * rest * Double::of(0.5)
    }
}

impl Add for Double {
    type Output = Double;
    fn add(self, b: Double) -> Double {
        let hi = self.0 + b.0;
        let part = hi - self.0;
        let error = (self.0 - (hi - part)) + (b.0 - part);
        Double::renormal(hi, error + self.1 + b.1)
    }
}
impl Neg for Double {
    type Output = Double;
    fn neg(self) -> Double {
        Double(-self.0, -self.1)
    }
}
impl Sub for Double {
    type Output = Double;
    fn sub(self, b: Double) -> Double {
        self + -b
    }
}
impl Mul for Double {
    type Output = Double;
    fn mul(self, b: Double) -> Double {
        let hi = self.0 * b.0;
        let error = self.0.mul_add(b.0, -hi);
        Double::renormal(hi, error + (self.0 * b.1 + self.1 * b.0))
    }
}

/// ln softmax(z/τ).
pub fn log_softmax(z: &[f64], temperature: f64) -> Vec<Double> {
    let peak = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let y: Vec<_> = z
        .iter()
        .map(|&z| (Double::of(z) - Double::of(peak)).over(Double::of(temperature)))
        .collect();
    let log = y.iter().fold(Double::of(0.0), |sum, y| sum + y.exp()).ln();
    y.into_iter().map(|y| y - log).collect()
}

/// Everything there is to know of a lane of finite logits.
pub struct Exact {
    pub divergence: f64,
    pub p: Vec<f64>,
    /// q − p.
    pub excess: Vec<f64>,
    /// D.
    pub log_ratio: Vec<f64>,
    /// p(D − KL).
    pub d_target: Vec<f64>,
}

pub fn exact(z_p: &[f64], z_q: &[f64], temperature: f64) -> Exact {
    let (x, y) = (log_softmax(z_p, temperature), log_softmax(z_q, temperature));
    let d: Vec<_> = x.iter().zip(&y).map(|(&x, &y)| x - y).collect();
    let p: Vec<_> = x.iter().map(|x| x.exp()).collect();
    let kl = p.iter().zip(&d).fold(Double::of(0.0), |sum, (&p, &d)| sum + p * d);
    let rounded = |values: &mut dyn Iterator<Item = Double>| values.map(Double::to_f64).collect();
    Exact {
        divergence: kl.to_f64(),
        excess: rounded(&mut p.iter().zip(&y).map(|(&p, y)| y.exp() - p)),
        d_target: rounded(&mut p.iter().zip(&d).map(|(&p, &d)| p * (d - kl))),
        log_ratio: rounded(&mut d.iter().copied()),
        p: rounded(&mut p.iter().copied()),
    }
}

/// What a lane comes to, special values included, in `f64`.
pub struct Naive {
    pub divergence: f64,
    pub p: Vec<f64>,
    pub q: Vec<f64>,
    pub log_ratio: Vec<f64>,
}

pub fn naive(z_p: &[f64], z_q: &[f64], temperature: f64) -> Naive {
    let log_softmax = |z: &[f64]| -> Vec<f64> {
        let peak = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = z.iter().map(|z| ((z - peak) / temperature).exp()).sum();
        z.iter().map(|z| (z - peak) / temperature - sum.ln()).collect()
    };
    let (x, y) = (log_softmax(z_p), log_softmax(z_q));
    let valid = x.iter().chain(&y).all(|x| !x.is_nan());
    let poison = if valid { 0.0 } else { f64::NAN };
    let log_ratio: Vec<_> = x
        .iter()
        .zip(&y)
        .map(|(&x, &y)| if x == f64::NEG_INFINITY { 0.0 } else { x - y } + poison)
        .collect();
    let p: Vec<_> = x.iter().map(|x| x.exp() + poison).collect();
    let q = y.iter().map(|y| y.exp() + poison).collect();
    let term = |(&p, &d): (&f64, &f64)| if d == f64::INFINITY { d } else { p * d };
    Naive { divergence: p.iter().zip(&log_ratio).map(term).sum::<f64>() + poison, p, q, log_ratio }
}
