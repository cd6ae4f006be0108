//! The binding: a list of what Python sees.
// PyO3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]
mod analyze;
mod capture;
mod database;
mod draft;
mod entry;
mod ffi;
mod fields;
mod folder;
mod log_record;
mod message;
mod mine;
mod plan;
mod record;
mod room;
mod runtime;
mod search;
mod settings;
mod site;
mod spool;
mod state;
mod thread;
mod usual;
mod value;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::analyze::{find_rules, PyAnalysis};
    #[pymodule_export]
    use super::database::{row_columns, Batch, PyReader};
    #[pymodule_export]
    use super::entry::{forget_plans, install_handler, install_logger};
    #[pymodule_export]
    use super::folder::{pack, read_ledger, read_spool, recover, spool_status, unpack};
    #[pymodule_export]
    use super::log_record::{capture, masked_attributes};
    #[pymodule_export]
    use super::mine::mine_plain;
    #[pymodule_export]
    use super::search::{check_format, check_query, first_time, recognise, Cutter, Matcher, PySearch};
    #[pymodule_export]
    use super::settings::{
        after_fork, before_fork, check_pattern, check_theme, compile_text, context_used, escape, redact, set_hooks,
        set_redaction,
    };
    #[pymodule_export]
    use super::spool::PySpool;

    use super::{ffi, init_checks, Bound, PyModule, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        init_checks(module)?;
        ffi::look_up_symbols();
        ffi::deliver_at_exit();
        // Where the crash harness may kill: in builds for it alone.
        #[cfg(feature = "failpoints")]
        pyo3::types::PyModuleMethods::add(module, "FAILPOINTS", cordwood_core::system::failpoint::NAMES)?;
        Ok(())
    }
}

/// What Cordwood does not run on is refused at import, with a clear line.
fn init_checks(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let sys = py.import("sys")?;
    if let Ok(enabled) = sys.getattr("_is_gil_enabled") {
        if !enabled.call0()?.is_truthy()? {
            return Err(PyImportError::new_err("cordwood needs the GIL; run a build of Python that has it"));
        }
    }
    let implementation: String = sys.getattr("implementation")?.getattr("name")?.extract()?;
    if implementation != "cpython" {
        return Err(PyImportError::new_err(format!("cordwood runs on CPython, not on {implementation}")));
    }
    Ok(())
}
