//! What tries to break the promises: fuzzers, a model, damaged folders, power loss.
pub mod fuzz;
pub mod interleave;
pub mod trial;
pub mod model;
pub mod damaged;
pub mod power;
