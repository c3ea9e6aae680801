//! Tensors as operators see them, and what is computed of their elements.

use crate::codec::{record, selector};
use crate::RANK;

selector! {
    /// Type of a tensor's elements. Booleans are `U8` with the values 0 and 1.
    pub enum Element: u32 else UnknownElement {
        /// IEEE 754 binary32.
        F32 = 0,
        /// Signed byte.
        I8 = 1,
        /// Unsigned byte.
        U8 = 2,
        /// Signed 32-bit integer.
        I32 = 3,
        /// Signed 64-bit integer.
        I64 = 4,
    }
}

impl Element {
    /// Bytes of an element.
    pub const fn size(self) -> u32 {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::I8 | Self::U8 => 1,
            Self::I64 => 8,
        }
    }
}

record! {
    /// A tensor over an operator's dimensions: element `[i0, .., i5]` lies at `address + size * sum of i * stride`.
    /// A stride of 0 repeats a tensor along a dimension, a negative one reverses it.
    ///
    /// ```text
    /// 0 8 address   8 4 element   12 24 strides
    /// ```
    pub struct View {
        /// Byte address of the element with all indices 0.
        pub address: u64,
        /// Element type.
        pub element: Element,
        /// Elements from one index to the next, along each dimension.
        pub strides: [i32; RANK],
    }
}

impl View {
    /// A view that is not used.
    pub const NONE: Self = Self {
        address: 0,
        element: Element::F32,
        strides: [0; RANK],
    };
}

selector! {
    /// What an instruction computes. `x` and `y` are the registers `a` and `b`. A register holds f32 or i64; comparisons
    /// give the integers 0 and 1.
    pub enum Operation: u8 else UnknownOperation {
        /// Elements of input `a`: f32 as such, all other types as integers.
        Load = 0,
        /// The f32 whose bits are `immediate`.
        Set = 1,
        /// `immediate` as a signed 32-bit integer.
        SetInt = 2,
        /// y where x is not 0, else the f32 in register `immediate`.
        Select = 3,
        /// The same for integers.
        SelectInt = 4,
        /// x as f32, rounded to the nearest.
        ToFloat = 5,
        /// x without its fraction, as the nearest i64; NaN gives 0.
        ToInt = 6,
        /// The integer x as one of type `immediate`, which has the code of an [`Element`], has it: by its lowest bits.
        Narrow = 7,
        /// x + y
        Add = 16,
        /// x - y
        Sub = 17,
        /// x * y
        Mul = 18,
        /// x / y
        Div = 19,
        /// The smaller one; NaN if either is.
        Min = 20,
        /// The larger one; NaN if either is.
        Max = 21,
        /// x to the power of y.
        Pow = 22,
        /// The remainder of x / y, with the sign of x.
        Rem = 23,
        /// x < y
        Less = 24,
        /// x <= y
        LessEqual = 25,
        /// x = y
        Equal = 26,
        /// -x
        Neg = 32,
        /// |x|
        Abs = 33,
        /// Square root.
        Sqrt = 34,
        /// Largest integer up to x.
        Floor = 35,
        /// Smallest integer from x.
        Ceil = 36,
        /// Nearest integer, the even one of two.
        Round = 37,
        /// e^x
        Exp = 38,
        /// Natural logarithm.
        Log = 39,
        /// 1 / (1 + e^-x)
        Sigmoid = 40,
        /// Hyperbolic tangent.
        Tanh = 41,
        /// Error function.
        Erf = 42,
        /// log(1 + e^x)
        Softplus = 43,
        /// Sine.
        Sin = 44,
        /// Cosine.
        Cos = 45,
        /// Tangent.
        Tan = 46,
        /// Arc sine.
        Asin = 47,
        /// Arc cosine.
        Acos = 48,
        /// Arc tangent.
        Atan = 49,
        /// Hyperbolic sine.
        Sinh = 50,
        /// Hyperbolic cosine.
        Cosh = 51,
        /// Inverse hyperbolic sine.
        Asinh = 52,
        /// Inverse hyperbolic cosine.
        Acosh = 53,
        /// Inverse hyperbolic tangent.
        Atanh = 54,
        /// x + y, wrapping like all sums and products of integers.
        AddInt = 64,
        /// x - y
        SubInt = 65,
        /// x * y
        MulInt = 66,
        /// x / y towards zero; 0 where y is 0.
        DivInt = 67,
        /// The remainder of x / y with the sign of x; 0 where y is 0.
        RemInt = 68,
        /// The remainder of x / y with the sign of y; 0 where y is 0.
        ModInt = 69,
        /// The smaller one.
        MinInt = 70,
        /// The larger one.
        MaxInt = 71,
        /// x to the power of y; 0 where y is negative and x neither 1 nor -1.
        PowInt = 72,
        /// x < y
        LessInt = 73,
        /// x <= y
        LessEqualInt = 74,
        /// x = y
        EqualInt = 75,
        /// Bitwise and.
        And = 76,
        /// Bitwise or.
        Or = 77,
        /// Bitwise exclusive or.
        Xor = 78,
        /// x shifted left by y bits, modulo 64.
        ShiftLeft = 79,
        /// x shifted right by y bits, modulo 64, as an unsigned integer.
        ShiftRight = 80,
    }
}

record! {
    /// One instruction of an elementwise program. The register `out` is none of those that it reads.
    ///
    /// ```text
    /// 0 1 operation   1 1 out   2 1 a   3 1 b   4 4 immediate
    /// ```
    pub struct Instruction {
        /// What is computed.
        pub operation: Operation,
        /// Register of the result.
        pub out: u8,
        /// First operand.
        pub a: u8,
        /// Second operand.
        pub b: u8,
        /// A constant, or the third operand.
        pub immediate: u32,
    }
}

impl Instruction {
    /// An instruction that is not used.
    pub const NONE: Self = Self {
        operation: Operation::Set,
        out: 0,
        a: 0,
        b: 0,
        immediate: 0,
    };
}

record! {
    /// An elementwise program of up to `N` instructions.
    ///
    /// ```text
    /// 0 4 constants   4 4 len   8 4 registers   12 4 result   16 8*N instructions
    /// ```
    pub struct Code<const N: usize> {
        /// The first instructions, which are executed once for a tile: they set constants.
        pub constants: u32,
        /// Number of instructions.
        pub len: u32,
        /// Number of registers.
        pub registers: u32,
        /// Register of the result.
        pub result: u32,
        /// The instructions.
        pub instructions: [Instruction; N],
    }
}

impl<const N: usize> Code<N> {
    /// A program without instructions: the result is register 0 as it is.
    pub const NONE: Self = Self {
        constants: 0,
        len: 0,
        registers: 1,
        result: 0,
        instructions: [Instruction::NONE; N],
    };
}
