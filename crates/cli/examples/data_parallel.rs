//! Data-parallel training on MPI: a linear student on handwritten digits, every process with its share of the batch.
//!
//! ```text
//! cargo build --release -p kldiv-cli --features mpi --example data_parallel
//! mpirun -n 4 target/release/examples/data_parallel
//! ```
//!
//! The loss of a shard is divided by the number of images of all processes, so the sum of the shards' gradients is the
//! gradient of the whole. That sum is one of floats, and its last bits depend on the number of processes; the loss that
//! is told comes from exact partial results.

use std::error::Error;

use kldiv::{KLDivWithLogitsLoss, Partial, SumOver};
use kldiv_digits::{CLASSES, Digits};
use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};
use ndarray::{Array2, ArrayView1, ArrayView2, s};

const STEPS: usize = 50;
const RATE: f32 = 0.5;

fn main() {
    // The library has threads of its own; only this one speaks to MPI.
    let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
        eprintln!("error: MPI was initialised already");
        return;
    };
    let world = universe.world();
    if let Err(error) = run(&world) {
        eprintln!("error: process {} of {}: {error}", world.rank(), world.size());
        // The others may wait for this one.
        world.abort(1);
    }
}

fn run(world: &SimpleCommunicator) -> Result<(), Box<dyn Error>> {
    let digits = Digits::load();
    let (rank, size) = (world.rank() as usize, world.size() as usize);
    let mine = digits.count() * rank / size..digits.count() * (rank + 1) / size;
    let (images, labels) =
        (digits.images.slice(s![mine.clone(), ..]), digits.labels.slice(s![mine]));
    let criterion = KLDivWithLogitsLoss::new(SumOver(digits.count() as f64));
    let mut weights = Array2::<f32>::zeros((images.ncols(), CLASSES));
    for step in 0..=STEPS {
        let logits = images.dot(&weights);
        let partial = criterion.labels_batch(&logits, &labels)?.partial()?;
        let loss: f32 = criterion.finish(&all_of(world, &partial)?)?;
        if world.rank() == 0 && step % 10 == 0 {
            println!("step {step:2}  loss {loss}");
        }
        let mut gradient = gradient(criterion, &images, &labels, &weights)?;
        all_reduce(world, &mut gradient);
        if step == 0 {
            let whole = gradient_of_all(criterion, &digits, &weights)?;
            check(&gradient, &whole)?;
        }
        weights.scaled_add(-RATE, &gradient);
    }
    Ok(())
}

fn gradient(
    criterion: KLDivWithLogitsLoss<SumOver>,
    images: &ArrayView2<'_, f32>,
    labels: &ArrayView1<'_, u32>,
    weights: &Array2<f32>,
) -> Result<Array2<f32>, kldiv::Error> {
    let logits = images.dot(weights);
    let (_, d_logits) = criterion.labels_batch(&logits, labels)?.value_and_grad()?;
    Ok(images.t().dot(&d_logits))
}

/// What one process would compute.
fn gradient_of_all(
    criterion: KLDivWithLogitsLoss<SumOver>,
    digits: &Digits,
    weights: &Array2<f32>,
) -> Result<Array2<f32>, kldiv::Error> {
    gradient(criterion, &digits.images.view(), &digits.labels.view(), weights)
}

/// Equal but for the order of the additions.
fn check(reduced: &Array2<f32>, whole: &Array2<f32>) -> Result<(), Box<dyn Error>> {
    let largest = |array: &Array2<f32>| array.iter().fold(0.0, |m: f32, x| m.max(x.abs()));
    let error = largest(&(reduced - whole)) / largest(whole);
    if error < 1e-5 { Ok(()) } else { Err(format!("the gradient is wrong by {error:e}").into()) }
}

/// The partial result over all ranks, on all ranks.
fn all_of(world: &SimpleCommunicator, partial: &Partial) -> Result<Partial, Box<dyn Error>> {
    let (mut words, mut extremes) = ([0_i64; Partial::WORDS], [0_i64; 2]);
    let sum = SystemOperation::sum();
    world.all_reduce_into(&partial.to_words()[..], &mut words[..], sum);
    let max = SystemOperation::max();
    world.all_reduce_into(&partial.extremes()[..], &mut extremes[..], max);
    Ok(Partial::from_words(&words, extremes)?)
}

fn all_reduce(world: &SimpleCommunicator, gradient: &mut Array2<f32>) {
    let mine: Vec<f32> = gradient.iter().copied().collect();
    let mut all = vec![0.0_f32; mine.len()];
    world.all_reduce_into(&mine[..], &mut all[..], SystemOperation::sum());
    gradient.iter_mut().zip(all).for_each(|(to, sum)| *to = sum);
}
