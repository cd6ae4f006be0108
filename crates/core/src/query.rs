//! What was written, read back: found, counted, understood, and packed away.
pub mod when;
pub mod formats;
pub mod columnar;
pub mod scan;
pub mod mine;
pub mod filter;
pub mod search;
pub mod analyze;
pub mod archive;
