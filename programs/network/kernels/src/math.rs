//! Functions of f32, with the same bits on every target.
//!
//! [`exp`], [`log`], [`tanh`], [`sigmoid`], [`erf`] and [`softplus`] have no branches, tables, calls or f64, and
//! neither have [`round_half_even`], [`floor`], [`ceil`], [`sqrt`] and [`abs`]: a loop over a slice becomes SIMD.
//! The others call `libm`.
//!
//! Each operation has the result that IEEE 754 defines, and none is fused. Where a result is NaN it is always the
//! same NaN, whatever the sign and the payload of an argument; only `round_half_even`, `floor`, `ceil`, `sqrt` and
//! `abs`, which are one instruction of the guest each, may return another.
//!
//! Errors are distances from the exact results in units in the last place, as `examples/accuracy.rs` measures them:
//! over all arguments, but for the functions of `libm` over every 61st.

use core::f32::consts::LOG2_E;

/// The NaN that the functions return.
const NAN: f32 = f32::from_bits(0x7fc0_0000);

const SIGN: u32 = 1 << 31;

/// Added to a number below 2^21 it rounds that to an integer n; the lowest bits of the sum are then n + 254.
const SHIFT: f32 = 12_583_166.0;

/// LN2_HIGH + LN2_LOW is ln 2, and LN2_HIGH times an integer below 2^9 is exact.
const LN2_HIGH: f32 = 0.69314575;
const LN2_LOW: f32 = 1.4286068e-6;

/// e^x.
///
/// Error: at most 0.91 ulp. Special values: 0 at -inf, inf at inf.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    canonical(Power::of(clamp(x, -104.0, 89.0)).value())
}

/// The natural logarithm.
///
/// Error: at most 0.91 ulp. Special values: -inf at 0 and -0, NaN below, inf at inf.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    // The bits of sqrt(1/2), where mantissas start.
    const START: u32 = 0x3f35_04f3;
    let subnormal = x < f32::MIN_POSITIVE;
    let normal = if subnormal { x * 8_388_608.0 } else { x };
    let bias = if subnormal { 150.0 } else { 127.0 };
    let bits = normal.to_bits().wrapping_add(0x3f80_0000 - START);
    let exponent = (bits >> 23) as i32 as f32 - bias;
    let f = f32::from_bits((bits & 0x007f_ffff) + START) - 1.0;
    let gap = log1p_gap(f, [0.66666776, 0.39977553, 0.29872137]);
    let y = exponent * LN2_HIGH + (f - (gap - exponent * LN2_LOW));
    let y = if x > 0.0 { y } else { NAN };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x == f32::INFINITY {
        x
    } else {
        y
    }
}

/// The hyperbolic tangent.
///
/// Error: at most 2.61 ulp. Special values: -0 at -0, -1 at -inf, 1 at inf.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let double = 2.0 * x.abs();
    let power = Power::of(if double > 32.0 { 32.0 } else { double });
    let inverse = power.inverse_scale();
    // tanh = (e^2x - 1) / (e^2x + 1), here divided by 2^n.
    let numerator = ((1.0 - inverse) + power.high) + power.low;
    signed(numerator / (numerator + (inverse + inverse)), x)
}

/// The logistic function: 1 / (1 + e^-x).
///
/// Error: at most 2.41 ulp. Special values: 0 at -inf, 1 at inf.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let power = Power::of(clamp(x, -104.0, 104.0));
    // Divided by one half of the scale, neither term of e^x / (1 + e^x) overflows or underflows.
    let numerator = power.mantissa() * power.high_scale();
    canonical(numerator / (power.inverse_low_scale() + numerator))
}

/// The error function.
///
/// Error: at most 1.87 ulp. Special values: -0 at -0, -1 at -inf, 1 at inf.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    let a = if a > 4.0 { 4.0 } else { a };
    let (inner, outer) = (erf_inner(a), erf_outer(a));
    signed(if a < 1.15 { inner } else { outer }, x)
}

/// ln(1 + e^x).
///
/// Error: at most 2.03 ulp. Special values: 0 at -inf, inf at inf.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let positive = if x < 0.0 { 0.0 } else { x };
    let a = x.abs();
    let z = Power::of(-(if a > 104.0 { 104.0 } else { a })).value();
    canonical(positive + (z - log1p_gap(z, [0.6666641, 0.4002175, 0.27998206, 0.280295])))
}

/// The sine.
///
/// Error: at most 0.51 ulp. Special values: -0 at -0, NaN at the infinities.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    canonical(libm::sinf(x))
}

/// The cosine.
///
/// Error: at most 0.51 ulp. Special values: NaN at the infinities.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    canonical(libm::cosf(x))
}

/// The tangent.
///
/// Error: at most 0.81 ulp. Special values: -0 at -0, NaN at the infinities.
#[inline(always)]
pub fn tan(x: f32) -> f32 {
    canonical(libm::tanf(x))
}

/// The arcsine.
///
/// Error: at most 0.75 ulp. Special values: -0 at -0, NaN beyond -1 and 1.
#[inline(always)]
pub fn asin(x: f32) -> f32 {
    canonical(libm::asinf(x))
}

/// The arccosine.
///
/// Error: at most 0.9 ulp. Special values: NaN beyond -1 and 1.
#[inline(always)]
pub fn acos(x: f32) -> f32 {
    canonical(libm::acosf(x))
}

/// The arctangent.
///
/// Error: at most 0.86 ulp. Special values: -0 at -0, -pi/2 at -inf, pi/2 at inf.
#[inline(always)]
pub fn atan(x: f32) -> f32 {
    canonical(libm::atanf(x))
}

/// The hyperbolic sine.
///
/// Error: at most 1.9 ulp. Special values: -0 at -0, -inf at -inf, inf at inf.
#[inline(always)]
pub fn sinh(x: f32) -> f32 {
    canonical(libm::sinhf(x))
}

/// The hyperbolic cosine.
///
/// Error: at most 1.4 ulp. Special values: inf at the infinities.
#[inline(always)]
pub fn cosh(x: f32) -> f32 {
    canonical(libm::coshf(x))
}

/// The inverse hyperbolic sine.
///
/// Error: at most 1.7 ulp. Special values: -0 at -0, -inf at -inf, inf at inf.
#[inline(always)]
pub fn asinh(x: f32) -> f32 {
    canonical(libm::asinhf(x))
}

/// The inverse hyperbolic cosine.
///
/// Error: at most 2.0 ulp. Special values: NaN below 1, inf at inf.
#[inline(always)]
pub fn acosh(x: f32) -> f32 {
    canonical(if x < 1.0 { NAN } else { libm::acoshf(x) })
}

/// The inverse hyperbolic tangent.
///
/// Error: at most 1.75 ulp. Special values: -0 at -0, -inf at -1, inf at 1, NaN beyond.
#[inline(always)]
pub fn atanh(x: f32) -> f32 {
    canonical(libm::atanhf(x))
}

/// `x` to the power of `y`, with the special values of IEEE 754.
///
/// Error: at most 0.9 ulp where measured.
#[inline(always)]
pub fn pow(x: f32, y: f32) -> f32 {
    canonical(libm::powf(x, y))
}

/// The nearest integer, of two the even one. Exact; -0 where a negative number or -0 becomes zero.
#[inline(always)]
pub fn round_half_even(x: f32) -> f32 {
    instruction::round_half_even(x)
}

/// The greatest integer that is not above `x`. Exact; -0 at -0.
#[inline(always)]
pub fn floor(x: f32) -> f32 {
    instruction::floor(x)
}

/// The least integer that is not below `x`. Exact; -0 where a negative number or -0 becomes zero.
#[inline(always)]
pub fn ceil(x: f32) -> f32 {
    instruction::ceil(x)
}

/// The square root. Error: at most 0.5 ulp. Special values: -0 at -0, NaN below, inf at inf.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    instruction::sqrt(x)
}

/// The absolute value. Exact.
#[inline(always)]
pub fn abs(x: f32) -> f32 {
    x.abs()
}

/// `core` has none of the four instructions for one value yet; the compiler makes that of the ones for four.
#[cfg(target_arch = "wasm32")]
mod instruction {
    use core::arch::wasm32::{
        f32x4_ceil, f32x4_extract_lane, f32x4_floor, f32x4_nearest, f32x4_splat, f32x4_sqrt,
    };

    #[inline(always)]
    pub fn round_half_even(x: f32) -> f32 {
        f32x4_extract_lane::<0>(f32x4_nearest(f32x4_splat(x)))
    }

    #[inline(always)]
    pub fn floor(x: f32) -> f32 {
        f32x4_extract_lane::<0>(f32x4_floor(f32x4_splat(x)))
    }

    #[inline(always)]
    pub fn ceil(x: f32) -> f32 {
        f32x4_extract_lane::<0>(f32x4_ceil(f32x4_splat(x)))
    }

    #[inline(always)]
    pub fn sqrt(x: f32) -> f32 {
        f32x4_extract_lane::<0>(f32x4_sqrt(f32x4_splat(x)))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod instruction {
    #[inline(always)]
    pub fn round_half_even(x: f32) -> f32 {
        // From here on every f32 is an integer.
        const INTEGERS: f32 = 8_388_608.0;
        let a = x.abs();
        let y = (a + INTEGERS) - INTEGERS;
        (if a < INTEGERS { y } else { a }).copysign(x)
    }

    #[inline(always)]
    pub fn floor(x: f32) -> f32 {
        let y = round_half_even(x);
        (if y > x { y - 1.0 } else { y }).copysign(x)
    }

    #[inline(always)]
    pub fn ceil(x: f32) -> f32 {
        let y = round_half_even(x);
        (if y < x { y + 1.0 } else { y }).copysign(x)
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "sse"))]
    #[inline(always)]
    pub fn sqrt(x: f32) -> f32 {
        use core::arch::x86_64::{_mm_cvtss_f32, _mm_set_ss, _mm_sqrt_ss};
        // SAFETY: the target has the instructions.
        unsafe { _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))) }
    }

    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse")))]
    pub use libm::sqrtf as sqrt;
}

/// e^x = 2^n * (1 + high + low).
struct Power {
    high: f32,
    low: f32,
    /// The lowest bits are n + 254.
    bits: u32,
}

impl Power {
    #[inline(always)]
    fn of(x: f32) -> Self {
        let shifted = x * LOG2_E + SHIFT;
        let n = shifted - SHIFT;
        let high = x - n * LN2_HIGH;
        let rest = n * LN2_LOW;
        let r = high - rest;
        let tail = polynomial(r, [0.49999997, 0.16666543, 0.041667502, 0.008366534, 0.001386453]);
        Self {
            high,
            low: r * r * tail - rest,
            bits: shifted.to_bits(),
        }
    }

    #[inline(always)]
    fn mantissa(&self) -> f32 {
        1.0 + (self.high + self.low)
    }

    /// e^x. In two steps, because 2^n may be no f32 where e^x is one.
    #[inline(always)]
    fn value(&self) -> f32 {
        self.mantissa() * self.low_scale() * self.high_scale()
    }

    /// 2^floor(n / 2)
    #[inline(always)]
    fn low_scale(&self) -> f32 {
        f32::from_bits((self.bits >> 1) << 23)
    }

    /// 2^ceil(n / 2)
    #[inline(always)]
    fn high_scale(&self) -> f32 {
        f32::from_bits((self.bits - (self.bits >> 1)) << 23)
    }

    /// 2^-floor(n / 2)
    #[inline(always)]
    fn inverse_low_scale(&self) -> f32 {
        f32::from_bits(254_u32.wrapping_sub(self.bits >> 1) << 23)
    }

    /// 2^-n
    #[inline(always)]
    fn inverse_scale(&self) -> f32 {
        f32::from_bits(381_u32.wrapping_sub(self.bits) << 23)
    }
}

/// x - ln(1 + x). The coefficients are those of (2 artanh(s) - 2s) / s^3 in s^2, where s = x / (2 + x).
#[inline(always)]
fn log1p_gap<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let s = x / (2.0 + x);
    let square = s * s;
    let half = 0.5 * x * x;
    half - s * (half + square * polynomial(square, coefficients))
}

/// The error function, for 0 <= a < 1.15.
#[inline(always)]
fn erf_inner(a: f32) -> f32 {
    let coefficients = [
        0.12837917,
        -0.37612578,
        0.11283043,
        -0.026832154,
        0.0051494516,
        -0.0007688791,
        6.856504e-5,
    ];
    a + a * polynomial(a * a, coefficients)
}

/// The error function, for 1.15 <= a <= 4: its complement is the eighth power of a polynomial.
#[inline(always)]
fn erf_outer(a: f32) -> f32 {
    let coefficients = [
        1.0012214,
        -0.14647608,
        -0.05930589,
        -0.013035965,
        0.013644463,
        -0.002631956,
        0.00016479094,
    ];
    let root = polynomial(a, coefficients);
    let root = root * root;
    let root = root * root;
    1.0 - root * root
}

/// The sum of `coefficients[i] * x^i`.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum * x + coefficients[i];
    }
    sum
}

/// `x` bounded below by `low`, then above by `high`; NaN stays NaN.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high {
        high
    } else {
        x
    }
}

/// `x`, which is not negative, with the sign of `sign`.
#[inline(always)]
fn signed(x: f32, sign: f32) -> f32 {
    canonical(f32::from_bits(x.to_bits() | (sign.to_bits() & SIGN)))
}

#[inline(always)]
fn canonical(x: f32) -> f32 {
    if x.is_nan() {
        NAN
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f32 = f32::INFINITY;
    const TWO_128: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;

    type Unary = fn(f32) -> f32;

    /// About a million arguments from everywhere: the step is prime.
    fn samples() -> impl Iterator<Item = f32> {
        (0..=u32::MAX).step_by(4099).map(f32::from_bits)
    }

    /// In units in the last place; NaN where only one of the two is NaN.
    fn error(result: f32, exact: f64) -> f64 {
        let result = f64::from(result);
        let overflow = result.is_infinite() && exact.abs() >= TWO_128 && result * exact > 0.0;
        if overflow || result == exact || (result.is_nan() && exact.is_nan()) {
            return 0.0;
        }
        let exponent = (exact.to_bits() >> 52 & 0x7ff).clamp(1023 - 126, 1023 + 127);
        let unit = f64::from_bits((exponent - 23) << 52);
        (result.clamp(-TWO_128, TWO_128) - exact).abs() / unit
    }

    fn assert_accurate(name: &str, bound: f64, function: Unary, exact: fn(f64) -> f64) {
        for x in samples() {
            let (y, exact) = (function(x), exact(f64::from(x)));
            assert!(error(y, exact) <= bound, "{name}({x:?}) = {y:?}, not {exact:?}");
        }
    }

    fn assert_values(name: &str, function: Unary, values: &[(f32, f32)]) {
        for &(x, y) in values {
            let bits = function(x).to_bits();
            assert_eq!(
                bits,
                y.to_bits(),
                "{name}({x:?}) = {:?}, not {y:?}",
                f32::from_bits(bits)
            );
        }
    }

    #[test]
    fn errors_stay_below_the_documented_bounds() {
        let exact_sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
        let exact_softplus = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
        assert_accurate("exp", 0.91, exp, libm::exp);
        assert_accurate("log", 0.91, log, libm::log);
        assert_accurate("tanh", 2.61, tanh, libm::tanh);
        assert_accurate("sigmoid", 2.41, sigmoid, exact_sigmoid);
        assert_accurate("erf", 1.87, erf, libm::erf);
        assert_accurate("softplus", 2.03, softplus, exact_softplus);
        assert_accurate("sqrt", 0.5, sqrt, libm::sqrt);
    }

    #[test]
    fn errors_of_libm_stay_below_the_documented_bounds() {
        // Below -1 libm's returns numbers.
        let exact_acosh = |x: f64| if x < 1.0 { f64::NAN } else { libm::acosh(x) };
        assert_accurate("sin", 0.51, sin, libm::sin);
        assert_accurate("cos", 0.51, cos, libm::cos);
        assert_accurate("tan", 0.81, tan, libm::tan);
        assert_accurate("asin", 0.75, asin, libm::asin);
        assert_accurate("acos", 0.9, acos, libm::acos);
        assert_accurate("atan", 0.86, atan, libm::atan);
        assert_accurate("sinh", 1.9, sinh, libm::sinh);
        assert_accurate("cosh", 1.4, cosh, libm::cosh);
        assert_accurate("asinh", 1.7, asinh, libm::asinh);
        assert_accurate("acosh", 2.0, acosh, exact_acosh);
        assert_accurate("atanh", 1.75, atanh, libm::atanh);
    }

    #[test]
    fn errors_of_powers_stay_below_the_documented_bound() {
        for (x, y) in samples().zip(samples().map(|y| y % 16.0)) {
            let exact = libm::pow(f64::from(x), f64::from(y));
            assert!(
                error(pow(x, y), exact) <= 0.9,
                "{x:?}^{y:?} = {:?}, not {exact:?}",
                pow(x, y)
            );
        }
    }

    #[test]
    fn special_values() {
        let least = f32::from_bits(1);
        assert_values(
            "exp",
            exp,
            &[
                (-INF, 0.0),
                (-104.0, 0.0),
                (-103.9, least),
                (-100.0, 3.8e-44),
                (-0.0, 1.0),
                (0.0, 1.0),
                (88.72283, 3.4027985e38),
                (88.72284, INF),
                (INF, INF),
            ],
        );
        assert_values(
            "log",
            log,
            &[
                (-INF, NAN),
                (-least, NAN),
                (-0.0, -INF),
                (0.0, -INF),
                (least, -103.27893),
                (1.0, 0.0),
                (f32::MAX, 88.72284),
                (INF, INF),
            ],
        );
        for (name, function) in [("tanh", tanh as Unary), ("erf", erf)] {
            assert_values(name, function, &[(-INF, -1.0), (-9.5, -1.0), (-0.0, -0.0)]);
            assert_values(name, function, &[(INF, 1.0), (9.5, 1.0), (0.0, 0.0)]);
        }
        assert_values(
            "sigmoid",
            sigmoid,
            &[
                (-INF, 0.0),
                (-100.0, 3.8e-44),
                (-0.0, 0.5),
                (0.0, 0.5),
                (18.0, 1.0),
                (INF, 1.0),
            ],
        );
        assert_values(
            "softplus",
            softplus,
            &[
                (-INF, 0.0),
                (-100.0, 3.8e-44),
                (0.0, core::f32::consts::LN_2),
                (20.0, 20.0),
                (INF, INF),
            ],
        );
        assert_values("sqrt", sqrt, &[(-0.0, -0.0), (INF, INF)]);
        assert_values("acosh", acosh, &[(-1000.0, NAN), (0.0, NAN), (1.0, 0.0)]);
    }

    #[test]
    fn bounded_functions_stay_within_their_bounds() {
        for x in samples().filter(|x| !x.is_nan()) {
            assert!(tanh(x).abs() <= 1.0 && erf(x).abs() <= 1.0, "{x:?}");
            assert!((0.0..=1.0).contains(&sigmoid(x)) && softplus(x) >= 0.0, "{x:?}");
        }
    }

    #[test]
    fn every_nan_gives_the_same() {
        let functions: [Unary; 17] = [
            exp, log, tanh, sigmoid, erf, softplus, sin, cos, tan, asin, acos, atan, sinh, cosh, asinh,
            acosh, atanh,
        ];
        for bits in [
            0x7fc0_0000,
            0xffc0_0000,
            0x7f80_0001,
            0xff80_0001,
            0x7fff_ffff,
            0xffff_ffff,
            0xffd5_5555,
        ] {
            let nan = f32::from_bits(bits);
            for function in functions {
                assert_eq!(function(nan).to_bits(), NAN.to_bits());
            }
            assert_eq!(pow(nan, 2.0).to_bits(), NAN.to_bits());
            assert_eq!((pow(nan, 0.0), pow(1.0, nan)), (1.0, 1.0));
            for function in [round_half_even, floor, ceil, sqrt, abs] {
                assert!(function(nan).is_nan());
            }
        }
    }

    #[test]
    fn integers_are_those_of_libm() {
        let halves = (-64..64).map(|i| i as f32 / 2.0);
        let edges = [
            -0.0,
            0.49999997,
            4_194_303.8,
            4_194_304.5,
            8_388_607.5,
            8_388_609.0,
            INF,
        ];
        let edges = edges.into_iter().flat_map(|x| [x, -x]);
        for x in samples().chain(halves).chain(edges).filter(|x| !x.is_nan()) {
            assert_eq!(round_half_even(x).to_bits(), libm::rintf(x).to_bits(), "{x:?}");
            assert_eq!(floor(x).to_bits(), libm::floorf(x).to_bits(), "{x:?}");
            assert_eq!(ceil(x).to_bits(), libm::ceilf(x).to_bits(), "{x:?}");
        }
    }
}
