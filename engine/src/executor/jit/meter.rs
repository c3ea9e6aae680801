//! Makes a program count at least the fuel that the interpreter counts.
//!
//! The interpreter charges a *region*, the body of a function, a loop or a branch of an `if`, when it
//! enters it: one unit, and the cost of every operator in it that is not inside an inner region. But
//! what it finds unreachable, be it behind a branch or a constant condition, opens no region and
//! counts for the region around it. What it finds is its own affair, so that the metered copy assumes
//! the worst: a function and a loop charge for all that they contain. Whoever enters an inner loop
//! proves it reachable and takes back what was charged for it outside. So the copy never counts less
//! than the interpreter, and more only for branches not taken and loops not entered.

use crate::{
    executor::{costs::cost_of, guard::guard_fuel},
    limits::STEP_FUEL,
};
use alloc::{vec, vec::Vec};
use wasm_encoder::{
    reencode::{utils, Error, Reencode},
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, GlobalSection, GlobalType,
    Instruction, SectionId, ValType,
};
use wasmparser::{ExportSectionReader, FunctionBody, GlobalSectionReader, Operator, Parser};
use wasmtime::{AsContextMut, Instance};

/// The exported global that holds the fuel left. The copy of a program that exports one of this name, too,
/// is no valid module.
const FUEL: &str = "assay:fuel";

/// The metered copy of a checked module, or `None` where the module cannot be rewritten.
pub(super) fn instrument(code: &[u8]) -> Option<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    Meter::default()
        .parse_core_module(&mut module, Parser::new(0), code)
        .ok()?;
    Some(module.finish())
}

/// Fuel that the guest's own operators used, above the limit where it ran out.
pub(super) fn fuel_used(instance: &Instance, mut store: impl AsContextMut) -> Option<u64> {
    let left = instance.get_global(&mut store, FUEL)?.get(&mut store).i64()?;
    u64::try_from(STEP_FUEL.cast_signed().checked_sub(left)?).ok()
}

#[derive(Default)]
struct Meter {
    /// The index of the fuel global, once it is declared.
    fuel: Option<u32>,
}

impl Meter {
    fn declare(&mut self, globals: &mut GlobalSection, index: u32) {
        let ty = GlobalType {
            val_type: ValType::I64,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i64_const(STEP_FUEL.cast_signed()));
        self.fuel = Some(index);
    }

    /// Takes `cost` from the fuel and traps where there is less.
    fn charge(&self, function: &mut Function, cost: i64) {
        self.add(function, cost.saturating_neg());
        function
            .instruction(&Instruction::GlobalGet(self.global()))
            .instruction(&Instruction::I64Const(0))
            .instruction(&Instruction::I64LtS)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::Unreachable)
            .instruction(&Instruction::End);
    }

    fn add(&self, function: &mut Function, fuel: i64) {
        function
            .instruction(&Instruction::GlobalGet(self.global()))
            .instruction(&Instruction::I64Const(fuel))
            .instruction(&Instruction::I64Add)
            .instruction(&Instruction::GlobalSet(self.global()));
    }

    fn global(&self) -> u32 {
        self.fuel.unwrap_or_default()
    }
}

impl Reencode for Meter {
    type Error = core::convert::Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader,
    ) -> Result<(), Error> {
        let count = section.count();
        utils::parse_global_section(self, globals, section)?;
        self.declare(globals, count);
        Ok(())
    }

    /// Declares the fuel of a module that has no globals. Every program has exports, which follow.
    fn intersperse_section_hook(
        &mut self,
        module: &mut wasm_encoder::Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error> {
        if before == Some(SectionId::Export) && self.fuel.is_none() {
            let mut globals = GlobalSection::new();
            self.declare(&mut globals, 0);
            module.section(&globals);
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(FUEL, ExportKind::Global, self.fuel.unwrap_or_default());
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody) -> Result<(), Error> {
        let mut costs = costs(&body)?.into_iter();
        let mut function = self.new_function_with_parsed_locals(&body)?;
        self.charge(&mut function, costs.next().unwrap_or_default());
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            let entered = match operator {
                Operator::Loop { .. } => costs.next(),
                _ => None,
            };
            if let Some(cost) = entered {
                self.add(&mut function, cost);
            }
            function.instruction(&self.instruction(operator)?);
            if let Some(cost) = entered {
                self.charge(&mut function, cost);
            }
        }
        code.function(&function);
        Ok(())
    }
}

/// What the function charges, and what each of its loops does, in the order in which they begin.
fn costs(body: &FunctionBody) -> Result<Vec<i64>, Error> {
    let mut costs = vec![1i64];
    // For each open block, what its operators count for.
    let mut open = vec![0usize];
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let operator = reader.read()?;
        let around = open.last().copied().unwrap_or_default();
        add(&mut costs, around, cost_of(&operator) + guard_fuel(&operator));
        match operator {
            Operator::Block { .. } => open.push(around),
            Operator::If { .. } => {
                add(&mut costs, around, 1);
                open.push(around);
            }
            Operator::Else => add(&mut costs, around, 1),
            Operator::Loop { .. } => {
                open.push(costs.len());
                costs.push(1);
            }
            Operator::End => {
                open.pop();
                let outside = open.last().copied().unwrap_or(around);
                if outside != around {
                    let inside = costs.get(around).copied().unwrap_or_default();
                    add(&mut costs, outside, inside);
                }
            }
            _ => {}
        }
    }
    Ok(costs)
}

fn add(costs: &mut [i64], index: usize, cost: i64) {
    if let Some(sum) = costs.get_mut(index) {
        *sum = sum.saturating_add(cost);
    }
}
