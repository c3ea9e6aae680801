mod challenges;
mod clocks;
mod endings;
mod known;
mod proofs;
mod reveals;
