//! The tensors of a version on the chain, as those of a package.

use assay_chain::runtime_types::pallet_models::types as chain;

use crate::client::version::text;
use crate::package::{Dtype, TensorSpec};

/// The tensors of an input or an output. Those of a type that the tools do not know are their bytes.
pub fn specs(tensors: &[chain::Tensor]) -> Vec<TensorSpec> {
    tensors.iter().map(spec).collect()
}

fn spec(tensor: &chain::Tensor) -> TensorSpec {
    let shape = tensor.shape.0.iter().copied().map(u64::from).collect::<Vec<_>>();
    let (dtype, width) = dtype(&tensor.dtype);
    TensorSpec {
        name: text(&tensor.name.0),
        dtype,
        shape: match width {
            0 => shape,
            width => vec![shape.iter().fold(width, |bytes, len| bytes.saturating_mul(*len))],
        },
    }
}

/// A type of the tools, or `u8` and the bytes of one element.
fn dtype(dtype: &chain::Dtype) -> (Dtype, u64) {
    match dtype {
        chain::Dtype::F32 => (Dtype::F32, 0),
        chain::Dtype::I8 => (Dtype::I8, 0),
        chain::Dtype::I32 => (Dtype::I32, 0),
        chain::Dtype::I64 => (Dtype::I64, 0),
        chain::Dtype::U8 => (Dtype::U8, 0),
        chain::Dtype::Bool => (Dtype::Bool, 0),
        chain::Dtype::I16 | chain::Dtype::U16 => (Dtype::U8, 2),
        chain::Dtype::U32 => (Dtype::U8, 4),
        chain::Dtype::F64 | chain::Dtype::U64 => (Dtype::U8, 8),
    }
}

/// A type of the tools, as the chain writes it.
pub fn chain_dtype(dtype: Dtype) -> chain::Dtype {
    match dtype {
        Dtype::F32 => chain::Dtype::F32,
        Dtype::I8 => chain::Dtype::I8,
        Dtype::U8 => chain::Dtype::U8,
        Dtype::I32 => chain::Dtype::I32,
        Dtype::I64 => chain::Dtype::I64,
        Dtype::Bool => chain::Dtype::Bool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_chain::runtime_types::bounded_collections::bounded_vec::BoundedVec;

    fn tensor(dtype: chain::Dtype, shape: &[u32]) -> chain::Tensor {
        chain::Tensor {
            name: BoundedVec(b"x".to_vec()),
            dtype,
            shape: BoundedVec(shape.to_vec()),
        }
    }

    #[test]
    fn tensors_are_those_of_a_package() {
        let all = [
            Dtype::F32,
            Dtype::I8,
            Dtype::U8,
            Dtype::I32,
            Dtype::I64,
            Dtype::Bool,
        ];
        for dtype in all {
            let expected = TensorSpec {
                name: "x".into(),
                dtype,
                shape: vec![2, 3],
            };
            assert_eq!(specs(&[tensor(chain_dtype(dtype), &[2, 3])]), [expected]);
        }
    }

    #[test]
    fn a_type_that_the_tools_do_not_know_is_bytes() {
        for (dtype, shape, bytes) in [
            (chain::Dtype::U64, vec![], 8),
            (chain::Dtype::U16, vec![3], 6),
            (chain::Dtype::F64, vec![2, 2], 32),
        ] {
            let [spec] = &specs(&[tensor(dtype, &shape)])[..] else {
                panic!("one tensor has one spec")
            };
            assert_eq!((spec.dtype, spec.bytes()), (Dtype::U8, Some(bytes)));
        }
    }
}
