//! What may be wrong with an archive, in words; the library's own panics on damaged files taken for that.
use std::cell::Cell;
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

use parquet::errors::ParquetError;

use crate::error::Error;

pub type Outcome<T> = Result<T, ParquetError>;

/// A sentence of ours; the library's own errors are told in [`said`].
pub fn bad(why: &str) -> ParquetError {
    ParquetError::External(why.into())
}

pub fn damaged() -> ParquetError {
    bad("this archive is damaged")
}

pub fn foreign() -> ParquetError {
    bad("this is no archive of Cordwood's")
}

/// An error as the user reads it.
pub fn said(error: &ParquetError) -> String {
    let is_of_the_system = |error: &std::io::Error| error.raw_os_error().is_some();
    match error {
        ParquetError::External(error) if error.downcast_ref().is_none_or(is_of_the_system) => error.to_string(),
        ParquetError::General(why) | ParquetError::EOF(why) => format!("this archive is damaged ({why})"),
        other => format!("this archive is damaged ({other})"),
    }
}

/// Any failure of the format, at a file.
pub fn at(what: &'static str, path: &Path, error: &ParquetError) -> Error {
    Error::io(what, path, std::io::Error::other(said(error)))
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// The library asserts what it expects of a file: in a damaged one that, too, is an error, and nothing for stderr.
pub fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    let was = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(was);
    done.unwrap_or_else(|_| Err(damaged()))
}
