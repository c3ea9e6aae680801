//! The interpreter: the authority on what a step does.
//!
//! One pinned configuration, natively and inside the runtime. Fuel is part of it: when the interpreter
//! enters the body of a function, a loop or a branch of an `if`, it charges one unit and the [costs](super::costs) of the
//! operators in it. It runs a [guarded](super::guard) copy of the program, whose guards it charges for, too.

use super::{
    access::{Access, Stop},
    costs::costs,
    guard::guarded,
    Executor, ExecutorError, StepEnd, StepRun, StepStart,
};
use crate::{
    limits::{host_call_fuel, MAX_CALL_DEPTH, MAX_STACK_VALUES, STEP_FUEL},
    program::abi,
    state::TrapReason,
    Program,
};
use core::fmt;
use wasmi::{Caller, CompilationMode, Config, Engine, Error, Linker, Memory, Module, Store, TrapCode};

/// Bytes of the interpreter's stack for each value: a v128.
const STACK_VALUE_LEN: usize = 16;

/// The configuration of every interpreter, everywhere.
fn config() -> Config {
    let mut config = Config::default();
    config
        .compilation_mode(CompilationMode::Eager)
        .consume_fuel(true)
        .operator_cost(costs())
        .allow_start_fn(false)
        .ignore_custom_sections(true)
        .wasm_mutable_global(true)
        .wasm_sign_extension(true)
        .wasm_saturating_float_to_int(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_value(false)
        .wasm_multi_memory(false)
        .wasm_bulk_memory(false)
        .wasm_reference_types(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        // The program check bounds both below these, so that no checked program reaches them.
        .set_max_recursion_depth(2 * MAX_CALL_DEPTH as usize)
        .set_max_stack_height(4 * STACK_VALUE_LEN * MAX_STACK_VALUES as usize);
    config
}

/// Runs steps in `wasmi`.
pub struct WasmiExecutor {
    engine: Engine,
    linker: Linker<Access>,
}

/// A program compiled for [`WasmiExecutor`].
pub struct LoadedModule(Module);

impl Default for WasmiExecutor {
    fn default() -> Self {
        Self::new()
    }
}

impl WasmiExecutor {
    /// An interpreter under the pinned configuration.
    pub fn new() -> Self {
        let engine = Engine::new(&config());
        let mut linker = Linker::new(&engine);
        // The five names are distinct, so that defining them cannot fail.
        let _ = define_host_functions(&mut linker);
        Self { engine, linker }
    }

    fn compile(&self, code: &[u8]) -> Result<Module, ExecutorError> {
        let code = guarded(code).map_err(|_| ExecutorError::BadModule)?;
        Module::new(&self.engine, code).map_err(|_| ExecutorError::BadModule)
    }

    fn store(&self, start: &StepStart) -> Result<Store<Access>, ExecutorError> {
        let mut store = Store::new(&self.engine, Access::new(start));
        store.set_fuel(STEP_FUEL).map_err(|_| ExecutorError::BadModule)?;
        Ok(store)
    }
}

/// Whether the code of a program compiles and instantiates. Part of the program check.
pub fn instantiates(code: &[u8]) -> bool {
    let executor = WasmiExecutor::new();
    let memory = crate::memory::MemoryTree::new();
    let start = StepStart {
        pc: 0,
        params_len: 0,
        input_len: 0,
        memory: &memory,
    };
    let Ok(module) = executor.compile(code) else {
        return false;
    };
    let Ok(mut store) = executor.store(&start) else {
        return false;
    };
    executor.linker.instantiate_and_start(&mut store, &module).is_ok()
}

impl Executor for WasmiExecutor {
    type Module = LoadedModule;

    fn load(&self, program: &Program) -> Result<LoadedModule, ExecutorError> {
        self.compile(program.code()).map(LoadedModule)
    }

    fn run_step(&self, module: &LoadedModule, start: StepStart) -> Result<StepRun, ExecutorError> {
        let mut store = self.store(&start)?;
        let instance = self
            .linker
            .instantiate_and_start(&mut store, &module.0)
            .map_err(|_| ExecutorError::BadModule)?;
        let step = instance
            .get_typed_func::<i64, i64>(&store, abi::STEP)
            .map_err(|_| ExecutorError::BadModule)?;
        let result = step.call(&mut store, start.pc.cast_signed());
        let fuel = STEP_FUEL.saturating_sub(store.get_fuel().unwrap_or(0));
        let access = store.into_data();
        let stop = access.stop;
        let (touched, writes) = access.finish();
        let end = match (stop, result) {
            (Some(Stop::Halt(output_len)), _) => StepEnd::Halted { output_len, writes },
            (Some(Stop::Trap(reason)), _) => StepEnd::Trapped(reason),
            (Some(_), _) => return Err(ExecutorError::Pruned),
            (None, Ok(pc)) => StepEnd::Continue {
                pc: pc.cast_unsigned(),
                writes,
            },
            (None, Err(error)) => StepEnd::Trapped(trap_reason(&error)?),
        };
        Ok(StepRun {
            end,
            touched,
            fuel: Some(fuel),
        })
    }
}

fn trap_reason(error: &Error) -> Result<TrapReason, ExecutorError> {
    match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => Ok(TrapReason::Unreachable),
        Some(TrapCode::MemoryOutOfBounds) => Ok(TrapReason::InstanceOutOfBounds),
        Some(TrapCode::IntegerDivisionByZero) => Ok(TrapReason::DivisionByZero),
        Some(TrapCode::IntegerOverflow) => Ok(TrapReason::IntegerOverflow),
        Some(TrapCode::BadConversionToInteger) => Ok(TrapReason::BadConversion),
        Some(TrapCode::OutOfFuel) => Ok(TrapReason::OutOfFuel),
        // The program check rules out tables, growth and deep stacks.
        _ => Err(ExecutorError::BadModule),
    }
}

/// Ends the call from inside a host function. Why stands in [`Access::stop`].
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("stopped by a host function")
    }
}

impl core::error::Error for Stopped {}
impl wasmi::errors::HostError for Stopped {}

fn stop(caller: &mut Caller<Access>, why: Stop) -> Error {
    caller.data_mut().stop = Some(why);
    Error::host(Stopped)
}

fn define_host_functions(linker: &mut Linker<Access>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        abi::MODULE,
        abi::READ,
        |mut caller: Caller<Access>, addr: i64, ptr: i32, len: i32| {
            move_bytes(&mut caller, addr, ptr, len, Direction::In).map_err(|why| stop(&mut caller, why))
        },
    )?;
    linker.func_wrap(
        abi::MODULE,
        abi::WRITE,
        |mut caller: Caller<Access>, addr: i64, ptr: i32, len: i32| {
            move_bytes(&mut caller, addr, ptr, len, Direction::Out).map_err(|why| stop(&mut caller, why))
        },
    )?;
    linker.func_wrap(abi::MODULE, abi::PARAMS_LEN, |mut caller: Caller<Access>| {
        let charged = charge(&mut caller, host_call_fuel(0));
        charged.map_err(|why| stop(&mut caller, why))?;
        Ok::<_, Error>(caller.data().params_len().cast_signed())
    })?;
    linker.func_wrap(abi::MODULE, abi::INPUT_LEN, |mut caller: Caller<Access>| {
        let charged = charge(&mut caller, host_call_fuel(0));
        charged.map_err(|why| stop(&mut caller, why))?;
        Ok::<_, Error>(caller.data().input_len().cast_signed())
    })?;
    linker.func_wrap(
        abi::MODULE,
        abi::HALT,
        |mut caller: Caller<Access>, output_len: i64| -> Result<(), Error> {
            let why = caller.data().halt(output_len);
            Err(stop(&mut caller, why))
        },
    )?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Direction {
    /// From the machine's memory into the instance.
    In,
    /// From the instance into the machine's memory.
    Out,
}

/// `read` and `write`: charges fuel, then checks the instance's side, then the machine's.
fn move_bytes(
    caller: &mut Caller<Access>,
    addr: i64,
    ptr: i32,
    len: i32,
    direction: Direction,
) -> Result<(), Stop> {
    let (ptr, len) = (ptr.cast_unsigned() as usize, len.cast_unsigned() as usize);
    charge(caller, host_call_fuel(len as u64))?;
    let memory = instance_memory(caller).ok_or(TrapReason::InstanceOutOfBounds)?;
    let (bytes, access) = memory.data_and_store_mut(caller);
    let end = ptr.checked_add(len).ok_or(TrapReason::InstanceOutOfBounds)?;
    let bytes = bytes.get_mut(ptr..end).ok_or(TrapReason::InstanceOutOfBounds)?;
    match direction {
        Direction::In => access.read(addr.cast_unsigned(), bytes),
        Direction::Out => access.write(addr.cast_unsigned(), bytes),
    }
}

fn instance_memory(caller: &Caller<Access>) -> Option<Memory> {
    caller.get_export(abi::MEMORY)?.into_memory()
}

fn charge(caller: &mut Caller<Access>, fuel: u64) -> Result<(), Stop> {
    let left = caller.get_fuel().unwrap_or(0).checked_sub(fuel);
    // A failed charge leaves nothing, as running out inside the interpreter does.
    let _ = caller.set_fuel(left.unwrap_or(0));
    left.map(|_| ()).ok_or(Stop::Trap(TrapReason::OutOfFuel))
}
