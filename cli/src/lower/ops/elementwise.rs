//! Operators that compute each element by itself.

use assay_network_plan::Operation;

use super::super::context::Context;
use super::super::expression::{Expression, Id};
use super::super::node::{invalid, unsupported, Lowers, Node, Problem};
use super::super::value::{element, Value};
use crate::onnx::{self, Tensor};
use crate::package::Dtype;

/// The outputs of an operator of this family.
pub fn lower(node: &Node, context: &mut Context) -> Lowers<Option<Vec<Value>>> {
    let value = match node.operator() {
        "Identity" => node.input(0)?.clone(),
        "Dropout" => return dropout(node, context).map(Some),
        "Cast" | "CastLike" => cast(node, context)?,
        "Where" => choose(node, context)?,
        "Clip" => clip(node, context)?,
        "Pow" => power(node, context)?,
        "PRelu" => {
            let (x, slope) = (node.input(0)?, node.input(1)?);
            need_float(x)?;
            context.express(Dtype::F32, &[x, slope], |e, v| {
                let product = e.two(Operation::Mul, v[0], v[1]);
                positive_or(e, v[0], v[0], product)
            })?
        }
        "Mod" => modulo(node, context)?,
        "Sum" | "Max" | "Min" | "Mean" => variadic(node, context)?,
        other => {
            if let Some(found) = binary(other, node, context)? {
                found
            } else if let Some(found) = unary(other, node, context)? {
                found
            } else {
                return Ok(None);
            }
        }
    };
    Ok(Some(vec![value]))
}

/// Fails for integers.
pub fn need_float(value: &Value) -> Lowers<()> {
    match value.dtype() {
        Dtype::F32 => Ok(()),
        other => unsupported(format!("it is supported only for f32, not for {other:?}")),
    }
}

/// An integer as the type has it.
pub fn narrow(e: &mut Expression, x: Id, dtype: Dtype) -> Id {
    match dtype {
        Dtype::I8 | Dtype::U8 | Dtype::I32 => e.narrow(x, element(dtype)),
        _ => x,
    }
}

/// `then` where x is not negative, else `other`; NaN gives `then`.
fn positive_or(e: &mut Expression, x: Id, then: Id, other: Id) -> Id {
    let zero = e.float(0.0);
    let negative = e.two(Operation::Less, x, zero);
    e.select(true, negative, other, then)
}

fn not(e: &mut Expression, x: Id) -> Id {
    let one = e.int(1);
    e.two(Operation::Xor, x, one)
}

fn binary(operator: &str, node: &Node, context: &mut Context) -> Lowers<Option<Value>> {
    let (float, integer) = match operator {
        "Add" => (Operation::Add, Operation::AddInt),
        "Sub" => (Operation::Sub, Operation::SubInt),
        "Mul" => (Operation::Mul, Operation::MulInt),
        "Div" => (Operation::Div, Operation::DivInt),
        "Equal" => (Operation::Equal, Operation::EqualInt),
        "Less" => (Operation::Less, Operation::LessInt),
        "LessOrEqual" => (Operation::LessEqual, Operation::LessEqualInt),
        "Greater" | "GreaterOrEqual" => return greater(operator, node, context).map(Some),
        "And" | "BitwiseAnd" => (Operation::Rem, Operation::And),
        "Or" | "BitwiseOr" => (Operation::Rem, Operation::Or),
        "Xor" | "BitwiseXor" => (Operation::Rem, Operation::Xor),
        "BitShift" if node.text("direction") == Some("LEFT") => (Operation::Rem, Operation::ShiftLeft),
        "BitShift" => (Operation::Rem, Operation::ShiftRight),
        _ => return Ok(None),
    };
    let (x, y) = (node.input(0)?, node.input(1)?);
    if operator == "Add" {
        if let Some(value) = super::matrix::add_bias(context, x, y)? {
            return Ok(Some(value));
        }
    }
    operate(context, x, y, [float, integer]).map(Some)
}

fn greater(operator: &str, node: &Node, context: &mut Context) -> Lowers<Value> {
    let operations = match operator {
        "Greater" => [Operation::Less, Operation::LessInt],
        _ => [Operation::LessEqual, Operation::LessEqualInt],
    };
    operate(context, node.input(1)?, node.input(0)?, operations)
}

/// Two operands of one type.
fn operate(context: &mut Context, x: &Value, y: &Value, [float, integer]: [Operation; 2]) -> Lowers<Value> {
    let dtype = x.dtype();
    if y.dtype() != dtype {
        return invalid(format!("its operands are of {dtype:?} and {:?}", y.dtype()));
    }
    let operation = if dtype == Dtype::F32 { float } else { integer };
    let compares = matches!(
        operation,
        Operation::Equal
            | Operation::Less
            | Operation::LessEqual
            | Operation::EqualInt
            | Operation::LessInt
            | Operation::LessEqualInt
    );
    if operation == Operation::Rem {
        return invalid("its operands are no integers");
    }
    let out = if compares { Dtype::Bool } else { dtype };
    context.express(out, &[x, y], |e, v| {
        let result = e.two(operation, v[0], v[1]);
        narrow(e, result, out)
    })
}

fn variadic(node: &Node, context: &mut Context) -> Lowers<Value> {
    let operations = match node.operator() {
        "Max" => [Operation::Max, Operation::MaxInt],
        "Min" => [Operation::Min, Operation::MinInt],
        _ => [Operation::Add, Operation::AddInt],
    };
    let inputs = node.all_inputs()?;
    let first = inputs
        .first()
        .ok_or(Problem::Invalid("it has no operands".into()))?;
    let mut value = (*first).clone();
    for other in &inputs[1..] {
        value = operate(context, &value, other, operations)?;
    }
    if node.operator() == "Mean" {
        need_float(&value)?;
        let count = inputs.len() as f32;
        value = context.express(Dtype::F32, &[&value], |e, v| {
            let count = e.float(count);
            e.two(Operation::Div, v[0], count)
        })?;
    }
    Ok(value)
}

/// Nothing is dropped but in training.
fn dropout(node: &Node, context: &mut Context) -> Lowers<Vec<Value>> {
    let training = node.optional_constant(2)?;
    if training.is_some_and(|tensor| tensor.to_integers().iter().any(|flag| *flag != 0)) {
        return unsupported("training is not supported");
    }
    let x = node.input(0)?;
    let mut outputs = vec![x.clone()];
    if node.outputs() > 1 {
        let kept = Tensor::integers(Dtype::Bool, &[], &[1]).into();
        outputs.push(context.broadcast(&kept, x.shape())?);
    }
    Ok(outputs)
}

fn modulo(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, y) = (node.input(0)?, node.input(1)?);

    let (dtype, fmod) = (x.dtype(), node.flag("fmod"));
    if y.dtype() != dtype {
        return invalid(format!("its operands are of {dtype:?} and {:?}", y.dtype()));
    }
    context.express(dtype, &[x, y], |e, v| match (dtype, fmod) {
        (Dtype::F32, true) => e.two(Operation::Rem, v[0], v[1]),
        (Dtype::F32, false) => floored(e, v[0], v[1]),
        (_, true) => e.two(Operation::RemInt, v[0], v[1]),
        (_, false) => e.two(Operation::ModInt, v[0], v[1]),
    })
}

/// The remainder with the sign of the divisor.
fn floored(e: &mut Expression, x: Id, y: Id) -> Id {
    let zero = e.float(0.0);
    let remainder = e.two(Operation::Rem, x, y);
    let [negative, wanted] = [remainder, y].map(|value| e.two(Operation::Less, value, zero));
    let other = e.two(Operation::Xor, negative, wanted);
    let some = e.two(Operation::Equal, remainder, zero);
    let some = not(e, some);
    let shifts = e.two(Operation::And, other, some);
    let shifted = e.two(Operation::Add, remainder, y);
    e.select(true, shifts, shifted, remainder)
}

fn power(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, y) = (node.input(0)?, node.input(1)?);
    let (base, exponent) = (x.dtype(), y.dtype());
    if base == Dtype::F32 {
        let known = y
            .constant()
            .filter(|tensor| tensor.len() == 1 && y.rank() <= x.rank());
        let known = known.map(|tensor| tensor.to_floats()[0]);
        if let Some(value) = known.and_then(|y| simple_power(context, x, y)) {
            return value;
        }
    }
    context.express(base, &[x, y], |e, v| match (base, exponent) {
        (Dtype::F32, Dtype::F32) => e.two(Operation::Pow, v[0], v[1]),
        (Dtype::F32, _) => {
            let y = e.one(Operation::ToFloat, v[1]);
            e.two(Operation::Pow, v[0], y)
        }
        (_, Dtype::F32) => {
            let x = e.one(Operation::ToFloat, v[0]);
            let power = e.two(Operation::Pow, x, v[1]);
            let power = e.one(Operation::ToInt, power);
            narrow(e, power, base)
        }
        _ => {
            let power = e.two(Operation::PowInt, v[0], v[1]);
            narrow(e, power, base)
        }
    })
}

/// Powers that are products or roots.
fn simple_power(context: &mut Context, x: &Value, y: f32) -> Option<Lowers<Value>> {
    let write: fn(&mut Expression, &[Id]) -> Id = match y {
        1.0 => |_, v| v[0],
        2.0 => |e, v| e.two(Operation::Mul, v[0], v[0]),
        3.0 => |e, v| {
            let square = e.two(Operation::Mul, v[0], v[0]);
            e.two(Operation::Mul, square, v[0])
        },
        0.5 => |e, v| e.one(Operation::Sqrt, v[0]),
        _ => return None,
    };
    Some(context.express(Dtype::F32, &[x], write))
}

fn choose(node: &Node, context: &mut Context) -> Lowers<Value> {
    let (x, y, z) = (node.input(0)?, node.input(1)?, node.input(2)?);
    let dtype = y.dtype();
    if z.dtype() != dtype {
        return invalid(format!("its operands are of {dtype:?} and {:?}", z.dtype()));
    }
    context.express(dtype, &[x, y, z], |e, v| {
        e.select(dtype == Dtype::F32, v[0], v[1], v[2])
    })
}

fn clip(node: &Node, context: &mut Context) -> Lowers<Value> {
    let mut value = node.input(0)?.clone();
    let bounds = [
        (1, Operation::Max, Operation::MaxInt),
        (2, Operation::Min, Operation::MinInt),
    ];
    for (index, float, integer) in bounds {
        if let Some(bound) = node.optional(index) {
            value = operate(context, &value, bound, [float, integer])?;
        }
    }
    Ok(value)
}

fn cast(node: &Node, context: &mut Context) -> Lowers<Value> {
    let to = match node.operator() {
        "CastLike" => node.input(1)?.dtype(),
        _ => onnx::dtype(node.int("to", 0) as i32)?,
    };
    convert(context, node.input(0)?, to)
}

/// A value as another type.
pub fn convert(context: &mut Context, x: &Value, to: Dtype) -> Lowers<Value> {
    let from = x.dtype();
    if from == to {
        return Ok(x.clone());
    }
    context.express(to, &[x], |e, v| match (from, to) {
        (Dtype::F32, Dtype::Bool) => {
            let zero = e.float(0.0);
            let equal = e.two(Operation::Equal, v[0], zero);
            not(e, equal)
        }
        (_, Dtype::Bool) => {
            let zero = e.int(0);
            let equal = e.two(Operation::EqualInt, v[0], zero);
            not(e, equal)
        }
        (Dtype::F32, _) => {
            let integer = e.one(Operation::ToInt, v[0]);
            narrow(e, integer, to)
        }
        (_, Dtype::F32) => e.one(Operation::ToFloat, v[0]),
        // A term of its own: a value of another type must not be taken for the operand.
        _ => narrow(e, v[0], to),
    })
}

/// Functions that are one operation of f32.
fn function(operator: &str) -> Option<Operation> {
    Some(match operator {
        "Sqrt" => Operation::Sqrt,
        "Exp" => Operation::Exp,
        "Log" => Operation::Log,
        "Erf" => Operation::Erf,
        "Sin" => Operation::Sin,
        "Cos" => Operation::Cos,
        "Tan" => Operation::Tan,
        "Asin" => Operation::Asin,
        "Acos" => Operation::Acos,
        "Atan" => Operation::Atan,
        "Sinh" => Operation::Sinh,
        "Cosh" => Operation::Cosh,
        "Asinh" => Operation::Asinh,
        "Acosh" => Operation::Acosh,
        "Atanh" => Operation::Atanh,
        "Floor" => Operation::Floor,
        "Ceil" => Operation::Ceil,
        "Round" => Operation::Round,
        "Sigmoid" => Operation::Sigmoid,
        "Tanh" => Operation::Tanh,
        "Softplus" => Operation::Softplus,
        _ => return None,
    })
}

/// What a function with parameters makes of an f32.
type Write = Box<dyn Fn(&mut Expression, Id) -> Id>;

fn unary(operator: &str, node: &Node, context: &mut Context) -> Lowers<Option<Value>> {
    if let Some(operation) = function(operator) {
        let x = node.input(0)?;
        need_float(x)?;
        return context
            .express(Dtype::F32, &[x], |e, v| e.one(operation, v[0]))
            .map(Some);
    }
    if let Some(value) = of_any_type(operator, node, context)? {
        return Ok(Some(value));
    }
    let Some(write) = parametric(operator, node) else {
        return Ok(None);
    };
    let x = node.input(0)?;
    need_float(x)?;
    context.express(Dtype::F32, &[x], |e, v| write(e, v[0])).map(Some)
}

fn of_any_type(operator: &str, node: &Node, context: &mut Context) -> Lowers<Option<Value>> {
    let Some(x) = node.optional(0) else {
        return Ok(None);
    };
    let (dtype, float) = (x.dtype(), x.dtype() == Dtype::F32);
    let value = match operator {
        "Not" => context.express(Dtype::Bool, &[x], |e, v| not(e, v[0])),
        "BitwiseNot" => context.express(dtype, &[x], |e, v| {
            let ones = e.int(-1);
            let not = e.two(Operation::Xor, v[0], ones);
            narrow(e, not, dtype)
        }),
        "Neg" => context.express(dtype, &[x], |e, v| negate(e, v[0], dtype)),
        "Abs" => context.express(dtype, &[x], |e, v| {
            match dtype {
                Dtype::F32 => return e.one(Operation::Abs, v[0]),
                Dtype::U8 | Dtype::Bool => return v[0],
                _ => {}
            }
            let negated = negate(e, v[0], dtype);
            e.two(Operation::MaxInt, v[0], negated)
        }),
        "Sign" => context.express(dtype, &[x], |e, v| sign(e, v[0], float)),
        "Relu" => context.express(dtype, &[x], |e, v| match float {
            true => {
                let zero = e.float(0.0);
                e.two(Operation::Max, v[0], zero)
            }
            false => {
                let zero = e.int(0);
                e.two(Operation::MaxInt, v[0], zero)
            }
        }),
        "IsNaN" if float => context.express(Dtype::Bool, &[x], |e, v| {
            let equal = e.two(Operation::Equal, v[0], v[0]);
            not(e, equal)
        }),
        "IsInf" if float => {
            let [up, down] = ["detect_positive", "detect_negative"].map(|name| node.int(name, 1) != 0);
            context.express(Dtype::Bool, &[x], |e, v| {
                let sides = [(up, f32::INFINITY), (down, f32::NEG_INFINITY)];
                let chosen = sides.into_iter().filter(|(chosen, _)| *chosen);
                let mut result = e.int(0);
                for (_, infinity) in chosen {
                    let infinity = e.float(infinity);
                    let equal = e.two(Operation::Equal, v[0], infinity);
                    result = e.two(Operation::Or, result, equal);
                }
                result
            })
        }
        _ => return Ok(None),
    };
    value.map(Some)
}

fn negate(e: &mut Expression, x: Id, dtype: Dtype) -> Id {
    if dtype == Dtype::F32 {
        return e.one(Operation::Neg, x);
    }
    let zero = e.int(0);
    let negated = e.two(Operation::SubInt, zero, x);
    narrow(e, negated, dtype)
}

fn sign(e: &mut Expression, x: Id, float: bool) -> Id {
    let (zero, one, minus) = if float {
        (e.float(0.0), e.float(1.0), e.float(-1.0))
    } else {
        (e.int(0), e.int(1), e.int(-1))
    };
    let less = if float {
        Operation::Less
    } else {
        Operation::LessInt
    };
    let negative = e.two(less, x, zero);
    let positive = e.two(less, zero, x);
    let rest = e.select(float, negative, minus, x);
    e.select(float, positive, one, rest)
}

fn parametric(operator: &str, node: &Node) -> Option<Write> {
    let alpha = |default| node.float("alpha", default);
    Some(match operator {
        "Reciprocal" => Box::new(|e, x| {
            let one = e.float(1.0);
            e.two(Operation::Div, one, x)
        }),
        "LeakyRelu" => {
            let alpha = alpha(0.01);
            Box::new(move |e, x| {
                let scaled = times(e, x, alpha);
                positive_or(e, x, x, scaled)
            })
        }
        "ThresholdedRelu" => {
            let alpha = alpha(1.0);
            Box::new(move |e, x| {
                let (alpha, zero) = (e.float(alpha), e.float(0.0));
                let above = e.two(Operation::Less, alpha, x);
                e.select(true, above, x, zero)
            })
        }
        "Elu" => {
            let alpha = alpha(1.0);
            Box::new(move |e, x| elu(e, x, alpha, 1.0, 1.0))
        }
        "Celu" => {
            let alpha = alpha(1.0);
            Box::new(move |e, x| elu(e, x, alpha, 1.0 / alpha, 1.0))
        }
        "Selu" => {
            let (alpha, gamma) = (alpha(1.673_263_2), node.float("gamma", 1.050_701));
            Box::new(move |e, x| elu(e, x, alpha, 1.0, gamma))
        }
        "Mish" => Box::new(|e, x| {
            let softplus = e.one(Operation::Softplus, x);
            let tanh = e.one(Operation::Tanh, softplus);
            e.two(Operation::Mul, x, tanh)
        }),
        "Softsign" => Box::new(|e, x| {
            let magnitude = e.one(Operation::Abs, x);
            let sum = plus(e, magnitude, 1.0);
            e.two(Operation::Div, x, sum)
        }),
        "HardSigmoid" => {
            let (alpha, beta) = (alpha(0.2), node.float("beta", 0.5));
            Box::new(move |e, x| hard_sigmoid(e, x, alpha, beta))
        }
        "HardSwish" => Box::new(|e, x| {
            let gate = hard_sigmoid(e, x, 1.0 / 6.0, 0.5);
            e.two(Operation::Mul, x, gate)
        }),
        "Swish" => {
            let alpha = alpha(1.0);
            Box::new(move |e, x| {
                let scaled = times(e, x, alpha);
                let gate = e.one(Operation::Sigmoid, scaled);
                e.two(Operation::Mul, x, gate)
            })
        }
        "Gelu" if node.text("approximate") == Some("tanh") => Box::new(|e, x| {
            let square = e.two(Operation::Mul, x, x);
            let cube = e.two(Operation::Mul, square, x);
            let cube = times(e, cube, 0.044_715);
            let sum = e.two(Operation::Add, x, cube);
            let scaled = times(e, sum, 0.797_884_6);
            let tanh = e.one(Operation::Tanh, scaled);
            half_gate(e, x, tanh)
        }),
        "Gelu" => Box::new(|e, x| {
            let scaled = times(e, x, std::f32::consts::FRAC_1_SQRT_2);
            let erf = e.one(Operation::Erf, scaled);
            half_gate(e, x, erf)
        }),
        "Shrink" => {
            let (bias, lambda) = (node.float("bias", 0.0), node.float("lambd", 0.5));
            Box::new(move |e, x| {
                let (low, high, zero) = (e.float(-lambda), e.float(lambda), e.float(0.0));
                let below = e.two(Operation::Less, x, low);
                let above = e.two(Operation::Less, high, x);
                let (up, down) = (plus(e, x, bias), plus(e, x, -bias));
                let rest = e.select(true, above, down, zero);
                e.select(true, below, up, rest)
            })
        }
        _ => return None,
    })
}

fn times(e: &mut Expression, x: Id, factor: f32) -> Id {
    let factor = e.float(factor);
    e.two(Operation::Mul, x, factor)
}

fn plus(e: &mut Expression, x: Id, term: f32) -> Id {
    let term = e.float(term);
    e.two(Operation::Add, x, term)
}

/// `gamma * (x where x >= 0, else alpha * (e^(x * scale) - 1))`
fn elu(e: &mut Expression, x: Id, alpha: f32, scale: f32, gamma: f32) -> Id {
    let scaled = times(e, x, scale);
    let exp = e.one(Operation::Exp, scaled);
    let shifted = plus(e, exp, -1.0);
    let negative = times(e, shifted, alpha);
    let value = positive_or(e, x, x, negative);
    times(e, value, gamma)
}

fn hard_sigmoid(e: &mut Expression, x: Id, alpha: f32, beta: f32) -> Id {
    let scaled = times(e, x, alpha);
    let shifted = plus(e, scaled, beta);
    let (zero, one) = (e.float(0.0), e.float(1.0));
    let bounded = e.two(Operation::Max, shifted, zero);
    e.two(Operation::Min, bounded, one)
}

/// `x / 2 * (1 + gate)`
fn half_gate(e: &mut Expression, x: Id, gate: Id) -> Id {
    let half = times(e, x, 0.5);
    let open = plus(e, gate, 1.0);
    e.two(Operation::Mul, half, open)
}
