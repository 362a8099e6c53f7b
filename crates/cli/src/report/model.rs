//! What a comparison found: the one source of the table, the JSON, the rows, the pictures and the page.
//!
//! Divergences are in nats, shares and probabilities are fractions.

pub use crate::statistics::{Estimate, Summary};

/// A whole report.
#[derive(Clone, Debug)]
pub struct Report {
    /// The rows (distributions) that count: those of weight 0 are left out.
    pub rows: u64,
    /// Rows of weight 0.
    pub left_out: u64,
    pub classes: u64,
    /// Rows of which every file holds one number only, which is what unwritten data looks like.
    pub constant_rows: u64,
    /// The shape of the arrays, and the axis along which the classes lie.
    pub shape: Vec<usize>,
    pub axis: usize,
    /// In which type the divergences were computed: `f32` or `f64`.
    pub computed_in: &'static str,
    /// What logits were divided by: the candidates' and the reference's.
    pub temperatures: [f64; 2],
    /// The file of the weights, and that of the labels, if there are.
    pub weights: Option<String>,
    pub labels: Option<String>,
    pub reference: Operand,
    pub candidates: Vec<Candidate>,
    /// What the reader should know, a sentence each: that a file is quantised, that rows were constant.
    pub notes: Vec<String>,
}

/// A file, and what it was taken for.
#[derive(Clone, Debug)]
pub struct Operand {
    /// As it was given: `file.npz:name`.
    pub file: String,
    /// `.npy`, `.npz`, `.safetensors`, `llama.cpp`.
    pub format: &'static str,
    /// `f16`, `bf16`, `f32`, `f64`, `16-bit logarithms`.
    pub dtype: String,
    /// `logits`, `log-probabilities` or `probabilities`.
    pub holds: &'static str,
    /// Whether the program found that out, rather than having been told.
    pub is_found: bool,
    /// Rows that are no distributions, where the run was asked to go on.
    pub deviating: Option<Deviating>,
}

/// Rows that are no distributions.
#[derive(Clone, Debug)]
pub struct Deviating {
    pub rows: u64,
    /// The index of the first, the class axis left out, and its mass.
    pub first: Vec<u64>,
    pub mass: f64,
}

/// All that was found of one candidate.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub operand: Operand,
    /// In the order in which they were asked for; named as `Divergence` prints itself: `forward`, `jensen-shannon:0.5`.
    pub divergences: Vec<(String, Summary)>,
    /// The share of rows in which reference and candidate have the same greatest class.
    pub same_top: Estimate,
    /// 1 − total variation: the share of tokens of a draft that speculative decoding keeps.
    pub acceptance: Estimate,
    pub labels: Option<Labels>,
}

/// What the labels say.
#[derive(Clone, Debug)]
pub struct Labels {
    /// e to the mean negative log-likelihood of the labels, with the error to first order.
    pub perplexity: Estimate,
    pub base_perplexity: Estimate,
    /// The correlation of the logarithms of the two perplexities.
    pub correlation: f64,
    /// ln(perplexity / base perplexity), the ratio, and the difference, with their covariance taken into account.
    pub log_ratio: Estimate,
    pub ratio: Estimate,
    pub difference: Estimate,
    /// The candidate's probability of the label less the reference's.
    pub delta_p: Summary,
    /// The root of the mean square of that.
    pub delta_p_rms: Estimate,
}

/// One number of every row, in the order of C, for `--csv`: what it is called, and the numbers.
pub type Column<'a> = (String, Box<dyn Iterator<Item = f64> + 'a>);
