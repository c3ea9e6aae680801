//! Whether a step of a plan certainly stays within its limits, whoever made the plan.

use assay_network_plan::{
    Code, Element, Finish, Instruction, Op, Operation, Step, View, Window, ARENA, RANK,
};

use crate::lower::tile_fits;

/// The most products, comparisons or bytes of a step, besides what estimates of its cost say: far more than fit into one,
/// and few enough that these do not overflow.
const WORK_MAX: u64 = 1 << 32;

/// Whether a step's estimated cost, which the packer plans with, leaves no doubt that it ends as the interpreter says.
pub fn is_certain(op: &Op, step: &Step) -> bool {
    let lengths = lengths(step);
    lengths.is_some_and(|lengths| is_modest(op, &lengths) && tile_fits(op, &lengths))
}

/// Whether an operator's result is f32.
pub fn stores_floats(op: &Op) -> bool {
    match op {
        Op::Halt(_) | Op::Take(_) | Op::TopK(_) => false,
        Op::Elementwise(op) => op.out.element == Element::F32,
        Op::Reduce(op) => op.out.element == Element::F32,
        Op::Normalize(_) | Op::Trees(_) => true,
        Op::Pool(op) => op.element == Element::F32,
        Op::MatMul(op) => op.x.element == Element::F32,
        Op::Conv(op) => op.x_element == Element::F32,
        Op::Put(op) => op.element == Element::F32,
        Op::CumSum(op) => op.out.element == Element::F32,
    }
}

/// The lengths of a step's box.
fn lengths(step: &Step) -> Option<[u64; RANK]> {
    let mut lengths = [0; RANK];
    for (axis, len) in lengths.iter_mut().enumerate() {
        *len = step.to[axis].checked_sub(step.from[axis])?.into();
    }
    Some(lengths)
}

/// Whether some numbers are not 0, and their product at most `most`.
fn within(most: u64, factors: &[u64]) -> bool {
    let product = factors
        .iter()
        .try_fold(1_u64, |product, factor| product.checked_mul(*factor));
    product.is_some_and(|product| (1..=most).contains(&product))
}

/// What a register holds.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Float,
    Integer,
}

impl Kind {
    fn of(element: Element) -> Self {
        match element {
            Element::F32 => Self::Float,
            _ => Self::Integer,
        }
    }
}

/// Whether an elementwise program reads only what it wrote, and as what it wrote it. What others read is different in a fresh
/// instance. `first` is what register 0 holds before.
fn is_code<const N: usize>(code: &Code<N>, inputs: &[View], first: Option<Kind>, result: Kind) -> bool {
    if code.constants > code.len || code.len as usize > N || code.registers > 64 {
        return false;
    }
    let mut registers = [None; 256];
    registers[0] = first;
    for instruction in &code.instructions[..code.len as usize] {
        let Instruction { a, b, immediate, .. } = *instruction;
        let holds = |register: u8, kind| registers[usize::from(register)] == Some(kind);
        let third = |kind| u8::try_from(immediate).is_ok_and(|register| holds(register, kind));
        let (good, kind) = match (instruction.operation, instruction.operation as u8) {
            (Operation::Load, _) => match inputs.get(usize::from(a)) {
                Some(view) => (true, Kind::of(view.element)),
                None => return false,
            },
            (Operation::Set, _) => (true, Kind::Float),
            (Operation::SetInt, _) => (true, Kind::Integer),
            (Operation::Select, _) => (
                holds(a, Kind::Integer) && holds(b, Kind::Float) && third(Kind::Float),
                Kind::Float,
            ),
            (Operation::SelectInt, _) => (
                holds(a, Kind::Integer) && holds(b, Kind::Integer) && third(Kind::Integer),
                Kind::Integer,
            ),
            (Operation::ToFloat, _) => (holds(a, Kind::Integer), Kind::Float),
            (Operation::ToInt, _) => (holds(a, Kind::Float), Kind::Integer),
            (Operation::Narrow, _) => (holds(a, Kind::Integer), Kind::Integer),
            (Operation::Less | Operation::LessEqual | Operation::Equal, _) => {
                (holds(a, Kind::Float) && holds(b, Kind::Float), Kind::Integer)
            }
            (_, ..32) => (holds(a, Kind::Float) && holds(b, Kind::Float), Kind::Float),
            (_, 32..64) => (holds(a, Kind::Float), Kind::Float),
            _ => (holds(a, Kind::Integer) && holds(b, Kind::Integer), Kind::Integer),
        };
        if !good {
            return false;
        }
        registers[usize::from(instruction.out)] = Some(kind);
    }
    registers.get(code.result as usize) == Some(&Some(result))
}

fn is_finish(finish: &Finish) -> bool {
    is_code(&finish.code, &[], Some(Kind::Float), Kind::Float)
}

/// Pixels of a kernel and of a row of the output.
fn window(window: &Window) -> Option<[u64; 2]> {
    assay_network::check_window(window).ok()?;
    let [height, width] = window.kernel.map(u64::from);
    Some([height * width, window.output[1].into()])
}

/// Whether an operator and a tile have numbers of which costs can be computed.
fn is_modest(op: &Op, lengths: &[u64; RANK]) -> bool {
    let elements = within(ARENA as u64, lengths);
    let wide = |numbers: &[u32]| {
        within(
            WORK_MAX,
            &numbers
                .iter()
                .map(|number| u64::from(*number))
                .collect::<Vec<_>>(),
        )
    };
    match op {
        Op::Halt(_) => true,
        Op::Elementwise(op) => {
            let inputs = op.inputs.get(..op.count as usize);
            let is_code = |inputs| is_code(&op.code, inputs, None, Kind::of(op.out.element));
            elements && inputs.is_some_and(is_code)
        }
        Op::Reduce(op) => elements && op.kept as usize <= RANK,
        Op::Normalize(op) => elements && op.kept as usize <= RANK,
        Op::CumSum(op) => elements && op.kept as usize <= RANK,
        Op::TopK(op) => {
            elements && (op.kept as usize) < RANK && wide(&[op.count]) && op.count as usize <= ARENA
        }
        Op::MatMul(op) => within(WORK_MAX, lengths) && wide(&op.dims[3..]) && is_finish(&op.finish),
        Op::Conv(op) => {
            let [images, channels, rows, depth, ..] = *lengths;
            let groups = wide(&[op.groups]) && op.channels_in >= op.groups && op.channels_out >= op.groups;
            let work = window(&op.window)
                .is_some_and(|[kernel, width]| within(WORK_MAX, &[channels, rows, width, depth, kernel]));
            images == 1 && groups && work && is_finish(&op.finish)
        }
        Op::Pool(op) => window(&op.window)
            .is_some_and(|[kernel, width]| within(WORK_MAX, &[lengths[0], lengths[1], width, kernel])),
        Op::Take(op) => {
            within(ARENA as u64, &lengths[..3]) && wide(&[op.len, op.row]) && wide(&[op.count, op.row])
        }
        Op::Put(op) => within(ARENA as u64, &[lengths[0], op.row.into()]) && wide(&[op.len, op.row]),
        Op::Trees(op) => {
            let [rows, trees] = [lengths[0], lengths[1]];
            within(ARENA as u64, &[rows, op.features.into()])
                && within(ARENA as u64, &[rows, op.targets.into()])
                && within(WORK_MAX, &[trees, op.largest.into()])
                && within(WORK_MAX, &[rows, trees, op.depth.into()])
                && within(WORK_MAX, &[rows, trees, op.widest.into()])
        }
    }
}
