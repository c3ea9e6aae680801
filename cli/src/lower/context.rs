//! What operators are lowered with: tensors get places, expressions get operators.

use std::collections::HashMap;
use std::rc::Rc;

use assay_network_plan::{Code, Elementwise, Finish, Op, View, CODE_MAX, INPUTS_MAX, RANK};

use super::expression::{Expression, Id};
use super::node::{invalid, no_elements, unsupported, Lowers, Problem};
use super::plan::PlanBuilder;
use super::value::{Array, Layout, Value};
use crate::onnx::{elements, Tensor};
use crate::package::{Dtype, Hash};

/// The most operators of a plan.
const OPS_MAX: usize = 1 << 16;
/// The most elements of a tensor, also of one that is only seen: more could not be computed in all steps of a plan.
const ELEMENTS_MAX: usize = 1 << 36;
/// The most operators that one expression takes.
const PARTS_MAX: usize = 1024;

/// A plan that is being made.
pub struct Context {
    pub plan: PlanBuilder,
    /// Products that all operators multiply and add.
    pub products: u64,
    /// Addresses of constants by the hash of their bytes.
    stored: HashMap<[u8; 32], u64>,
}

impl Context {
    pub fn new() -> Self {
        Self {
            plan: PlanBuilder::new(),
            products: 0,
            stored: HashMap::new(),
        }
    }

    /// A new dense tensor.
    pub fn allocate(&mut self, dtype: Dtype, shape: &[usize]) -> Lowers<Array> {
        let len = size(shape)?;
        let address = self.plan.buffers.take((len * dtype.size()) as u64);
        Ok(Array::dense(address.ok_or(Problem::Memory)?, dtype, shape))
    }

    /// Stores a constant's bytes.
    pub fn store(&mut self, bytes: &[u8]) -> Lowers<u64> {
        self.plan.constant(bytes).ok_or(Problem::Memory)
    }

    pub fn store_floats(&mut self, values: &[f32]) -> Lowers<u64> {
        self.store(
            &values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect::<Vec<_>>(),
        )
    }

    /// Stores bytes that nothing changes; the same ones are stored once.
    pub fn store_once(&mut self, bytes: &[u8]) -> Lowers<u64> {
        let hash = Hash::of(bytes);
        if let Some(address) = self.stored.get(&hash.0) {
            return Ok(*address);
        }
        let address = self.store(bytes)?;
        self.stored.insert(hash.0, address);
        Ok(address)
    }

    /// Appends an operator; returns its number.
    pub fn push(&mut self, op: impl Into<Op>) -> Lowers<usize> {
        if self.plan.ops.len() == OPS_MAX {
            return unsupported(format!(
                "a model of more than {OPS_MAX} operators is not supported"
            ));
        }
        self.plan.ops.push(op.into());
        Ok(self.plan.ops.len() - 1)
    }

    /// A tensor's place in memory.
    pub fn array(&mut self, value: &Value) -> Lowers<Array> {
        match value {
            Value::Computed(array) => Ok(array.clone()),
            Value::Pending(expression) => {
                if let Some(array) = expression.placed.get() {
                    return Ok(array.clone());
                }
                let array = self.compute(expression)?;
                Ok(expression.placed.get_or_init(|| array).clone())
            }
            Value::Constant(tensor) => {
                size(&tensor.shape)?;
                let address = self.store_once(&tensor.bytes)?;
                Ok(Array::dense(address, tensor.dtype, &tensor.shape))
            }
        }
    }

    /// The same, and all its elements side by side in row-major order.
    pub fn dense(&mut self, value: &Value) -> Lowers<Array> {
        let array = self.array(value)?;
        if array.layout.is_dense() {
            return Ok(Array {
                address: array.start(),
                layout: Layout::dense(array.shape()),
                ..array
            });
        }
        let out = self.allocate(array.dtype, array.shape())?;
        self.copy(&array, &out)?;
        Ok(out)
    }

    /// The value, as one that may be used several times without being computed again or changed.
    pub fn shared(&mut self, value: &Value) -> Lowers<Value> {
        Ok(match value {
            Value::Constant(_) => value.clone(),
            other => Value::Computed(Array {
                producer: None,
                ..self.array(other)?
            }),
        })
    }

    /// The value seen by another layout.
    pub fn view(&mut self, value: &Value, change: impl FnOnce(Layout) -> Layout) -> Lowers<Value> {
        if let Value::Constant(tensor) = value {
            let whole = Layout::dense(&tensor.shape);
            let layout = change(whole.clone());
            if elements(&layout.shape) != Some(0) {
                within(&layout, &whole)?;
            }
            return Ok(tensor.select(&layout).into());
        }
        let array = self.array(value)?;
        let layout = change(array.layout.clone());
        within(&layout, &array.layout)?;
        Ok(Value::Computed(Array {
            layout,
            producer: None,
            ..array
        }))
    }

    /// The value in another shape of as many elements.
    pub fn reshape(&mut self, value: &Value, shape: &[usize]) -> Lowers<Value> {
        let len = elements(shape).ok_or(Problem::Memory)?;
        if len != value.len() {
            return invalid(format!("{:?} cannot take the shape {shape:?}", value.shape()));
        }
        if let Value::Constant(tensor) = value {
            return Ok(Tensor {
                shape: shape.to_vec(),
                ..(**tensor).clone()
            }
            .into());
        }
        let mut array = self.array(value)?;
        if array.layout.reshaped(shape).is_none() {
            array = self.dense(&Value::Computed(array))?;
        }
        let layout = array.layout.reshaped(shape).ok_or(Problem::TooLarge)?;
        Ok(Value::Computed(Array {
            layout,
            producer: None,
            ..array
        }))
    }

    /// The value repeated to a shape.
    pub fn broadcast(&mut self, value: &Value, shape: &[usize]) -> Lowers<Value> {
        if value.shape() == shape {
            return Ok(value.clone());
        }
        size(shape)?;
        let array = self.array(value)?;
        let from = array.shape().to_vec();
        match array.layout.clone().broadcast(shape) {
            Some(layout) => Ok(Value::Computed(Array {
                layout,
                producer: None,
                ..array
            })),
            None => invalid(format!("{from:?} cannot be repeated to {shape:?}")),
        }
    }

    /// A tensor as a function of others, element by element; they are broadcast to one shape. `write` gets their values.
    pub fn express(
        &mut self,
        dtype: Dtype,
        values: &[&Value],
        write: impl Fn(&mut Expression, &[Id]) -> Id,
    ) -> Lowers<Value> {
        let expression = self.written(dtype, values, &write)?;
        if expression.program::<CODE_MAX>().is_some() {
            return Ok(Value::Pending(Rc::new(expression)));
        }
        // Too long with what its operands are: they are computed first.
        let computed = values.iter().map(|value| self.shared(value));
        let computed = computed.collect::<Lowers<Vec<_>>>()?;
        let expression = self.written(dtype, &computed.iter().collect::<Vec<_>>(), &write)?;
        Ok(Value::Pending(Rc::new(expression)))
    }

    fn written(
        &mut self,
        dtype: Dtype,
        values: &[&Value],
        write: &impl Fn(&mut Expression, &[Id]) -> Id,
    ) -> Lowers<Expression> {
        let shape = broadcast_shape(values.iter().map(|value| value.shape()))?;
        size(&shape)?;
        let mut expression = Expression::new(&shape, dtype);
        let mut ids = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let rest = values.len() - index - 1;
            ids.push(self.operand(&mut expression, value, rest)?);
        }
        let result = write(&mut expression, &ids);
        // The result is the last term.
        expression.terms.truncate(result + 1);
        Ok(expression)
    }

    /// Brings a value into an expression that needs room for `rest` more.
    fn operand(&mut self, expression: &mut Expression, value: &Value, rest: usize) -> Lowers<Id> {
        if let Value::Constant(tensor) = value {
            if let Some(id) = single(expression, tensor) {
                return Ok(id);
            }
        }
        if let Value::Pending(pending) = value {
            let inputs = expression.inputs.len() + pending.inputs.len() + rest;
            let joins = pending.placed.get().is_none() && pending.shape == expression.shape;
            if joins && inputs <= INPUTS_MAX {
                if let Some(id) = expression.join(pending) {
                    return Ok(id);
                }
            }
        }
        let array = self.array(value)?;
        let array = match self.broadcast(&Value::Computed(array.clone()), &expression.shape)? {
            Value::Computed(wide) => Array {
                producer: array.producer.filter(|_| wide.layout == array.layout),
                ..wide
            },
            _ => array,
        };
        expression
            .input(array)
            .ok_or_else(|| Problem::Unsupported("it has too many operands".into()))
    }

    /// Computes an expression now.
    fn compute(&mut self, expression: &Expression) -> Lowers<Array> {
        if let Some(array) = self.finish_with(expression) {
            return Ok(array);
        }
        let out = self.allocate(expression.dtype, &expression.shape)?;
        self.compute_to(expression, &out)?;
        Ok(out)
    }

    /// Makes an expression the last part of the operator that made its only input.
    fn finish_with(&mut self, expression: &Expression) -> Option<Array> {
        let [input] = &expression.inputs[..] else {
            return None;
        };
        let whole = input.layout == Layout::dense(&expression.shape);
        if !whole || expression.dtype != Dtype::F32 || input.dtype != Dtype::F32 {
            return None;
        }
        let code = expression.code(expression.terms.len() - 1, true)?;
        let finish = finish_of(&mut self.plan.ops[input.producer?])?;
        if finish.code.len > 0 {
            return None;
        }
        finish.code = code;
        Some(Array {
            producer: None,
            ..input.clone()
        })
    }

    /// Computes an expression into a tensor of its shape.
    pub fn compute_to(&mut self, expression: &Expression, out: &Array) -> Lowers<()> {
        let code = expression.program();
        let code = code.ok_or_else(|| Problem::Unsupported("it computes too much at once".into()))?;
        let mut strides = vec![out.layout.strides.clone()];
        strides.extend(expression.inputs.iter().map(|input| input.layout.strides.clone()));
        let (dims, strides) = joined(&expression.shape, &strides);
        if dims.len() > RANK {
            return self.compute_parts(expression, out, code, &dims, &strides);
        }
        let view = |array: &Array, strides: &[i64]| array.view_over(strides).ok_or(Problem::TooLarge);
        let mut inputs = [View::NONE; INPUTS_MAX];
        for ((place, input), strides) in inputs.iter_mut().zip(&expression.inputs).zip(&strides[1..]) {
            *place = view(input, strides)?;
        }
        self.push(Elementwise {
            dims: lengths(&dims)?,
            out: view(out, &strides[0])?,
            count: expression.inputs.len() as u32,
            inputs,
            code,
        })?;
        Ok(())
    }

    /// The same over more dimensions than an operator has: an operator for each index of the outermost ones.
    fn compute_parts(
        &mut self,
        expression: &Expression,
        out: &Array,
        code: Code<CODE_MAX>,
        dims: &[usize],
        strides: &[Vec<i64>],
    ) -> Lowers<()> {
        let mut starts: Vec<Vec<i64>> = vec![vec![0; strides.len()]];
        let peeled = dims.len() - RANK;
        if dims[..peeled].iter().product::<usize>() > PARTS_MAX {
            return unsupported(format!("more than {RANK} dimensions are not supported here"));
        }
        for axis in 0..peeled {
            let next = |start: &Vec<i64>| -> Vec<Vec<i64>> {
                let at = |index: i64| {
                    start
                        .iter()
                        .zip(strides)
                        .map(move |(start, own)| start + index * own[axis])
                        .collect()
                };
                (0..dims[axis] as i64).map(at).collect()
            };
            starts = starts.iter().flat_map(next).collect();
        }
        for start in starts {
            let view = |array: &Array, tensor: usize| {
                let mut array = array.clone();
                array.layout.offset += start[tensor];
                array
                    .view_over(&strides[tensor][peeled..])
                    .ok_or(Problem::TooLarge)
            };
            let mut inputs = [View::NONE; INPUTS_MAX];
            for (index, (place, input)) in inputs.iter_mut().zip(&expression.inputs).enumerate() {
                *place = view(input, index + 1)?;
            }
            self.push(Elementwise {
                dims: lengths(&dims[peeled..])?,
                out: view(out, 0)?,
                count: expression.inputs.len() as u32,
                inputs,
                code,
            })?;
        }
        Ok(())
    }

    /// Copies elements from one tensor to another of its shape and type.
    pub fn copy(&mut self, from: &Array, to: &Array) -> Lowers<()> {
        let mut expression = Expression::new(from.shape(), from.dtype);
        expression.input(Array {
            producer: None,
            ..from.clone()
        });
        self.compute_to(&expression, to)
    }

    /// Computes a value into a tensor of its shape and type.
    pub fn write(&mut self, value: &Value, to: &Array) -> Lowers<()> {
        match value {
            Value::Pending(expression) if expression.placed.get().is_none() => {
                self.compute_to(expression, to)
            }
            other => {
                let from = self.array(other)?;
                self.copy(&from, to)
            }
        }
    }
}

/// How many elements a tensor of this shape has: some, and not too many.
fn size(shape: &[usize]) -> Lowers<usize> {
    match elements(shape) {
        Some(0) => no_elements(),
        Some(len) if len <= ELEMENTS_MAX => Ok(len),
        _ => Err(Problem::Memory),
    }
}

/// Fails for a layout of elements that another one has not.
fn within(layout: &Layout, whole: &Layout) -> Lowers<()> {
    size(&layout.shape)?;
    match layout.reach().zip(whole.reach()) {
        Some((part, whole)) if whole[0] <= part[0] && part[1] <= whole[1] => Ok(()),
        _ => invalid("it asks for elements that its operand does not have"),
    }
}

/// What becomes of an operator's sums, if it has any.
pub fn finish_of(op: &mut Op) -> Option<&mut Finish> {
    match op {
        Op::MatMul(op) => Some(&mut op.finish),
        Op::Conv(op) => Some(&mut op.finish),
        _ => None,
    }
}

/// A constant of one element as a term.
fn single(expression: &mut Expression, tensor: &Tensor) -> Option<Id> {
    if tensor.len() != 1 {
        return None;
    }
    if tensor.dtype == Dtype::F32 {
        return Some(expression.float(tensor.to_floats()[0]));
    }
    let value = i32::try_from(tensor.to_integers()[0]).ok()?;
    Some(expression.int(value))
}

/// The shape that some shapes broadcast to.
pub fn broadcast_shape<'a>(shapes: impl Iterator<Item = &'a [usize]>) -> Lowers<Vec<usize>> {
    let mut wide: Vec<usize> = Vec::new();
    for shape in shapes {
        if shape.len() > wide.len() {
            let front = shape.len() - wide.len();
            wide.splice(0..0, std::iter::repeat_n(1, front));
        }
        let front = wide.len() - shape.len();
        for (place, len) in wide[front..].iter_mut().zip(shape) {
            match () {
                _ if *len == *place || *len == 1 => {}
                _ if *place == 1 => *place = *len,
                _ => return invalid(format!("{shape:?} does not broadcast with other operands")),
            }
        }
    }
    Ok(wide)
}

/// Dimensions with those joined that are as one for all tensors; strides[i] are those of tensor i.
pub fn joined(shape: &[usize], strides: &[Vec<i64>]) -> (Vec<usize>, Vec<Vec<i64>>) {
    let mut dims: Vec<usize> = Vec::new();
    let mut kept: Vec<Vec<i64>> = vec![Vec::new(); strides.len()];
    for axis in (0..shape.len()).rev() {
        if shape[axis] == 1 {
            continue;
        }
        let inner = dims.first().copied();
        let one = inner.is_some_and(|len| {
            let mut pairs = strides.iter().zip(&kept);
            pairs.all(|(strides, kept)| strides[axis] == kept[0] * len as i64)
        });
        if one {
            dims[0] *= shape[axis];
        } else {
            dims.insert(0, shape[axis]);
            for (kept, strides) in kept.iter_mut().zip(strides) {
                kept.insert(0, strides[axis]);
            }
        }
    }
    (dims, kept)
}

/// Lengths as an operator has them.
pub fn lengths(dims: &[usize]) -> Lowers<[u32; RANK]> {
    let mut all = [1; RANK];
    let front = RANK
        .checked_sub(dims.len())
        .ok_or_else(|| Problem::Unsupported(format!("more than {RANK} dimensions are not supported here")))?;
    for (place, len) in all[front..].iter_mut().zip(dims) {
        *place = u32::try_from(*len).map_err(|_| Problem::Memory)?;
    }
    Ok(all)
}
