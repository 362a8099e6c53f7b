//! Tensors as arrays: views of their storage, types of numbers.

use candle_core::{CpuStorage, DType, Device, DeviceLocation, Layout, Result, WithDType, bail};
use kldiv::ndarray::{Array, ArrayViewD, Dimension, IxDyn, ShapeBuilder};

/// The name of the operation in messages.
pub const NAME: &str = "kldiv";

/// A tensor in main memory.
pub type Stored<'a> = (&'a CpuStorage, &'a Layout);

/// Runs code in which a name is the type of the numbers.
macro_rules! with_number {
    ($dtype:expr, $A:ident => $work:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $A = f32;
                $work
            }
            candle_core::DType::F64 => {
                type $A = f64;
                $work
            }
            candle_core::DType::F16 => {
                type $A = kldiv::half::f16;
                $work
            }
            candle_core::DType::BF16 => {
                type $A = kldiv::half::bf16;
                $work
            }
            other => Err(candle_core::Error::UnsupportedDTypeForOp(other, NAME).bt()),
        }
    };
}
pub(crate) use with_number;

/// The type of losses, weights and upstreams of operands of a type.
pub fn loss_type(operands: DType) -> DType {
    if operands == DType::F64 { DType::F64 } else { DType::F32 }
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
    view.map_err(candle_core::Error::wrap)
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
