//! The header, the steps and the operators of a plan.

use crate::codec::{record, selector, DecodeError, Field};
use crate::{MAGIC, VERSION};

/// The start of a plan.
///
/// ```text
///  0  8  magic "ASSAYNET"
///  8  4  version
/// 12  4  input_len
/// 16  4  ops
/// 20  4  steps
/// 24  8  ops_offset
/// 32  8  steps_offset
/// 40 24  zero
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes that the model's inputs have together; the first step traps on any other length.
    pub input_len: u32,
    /// Number of operators.
    pub ops: u32,
    /// Number of steps.
    pub steps: u32,
    /// Byte address of the operator table.
    pub ops_offset: u64,
    /// Byte address of the step table.
    pub steps_offset: u64,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 64;

    /// The header's bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        VERSION.put(&mut bytes[8..]);
        self.input_len.put(&mut bytes[12..]);
        self.ops.put(&mut bytes[16..]);
        self.steps.put(&mut bytes[20..]);
        self.ops_offset.put(&mut bytes[24..]);
        self.steps_offset.put(&mut bytes[32..]);
        bytes
    }

    /// Reads a header from the first bytes of a plan.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes: &[u8; Self::LEN] = bytes.first_chunk().ok_or(DecodeError::Truncated)?;
        if bytes[..8] != MAGIC {
            return Err(DecodeError::BadMagic);
        }
        if u32::get(&bytes[8..])? != VERSION {
            return Err(DecodeError::UnknownVersion);
        }
        Ok(Self {
            input_len: Field::get(&bytes[12..])?,
            ops: Field::get(&bytes[16..])?,
            steps: Field::get(&bytes[20..])?,
            ops_offset: Field::get(&bytes[24..])?,
            steps_offset: Field::get(&bytes[32..])?,
        })
    }
}

record! {
    /// One step: which tile of which operator it computes. What the ranges count is said by the operator.
    ///
    /// ```text
    ///  0 4 op   4 4 outer   8 8 rows   16 8 columns   24 8 depth     (a range is its start, then its end)
    /// ```
    pub struct Step {
        /// Index of the operator.
        pub op: u32,
        /// Index of the outermost dimension: the image of a batch.
        pub outer: u32,
        /// Start and end of the first range.
        pub rows: [u32; 2],
        /// Start and end of the second range.
        pub columns: [u32; 2],
        /// Start and end of the reduced range.
        pub depth: [u32; 2],
    }
}

selector! {
    /// Type of a tensor's elements.
    pub enum Element else UnknownElement {
        /// IEEE 754 binary32.
        F32 = 0,
        /// Signed byte.
        I8 = 1,
        /// Unsigned byte.
        U8 = 2,
        /// Signed 64-bit integer.
        I64 = 3,
    }
}

impl Element {
    /// Bytes of an element.
    pub const fn size(self) -> u32 {
        match self {
            Self::F32 => 4,
            Self::I8 | Self::U8 => 1,
            Self::I64 => 8,
        }
    }
}

selector! {
    /// An elementwise function of f32; `a` and `b` are the parameters of [`Activation`].
    pub enum Function else UnknownActivation {
        /// x
        Identity = 0,
        /// x if x >= 0, else 0
        Relu = 1,
        /// x if x >= 0, else a * x
        LeakyRelu = 2,
        /// x bounded below by a and above by b
        Clip = 3,
        /// 1 / (1 + exp(-x))
        Sigmoid = 4,
        /// tanh(x)
        Tanh = 5,
        /// exp(x)
        Exp = 6,
        /// natural logarithm of x
        Log = 7,
        /// square root of x
        Sqrt = 8,
        /// absolute value of x
        Abs = 9,
        /// -x
        Neg = 10,
        /// error function of x
        Erf = 11,
        /// x * sigmoid(x)
        Silu = 12,
    }
}

record! {
    /// An elementwise function with its parameters.
    ///
    /// ```text
    /// 0 4 function   4 4 a   8 4 b
    /// ```
    pub struct Activation {
        /// The function.
        pub function: Function,
        /// First parameter; 0 where the function has none.
        pub a: f32,
        /// Second parameter; 0 where the function has none.
        pub b: f32,
    }
}

impl Activation {
    /// The identity.
    pub const NONE: Self = Self::of(Function::Identity);

    /// A function without parameters.
    pub const fn of(function: Function) -> Self {
        Self {
            function,
            a: 0.0,
            b: 0.0,
        }
    }
}

record! {
    /// How a tile's sums become elements of the output.
    ///
    /// From f32 sums: `y = activation(sum + bias[c])`. From i32 sums:
    /// `y = round_half_even(clamp((sum + bias[c]) * multiplier[c], low - zero, high - zero)) + zero`.
    ///
    /// ```text
    /// 0 4 element   4 8 bias   12 8 multiplier   20 12 activation   32 4 zero   36 4 low   40 4 high
    /// ```
    pub struct Finish {
        /// Element type of the output: `F32` for f32 sums, `I8` or `U8` for i32 sums.
        pub element: Element,
        /// Address of one f32 or i32 per output channel.
        pub bias: u64,
        /// Address of one f32 per output channel; quantized operators only.
        pub multiplier: u64,
        /// The fused function; f32 only.
        pub activation: Activation,
        /// Zero point of the output; quantized only.
        pub zero: i32,
        /// Least value of the output; quantized only.
        pub low: i32,
        /// Greatest value of the output; quantized only.
        pub high: i32,
    }
}

record! {
    /// `out[r, c] = finish(sum over k of x[r, k] * weights[k, c])`.
    ///
    /// Weights are blocks of [`DENSE_BLOCK`](crate::DENSE_BLOCK) columns, the last one filled with zeros. A block is
    /// `[k][column]` in f32, or `[k / 2][column][k % 2]` in i8 with the zero point taken off and an odd depth filled
    /// with a zero. Tile: `rows`; `columns` counts blocks; `depth` is a range of k, even at its start.
    ///
    /// ```text
    /// 0 8 x   8 8 weights   16 8 out   24 8 sums   32 4 rows   36 4 columns   40 4 depth   44 4 x_element
    /// 48 4 x_zero   52 44 finish
    /// ```
    pub struct Dense {
        /// Address of x, `[rows][depth]`.
        pub x: u64,
        /// Address of the weights.
        pub weights: u64,
        /// Address of the output, `[rows][columns]`.
        pub out: u64,
        /// Address of unfinished sums, `[rows][columns]` of 4 bytes; used where a step's depth is not the whole.
        pub sums: u64,
        /// Rows of x.
        pub rows: u32,
        /// Columns of the output.
        pub columns: u32,
        /// Length of a sum.
        pub depth: u32,
        /// Element type of x: `F32`, `I8` or `U8`.
        pub x_element: Element,
        /// Zero point of x; quantized only.
        pub x_zero: i32,
        /// What becomes of the sums.
        pub finish: Finish,
    }
}

record! {
    /// How a window of `kernel` moves over an image; every pair is vertical, horizontal.
    ///
    /// ```text
    /// 0 8 input   8 8 output   16 8 kernel   24 8 stride   32 8 dilation   40 8 padding
    /// ```
    pub struct Window {
        /// Height and width of the input image, in pixels.
        pub input: [u32; 2],
        /// Height and width of the output image, in pixels.
        pub output: [u32; 2],
        /// Height and width of the kernel.
        pub kernel: [u32; 2],
        /// Pixels from one window to the next.
        pub stride: [u32; 2],
        /// Pixels from one kernel element to the next.
        pub dilation: [u32; 2],
        /// Pixels of padding above and left of the image. What is missing below and right follows from the sizes.
        pub padding: [u32; 2],
    }
}

record! {
    /// Convolution of images, by groups.
    ///
    /// Weights are `[output channel][input channel of the group][kernel row][kernel column]`, f32 or i8 with the zero
    /// point taken off. Tile: image `outer`; `rows` of the output; `columns` counts output channels; `depth` counts input
    /// channels of the group and is whole where the tile spans several groups.
    ///
    /// ```text
    /// 0 8 x   8 8 weights   16 8 out   24 8 sums   32 4 channels_in   36 4 channels_out   40 4 groups   44 4 x_element
    /// 48 4 x_zero   52 48 window   100 44 finish
    /// ```
    pub struct Conv {
        /// Address of x, `[batch][channels_in][height][width]`.
        pub x: u64,
        /// Address of the weights.
        pub weights: u64,
        /// Address of the output, `[batch][channels_out][height][width]`.
        pub out: u64,
        /// Address of unfinished sums, of the output's shape with 4 bytes each; used where a step's depth is not the whole.
        pub sums: u64,
        /// Channels of x.
        pub channels_in: u32,
        /// Channels of the output.
        pub channels_out: u32,
        /// Groups; divides both numbers of channels.
        pub groups: u32,
        /// Element type of x: `F32`, `I8` or `U8`.
        pub x_element: Element,
        /// Zero point of x; quantized only.
        pub x_zero: i32,
        /// The geometry.
        pub window: Window,
        /// What becomes of the sums.
        pub finish: Finish,
    }
}

selector! {
    /// What a pool does with the elements under its window.
    pub enum Reduction else UnknownVariant {
        /// Greatest element; padding does not count.
        Max = 0,
        /// Sum, divided by the number of elements under the window that lie in the image.
        Mean = 1,
        /// Sum, divided by the size of the kernel.
        MeanWithPadding = 2,
        /// Sum.
        Sum = 3,
    }
}

record! {
    /// Pooling of each channel of images. Elements are visited in row-major order.
    ///
    /// Tile: `rows` of the output; `columns` counts channels over the whole batch.
    ///
    /// ```text
    /// 0 8 x   8 8 out   16 4 element   20 4 reduction   24 48 window
    /// ```
    pub struct Pool {
        /// Address of x, `[channels][height][width]`.
        pub x: u64,
        /// Address of the output, `[channels][height][width]`.
        pub out: u64,
        /// Element type of both; `I8` and `U8` only with `Max`.
        pub element: Element,
        /// What is computed.
        pub reduction: Reduction,
        /// The geometry.
        pub window: Window,
    }
}

record! {
    /// Scale and zero point of a tensor: the value of element q is `(q - zero) * scale`.
    ///
    /// ```text
    /// 0 4 element   4 4 scale   8 4 zero
    /// ```
    pub struct Quantization {
        /// Element type; for `F32` scale and zero are unused.
        pub element: Element,
        /// Scale.
        pub scale: f32,
        /// Zero point.
        pub zero: i32,
    }
}

impl Quantization {
    /// A tensor of f32.
    pub const F32: Self = Self {
        element: Element::F32,
        scale: 1.0,
        zero: 0,
    };
}

record! {
    /// Elementwise `out = quantize(activation(dequantize(x)))`. Tile: `rows` is a range of elements.
    ///
    /// ```text
    /// 0 8 x   8 8 out   16 12 from   28 12 to   40 12 activation
    /// ```
    pub struct Map {
        /// Address of x.
        pub x: u64,
        /// Address of the output.
        pub out: u64,
        /// How x is read.
        pub from: Quantization,
        /// How the output is written.
        pub to: Quantization,
        /// The function between.
        pub activation: Activation,
    }
}

selector! {
    /// An elementwise function of two f32.
    pub enum Operation else UnknownVariant {
        /// x + y
        Add = 0,
        /// x - y
        Sub = 1,
        /// x * y
        Mul = 2,
        /// x / y
        Div = 3,
        /// the smaller
        Min = 4,
        /// the larger
        Max = 5,
    }
}

record! {
    /// Elementwise `out[i] = activation(operation(x[i], y[(i / inner) % period]))` in f32.
    ///
    /// Tile: `rows` is a range of elements.
    ///
    /// ```text
    /// 0 8 x   8 8 y   16 8 out   24 4 operation   28 4 swapped   32 4 inner   36 4 period   40 12 activation
    /// ```
    pub struct Zip {
        /// Address of x.
        pub x: u64,
        /// Address of y.
        pub y: u64,
        /// Address of the output.
        pub out: u64,
        /// The operation.
        pub operation: Operation,
        /// 1 if the operation takes y first, else 0.
        pub swapped: u32,
        /// Consecutive elements of x that meet the same element of y.
        pub inner: u32,
        /// Elements of y.
        pub period: u32,
        /// The fused function.
        pub activation: Activation,
    }
}

record! {
    /// Softmax in f32 over the middle of `[outer][len][inner]`: `exp(x - max)` divided by its sum, which runs in ascending
    /// order. Tile: `rows` is a range of the outer dimension.
    ///
    /// ```text
    /// 0 8 x   8 8 out   16 4 len   20 4 inner
    /// ```
    pub struct Softmax {
        /// Address of x.
        pub x: u64,
        /// Address of the output.
        pub out: u64,
        /// Elements of one distribution.
        pub len: u32,
        /// Elements from one to the next of the same distribution.
        pub inner: u32,
    }
}

record! {
    /// Index of the first greatest f32, over the middle of `[outer][len][inner]`, as `[outer][inner]` of i64.
    /// Tile: `rows` is a range of the outer dimension.
    ///
    /// ```text
    /// 0 8 x   8 8 out   16 4 len   20 4 inner
    /// ```
    pub struct ArgMax {
        /// Address of x.
        pub x: u64,
        /// Address of the output.
        pub out: u64,
        /// Elements among which the greatest is sought.
        pub len: u32,
        /// Elements from one to the next of the same search.
        pub inner: u32,
    }
}

record! {
    /// Copies a model's output to the `output` region; the last one halts.
    ///
    /// ```text
    /// 0 8 x   8 8 out   16 4 len   20 4 halt
    /// ```
    pub struct Output {
        /// Address of the tensor.
        pub x: u64,
        /// Address in the output region.
        pub out: u64,
        /// Bytes.
        pub len: u32,
        /// 0, or the length of the whole answer in bytes, with which the step halts.
        pub halt: u32,
    }
}

macro_rules! ops {
    ($($name:ident = $code:literal,)*) => {
        /// An operator. Its record is a kind as u32, the operator's fields, and zeros up to [`Op::LEN`] bytes.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Op {
            $(#[doc = concat!("Kind ", $code, ".")] $name($name),)*
        }

        $(impl From<$name> for Op {
            fn from(op: $name) -> Self {
                Self::$name(op)
            }
        })*

        impl Op {
            /// Bytes of a record.
            pub const LEN: usize = 256;

            /// The record's bytes.
            pub fn encode(&self) -> [u8; Self::LEN] {
                let mut bytes = [0; Self::LEN];
                match *self {
                    $(Self::$name(op) => {
                        u32::put($code, &mut bytes);
                        op.put(&mut bytes[4..]);
                    })*
                }
                bytes
            }

            /// Reads a record.
            pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                let bytes: &[u8; Self::LEN] = bytes.first_chunk().ok_or(DecodeError::Truncated)?;
                match u32::get(bytes)? {
                    $($code => Field::get(&bytes[4..]).map(Self::$name),)*
                    _ => Err(DecodeError::UnknownOperator),
                }
            }
        }

        $(const _: () = assert!(4 + <$name as Field>::LEN <= Op::LEN);)*
    };
}

ops! {
    Output = 0,
    Dense = 1,
    Conv = 2,
    Pool = 3,
    Map = 4,
    Zip = 5,
    Softmax = 6,
    ArgMax = 7,
}
