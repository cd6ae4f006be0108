//! Archives in Parquet: a log laid out by template, what varies in columns, every byte given back.
//!
//! One row a record:
//!
//! | column | holds |
//! |---|---|
//! | `row` | its place among all, from 0: row groups hold rows of like templates, so rows do not stand in their order |
//! | `time` | as the record tells it, without a zone, in milliseconds or, where the log is finer, microseconds; null where it tells none that is known |
//! | `level`, `logger` | as found by [`crate::query::formats`]; null where there are none |
//! | `template` | the record's text with `<time …>` and `<*>` for what is in `time` and `v1`, `v2`, … |
//! | `v1` … `v20` | the values, in the order of the template |
//! | `bytes` | the record as it is, where it cannot be told so (it is no UTF-8, or holds `<*>` itself); time, template and values are null then |
//!
//! The text of a record is its template filled in, and a newline. What was before the first record, whether the last ends
//! with a newline, the size and the checksum of the whole stand in the file's metadata (`cordwood.…`). A record is compared
//! with what its row gives back before it is written; the whole is when it is restored.
pub mod chunk;
pub mod fault;
pub mod form;
mod group;
pub mod hybrid;
mod narrow;
mod read;
mod texts;
pub mod time;

pub use narrow::Asked;
pub use read::{Restored, Told};

use parquet::basic::{Compression, Encoding, Repetition, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;
use std::sync::Arc;

use fault::Outcome;

/// Of what is written. Version 1 had times in microseconds only, and no formats; 2 was cut into rows by none that were known.
pub const VERSION: u32 = 3;
/// The first bytes of a Parquet file.
pub const MAGIC: &[u8; 4] = b"PAR1";
/// Columns of values. Of a record with more, the last holds the rest of its text.
pub const VALUES: usize = 20;
pub const ROW: usize = 0;
pub const TIME: usize = 1;
pub const LEVEL: usize = 2;
pub const LOGGER: usize = 3;
pub const TEMPLATE: usize = 4;
pub const FIRST_VALUE: usize = 5;
pub const BYTES: usize = FIRST_VALUE + VALUES;
pub const COLUMNS: usize = BYTES + 1;
/// Of rows' places and times. Texts have levels of their own.
const ZSTD: i32 = 9;

pub fn schema(unit: time::Unit) -> Outcome<TypePtr> {
    use std::fmt::Write;
    let mut text = format!(
        "message log {{ required int64 row; optional int64 time (TIMESTAMP({},false)); optional int32 level; \
         optional binary logger (STRING); optional binary template (STRING); ",
        unit.word()
    );
    for number in 1..=VALUES {
        let _ = write!(text, "optional binary v{number} (STRING); ");
    }
    text.push_str("optional binary bytes; }");
    let parsed = parse_message_type(&text)?;
    debug_assert!(parsed
        .get_fields()
        .iter()
        .skip(1)
        .all(|field| field.get_basic_info().repetition() == Repetition::OPTIONAL));
    Ok(Arc::new(parsed))
}

pub fn properties() -> Outcome<WriterProperties> {
    let builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by("cordwood".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(
            std::env::var("ZR").ok().and_then(|l| l.parse().ok()).unwrap_or(ZSTD),
        )?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::DELTA_BINARY_PACKED);
    Ok(builder.build())
}
