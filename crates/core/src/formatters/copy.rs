//! Rows in `PostgreSQL`'s binary `COPY` format, in one block, each row to be found again.
//!
//! The server parses no dates and no escapes in it, and we write none: of its two formats this is the cheaper one on
//! both sides.
use crate::formatters::row::{Row, DOCUMENTED};

/// What a block begins and ends with.
pub const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
pub const TRAILER: [u8; 2] = (-1i16).to_be_bytes();
/// 2000-01-01, where `PostgreSQL` counts from, in microseconds after 1970.
pub const EPOCH_US: i64 = 946_684_800_000_000;

/// Rows of one batch, encoded.
#[derive(Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
    extended: bool,
}

impl Rows {
    /// `extended`: with template and fingerprint.
    pub fn new(extended: bool) -> Self {
        Self { extended, ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn push(&mut self, row: &Row<'_>) {
        let out = &mut self.bytes;
        let columns = if self.extended { DOCUMENTED + 2 } else { DOCUMENTED };
        out.extend_from_slice(&(columns as i16).to_be_bytes());
        put(&(row.time_ns.div_euclid(1000) - EPOCH_US).to_be_bytes(), out);
        put(row.level.as_bytes(), out);
        put(row.logger_name.as_bytes(), out);
        put(&row.process_id.to_be_bytes(), out);
        put(&row.thread_id.to_be_bytes(), out);
        put(row.thread_name.as_bytes(), out);
        put(row.hostname.as_bytes(), out);
        put(row.message.as_bytes(), out);
        optional(row.exception.as_deref(), out);
        put(row.function_name.as_bytes(), out);
        put(row.module.as_bytes(), out);
        put(row.filename.as_bytes(), out);
        put(&row.lineno.to_be_bytes(), out);
        put(row.pathname.as_bytes(), out);
        match row.extra_data {
            Some(json) => {
                out.extend_from_slice(&(json.len() as i32 + 1).to_be_bytes());
                out.push(1); // the version of jsonb's binary form
                out.extend_from_slice(json.as_bytes());
            }
            None => optional(None, out),
        }
        if self.extended {
            put(row.template.as_bytes(), out);
            optional(row.fingerprint.as_deref(), out);
        }
        self.ends.push(out.len());
    }

    /// The bytes of the rows `start..stop`, without header and trailer.
    pub fn slice(&self, start: usize, stop: usize) -> &[u8] {
        let begin = start.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = stop.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.bytes.get(begin..end).unwrap_or(&[])
    }
}

fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn optional(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => put(text.as_bytes(), out),
        None => out.extend_from_slice(&(-1i32).to_be_bytes()),
    }
}

/// A row's columns; None for NULL.
pub type Columns<'a> = Vec<Option<&'a [u8]>>;

/// The columns of the row at the start of `bytes`, and the bytes after it.
pub fn columns(bytes: &[u8]) -> Option<(Columns<'_>, &[u8])> {
    let (count, mut rest) = bytes.split_first_chunk()?;
    let mut columns = Vec::with_capacity(usize::from(u16::from_be_bytes(*count)));
    for _ in 0..u16::from_be_bytes(*count) {
        let (len, after) = rest.split_first_chunk()?;
        rest = after;
        let Ok(len) = usize::try_from(i32::from_be_bytes(*len)) else {
            columns.push(None);
            continue;
        };
        let (column, after) = rest.split_at_checked(len)?;
        columns.push(Some(column));
        rest = after;
    }
    Some((columns, rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::formatters::row::Shaper;

    #[test]
    fn a_row_is_the_bytes_that_the_format_asks_for_and_is_found_again() {
        let process = crate::record::Process {
            pid: 7,
            hostname: "h".into(),
            utc_offset: 0,
            zone: "UTC".into(),
            start_ns: 0,
            segment: 1,
        };
        let record = crate::proofs::trial::record(&process);
        for extended in [false, true] {
            let mut rows = Rows::new(extended);
            let mut shaper = Shaper::default();
            rows.push(&shaper.shape(&record));
            rows.push(&shaper.shape(&record));
            let (one, rest) = columns(rows.slice(1, 2)).unwrap();
            assert!(rest.is_empty());
            assert_eq!(one.len(), if extended { 17 } else { 15 });
            assert_eq!(one[0], Some(&(record.time_ns / 1000 - EPOCH_US).to_be_bytes()[..]));
            assert_eq!(one[1], Some(&b"INFO"[..]));
            assert_eq!(one[8], None);
            assert_eq!(rows.slice(0, 2).len(), 2 * rows.slice(0, 1).len());
            assert_eq!(rows.slice(2, 2).len(), 0);
        }
    }
}
