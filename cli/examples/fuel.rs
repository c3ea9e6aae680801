//! What the instructions of elementwise programs take: fuel for one element, from which `lower/tiles.rs` has its figures.
//!
//! `cargo run --release --example fuel` in `cli/`. A second load or two constants, which an instruction may need, are not
//! counted.

use assay_cli::NETWORK_PROGRAM;
use assay_engine::{Executor, Machine, Program, WasmiExecutor};
use assay_network_plan::*;

/// Elements of a tile.
const LEN: u32 = 8192;

fn instruction(operation: Operation, out: u8, a: u8, b: u8, immediate: u32) -> Instruction {
    Instruction {
        operation,
        out,
        a,
        b,
        immediate,
    }
}

/// A view with these strides, and its address such that all elements lie behind `address`.
fn strided(address: u64, dims: [u32; RANK], element: Element, strides: [i32; RANK]) -> View {
    let before: i64 = (0..RANK)
        .map(|axis| i64::from(strides[axis].min(0)) * i64::from(dims[axis] - 1))
        .sum();
    View {
        address: address.wrapping_add_signed(-before * i64::from(element.size())),
        element,
        strides,
    }
}

fn dense(dims: [u32; RANK]) -> [i32; RANK] {
    std::array::from_fn(|axis| dims[axis + 1..].iter().product::<u32>() as i32)
}

/// A plan of one copy over `dims`.
fn copy(dims: [u32; RANK], element: Element, from: [i32; RANK], to: [i32; RANK]) -> Vec<u8> {
    let mut inputs = [View::NONE; INPUTS_MAX];
    inputs[0] = strided(WORK + (1 << 24), dims, element, from);
    let mut code = Code::NONE;
    code.len = 1;
    code.instructions[0] = instruction(Operation::Load, 0, 0, 0, 0);
    plan_of(
        Elementwise {
            dims,
            out: strided(WORK, dims, element, to),
            count: 1,
            inputs,
            code,
        },
        &[],
    )
}

/// A plan of one elementwise operator over [`LEN`] f32 of value `probe`.
fn plan(body: &[Instruction], result: u32, element: Element, probe: f32) -> Vec<u8> {
    let mut code = Code::NONE;
    code.registers = 5;
    code.constants = 1;
    code.result = result;
    let all = [&[instruction(Operation::SetInt, 3, 0, 0, 1)], body].concat();
    code.len = all.len() as u32;
    code.instructions[..all.len()].copy_from_slice(&all);
    let mut view = View {
        address: CHUNK as u64,
        element: Element::F32,
        strides: [0, 0, 0, 0, 0, 1],
    };
    let mut inputs = [View::NONE; INPUTS_MAX];
    inputs[0] = view;
    view.address = WORK;
    view.element = element;
    let op = Elementwise {
        dims: [1, 1, 1, 1, 1, LEN],
        out: view,
        count: 1,
        inputs,
        code,
    };
    let constants: Vec<u8> = (0..LEN).flat_map(|_| probe.to_le_bytes()).collect();
    plan_of(op, &constants)
}

/// A plan of one operator in one step, with some constants behind the header.
fn plan_of(op: Elementwise, constants: &[u8]) -> Vec<u8> {
    let dims = op.dims;
    let step = |op: u32, to: [u32; RANK]| Step {
        op,
        reserved: 0,
        from: [0; RANK],
        to,
        reserved_end: 0,
    };
    let mut params = vec![0; CHUNK];
    params.extend(constants);
    let ops_offset = params.len() as u64;
    params.extend(Op::from(op).encode());
    params.extend(Op::from(Halt { len: 0 }).encode());
    params.resize(params.len().next_multiple_of(CHUNK), 0);
    let steps_offset = params.len() as u64;
    for step in [step(0, dims), step(1, [0; RANK])] {
        let mut bytes = [0; Step::LEN];
        step.put(&mut bytes);
        params.extend(bytes);
    }
    let header = Header {
        input_len: 0,
        ops: 2,
        steps: 2,
        ops_offset,
        steps_offset,
    };
    params[..Header::LEN].copy_from_slice(&header.encode());
    params
}

/// Fuel of the first step.
fn fuel(executor: &WasmiExecutor, module: &<WasmiExecutor as Executor>::Module, params: &[u8]) -> u64 {
    let mut machine = Machine::new(params, &[]);
    let run = machine.step(executor, module).expect("memory is whole");
    run.and_then(|run| run.fuel).expect("the first step runs")
}

/// Copies from and to tensors of several strides: what they take more than a copy of as many elements side by side, and what
/// they move.
fn print_moves(executor: &WasmiExecutor, module: &<WasmiExecutor as Executor>::Module) {
    println!("| copy | fuel | transfers | bytes | lines | elements | repetitions | repeated bytes |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let copies: [([u32; 3], [i32; 3]); 12] = [
        ([1, 64, 64], [1, 512, 1]),
        ([1, 64, 3], [1, 300, 1]),
        ([1, 1000, 2], [1, 3, 1]),
        ([1, 100, 20], [1, 30, 1]),
        ([1, 1, 1000], [1, 1, 2]),
        ([1, 1, 100], [1, 1, 200]),
        ([1, 1, 60], [1, 1, 500]),
        ([1, 1, 1000], [1, 1, -1]),
        ([1, 32, 32], [1, 1, 32]),
        ([1, 1, 4096], [0, 0, 0]),
        ([1, 32, 32], [0, 1, 0]),
        ([64, 8, 8], [0, 1, 8]),
    ];
    for (lengths, strides) in copies {
        let (mut dims, mut distant) = ([1; RANK], [0; RANK]);
        dims[3..].copy_from_slice(&lengths);
        distant[3..].copy_from_slice(&strides);
        for element in [Element::F32, Element::U8] {
            let whole = dense(dims);
            let base = fuel(executor, module, &copy(dims, element, whole, whole));
            for (from, to) in [(distant, whole), (whole, distant)] {
                let stores = to == distant;
                if stores && strides.contains(&0) {
                    continue;
                }
                let more = fuel(executor, module, &copy(dims, element, from, to)).saturating_sub(base);
                let view = strided(0, dims, element, distant);
                let moves = assay_network::Moves::of(&view, &dims.map(|len| len as usize), stores);
                println!(
                    "| {element:?} {lengths:?} {} {strides:?} | {more} | {} | {} | {} | {} | {} | {} |",
                    if stores { "to" } else { "from" },
                    moves.transfers,
                    moves.bytes,
                    moves.lines,
                    moves.elements,
                    moves.repetitions,
                    moves.repeated_bytes
                );
            }
        }
    }
}

fn main() {
    let executor = WasmiExecutor::new();
    let program = Program::new(NETWORK_PROGRAM.to_vec()).expect("the program passes the check");
    let module = executor.load(&program).expect("it loads");
    print_moves(&executor, &module);
    let load = instruction(Operation::Load, 0, 0, 0, 0);
    let base = fuel(&executor, &module, &plan(&[load], 0, Element::F32, 0.5));
    println!(
        "one load and one store: {:.1} for each element",
        base as f64 / f64::from(LEN)
    );
    let to_int = instruction(Operation::ToInt, 1, 0, 0, 0);
    let with_int = fuel(&executor, &module, &plan(&[load, to_int], 0, Element::F32, 0.5));
    for element in [Element::I8, Element::I32, Element::I64] {
        let stored = fuel(&executor, &module, &plan(&[load, to_int], 1, element, 0.5));
        println!(
            "store as {element:?}: {:.1} more",
            (stored as f64 - with_int as f64) / f64::from(LEN)
        );
    }
    println!("| operation | fuel for each element |\n| --- | --- |");
    for operation in Operation::ALL {
        if *operation == Operation::Load {
            continue;
        }
        let integers = *operation as u8 >= 64
            || matches!(
                operation,
                Operation::ToFloat | Operation::Narrow | Operation::SelectInt
            );
        let select = matches!(operation, Operation::Select | Operation::SelectInt);
        let (a, b) = if integers || select { (3, 1) } else { (0, 0) };
        let immediate = if *operation == Operation::Narrow { 3 } else { 1 };
        let measured = instruction(*operation, 2, a, b, immediate);
        let most = [
            0.0,
            1e-40,
            -1e-5,
            0.7,
            1.5,
            -5.0,
            7.0,
            100.0,
            1e30,
            f32::INFINITY,
            f32::NAN,
        ]
        .map(|probe| {
            let with = fuel(
                &executor,
                &module,
                &plan(&[load, to_int, measured], 0, Element::F32, probe),
            );
            with.saturating_sub(with_int)
        })
        .into_iter()
        .max();
        println!(
            "| {operation:?} | {:.1} |",
            most.unwrap_or(0) as f64 / f64::from(LEN)
        );
    }
}
