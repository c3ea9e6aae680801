//! Functions of f32, with the same bits on every target.

use assay_network_plan::{Activation, Function};

/// Applies an activation to every value.
pub fn apply(activation: &Activation, values: &mut [f32]) {
    let Activation { function, a, b } = *activation;
    match function {
        Function::Identity => {}
        Function::Relu => each(values, |v| if v < 0.0 { 0.0 } else { v }),
        Function::LeakyRelu => each(values, |v| if v < 0.0 { a * v } else { v }),
        Function::Clip => each(values, |v| clamp(v, a, b)),
        Function::Sigmoid => each(values, sigmoid),
        Function::Tanh => each(values, libm::tanhf),
        Function::Exp => each(values, libm::expf),
        Function::Log => each(values, libm::logf),
        Function::Sqrt => each(values, libm::sqrtf),
        Function::Abs => each(values, libm::fabsf),
        Function::Neg => each(values, |v| -v),
        Function::Erf => each(values, libm::erff),
        Function::Silu => each(values, |v| v * sigmoid(v)),
    }
}

fn each(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-value))
}

/// `value` bounded below by `low`, then above by `high`; NaN stays NaN.
pub fn clamp(value: f32, low: f32, high: f32) -> f32 {
    let value = if value < low { low } else { value };
    if value > high {
        high
    } else {
        value
    }
}

/// The nearest integer, the even one of two, for |value| up to 2^22.
pub fn round_half_even(value: f32) -> f32 {
    // Between 2^23 and 2^24 the distance between neighbours is 1.
    const MAGIC: f32 = 12_582_912.0;
    (value + MAGIC) - MAGIC
}
