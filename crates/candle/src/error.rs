//! Errors of `kldiv` inside those of candle.

use candle_core::Error;

/// The error of candle that carries one of ours.
pub fn refused(error: kldiv::Error) -> Error {
    let on_tensors = match error {
        kldiv::Error::ShapeMismatch { .. } => {
            " (of a tensor: .broadcast_as(shape), .narrow(axis, start, len))"
        }
        _ => "",
    };
    let context = format!("{error}{on_tensors}");
    Error::WrappedContext { wrapped: Box::new(error), context }.bt()
}

/// Returns the [`kldiv::Error`] inside an error of candle, below the backtraces and contexts that were added to it.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use kldiv::{Error, KLDivLoss, Sum};
/// use kldiv_candle::{KlDiv, cause};
///
/// let x = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
/// let t = Tensor::zeros((2, 4), DType::F32, &Device::Cpu)?;
/// let refused = KLDivLoss::new(Sum).loss(&x, &t).unwrap_err();
/// let Some(Error::ShapeMismatch { input, target, .. }) = cause(&refused) else { panic!() };
/// assert_eq!((&input[..], &target[..]), (&[2, 3][..], &[2, 4][..]));
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cause(error: &Error) -> Option<&kldiv::Error> {
    match error {
        Error::WrappedContext { wrapped, .. } => wrapped.downcast_ref(),
        Error::Context { inner, .. }
        | Error::WithPath { inner, .. }
        | Error::WithBacktrace { inner, .. } => cause(inner),
        _ => None,
    }
}
