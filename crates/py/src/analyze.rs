//! The analysis, as Python sees it.
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cordwood_core::query::analyze::{Analyzer, Options, Side, Wanted};
use cordwood_core::query::filter::Filter;
use cordwood_core::query::formats::{Format, Given};
use cordwood_core::query::scan::{Copies, Input, Record, Records};
use cordwood_core::query::when::{Clock, Zone};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::search::{changed, copies, known, GivenCopies};
use crate::spool::about_file;

const SECOND: i64 = 1_000_000_000;

/// How a file hangs together with others.
#[derive(Default)]
struct Seam {
    /// None where it is no file.
    path: Option<PathBuf>,
    copies: Copies,
    older: bool,
    newer: Option<PathBuf>,
}

/// The places of those rules that find something in a text. ValueError: a rule is no regular expression.
#[pyfunction]
pub fn find_rules(rules: Vec<String>, text: &str) -> PyResult<Vec<usize>> {
    let found = cordwood_core::query::analyze::find_rules(&rules, text.as_bytes());
    found.map_err(|error| PyValueError::new_err(error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// A log, counted in one pass. Arguments as `cordwood.analysis` gives them.
#[pyclass(name = "Analysis", module = "cordwood._native", frozen)]
pub struct PyAnalysis {
    analyzer: Mutex<Analyzer>,
    filter: Filter,
    zone: Arc<Zone>,
    now: i64,
    done: AtomicU64,
}

#[pymethods]
impl PyAnalysis {
    /// `query` is JSON; `zone` holds (second, offset) where local time changes; `now` and `boundary` are in nanoseconds.
    /// Records are counted by `unit` seconds.
    #[new]
    #[pyo3(signature = (query, zone, now, rules, *, level=0, boundary=None, unit=3600))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        query: &str,
        zone: Vec<(i64, i32)>,
        now: i64,
        rules: Vec<String>,
        level: i32,
        boundary: Option<i64>,
        unit: i64,
    ) -> PyResult<Self> {
        let refused = |error: cordwood_core::error::Error| PyValueError::new_err(error.to_string());
        let filter = Filter::compile(query).map_err(refused)?;
        let zone = Arc::new(Zone::new(zone));
        let options = Options { level, boundary, rules, unit };
        let analyzer = Analyzer::new(options, zone.offset(now / SECOND)).map_err(refused)?;
        Ok(Self { analyzer: Mutex::new(analyzer), filter, zone, now, done: AtomicU64::new(0) })
    }

    /// Count a file's records; `before`: as what is compared with. Returns what was odd about it, a line each.
    ///
    /// `copies` as for a search. `older`: the lines at its begin may be those of another file's last record, and are not
    /// counted; `newer` is the file whose such lines are its own.
    #[pyo3(signature = (path, formats, copies, *, before=false, older=false, newer=None))]
    #[allow(clippy::too_many_arguments)]
    fn read_file(
        &self,
        py: Python<'_>,
        path: PathBuf,
        formats: Vec<Given>,
        copies: GivenCopies,
        before: bool,
        older: bool,
        newer: Option<PathBuf>,
    ) -> PyResult<Vec<String>> {
        let input = Input::open(&path).map_err(|error| about_file(&error))?;
        let name = path.display().to_string();
        let seam = Seam { path: Some(path), copies: self::copies(copies)?, older, newer };
        self.read(py, input, &name, &formats, before, &seam)
    }

    /// The same of text in memory; None is standard input.
    #[pyo3(signature = (name, data, formats, *, before=false))]
    fn read_input(
        &self,
        py: Python<'_>,
        name: &str,
        data: Option<Vec<u8>>,
        formats: Vec<Given>,
        before: bool,
    ) -> PyResult<Vec<String>> {
        let input = data.map_or_else(|| Input::Stream(Box::new(std::io::stdin())), Input::memory);
        self.read(py, input, name, &formats, before, &Seam::default())
    }

    /// Bytes of the current file that are read.
    #[getter]
    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// The account, as JSON.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let told =
            py.detach(|| serde_json::to_vec(&self.analyzer.lock().unwrap_or_else(PoisonError::into_inner).report()));
        Ok(PyBytes::new(py, &told.map_err(|error| PyValueError::new_err(error.to_string()))?))
    }
}

impl PyAnalysis {
    fn read(
        &self,
        py: Python<'_>,
        input: Input,
        name: &str,
        formats: &[Given],
        before: bool,
        seam: &Seam,
    ) -> PyResult<Vec<String>> {
        let known = known(formats)?;
        let side = if before { Side::Before } else { Side::Now };
        let odd = py.detach(|| self.count(input, &known, side, seam))?;
        Ok(odd.into_iter().map(|what| format!("{name}: {what}")).collect())
    }

    /// The lines of a newer file that go on with this one; none where it cannot be read, which is said in its turn.
    fn leading(&self, newer: &Path, known: &[Format]) -> Vec<u8> {
        let zone = Arc::clone(&self.zone);
        let input = Input::open(newer).ok();
        let records = input.and_then(|input| Records::new(input, known, zone, changed(newer, self.now)).ok());
        records.and_then(|mut records| records.leading().ok()).unwrap_or_default()
    }

    fn count(&self, input: Input, known: &[Format], side: Side, seam: &Seam) -> std::io::Result<Vec<String>> {
        self.done.store(0, Ordering::Relaxed);
        let now = seam.path.as_deref().map_or(self.now / SECOND, |path| changed(path, self.now));
        let mut records = Records::new(input, known, Arc::clone(&self.zone), now)?;
        if records.is_binary() {
            return Ok(vec!["this is no text; it is left out".to_owned()]);
        }
        if seam.older {
            records.leading()?;
        }
        if let Some(newer) = &seam.newer {
            records.go_on(self.leading(newer, known));
        }
        let mut clock = Clock::new(Arc::clone(&self.zone), self.now / SECOND);
        let mut copies = seam.copies.sieve(&records, &self.zone, now);
        let mut wanted = |record: &Record<'_>| {
            if self.filter.matches(record, &mut clock) && !copies.has(record) {
                Wanted::Yes
            } else {
                Wanted::No
            }
        };
        let mut analyzer = self.analyzer.lock().unwrap_or_else(PoisonError::into_inner);
        analyzer.read(&mut records, side, &self.done, &mut wanted)?;
        let cut = records.cut();
        Ok(match cut {
            0 => vec![],
            1 => vec!["1 record was too long and is counted by its first part".to_owned()],
            _ => vec![format!("{cut} records were too long and are counted by their first parts")],
        })
    }
}
