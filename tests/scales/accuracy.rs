//! Gradients from logits in `f64`, against 104 bits.

use kldiv::{BatchMean, KLDivWithLogitsLoss, Pointwise};
use ndarray::{Array2, Axis};

use super::big::{Big, ZERO};
use super::common::Random;
use super::reference::{pair, softmax};

/// Normal numbers (Box and Muller 1958).
fn normal(random: &mut Random, shape: (usize, usize), deviation: f64) -> Array2<f64> {
    Array2::from_shape_simple_fn(shape, || {
        let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
        deviation * radius * (std::f64::consts::TAU * random.unit()).cos()
    })
}

/// 2⁻⁵³ of the exponents in e^(z − max), each rounded once, and of their mean, which is the sum's: p·conditioning is
/// what that does to p.
fn conditioning(z: &[f64], p: &[Big]) -> Vec<Big> {
    let peak = z.iter().fold(f64::NEG_INFINITY, |peak, &z| peak.max(z));
    let depth = |&z: &f64| Big::of(peak) - Big::of(z);
    let mean = z.iter().zip(p).fold(ZERO, |sum, (z, &p)| sum + p * depth(z));
    let rounding = Big::of(2_f64.powi(-53));
    z.iter().map(|z| (depth(z) + mean) * rounding).collect()
}

/// The largest errors of ∂z_q and ∂z_p in ulp, beside the conditioning: of q − p relative to the larger of the two, of
/// p(D − KL) relative to the larger of p·|D| and p·KL.
fn errors(student: &Array2<f64>, teacher: &Array2<f64>, columns: bool) -> [f64; 2] {
    let lay = |z: &Array2<f64>| {
        if columns { z.t().as_standard_layout().into_owned() } else { z.clone() }
    };
    let back = |z: Array2<f64>| if columns { z.reversed_axes() } else { z };
    let criterion = KLDivWithLogitsLoss::new(BatchMean).axis(Axis(usize::from(!columns)));
    let (z_q, z_p) = (lay(student), lay(teacher));
    let gradients = criterion.backward(&z_q, &z_p, &1.0).unwrap();
    let beside = back(criterion.value_and_grad(&z_q, &z_p).unwrap().1);
    let (d_input, d_target) = (back(gradients.input), back(gradients.target));
    assert_eq!(beside, d_input);
    let rows = Big::of(if columns { student.ncols() } else { student.nrows() } as f64);
    let epsilon = Big::of(f64::EPSILON);
    let mut worst = [0.0_f64; 2];
    for lane in 0..student.nrows() {
        let (z_q, z_p) = (student.row(lane).to_vec(), teacher.row(lane).to_vec());
        let [p, d, excess] = pair(&z_q, &z_p, 1.0);
        let q = softmax(&z_q, 1.0);
        let mean = p.iter().zip(&d).fold(ZERO, |sum, (&p, &d)| sum + p * d);
        let (of_q, of_p) = (conditioning(&z_q, &q), conditioning(&z_p, &p));
        let of_mean = (0..p.len()).fold(ZERO, |sum, j| sum + p[j] * d[j].abs() * of_p[j]);
        for j in 0..p.len() {
            let beside = |error: Big, excused: Big, size: Big| {
                ((error.abs() - excused).max(ZERO) / (size * epsilon)).to_f64()
            };
            let error = Big::of(d_input[[lane, j]]) * rows - excess[j];
            let excused = q[j] * of_q[j] + p[j] * of_p[j];
            worst[0] = worst[0].max(beside(error, excused, q[j].max(p[j])));
            let error = Big::of(d_target[[lane, j]]) * rows - p[j] * (d[j] - mean);
            let slope = (d[j] - mean).abs();
            let excused = p[j] * (slope * of_p[j] + of_q[j] + of_p[j] + of_mean);
            worst[1] = worst[1].max(beside(error, excused, p[j] * d[j].abs().max(mean)));
        }
    }
    worst
}

/// Student and teacher far apart.
#[test]
fn gradients_are_right_to_8_ulp() {
    let mut random = Random(7);
    let mut worst = [0.0_f64; 2];
    for (shape, deviation) in
        [((300, 10), 4.0), ((300, 10), 1.0), ((300, 10), 8.0), ((40, 100), 4.0)]
    {
        let (student, teacher) =
            (normal(&mut random, shape, deviation), normal(&mut random, shape, deviation));
        for columns in [false, true] {
            let found = errors(&student, &teacher, columns);
            println!("{shape:?}, deviation {deviation}, columns {columns}: {found:.1?} ulp");
            (0..2).for_each(|i| worst[i] = worst[i].max(found[i]));
        }
    }
    assert!(worst.iter().all(|&ulp| ulp <= 8.0), "∂z_q and ∂z_p are off by {worst:.1?} ulp");
}

/// With an upstream u of each class, ∂z_q = q·Σup − up: relative to the larger of the two parts, q being known to a few
/// ulp however much smaller than p it is.
#[test]
fn gradients_of_an_upstream_for_each_class_are_right_to_8_ulp() {
    let mut random = Random(9);
    let mut worst = 0.0_f64;
    for (shape, deviation) in [((300, 10), 1.0), ((300, 10), 4.0), ((300, 10), 16.0)] {
        let [student, teacher] = [0; 2].map(|_| normal(&mut random, shape, deviation));
        let some = |u: f64| if u < -0.5 { 0.0 } else { u };
        let upstream = normal(&mut random, shape, 1.0).mapv(some);
        let criterion = KLDivWithLogitsLoss::new(Pointwise);
        let found = criterion.backward(&student, &teacher, &upstream).unwrap().input;
        for lane in 0..shape.0 {
            let (z_q, z_p) = (student.row(lane).to_vec(), teacher.row(lane).to_vec());
            let (q, p) = (softmax(&z_q, 1.0), softmax(&z_p, 1.0));
            let (of_q, of_p) = (conditioning(&z_q, &q), conditioning(&z_p, &p));
            let part = |j: usize| Big::of(upstream[[lane, j]]) * p[j];
            let add = |f: &dyn Fn(usize) -> Big| (0..p.len()).map(f).sum::<Big>();
            let (sum, size) = (add(&part), add(&|j| part(j).abs()));
            let rough = add(&|j| part(j).abs() * of_p[j]);
            for j in 0..p.len() {
                let error = Big::of(found[[lane, j]]) - (q[j] * sum - part(j));
                let excused = q[j] * (size * of_q[j] + rough) + part(j).abs() * of_p[j];
                let size = (q[j] * size).max(part(j).abs()) * Big::of(f64::EPSILON);
                worst = worst.max(((error.abs() - excused).max(ZERO) / size).to_f64());
            }
        }
    }
    assert!(worst <= 8.0, "∂z_q is off by {worst:.1} ulp");
}
