//! Views that no slice holds, all of the same number of elements.

use kldiv::{BatchMean, KLDivLoss};
use ndarray::{Array2, ArrayView2, Ix2, ShapeBuilder, Zip, s};

use super::{At, LAYOUT, Sweep, problem};
use crate::contender::{Contender, value};
use crate::timing::in_turn;
use kldiv_bench::by_hand::term;
use kldiv_bench::{Problem, Target};

/// A pair of views, and as many elements for the roofline.
struct Pair<'a> {
    x: ArrayView2<'a, f32>,
    t: ArrayView2<'a, f32>,
    standard: &'a Problem<f32, Ix2>,
}

impl Sweep {
    pub fn layouts(&mut self) {
        let (rows, classes) = (4096 / self.shrink, 1000);
        let standard = &problem::<Ix2>(&[rows, classes], 1);
        let wide = problem::<Ix2>(&[rows, 2 * classes], 1);
        let tall = problem::<Ix2>(&[2 * rows, classes], 1);
        let [x, t] = views(standard);
        let columns = [by_columns(x), by_columns(t)];
        let [wide_x, wide_t] = views(&wide);
        let [tall_x, tall_t] = views(&tall);
        let layouts = [
            ("as stored", x, t),
            ("rows reversed", x.slice_move(s![..;-1, ..]), t.slice_move(s![..;-1, ..])),
            ("every second row", tall_x.slice_move(s![..;2, ..]), tall_t.slice_move(s![..;2, ..])),
            ("classes reversed", x.slice_move(s![.., ..;-1]), t.slice_move(s![.., ..;-1])),
            (
                "every second class",
                wide_x.slice_move(s![.., ..;2]),
                wide_t.slice_move(s![.., ..;2]),
            ),
            ("column by column", columns[0].view(), columns[1].view()),
            ("only the target column by column", x, columns[1].view()),
        ];
        for (index, (name, x, t)) in layouts.into_iter().enumerate() {
            let at = At { sweep: LAYOUT, series: name.to_owned(), x: index as f64 };
            let mut pair = Pair { x, t, standard };
            let contenders: [Box<dyn Contender<Pair>>; 3] = [
                value("roofline", |pair: &mut Pair| pair.standard.read(Target::Probability)),
                value("ours", |pair: &mut Pair| {
                    let loss = KLDivLoss::new(BatchMean).forward(&pair.x, &pair.t);
                    loss.expect("operands that fit")
                }),
                value("by hand", |pair: &mut Pair| {
                    let terms = Zip::from(pair.x).and(pair.t);
                    terms.fold(0.0, |sum: f32, &x, &t| sum + term(x, t)) / pair.x.nrows() as f32
                }),
            ];
            let contenders = contenders.each_ref().map(Box::as_ref);
            let seconds = in_turn(&mut pair, &contenders, self.effort);
            self.point(at, rows * classes, &seconds);
        }
    }
}

fn views(problem: &Problem<f32, Ix2>) -> [ArrayView2<'_, f32>; 2] {
    let (x, t) = problem.operands.pair(Target::Probability);
    [x.view(), t.view()]
}

fn by_columns(array: ArrayView2<f32>) -> Array2<f32> {
    let mut columns = Array2::zeros(array.raw_dim().f());
    columns.assign(&array);
    columns
}
