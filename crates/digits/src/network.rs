//! A perceptron with one hidden layer, its gradient by hand, and Adam.

use ndarray::{Array2, Axis, Zip};
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use rand::rngs::StdRng;

/// images · `hidden` → max(·, 0) · `output` → logits
pub struct Network {
    hidden: Layer,
    output: Layer,
    steps: i32,
}

impl Network {
    pub fn new(pixels: usize, units: usize, classes: usize, rng: &mut StdRng) -> Self {
        Self {
            hidden: Layer::new(pixels, units, rng),
            output: Layer::new(units, classes, rng),
            steps: 0,
        }
    }

    pub fn logits(&self, images: &Array2<f32>) -> Array2<f32> {
        self.output.forward(&self.activations(images))
    }

    fn activations(&self, images: &Array2<f32>) -> Array2<f32> {
        self.hidden.forward(images).mapv_into(|x| x.max(0.0))
    }

    /// One step of Adam on a batch, whose loss is returned; `value_and_grad` maps its logits to
    /// the loss and d loss / d logits.
    pub fn step<E>(
        &mut self,
        images: &Array2<f32>,
        rate: f32,
        value_and_grad: impl FnOnce(&Array2<f32>) -> Result<(f32, Array2<f32>), E>,
    ) -> Result<f32, E> {
        let activations = self.activations(images);
        let (loss, d_logits) = value_and_grad(&self.output.forward(&activations))?;
        let mut d_hidden = d_logits.dot(&self.output.weight.value.t());
        Zip::from(&mut d_hidden)
            .and(&activations)
            .for_each(|d, &a| *d = if a > 0.0 { *d } else { 0.0 });

        self.steps += 1;
        let adam = Adam::new(rate, self.steps);
        self.output.descend(&activations, &d_logits, adam);
        self.hidden.descend(images, &d_hidden, adam);
        Ok(loss)
    }
}

/// x · weight + bias
struct Layer {
    weight: Parameter,
    bias: Parameter,
}

impl Layer {
    /// Weights as He et al. (2015) draw them for rectified units: N(0, 2 / inputs).
    fn new(inputs: usize, outputs: usize, rng: &mut StdRng) -> Self {
        let normal: Array2<f32> = Array2::random_using((inputs, outputs), StandardNormal, rng);
        Self {
            weight: Parameter::new(normal * (2.0 / inputs as f32).sqrt()),
            bias: Parameter::new(Array2::zeros((1, outputs))),
        }
    }

    fn forward(&self, x: &Array2<f32>) -> Array2<f32> {
        x.dot(&self.weight.value) + &self.bias.value
    }

    fn descend(&mut self, x: &Array2<f32>, d_output: &Array2<f32>, adam: Adam) {
        self.weight.descend(&x.t().dot(d_output), adam);
        let d_bias = d_output.sum_axis(Axis(0)).insert_axis(Axis(0));
        self.bias.descend(&d_bias, adam);
    }
}

/// A value and the running moments of its gradient.
struct Parameter {
    value: Array2<f32>,
    first: Array2<f32>,
    second: Array2<f32>,
}

impl Parameter {
    fn new(value: Array2<f32>) -> Self {
        let zeros = Array2::zeros(value.raw_dim());
        Self { value, first: zeros.clone(), second: zeros }
    }

    fn descend(&mut self, gradient: &Array2<f32>, adam: Adam) {
        Zip::from(&mut self.value)
            .and(&mut self.first)
            .and(&mut self.second)
            .and(gradient)
            .for_each(|value, first, second, &g| *value -= adam.update(first, second, g));
    }
}

/// Kingma & Ba (2015), algorithm 1, with the authors' constants.
#[derive(Clone, Copy)]
struct Adam {
    rate: f32,
    first_bias: f32,
    second_bias: f32,
}

impl Adam {
    const BETA1: f32 = 0.9;
    const BETA2: f32 = 0.999;
    const EPSILON: f32 = 1e-8;

    fn new(rate: f32, step: i32) -> Self {
        Self {
            rate,
            first_bias: 1.0 - Self::BETA1.powi(step),
            second_bias: 1.0 - Self::BETA2.powi(step),
        }
    }

    fn update(self, first: &mut f32, second: &mut f32, gradient: f32) -> f32 {
        *first += (1.0 - Self::BETA1) * (gradient - *first);
        *second += (1.0 - Self::BETA2) * (gradient * gradient - *second);
        let scale = (*second / self.second_bias).sqrt() + Self::EPSILON;
        self.rate * (*first / self.first_bias) / scale
    }
}
