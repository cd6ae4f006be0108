//! Cordwood's core: from bytes in a segment to lines in a file, with no Python in it.
//!
//! Modules stand in the order a record travels; none names a later one.

// What everything stands on.
pub mod error;
pub mod sigbus;
pub mod os;
pub mod words;
pub mod fork;
pub mod failpoint;
pub mod memo;

// A record, as bytes and in the spool.
pub mod value;
pub mod number;
pub mod conversion;
pub mod percent;
pub mod record;
pub mod frame;
pub mod segment;
pub mod account;
pub mod control;
pub mod folder;
pub mod shared;
pub mod spool;
pub mod reader;
pub mod directory;
pub mod member;
pub mod source;

// A record as text.
pub mod civil;
pub mod redact;
pub mod escape;
pub mod attribute;
pub mod text;
pub mod console;
pub mod json;
pub mod row;
pub mod copy;

// Where text goes.
pub mod fs;
pub mod names;
pub mod compress;
pub mod pack;
pub mod rotate;
pub mod file;
pub mod outbox;
pub mod ledger;
pub mod takeover;
pub mod stream;

// Delivery.
pub mod spec;
pub mod terminal;
pub mod filesink;
pub mod leader;
pub mod said;
pub mod worker;
pub mod recovery;

// What was written, read back.
pub mod when;
pub mod formats;
pub mod columnar;
pub mod scan;
pub mod mine;
pub mod filter;
pub mod search;
pub mod analyze;
pub mod archive;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fuzz;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod interleave;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod trial;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod model;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod damaged;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod power;
