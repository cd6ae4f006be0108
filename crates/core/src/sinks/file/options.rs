//! What a file sink's spec says about its file.
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::sinks::names::{Form, Naming, When};

/// `logging`'s number.
const ERROR: i32 = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// Absolute.
    pub path: PathBuf,
    /// Rotate before the file reaches this length; 0: never by size.
    pub max_bytes: u64,
    /// Rotated files to keep. 0 with names by number: never rotate; with names by date: keep all.
    pub backup_count: u32,
    /// Rotate by time.
    pub when: When,
    pub naming: Naming,
    /// The form of rotated files.
    pub compress: Form,
    /// Of new files; default 0600. New folders are 0700, existing ones stay as they are.
    pub mode: u32,
    /// Of new files.
    pub group: Option<u32>,
    pub sync: Sync,
}

/// When what was written is forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// A second after it was written at the latest.
    #[default]
    Interval,
    /// At once for ERROR and above, and what came before it; else as `Interval`.
    Level,
    /// At once.
    Always,
}

impl Sync {
    /// Whether a record of this level must be on the disk before it counts as kept.
    pub fn is_at_once(self, level: i32) -> bool {
        self == Self::Always || (self == Self::Level && level >= ERROR)
    }
}

impl FileOptions {
    /// Reads the spec of a file sink; keys that are not about the file are others' business.
    ///
    /// Errors: `Setting`, naming the field.
    pub fn from_spec(spec: &Value) -> Result<Self> {
        let options = Self {
            path: read(spec, "path")?.unwrap_or_default(),
            max_bytes: read(spec, "max_bytes")?.unwrap_or(0),
            backup_count: read(spec, "backup_count")?.unwrap_or(0),
            when: when(spec)?,
            naming: read(spec, "naming")?.unwrap_or_default(),
            compress: match read::<String>(spec, "compress")?.as_deref() {
                None => Form::Plain,
                Some("gzip") => Form::Gzip,
                Some("zstd") => Form::Zstd,
                Some(other) => return Err(setting("compress", format!("{other:?} is neither gzip nor zstd"))),
            },
            mode: read(spec, "mode")?.unwrap_or(0o600),
            group: read(spec, "group")?,
            sync: read(spec, "sync")?.unwrap_or_default(),
        };
        if !options.path.is_absolute() || options.path.file_name().is_none() {
            let why = format!("{} is not the absolute path of a file", options.path.display());
            return Err(setting("path", why));
        }
        if options.mode & !0o777 != 0 || options.mode & 0o600 != 0o600 {
            let why = format!("{:#o} is no mode of a file that its owner can read and write", options.mode);
            return Err(setting("mode", why));
        }
        Ok(options)
    }
}

fn setting(field: &'static str, why: String) -> Error {
    Error::Setting { field, why }
}

/// A field; `None` where it is absent or null.
fn read<T: DeserializeOwned>(spec: &Value, field: &'static str) -> Result<Option<T>> {
    let value = spec.get(field).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|e| setting(field, e.to_string()))
}

fn when(spec: &Value) -> Result<When> {
    let why = "midnight, day, hour, minute or a number of seconds is wanted";
    match spec.get("when").unwrap_or(&Value::Null) {
        Value::Null => Ok(When::Always),
        Value::String(s) if s == "midnight" || s == "day" => Ok(When::Day),
        Value::String(s) if s == "hour" => Ok(When::Hour),
        Value::String(s) if s == "minute" => Ok(When::Seconds(60)),
        value => match value.as_u64().map(u32::try_from) {
            Some(Ok(seconds @ 1..)) => Ok(When::Seconds(seconds)),
            _ => Err(setting("when", format!("{value}: {why}"))),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_spec_is_read_with_its_defaults() {
        let spec = json!({"kind": "file", "path": "/l/app.log", "format": {"kind": "text"}, "when": null});
        let expected = FileOptions {
            path: "/l/app.log".into(),
            max_bytes: 0,
            backup_count: 0,
            when: When::Always,
            naming: Naming::Number,
            compress: Form::Plain,
            mode: 0o600,
            group: None,
            sync: Sync::Interval,
        };
        assert_eq!(FileOptions::from_spec(&spec).unwrap(), expected);
    }

    #[test]
    fn a_full_spec_is_read() {
        let spec = json!({"path": "/l/app.log", "max_bytes": 10, "backup_count": 5, "when": 60, "naming": "date",
            "compress": "zstd", "mode": 0o640, "group": 7, "sync": "level"});
        let options = FileOptions::from_spec(&spec).unwrap();
        assert_eq!((options.max_bytes, options.backup_count, options.when), (10, 5, When::Seconds(60)));
        assert_eq!((options.naming, options.compress), (Naming::Date, Form::Zstd));
        assert_eq!((options.mode, options.group, options.sync), (0o640, Some(7), Sync::Level));
    }

    #[test]
    fn every_word_for_a_time_is_known() {
        for (word, expected) in
            [("midnight", When::Day), ("day", When::Day), ("hour", When::Hour), ("minute", When::Seconds(60))]
        {
            let spec = json!({"path": "/l/app.log", "when": word});
            assert_eq!(FileOptions::from_spec(&spec).unwrap().when, expected, "{word}");
        }
    }

    #[test]
    fn a_wrong_value_is_an_error_that_names_its_field() {
        for (field, value) in [
            ("path", json!("app.log")),
            ("path", json!("/")),
            ("max_bytes", json!(-1)),
            ("backup_count", json!("5")),
            ("when", json!("noon")),
            ("when", json!(0)),
            ("naming", json!("roman")),
            ("compress", json!("bzip2")),
            ("mode", json!(0o400)),
            ("mode", json!(0o10_600)),
            ("group", json!("adm")),
            ("sync", json!("never")),
        ] {
            let mut spec = json!({"path": "/l/app.log"});
            spec[field] = value;
            let error = FileOptions::from_spec(&spec).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: ")), "{error}");
        }
    }
}
