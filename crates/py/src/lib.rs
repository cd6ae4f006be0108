//! The binding: a list of what Python sees.
// PyO3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]
mod analyze;
mod batch;
mod capture;
mod database;
mod draft;
mod entry;
mod ffi;
mod fields;
mod folder;
mod json;
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

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::analyze::{find_rules, PyAnalysis};
    #[pymodule_export]
    use super::batch::{row_columns, Batch};
    #[pymodule_export]
    use super::database::PyReader;
    #[pymodule_export]
    use super::entry::{forget_plans, install_handler, install_logger};
    #[pymodule_export]
    use super::folder::{pack, read_ledger, read_spool, recover, spool_status, unpack};
    #[pymodule_export]
    use super::log_record::{capture, masked_attributes};
    #[pymodule_export]
    use super::mine::mine_plain;
    #[pymodule_export]
    use super::search::{check_format, check_query, echoes, first_time, recognise, Cutter, Matcher, PySearch};
    #[pymodule_export]
    use super::settings::{
        check_pattern, check_theme, compile_text, context_used, escape, redact, set_hooks, set_redaction,
    };
    #[pymodule_export]
    use super::spool::PySpool;

    use super::{ffi, Bound, PyModule, PyResult};

    #[pymodule_init]
    #[cfg_attr(not(feature = "failpoints"), allow(unused_variables, clippy::unnecessary_wraps))]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        ffi::look_up_symbols();
        ffi::deliver_at_exit();
        cordwood_core::system::fork::install()?;
        // Where the crash harness may kill: in builds for it alone.
        #[cfg(feature = "failpoints")]
        pyo3::types::PyModuleMethods::add(module, "FAILPOINTS", cordwood_core::system::failpoint::NAMES)?;
        Ok(())
    }
}
