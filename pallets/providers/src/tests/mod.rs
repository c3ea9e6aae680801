//! What the pallet does, by topic.

mod assignment;
mod bond;
mod integrity;
mod offers;
mod properties;
mod queries;
mod registration;
mod slashing;
