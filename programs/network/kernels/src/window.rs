//! Whether a window over images is one that a plan may have.

use assay_network_plan::Window;

use crate::Fault;

/// Pixels along a side: of an image with its padding, of the output, and of what all windows see.
const SIDE_MAX: u64 = u16::MAX as u64;

/// Every side of a window is one that products of 32 bits hold, and no length is 0.
pub fn check(window: &Window) -> Result<(), Fault> {
    let good = |axis: usize| {
        let at = |pair: [u32; 2]| u64::from(pair[axis]);
        let [kernel, stride, dilation, output] =
            [window.kernel, window.stride, window.dilation, window.output].map(at);
        if kernel == 0 || stride == 0 || dilation == 0 || output == 0 {
            return false;
        }
        let padded = at(window.padding) + at(window.input) + at(window.padding_after);
        let seen = (output - 1)
            .saturating_mul(stride)
            .saturating_add((kernel - 1).saturating_mul(dilation));
        padded <= SIDE_MAX && seen < SIDE_MAX && stride <= SIDE_MAX && dilation <= SIDE_MAX
    };
    (good(0) && good(1)).then_some(()).ok_or(Fault::BadTile)
}
