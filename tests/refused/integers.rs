use kldiv::{KLDivLoss, Sum};
use ndarray::array;

fn main() {
    let loss = KLDivLoss::new(Sum).forward(&array![0_i32, -1], &array![1, 0]);
    println!("{}", loss.is_ok());
}
