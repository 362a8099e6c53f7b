//! Fits normal distributions on a grid, with the gradients of the crate and the chain rule by hand.

use kldiv::{Divergence, Error, KLDivWithLogitsLoss, PerDistribution, Target};
use ndarray::{Array1, Array2};

/// The starts: every mean with every standard deviation.
const MEANS: [f64; 4] = [-3.0, -1.0, 1.0, 3.0];
const SIGMAS: [f64; 3] = [0.5, 1.0, 2.0];

const STEPS: usize = 3000;
/// Of the first step; it falls to 0 along a line.
const RATE: f64 = 0.02;

/// A normal distribution.
#[derive(Clone, Copy)]
pub struct Normal {
    pub mean: f64,
    pub log_sigma: f64,
}

impl Normal {
    pub fn sigma(self) -> f64 {
        self.log_sigma.exp()
    }

    /// −u²/2 with u = (x − mean)/σ. Their softmax is the distribution on the grid.
    pub fn logits(self, grid: &Array1<f64>) -> Array1<f64> {
        grid.mapv(|x| -0.5 * self.deviation(x).powi(2))
    }

    fn deviation(self, x: f64) -> f64 {
        (x - self.mean) / self.sigma()
    }

    /// The chain rule from the logits z: ∂z/∂mean = u/σ, ∂z/∂ln σ = u².
    fn gradient<'a>(
        self,
        grid: &Array1<f64>,
        d_logits: impl IntoIterator<Item = &'a f64>,
    ) -> [f64; 2] {
        let (mut d_mean, mut d_log_sigma) = (0.0, 0.0);
        for (&x, d_logit) in grid.iter().zip(d_logits) {
            let u = self.deviation(x);
            d_mean += d_logit * u / self.sigma();
            d_log_sigma += d_logit * u * u;
        }
        [d_mean, d_log_sigma]
    }
}

/// Where descents ended.
pub struct Minimum {
    pub normal: Normal,
    pub loss: f64,
    /// How many of the starts ended here.
    pub starts: usize,
}

/// The number of starts.
pub const STARTS: usize = MEANS.len() * SIGMAS.len();

/// The minima of the divergence from the target, the lowest first. All starts descend together: each is a row of the batch.
pub fn minima(
    divergence: Divergence,
    grid: &Array1<f64>,
    log_p: &Array1<f64>,
) -> Result<Vec<Minimum>, Error> {
    let shape = (STARTS, grid.len());
    let targets = log_p.broadcast(shape).expect("one target for all rows");
    let criterion = KLDivWithLogitsLoss::new(PerDistribution)
        .target(Target::LogProbabilities)
        .divergence(divergence);

    let mut logits = Array2::zeros(shape);
    let mut descents: Vec<Descent> = MEANS
        .iter()
        .flat_map(|&mean| SIGMAS.map(|sigma: f64| Normal { mean, log_sigma: sigma.ln() }))
        .map(Descent::new)
        .collect();
    for step in 0..STEPS {
        for (mut row, descent) in logits.rows_mut().into_iter().zip(&descents) {
            row.assign(&descent.normal.logits(grid));
        }
        let (losses, d_logits) = criterion.value_and_grad(&logits, &targets)?;
        let rate = RATE * (1.0 - step as f64 / STEPS as f64);
        for ((descent, row), &loss) in descents.iter_mut().zip(d_logits.rows()).zip(&losses) {
            descent.loss = loss;
            let gradient = descent.normal.gradient(grid, row);
            descent.step(gradient, rate);
        }
    }
    Ok(distinct(descents))
}

/// One descent by Adam (Kingma & Ba, 2015).
struct Descent {
    normal: Normal,
    loss: f64,
    first: [f64; 2],
    second: [f64; 2],
    steps: i32,
}

impl Descent {
    fn new(normal: Normal) -> Self {
        Descent { normal, loss: f64::INFINITY, first: [0.0; 2], second: [0.0; 2], steps: 0 }
    }

    fn step(&mut self, gradient: [f64; 2], rate: f64) {
        let (beta1, beta2) = (0.9_f64, 0.999_f64);
        self.steps += 1;
        let parameters = [&mut self.normal.mean, &mut self.normal.log_sigma];
        for (i, (parameter, g)) in parameters.into_iter().zip(gradient).enumerate() {
            self.first[i] += (1.0 - beta1) * (g - self.first[i]);
            self.second[i] += (1.0 - beta2) * (g * g - self.second[i]);
            let first = self.first[i] / (1.0 - beta1.powi(self.steps));
            let second = self.second[i] / (1.0 - beta2.powi(self.steps));
            *parameter -= rate * first / (second.sqrt() + 1e-8);
        }
    }
}

/// Counts descents that ended at the same place as one.
fn distinct(mut descents: Vec<Descent>) -> Vec<Minimum> {
    descents.sort_by(|a, b| a.loss.total_cmp(&b.loss));
    let mut minima: Vec<Minimum> = Vec::new();
    for Descent { normal, loss, .. } in descents {
        let is_near = |m: &&mut Minimum| {
            (m.normal.mean - normal.mean).abs() + (m.normal.log_sigma - normal.log_sigma).abs()
                < 1e-2
        };
        match minima.iter_mut().find(is_near) {
            Some(minimum) => minimum.starts += 1,
            None => minima.push(Minimum { normal, loss, starts: 1 }),
        }
    }
    minima
}
