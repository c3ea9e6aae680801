//! The operators of a plan.

use crate::codec::{record, selector, DecodeError, Field};
use crate::views::{Code, Element, View};
use crate::RANK;

/// Instructions of an elementwise operator.
pub const CODE_MAX: usize = 34;
/// Tensors that an elementwise operator reads.
pub const INPUTS_MAX: usize = 4;
/// Instructions that finish the sums of a product.
pub const FINISH_MAX: usize = 10;
/// The address of a tensor that is not there.
pub const ABSENT: u64 = u64::MAX;

record! {
    /// `out = code(inputs)`, element by element. Tile: a box of `dims`.
    ///
    /// The result's register holds f32 for an `out` of f32, else an integer of which the lowest bits are written.
    ///
    /// ```text
    /// 0 24 dims   24 36 out   60 4 count   64 144 inputs   208 288 code
    /// ```
    pub struct Elementwise {
        /// Lengths of the dimensions.
        pub dims: [u32; RANK],
        /// The result.
        pub out: View,
        /// How many inputs there are.
        pub count: u32,
        /// The operands.
        pub inputs: [View; INPUTS_MAX],
        /// What is computed.
        pub code: Code<CODE_MAX>,
    }
}

selector! {
    /// What becomes of the elements of a row.
    pub enum Reduction: u32 else UnknownVariant {
        /// The sum. Lane `i` of 16 takes the elements `i`, `i + 16`, .. in this order; then lane `i` takes lane `i + 8`, and
        /// so on by halves.
        Sum = 0,
        /// The product, by lanes as the sum.
        Product = 1,
        /// The greatest; NaN if one is.
        Max = 2,
        /// The least; NaN if one is.
        Min = 3,
        /// Index of the first greatest.
        ArgMax = 4,
        /// Index of the first least.
        ArgMin = 5,
        /// Index of the last greatest.
        LastArgMax = 6,
        /// Index of the last least.
        LastArgMin = 7,
    }
}

record! {
    /// Reduces each row of x. Tile: a box of the first `kept` dimensions; the others, a row, are whole.
    ///
    /// ```text
    /// 0 24 dims   24 4 kept   28 4 reduction   32 36 x   68 36 out
    /// ```
    pub struct Reduce {
        /// Lengths of the dimensions.
        pub dims: [u32; RANK],
        /// How many dimensions are kept.
        pub kept: u32,
        /// What is computed: in f32 or i64, as x is; indices are i64.
        pub reduction: Reduction,
        /// The operand.
        pub x: View,
        /// The result; its strides along a row are 0.
        pub out: View,
    }
}

selector! {
    /// How a row is normalized. Sums run as in [`Reduction::Sum`].
    pub enum Normalization: u32 else UnknownVariant {
        /// `exp(x - max) / sum of exp(x - max)`
        Softmax = 0,
        /// `x - max - log(sum of exp(x - max))`
        LogSoftmax = 1,
        /// `(x - mean) / sqrt(mean of (x - mean)^2 + epsilon)`
        Standard = 2,
        /// `x / sqrt(mean of x^2 + epsilon)`
        RootMeanSquare = 3,
    }
}

record! {
    /// Normalizes each row of x, then multiplies with `scale` and adds `bias` where they are there. All are f32.
    /// Tile: a box of the first `kept` dimensions; the others, a row, are whole.
    ///
    /// ```text
    /// 0 24 dims   24 4 kept   28 4 normalization   32 4 epsilon   36 36 x   72 36 out   108 36 scale   144 36 bias
    /// ```
    pub struct Normalize {
        /// Lengths of the dimensions.
        pub dims: [u32; RANK],
        /// How many dimensions are no part of a row.
        pub kept: u32,
        /// What is computed.
        pub normalization: Normalization,
        /// What is added to a mean of squares.
        pub epsilon: f32,
        /// The operand.
        pub x: View,
        /// The result.
        pub out: View,
        /// What a normalized element is multiplied with, or [`ABSENT`].
        pub scale: View,
        /// What is added then, or [`ABSENT`].
        pub bias: View,
    }
}

record! {
    /// How a tile's sums become elements of the output. A channel is a column of a product or a channel of a convolution.
    ///
    /// From f32 sums: `y = code(sum + bias[c])`. From i32 sums, `y = sum + bias[c]` for an output of `I32`, else
    /// `y = round_half_even(clamp((sum + bias[c]) * multiplier[c], low - zero, high - zero)) + zero`.
    ///
    /// ```text
    /// 0 8 bias   8 8 multiplier   16 4 zero   20 4 low   24 4 high   28 96 code
    /// ```
    pub struct Finish {
        /// Address of one f32 or i32 per channel, or [`ABSENT`].
        pub bias: u64,
        /// Address of one f32 per channel; where the output is quantized.
        pub multiplier: u64,
        /// Zero point of the output; where it is quantized.
        pub zero: i32,
        /// Least value of the output; where it is quantized.
        pub low: i32,
        /// Greatest value of the output; where it is quantized.
        pub high: i32,
        /// What is computed of register 0; f32 only.
        pub code: Code<FINISH_MAX>,
    }
}

impl Finish {
    /// The sums as they are.
    pub const NONE: Self = Self {
        bias: ABSENT,
        multiplier: ABSENT,
        zero: 0,
        low: 0,
        high: 0,
        code: Code::NONE,
    };
}

record! {
    /// `out[.., m, n] = finish(sum over k of x[.., m, k] * y[.., k, n])`; the dimensions are three of a batch, then m, n, k.
    ///
    /// Packed weights are blocks of [`BLOCK`](crate::BLOCK) columns, the last one filled with zeros. A block is
    /// `[k][column]` in f32, or `[k / 2][column][k % 2]` in i8 with the zero point taken off and an odd depth filled with a
    /// zero. Tile: one index of the batch; a range of k begins at an even index, a range of n at a multiple of `BLOCK`.
    ///
    /// ```text
    /// 0 24 dims   24 36 x   60 36 y   96 36 out   132 8 sums   140 4 x_zero   144 4 y_zero   148 4 packed   152 124 finish
    /// ```
    pub struct MatMul {
        /// Lengths of the dimensions.
        pub dims: [u32; RANK],
        /// The left operand; `F32`, `I8` or `U8`. Its stride along n is 0.
        pub x: View,
        /// The right operand; `F32`, or `I8` or `U8`. Its stride along m is 0; where it is packed, all are.
        pub y: View,
        /// The result. Its stride along k is 0.
        pub out: View,
        /// Address of unfinished sums, dense, of 4 bytes each; used where a tile's k is not the whole.
        pub sums: u64,
        /// Zero point of x; where it is quantized.
        pub x_zero: i32,
        /// Zero point of y; where it is quantized and not packed.
        pub y_zero: i32,
        /// 1 if y is packed weights, else 0.
        pub packed: u32,
        /// What becomes of the sums.
        pub finish: Finish,
    }
}

record! {
    /// How a window of `kernel` moves over an image; every pair is vertical, horizontal.
    ///
    /// ```text
    /// 0 8 input   8 8 output   16 8 kernel   24 8 stride   32 8 dilation   40 8 padding   48 8 padding_after
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
        /// Pixels of padding above and left of the image.
        pub padding: [u32; 2],
        /// Pixels of padding below and right of the image. Windows may see farther, but no mean counts what they see there.
        pub padding_after: [u32; 2],
    }
}

record! {
    /// Convolution of images, by groups. Weights are `[output channel][input channel of the group][kernel row][kernel
    /// column]`.
    ///
    /// The tile's dimensions are image, output channel, row of the output, and input channel of the group, which is whole
    /// where the tile spans several groups.
    ///
    /// ```text
    /// 0 8 x   8 8 weights   16 8 out   24 8 sums   32 4 channels_in   36 4 channels_out   40 4 groups   44 4 x_element
    /// 48 4 x_zero   52 4 weights_element   56 4 weights_zero   60 4 out_element   64 4 batch   68 56 window   124 124 finish
    /// ```
    pub struct Conv {
        /// Address of x, `[batch][channels_in][height][width]`.
        pub x: u64,
        /// Address of the weights.
        pub weights: u64,
        /// Address of the output, `[batch][channels_out][height][width]`.
        pub out: u64,
        /// Address of unfinished sums, of the output's shape with 4 bytes each; used where a tile's depth is not the whole.
        pub sums: u64,
        /// Channels of x.
        pub channels_in: u32,
        /// Channels of the output.
        pub channels_out: u32,
        /// Groups; divides both numbers of channels.
        pub groups: u32,
        /// Element type of x: `F32`, `I8` or `U8`.
        pub x_element: Element,
        /// Zero point of x; where it is quantized.
        pub x_zero: i32,
        /// Element type of the weights: `F32`, or `I8` or `U8`.
        pub weights_element: Element,
        /// Zero point of the weights; where they are quantized.
        pub weights_zero: i32,
        /// Element type of the output.
        pub out_element: Element,
        /// Images.
        pub batch: u32,
        /// The geometry.
        pub window: Window,
        /// What becomes of the sums.
        pub finish: Finish,
    }
}

selector! {
    /// What a pool does with the elements under its window.
    pub enum Pooling: u32 else UnknownVariant {
        /// Greatest element; padding does not count.
        Max = 0,
        /// Sum, divided by the number of elements under the window that lie in the image.
        Mean = 1,
        /// Sum, divided by the number of elements under the window that lie in the image or in its padding.
        MeanWithPadding = 2,
        /// Sum.
        Sum = 3,
    }
}

record! {
    /// Pooling of each plane of images. Elements are visited in row-major order. The tile's dimensions are plane and row
    /// of the output.
    ///
    /// ```text
    /// 0 8 x   8 8 out   16 4 element   20 4 pooling   24 56 window   80 8 indices   88 4 column_major   92 4 planes
    /// ```
    pub struct Pool {
        /// Address of x, `[planes][height][width]`.
        pub x: u64,
        /// Address of the output, `[planes][height][width]`.
        pub out: u64,
        /// Element type of both; `I8` and `U8` only with `Max`.
        pub element: Element,
        /// What is computed.
        pub pooling: Pooling,
        /// The geometry.
        pub window: Window,
        /// Address of the index of each greatest element in x, of the output's shape in i64, or [`ABSENT`].
        pub indices: u64,
        /// 1 if an index counts down a column first, else 0.
        pub column_major: u32,
        /// Planes of the batch.
        pub planes: u32,
    }
}

record! {
    /// Rows of x by their numbers: `out[o, i] = x[o, indices[i]]`. The tile's dimensions are o, i, and bytes of a row.
    ///
    /// A negative number counts from the end; one that x does not have is a fault.
    ///
    /// ```text
    /// 0 8 x   8 8 indices   16 8 out   24 4 outer   28 4 count   32 4 len   36 4 row
    /// ```
    pub struct Take {
        /// Address of x, dense.
        pub x: u64,
        /// Address of the numbers, i64.
        pub indices: u64,
        /// Address of the output, dense.
        pub out: u64,
        /// How many parts x has, each with rows of its own.
        pub outer: u32,
        /// How many numbers there are.
        pub count: u32,
        /// How many rows x has for each o.
        pub len: u32,
        /// Bytes of a row.
        pub row: u32,
    }
}

selector! {
    /// How a scattered element meets the one that is there.
    pub enum Scattering: u32 else UnknownVariant {
        /// It takes its place.
        Replace = 0,
        /// The sum.
        Add = 1,
        /// The product.
        Mul = 2,
        /// The smaller one.
        Min = 3,
        /// The larger one.
        Max = 4,
    }
}

record! {
    /// Puts rows into out by their numbers, in their order: `out[indices[i]] = x[i]`. Tile: a range of i.
    ///
    /// Numbers are as in [`Take`].
    ///
    /// ```text
    /// 0 8 x   8 8 indices   16 8 out   24 4 count   28 4 len   32 4 row   36 4 element   40 4 scattering
    /// ```
    pub struct Put {
        /// Address of the rows, dense.
        pub x: u64,
        /// Address of the numbers, i64.
        pub indices: u64,
        /// Address of the tensor that they are put into.
        pub out: u64,
        /// How many rows are put.
        pub count: u32,
        /// How many rows it has.
        pub len: u32,
        /// Elements of a row.
        pub row: u32,
        /// Element type.
        pub element: Element,
        /// What is put.
        pub scattering: Scattering,
    }
}

record! {
    /// The greatest or least elements of each row of x, in their order; of equals, the first ones. Tile: a box of the first
    /// `kept` dimensions; the last one is the row.
    ///
    /// ```text
    /// 0 24 dims   24 4 kept   28 4 count   32 4 largest   36 36 x   72 36 values   108 36 indices
    /// ```
    pub struct TopK {
        /// Lengths of the dimensions; there is one behind those that are kept.
        pub dims: [u32; RANK],
        /// How many dimensions are no part of a row.
        pub kept: u32,
        /// How many elements of each row are sought.
        pub count: u32,
        /// 1 for the greatest, 0 for the least.
        pub largest: u32,
        /// The operand.
        pub x: View,
        /// The elements.
        pub values: View,
        /// Their indices, i64.
        pub indices: View,
    }
}

record! {
    /// Sums of the elements of each row up to each. Tile: a box of the first `kept` dimensions; the last one is the row.
    ///
    /// ```text
    /// 0 24 dims   24 4 kept   28 4 exclusive   32 4 reverse   36 36 x   72 36 out
    /// ```
    pub struct CumSum {
        /// Lengths of the dimensions.
        pub dims: [u32; RANK],
        /// How many dimensions are no part of a row.
        pub kept: u32,
        /// 1 if an element is no part of its own sum, else 0.
        pub exclusive: u32,
        /// 1 if the sums run from the end, else 0.
        pub reverse: u32,
        /// The operand.
        pub x: View,
        /// The result.
        pub out: View,
    }
}

record! {
    /// Sums of what decision trees give for each row of x. The tile's dimensions are row and tree.
    ///
    /// A tree is a [`TreeNode`] for each of its nodes, of which the first is the root; its trees lie one after the other. For
    /// each row the sums take the trees in ascending order, and the weights of a leaf in theirs.
    ///
    /// ```text
    /// 0 8 x   8 8 nodes   16 8 starts   24 8 weights   32 8 out   40 4 rows   44 4 features   48 4 trees   52 4 targets
    /// 56 4 largest   60 4 depth   64 4 widest
    /// ```
    pub struct Trees {
        /// Address of x, `[rows][features]` in f32.
        pub x: u64,
        /// Address of the nodes of all trees.
        pub nodes: u64,
        /// Address of the number of each tree's first node, and of the number of all nodes, u32.
        pub starts: u64,
        /// Address of the weights of leaves that have several: a target as u32, and what is added to it as f32.
        pub weights: u64,
        /// Address of the output, `[rows][targets]` in f32.
        pub out: u64,
        /// Rows of x.
        pub rows: u32,
        /// Elements of a row.
        pub features: u32,
        /// Number of trees.
        pub trees: u32,
        /// Sums for each row.
        pub targets: u32,
        /// Nodes of the largest tree.
        pub largest: u32,
        /// The most nodes on a way from a root to a leaf.
        pub depth: u32,
        /// The most weights of a leaf.
        pub widest: u32,
    }
}

selector! {
    /// What a node of a tree is.
    pub enum Branching: u8 else UnknownVariant {
        /// A leaf with one weight, `value`, for the target `index`.
        Leaf = 0,
        /// A leaf with `other` weights, of which `index` is the number of the first.
        Leaves = 1,
        /// Takes the next node where feature `index` is at most `value`, else node `other`.
        LessEqual = 2,
        /// The same where it is less.
        Less = 3,
        /// The same where it is at least `value`.
        GreaterEqual = 4,
        /// The same where it is greater.
        Greater = 5,
        /// The same where it is equal.
        Equal = 6,
        /// The same where it is not equal.
        NotEqual = 7,
    }
}

record! {
    /// A node of a tree. A node that it leads to comes after it.
    ///
    /// ```text
    /// 0 1 branching   1 1 missing   2 2 reserved   4 4 index   8 4 value   12 4 other
    /// ```
    pub struct TreeNode {
        /// What it is.
        pub branching: Branching,
        /// 1 if a feature that is NaN leads to the next node, else 0.
        pub missing: u8,
        /// 0.
        pub reserved: [u8; 2],
        /// A feature, a target, or the first of some weights.
        pub index: u32,
        /// What a feature is compared with, or a weight.
        pub value: f32,
        /// A node's number in its tree, or a number of weights.
        pub other: u32,
    }
}

record! {
    /// Ends the run.
    ///
    /// ```text
    /// 0 4 len
    /// ```
    pub struct Halt {
        /// Bytes of the answer.
        pub len: u32,
    }
}

/// Not inlined: a function of a program may have 64 locals.
#[inline(never)]
fn fields<T: Field>(bytes: &[u8]) -> Result<T, DecodeError> {
    T::get(bytes)
}

macro_rules! ops {
    ($($name:ident = $code:literal,)*) => {
        /// An operator. Its record is a kind as u32, the operator's fields, and zeros up to [`Op::LEN`] bytes.
        #[derive(Clone, Copy, Debug, PartialEq)]
        // Boxes need an allocator, which a program has not.
        #[allow(clippy::large_enum_variant)]
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
            pub const LEN: usize = 512;

            /// What the operator is called.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

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
                    $($code => fields(&bytes[4..]).map(Self::$name),)*
                    _ => Err(DecodeError::UnknownOperator),
                }
            }
        }

        $(const _: () = assert!(4 + <$name as Field>::LEN <= Op::LEN);)*
    };
}

ops! {
    Halt = 0,
    Elementwise = 1,
    Reduce = 2,
    Normalize = 3,
    MatMul = 4,
    Conv = 5,
    Pool = 6,
    Take = 7,
    Put = 8,
    TopK = 9,
    CumSum = 10,
    Trees = 11,
}
