//! A record as text, or as a row of a table.
pub mod civil;
pub mod redact;
pub mod escape;
pub mod attribute;
pub mod text;
pub mod console;
pub mod json;
pub mod row;
pub mod copy;
