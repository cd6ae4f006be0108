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

/// Units of size, time and frequency: part of the number before them.
const UNITS: &[&str] = &[
    "b", "byte", "bytes", "day", "days", "gb", "ghz", "gib", "h", "hour", "hours", "hrs", "hz", "kb", "khz", "kib",
    "mb", "mhz", "mib", "min", "mins", "minute", "minutes", "ms", "ns", "s", "sec", "second", "seconds", "secs", "tb",
    "tib", "us",
];

/// The unit that a size is told again in, between brackets.
const SIZES: &[&str] = &["b", "bytes", "gb", "gib", "kb", "kib", "mb", "mib", "tb", "tib"];

/// Absent values.
const NOTHING: &[&str] = &["nan", "nil", "none", "null", "undefined"];

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

const LONGEST: usize = 12;

fn has(list: &[&str], word: &[u8]) -> bool {
    if word.len() > LONGEST {
        return false;
    }
    let lower = word.to_ascii_lowercase();
    list.binary_search_by(|known| known.as_bytes().cmp(&lower)).is_ok()
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

pub fn state(word: &[u8]) -> bool {
    has(STATES, word)
}

pub fn names_follow(word: &[u8]) -> bool {
    has(NAMED, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_sorted_and_within_the_longest() {
        for list in [CALENDAR, UNITS, SIZES, NOTHING, STATES, NAMED] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
            assert!(list.iter().all(|word| word.len() <= LONGEST), "{list:?}");
        }
    }
}
