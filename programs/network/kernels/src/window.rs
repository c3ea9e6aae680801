//! Whether a window over images is one that a plan may have.

use assay_network_plan::Window;

use crate::Fault;

/// The most pixels of an image: numbers of pixels have 32 bits.
const PIXELS_MAX: u64 = i32::MAX as u64;

/// No length of a window is 0, and images with their padding, outputs, kernels and what all windows see are not too large.
pub fn check(window: &Window) -> Result<(), Fault> {
    let (mut image, mut output, mut kernel, mut seen) = (1_u64, 1_u64, 1_u64, 1_u64);
    for axis in 0..2 {
        let at = |pair: [u32; 2]| u64::from(pair[axis]);
        let steps = (at(window.output).max(1) - 1).saturating_mul(at(window.stride));
        let reach = (at(window.kernel).max(1) - 1).saturating_mul(at(window.dilation));
        image = image.saturating_mul(at(window.padding) + at(window.input) + at(window.padding_after));
        output = output.saturating_mul(at(window.output));
        kernel = kernel.saturating_mul(at(window.kernel));
        seen = seen.saturating_mul(steps.saturating_add(reach).saturating_add(1));
    }
    let step = window.stride.iter().chain(&window.dilation);
    let good = [image, output, kernel, seen]
        .iter()
        .all(|pixels| (1..=PIXELS_MAX).contains(pixels))
        && step
            .into_iter()
            .all(|step| (1..=PIXELS_MAX as u32).contains(step));
    good.then_some(()).ok_or(Fault::BadTile)
}
