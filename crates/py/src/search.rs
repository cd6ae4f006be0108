//! Queries over files, and the recognition of formats, as Python sees them.
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cordwood_core::error::Error;
use cordwood_core::query::filter::Filter;
use cordwood_core::query::formats::{self, Format, Given, NO_TIME};
use cordwood_core::query::scan::echoes::{Echoes, Log};
use cordwood_core::query::scan::{colours, otlp, Copies, Input, Record, Records};
use cordwood_core::query::search::{Found, Options, Search};
use cordwood_core::query::when::{Clock, Zone};
use pyo3::exceptions::{PyFileNotFoundError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::spool::about_file;

fn refused(error: &Error) -> PyErr {
    match error {
        Error::Setting { why, .. } => PyValueError::new_err(why.clone()),
        other => PyValueError::new_err(other.to_string()),
    }
}

pub fn known(given: &[Given]) -> PyResult<Vec<Format>> {
    let compile = |(text, date): &Given| Format::given(text, date.as_deref()).map_err(|error| refused(&error));
    given.iter().map(compile).collect()
}

/// The files of a log, from the oldest to the newest, and the formats that are known for it.
type Beside = (Vec<PathBuf>, Vec<Given>);
/// From which time and level on a log's records are in another one too; the logs that a console's copy echoes.
pub type GivenCopies = (Vec<(i64, i32)>, Vec<Beside>);

fn logs(beside: Vec<Beside>) -> PyResult<Vec<Log>> {
    beside.into_iter().map(|(paths, formats)| Ok(Log { paths, known: known(&formats)? })).collect()
}

pub fn copies((begins, beside): GivenCopies) -> PyResult<Copies> {
    Ok(Copies::new(&begins, logs(beside)?))
}

/// For each record of a console's copy, in their order, whether it is an echo of the logs beside it.
#[pyfunction]
pub fn echoes(
    py: Python<'_>,
    records: Vec<(Option<i64>, i32, String)>,
    beside: Vec<Beside>,
    zone: Vec<(i64, i32)>,
    now: i64,
) -> PyResult<Vec<bool>> {
    let mut echoes = Echoes::new(&logs(beside)?, Arc::new(Zone::new(zone)), now / 1_000_000_000);
    for (_, _, text) in &records {
        echoes.hear(text.as_bytes());
    }
    let is_echo =
        |(time, level, text): (Option<i64>, i32, String)| echoes.wrote(time.unwrap_or(NO_TIME), level, text.as_bytes());
    Ok(py.detach(|| records.into_iter().map(is_echo).collect()))
}

/// Fails with a ValueError that says why, where a format cannot be used.
#[pyfunction]
#[pyo3(signature = (text, date_format=None))]
pub fn check_format(text: &str, date_format: Option<&str>) -> PyResult<String> {
    Format::given(text, date_format).map(|format| format.name().to_owned()).map_err(|error| refused(&error))
}

/// Fails with a ValueError that says why, where a regular expression cannot be used.
#[pyfunction]
pub fn check_query(query: &str) -> PyResult<()> {
    Filter::compile(query).map(|_| ()).map_err(|error| refused(&error))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Bytes of records that are handed over at once, at most one more than that.
const AT_ONCE: usize = 1 << 20;

fn to_python<'py>(py: Python<'py>, mut found: Found, path: &str) -> PyResult<Bound<'py, PyTuple>> {
    // Messages may be long: one is let go before the whole record is copied.
    let message = PyString::new(py, &text(&std::mem::take(&mut found.message)));
    let fields = PyDict::new(py);
    for (name, value) in &found.fields {
        fields.set_item(name, text(value))?;
    }
    let time = (found.time != NO_TIME).then_some(found.time);
    (
        time,
        found.level,
        text(&found.logger),
        message,
        text(&found.exception),
        text(&found.raw),
        path,
        found.offset,
        found.answers,
        fields,
    )
        .into_pyobject(py)
}

/// A query over logs. Arguments as `cordwood.query.files` gives them.
#[pyclass(name = "Search", module = "cordwood._native")]
pub struct PySearch {
    search: Search,
}

#[pymethods]
impl PySearch {
    /// `query` is JSON; `zone` holds (second, offset) where local time changes; `now` is in nanoseconds.
    #[new]
    #[pyo3(signature = (query, zone, now, *, before=0, after=0, fields=false))]
    fn new(query: &str, zone: Vec<(i64, i32)>, now: i64, before: usize, after: usize, fields: bool) -> PyResult<Self> {
        let filter = Filter::compile(query).map_err(|error| refused(&error))?;
        let options = Options { before, after, fields };
        Ok(Self { search: Search::new(Arc::new(filter), options, Arc::new(Zone::new(zone)), now) })
    }

    /// Adds a log: its files, the oldest first. `FileNotFoundError`: one is gone, look again.
    ///
    /// `copies`: which of its records are found in other logs.
    fn add_chain(
        &mut self,
        py: Python<'_>,
        paths: Vec<PathBuf>,
        formats: Vec<Given>,
        copies: GivenCopies,
    ) -> PyResult<()> {
        let (known, copies) = (known(&formats)?, self::copies(copies)?);
        py.detach(|| self.search.add_chain(&paths, &known, &copies))
            .map_err(|error| PyFileNotFoundError::new_err(error.to_string()))
    }

    /// Adds text that is in memory; None is standard input.
    fn add_input(&mut self, name: &str, data: Option<Vec<u8>>, formats: Vec<Given>) -> PyResult<()> {
        let input = match data {
            Some(data) => Input::memory(data),
            None => Input::Stream(Box::new(std::io::stdin())),
        };
        self.search.add_input(name, input, &known(&formats)?);
        Ok(())
    }

    /// The next answers, at most `limit`; none left: an empty list. Streams give what they have.
    fn next<'py>(&mut self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let found = py.detach(|| {
            let (mut found, mut size) = (Vec::new(), 0);
            while found.len() < limit && size < AT_ONCE {
                let Some(next) = self.search.next_found() else { break };
                size += next.raw.len();
                found.push(next);
            }
            found
        });
        self.list(py, found)
    }

    /// The last `count` answers, in order of time.
    fn last<'py>(&mut self, py: Python<'py>, count: usize) -> PyResult<Bound<'py, PyList>> {
        let found = py.detach(|| self.search.last(count));
        self.list(py, found)
    }

    fn count(&mut self, py: Python<'_>) -> u64 {
        py.detach(|| self.search.count())
    }

    /// (values, begin of the span in nanoseconds, count) by fields and spans of `per` nanoseconds; 0: not by time.
    fn group(&mut self, py: Python<'_>, by: Vec<String>, per: i64) -> Vec<(Vec<String>, i64, u64)> {
        py.detach(|| self.search.group(&by, per))
    }

    /// What went wrong since the last call, a line each.
    fn notices(&mut self) -> Vec<String> {
        self.search.notices()
    }
}

impl PySearch {
    /// Each is let go as soon as Python has it.
    fn list<'py>(&self, py: Python<'py>, found: Vec<Found>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for one in found {
            let path = self.search.path(one.file).to_string_lossy();
            list.append(to_python(py, one, &path)?)?;
        }
        Ok(list)
    }
}

/// A query tried on records that come from elsewhere: rows of a database.
#[pyclass(name = "Matcher", module = "cordwood._native", frozen)]
pub struct Matcher {
    filter: Filter,
}

#[pymethods]
impl Matcher {
    #[new]
    fn new(query: &str) -> PyResult<Self> {
        Ok(Self { filter: Filter::compile(query).map_err(|error| refused(&error))? })
    }

    /// Whether a record answers; `fields` is a JSON object, `time` in nanoseconds.
    fn matches(&self, time: i64, level: i32, logger: &str, message: &str, exception: &str, fields: &str) -> bool {
        let record = Record {
            raw: fields.as_bytes(),
            offset: 0,
            time,
            level,
            logger: logger.as_bytes(),
            message: message.as_bytes(),
            exception: exception.as_bytes(),
            template: b"",
            format: &Format::Json,
        };
        self.filter.matches(&record, &mut Clock::new(Arc::new(Zone::fixed(0)), 0))
    }
}

/// Bytes of one growing file cut into records as they come, for those who follow it.
#[pyclass(name = "Cutter", module = "cordwood._native")]
pub struct Cutter {
    filter: Filter,
    zone: Arc<Zone>,
    known: Vec<Format>,
    formats: Vec<Format>,
    clock: Clock,
    /// Terminal codes are taken out: only then a format is recognised.
    coloured: bool,
    changes: bool,
    /// The lines of the record that may go on.
    open: Vec<u8>,
    time: i64,
}

/// An open record longer than this is given as it is.
const LONGEST: usize = 1 << 20;

#[pymethods]
impl Cutter {
    #[new]
    fn new(query: &str, zone: Vec<(i64, i32)>, now: i64, formats: Vec<Given>) -> PyResult<Self> {
        let filter = Filter::compile(query).map_err(|error| refused(&error))?;
        let zone = Arc::new(Zone::new(zone));
        let clock = Clock::new(Arc::clone(&zone), now / 1_000_000_000);
        let known = known(&formats)?;
        let (formats, open) = (Vec::new(), Vec::new());
        let (coloured, changes, time) = (false, false, NO_TIME);
        Ok(Self { filter, zone, known, formats, clock, coloured, changes, open, time })
    }

    /// Whole lines in, the answers among the records they complete out; the newest record waits for `end`.
    fn feed<'py>(&mut self, py: Python<'py>, data: &[u8], name: &str, end: bool) -> PyResult<Bound<'py, PyList>> {
        let stripped = if self.coloured { colours::without(data) } else { otlp::expanded(data) };
        self.changes |= self.coloured || stripped.is_some();
        self.open.extend_from_slice(stripped.as_deref().unwrap_or(data));
        if self.formats.is_empty() || self.formats == [Format::Plain] {
            self.detect();
        }
        let bytes = std::mem::take(&mut self.open);
        let list = PyList::empty(py);
        let now = py.import("time")?.call_method0("time_ns")?.extract::<i64>()? / 1_000_000_000;
        self.clock.set_now(now);
        let mut records = Records::new(Input::memory(bytes), &self.formats, Arc::clone(&self.zone), now)?;
        records.take_formats(&self.formats, self.time);
        let mut newest: Option<Found> = None;
        while let Some(record) = records.next_record()? {
            if let Some(found) = newest.take() {
                self.time = found.time;
                if found.answers {
                    list.append(to_python(py, found, name)?)?;
                }
            }
            let answers = self.filter.matches(&record, &mut self.clock);
            newest = Some(Found::new(&record, 0, answers, &mut self.clock, true));
        }
        records.formats().clone_into(&mut self.formats); // it may go on in another
        if let Some(found) = newest {
            if end || found.raw.len() > LONGEST {
                self.time = found.time;
                if found.answers {
                    list.append(to_python(py, found, name)?)?;
                }
            } else {
                self.open = found.raw;
                self.open.push(b'\n');
            }
        }
        Ok(list)
    }

    /// Whether the text is changed before it is cut.
    #[getter]
    fn changes(&self) -> bool {
        self.changes
    }

    /// Whether a record waits for its end.
    #[getter]
    fn waits(&self) -> bool {
        !self.open.is_empty()
    }
}

impl Cutter {
    fn detect(&mut self) {
        self.formats = formats::detect(&self.open, &self.known, &mut self.clock);
        if let Some(text) = colours::without(&self.open) {
            let formats = formats::detect(&text, &self.known, &mut self.clock);
            if formats != self.formats {
                (self.coloured, self.changes, self.open, self.formats) = (true, true, text, formats);
            }
        }
    }
}

/// The second at which a file was last changed, at the latest `now`: it dates times that have no day or year.
fn changed(path: &Path, now: i64) -> i64 {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    age.map_or(i64::MAX, |age| age.as_secs() as i64).min(now / 1_000_000_000)
}

/// The time of the first record of a file that has one, in nanoseconds; it is looked for among the first thousand.
#[pyfunction]
pub fn first_time(
    py: Python<'_>,
    path: PathBuf,
    formats: Vec<Given>,
    zone: Vec<(i64, i32)>,
    now: i64,
) -> PyResult<Option<i64>> {
    let known = known(&formats)?;
    let input = Input::open(&path).map_err(|error| about_file(&error))?;
    let found = py.detach(|| -> std::io::Result<Option<i64>> {
        let mut records = Records::new(input, &known, Arc::new(Zone::new(zone)), changed(&path, now))?;
        for _ in 0..1000 {
            match records.next_record()? {
                Some(record) if record.time != NO_TIME => return Ok(Some(record.time)),
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    });
    Ok(found?)
}

/// The names of the formats a text is in, the commonest first.
#[pyfunction]
pub fn recognise(text: &Bound<'_, PyBytes>, formats: Vec<Given>) -> PyResult<Vec<String>> {
    let mut clock = Clock::new(Arc::new(Zone::fixed(0)), 0);
    let found = formats::detect(text.as_bytes(), &known(&formats)?, &mut clock);
    Ok(found.iter().map(|format| format.name().to_owned()).collect())
}
