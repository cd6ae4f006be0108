//! The pattern miner, as Python sees it.
use std::path::PathBuf;

use cordwood_core::query::mine::{self, Template, Values};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::spool::os_error;

/// The templates of a file of bare messages, one a line; with `assignments`, each line's template is written there.
///
/// Returns for each template, the most frequent first: `text`, `count`, `first` (its first line, from 0), `example` and
/// `variables`, each a dict of `kind`, `kinds`, `distinct`, `least`, `greatest` and `top`.
#[pyfunction]
#[pyo3(signature = (path, assignments=None))]
pub fn mine_plain(py: Python<'_>, path: PathBuf, assignments: Option<PathBuf>) -> PyResult<Bound<'_, PyList>> {
    let templates = py.detach(|| mine::plain(&path, assignments.as_deref())).map_err(|e| os_error(&e))?;
    let all: PyResult<Vec<_>> = templates.iter().map(|template| to_python(py, template)).collect();
    PyList::new(py, all?)
}

pub fn to_python<'py>(py: Python<'py>, template: &Template) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("text", &template.text)?;
    out.set_item("count", template.count)?;
    out.set_item("first", template.first)?;
    out.set_item("example", &template.example)?;
    let variables: PyResult<Vec<_>> = template.variables.iter().map(|values| variable(py, values)).collect();
    out.set_item("variables", variables?)?;
    Ok(out)
}

fn variable<'py>(py: Python<'py>, values: &Values) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("kind", values.kind().name())?;
    out.set_item("kinds", values.kinds().collect::<Vec<_>>())?;
    out.set_item("distinct", values.distinct())?;
    out.set_item("least", values.least.is_finite().then_some(values.least))?;
    out.set_item("greatest", values.greatest.is_finite().then_some(values.greatest))?;
    let mut top: Vec<(String, u64)> =
        values.top.iter().map(|(value, count)| (String::from_utf8_lossy(value).into_owned(), *count)).collect();
    top.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    out.set_item("top", top)?;
    Ok(out)
}
