//! Every way the core can fail, and when.
use std::fmt;
use std::io;
use std::path::PathBuf;

/// An error of the core. `Display` gives one line fit for an operator.
#[derive(Debug)]
pub enum Error {
    /// A system call failed on a path: `what` is the verb ("open", "write", "rename").
    Io { what: &'static str, path: PathBuf, source: io::Error },
    /// Bytes that are not what the format says: a foreign, damaged or newer file.
    Format { path: PathBuf, offset: u64, why: &'static str },
    /// A setting that cannot be used; `field` names it as the user wrote it.
    Setting { field: &'static str, why: String },
    /// The spool has no room for a frame of this many bytes.
    Full { wanted: u64, max_bytes: u64 },
}

/// Why a file is left alone until that version comes.
pub const NEWER: &str = "written by a newer version of Cordwood";

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn io(what: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Io { what, path: path.into(), source: source.into() }
    }

    /// A system call on a path that does not return.
    pub fn silence(what: &'static str, path: impl Into<PathBuf>) -> Self {
        Self::io(what, path, io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer"))
    }

    /// The operating system's error number, where there is one.
    pub fn os_code(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, path, source } => write!(f, "cannot {what} {}: {source}", path.display()),
            Self::Format { path, offset, why } => write!(f, "{} at byte {offset}: {why}", path.display()),
            Self::Setting { field, why } => write!(f, "{field}: {why}"),
            Self::Full { wanted, max_bytes } => {
                write!(f, "the spool is full ({max_bytes} bytes; {wanted} more asked for)")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
