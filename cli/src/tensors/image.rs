//! Pictures as tensors: PNG and JPEG, resized to what the model wants.

use std::io::Cursor;

use image::imageops::{resize, FilterType};
use image::{DynamicImage, ImageReader, Limits};

use super::number::Number;
use super::{encode, TensorError};
use crate::package::{Dtype, TensorSpec};

/// The longest side of a picture.
const SIDE_MAX: u32 = 1 << 14;
/// The most bytes that decoding a picture may take.
const DECODED_MAX: u64 = 1 << 29;
/// The most elements of a tensor that is made of a picture.
const ELEMENTS_MAX: u64 = 1 << 24;

/// How a channel's bytes become a tensor's values: `(byte * scale - mean) / std`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// What each byte is multiplied with: 1/255 for f32 and 1 for integers where it is not given.
    pub scale: Option<f64>,
    /// What is taken off each channel: one number for all channels, or as many as there are; none is 0.
    pub mean: Vec<f64>,
    /// What each channel is divided by, likewise; none is 1.
    pub std: Vec<f64>,
}

/// Where channels, rows and columns are in a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    channels: u32,
    height: u32,
    width: u32,
    /// Whether the channels are the last axis.
    interleaved: bool,
}

impl Layout {
    /// Of `[1, C, H, W]`, `[C, H, W]`, `[1, H, W, C]`, `[H, W, C]` or `[H, W]`, where C is 1, 3 or 4.
    fn of(spec: &TensorSpec) -> Option<Self> {
        let is_channels = |len: u64| matches!(len, 1 | 3 | 4);
        let (channels, height, width, interleaved) = match spec.shape[..] {
            [1, c, h, w] | [c, h, w] if is_channels(c) => (c, h, w, false),
            [1, h, w, c] | [h, w, c] if is_channels(c) => (c, h, w, true),
            [h, w] => (1, h, w, false),
            _ => return None,
        };
        let side = |len: u64| u32::try_from(len).ok().filter(|len| *len > 0);
        let layout = Self {
            channels: side(channels)?,
            height: side(height)?,
            width: side(width)?,
            interleaved,
        };
        let is_small = spec.elements().is_some_and(|len| len <= ELEMENTS_MAX);
        is_small.then_some(layout)
    }

    /// The picture's bytes in the tensor's order, each with its channel, of what is interleaved.
    fn arrange(self, interleaved: &[u8]) -> Vec<(u8, usize)> {
        let channels = self.channels as usize;
        if self.interleaved {
            let bytes = interleaved.iter().enumerate();
            return bytes.map(|(index, byte)| (*byte, index % channels)).collect();
        }
        let plane = |channel| interleaved.iter().skip(channel).step_by(channels);
        (0..channels)
            .flat_map(|channel| plane(channel).map(move |byte| (*byte, channel)))
            .collect()
    }
}

/// The bytes of the tensor `spec` that the picture in `file` is.
pub fn read(file: &[u8], spec: &TensorSpec, scaling: &Scaling) -> Result<Vec<u8>, TensorError> {
    let bad = TensorError::BadImage;
    let layout = Layout::of(spec).ok_or_else(|| {
        let shape = &spec.shape;
        bad(format!(
            "{shape:?} is no picture: one is [1, C, H, W], [C, H, W] or [1, H, W, C] with C = 1, 3 or 4"
        ))
    })?;
    if spec.dtype == Dtype::Bool {
        return Err(bad("a picture has no values of type bool".into()));
    }
    let scales = scales(layout, scaling, spec.dtype).map_err(bad)?;
    let picture = decode(file).map_err(|error| bad(error.to_string()))?;
    let bytes = resized(picture, layout);
    let values = layout.arrange(&bytes).into_iter().map(|(byte, channel)| {
        let [scale, mean, std] = scales[channel];
        value((f64::from(byte) * scale - mean) / std, spec.dtype)
    });
    encode(values, "of a picture; see --scale, --mean, --std", spec.dtype)
}

/// Scale, mean and deviation of each channel.
fn scales(layout: Layout, scaling: &Scaling, dtype: Dtype) -> Result<Vec<[f64; 3]>, String> {
    let of_dtype = if dtype == Dtype::F32 { 1.0 / 255.0 } else { 1.0 };
    let scale = scaling.scale.unwrap_or(of_dtype);
    let channels = layout.channels as usize;
    let of = |name, numbers: &[f64], default| match numbers {
        [] => Ok(vec![default; channels]),
        [one] => Ok(vec![*one; channels]),
        all if all.len() == channels => Ok(all.to_vec()),
        all => Err(format!(
            "--{name} has {} numbers for {channels} channels",
            all.len()
        )),
    };
    let (mean, std) = (of("mean", &scaling.mean, 0.0)?, of("std", &scaling.std, 1.0)?);
    let is_finite = |number: &f64| number.is_finite();
    let are_finite = mean.iter().chain(&std).chain([&scale]).all(is_finite);
    if !are_finite || std.contains(&0.0) {
        return Err("--scale, --mean and --std are finite numbers, and --std is not 0".into());
    }
    let pairs = mean.into_iter().zip(std);
    Ok(pairs.map(|(mean, std)| [scale, mean, std]).collect())
}

fn value(value: f64, dtype: Dtype) -> Number {
    match dtype {
        Dtype::F32 => Number::Decimal(value),
        _ => Number::Decimal(value.round()),
    }
}

fn decode(file: &[u8]) -> image::ImageResult<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODED_MAX);
    reader.limits(limits);
    reader.decode()
}

/// The picture in the size and with the channels that are wanted, interleaved.
fn resized(picture: DynamicImage, layout: Layout) -> Vec<u8> {
    let Layout { width, height, .. } = layout;
    let filter = FilterType::Triangle;
    match layout.channels {
        1 => resize(&picture.into_luma8(), width, height, filter).into_raw(),
        3 => resize(&picture.into_rgb8(), width, height, filter).into_raw(),
        _ => resize(&picture.into_rgba8(), width, height, filter).into_raw(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::numbers;
    use image::{ImageFormat, Rgb, RgbImage};

    /// Two columns of different colours.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let colour = |x, _| match x < width / 2 {
            true => Rgb([255, 0, 51]),
            false => Rgb([0, 102, 255]),
        };
        let mut file = Cursor::new(Vec::new());
        let picture = RgbImage::from_fn(width, height, colour);
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    fn spec(dtype: Dtype, shape: &[u64]) -> TensorSpec {
        TensorSpec {
            name: "x".into(),
            dtype,
            shape: shape.to_vec(),
        }
    }

    fn values(spec: &TensorSpec, scaling: &Scaling) -> Vec<f64> {
        let bytes = read(&png(2, 2), spec, scaling).unwrap();
        let numbers = numbers(spec.dtype, &bytes);
        numbers.map(Number::approximate).collect()
    }

    fn refusal(file: &[u8], shape: &[u64], scaling: Scaling) -> String {
        let error = read(file, &spec(Dtype::F32, shape), &scaling).unwrap_err();
        error.to_string()
    }

    #[test]
    fn channels_come_first_or_last() {
        let plain = Scaling::default();
        let first = values(&spec(Dtype::U8, &[1, 3, 2, 2]), &plain);
        let [red, green, blue] = [[255., 0., 255., 0.], [0., 102., 0., 102.], [51., 255., 51., 255.]];
        assert_eq!(first, [red, green, blue].concat());
        assert_eq!(values(&spec(Dtype::U8, &[3, 2, 2]), &plain), first);
        let last = values(&spec(Dtype::U8, &[1, 2, 2, 3]), &plain);
        assert_eq!(last[..6], [255., 0., 51., 0., 102., 255.]);
    }

    #[test]
    fn values_are_scaled_by_channel() {
        let spec = spec(Dtype::F32, &[1, 3, 2, 2]);
        let plain = values(&spec, &Scaling::default());
        assert_eq!((plain[0], plain[5] as f32, plain[8] as f32), (1.0, 0.4, 0.2));
        let scaling = Scaling {
            scale: Some(1.0),
            mean: vec![5.0, 2.0, 1.0],
            std: vec![10.0],
        };
        let scaled = values(&spec, &scaling);
        assert_eq!((scaled[0], scaled[5], scaled[8]), (25.0, 10.0, 5.0));
    }

    #[test]
    fn a_picture_is_resized() {
        let spec = spec(Dtype::U8, &[1, 1, 3, 5]);
        let bytes = read(&png(40, 30), &spec, &Scaling::default()).unwrap();
        assert_eq!(bytes.len(), 15);
        assert!(bytes[0] != bytes[4] && bytes[0] == bytes[10], "{bytes:?}");
    }

    #[test]
    fn a_tensor_that_is_no_picture_is_refused() {
        for shape in [&[7][..], &[1, 2, 5, 5], &[1, 3, 0, 4], &[1, 3, 1 << 40, 1 << 40]] {
            let error = refusal(&png(2, 2), shape, Scaling::default());
            assert!(error.contains("is no picture"), "{error}");
        }
        let bools = spec(Dtype::Bool, &[1, 3, 2, 2]);
        assert!(read(&png(2, 2), &bools, &Scaling::default()).is_err());
    }

    #[test]
    fn a_file_that_is_no_picture_is_refused() {
        let mut great = png(2, 2);
        great[16..20].copy_from_slice(&(1_u32 << 20).to_be_bytes());
        for file in [b"text", &png(2, 2)[..40], &great] {
            refusal(file, &[1, 3, 2, 2], Scaling::default());
        }
    }

    #[test]
    fn a_scaling_that_does_not_fit_is_refused_by_name() {
        let means = Scaling {
            mean: vec![1.0, 2.0],
            ..Scaling::default()
        };
        let error = refusal(&png(2, 2), &[1, 3, 2, 2], means);
        assert!(error.contains("--mean has 2 numbers for 3 channels"), "{error}");
        let zero = Scaling {
            std: vec![0.0],
            ..Scaling::default()
        };
        let error = refusal(&png(2, 2), &[1, 3, 2, 2], zero);
        assert!(error.contains("--std is not 0"), "{error}");
        let great = Scaling {
            scale: Some(2.0),
            ..Scaling::default()
        };
        let bytes = spec(Dtype::U8, &[1, 3, 2, 2]);
        let error = read(&png(2, 2), &bytes, &great).unwrap_err().to_string();
        assert!(error.contains("510") && error.contains("--scale"), "{error}");
    }
}
