//! The Kullback–Leibler divergence as a loss over `ndarray` arrays.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod batch;
mod element;
mod error;
mod exact;
mod kernel;
mod lanes;
mod loss;
mod partial;
mod reduction;

pub use batch::{Batch, Gradients};
pub use element::Element;
pub use error::Error;
pub use loss::KLDivLoss;
pub use ndarray;
pub use partial::Partial;
pub use reduction::{
    AnyReduction, BatchMean, DistributionMean, Mean, PerDistribution, Pointwise, Reduction,
    ScalarReduction, Sum, SumOver,
};
