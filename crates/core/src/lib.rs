//! Cordwood's core: from bytes in a segment to lines in a file, with no Python in it.
//!
//! Modules stand in the order a record travels; none names a later one.

pub mod error;
pub mod system;
pub mod record;
pub mod spool;
pub mod formatters;
pub mod sinks;
pub mod delivery;
pub mod query;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod proofs;
