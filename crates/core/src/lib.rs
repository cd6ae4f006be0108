//! Cordwood's core: from bytes in a segment to lines in a file, with no Python in it.
//!
//! Modules stand in the order a record travels; none names a later one.

// What everything stands on.
pub mod error;
pub mod os;
pub mod fork;

// A record, as bytes and in the spool.
pub mod record;
pub mod frame;
pub mod segment;
pub mod spool;
pub mod source;

// A record as text.
pub mod civil;
pub mod number;
pub mod conversion;
pub mod percent;
pub mod redact;
pub mod escape;
pub mod attribute;
pub mod text;
pub mod console;

// Where text goes.
pub mod stream;
