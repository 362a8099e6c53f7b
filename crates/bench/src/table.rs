//! The closing table of a benchmark: ours, the roofline and another in turn, in one run.

use std::time::Duration;

use crate::roofline::level;
use crate::rounds::{Effort, Timed, in_turn, readable};
use crate::{Number, Shape};

/// For one row.
const EFFORT: Effort = Effort { budget: Duration::from_millis(400), rounds: (7, 201) };

/// The header, with what the last of the three times is of.
pub fn print_header(other: &str) {
    println!("{} threads, {}\n", rayon::current_num_threads(), level());
    println!(
        "| shape | precision | target | reduction | ours | GB/s | roofline | {other} | \
         roofline / ours | {other} / ours | error |"
    );
    println!("|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|");
}

/// Prints a row, given the seconds of ours, the roofline and the other, such as the loop by hand.
pub fn print_row<A: Number>(
    shape: &Shape,
    target: &str,
    work: &str,
    [ours, roofline, by_hand]: [f64; 3],
    error: f64,
) {
    println!(
        "| {} | {} | {target} | {work} | {} | {:.1} | {} | {} | {:.2} | {:.2} | {error:.0e} |",
        shape.name,
        A::NAME,
        readable(ours),
        (2 * shape.elements() * size_of::<A>()) as f64 / ours / 1e9,
        readable(roofline),
        readable(by_hand),
        roofline / ours,
        by_hand / ours,
    );
}

/// Seconds of ours, the roofline and the loop by hand.
pub fn medians<P, R>(problem: &mut P, loops: [Timed<'_, P, R>; 3]) -> [f64; 3] {
    in_turn(problem, loops, EFFORT).map(|times| times.median())
}
