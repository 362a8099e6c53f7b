//! The same logical array, laid out differently in memory.

use ndarray::{ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Axis, IxDyn, RawData, Slice};

use super::Number;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    C,
    F,
    /// Axes moved round by one.
    Rolled,
    /// Every second element along every axis, NaN between.
    Step2,
    /// Axis 0 backwards.
    FirstInverted,
    /// The last axis backwards.
    LastInverted,
}

pub const LAYOUTS: [Layout; 6] = [
    Layout::C,
    Layout::F,
    Layout::Rolled,
    Layout::Step2,
    Layout::FirstInverted,
    Layout::LastInverted,
];

impl Layout {
    /// What to keep in memory so that [`view`](Self::view) shows `array`.
    pub fn store<A: Number>(self, array: &ArrayD<A>) -> ArrayD<A> {
        if self == Layout::Step2 {
            let shape: Vec<_> = array.shape().iter().map(|len| 2 * len).collect();
            let mut store = ArrayD::from_elem(shape, A::of(f64::NAN));
            store.slice_each_axis_mut(|_| Slice::new(0, None, 2)).assign(array);
            return store;
        }
        let mut order: Vec<_> = (0..array.ndim()).collect();
        match self {
            Layout::F => order.reverse(),
            Layout::Rolled if array.ndim() > 0 => order.rotate_left(1),
            _ => {}
        }
        let mut view = array.view().permuted_axes(order);
        self.invert(&mut view);
        view.as_standard_layout().into_owned()
    }

    pub fn view<A>(self, store: &ArrayD<A>) -> ArrayViewD<'_, A> {
        self.shown(store.view())
    }

    pub fn view_mut<A>(self, store: &mut ArrayD<A>) -> ArrayViewMutD<'_, A> {
        self.shown(store.view_mut())
    }

    fn shown<S: RawData>(self, mut store: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        let ndim = store.ndim();
        if self == Layout::Step2 {
            (0..ndim).for_each(|axis| store.slice_axis_inplace(Axis(axis), Slice::new(0, None, 2)));
        }
        let mut order: Vec<_> = (0..ndim).collect();
        match self {
            Layout::F => order.reverse(),
            Layout::Rolled if ndim > 0 => order.rotate_right(1),
            _ => {}
        }
        let mut shown = store.permuted_axes(order);
        self.invert(&mut shown);
        shown
    }

    fn invert<S: RawData>(self, view: &mut ArrayBase<S, IxDyn>) {
        match (self, view.ndim()) {
            (_, 0) => {}
            (Layout::FirstInverted, _) => view.invert_axis(Axis(0)),
            (Layout::LastInverted, ndim) => view.invert_axis(Axis(ndim - 1)),
            _ => {}
        }
    }
}
