//! Scanning: bytes of any source → records, in bounded memory, without reading what cannot hold an answer.
//!
//! [`Records`] cuts a source into records; [`skip`] moves it on to the next place where a text stands, [`bisect`] to where a
//! time begins. A source is a file, read with `pread` (a mapping would end the process when somebody cuts the file), or a
//! stream: compressed files, standard input.
pub mod bisect;
pub mod changed;
pub mod colours;
pub mod copies;
pub mod echoes;
pub mod input;
pub mod otlp;
pub mod record;
pub mod records;
pub mod utf16;

pub use copies::{Copies, Sieve};
pub use input::Input;
pub use record::Record;
pub use records::Records;
