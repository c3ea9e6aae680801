//! Tests, by topic.

mod agenda;
mod assignment;
mod claims;
mod disputes;
mod owners;
mod parameters;
mod properties;
mod requests;
mod settlement;
mod verdicts;
mod views;
mod withheld;
