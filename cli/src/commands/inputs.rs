//! The options that give a model its inputs.

use crate::package::TensorSpec;
use crate::tensors::assign::{self, InputError};
use crate::tensors::image::Scaling;
use crate::tensors::source::Reading;

/// What a model runs on.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Inputs {
    /// An input: NAME=FILE, or NAME=VALUE such as `x=3.5` or `x=[1,2,3]`. Give one for each input.
    ///
    /// The extension tells the format: .npy, .json (a number or nested lists; "NaN", "inf" and "-inf" are numbers), .png,
    /// .jpg and .jpeg (resized to the tensor's height and width), and for all others the tensor's bytes, little-endian.
    /// Without NAME it is the only input, or the bytes of all inputs one after the other.
    #[arg(long, value_name = "NAME=FILE")]
    pub input: Vec<String>,
    /// How pictures become values.
    #[command(flatten)]
    pub pictures: Pictures,
}

/// How pictures become values.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Pictures {
    /// Multiply a picture's bytes with this [default: 1/255 for f32, 1 for integers].
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub scale: Option<f64>,
    /// Then subtract this: a number, or one for each channel, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NUMBERS",
        allow_hyphen_values = true
    )]
    pub mean: Vec<f64>,
    /// Then divide by this: a number, or one for each channel, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    pub std: Vec<f64>,
}

impl Inputs {
    /// How the inputs are read.
    pub(super) fn reading(&self, batch: bool) -> Reading {
        Reading {
            batch,
            scaling: Scaling {
                scale: self.pictures.scale,
                mean: self.pictures.mean.clone(),
                std: self.pictures.std.clone(),
            },
        }
    }

    /// The bytes of the input of each run.
    pub(super) fn runs(&self, specs: &[TensorSpec], batch: bool) -> Result<Vec<Vec<u8>>, InputError> {
        assign::inputs(specs, &self.input, &self.reading(batch))
    }

    /// The bytes of the input of the only run.
    pub(super) fn only(&self, specs: &[TensorSpec]) -> Result<Vec<u8>, InputError> {
        let runs = self.runs(specs, false)?;
        runs.into_iter().next().ok_or(InputError::EmptyBatch)
    }
}
