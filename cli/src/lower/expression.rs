//! Elementwise expressions: collected over several nodes, then written as one program.

use std::cell::OnceCell;
use std::collections::HashMap;

use assay_network_plan::{Code, Element, Instruction, Operation, INPUTS_MAX};

use super::value::Array;
use crate::package::Dtype;

/// Instructions from which on an expression is not continued.
const JOINED_MAX: usize = 22;
/// Registers of a program.
const REGISTERS_MAX: usize = 20;

/// A value inside of an expression.
pub type Id = usize;

/// How a value inside of an expression comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Elements of an input.
    Load(usize),
    /// An f32, by its bits.
    Float(u32),
    /// An integer.
    Int(i32),
    /// An integer as the element type with this code has it.
    Narrow(Id, u32),
    /// What an operation makes of one, two or three values; those that it does not take are 0.
    Apply(Operation, [Id; 3]),
}

/// A tensor as a function of others, element by element.
#[derive(Clone, Debug)]
pub struct Expression {
    pub shape: Vec<usize>,
    pub dtype: Dtype,
    /// What is loaded, broadcast to the shape.
    pub inputs: Vec<Array>,
    /// In the order of computation; the last one is the result.
    pub terms: Vec<Term>,
    /// Where it is, once it is computed.
    pub placed: OnceCell<Array>,
}

impl Expression {
    pub fn new(shape: &[usize], dtype: Dtype) -> Self {
        Self {
            shape: shape.to_vec(),
            dtype,
            inputs: Vec::new(),
            terms: Vec::new(),
            placed: OnceCell::new(),
        }
    }

    /// Adds a term, or finds the same one.
    pub fn term(&mut self, term: Term) -> Id {
        if let Some(id) = self.terms.iter().position(|other| *other == term) {
            return id;
        }
        self.terms.push(term);
        self.terms.len() - 1
    }

    pub fn float(&mut self, value: f32) -> Id {
        self.term(Term::Float(value.to_bits()))
    }

    pub fn int(&mut self, value: i32) -> Id {
        self.term(Term::Int(value))
    }

    pub fn one(&mut self, operation: Operation, x: Id) -> Id {
        self.term(Term::Apply(operation, [x, 0, 0]))
    }

    pub fn two(&mut self, operation: Operation, x: Id, y: Id) -> Id {
        self.term(Term::Apply(operation, [x, y, 0]))
    }

    /// An integer as the element type with this code has it.
    pub fn narrow(&mut self, x: Id, element: Element) -> Id {
        self.term(Term::Narrow(x, element as u32))
    }

    /// y where x is not 0, else z.
    pub fn select(&mut self, float: bool, x: Id, y: Id, z: Id) -> Id {
        let operation = if float {
            Operation::Select
        } else {
            Operation::SelectInt
        };
        self.term(Term::Apply(operation, [x, y, z]))
    }

    /// An input, broadcast to the shape. `None` if there are too many.
    pub fn input(&mut self, array: Array) -> Option<Id> {
        let known = self.inputs.iter().position(|other| *other == array);
        let index = known.unwrap_or(self.inputs.len());
        if index == INPUTS_MAX {
            return None;
        }
        if known.is_none() {
            self.inputs.push(array);
        }
        Some(self.term(Term::Load(index)))
    }

    /// Takes in another expression over the same shape. `None` if both together are too much.
    pub fn join(&mut self, other: &Expression) -> Option<Id> {
        let fresh = other.inputs.iter().filter(|input| !self.inputs.contains(input));
        if self.inputs.len() + fresh.count() > INPUTS_MAX || self.terms.len() + other.terms.len() > JOINED_MAX
        {
            return None;
        }
        let mut ids = Vec::new();
        for term in &other.terms {
            let id = match *term {
                Term::Load(index) => self.input(other.inputs[index].clone())?,
                Term::Apply(operation, operands) => {
                    let count = arity(operation);
                    let mut mapped = [0; 3];
                    for (place, operand) in mapped.iter_mut().zip(&operands[..count]) {
                        *place = ids[*operand];
                    }
                    self.term(Term::Apply(operation, mapped))
                }
                Term::Narrow(x, element) => self.term(Term::Narrow(ids[x], element)),
                constant => self.term(constant),
            };
            ids.push(id);
        }
        ids.last().copied()
    }

    /// The program that computes it. `None` if it is too long.
    pub fn program<const N: usize>(&self) -> Option<Code<N>> {
        self.code(self.terms.len().checked_sub(1)?, false)
    }

    /// The program that computes `result`. With `loaded`, input 0 is in register 0 already. `None` if it is too long.
    pub fn code<const N: usize>(&self, result: Id, loaded: bool) -> Option<Code<N>> {
        let mut writer = Writer::new(self, result, loaded);
        for id in 0..=result {
            writer.write(id)?;
        }
        writer.finish(result)
    }
}

/// How many values an operation takes.
fn arity(operation: Operation) -> usize {
    match operation {
        Operation::Select | Operation::SelectInt => 3,
        Operation::ToFloat | Operation::ToInt => 1,
        _ if (32..64).contains(&(operation as u8)) => 1,
        _ => 2,
    }
}

/// What a term takes.
fn operands(term: &Term) -> &[Id] {
    match term {
        Term::Apply(operation, operands) => &operands[..arity(*operation)],
        Term::Narrow(x, _) => std::slice::from_ref(x),
        _ => &[],
    }
}

/// Gives values registers.
struct Writer<'a> {
    expression: &'a Expression,
    /// The last term that uses a value.
    last_use: Vec<usize>,
    registers: HashMap<Id, u8>,
    free: Vec<u8>,
    used: u8,
    constants: Vec<Instruction>,
    body: Vec<Instruction>,
}

impl<'a> Writer<'a> {
    fn new(expression: &'a Expression, result: Id, loaded: bool) -> Self {
        // What the result does not need is used nowhere.
        let mut last_use = vec![0; expression.terms.len()];
        let mut needed = vec![false; expression.terms.len()];
        needed[result] = true;
        last_use[result] = usize::MAX;
        for id in (0..=result).rev() {
            for operand in operands(&expression.terms[id]) {
                if needed[id] {
                    needed[*operand] = true;
                    last_use[*operand] = last_use[*operand].max(id);
                }
            }
        }
        for (id, needed) in needed.iter().enumerate() {
            if !needed {
                last_use[id] = 0;
            }
        }
        let first_input = expression.terms.iter().position(|term| *term == Term::Load(0));
        let registers: HashMap<_, _> = first_input
            .filter(|_| loaded)
            .map(|id| (id, 0))
            .into_iter()
            .collect();
        Self {
            expression,
            last_use,
            used: registers.len() as u8,
            registers,
            free: Vec::new(),
            constants: Vec::new(),
            body: Vec::new(),
        }
    }

    fn fresh(&mut self) -> Option<u8> {
        if let Some(register) = self.free.pop() {
            return Some(register);
        }
        self.used += 1;
        (usize::from(self.used) <= REGISTERS_MAX).then_some(self.used - 1)
    }

    fn write(&mut self, id: Id) -> Option<()> {
        if self.last_use[id] == 0 || self.registers.contains_key(&id) {
            return Some(());
        }
        let term = self.expression.terms[id];
        let constant = matches!(term, Term::Float(_) | Term::Int(_));
        // Constants stay: their registers are used for nothing else, before or after.
        let out = if constant {
            self.used += 1;
            (usize::from(self.used) <= REGISTERS_MAX).then_some(self.used - 1)?
        } else {
            self.fresh()?
        };
        self.registers.insert(id, out);
        let instruction = |operation, a, b, immediate| Instruction {
            operation,
            out,
            a,
            b,
            immediate,
        };
        match term {
            Term::Load(index) => self.body.push(instruction(Operation::Load, index as u8, 0, 0)),
            Term::Float(bits) => self.constants.push(instruction(Operation::Set, 0, 0, bits)),
            Term::Int(value) => self
                .constants
                .push(instruction(Operation::SetInt, 0, 0, value as u32)),
            Term::Narrow(x, element) => {
                let x = self.registers[&x];
                self.body.push(instruction(Operation::Narrow, x, 0, element));
            }
            Term::Apply(operation, operands) => {
                let count = arity(operation);
                let register = |place: usize| match place < count {
                    true => self.registers[&operands[place]],
                    false => 0,
                };
                let written = instruction(operation, register(0), register(1), register(2).into());
                self.body.push(written);
            }
        }
        for operand in operands(&term) {
            self.release(*operand, id);
        }
        Some(())
    }

    /// Frees a value's register after its last use.
    fn release(&mut self, operand: Id, at: Id) {
        let constant = matches!(self.expression.terms[operand], Term::Float(_) | Term::Int(_));
        if self.last_use[operand] == at && !constant {
            // An operand that is taken twice is freed once.
            if let Some(register) = self.registers.remove(&operand) {
                self.free.push(register);
            }
        }
    }

    fn finish<const N: usize>(self, result: Id) -> Option<Code<N>> {
        let mut code = Code::NONE;
        code.constants = self.constants.len() as u32;
        code.len = (self.constants.len() + self.body.len()) as u32;
        code.registers = u32::from(self.used.max(1));
        code.result = u32::from(*self.registers.get(&result)?);
        let all = self.constants.into_iter().chain(self.body);
        let places = code.instructions.get_mut(..code.len as usize)?;
        places
            .iter_mut()
            .zip(all)
            .for_each(|(place, instruction)| *place = instruction);
        Some(code)
    }
}
