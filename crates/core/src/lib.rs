//! Cordwood's core: from bytes in a segment to lines in a file, with no Python in it.
//!
//! Modules stand in the order a record travels; none names a later one.
pub mod error;
pub mod record;

pub mod civil;
pub mod number;
pub mod percent;

pub mod redact;
