//! A spool folder from outside: recovery, and what views ask of it.
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use cordwood_core::delivery::ledger::{self, Row};
use cordwood_core::delivery::recovery;
use cordwood_core::query::archive;
use cordwood_core::query::formats::Given;
use cordwood_core::record::Process;
use cordwood_core::sinks::fs::Real;
use cordwood_core::sinks::names::Form;
use cordwood_core::spool::account::LOSSES;
use cordwood_core::spool::folder::Folder;
use cordwood_core::spool::source::{open_folder, Source, Take};
use cordwood_core::spool::Spool;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::record::to_python;
use crate::spool::{about_file, drops, os_error};

/// How long a busy folder's lock, and a failing file, are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The path as targets name it: from the root, without links; the folder itself may be none and stays.
fn whole(folder: &Path) -> PathBuf {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), folder.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => folder.to_owned(),
    }
}

/// Packs the log `source` into `target`, which must exist, and reads that again; `form` is `gzip`, `zstd` or `parquet`.
/// `formats` are known for the log. Returns its size. `OSError`: what was packed is not to be used.
#[pyfunction]
#[pyo3(signature = (source, target, form, formats=Vec::new()))]
pub fn pack(py: Python<'_>, source: PathBuf, target: PathBuf, form: &str, formats: Vec<Given>) -> PyResult<u64> {
    let form = match form {
        "parquet" => Form::Parquet,
        "zstd" => Form::Zstd,
        _ => Form::Gzip,
    };
    py.detach(|| archive::pack(&source, &target, form, &formats)).map_err(|e| about_file(&e))
}

/// Writes the log that a packed file was made of to `target`; its size. `OSError`: it is damaged.
#[pyfunction]
pub fn unpack(py: Python<'_>, source: PathBuf, target: PathBuf) -> PyResult<u64> {
    py.detach(|| archive::unpack(&source, &target)).map_err(|e| about_file(&e))
}

/// Somebody who reads a folder and writes no record to it.
fn visitor(path: &Path) -> PyResult<Spool> {
    // Opening makes what is missing; a visitor makes no folder.
    open_folder(path).map_err(|e| os_error(&e))?;
    let folder = Folder::open(path).map_err(|e| os_error(&e))?;
    let process =
        Process { pid: 0, hostname: String::new(), utc_offset: 0, zone: String::new(), start_ns: 0, segment: 0 };
    Ok(Spool::new(folder, 0, process))
}

/// Records that some file of the folder has not got, over all its sinks.
fn waiting(source: &mut Source) -> Vec<(u64, u64)> {
    let sinks = source.sinks().into_iter().filter(|(_, local)| !local);
    sinks.map(|(identity, _)| (identity, source.count(identity))).collect()
}

/// Delivers what crashed processes left in a spool folder.
///
/// Returns `delivered`, `remaining`, `led` (False: another process leads and delivers), `sinks` (path -> records
/// delivered ever) and `notices`.
#[pyfunction]
pub fn recover(py: Python<'_>, folder: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let folder = whole(&folder);
    let spool = visitor(&folder)?;
    let shared = Arc::clone(&spool.shared);
    let (recovered, left) = py
        .detach(|| {
            let recovered = recovery::recover(&shared, PATIENCE);
            let mut source = open_folder(&folder)?;
            Ok((recovered, waiting(&mut source).into_iter().map(|(_, count)| count).max().unwrap_or(0)))
        })
        .map_err(|e| os_error(&e))?;
    let out = PyDict::new(py);
    out.set_item("delivered", recovered.delivered)?;
    out.set_item("remaining", left)?;
    out.set_item("led", recovered.led)?;
    let sinks = PyDict::new(py);
    for (path, _, delivered) in &recovered.sinks {
        sinks.set_item(path, delivered)?;
    }
    out.set_item("sinks", sinks)?;
    out.set_item("notices", recovered.notices)?;
    Ok(out)
}

/// The records of all processes that some file of this spool has not got yet.
#[pyfunction]
pub fn read_spool(py: Python<'_>, folder: PathBuf) -> PyResult<Bound<'_, PyList>> {
    let mut source = open_folder(&folder).map_err(|e| os_error(&e))?;
    let list = PyList::empty(py);
    let mut seen = std::collections::HashSet::new();
    let mut failed = None;
    for (identity, local) in source.sinks() {
        if local {
            continue;
        }
        loop {
            let more = source.read(identity, |record, _| {
                if seen.insert((record.process.segment, record.sequence)) {
                    if let Err(error) = to_python(py, record).and_then(|item| list.append(item)) {
                        failed = Some(error);
                        return Take::Leave;
                    }
                }
                Take::Next
            });
            if !more || failed.is_some() {
                break;
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(list),
    }
}

/// What stands in a spool folder: `segments`, `bytes`, `leader` (process id, 0 for none), `beat` (when it last went
/// round, nanoseconds), `dropped` by reason and `sinks` (hash -> records waiting).
#[pyfunction]
pub fn spool_status(py: Python<'_>, folder: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let spool = visitor(&folder)?;
    let mut source = open_folder(&folder).map_err(|e| os_error(&e))?;
    let control = &spool.shared.folder.control;
    let out = PyDict::new(py);
    out.set_item("segments", source.len())?;
    out.set_item("bytes", source.bytes())?;
    out.set_item("leader", control.leader().load(Ordering::Relaxed))?;
    out.set_item("beat", control.beat().load(Ordering::Relaxed))?;
    out.set_item("dropped", drops(py, &spool.shared)?)?;
    let sinks = PyDict::new(py);
    for (identity, count) in waiting(&mut source) {
        sinks.set_item(format!("{identity:016x}"), count)?;
    }
    out.set_item("sinks", sinks)?;
    Ok(out)
}

/// What became of every record that a spool folder accepted, for each sink: accepted = delivered + spooled + dropped.
///
/// Returns `since` (when counting began) and `older` (until when a version that does not count delivered; nanoseconds, 0
/// for never) and `sinks`: hash -> `local`, `segments`, `uncounted` (those of such a version), `accepted`, `delivered`,
/// `spooled`, `dropped` by reason, `missing` (accepted, and nobody knows what became of it) and `surplus`.
#[pyfunction]
pub fn read_ledger(py: Python<'_>, folder: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let books = py
        .detach(|| {
            let mut source = open_folder(&folder)?;
            ledger::read(&Real, &mut source, &folder)
        })
        .map_err(|e| os_error(&e))?;
    let out = PyDict::new(py);
    out.set_item("since", books.since_ns)?;
    out.set_item("older", books.older_ns)?;
    let sinks = PyDict::new(py);
    for row in &books.rows {
        sinks.set_item(format!("{:016x}", row.identity), balance(py, row)?)?;
    }
    out.set_item("sinks", sinks)?;
    Ok(out)
}

fn balance<'py>(py: Python<'py>, row: &Row) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let sum = &row.sum;
    out.set_item("local", row.local)?;
    let counts = [
        ("segments", sum.segments),
        ("uncounted", sum.uncounted),
        ("accepted", sum.accepted),
        ("delivered", sum.delivered),
        ("spooled", sum.spooled),
        ("missing", sum.missing),
        ("surplus", sum.surplus),
    ];
    counts.into_iter().try_for_each(|(name, count)| out.set_item(name, count))?;
    let dropped = PyDict::new(py);
    LOSSES.iter().zip(sum.dropped).try_for_each(|(name, count)| dropped.set_item(name, count))?;
    out.set_item("dropped", dropped)?;
    Ok(out)
}
