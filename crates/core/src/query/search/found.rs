//! One record that was found, on its own.
use crate::query::scan::Record;
use crate::query::when::Clock;

/// One record that was found, on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub time: i64,
    pub level: i32,
    pub logger: Vec<u8>,
    pub message: Vec<u8>,
    pub exception: Vec<u8>,
    pub raw: Vec<u8>,
    pub offset: u64,
    pub fields: Vec<(String, Vec<u8>)>,
    /// Index of its file in [`Search::files`].
    pub file: usize,
    /// False: it stands beside an answer, and was asked for as context.
    pub answers: bool,
}

impl Found {
    /// `file` and `answers` as the fields say; `with_fields` fills those too.
    pub fn new(record: &Record<'_>, file: usize, answers: bool, clock: &mut Clock, with_fields: bool) -> Self {
        let mut fields = Vec::new();
        if with_fields {
            record.fields(clock, &mut |name, value| fields.push((name.to_owned(), value.into_owned())));
        }
        Self {
            time: record.time,
            level: record.level,
            logger: record.logger.to_vec(),
            message: record.message.to_vec(),
            exception: record.exception.to_vec(),
            raw: record.raw.to_vec(),
            offset: record.offset,
            fields,
            file,
            answers,
        }
    }
}
