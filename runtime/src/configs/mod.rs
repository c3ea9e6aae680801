//! The configuration of each pallet.

mod market;
mod system;

pub use market::*;
pub use system::*;
