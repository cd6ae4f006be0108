//! Words that English logs use for values, whatever the program: the calendar, units, states, names of things.

/// Days, months and time zones, abbreviated or not: a date where they stand beside a number.
const CALENDAR: &[&str] = &[
    "am",
    "apr",
    "april",
    "aug",
    "august",
    "bst",
    "cdt",
    "cest",
    "cet",
    "cst",
    "dec",
    "december",
    "edt",
    "est",
    "feb",
    "february",
    "fri",
    "friday",
    "gmt",
    "ist",
    "jan",
    "january",
    "jst",
    "jul",
    "july",
    "jun",
    "june",
    "mar",
    "march",
    "may",
    "mdt",
    "mon",
    "monday",
    "msk",
    "mst",
    "nov",
    "november",
    "oct",
    "october",
    "pdt",
    "pm",
    "pst",
    "sat",
    "saturday",
    "sep",
    "sept",
    "september",
    "sun",
    "sunday",
    "thu",
    "thursday",
    "tue",
    "tues",
    "tuesday",
    "utc",
    "wed",
    "wednesday",
];

/// Units of size, time, frequency, rate and money: part of the number before them.
const UNITS: &[&str] = &[
    "aud", "b", "byte", "bytes", "cad", "chf", "cny", "czk", "day", "days", "dkk", "eur", "gb", "gbp", "gbps", "ghz",
    "gib", "h", "hour", "hours", "hrs", "hz", "inr", "jpy", "kb", "kbps", "khz", "kib", "mb", "mbps", "mhz", "mib",
    "min", "mins", "minute", "minutes", "ms", "nok", "ns", "pln", "s", "sec", "second", "seconds", "secs", "sek", "tb",
    "tib", "us", "usd",
];

/// The unit that a size is told again in, between brackets.
const SIZES: &[&str] = &["b", "bytes", "gb", "gib", "kb", "kib", "mb", "mib", "tb", "tib"];

/// Absent values.
const NOTHING: &[&str] = &["nan", "nil", "none", "null", "undefined"];

/// Absent values as programming languages print them, with their case.
const NULLS: &[&[u8]] = &[b"NULL", b"NaN", b"None", b"nan", b"nil", b"null"];

/// States: values where they stand alone between brackets or separators.
const STATES: &[&str] = &["disabled", "enabled", "nil", "no", "none", "null", "off", "ok", "on", "yes"];

/// A name is expected after these.
const NAMED: &[&str] = &[
    "database",
    "device",
    "directory",
    "file",
    "host",
    "hostname",
    "interface",
    "module",
    "node",
    "package",
    "queue",
    "table",
    "topic",
    "user",
    "username",
];

/// A name is expected after these too, among other things.
const PREPOSITIONS: &[&str] = &["as", "by", "for", "from", "in", "of", "on"];

/// Words that join parts of a sentence: what holds one is more than a value.
const JOINTS: &[&str] = &[
    "and", "as", "at", "be", "by", "for", "from", "has", "in", "into", "is", "not", "of", "on", "or", "to", "was",
    "were", "with",
];

const LONGEST: usize = 12;

fn has(list: &[&str], word: &[u8]) -> bool {
    if word.len() > LONGEST {
        return false;
    }
    let mut lower = [0; LONGEST];
    lower[..word.len()].copy_from_slice(word);
    lower.make_ascii_lowercase();
    list.binary_search_by(|known| known.as_bytes().cmp(&lower[..word.len()])).is_ok()
}

pub fn calendar(word: &[u8]) -> bool {
    has(CALENDAR, word)
}

pub fn unit(word: &[u8]) -> bool {
    has(UNITS, word)
}

pub fn size(word: &[u8]) -> bool {
    has(SIZES, word)
}

pub fn nothing(word: &[u8]) -> bool {
    has(NOTHING, word)
}

pub fn null(word: &[u8]) -> bool {
    NULLS.contains(&word)
}

pub fn state(word: &[u8]) -> bool {
    has(STATES, word)
}

pub fn preposition(word: &[u8]) -> bool {
    has(PREPOSITIONS, word)
}

pub fn joins(word: &[u8]) -> bool {
    // `On Lee` is a name, `from` and `FROM` are none.
    let is_name = word.first().is_some_and(u8::is_ascii_uppercase) && word.last().is_some_and(u8::is_ascii_lowercase);
    !is_name && has(JOINTS, word)
}

pub fn names_follow(word: &[u8]) -> bool {
    has(NAMED, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_sorted_and_within_the_longest() {
        for list in [CALENDAR, UNITS, SIZES, NOTHING, STATES, NAMED, PREPOSITIONS, JOINTS] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
            assert!(list.iter().all(|word| word.len() <= LONGEST), "{list:?}");
        }
    }
}
