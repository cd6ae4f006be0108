//! From the spool to the sinks: who delivers, what, and what became of each record.
pub mod spec;
pub mod terminal;
pub mod filesink;
pub mod ledger;
pub mod leader;
pub mod said;
pub mod worker;
pub mod recovery;
