//! The header of an npy file: a dictionary, in the notation of Python.

use super::Kind;

/// As many as NumPy has.
const AXES_MAX: usize = 64;

/// What a header says.
pub struct Header {
    /// Type of the elements.
    pub kind: Kind,
    /// Whether the elements are column-major.
    pub fortran_order: bool,
    /// Elements along each axis.
    pub shape: Vec<u64>,
}

impl Header {
    /// Reads a dictionary of three entries, the notation of Python as NumPy writes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let (mut kind, mut fortran_order, mut shape) = (None, None, None);
        reader.expect("{")?;
        while !reader.skip("}") {
            let key = reader.string()?;
            reader.expect(":")?;
            let is_new = match key {
                "descr" => kind.replace(Kind::of_descr(reader.string()?)?).is_none(),
                "fortran_order" => fortran_order.replace(reader.bool()?).is_none(),
                "shape" => shape.replace(reader.tuple()?).is_none(),
                _ => false,
            };
            if !is_new {
                return Err("the header has other entries than descr, fortran_order and shape".into());
            }
            if !reader.skip(",") {
                reader.expect("}")?;
                break;
            }
        }
        if !reader.rest.trim().is_empty() {
            return Err("the header goes on after its end".into());
        }
        let all = kind.zip(fortran_order).zip(shape);
        let ((kind, fortran_order), shape) = all.ok_or("the header lacks descr, fortran_order or shape")?;
        Ok(Self {
            kind,
            fortran_order,
            shape,
        })
    }
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.skip(token) {
            true => Ok(()),
            false => Err(format!("`{token}` is missing in its header")),
        }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.skip("\"") { '"' } else { '\'' };
        if quote == '\'' {
            self.expect("'")?;
        }
        let (text, rest) = self.rest.split_once(quote).ok_or("a string does not end")?;
        self.rest = rest;
        Ok(text)
    }

    fn bool(&mut self) -> Result<bool, String> {
        let is_true = self.skip("True");
        if !is_true {
            self.expect("False")?;
        }
        Ok(is_true)
    }

    fn tuple(&mut self) -> Result<Vec<u64>, String> {
        let mut numbers = Vec::new();
        self.expect("(")?;
        while !self.skip(")") {
            if numbers.len() == AXES_MAX {
                return Err(format!("more than {AXES_MAX} axes"));
            }
            numbers.push(self.number()?);
            if !self.skip(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(numbers)
    }

    fn number(&mut self) -> Result<u64, String> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|char: char| !char.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let number = digits.parse();
        number.map_err(|_| "the shape is no list of lengths".into())
    }
}
