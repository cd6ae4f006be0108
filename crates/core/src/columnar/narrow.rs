//! Which row groups of an archive cannot hold a text: their templates are looked at, and the values in their dictionaries.
use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;

use super::form::{steps, Step};
use super::{BYTES, FIRST_VALUE, TEMPLATE};

/// Whether a row may hold `text`, which is ASCII without a newline; case does not count. `find` looks for it in bytes.
///
/// False is certain, true is not: a text that goes over from a template's words into a value is looked for by its ends only.
pub fn may_hold(group: &dyn RowGroupReader, text: &[u8], find: &dyn Fn(&[u8]) -> bool) -> Result<bool, ParquetError> {
    let text = text.to_ascii_lowercase();
    for page in group.get_column_page_reader(TEMPLATE)? {
        match page? {
            Page::DictionaryPage { buf, .. } => {
                if texts(&buf).any(|template| template.is_none_or(|template| touches(&steps(template), &text))) {
                    return Ok(true);
                }
            }
            page if is_by_dictionary(page.encoding()) => {}
            _ => return Ok(true),
        }
    }
    for column in FIRST_VALUE..=BYTES {
        for page in group.get_column_page_reader(column)? {
            let page = page?;
            // What stands in a dictionary or plainly stands there byte by byte; numbers into a dictionary say nothing.
            let is_open = matches!(page, Page::DictionaryPage { .. }) || page.encoding() == Encoding::PLAIN;
            if if is_open { find(page.buffer()) } else { !is_by_dictionary(page.encoding()) } {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[allow(deprecated)] // other writers' name for the same
fn is_by_dictionary(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY)
}

/// The texts of a plain page, each behind its length; None where that is more than there is.
fn texts(mut page: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if page.is_empty() {
            return None;
        }
        let found = page.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = u32::from_le_bytes(*length) as usize;
            Some((rest.get(..length)?, &rest[length..]))
        });
        page = found.map_or(&[], |(_, rest)| rest);
        Some(found.map(|(text, _)| text))
    })
}

/// Whether a template filled in may hold `text` (in lower case) otherwise than inside a single value.
fn touches(steps: &[Step], text: &[u8]) -> bool {
    steps.iter().enumerate().any(|(place, step)| {
        let (before, after) = (place.checked_sub(1).map(|place| &steps[place]), steps.get(place + 1));
        match step {
            Step::Text(words) => {
                let words = words.to_ascii_lowercase();
                memchr::memmem::find(&words, text).is_some()
                    || memchr::memmem::find(text, &words).is_some()
                    || after.is_some() && (1..text.len()).any(|length| words.ends_with(&text[..length]))
                    || before.is_some() && (1..text.len()).any(|length| words.starts_with(&text[length..]))
            }
            Step::Value => before.is_some_and(|step| !matches!(step, Step::Text(_))),
            Step::Time { .. } => before == Some(&Step::Value) || begins_in_time(text, after),
        }
    })
}

/// Whether a text may begin inside a time and end there or in what follows.
fn begins_in_time(text: &[u8], after: Option<&Step>) -> bool {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit() || b"-: t,.".contains(byte)).count();
    (1..=length).any(|length| {
        let rest = &text[length..];
        match after {
            _ if rest.is_empty() => true,
            None => false,
            Some(Step::Text(words)) => {
                let words = words.to_ascii_lowercase();
                words.starts_with(rest) || rest.starts_with(&words)
            }
            Some(_) => true,
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
