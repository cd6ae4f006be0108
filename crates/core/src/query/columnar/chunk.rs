//! A column of a row group, written page by page: what the library's own writer would number again is numbered already.
use std::io::Write;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::fault::Outcome;
use super::hybrid;

/// Dictionaries are written once and read often.
pub const DICTIONARY_LEVEL: i32 = 15;
/// Packed numbers of random values hardly shrink.
pub const PAGE_LEVEL: i32 = 3;

/// The compressor of all pages.
pub struct Codec(zstd::bulk::Compressor<'static>);

impl Codec {
    pub fn new() -> Outcome<Self> {
        Ok(Self(zstd::bulk::Compressor::new(DICTIONARY_LEVEL)?))
    }

    fn compress(&mut self, bytes: &[u8], level: i32) -> Outcome<Bytes> {
        let level = std::env::var(if level == DICTIONARY_LEVEL { "ZD" } else { "ZP" })
            .ok()
            .and_then(|l| l.parse().ok())
            .unwrap_or(level);
        self.0.set_compression_level(level)?;
        Ok(self.0.compress(bytes)?.into())
    }
}

/// The pages of a column so far.
pub struct Chunk<'a> {
    codec: &'a mut Codec,
    pages: TrackedWrite<Vec<u8>>,
    scratch: Vec<u8>,
    rows: u64,
    unpacked: usize,
    has_dictionary: bool,
    first_page: u64,
    stats: Vec<PageEncodingStats>,
}

impl<'a> Chunk<'a> {
    pub fn new(codec: &'a mut Codec) -> Self {
        Self {
            codec,
            pages: TrackedWrite::new(Vec::new()),
            scratch: Vec::new(),
            rows: 0,
            unpacked: 0,
            has_dictionary: false,
            first_page: 0,
            stats: Vec::new(),
        }
    }

    /// The dictionary: so many values as they are.
    pub fn dictionary(&mut self, plain: &[u8], count: usize) -> Outcome<()> {
        let buf = self.codec.compress(plain, DICTIONARY_LEVEL)?;
        let page = Page::DictionaryPage { buf, num_values: count as u32, encoding: Encoding::PLAIN, is_sorted: false };
        self.has_dictionary = true;
        self.first_page = self.put(page, plain.len())?;
        Ok(())
    }

    /// A page of rows whose values are numbers of the dictionary, which has so many; `defined`: which rows have one.
    pub fn numbers(&mut self, defined: &[u32], numbers: &[u32], of: usize) -> Outcome<()> {
        let width = hybrid::width((of as u32).saturating_sub(1));
        let mut page = levels(defined, &mut self.scratch);
        page.push(width);
        hybrid::encode(numbers, width, &mut page);
        self.rows(defined, page, Encoding::RLE_DICTIONARY, PAGE_LEVEL)
    }

    /// A page of rows whose values are written out.
    pub fn plain(&mut self, defined: &[u32], plain: &[u8]) -> Outcome<()> {
        let mut page = levels(defined, &mut self.scratch);
        page.extend_from_slice(plain);
        self.rows(defined, page, Encoding::PLAIN, DICTIONARY_LEVEL)
    }

    fn rows(&mut self, defined: &[u32], page: Vec<u8>, encoding: Encoding, level: i32) -> Outcome<()> {
        let length = page.len();
        let buf = self.codec.compress(&page, level)?;
        self.scratch = page;
        self.rows += defined.len() as u64;
        let (def_level_encoding, rep_level_encoding) = (Encoding::RLE, Encoding::RLE);
        let num_values = defined.len() as u32;
        let page =
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics: None };
        self.put(page, length)?;
        Ok(())
    }

    /// Where the page ends.
    fn put(&mut self, page: Page, length: usize) -> Outcome<u64> {
        let (page_type, encoding) = (page.page_type(), page.encoding());
        match self.stats.last_mut() {
            Some(last) if (last.page_type, last.encoding) == (page_type, encoding) => last.count += 1,
            _ => self.stats.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
        let written = SerializedPageWriter::new(&mut self.pages).write_page(CompressedPage::new(page, length))?;
        self.unpacked += written.uncompressed_size;
        Ok(self.pages.bytes_written() as u64)
    }

    /// Puts the column into its row group.
    pub fn close<W: Write + Send>(
        self,
        of: &ColumnDescPtr,
        statistics: Statistics,
        into: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Outcome<()> {
        let bytes_written = self.pages.bytes_written() as u64;
        let mut encodings = vec![Encoding::RLE];
        encodings.extend(self.stats.iter().map(|stats| stats.encoding));
        let metadata = ColumnChunkMetaData::builder(of.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(DICTIONARY_LEVEL)?))
            .set_encodings(encodings)
            .set_total_compressed_size(bytes_written as i64)
            .set_total_uncompressed_size(self.unpacked as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(self.first_page as i64)
            .set_dictionary_page_offset(self.has_dictionary.then_some(0))
            .set_statistics(statistics)
            .set_page_encoding_stats(self.stats)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written,
            rows_written: self.rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        into.append_column(&Bytes::from(self.pages.into_inner()?), close)
    }
}

/// The begin of a page: which rows have a value, behind its length.
fn levels(defined: &[u32], scratch: &mut Vec<u8>) -> Vec<u8> {
    let mut page = std::mem::take(scratch);
    page.clear();
    page.extend_from_slice(&[0; 4]);
    hybrid::encode(defined, 1, &mut page);
    let length = page.len() as u32 - 4;
    page[..4].copy_from_slice(&length.to_le_bytes());
    page
}
