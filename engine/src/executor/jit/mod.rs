//! The JIT: machine code for providers, the interpreter for what it cannot be sure of.
//!
//! A program is compiled from a copy that counts at least the fuel that the interpreter counts, see
//! [`meter`]. Where a step traps for whatever reason, or that count passes the limit, the JIT's result
//! is dropped and the interpreter runs the step: traps and fuel have one authority.

mod meter;

use super::{
    access::{Access, Stop},
    wasmi::LoadedModule,
    Executor, ExecutorError, StepEnd, StepRun, StepStart, WasmiExecutor,
};
use crate::{
    limits::{host_call_fuel, STEP_FUEL},
    program::abi,
    state::TrapReason,
    Program,
};
use wasmtime::{Caller, Config, Engine, Extern, InstancePre, Linker, Module, OptLevel, Store};

/// The proposals of the program check, but for reference types: the switch for them comes with a garbage
/// collector, which is not built in. Programs that use any of them do not pass the check.
fn config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_value(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_bulk_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_backtrace(false);
    config
}

/// Runs steps as machine code.
pub struct JitExecutor {
    engine: Engine,
    linker: Linker<Access>,
    interpreter: WasmiExecutor,
}

/// A program compiled for [`JitExecutor`].
pub struct JitModule {
    /// `None` where the interpreter has to run every step.
    compiled: Option<InstancePre<Access>>,
    interpreted: LoadedModule,
}

impl JitExecutor {
    /// A JIT for the machine it runs on. Fails where there is no code generator for that machine.
    pub fn new() -> Result<Self, ExecutorError> {
        let engine = Engine::new(&config()).map_err(|_| ExecutorError::BadModule)?;
        let mut linker = Linker::new(&engine);
        define_host_functions(&mut linker).map_err(|_| ExecutorError::BadModule)?;
        Ok(Self {
            engine,
            linker,
            interpreter: WasmiExecutor::new(),
        })
    }

    /// A bound from above on the fuel that the interpreter counts for a step, or `None` where the
    /// interpreter has to run it.
    pub fn fuel_bound(&self, module: &JitModule, start: StepStart) -> Result<Option<u64>, ExecutorError> {
        let run = self.run_compiled(module, &start)?;
        Ok(run.map(|(_, counted)| counted))
    }

    /// The metered copy of a program, compiled, or `None` where there is none.
    fn compile(&self, code: &[u8]) -> Option<InstancePre<Access>> {
        let metered = meter::instrument(code)?;
        let module = Module::new(&self.engine, metered).ok()?;
        self.linker.instantiate_pre(&module).ok()
    }

    /// Runs a step as machine code and counts its fuel. `None` where the interpreter has to.
    fn run_compiled(
        &self,
        module: &JitModule,
        start: &StepStart,
    ) -> Result<Option<(StepRun, u64)>, ExecutorError> {
        let Some(compiled) = &module.compiled else {
            return Ok(None);
        };
        let mut store = Store::new(&self.engine, Access::new(start));
        let instance = compiled
            .instantiate(&mut store)
            .map_err(|_| ExecutorError::BadModule)?;
        let step = instance
            .get_typed_func::<i64, i64>(&mut store, abi::STEP)
            .map_err(|_| ExecutorError::BadModule)?;
        let result = step.call(&mut store, start.pc.cast_signed());
        let counted = meter::fuel_used(&instance, &mut store).ok_or(ExecutorError::BadModule)?;
        let access = store.into_data();
        let counted = counted.saturating_add(access.host_fuel);
        if counted > STEP_FUEL {
            return Ok(None);
        }
        let stop = access.stop;
        let (touched, writes) = access.finish();
        let end = match (stop, result) {
            (Some(Stop::Halt(output_len)), _) => StepEnd::Halted { output_len, writes },
            (Some(Stop::Pruned), _) => return Err(ExecutorError::Pruned),
            (None, Ok(pc)) => StepEnd::Continue {
                pc: pc.cast_unsigned(),
                writes,
            },
            _ => return Ok(None),
        };
        let run = StepRun {
            end,
            touched,
            fuel: None,
        };
        Ok(Some((run, counted)))
    }
}

impl Executor for JitExecutor {
    type Module = JitModule;

    fn load(&self, program: &Program) -> Result<JitModule, ExecutorError> {
        Ok(JitModule {
            compiled: self.compile(program.code()),
            interpreted: self.interpreter.load(program)?,
        })
    }

    fn run_step(&self, module: &JitModule, start: StepStart) -> Result<StepRun, ExecutorError> {
        match self.run_compiled(module, &start)? {
            Some((run, _)) => Ok(run),
            None => self.interpreter.run_step(&module.interpreted, start),
        }
    }
}

/// Ends the call from inside a host function. Why stands in [`Access::stop`].
fn stop(caller: &mut Caller<Access>, why: Stop) -> wasmtime::Error {
    caller.data_mut().stop = Some(why);
    wasmtime::Error::msg("stopped by a host function")
}

fn define_host_functions(linker: &mut Linker<Access>) -> Result<(), wasmtime::Error> {
    linker.func_wrap(
        abi::MODULE,
        abi::READ,
        |mut caller: Caller<Access>, addr: i64, ptr: i32, len: i32| {
            let moved = with_bytes(&mut caller, ptr, len, |access, bytes| {
                access.read(addr.cast_unsigned(), bytes)
            });
            moved.map_err(|why| stop(&mut caller, why))
        },
    )?;
    linker.func_wrap(
        abi::MODULE,
        abi::WRITE,
        |mut caller: Caller<Access>, addr: i64, ptr: i32, len: i32| {
            let moved = with_bytes(&mut caller, ptr, len, |access, bytes| {
                access.write(addr.cast_unsigned(), bytes)
            });
            moved.map_err(|why| stop(&mut caller, why))
        },
    )?;
    linker.func_wrap(abi::MODULE, abi::PARAMS_LEN, |mut caller: Caller<Access>| {
        let charged = charge(caller.data_mut(), 0);
        charged.map_err(|why| stop(&mut caller, why))?;
        Ok(caller.data().params_len().cast_signed())
    })?;
    linker.func_wrap(abi::MODULE, abi::INPUT_LEN, |mut caller: Caller<Access>| {
        let charged = charge(caller.data_mut(), 0);
        charged.map_err(|why| stop(&mut caller, why))?;
        Ok(caller.data().input_len().cast_signed())
    })?;
    linker.func_wrap(
        abi::MODULE,
        abi::HALT,
        |mut caller: Caller<Access>, output_len: i64| -> Result<(), wasmtime::Error> {
            let why = caller.data().halt(output_len);
            Err(stop(&mut caller, why))
        },
    )?;
    Ok(())
}

/// Charges a host call and hands it the bytes of the instance that it names.
fn with_bytes(
    caller: &mut Caller<Access>,
    ptr: i32,
    len: i32,
    call: impl FnOnce(&mut Access, &mut [u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let (ptr, len) = (ptr.cast_unsigned() as usize, len.cast_unsigned() as usize);
    charge(caller.data_mut(), len as u64)?;
    let Some(Extern::Memory(memory)) = caller.get_export(abi::MEMORY) else {
        return Err(Stop::HandOver);
    };
    let (bytes, access) = memory.data_and_store_mut(caller);
    let end = ptr.checked_add(len).ok_or(TrapReason::InstanceOutOfBounds)?;
    let bytes = bytes.get_mut(ptr..end).ok_or(TrapReason::InstanceOutOfBounds)?;
    call(access, bytes)
}

/// Charges a host call that moves `len` bytes.
fn charge(access: &mut Access, len: u64) -> Result<(), Stop> {
    access.host_fuel = access.host_fuel.saturating_add(host_call_fuel(len));
    if access.host_fuel > STEP_FUEL {
        return Err(Stop::HandOver);
    }
    Ok(())
}
