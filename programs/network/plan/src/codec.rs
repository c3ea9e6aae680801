//! Fixed-size little-endian records.

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Fewer bytes than the record has.
    Truncated,
    /// The header does not begin with the format's magic bytes.
    BadMagic,
    /// The header is of another version of the format.
    UnknownVersion,
    /// An operator's kind is none of the known ones.
    UnknownOperator,
    /// An instruction's operation is none of the known ones.
    UnknownOperation,
    /// An element type is none of the known ones.
    UnknownElement,
    /// A selector inside an operator has no meaning.
    UnknownVariant,
}

/// A value with a fixed number of bytes.
pub trait Field: Copy {
    /// Bytes.
    const LEN: usize;
    /// Writes the value to `bytes`, which has `LEN` bytes.
    fn put(self, bytes: &mut [u8]);
    /// Reads a value from the first `LEN` bytes.
    fn get(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// A record: a value made of [`Field`]s, one after the other.
pub trait Record: Field {}

macro_rules! number {
    ($($ty:ty),*) => {$(
        impl Field for $ty {
            const LEN: usize = core::mem::size_of::<$ty>();
            fn put(self, bytes: &mut [u8]) {
                bytes[..Self::LEN].copy_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Result<Self, DecodeError> {
                let bytes = bytes.first_chunk().ok_or(DecodeError::Truncated)?;
                Ok(Self::from_le_bytes(*bytes))
            }
        }
    )*};
}

number!(u8, u32, i32, u64, f32);

impl<T: Field, const N: usize> Field for [T; N] {
    const LEN: usize = T::LEN * N;
    fn put(self, bytes: &mut [u8]) {
        for (value, bytes) in self.into_iter().zip(bytes.chunks_exact_mut(T::LEN)) {
            value.put(bytes);
        }
    }
    fn get(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut values = [T::get(bytes)?; N];
        let bytes = bytes.get(..Self::LEN).ok_or(DecodeError::Truncated)?;
        for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(T::LEN)) {
            *value = T::get(bytes)?;
        }
        Ok(values)
    }
}

/// Defines a struct whose fields are written one after the other, in the order of their declaration.
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident $(<const $n:ident: usize>)? {
        $($(#[$field_doc:meta])* pub $field:ident: $ty:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name $(<const $n: usize>)? { $($(#[$field_doc])* pub $field: $ty,)* }

        impl $(<const $n: usize>)? $crate::Field for $name $(<$n>)? {
            const LEN: usize = 0 $(+ <$ty as $crate::Field>::LEN)*;
            fn put(self, bytes: &mut [u8]) {
                let mut at = 0;
                $(
                    self.$field.put(&mut bytes[at..]);
                    at += <$ty as $crate::Field>::LEN;
                )*
                debug_assert_eq!(at, Self::LEN);
            }
            fn get(bytes: &[u8]) -> Result<Self, $crate::DecodeError> {
                let mut rest = bytes;
                $(
                    let $field = <$ty as $crate::Field>::get(rest)?;
                    rest = rest.get(<$ty as $crate::Field>::LEN..).unwrap_or_default();
                )*
                let _ = rest;
                Ok(Self { $($field),* })
            }
        }

        impl $(<const $n: usize>)? $crate::Record for $name $(<$n>)? {}
    };
}
pub(crate) use record;

/// Defines an enum that is written as a number.
macro_rules! selector {
    ($(#[$doc:meta])* pub enum $name:ident: $number:ident else $error:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($number)]
        pub enum $name { $($(#[$variant_doc])* $variant = $code,)* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl $crate::Field for $name {
            const LEN: usize = core::mem::size_of::<$number>();
            fn put(self, bytes: &mut [u8]) {
                (self as $number).put(bytes);
            }
            fn get(bytes: &[u8]) -> Result<Self, $crate::DecodeError> {
                match $number::get(bytes)? {
                    $($code => Ok(Self::$variant),)*
                    _ => Err($crate::DecodeError::$error),
                }
            }
        }
    };
}
pub(crate) use selector;
