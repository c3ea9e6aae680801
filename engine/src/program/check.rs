//! The program check: one pass over the module.

use super::{
    abi,
    calls::{CallGraph, Function},
    ProgramError,
};
use crate::{
    executor::instantiates,
    limits::{
        MAX_DATA_LEN, MAX_GLOBALS, MAX_LANE_STORE_OFFSET, MAX_LOCALS, MAX_MEMORY_PAGES, MAX_PROGRAM_LEN,
    },
};
use alloc::vec::Vec;
use wasmparser::{
    types::{CoreTypeId, TypesRef},
    CompositeInnerType, Export, ExternalKind, FuncToValidate, FunctionBody, MemoryType, Operator, Parser,
    Payload, TypeRef, ValType, ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// The proposals that programs may use. The executors' configurations turn off all others that they can.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::FLOATS
        | WasmFeatures::SIMD
}

pub(super) fn check(code: &[u8]) -> Result<(), ProgramError> {
    if code.len() > MAX_PROGRAM_LEN {
        return Err(ProgramError::TooLarge);
    }
    let mut module = Module::default();
    let mut validator = Validator::new_with_features(features());
    let mut types = None;
    for payload in Parser::new(0).parse_all(code) {
        let payload = payload.map_err(invalid)?;
        match validator.payload(&payload).map_err(invalid)? {
            ValidPayload::Func(function, body) => module.function(function, &body)?,
            ValidPayload::End(found) => types = Some(found),
            _ => {}
        }
        module.section(&payload)?;
    }
    let types = types.ok_or(ProgramError::Invalid)?;
    let types = types.as_ref();
    module.check_imports(types)?;
    module.check_memory()?;
    module.check_exports(types)?;
    module.calls.check()?;
    if instantiates(code) {
        Ok(())
    } else {
        Err(ProgramError::NotInstantiable)
    }
}

fn invalid<E>(_: E) -> ProgramError {
    ProgramError::Invalid
}

/// What the check remembers of a module.
#[derive(Default)]
struct Module<'a> {
    imports: Vec<(&'a str, &'a str, TypeRef)>,
    exports: Vec<Export<'a>>,
    memories: Vec<MemoryType>,
    calls: CallGraph,
}

impl<'a> Module<'a> {
    fn section(&mut self, payload: &Payload<'a>) -> Result<(), ProgramError> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.clone() {
                    let import = import.map_err(invalid)?;
                    self.imports.push((import.module, import.name, import.ty));
                    self.calls.add(Function::default());
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(export.map_err(invalid)?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memories.push(memory.map_err(invalid)?);
                }
            }
            Payload::TableSection(section) if section.count() > 0 => return Err(ProgramError::Table),
            Payload::StartSection { .. } => return Err(ProgramError::StartFunction),
            Payload::GlobalSection(section) if section.count() > MAX_GLOBALS => {
                return Err(ProgramError::TooManyGlobals)
            }
            Payload::DataSection(section) => {
                let mut len = 0usize;
                for segment in section.clone() {
                    len = len.saturating_add(segment.map_err(invalid)?.data.len());
                }
                if len > MAX_DATA_LEN {
                    return Err(ProgramError::TooMuchData);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody,
    ) -> Result<(), ProgramError> {
        let mut validator = function.into_validator(Default::default());
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader).map_err(invalid)?;
        let locals = validator.len_locals();
        if locals > MAX_LOCALS {
            return Err(ProgramError::TooManyLocals);
        }
        let mut calls = Vec::new();
        let mut height = 0;
        while !reader.eof() {
            let offset = reader.original_position();
            let operator = reader.read_operator().map_err(invalid)?;
            validator.op(offset, &operator).map_err(invalid)?;
            height = height.max(validator.operand_stack_height());
            match operator {
                Operator::Call { function_index } => calls.push(function_index),
                Operator::MemoryGrow { .. } => return Err(ProgramError::MemoryGrow),
                Operator::V128Store8Lane { memarg, .. } | Operator::V128Store16Lane { memarg, .. }
                    if memarg.offset > MAX_LANE_STORE_OFFSET =>
                {
                    return Err(ProgramError::LaneStoreOffset)
                }
                _ => {}
            }
        }
        validator.finish(reader.original_position()).map_err(invalid)?;
        calls.sort_unstable();
        calls.dedup();
        self.calls.add(Function {
            values: locals.saturating_add(height),
            calls,
        });
        Ok(())
    }

    fn check_imports(&self, types: TypesRef) -> Result<(), ProgramError> {
        for (module, name, ty) in &self.imports {
            let TypeRef::Func(ty) = ty else {
                return Err(ProgramError::UnknownImport);
            };
            let ty = types.core_type_at_in_module(*ty);
            if *module != abi::MODULE || !import_matches(types, name, ty) {
                return Err(ProgramError::UnknownImport);
            }
        }
        Ok(())
    }

    fn check_memory(&self) -> Result<(), ProgramError> {
        match self.memories.as_slice() {
            [memory] if memory.maximum == Some(memory.initial) && memory.initial <= MAX_MEMORY_PAGES => {
                Ok(())
            }
            _ => Err(ProgramError::MemoryShape),
        }
    }

    /// Exactly one memory and one function are exported. Exported globals change nothing.
    fn check_exports(&self, types: TypesRef) -> Result<(), ProgramError> {
        let mut functions = Vec::new();
        let mut memories = Vec::new();
        for export in &self.exports {
            match export.kind {
                ExternalKind::Func => functions.push((export.name, export.index)),
                ExternalKind::Memory => memories.push(export.name),
                ExternalKind::Global => {}
                _ => return Err(ProgramError::WrongExports),
            }
        }
        let ([(abi::STEP, step)], [abi::MEMORY]) = (functions.as_slice(), memories.as_slice()) else {
            return Err(ProgramError::WrongExports);
        };
        if is_function(
            types,
            types.core_function_at(*step),
            &[ValType::I64],
            &[ValType::I64],
        ) {
            Ok(())
        } else {
            Err(ProgramError::WrongExports)
        }
    }
}

fn import_matches(types: TypesRef, name: &str, ty: CoreTypeId) -> bool {
    use ValType::{I32, I64};
    match name {
        abi::READ | abi::WRITE => is_function(types, ty, &[I64, I32, I32], &[]),
        abi::PARAMS_LEN | abi::INPUT_LEN => is_function(types, ty, &[], &[I64]),
        abi::HALT => is_function(types, ty, &[I64], &[]),
        _ => false,
    }
}

fn is_function(types: TypesRef, ty: CoreTypeId, params: &[ValType], results: &[ValType]) -> bool {
    match types.get(ty).map(|ty| &ty.composite_type.inner) {
        Some(CompositeInnerType::Func(ty)) => ty.params() == params && ty.results() == results,
        _ => false,
    }
}
