//! The pattern miner: from messages to the templates that made them.
//!
//! One setting for all logs, online, the same answer for the same input. A message goes three steps:
//!
//! 1. `lex`: words and separators. A word that holds a digit, is a path, an address or a dotted name is a variable,
//!    whatever it says. What is left between the variables is the message's *shape*, looked up in `shapes`: one pass over
//!    the bytes, no allocation. A shape that was seen before ends here, which is all but a few messages of a large log.
//! 2. `skeleton`: a new shape is cleaned of what people do not take for different messages (dates, units of size and
//!    time, lists, absent values; `printed`: dictionaries, objects, quoted text). What is left is its *skeleton*.
//! 3. `merge`: skeletons that differ in one word only, or in a run of words, are one template, if that takes enough
//!    different values to be a variable. That is asked when templates are read, and when skeletons grow too many; counts
//!    add up, and `align` finds which words are whose value.
//!
//! What a record says of its own template is taken instead: `told`.
//!
//! Memory is bounded: so many shapes, so many skeletons (merged when there are more, then told apart by their first words
//! only), so many values of a variable.
mod align;
mod lex;
mod merge;
mod miner;
mod plain;
mod printed;
mod routes;
mod shapes;
mod skeleton;
mod told;
mod variable;
mod words;

pub use lex::{parts, Part};
pub use miner::{Limits, Miner, Template};
pub use plain::plain;
pub use told::Told;
pub use variable::{hash, Kind, Values};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
