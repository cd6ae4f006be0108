//! Where text goes: files that rotate, and streams.
pub mod fs;
pub mod names;
pub mod compress;
pub mod pack;
pub mod rotate;
pub mod file;
pub mod outbox;
pub mod takeover;
pub mod stream;
