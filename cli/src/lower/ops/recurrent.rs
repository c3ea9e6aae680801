//! Recurrent layers, step by step of their sequence.

use assay_network_plan::{Finish, Operation};

use super::super::context::Context;
use super::super::expression::{Expression, Id};
use super::super::node::{invalid, need_shape, unsupported, Lowers, Node, Problem};
use super::super::value::{Array, Value};
use super::elementwise::need_float;
use super::matrix::{matmul, Quantization};
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let kind = match node.operator() {
        "RNN" => Kind::Plain,
        "GRU" => Kind::Gru,
        "LSTM" => Kind::Lstm,
        _ => return Ok(None),
    };
    recurrent(node, context, kind).map(Some)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Gru,
    Lstm,
}

impl Kind {
    fn gates(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["Tanh"],
            Self::Gru => &["Sigmoid", "Tanh"],
            Self::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// A function of a gate.
#[derive(Clone, Copy)]
enum Gate {
    Operation(Operation),
    Relu,
    Affine(f32, f32),
}

impl Gate {
    fn apply(self, e: &mut Expression, x: Id) -> Id {
        match self {
            Self::Operation(operation) => e.one(operation, x),
            Self::Relu => {
                let zero = e.float(0.0);
                e.two(Operation::Max, x, zero)
            }
            Self::Affine(factor, term) => {
                let (factor, term) = (e.float(factor), e.float(term));
                let product = e.two(Operation::Mul, x, factor);
                e.two(Operation::Add, product, term)
            }
        }
    }
}

/// The functions of the gates in one direction.
fn gates(node: &Node, kind: Kind, direction: usize) -> Lowers<Vec<Gate>> {
    let count = kind.activations().len();
    let names: Vec<String> = match node.texts("activations") {
        Some(names) if !names.is_empty() => names
            .iter()
            .skip(direction * count)
            .take(count)
            .map(|name| name.to_string())
            .collect(),
        _ => kind.activations().iter().map(|name| name.to_string()).collect(),
    };
    if names.len() != count {
        return invalid("its activations are not one for each gate");
    }
    let parameter = |name: &str, at: usize, default: f32| {
        node.floats(name)
            .and_then(|values| values.get(direction * count + at))
            .copied()
            .unwrap_or(default)
    };
    let gate = |(at, name): (usize, &String)| {
        Ok(match &name.to_lowercase()[..] {
            "sigmoid" => Gate::Operation(Operation::Sigmoid),
            "tanh" => Gate::Operation(Operation::Tanh),
            "softplus" => Gate::Operation(Operation::Softplus),
            "relu" => Gate::Relu,
            "affine" => Gate::Affine(
                parameter("activation_alpha", at, 1.0),
                parameter("activation_beta", at, 0.0),
            ),
            other => return unsupported(format!("the activation `{other}` is not supported")),
        })
    };
    names.iter().enumerate().map(gate).collect()
}

/// One direction of a layer.
struct Cell {
    kind: Kind,
    hidden: usize,
    gates: Vec<Gate>,
    /// Products of the sequence with the weights, and the biases: `[step, batch, gates]`.
    inputs: Value,
    /// `[hidden, gates]`
    weights: Value,
    /// Biases of the recurrent part of a GRU that is reset after its product.
    late_bias: Option<Value>,
    /// Weights of the cell state in the gates i, o, f.
    peepholes: Option<[Value; 3]>,
    reset_after: bool,
    couples: bool,
    clip: Option<f32>,
}

fn recurrent(node: &Node, context: &mut Context, kind: Kind) -> Lowers<Vec<Value>> {
    let batch_first = node.flag("layout");
    let mut x = context.shared(node.input(0)?)?;
    need_float(&x)?;
    if x.rank() != 3 {
        return invalid("its operand must have three dimensions");
    }
    if batch_first {
        x = context.view(&x, |layout| layout.permuted(&[1, 0, 2]))?;
    }
    let [steps, batch, depth] = *x.shape() else {
        return invalid("its operand must have three dimensions");
    };
    if let Some(lengths) = node.optional_constant(4)? {
        if lengths.to_integers().iter().any(|len| *len != steps as i64) {
            return unsupported("sequences of different lengths are not supported");
        }
    }
    let reversed: &[bool] = match node.text("direction").unwrap_or("forward") {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return invalid(format!("`{other}` is no direction")),
    };
    let hidden = hidden_size(node, kind, reversed.len(), [batch, depth], batch_first)?;
    let y = context.allocate(Dtype::F32, &[steps, reversed.len(), batch, hidden])?;
    let mut ends = [Vec::new(), Vec::new()];
    for (direction, reverse) in reversed.iter().enumerate() {
        let cell = cell(node, context, kind, direction, hidden, &x)?;
        let initial = |context: &mut Context, index: usize| -> Lowers<Option<Value>> {
            let Some(value) = node.optional(index) else {
                return Ok(None);
            };
            let on = if batch_first { 1 } else { 0 };
            let value = context.view(value, |layout| {
                layout.sliced(on, direction as i64, 1, 1).without_axis(on)
            })?;
            context.shared(&value).map(Some)
        };
        let mut state = [
            initial(context, 5)?,
            if kind == Kind::Lstm {
                initial(context, 6)?
            } else {
                None
            },
        ];
        for step in 0..steps {
            let at = if *reverse { steps - 1 - step } else { step };
            let place = Array {
                layout: y
                    .layout
                    .clone()
                    .sliced(0, at as i64, 1, 1)
                    .without_axis(0)
                    .sliced(0, direction as i64, 1, 1)
                    .without_axis(0),
                ..y.clone()
            };
            state = advance(context, &cell, at, state, &place)?;
        }
        for (end, state) in ends.iter_mut().zip(state) {
            if let Some(state) = state {
                end.push(context.view(&state, |layout| layout.with_axis(0))?);
            }
        }
    }
    let mut outputs = vec![Value::Computed(y)];
    for end in ends.iter().filter(|end| !end.is_empty()) {
        outputs.push(super::layout::concat(context, end, 0)?);
    }
    if batch_first {
        outputs[0] = context.view(&outputs[0], |layout| layout.permuted(&[2, 0, 1, 3]))?;
        for output in &mut outputs[1..] {
            *output = context.view(output, |layout| layout.permuted(&[1, 0, 2]))?;
        }
    }
    Ok(outputs)
}

/// The length of the hidden state, which all operands must go with.
fn hidden_size(
    node: &Node,
    kind: Kind,
    directions: usize,
    [batch, depth]: [usize; 2],
    batch_first: bool,
) -> Lowers<usize> {
    let &[_, _, hidden] = node.input(2)?.shape() else {
        return invalid("its recurrence weights must have three dimensions");
    };
    let gates = kind
        .gates()
        .checked_mul(hidden)
        .filter(|gates| gates.checked_mul(2).is_some())
        .ok_or(Problem::Memory)?;
    if node.int("hidden_size", hidden as i64) != hidden as i64 {
        return invalid(format!("its hidden size is not the {hidden} of its weights"));
    }
    need_shape("weights", node.input(1)?, &[directions, gates, depth])?;
    need_shape("recurrence weights", node.input(2)?, &[directions, gates, hidden])?;
    let state = match batch_first {
        true => [batch, directions, hidden],
        false => [directions, batch, hidden],
    };
    let others: [(usize, &str, &[usize]); 4] = [
        (3, "bias", &[directions, 2 * gates]),
        (5, "initial state", &state),
        (6, "initial cell state", &state),
        (7, "peepholes", &[directions, 3 * hidden]),
    ];
    for (index, what, shape) in others {
        if let Some(value) = node.optional(index).filter(|_| index < 6 || kind == Kind::Lstm) {
            need_shape(what, value, shape)?;
        }
    }
    for value in [0, 1, 2, 3, 5, 6, 7]
        .into_iter()
        .filter_map(|index| node.optional(index))
    {
        need_float(value)?;
    }
    Ok(hidden)
}

/// The part of a node's weights that belongs to a direction.
fn part(context: &mut Context, value: &Value, direction: usize) -> Lowers<Value> {
    context.view(value, |layout| {
        layout.sliced(0, direction as i64, 1, 1).without_axis(0)
    })
}

fn columns(context: &mut Context, value: &Value, start: usize, len: usize) -> Lowers<Value> {
    let last = value.rank() - 1;
    context.view(value, |layout| layout.sliced(last, start as i64, 1, len))
}

fn product(context: &mut Context, x: &Value, y: &Value) -> Lowers<Value> {
    matmul(context, x, y, &Quantization::NONE, Dtype::F32, Finish::NONE)
}

fn sum(context: &mut Context, x: &Value, y: &Value) -> Lowers<Value> {
    match super::matrix::add_bias(context, x, y)? {
        Some(value) => Ok(value),
        None => context.express(Dtype::F32, &[x, y], |e, v| e.two(Operation::Add, v[0], v[1])),
    }
}

fn cell(
    node: &Node,
    context: &mut Context,
    kind: Kind,
    direction: usize,
    hidden: usize,
    x: &Value,
) -> Lowers<Cell> {
    let turned = |context: &mut Context, index: usize| -> Lowers<Value> {
        let value = part(context, node.input(index)?, direction)?;
        context.view(&value, |layout| layout.permuted(&[1, 0]))
    };
    let (input_weights, weights) = (turned(context, 1)?, turned(context, 2)?);
    let all = kind.gates() * hidden;
    let reset_after = kind == Kind::Gru && node.flag("linear_before_reset");
    let mut inputs = product(context, x, &input_weights)?;
    let mut late_bias = None;
    if let Some(bias) = node.optional(3) {
        let bias = part(context, bias, direction)?;
        let own = columns(context, &bias, 0, all)?;
        let other = columns(context, &bias, all, all)?;
        inputs = sum(context, &inputs, &own)?;
        if reset_after {
            late_bias = Some(context.shared(&other)?);
        } else {
            inputs = sum(context, &inputs, &other)?;
        }
    }
    let peepholes = match node.optional(7).filter(|_| kind == Kind::Lstm) {
        None => None,
        Some(value) => {
            let value = part(context, value, direction)?;
            let value = context.shared(&value)?;
            let mut gate = |index: usize| columns(context, &value, index * hidden, hidden);
            Some([gate(0)?, gate(1)?, gate(2)?])
        }
    };
    let weights = context.shared(&weights)?;
    Ok(Cell {
        kind,
        hidden,
        gates: gates(node, kind, direction)?,
        inputs: context.shared(&inputs)?,
        weights,
        late_bias,
        peepholes,
        reset_after,
        couples: node.flag("input_forget"),
        clip: node.has("clip").then(|| node.float("clip", 0.0)),
    })
}

impl Cell {
    /// A gate's function of its sum.
    fn gate(&self, e: &mut Expression, index: usize, sum: Id) -> Id {
        let bounded = match self.clip {
            None => sum,
            Some(clip) => {
                let (low, high) = (e.float(-clip), e.float(clip));
                let raised = e.two(Operation::Max, sum, low);
                e.two(Operation::Min, raised, high)
            }
        };
        self.gates[index].apply(e, bounded)
    }

    /// A gate's columns.
    fn part(&self, context: &mut Context, value: &Value, index: usize) -> Lowers<Value> {
        columns(context, value, index * self.hidden, self.hidden)
    }
}

/// The states after one step. The hidden one is written to `place` too.
fn advance(
    context: &mut Context,
    cell: &Cell,
    at: usize,
    [hidden, memory]: [Option<Value>; 2],
    place: &Array,
) -> Lowers<[Option<Value>; 2]> {
    let input = context.view(&cell.inputs, |layout| {
        layout.sliced(0, at as i64, 1, 1).without_axis(0)
    })?;
    let (value, memory) = match cell.kind {
        Kind::Plain => {
            let all = gate_sums(context, cell, &input, hidden.as_ref())?;
            (
                context.express(Dtype::F32, &[&all], |e, v| cell.gate(e, 0, v[0]))?,
                None,
            )
        }
        Kind::Gru => (gru(context, cell, &input, hidden.as_ref())?, None),
        Kind::Lstm => {
            let all = gate_sums(context, cell, &input, hidden.as_ref())?;
            let all = context.shared(&all)?;
            let (value, memory) = lstm(context, cell, &all, memory.as_ref())?;
            (value, Some(memory))
        }
    };
    context.write(&value, place)?;
    Ok([Some(Value::Computed(place.clone())), memory])
}

/// `input + hidden · weights`
fn gate_sums(context: &mut Context, cell: &Cell, input: &Value, hidden: Option<&Value>) -> Lowers<Value> {
    match hidden {
        None => Ok(input.clone()),
        Some(hidden) => {
            let product = product(context, hidden, &cell.weights)?;
            context.express(Dtype::F32, &[&product, input], |e, v| {
                e.two(Operation::Add, v[0], v[1])
            })
        }
    }
}

/// The hidden and the cell state. Gates are in the order i, o, f, c.
fn lstm(context: &mut Context, cell: &Cell, all: &Value, memory: Option<&Value>) -> Lowers<(Value, Value)> {
    let mut gates = Vec::new();
    for index in 0..4 {
        gates.push(cell.part(context, all, index)?);
    }
    let with_peephole = |context: &mut Context, gate: &Value, index: usize, memory: Option<&Value>| match (
        &cell.peepholes,
        memory,
    ) {
        (Some(weights), Some(memory)) => {
            context.express(Dtype::F32, &[gate, &weights[index], memory], |e, v| {
                let product = e.two(Operation::Mul, v[1], v[2]);
                e.two(Operation::Add, v[0], product)
            })
        }
        _ => Ok(gate.clone()),
    };
    if cell.peepholes.is_some() {
        for (gate, index) in [(0, 0), (2, 2)] {
            let value = with_peephole(context, &gates[gate], index, memory)?;
            gates[gate] = context.shared(&value)?;
        }
    }
    let new = match memory {
        Some(memory) => context.express(Dtype::F32, &[&gates[0], &gates[2], &gates[3], memory], |e, v| {
            let input = cell.gate(e, 0, v[0]);
            let candidate = cell.gate(e, 1, v[2]);
            let forget = if cell.couples {
                let one = e.float(1.0);
                e.two(Operation::Sub, one, input)
            } else {
                cell.gate(e, 0, v[1])
            };
            let old = e.two(Operation::Mul, forget, v[3]);
            let added = e.two(Operation::Mul, input, candidate);
            e.two(Operation::Add, old, added)
        }),
        None => context.express(Dtype::F32, &[&gates[0], &gates[3]], |e, v| {
            let input = cell.gate(e, 0, v[0]);
            let candidate = cell.gate(e, 1, v[1]);
            e.two(Operation::Mul, input, candidate)
        }),
    }?;
    let new = context.shared(&new)?;
    let output = with_peephole(context, &gates[1], 1, Some(&new))?;
    let value = context.express(Dtype::F32, &[&output, &new], |e, v| {
        let output = cell.gate(e, 0, v[0]);
        let bounded = cell.gates[2].apply(e, v[1]);
        e.two(Operation::Mul, output, bounded)
    })?;
    Ok((value, new))
}

/// The hidden state. Gates are in the order z, r, h.
fn gru(context: &mut Context, cell: &Cell, input: &Value, hidden: Option<&Value>) -> Lowers<Value> {
    let input = context.shared(input)?;
    let mut inputs = Vec::new();
    for index in 0..3 {
        inputs.push(cell.part(context, &input, index)?);
    }
    // Without a state before, its products are nothing; what is added to them late is not.
    let mut late = Vec::new();
    for index in 0..3 {
        late.push(match &cell.late_bias {
            Some(bias) => Some(cell.part(context, bias, index)?),
            None => None,
        });
    }
    let recurrent = |context: &mut Context, index: usize, x: &Value| -> Lowers<Value> {
        let weights = cell.part(context, &cell.weights, index)?;
        product(context, x, &weights)
    };
    let gate = |context: &mut Context, index: usize| -> Lowers<Value> {
        let mut value = inputs[index].clone();
        if let Some(bias) = &late[index] {
            value = context.express(Dtype::F32, &[&value, bias], |e, v| {
                e.two(Operation::Add, v[0], v[1])
            })?;
        }
        if let Some(hidden) = hidden {
            let product = recurrent(context, index, hidden)?;
            value = context.express(Dtype::F32, &[&product, &value], |e, v| {
                e.two(Operation::Add, v[0], v[1])
            })?;
        }
        let value = context.express(Dtype::F32, &[&value], |e, v| cell.gate(e, 0, v[0]))?;
        context.shared(&value)
    };
    let update = gate(context, 0)?;
    let reset = gate(context, 1)?;
    let candidate = match (hidden, cell.reset_after) {
        (Some(hidden), true) => {
            let product = recurrent(context, 2, hidden)?;
            let product = match &late[2] {
                Some(bias) => sum(context, &product, bias)?,
                None => product,
            };
            context.express(Dtype::F32, &[&reset, &product, &inputs[2]], |e, v| {
                let kept = e.two(Operation::Mul, v[0], v[1]);
                e.two(Operation::Add, kept, v[2])
            })?
        }
        (Some(hidden), false) => {
            let kept = context.express(Dtype::F32, &[&reset, hidden], |e, v| {
                e.two(Operation::Mul, v[0], v[1])
            })?;
            let product = recurrent(context, 2, &kept)?;
            context.express(Dtype::F32, &[&product, &inputs[2]], |e, v| {
                e.two(Operation::Add, v[0], v[1])
            })?
        }
        (None, _) => match &late[2] {
            Some(bias) => context.express(Dtype::F32, &[&reset, bias, &inputs[2]], |e, v| {
                let kept = e.two(Operation::Mul, v[0], v[1]);
                e.two(Operation::Add, kept, v[2])
            })?,
            None => inputs[2].clone(),
        },
    };
    let candidate = context.express(Dtype::F32, &[&candidate], |e, v| cell.gate(e, 1, v[0]))?;
    let one_minus = |e: &mut Expression, x: Id| {
        let one = e.float(1.0);
        e.two(Operation::Sub, one, x)
    };
    match hidden {
        Some(hidden) => context.express(Dtype::F32, &[&update, &candidate, hidden], |e, v| {
            let rest = one_minus(e, v[0]);
            let new = e.two(Operation::Mul, rest, v[1]);
            let old = e.two(Operation::Mul, v[0], v[2]);
            e.two(Operation::Add, new, old)
        }),
        None => context.express(Dtype::F32, &[&update, &candidate], |e, v| {
            let rest = one_minus(e, v[0]);
            e.two(Operation::Mul, rest, v[1])
        }),
    }
}
