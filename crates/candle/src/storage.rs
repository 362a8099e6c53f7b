//! Tensors as arrays: views of their storage, types of numbers.

use std::ops::Deref;

use candle_core::{
    CpuStorage, DType, Device, DeviceLocation, Error, Layout, Result, Storage, Tensor, WithDType,
    bail,
};
use kldiv::ndarray::{Array, ArrayViewD, Dimension, IxDyn, ShapeBuilder};

/// The name of the operation in messages.
pub const NAME: &str = "kldiv";

/// A tensor in main memory.
pub type Stored<'a> = (&'a CpuStorage, &'a Layout);

/// Runs code in which a name is the type of a tensor, one of some.
macro_rules! with_type {
    ($dtype:expr, $A:ident of [$($variant:ident => $type:ty),*] => $work:expr, $refused:expr) => {
        match $dtype {
            $(candle_core::DType::$variant => {
                type $A = $type;
                $work
            })*
            other => Err($refused(other).bt()),
        }
    };
}
pub(crate) use with_type;

/// Runs code in which a name is the type of the numbers.
macro_rules! with_number {
    ($dtype:expr, $A:ident => $work:expr) => {
        crate::storage::with_type!(
            $dtype,
            $A of [F32 => f32, F64 => f64, F16 => kldiv::half::f16, BF16 => kldiv::half::bf16]
                => $work,
            crate::storage::no_number
        )
    };
}
pub(crate) use with_number;

/// Runs code in which a name is the type of indices of classes.
macro_rules! with_index {
    ($dtype:expr, $I:ident => $work:expr) => {
        crate::storage::with_type!(
            $dtype,
            $I of [U32 => u32, I64 => i64, I32 => i32] => $work,
            crate::storage::no_index
        )
    };
}
pub(crate) use with_index;

/// The error of numbers of another type.
pub fn no_number(dtype: DType) -> Error {
    Error::UnsupportedDTypeForOp(dtype, NAME)
}

/// The error of indices of another type.
pub fn no_index(dtype: DType) -> Error {
    Error::Msg(format!(
        "{NAME} takes classes and labels of u32, i32 or i64, not {}: pass .to_dtype(DType::U32)?",
        dtype.as_str()
    ))
}

/// The type of losses, weights and upstreams of operands of a type.
pub fn loss_type(operands: DType) -> DType {
    if operands == DType::F64 { DType::F64 } else { DType::F32 }
}

/// A tensor that is held, in main memory.
pub fn stored<'a>(
    (storage, layout): &'a (impl Deref<Target = Storage>, &Layout),
) -> Result<Stored<'a>> {
    match &**storage {
        Storage::Cpu(storage) => Ok((storage, *layout)),
        _ => bail!("{NAME}: a tensor has left the CPU"),
    }
}

/// The tensor as a view, with its own strides. Nothing is copied.
pub fn view<'a, T: WithDType>((storage, layout): Stored<'a>) -> Result<ArrayViewD<'a, T>> {
    let numbers = T::cpu_storage_as_slice(storage)?;
    let shape = IxDyn(layout.dims());
    let view = if layout.shape().elem_count() == 0 {
        // It may start beyond the end of the storage.
        ArrayViewD::from_shape(shape, &[])
    } else {
        let strides = IxDyn(layout.stride());
        ArrayViewD::from_shape(shape.strides(strides), &numbers[layout.start_offset()..])
    };
    view.map_err(Error::wrap)
}

/// The numbers in the order of the axes. They are copied only if the array holds them in another order.
pub fn in_order<T: Copy, D: Dimension>(array: Array<T, D>) -> Vec<T> {
    if array.is_standard_layout() {
        array.into_raw_vec_and_offset().0
    } else {
        array.iter().copied().collect()
    }
}

/// Refuses a tensor that is not in main memory.
pub fn check_device(device: &Device, name: &str) -> Result<()> {
    if device.is_cpu() { Ok(()) } else { elsewhere(device.location(), name) }
}

/// Refuses a tensor that is not in main memory, or whose gradient would be asked for, since it gets none.
pub fn check_constant(tensor: &Tensor, name: &str) -> Result<()> {
    check_device(tensor.device(), name)?;
    if tensor.track_op() {
        bail!("{NAME} has no gradient of the {name}: pass {name}.detach()");
    }
    Ok(())
}

fn elsewhere(location: DeviceLocation, name: &str) -> Result<()> {
    bail!(
        "{NAME} computes on the CPU, but the {name} is on {location:?}: pass {name}.to_device(&Device::Cpu)?"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_device_is_named_with_the_way_out() {
        for location in [DeviceLocation::Cuda { gpu_id: 1 }, DeviceLocation::Metal { gpu_id: 0 }] {
            let message = elsewhere(location, "target").unwrap_err().to_string();
            assert!(message.contains(&format!("{location:?}")), "{message}");
            assert!(message.contains("target.to_device(&Device::Cpu)"), "{message}");
        }
    }
}
