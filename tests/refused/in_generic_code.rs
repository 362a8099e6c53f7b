use kldiv::{BatchMean, Element, KLDivLoss};
use ndarray::{Array2, array};

fn loss<A: Element>(log_q: &Array2<A>, p: &Array2<A>) -> A::Loss {
    KLDivLoss::new(BatchMean).forward(log_q, p).unwrap()
}

fn main() {
    println!("{}", loss(&array![[0_u8, 1]], &array![[1, 0]]));
}
