use half::bf16;
use kldiv::{KLDivLoss, Sum};
use ndarray::array;

fn main() {
    let (log_q, p) = (array![bf16::NEG_ONE], array![bf16::ONE]);
    println!("{}", KLDivLoss::new(Sum).value_and_grad(&log_q, &p).is_ok());
}
