//! Elementwise operators.

use assay_network_plan::{Element, Map, Operation, Quantization, Step, Zip};

use crate::function;
use crate::memory::{read_values, write_values, Arena, Memory};
use crate::{range_len, Fault};

/// Computes a tile; see [`Map`].
#[inline(never)]
pub fn map<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Map, step: &Step) -> Result<(), Fault> {
    let len = range_len(step.rows, u32::MAX)?;
    let values = arena.take::<f32>(len)?;
    let bytes = arena.take::<u8>(len)?;
    let address = |base: u64, element: Element| base + u64::from(step.rows[0]) * u64::from(element.size());
    let source = address(op.x, op.from.element);
    if op.from.element == Element::F32 {
        read_values(memory, source, values);
    } else {
        memory.read(source, bytes);
        dequantize(&op.from, bytes, values)?;
    }
    function::apply(&op.activation, values);
    let target = address(op.out, op.to.element);
    if op.to.element == Element::F32 {
        write_values(memory, target, values);
    } else {
        quantize(&op.to, values, bytes)?;
        memory.write(target, bytes);
    }
    Ok(())
}

/// `(q - zero) * scale`
fn dequantize(from: &Quantization, bytes: &[u8], values: &mut [f32]) -> Result<(), Fault> {
    let value = |level: i32| level.wrapping_sub(from.zero) as f32 * from.scale;
    let pairs = values.iter_mut().zip(bytes);
    match from.element {
        Element::I8 => pairs.for_each(|(v, byte)| *v = value(i32::from(*byte as i8))),
        Element::U8 => pairs.for_each(|(v, byte)| *v = value(i32::from(*byte))),
        Element::F32 | Element::I64 => return Err(Fault::BadElement),
    }
    Ok(())
}

/// `clamp(round_half_even(x / scale) + zero)`
fn quantize(to: &Quantization, values: &[f32], bytes: &mut [u8]) -> Result<(), Fault> {
    let (low, high) = match to.element {
        Element::I8 => (-128, 127),
        Element::U8 => (0, 255),
        Element::F32 | Element::I64 => return Err(Fault::BadElement),
    };
    let bound = |level: i32| level.wrapping_sub(to.zero) as f32;
    for (byte, value) in bytes.iter_mut().zip(values) {
        let level = function::clamp(value / to.scale, bound(low), bound(high));
        *byte = (function::round_half_even(level) as i32).wrapping_add(to.zero) as u8;
    }
    Ok(())
}

/// Computes a tile; see [`Zip`].
#[inline(never)]
pub fn zip<M: Memory>(memory: &mut M, arena: &mut Arena, op: &Zip, step: &Step) -> Result<(), Fault> {
    let len = range_len(step.rows, u32::MAX)?;
    if len == 0 || op.inner == 0 || op.period == 0 {
        return Err(Fault::BadTile);
    }
    let x = arena.take::<f32>(len)?;
    read_values(memory, op.x + 4 * u64::from(step.rows[0]), x);
    let seen = y_seen(op, step.rows);
    let y = arena.take::<f32>((seen[1] - seen[0]) as usize)?;
    read_values(memory, op.y + 4 * u64::from(seen[0]), y);
    for (x, i) in x.iter_mut().zip(step.rows[0]..) {
        let y = y[(i / op.inner % op.period - seen[0]) as usize];
        *x = if op.swapped == 0 {
            operate(op.operation, *x, y)
        } else {
            operate(op.operation, y, *x)
        };
    }
    function::apply(&op.activation, x);
    write_values(memory, op.out + 4 * u64::from(step.rows[0]), x);
    Ok(())
}

/// The range of y that the elements in `rows` meet: a part where they do not wrap around, else the whole.
fn y_seen(op: &Zip, rows: [u32; 2]) -> [u32; 2] {
    let first = rows[0] / op.inner % op.period;
    let count = (rows[1] - 1) / op.inner - rows[0] / op.inner + 1;
    if count <= op.period - first {
        [first, first + count]
    } else {
        [0, op.period]
    }
}

fn operate(operation: Operation, x: f32, y: f32) -> f32 {
    match operation {
        Operation::Add => x + y,
        Operation::Sub => x - y,
        Operation::Mul => x * y,
        Operation::Div => x / y,
        Operation::Min if y < x => y,
        Operation::Max if y > x => y,
        Operation::Min | Operation::Max => x,
    }
}
