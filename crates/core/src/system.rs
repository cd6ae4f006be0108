//! What everything stands on: the operating system, and what a test may do to it.
pub mod sigbus;
pub mod os;
pub mod words;
pub mod fork;
pub mod failpoint;
pub mod memo;
