//! Makes a module write all that a step computed to where the state hash covers it.
//!
//! Every function adds its locals, where it falls out of its body, to sums at the end of memory. A new
//! `step` calls the old one, stores the globals behind the sums and writes the whole memory to the output
//! region. So a wrong local, global or byte of any executor shows in the state after the step.

use wasm_encoder::{
    reencode::{utils, Error, Reencode},
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, MemArg,
};
use wasmparser::{
    CodeSectionReader, Export, FunctionBody, FunctionSectionReader, Parser, Payload, TypeRef, ValType,
};

const MEMORY_LEN: i32 = 2 << 16;
/// Where the sums stand, 16 bytes for each local, and the globals.
const LOCALS: u64 = MEMORY_LEN as u64 - 4096;
const GLOBALS: u64 = LOCALS + 64 * 16;
const OUTPUT: i64 = 3 << 40;

/// The module with a step that shows what it computed. The module must be one of `SHAPE`.
pub fn observed(code: &[u8]) -> Vec<u8> {
    let mut observer = Observer::of(code).expect("wasm-smith's modules are well-formed");
    let mut module = wasm_encoder::Module::new();
    observer
        .parse_core_module(&mut module, Parser::new(0), code)
        .expect("what wasm-smith makes can be written again");
    module.finish()
}

#[derive(Default)]
struct Observer {
    types: Vec<Vec<ValType>>,
    /// The type of each function, imports first.
    functions: Vec<u32>,
    globals: Vec<ValType>,
    step: u32,
    /// The index of the next body's function.
    next: usize,
}

impl Observer {
    fn of(code: &[u8]) -> wasmparser::Result<Self> {
        let mut observer = Self::default();
        for payload in Parser::new(0).parse_all(code) {
            match payload? {
                Payload::TypeSection(types) => {
                    for ty in types.into_iter_err_on_gc_types() {
                        observer.types.push(ty?.params().to_vec());
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports {
                        if let TypeRef::Func(ty) = import?.ty {
                            observer.functions.push(ty);
                        }
                    }
                    observer.next = observer.functions.len();
                }
                Payload::FunctionSection(functions) => {
                    for ty in functions {
                        observer.functions.push(ty?);
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        observer.globals.push(global?.ty.content_type);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.name == "step" {
                            observer.step = export.index;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(observer)
    }

    /// The new `step`.
    fn wrapper(&self) -> Function {
        let mut function = Function::new([]);
        function
            .instruction(&Instruction::LocalGet(0))
            .instruction(&Instruction::Call(self.step));
        for (index, ty) in (0..).zip(&self.globals) {
            let get = Instruction::GlobalGet(index);
            add(&mut function, GLOBALS + 16 * u64::from(index), &get, *ty);
        }
        function
            .instruction(&Instruction::I64Const(OUTPUT))
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::I32Const(MEMORY_LEN))
            // The second import of the shape.
            .instruction(&Instruction::Call(1))
            .instruction(&Instruction::End);
        function
    }
}

/// Adds a value to the sum at `offset`. Takes nothing from the stack and leaves nothing on it.
fn add(function: &mut Function, offset: u64, get: &Instruction, ty: ValType) {
    let at = MemArg {
        offset,
        align: 0,
        memory_index: 0,
    };
    function
        .instruction(&Instruction::I32Const(0))
        .instruction(&Instruction::I32Const(0));
    if ty == ValType::V128 {
        function
            .instruction(&Instruction::V128Load(at))
            .instruction(get)
            .instruction(&Instruction::I64x2Add)
            .instruction(&Instruction::V128Store(at));
        return;
    }
    function
        .instruction(&Instruction::I64Load(at))
        .instruction(&Instruction::I64Const(31))
        .instruction(&Instruction::I64Mul)
        .instruction(get);
    match ty {
        ValType::I32 => function.instruction(&Instruction::I64ExtendI32U),
        ValType::F32 => function
            .instruction(&Instruction::I32ReinterpretF32)
            .instruction(&Instruction::I64ExtendI32U),
        ValType::F64 => function.instruction(&Instruction::I64ReinterpretF64),
        _ => function,
    };
    function
        .instruction(&Instruction::I64Add)
        .instruction(&Instruction::I64Store(at));
}

impl Reencode for Observer {
    type Error = core::convert::Infallible;

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.functions[self.step as usize]);
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export) {
        if export.name == "step" {
            let wrapper = u32::try_from(self.functions.len()).expect("few functions");
            exports.export("step", ExportKind::Func, wrapper);
        } else {
            utils::parse_export(self, exports, export);
        }
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader,
    ) -> Result<(), Error> {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.wrapper());
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody) -> Result<(), Error> {
        let mut locals = self.types[self.functions[self.next] as usize].clone();
        self.next += 1;
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            locals.extend((0..count).map(|_| ty));
        }
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if operators.eof() {
                for (index, ty) in (0..64).zip(&locals) {
                    let get = Instruction::LocalGet(index);
                    add(&mut function, LOCALS + 16 * u64::from(index), &get, *ty);
                }
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}
