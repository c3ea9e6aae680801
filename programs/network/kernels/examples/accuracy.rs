//! Measures the functions of `math.rs` against those of f64 in `libm`.
//!
//! ```text
//! cargo run --release --example accuracy [STRIDE]
//! ```
//!
//! Every STRIDEth f32 is an argument, so without a STRIDE all are. A prime one gets everywhere.

use assay_network::math;

const TWO_128: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;

type Unary = (&'static str, fn(f32) -> f32, fn(f64) -> f64);

const UNARY: [Unary; 21] = [
    ("exp", math::exp, libm::exp),
    ("log", math::log, libm::log),
    ("tanh", math::tanh, libm::tanh),
    ("sigmoid", math::sigmoid, sigmoid),
    ("erf", math::erf, libm::erf),
    ("softplus", math::softplus, softplus),
    ("round_half_even", math::round_half_even, libm::rint),
    ("floor", math::floor, libm::floor),
    ("ceil", math::ceil, libm::ceil),
    ("sqrt", math::sqrt, f64::sqrt),
    ("sin", math::sin, libm::sin),
    ("cos", math::cos, libm::cos),
    ("tan", math::tan, libm::tan),
    ("asin", math::asin, libm::asin),
    ("acos", math::acos, libm::acos),
    ("atan", math::atan, libm::atan),
    ("sinh", math::sinh, libm::sinh),
    ("cosh", math::cosh, libm::cosh),
    ("asinh", math::asinh, libm::asinh),
    ("acosh", math::acosh, acosh),
    ("atanh", math::atanh, libm::atanh),
];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// Below -1 libm's returns numbers.
fn acosh(x: f64) -> f64 {
    if x < 1.0 {
        f64::NAN
    } else {
        libm::acosh(x)
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let stride = arguments
        .next()
        .map_or(1, |stride| stride.parse().expect("STRIDE is a number"));
    let names: Vec<String> = arguments.collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    println!("| function | greatest error, ulp | at | not the nearest f32 |");
    println!("| --- | --- | --- | --- |");
    for (name, function, exact) in UNARY.into_iter().filter(|unary| wanted(unary.0)) {
        let mut measure = Measure::default();
        for x in every(stride) {
            measure.add(&[x], function(x), exact(f64::from(x)));
        }
        measure.print(name);
    }
    if wanted("pow") {
        let mut measure = Measure::default();
        for x in every(stride) {
            let y = exponent_for(x);
            measure.add(&[x, y], math::pow(x, y), libm::pow(f64::from(x), f64::from(y)));
        }
        measure.print("pow");
    }
}

fn every(stride: usize) -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(stride).map(f32::from_bits)
}

/// Some y for which x^y is an f32 or hardly not one; an integer if x is negative.
fn exponent_for(x: f32) -> f32 {
    let random = f64::from(x.to_bits().wrapping_mul(0x9e37_79b1)) / f64::from(u32::MAX);
    let y = (random * 280.0 - 151.0) / f64::from(x).abs().log2();
    (if x < 0.0 { y.round() } else { y }) as f32
}

/// What was seen of a function.
#[derive(Default)]
struct Measure {
    count: u64,
    not_nearest: u64,
    error: f64,
    at: Vec<f32>,
}

impl Measure {
    fn add(&mut self, arguments: &[f32], result: f32, exact: f64) {
        let error = error(result, exact);
        let nearest = exact as f32;
        let same = result.to_bits() == nearest.to_bits() || (result.is_nan() && nearest.is_nan());
        self.count += 1;
        self.not_nearest += u64::from(!same);
        if error > self.error {
            self.error = error;
            self.at = arguments.to_vec();
        }
    }

    fn print(&self, name: &str) {
        let share = 100.0 * self.not_nearest as f64 / self.count as f64;
        println!("| {name} | {:.4} | {:?} | {share:.3} % |", self.error, self.at);
    }
}

/// In units in the last place; infinite where only one of the two is NaN.
fn error(result: f32, exact: f64) -> f64 {
    let result = f64::from(result);
    if result.is_nan() || exact.is_nan() {
        return if result.is_nan() && exact.is_nan() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    if result.is_infinite() && exact.abs() >= TWO_128 && result * exact > 0.0 {
        return 0.0;
    }
    let exponent = (exact.to_bits() >> 52 & 0x7ff).clamp(1023 - 126, 1023 + 127);
    let unit = f64::from_bits((exponent - 23) << 52);
    (result.clamp(-TWO_128, TWO_128) - exact).abs() / unit
}
