//! What a name of the model stands for.

use std::rc::Rc;

use assay_network_plan::{Element, View, RANK};

use super::expression::Expression;
use crate::onnx::Tensor;
use crate::package::Dtype;

/// Which elements of a buffer a tensor has: element `[i, j, ..]` is number `offset + i * strides[0] + j * strides[1] ..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub shape: Vec<usize>,
    pub strides: Vec<i64>,
    pub offset: i64,
}

impl Layout {
    /// All elements in row-major order.
    pub fn dense(shape: &[usize]) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut stride = 1;
        for (place, len) in strides.iter_mut().zip(shape).rev() {
            *place = stride;
            stride *= *len as i64;
        }
        Self {
            shape: shape.to_vec(),
            strides,
            offset: 0,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The least and the greatest number of an element. `None` if there is none, or if they are out of all bounds.
    pub fn reach(&self) -> Option<[i64; 2]> {
        let mut reach = [self.offset; 2];
        for (len, stride) in self.shape.iter().zip(&self.strides) {
            let way = stride.checked_mul(i64::try_from(len.checked_sub(1)?).ok()?)?;
            let end = &mut reach[usize::from(way > 0)];
            *end = end.checked_add(way)?;
        }
        Some(reach)
    }

    /// Whether the elements lie side by side in row-major order.
    pub fn is_dense(&self) -> bool {
        let dense = Self::dense(&self.shape);
        let pairs = self.strides.iter().zip(&dense.strides).zip(&self.shape);
        pairs.into_iter().all(|((a, b), len)| a == b || *len == 1)
    }

    /// Dimension `i` becomes that which was `axes[i]`.
    pub fn permuted(mut self, axes: &[usize]) -> Self {
        self.shape = axes.iter().map(|axis| self.shape[*axis]).collect();
        self.strides = axes.iter().map(|axis| self.strides[*axis]).collect();
        self
    }

    /// Every `step`th index from `start` along a dimension, `len` of them.
    pub fn sliced(mut self, axis: usize, start: i64, step: i64, len: usize) -> Self {
        self.offset = self
            .offset
            .saturating_add(start.saturating_mul(self.strides[axis]));
        self.strides[axis] = self.strides[axis].saturating_mul(step);
        self.shape[axis] = len;
        self
    }

    /// Repeated along dimensions of length 1, and along new ones in front. `shape` is what the tensor broadcasts to.
    pub fn broadcast(self, shape: &[usize]) -> Option<Self> {
        let front = shape.len().checked_sub(self.shape.len())?;
        let mut strides = vec![0; front];
        for ((len, stride), to) in self.shape.iter().zip(&self.strides).zip(&shape[front..]) {
            match () {
                _ if len == to => strides.push(*stride),
                _ if *len == 1 => strides.push(0),
                _ => return None,
            }
        }
        Some(Self {
            shape: shape.to_vec(),
            strides,
            offset: self.offset,
        })
    }

    /// The same elements in another shape, where strides can say it.
    pub fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        let mut strides = vec![0; shape.len()];
        // Runs of the old dimensions that are as one, and as many new ones as have the same number of elements.
        let old: Vec<(usize, i64)> = self
            .shape
            .iter()
            .copied()
            .zip(self.strides.iter().copied())
            .filter(|(len, _)| *len != 1)
            .collect();
        let (mut from, mut to) = (0, 0);
        while from < old.len() {
            let (mut have, mut want) = (old[from].0, 1);
            let (first, mut last) = (to, from);
            loop {
                if have == want {
                    break;
                }
                if want < have {
                    want *= *shape.get(to)?;
                    to += 1;
                } else {
                    last += 1;
                    let (len, stride) = *old.get(last)?;
                    if old[last - 1].1 != stride * len as i64 {
                        return None;
                    }
                    have *= len;
                }
            }
            let mut stride = old[last].1;
            for axis in (first..to).rev() {
                strides[axis] = stride;
                stride *= shape[axis] as i64;
            }
            from = last + 1;
        }
        Some(Self {
            shape: shape.to_vec(),
            strides,
            offset: self.offset,
        })
    }

    /// Puts a dimension of length 1 before dimension `axis`.
    pub fn with_axis(mut self, axis: usize) -> Self {
        self.shape.insert(axis, 1);
        self.strides.insert(axis, 0);
        self
    }

    /// Takes a dimension out, of which index 0 remains.
    pub fn without_axis(mut self, axis: usize) -> Self {
        self.shape.remove(axis);
        self.strides.remove(axis);
        self
    }
}

/// A tensor in the machine's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Byte address of the buffer's first element.
    pub address: u64,
    pub dtype: Dtype,
    pub layout: Layout,
    /// The operator that made it, if nothing else will see what that made: it may still be changed.
    pub producer: Option<usize>,
}

impl Array {
    /// A dense tensor.
    pub fn dense(address: u64, dtype: Dtype, shape: &[usize]) -> Self {
        Self {
            address,
            dtype,
            layout: Layout::dense(shape),
            producer: None,
        }
    }

    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// Bytes of a dense tensor of this shape.
    pub fn bytes(&self) -> u64 {
        (self.layout.len() * self.dtype.size()) as u64
    }

    /// Address of its first element.
    pub fn start(&self) -> u64 {
        let offset = self.layout.offset * self.dtype.size() as i64;
        self.address.wrapping_add_signed(offset)
    }

    /// The tensor with these strides over an operator's last dimensions.
    pub fn view_over(&self, strides: &[i64]) -> Option<View> {
        let front = RANK.checked_sub(strides.len())?;
        let mut all = [0; RANK];
        for (place, stride) in all[front..].iter_mut().zip(strides) {
            *place = i32::try_from(*stride).ok()?;
        }
        Some(View {
            address: self.start(),
            element: element(self.dtype),
            strides: all,
        })
    }
}

/// How a type is stored.
pub fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F32 => Element::F32,
        Dtype::I8 => Element::I8,
        Dtype::U8 | Dtype::Bool => Element::U8,
        Dtype::I32 => Element::I32,
        Dtype::I64 => Element::I64,
    }
}

/// A tensor of the model.
#[derive(Clone, Debug)]
pub enum Value {
    /// Its elements are known.
    Constant(Rc<Tensor>),
    /// It lies in memory when it is needed.
    Computed(Array),
    /// It is an expression that is computed where it is used.
    Pending(Rc<Expression>),
}

impl Value {
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Constant(tensor) => &tensor.shape,
            Self::Computed(array) => array.shape(),
            Self::Pending(expression) => &expression.shape,
        }
    }

    pub fn dtype(&self) -> Dtype {
        match self {
            Self::Constant(tensor) => tensor.dtype,
            Self::Computed(array) => array.dtype,
            Self::Pending(expression) => expression.dtype,
        }
    }

    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// The elements, if they are known.
    pub fn constant(&self) -> Option<&Rc<Tensor>> {
        match self {
            Self::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Constant(Rc::new(tensor))
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Self::Computed(array)
    }
}

impl Tensor {
    /// The elements that a layout chooses.
    pub fn select(&self, layout: &Layout) -> Self {
        let size = self.dtype.size();
        let len = layout.len();
        let mut bytes = Vec::with_capacity(len * size);
        let mut indices = vec![0; layout.shape.len()];
        let mut place = layout.offset;
        for _ in 0..len {
            let start = place as usize * size;
            bytes.extend_from_slice(&self.bytes[start..start + size]);
            for axis in (0..indices.len()).rev() {
                indices[axis] += 1;
                place += layout.strides[axis];
                if indices[axis] < layout.shape[axis] {
                    break;
                }
                indices[axis] = 0;
                place -= layout.strides[axis] * layout.shape[axis] as i64;
            }
        }
        Self {
            dtype: self.dtype,
            shape: layout.shape.clone(),
            bytes: bytes.into(),
        }
    }
}
