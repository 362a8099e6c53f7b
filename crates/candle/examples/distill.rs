//! Distillation in candle: a teacher of handwritten digits at 8×8 teaches a smaller student, which sees them at 4×4.
//!
//! ```sh
//! cargo run -p kldiv-candle --release --example distill                 # draws target/candle-distill.svg
//! cargo run -p kldiv-candle --release --example distill -- curves.svg
//! ```
//!
//! Layers and optimiser are candle's. The loss of the teacher, of a student of the labels and of a student of the teacher
//! is `KLDivWithLogitsLoss`. Weights are drawn from a seed, which candle's own initialisers do not take on the CPU.

use std::{env, fs};

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW};
use kldiv::{BatchMean, KLDivWithLogitsLoss};
use kldiv_candle::KlDiv;
use kldiv_digits::{CLASSES, Digits};
use ndarray::Array2;
use ndarray_rand::rand_distr::StandardNormal;
use plotters::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

const SEEDS: u64 = 3;
const TEACHER_IMAGES: usize = 1200;
const TEACHER_EPOCHS: usize = 30;
const STUDENT_IMAGES: usize = 200;
const STUDENT_EPOCHS: usize = 500;
const BATCH: usize = 20;
const RATE: f64 = 1e-3;
const TEMPERATURE: f64 = 2.0;

/// The loss of logits against a batch of targets: labels, or a teacher's logits.
type Loss = fn(&Tensor, &Tensor) -> Result<Tensor>;

fn hard(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    KLDivWithLogitsLoss::new(BatchMean).loss_labels(logits, labels)
}

fn soft(logits: &Tensor, teacher: &Tensor) -> Result<Tensor> {
    let criterion = KLDivWithLogitsLoss::new(BatchMean).temperature(TEMPERATURE);
    criterion.times_temperature_squared(true).loss(logits, teacher)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let path = env::args().nth(1).unwrap_or_else(|| "target/candle-distill.svg".into());
    let digits = Digits::load();
    let mut curves = [[0.0; STUDENT_EPOCHS]; 4];
    let mut accuracies = [0.0; 3];
    for seed in 0..SEEDS {
        let run = distill(&digits, seed)?;
        for (mean, loss) in curves.as_flattened_mut().iter_mut().zip(run.losses.as_flattened()) {
            *mean += loss / SEEDS as f64;
        }
        for (mean, accuracy) in accuracies.iter_mut().zip(run.accuracies) {
            *mean += accuracy / SEEDS as f64;
        }
    }
    println!(
        "held-out images, means over {SEEDS} seeds: loss and accuracy after {STUDENT_EPOCHS} epochs"
    );
    println!("teacher at 8×8                           {:5.1} %", 100.0 * accuracies[0]);
    for (name, curve, accuracy) in [("labels", 1, 1), ("the teacher", 3, 2)] {
        let (loss, accuracy) = (curves[curve][STUDENT_EPOCHS - 1], 100.0 * accuracies[accuracy]);
        println!("student at 4×4 of {name:11}  {loss:10.3} {accuracy:5.1} %");
    }
    fs::write(&path, draw(&curves)?)?;
    println!("loss curves: {path}");
    Ok(())
}

struct Run {
    /// Of the student of labels in training and held out, then of the student of the teacher.
    losses: [[f64; STUDENT_EPOCHS]; 4],
    /// Of the teacher, and of both students.
    accuracies: [f64; 3],
}

fn distill(digits: &Digits, seed: u64) -> Result<Run> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (seen, held_out) = digits.split(TEACHER_IMAGES, &mut rng);
    let teacher = Network::new([64, 64, CLASSES], &mut rng)?;
    let (images, labels) = (tensor(&seen.images)?, labels_of(&seen)?);
    let mut optimizer = teacher.optimizer()?;
    for _ in 0..TEACHER_EPOCHS {
        epoch(&teacher, &mut optimizer, hard, &images, &labels, &mut rng)?;
    }
    let mut run = Run { losses: [[0.0; STUDENT_EPOCHS]; 4], accuracies: [0.0; 3] };
    run.accuracies[0] = accuracy(&teacher, &tensor(&held_out.images)?, &held_out)?;

    let (few, _) = seen.split(STUDENT_IMAGES, &mut rng);
    // The graph of the teacher ends here.
    let logits = teacher.logits(&tensor(&few.images)?)?.detach();
    let lessons: [(Loss, Tensor); 2] = [(hard, labels_of(&few)?), (soft, logits)];
    let (few, unseen) = (tensor(&few.coarse().images)?, tensor(&held_out.coarse().images)?);
    let labels = labels_of(&held_out)?;
    for (student, (loss_of, targets)) in lessons.into_iter().enumerate() {
        // Both students start from the same weights and see the images in the same order.
        let mut rng = rng.clone();
        let network = Network::new([16, 32, CLASSES], &mut rng)?;
        let mut optimizer = network.optimizer()?;
        for at in 0..STUDENT_EPOCHS {
            let loss = epoch(&network, &mut optimizer, loss_of, &few, &targets, &mut rng)?;
            run.losses[2 * student][at] = loss;
            let loss = hard(&network.logits(&unseen)?.detach(), &labels)?;
            run.losses[2 * student + 1][at] = loss.to_scalar::<f32>()?.into();
        }
        run.accuracies[1 + student] = accuracy(&network, &unseen, &held_out)?;
    }
    Ok(run)
}

/// One pass over the images in a random order; the mean loss met on the way.
fn epoch(
    network: &Network,
    optimizer: &mut AdamW,
    loss_of: Loss,
    images: &Tensor,
    targets: &Tensor,
    rng: &mut StdRng,
) -> Result<f64> {
    let mut order: Vec<u32> = (0..images.dim(0)? as u32).collect();
    order.shuffle(rng);
    let mut sum = 0.0;
    for batch in order.chunks(BATCH) {
        let batch = Tensor::new(batch, &Device::Cpu)?;
        let logits = network.logits(&images.index_select(&batch, 0)?)?;
        let loss = loss_of(&logits, &targets.index_select(&batch, 0)?)?;
        optimizer.backward_step(&loss)?;
        sum += f64::from(loss.to_scalar::<f32>()?) * batch.elem_count() as f64;
    }
    Ok(sum / order.len() as f64)
}

fn labels_of(digits: &Digits) -> Result<Tensor> {
    Tensor::from_iter(digits.labels.iter().copied(), &Device::Cpu)
}

/// The share of the images whose largest logit is that of their digit.
fn accuracy(network: &Network, images: &Tensor, digits: &Digits) -> Result<f64> {
    let found = network.logits(images)?.argmax(D::Minus1)?;
    let right = found.eq(&labels_of(digits)?)?;
    right.to_dtype(DType::F64)?.mean_all()?.to_scalar()
}

/// A perceptron with one hidden layer.
struct Network {
    hidden: Linear,
    output: Linear,
    vars: Vec<Var>,
}

impl Network {
    fn new([pixels, units, classes]: [usize; 3], rng: &mut StdRng) -> Result<Self> {
        let mut vars = Vec::new();
        let mut layer = |inputs: usize, outputs: usize| {
            let scale = (2.0 / inputs as f32).sqrt();
            let normal = |_| scale * rng.sample::<f32, _>(StandardNormal);
            let weight = (0..inputs * outputs).map(normal).collect();
            let weight = Var::from_vec(weight, (outputs, inputs), &Device::Cpu)?;
            let bias = Var::zeros(outputs, DType::F32, &Device::Cpu)?;
            vars.extend([weight.clone(), bias.clone()]);
            Result::Ok(Linear::new(weight.into_inner(), Some(bias.into_inner())))
        };
        Ok(Network { hidden: layer(pixels, units)?, output: layer(units, classes)?, vars })
    }

    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.hidden.forward(images)?.relu()?)
    }

    fn optimizer(&self) -> Result<AdamW> {
        let parameters = ParamsAdamW { lr: RATE, weight_decay: 0.0, ..ParamsAdamW::default() };
        AdamW::new(self.vars.clone(), parameters)
    }
}

fn tensor(array: &Array2<f32>) -> Result<Tensor> {
    Tensor::from_iter(array.iter().copied(), &Device::Cpu)?.reshape(array.dim())
}

fn draw(
    curves: &[[f64; STUDENT_EPOCHS]],
) -> std::result::Result<String, Box<dyn std::error::Error>> {
    const BLUE: RGBColor = RGBColor(0, 90, 181);
    const ORANGE: RGBColor = RGBColor(220, 90, 0);
    let styles = [
        ("of labels, training", BLUE.mix(0.4)),
        ("of labels, held out", BLUE.mix(1.0)),
        ("of the teacher, training (T²·KL)", ORANGE.mix(0.4)),
        ("of the teacher, held out", ORANGE.mix(1.0)),
    ];
    let top = curves.as_flattened().iter().copied().fold(0.0, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 520)).into_drawing_area();
        area.fill(&WHITE)?;
        let title = format!("Students on {STUDENT_IMAGES} images of 4×4, means over {SEEDS} seeds");
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(1..STUDENT_EPOCHS, 0.0..top)?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc("divergence [nats]")
            .axis_desc_style(("sans-serif", 16))
            .label_style(("sans-serif", 14))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for ((name, color), curve) in styles.into_iter().zip(curves) {
            let points = curve.iter().enumerate().step_by(5).map(|(at, &loss)| (at + 1, loss));
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 14))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}
