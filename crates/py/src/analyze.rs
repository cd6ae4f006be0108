//! The analysis, as Python sees it.
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cordwood_core::query::analyze::{Analyzer, Options, Side};
use cordwood_core::query::filter::Filter;
use cordwood_core::query::formats::Given;
use cordwood_core::query::scan::Input;
use cordwood_core::query::search::{self, compile, Search};
use cordwood_core::query::when::Zone;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::search::{copies, known, GivenCopies};

const SECOND: i64 = 1_000_000_000;

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
    filter: Arc<Filter>,
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
        let filter = compile(query).map_err(refused)?;
        let zone = Arc::new(Zone::new(zone));
        let options = Options { level, boundary, rules, unit };
        let analyzer = Analyzer::new(options, zone.offset(now / SECOND)).map_err(refused)?;
        Ok(Self { analyzer: Mutex::new(analyzer), filter, zone, now, done: AtomicU64::new(0) })
    }

    /// Count a log's records: those of its files, the oldest first; `before`: as what is compared with. Returns what was odd
    /// about it, a line each. `copies` as for a search.
    ///
    /// `FileNotFoundError`: a file is gone, look again.
    #[pyo3(signature = (paths, formats, copies, *, before=false))]
    fn read_chain(
        &self,
        py: Python<'_>,
        paths: Vec<PathBuf>,
        formats: Vec<Given>,
        copies: GivenCopies,
        before: bool,
    ) -> PyResult<Vec<String>> {
        let (known, copies) = (known(&formats)?, self::copies(copies)?);
        py.detach(|| {
            let mut search = self.search();
            let mut end = 0;
            let place = |path: &PathBuf| {
                let begin = end;
                end += path.metadata()?.len();
                Ok((begin, end))
            };
            let places = paths.iter().map(place).collect::<io::Result<Vec<_>>>()?;
            search.add_chain(&paths, &known, &copies)?;
            Ok(self.count(search, &places, before))
        })
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
        let mut search = self.search();
        search.add_input(name, input, &known(&formats)?);
        Ok(py.detach(|| self.count(search, &[], before)))
    }

    /// Bytes of the current log that are read.
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
    fn search(&self) -> Search {
        Search::new(Arc::clone(&self.filter), search::Options::default(), Arc::clone(&self.zone), self.now)
    }

    /// `places`: where each file begins and ends among all bytes of them.
    fn count(&self, mut search: Search, places: &[(u64, u64)], before: bool) -> Vec<String> {
        let side = if before { Side::Before } else { Side::Now };
        let mut analyzer = self.analyzer.lock().unwrap_or_else(PoisonError::into_inner);
        self.done.store(0, Ordering::Relaxed);
        search.each(&mut |record, file, _| {
            analyzer.add(record, side);
            if let Some((begin, end)) = places.get(file) {
                // What is packed is longer than its file.
                self.done.store((begin + record.offset).min(*end), Ordering::Relaxed);
            }
            true
        });
        search.notices()
    }
}
