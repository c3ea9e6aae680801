//! Matrix products.

use assay_network_plan::{Code, Finish, MatMul, Op, Operation, View, ABSENT, BLOCK, RANK};

use super::super::context::{broadcast_shape, finish_of, joined, lengths, Context};
use super::super::node::{invalid, unsupported, Lowers, Node, Problem};
use super::super::value::{Array, Layout, Value};
use super::elementwise::need_float;
use super::quantized::need_one_or_each;
use crate::onnx::Tensor;
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let value = match node.operator() {
        "MatMul" => {
            let (x, y) = (node.input(0)?, node.input(1)?);
            need_float(x)?;
            need_float(y)?;
            matmul(context, x, y, &Quantization::NONE, Dtype::F32, Finish::NONE)?
        }
        "Gemm" => gemm(node, context)?,
        "Einsum" => einsum(node, context)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}

/// Zero points of the operands.
#[derive(Clone)]
pub struct Quantization {
    pub x_zero: i32,
    /// One for all columns, or one for each.
    pub y_zeros: Vec<i32>,
}

impl Quantization {
    pub const NONE: Self = Self {
        x_zero: 0,
        y_zeros: Vec::new(),
    };

    fn y_zero(&self, column: usize) -> i32 {
        match self.y_zeros[..] {
            [] => 0,
            [zero] => zero,
            _ => self.y_zeros[column],
        }
    }
}

/// `x · y` over the last two dimensions, broadcast over those before. An operand of one dimension gets another one, which the
/// result has not.
pub fn matmul(
    context: &mut Context,
    x: &Value,
    y: &Value,
    quantization: &Quantization,
    dtype: Dtype,
    finish: Finish,
) -> Lowers<Value> {
    if x.rank() == 0 || y.rank() == 0 {
        return invalid("an operand has no dimensions");
    }
    let (line, column) = (x.rank() == 1, y.rank() == 1);
    let x = match line {
        true => context.reshape(x, &[1, x.len()])?,
        false => x.clone(),
    };
    let y = match column {
        true => context.reshape(y, &[y.len(), 1])?,
        false => y.clone(),
    };
    let (x_batch, x_matrix) = x.shape().split_at(x.rank() - 2);
    let (y_batch, y_matrix) = y.shape().split_at(y.rank() - 2);
    let ([rows, depth], [y_depth, columns]) = (x_matrix, y_matrix) else {
        return invalid("its operands are no matrices");
    };
    if depth != y_depth {
        return invalid(format!("{:?} and {:?} have no product", x.shape(), y.shape()));
    }
    let (rows, depth, columns) = (*rows, *depth, *columns);
    if !quantization.y_zeros.is_empty() {
        need_one_or_each(&quantization.y_zeros, columns)?;
    }
    let batch = broadcast_shape([x_batch, y_batch].into_iter())?;
    let mut shape = [&batch[..], &[rows, columns]].concat();
    let single = y_batch.iter().all(|len| *len == 1);
    let (x, y, batch, rows) = if single {
        // One matrix for the whole batch: its rows are rows of one product.
        let all = x.len() / depth;
        let x = context.reshape(&x, &[all, depth])?;
        (x, context.reshape(&y, &[depth, columns])?, &[][..], all)
    } else {
        let wide = |matrix: [usize; 2]| [&batch[..], &matrix].concat();
        let x = context.broadcast(&x, &wide([rows, depth]))?;
        (
            x,
            context.broadcast(&y, &wide([depth, columns]))?,
            &batch[..],
            rows,
        )
    };
    let out = context.allocate(dtype, &shape)?;
    let seen = Array {
        layout: Layout::dense(&[batch, &[rows, columns]].concat()),
        ..out.clone()
    };
    let sizes = [rows, columns, depth];
    let product = Array {
        producer: Some(emit(
            context,
            batch,
            sizes,
            [&x, &y],
            &seen,
            quantization,
            finish,
        )?),
        ..out
    };
    if !line && !column {
        return Ok(product.into());
    }
    if column {
        shape.remove(shape.len() - 1);
    }
    if line {
        shape.remove(shape.len() - if column { 1 } else { 2 });
    }
    context.reshape(&product.into(), &shape)
}

/// Appends a product of matrices of a batch. Returns the operator's number.
fn emit(
    context: &mut Context,
    batch: &[usize],
    [rows, columns, depth]: [usize; 3],
    [x, y]: [&Value; 2],
    out: &Array,
    quantization: &Quantization,
    finish: Finish,
) -> Lowers<usize> {
    let float = x.dtype() == Dtype::F32;
    let x = context.array(x)?;
    let packed = match y {
        Value::Constant(tensor) if batch.is_empty() => pack(tensor, float, quantization),
        _ => None,
    };
    let (y, y_strides) = match &packed {
        Some(bytes) => {
            let address = context.store_once(bytes)?;
            (
                Array::dense(address, if float { Dtype::F32 } else { Dtype::I8 }, &[]),
                vec![0; batch.len() + 2],
            )
        }
        None => {
            let array = context.array(y)?;
            let strides = array.layout.strides.clone();
            (array, strides)
        }
    };
    if packed.is_none() && quantization.y_zeros.len() > 1 {
        return unsupported("a zero point for each column is supported only with constant weights");
    }
    let at = batch.len();
    let strides_of = |strides: &[i64], places: [Option<usize>; 3]| {
        let matrix = places.map(|place| place.map_or(0, |place| strides[at + place]));
        (strides[..at].to_vec(), matrix)
    };
    let (x_batch, x_matrix) = strides_of(&x.layout.strides, [Some(0), None, Some(1)]);
    let (y_batch, y_matrix) = strides_of(&y_strides, [None, Some(1), Some(0)]);
    let (out_batch, out_matrix) = strides_of(&out.layout.strides, [Some(0), Some(1), None]);
    let (batch, batch_strides) = joined(batch, &[x_batch, y_batch, out_batch]);
    if batch.len() > RANK - 3 {
        return unsupported("a batch of more than three dimensions is not supported");
    }
    let view = |array: &Array, batch: &[i64], matrix: [i64; 3]| -> Lowers<View> {
        array
            .view_over(&[batch, &matrix].concat())
            .ok_or(Problem::TooLarge)
    };
    let op = MatMul {
        dims: lengths(&[&batch[..], &[rows, columns, depth]].concat())?,
        x: view(&x, &batch_strides[0], x_matrix)?,
        y: view(&y, &batch_strides[1], y_matrix)?,
        out: view(out, &batch_strides[2], out_matrix)?,
        sums: context
            .plan
            .buffers
            .take(out.layout.len() as u64 * 4)
            .ok_or(Problem::Memory)?,
        x_zero: quantization.x_zero,
        y_zero: quantization.y_zero(0),
        packed: u32::from(packed.is_some()),
        finish,
    };
    context.products += (out.layout.len() * depth) as u64;
    context.push(op)
}

/// Weights in blocks of columns; see [`MatMul`]. `None` if weights minus their zero point do not fit into i8.
fn pack(tensor: &Tensor, float: bool, quantization: &Quantization) -> Option<Vec<u8>> {
    let [depth, columns] = tensor.shape[..] else {
        return None;
    };
    if float {
        let blocks = blocks(&tensor.to_floats(), [depth, columns], 1, 0.0);
        return Some(blocks.iter().flat_map(|value| value.to_le_bytes()).collect());
    }
    let weights = tensor.to_integers().into_iter().enumerate();
    let centred: Option<Vec<i8>> = weights
        .map(|(at, weight)| i8::try_from(weight - i64::from(quantization.y_zero(at % columns))).ok())
        .collect();
    let blocks = blocks(&centred?, [depth, columns], 2, 0);
    Some(blocks.into_iter().map(|weight| weight as u8).collect())
}

/// Weights by blocks of columns: `[block][k / pair][column][k % pair]`, filled up with zeros.
fn blocks<T: Copy>(weights: &[T], [depth, columns]: [usize; 2], pair: usize, zero: T) -> Vec<T> {
    let filled = depth.next_multiple_of(pair);
    let mut packed = vec![zero; columns.div_ceil(BLOCK) * filled * BLOCK];
    for (k, row) in weights.chunks(columns.max(1)).enumerate() {
        for (column, weight) in row.iter().enumerate() {
            let block = column / BLOCK * filled * BLOCK;
            packed[block + (k / pair * BLOCK + column % BLOCK) * pair + k % pair] = *weight;
        }
    }
    packed
}

/// Makes a constant that is added to the columns of a product, or to the channels of a convolution, its bias.
pub fn add_bias(context: &mut Context, x: &Value, y: &Value) -> Lowers<Option<Value>> {
    let (array, tensor) = match (x, y) {
        (Value::Computed(array), Value::Constant(tensor))
        | (Value::Constant(tensor), Value::Computed(array)) => (array, tensor),
        _ => return Ok(None),
    };
    let Some(producer) = array
        .producer
        .filter(|_| tensor.dtype == Dtype::F32 && array.dtype == Dtype::F32)
    else {
        return Ok(None);
    };
    let op = &mut context.plan.ops[producer];
    let from_end = match op {
        Op::Conv(_) => array.shape().len() - 1,
        _ => 1,
    };
    let Some(finish) = finish_of(op).copied() else {
        return Ok(None);
    };
    let rank = array.shape().len();
    let channels = array.shape()[rank - from_end];
    let own = tensor.shape.len();
    let by_channel = own >= from_end
        && own <= rank
        && tensor.len() == channels
        && tensor.shape[own - from_end] == channels;
    if !by_channel || finish.bias != ABSENT || finish.code != Code::NONE {
        return Ok(None);
    }
    let address = context.store(&tensor.bytes)?;
    if let Some(finish) = finish_of(&mut context.plan.ops[producer]) {
        finish.bias = address;
    }
    Ok(Some(Value::Computed(array.clone())))
}

fn gemm(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, y) = (node.input(0)?, node.input(1)?);
    need_float(x)?;
    need_float(y)?;
    if x.rank() != 2 || y.rank() != 2 {
        return invalid("its operands are no matrices");
    }
    let turned = |context: &mut Context, value: &Value, turn: bool| match turn {
        true => context.view(value, |layout| layout.permuted(&[1, 0])),
        false => Ok(value.clone()),
    };
    let x = turned(context, x, node.flag("transA"))?;
    let mut y = turned(context, y, node.flag("transB"))?;
    let (mut alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    if let Some(tensor) = y.constant().filter(|_| alpha != 1.0) {
        let scaled: Vec<f32> = tensor
            .to_floats()
            .into_iter()
            .map(|weight| weight * alpha)
            .collect();
        y = Tensor::floats(&tensor.shape, &scaled).into();
        alpha = 1.0;
    }
    let mut value = matmul(context, &x, &y, &Quantization::NONE, Dtype::F32, Finish::NONE)?;
    if alpha != 1.0 {
        value = context.express(Dtype::F32, &[&value], |e, v| {
            let alpha = e.float(alpha);
            e.two(Operation::Mul, v[0], alpha)
        })?;
    }
    let Some(bias) = node.optional(2) else {
        return Ok(value);
    };
    let bias = match bias.constant() {
        _ if beta == 1.0 => bias.clone(),
        Some(tensor) => {
            let scaled: Vec<f32> = tensor.to_floats().into_iter().map(|bias| bias * beta).collect();
            Tensor::floats(&tensor.shape, &scaled).into()
        }
        None => context.express(Dtype::F32, &[bias], |e, v| {
            let beta = e.float(beta);
            e.two(Operation::Mul, v[0], beta)
        })?,
    };
    match add_bias(context, &value, &bias)? {
        Some(value) => Ok(value),
        None => context.express(Dtype::F32, &[&value, &bias], |e, v| {
            e.two(Operation::Add, v[0], v[1])
        }),
    }
}

/// The axes of an operand by their letters.
type Letters = Vec<char>;

fn einsum(node: &Node, context: &mut Context) -> Lowers<Value> {
    let equation = node.text("equation").unwrap_or_default().replace(' ', "");
    let inputs = node.all_inputs()?;
    let (terms, result) = parse(&equation, &inputs)?;
    let mut parts: Vec<(Value, Letters)> = Vec::new();
    for (input, letters) in inputs.into_iter().zip(terms) {
        need_float(input)?;
        parts.push(diagonal(context, input, letters)?);
    }
    let mut parts = parts.into_iter();
    let mut left = parts
        .next()
        .ok_or(Problem::Invalid("it has no operands".into()))?;
    let mut rest: Vec<_> = parts.collect();
    while !rest.is_empty() {
        let right = rest.remove(0);
        let later =
            |letter: &char| result.contains(letter) || rest.iter().any(|part| part.1.contains(letter));
        let wanted: Letters = left.1.iter().chain(&right.1).copied().filter(later).collect();
        left = contract(context, left, right, &wanted)?;
    }
    let left = sum_out(context, left, &result)?;
    let order: Vec<usize> = result
        .iter()
        .map(|letter| left.1.iter().position(|other| other == letter))
        .collect::<Option<_>>()
        .ok_or_else(|| Problem::Invalid(format!("`{equation}` is no equation")))?;
    context.view(&left.0, |layout| layout.permuted(&order))
}

/// The letters of each operand and of the result. The axes of an ellipsis get capital letters that nobody writes.
fn parse(equation: &str, inputs: &[&Value]) -> Lowers<(Vec<Letters>, Letters)> {
    let bad = || Problem::Invalid(format!("`{equation}` is no equation for its operands"));
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation, None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != inputs.len() {
        return Err(bad());
    }
    let own = |term: &str| term.replace("...", "").chars().count();
    let mut dots = 0;
    for (term, input) in terms.iter().zip(inputs) {
        let free = input.rank().checked_sub(own(term)).ok_or_else(bad)?;
        if term.contains("...") {
            dots = dots.max(free);
        } else if free != 0 {
            return Err(bad());
        }
    }
    let dot = |index: usize| char::from_u32(0xe000 + index as u32).unwrap_or('.');
    let letters = |term: &str, count: usize| -> Letters {
        let dotted: String = (dots - count..dots).map(dot).collect();
        term.replace("...", &dotted).chars().collect()
    };
    let mut all = Vec::new();
    for (term, input) in terms.iter().zip(inputs) {
        all.push(letters(term, input.rank() - own(term)));
    }
    let result = match right {
        Some(right) => letters(right, dots),
        None => {
            let flat: Letters = all.iter().flatten().copied().collect();
            let mut once: Letters = flat
                .iter()
                .copied()
                .filter(|letter| {
                    letter.is_alphabetic() && flat.iter().filter(|other| *other == letter).count() == 1
                })
                .collect();
            once.sort_unstable();
            (0..dots)
                .map(dot)
                .chain(
                    once.into_iter()
                        .filter(|letter| !('\u{e000}'..='\u{e0ff}').contains(letter)),
                )
                .collect()
        }
    };
    Ok((all, result))
}

/// An operand whose letters are distinct: of a letter that is there twice, the diagonal.
fn diagonal(context: &mut Context, value: &Value, letters: Letters) -> Lowers<(Value, Letters)> {
    let mut distinct = Letters::new();
    for letter in &letters {
        if !distinct.contains(letter) {
            distinct.push(*letter);
        }
    }
    if distinct.len() == letters.len() {
        return Ok((value.clone(), letters));
    }
    let value = context.view(value, |layout| {
        let mut joined = Layout {
            shape: Vec::new(),
            strides: Vec::new(),
            offset: layout.offset,
        };
        for letter in &distinct {
            let places = (0..letters.len()).filter(|place| letters[*place] == *letter);
            let places: Vec<usize> = places.collect();
            joined
                .shape
                .push(places.iter().map(|place| layout.shape[*place]).min().unwrap_or(1));
            joined
                .strides
                .push(places.iter().map(|place| layout.strides[*place]).sum());
        }
        joined
    })?;
    Ok((value, distinct))
}

/// Sums over the letters that are not wanted.
fn sum_out(
    context: &mut Context,
    (value, letters): (Value, Letters),
    wanted: &[char],
) -> Lowers<(Value, Letters)> {
    let gone: Vec<usize> = (0..letters.len())
        .filter(|place| !wanted.contains(&letters[*place]))
        .collect();
    let kept = letters
        .iter()
        .copied()
        .filter(|letter| wanted.contains(letter))
        .collect();
    let sum = assay_network_plan::Reduction::Sum;
    Ok((super::reduce::reduce(context, &value, &gone, false, sum)?, kept))
}

/// The product of two operands, summed over the letters that are not wanted.
fn contract(
    context: &mut Context,
    (x, x_letters): (Value, Letters),
    (y, y_letters): (Value, Letters),
    wanted: &[char],
) -> Lowers<(Value, Letters)> {
    let x_needed: Letters = wanted.iter().chain(&y_letters).copied().collect();
    let y_needed: Letters = wanted.iter().chain(&x_letters).copied().collect();
    let (x, x_letters) = sum_out(context, (x, x_letters), &x_needed)?;
    let (y, y_letters) = sum_out(context, (y, y_letters), &y_needed)?;
    let both = |letter: &&char| y_letters.contains(letter);
    let batch: Letters = x_letters
        .iter()
        .filter(both)
        .filter(|l| wanted.contains(l))
        .copied()
        .collect();
    let depth: Letters = x_letters
        .iter()
        .filter(both)
        .filter(|l| !wanted.contains(l))
        .copied()
        .collect();
    let rows: Letters = x_letters
        .iter()
        .filter(|l| !y_letters.contains(l))
        .copied()
        .collect();
    let columns: Letters = y_letters
        .iter()
        .filter(|l| !x_letters.contains(l))
        .copied()
        .collect();
    let len = |letter: &char| -> usize {
        let of = |letters: &Letters, value: &Value| {
            letters
                .iter()
                .position(|other| other == letter)
                .map_or(1, |place| value.shape()[place])
        };
        of(&x_letters, &x).max(of(&y_letters, &y))
    };
    let shape_of = |letters: &Letters| -> Vec<usize> { letters.iter().map(len).collect() };
    let size = |letters: &Letters| -> usize { letters.iter().map(len).product() };
    let mut arrange = |value: &Value, letters: &Letters, order: [&Letters; 3], matrix: [usize; 2]| {
        let order: Letters = order.into_iter().flatten().copied().collect();
        let places: Option<Vec<usize>> = order
            .iter()
            .map(|l| letters.iter().position(|other| other == l))
            .collect();
        let places = places.ok_or(Problem::Invalid("its letters contradict each other".into()))?;
        let value = context.view(value, |layout| layout.permuted(&places))?;
        let value = context.broadcast(&value, &order.iter().map(len).collect::<Vec<_>>())?;
        context.reshape(&value, &[&shape_of(&batch)[..], &matrix].concat())
    };
    let x = arrange(
        &x,
        &x_letters,
        [&batch, &rows, &depth],
        [size(&rows), size(&depth)],
    )?;
    let y = arrange(
        &y,
        &y_letters,
        [&batch, &depth, &columns],
        [size(&depth), size(&columns)],
    )?;
    let product = matmul(context, &x, &y, &Quantization::NONE, Dtype::F32, Finish::NONE)?;
    let letters: Letters = [&batch[..], &rows, &columns].concat();
    let shape: Vec<usize> = letters.iter().map(len).collect();
    Ok((context.reshape(&product, &shape)?, letters))
}
