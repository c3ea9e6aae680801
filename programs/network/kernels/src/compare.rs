//! The smaller and the larger of two f32. NaN if either is.

/// The smaller one.
#[inline(always)]
pub fn min(x: f32, y: f32) -> f32 {
    if y < x || y.is_nan() {
        y
    } else {
        x
    }
}

/// The larger one.
#[inline(always)]
pub fn max(x: f32, y: f32) -> f32 {
    if y > x || y.is_nan() {
        y
    } else {
        x
    }
}

/// `value` bounded below by `low`, then above by `high`.
#[inline(always)]
pub fn clamp(value: f32, low: f32, high: f32) -> f32 {
    min(max(value, low), high)
}
