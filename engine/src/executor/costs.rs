//! What operators cost in fuel: one unit each, but for those that would otherwise decide how much fuel a step may have.
//!
//! Calls zero the locals of what they call, and products, quotients and roots of vectors take the processor many times as
//! long where numbers are subnormal. `docs/limits.md` has the times.

use wasmi::OperatorCost;

const CALL: u8 = 4;
const F32X4_MUL: u8 = 2;
const F32X4_DIV: u8 = 2;
const F32X4_SQRT: u8 = 5;
const F64X2_SQRT: u8 = 3;

/// The interpreter's costs.
pub(super) fn costs() -> OperatorCost {
    OperatorCost {
        call: CALL,
        f32x4_mul: F32X4_MUL,
        f32x4_div: F32X4_DIV,
        f32x4_sqrt: F32X4_SQRT,
        f64x2_sqrt: F64X2_SQRT,
        ..OperatorCost::default()
    }
}

/// The same of one operator.
#[cfg(feature = "jit")]
pub(super) fn cost_of(operator: &wasmparser::Operator) -> i64 {
    use wasmparser::Operator::*;
    let units = match operator {
        Nop | Drop | Block { .. } | Loop { .. } | Unreachable | Return | Else | End => 0,
        Call { .. } => CALL,
        F32x4Mul => F32X4_MUL,
        F32x4Div => F32X4_DIV,
        F32x4Sqrt => F32X4_SQRT,
        F64x2Sqrt => F64X2_SQRT,
        _ => 1,
    };
    units.into()
}
