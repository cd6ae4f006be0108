//! A column of texts read page by page: numbers of a dictionary, or the texts themselves.
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::file::reader::RowGroupReader;

use super::fault::{damaged, foreign, Outcome};
use super::hybrid;

/// Texts of a dictionary from one whose place is kept to the next.
const STEP: usize = 4;
/// Bytes of a length.
const LENGTH: usize = 4;

/// The text at the begin, and what is behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// The different texts of a column, each behind its length.
#[derive(Default)]
pub struct Dictionary {
    bytes: Bytes,
    /// Where every [`STEP`]th begins.
    places: Vec<u32>,
    count: usize,
}

impl Dictionary {
    fn new(bytes: Bytes, count: usize) -> Outcome<Self> {
        let (mut places, mut rest, mut found) = (Vec::with_capacity(count.min(bytes.len()) / STEP + 1), &*bytes, 0);
        while !rest.is_empty() {
            if found % STEP == 0 {
                places.push((bytes.len() - rest.len()) as u32);
            }
            rest = split(rest).ok_or_else(damaged)?.1;
            found += 1;
        }
        if found == count {
            Ok(Self { bytes, places, count })
        } else {
            Err(damaged())
        }
    }

    /// All of them with their lengths: where a text does not stand in there, it stands in none.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (text, behind) = split(rest)?;
            rest = behind;
            Some(text)
        })
    }

    pub fn text(&self, number: u32) -> &[u8] {
        let place = self.places.get(number as usize / STEP).map_or(self.bytes.len(), |place| *place as usize);
        let mut rest = &self.bytes[place..];
        for _ in 0..number as usize % STEP {
            rest = split(rest).map_or(&[], |(_, behind)| behind);
        }
        split(rest).map_or(&[], |(text, _)| text)
    }
}

/// Where a row's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the dictionary.
    Number(u32),
    /// In the page, and where it ends.
    Page(usize, usize),
}

/// A column at work.
pub struct Texts {
    pages: Box<dyn PageReader>,
    dictionary: Dictionary,
    /// Rows behind the current page.
    left: usize,
    /// The page: its rows, whether each has a value (empty: all have), and these.
    rows: usize,
    defined: Vec<u32>,
    numbers: Vec<u32>,
    plain: Option<Bytes>,
    /// The next row, and the next value: its place among the numbers, or in the page.
    at: usize,
    value: usize,
}

impl Texts {
    pub fn open(group: &dyn RowGroupReader, column: usize) -> Outcome<Self> {
        Ok(Self {
            pages: group.get_column_page_reader(column)?,
            dictionary: Dictionary::default(),
            left: group.metadata().num_rows() as usize,
            rows: 0,
            defined: Vec::new(),
            numbers: Vec::new(),
            plain: None,
            at: 0,
            value: 0,
        })
    }

    /// The dictionary, if the column begins with one.
    pub fn dictionary(&mut self) -> Outcome<&Dictionary> {
        if self.pages.peek_next_page()?.is_some_and(|page| page.is_dict) {
            self.load()?;
        }
        Ok(&self.dictionary)
    }

    /// The next row's text; [`Texts::text`] tells it before the row after that is asked for.
    #[inline]
    pub fn next(&mut self) -> Outcome<Option<Place>> {
        while self.at == self.rows {
            self.load()?;
        }
        self.at += 1;
        if self.defined.get(self.at - 1) == Some(&0) {
            return Ok(None);
        }
        if let Some(page) = &self.plain {
            let (text, rest) = split(&page[self.value..]).ok_or_else(damaged)?;
            self.value = page.len() - rest.len();
            return Ok(Some(Place::Page(self.value - text.len(), self.value)));
        }
        self.value += 1;
        Ok(Some(Place::Number(self.numbers[self.value - 1])))
    }

    #[inline]
    pub fn text(&self, place: Place) -> &[u8] {
        match (place, &self.plain) {
            (Place::Number(number), _) => self.dictionary.text(number),
            (Place::Page(start, end), Some(page)) => page.get(start..end).unwrap_or_default(),
            (Place::Page(..), None) => &[],
        }
    }

    /// Passes over rows; whole pages of them are not unpacked.
    pub fn skip(&mut self, mut rows: usize) -> Outcome<()> {
        while rows > 0 {
            if self.at == self.rows {
                let page = self.pages.peek_next_page()?.ok_or_else(damaged)?;
                match page.num_levels {
                    Some(count) if !page.is_dict && count <= rows.min(self.left) => {
                        self.pages.skip_next_page()?;
                        rows -= count;
                        self.left -= count;
                    }
                    _ => self.load()?,
                }
                continue;
            }
            let step = rows.min(self.rows - self.at);
            for _ in 0..step {
                self.next()?;
            }
            rows -= step;
        }
        Ok(())
    }

    /// Takes the next page: a dictionary, or rows.
    fn load(&mut self) -> Outcome<()> {
        match self.pages.get_next_page()?.ok_or_else(damaged)? {
            Page::DictionaryPage { buf, num_values, .. } => {
                self.dictionary = Dictionary::new(buf, num_values as usize)?;
                Ok(())
            }
            Page::DataPage { buf, num_values, encoding, .. } => self.take(&buf, num_values as usize, encoding),
            Page::DataPageV2 { .. } => Err(foreign()),
        }
    }

    fn take(&mut self, page: &Bytes, rows: usize, encoding: Encoding) -> Outcome<()> {
        self.left = self.left.checked_sub(rows).ok_or_else(damaged)?;
        (self.rows, self.at, self.value, self.plain) = (rows, 0, 0, None);
        let (levels, values) = split(page).ok_or_else(damaged)?;
        hybrid::decode(levels, 1, rows, &mut self.defined).ok_or_else(damaged)?;
        let count = self.defined.iter().filter(|is| **is == 1).count();
        if count == rows {
            self.defined.clear();
        }
        #[allow(deprecated)] // other writers' name for the same
        let is_numbers = matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
        if !is_numbers {
            self.plain = Some(page.slice(page.len() - values.len()..));
            return if encoding == Encoding::PLAIN { Ok(()) } else { Err(foreign()) };
        }
        self.numbers.clear();
        if count > 0 {
            let (width, packed) = values.split_first().ok_or_else(damaged)?;
            hybrid::decode(packed, *width, count, &mut self.numbers).ok_or_else(damaged)?;
        }
        match self.numbers.iter().max() {
            Some(most) if *most as usize >= self.dictionary.count => Err(damaged()),
            _ => Ok(()),
        }
    }
}
