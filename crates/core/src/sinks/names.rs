//! The names of rotated files: `app.log.1` (numbers, 1 the newest) or `app.log.2026-11-20`, `app.log.2026-11-20.1`
//! (dates, in the writer's local time), each with `.gz` or `.zst` once compressed.
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::formatters::civil::Civil;
use crate::sinks::fs::{FileSystem, Kind, Stat};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    #[default]
    Number,
    Date,
}

/// How long one file lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    #[default]
    Always,
    Day,
    Hour,
    Seconds(u32),
}

/// What a rotated file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    Plain,
    Gzip,
    Zstd,
    /// An archive ([`crate::query::columnar`]); rotation counts it and leaves it as it is.
    Parquet,
}

impl Form {
    pub fn ending(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::Parquet => ".parquet",
        }
    }

    /// A name without its compressed ending, and what that ending says.
    pub fn split(name: &str) -> (&str, Self) {
        [Self::Gzip, Self::Zstd, Self::Parquet]
            .into_iter()
            .find_map(|form| Some((name.strip_suffix(form.ending())?, form)))
            .unwrap_or((name, Self::Plain))
    }
}

/// The place of a backup among the others: the newer, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Age {
    /// `app.log.N`.
    Number(std::cmp::Reverse<u32>),
    /// The period's start in local seconds, then how many files of that period came before.
    Date(i64, u32),
}

impl Age {
    pub fn number(n: u32) -> Self {
        Self::Number(std::cmp::Reverse(n))
    }
}

/// A directory entry that bears the name of a backup.
#[derive(Debug, Clone)]
pub struct Backup {
    pub path: PathBuf,
    pub age: Age,
    pub form: Form,
    pub stat: Stat,
}

impl Backup {
    pub fn is_regular(&self) -> bool {
        self.stat.kind == Kind::Regular
    }
}

/// The names that belong to one output file.
#[derive(Debug, Clone)]
pub struct Names {
    folder: PathBuf,
    base: String,
    naming: Naming,
    when: When,
}

const DAY: i64 = 86_400;
const NS: i64 = 1_000_000_000;

/// The start, in local seconds, of the period that `time_ns` falls in; `None` if files last for ever.
pub fn period(when: When, time_ns: i64, utc_offset: i32) -> Option<i64> {
    let seconds = match when {
        When::Always => return None,
        When::Day => DAY,
        When::Hour => 3600,
        When::Seconds(n) => i64::from(n.max(1)),
    };
    let local = time_ns.div_euclid(NS) + i64::from(utc_offset);
    Some(local - local.rem_euclid(seconds))
}

impl Names {
    /// `path` must end in a file name.
    pub fn new(path: &Path, naming: Naming, when: When) -> Self {
        Self {
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            base: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            naming,
            when,
        }
    }

    pub fn naming(&self) -> Naming {
        self.naming
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The period a file is named after; without one, files that are named by date are named by the day.
    pub fn period(&self, time_ns: i64, utc_offset: i32) -> i64 {
        let when = if self.when == When::Always { When::Day } else { self.when };
        period(when, time_ns, utc_offset).unwrap_or_default()
    }

    pub fn path(&self, age: Age, form: Form) -> PathBuf {
        self.folder.join(format!("{}.{}{}", self.base, self.label(age), form.ending()))
    }

    fn label(&self, age: Age) -> String {
        match age {
            Age::Number(n) => n.0.to_string(),
            Age::Date(start, 0) => self.date(start),
            Age::Date(start, n) => format!("{}.{n}", self.date(start)),
        }
    }

    fn date(&self, start: i64) -> String {
        let Civil { year: y, month: m, day: d, hour, minute, second, .. } = Civil::new(start * NS, 0);
        match self.when {
            When::Always | When::Day => format!("{y:04}-{m:02}-{d:02}"),
            When::Hour => format!("{y:04}-{m:02}-{d:02}_{hour:02}"),
            When::Seconds(_) => format!("{y:04}-{m:02}-{d:02}_{hour:02}-{minute:02}-{second:02}"),
        }
    }

    /// The place a name stands for; `None` for every name that we would not have given ourselves.
    pub fn parse(&self, name: &str) -> Option<(Age, Form)> {
        let (label, form) = Form::split(name.strip_prefix(&self.base)?.strip_prefix('.')?);
        let age = match self.naming {
            Naming::Number => Age::number(label.parse().ok().filter(|&n: &u32| n > 0)?),
            Naming::Date => {
                let (date, n) = label.split_once('.').map_or(Some((label, 0)), |(d, n)| Some((d, n.parse().ok()?)))?;
                Age::Date(parse_date(date)?, n)
            }
        };
        (self.label(age) == label).then_some((age, form))
    }

    /// Every entry of the folder that bears a backup's name, newest first. A missing folder has none.
    pub fn list(&self, fs: &dyn FileSystem) -> io::Result<Vec<Backup>> {
        let mut found = Vec::new();
        for (path, name) in self.siblings(fs)? {
            let Some((age, form)) = self.parse(&name) else { continue };
            match fs.stat(&path) {
                Ok(stat) => found.push(Backup { path, age, form, stat }),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        found.sort_by_key(|backup| std::cmp::Reverse(backup.age));
        Ok(found)
    }

    /// The file itself and everything whose name begins with its name, in no order.
    pub fn siblings(&self, fs: &dyn FileSystem) -> io::Result<Vec<(PathBuf, String)>> {
        let names = match fs.list(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names?,
        };
        let names = names.into_iter().filter_map(|name| name.into_string().ok());
        Ok(names.filter(|n| n.starts_with(&self.base)).map(|n| (self.folder.join(&n), n)).collect())
    }

    /// Where the compressed form of a file is made, before it gets its place; by inode, since the file's own name may
    /// be shifted meanwhile.
    pub fn temporary(&self, ino: u64, form: Form) -> PathBuf {
        self.folder.join(format!("{}.{ino:x}{}.tmp", self.base, form.ending()))
    }

    /// Whether a name is one of [`Self::temporary`].
    pub fn is_temporary(&self, name: &str) -> bool {
        let middle = name.strip_prefix(&self.base).and_then(|n| n.strip_prefix('.')?.strip_suffix(".tmp"));
        middle.map(Form::split).is_some_and(|(ino, form)| {
            form != Form::Plain && !ino.is_empty() && ino.bytes().all(|b| b.is_ascii_hexdigit())
        })
    }
}

/// Numbers of a date as local seconds; whether they are a date at all is seen when it is written again. Years that
/// nanoseconds cannot count are none of ours.
fn parse_date(date: &str) -> Option<i64> {
    let parts: Vec<i64> = date.split(['-', '_']).map(|p| p.parse().ok()).collect::<Option<_>>()?;
    let at = |i: usize| parts.get(i).copied().unwrap_or(0);
    let sane = (1678..2262).contains(&at(0)) && parts.iter().skip(1).all(|p| (0..60).contains(p));
    sane.then(|| days(at(0), at(1), at(2)) * DAY + at(3) * 3600 + at(4) * 60 + at(5))
}

/// Days since 1970-01-01; the inverse of [`Civil::new`] (H. Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    y.div_euclid(400) * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(naming: Naming, when: When) -> Names {
        Names::new(Path::new("/logs/app.log"), naming, when)
    }

    #[test]
    fn numbers_are_read_as_they_are_written_and_nothing_else_is() {
        let names = names(Naming::Number, When::Always);
        assert_eq!(names.path(Age::number(3), Form::Zstd), Path::new("/logs/app.log.3.zst"));
        assert_eq!(names.parse("app.log.12.gz"), Some((Age::number(12), Form::Gzip)));
        for other in
            ["app.log", "app.log.0", "app.log.01", "app.log.+1", "app.log.1.bz2", "app.log.1.gz.tmp", "app.logs.1"]
        {
            assert_eq!(names.parse(other), None, "{other}");
        }
        assert!(Age::number(1) > Age::number(2));
    }

    #[test]
    fn dates_are_read_as_they_are_written_and_nothing_else_is() {
        // 2026-11-20 13:05:09 UTC, two hours east.
        let time = 1_795_179_909_000_000_000;
        for (when, label) in [
            (When::Always, "2026-11-20"),
            (When::Day, "2026-11-20"),
            (When::Hour, "2026-11-20_15"),
            (When::Seconds(1), "2026-11-20_15-05-09"),
        ] {
            let names = names(Naming::Date, when);
            let start = names.period(time, 7200);
            assert_eq!(
                names.path(Age::Date(start, 0), Form::Plain),
                Path::new("/logs/app.log.").with_file_name(format!("app.log.{label}"))
            );
            assert_eq!(names.parse(&format!("app.log.{label}")), Some((Age::Date(start, 0), Form::Plain)));
            assert_eq!(names.parse(&format!("app.log.{label}.2.gz")), Some((Age::Date(start, 2), Form::Gzip)));
        }
        let names = names(Naming::Date, When::Day);
        for other in [
            "2026-11-31",
            "2026-13-01",
            "2026-11-20.0",
            "2026-11-20_13",
            "20261120",
            "2026-1-1",
            "1",
            "-1-1",
            "0000-01-05",
            "9999-01-01",
        ] {
            assert_eq!(names.parse(&format!("app.log.{other}")), None, "{other}");
        }
    }

    #[test]
    fn every_day_of_two_centuries_is_read_as_it_is_written() {
        let names = names(Naming::Date, When::Day);
        for day in days(1970, 1, 1)..days(2170, 1, 1) {
            assert_eq!(parse_date(&names.date(day * DAY)), Some(day * DAY));
        }
        assert_eq!((days(1970, 1, 1), days(2024, 2, 29)), (0, 19_782));
    }

    #[test]
    fn a_period_follows_local_time() {
        let hour = 3_600_000_000_000;
        assert_eq!(period(When::Day, 23 * hour, 0), Some(0));
        assert_eq!(period(When::Day, 23 * hour, 3600), Some(DAY));
        assert_eq!(period(When::Hour, -1, 0), Some(-3600));
        assert_eq!(period(When::Always, 0, 0), None);
    }

    #[test]
    fn temporaries_are_known_by_their_name() {
        let names = names(Naming::Number, When::Always);
        let path = names.temporary(0x1f, Form::Gzip);
        assert_eq!(path, Path::new("/logs/app.log.1f.gz.tmp"));
        assert!(names.is_temporary("app.log.1f.gz.tmp"));
        for other in ["app.log.1f.tmp", "app.log.x.gz.tmp", "app.log.gz.tmp", "app.log.1.gz"] {
            assert!(!names.is_temporary(other), "{other}");
        }
    }
}
