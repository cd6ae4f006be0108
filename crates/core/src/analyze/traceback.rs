//! Python's tracebacks: which are the same error.
//!
//! Two are, where the exceptions' types and the functions of the application's own files are; line numbers, messages and the
//! libraries' frames do not count. Each exception of a chain does.
use crate::mine::hash;

/// Folders of files that are not the application's own.
const OTHERS: &[&[u8]] = &[b"site-packages", b"dist-packages", b"/lib/python3", b"\\lib\\", b"\\Lib\\"];
const LEADS: [&[u8]; 2] =
    [b"Traceback (most recent call last):", b"Exception Group Traceback (most recent call last):"];

/// A frame: its file and its function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Frame<'a> {
    file: &'a [u8],
    function: &'a [u8],
}

impl Frame<'_> {
    fn is_own(&self) -> bool {
        !self.file.starts_with(b"<") && !OTHERS.iter().any(|part| memchr::memmem::find(self.file, part).is_some())
    }
}

/// One exception of a chain.
#[derive(Default, Debug)]
struct Raised<'a> {
    frames: Vec<Frame<'a>>,
    /// `ValueError: no such thing`.
    line: &'a [u8],
}

impl<'a> Raised<'a> {
    fn kind(&self) -> &'a [u8] {
        let end = self.line.iter().position(|b| *b == b':' || *b == b' ').unwrap_or(self.line.len());
        &self.line[..end]
    }

    /// The application's frames; of an exception that passed none of them, the last frame.
    fn own(&self) -> Vec<Frame<'a>> {
        let own: Vec<_> = self.frames.iter().copied().filter(Frame::is_own).collect();
        if own.is_empty() {
            self.frames.last().copied().into_iter().collect()
        } else {
            own
        }
    }
}

/// A traceback, with all exceptions of its chain: the first raised first.
#[derive(Debug)]
pub struct Traceback<'a> {
    chain: Vec<Raised<'a>>,
}

impl<'a> Traceback<'a> {
    pub fn read(text: &'a [u8]) -> Self {
        let mut chain = vec![Raised::default()];
        for line in text.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // Groups of exceptions are drawn with bars.
            let bare = line.trim_ascii_start();
            let bare = bare.strip_prefix(b"| ").or_else(|| bare.strip_prefix(b"+ ")).unwrap_or(bare);
            let last = chain.len() - 1;
            if LEADS.iter().any(|lead| bare.starts_with(lead)) {
                if !chain[last].line.is_empty() {
                    chain.push(Raised::default());
                }
            } else if let Some(frame) = frame(bare.trim_ascii_start()) {
                chain[last].frames.push(frame);
            } else if chain[last].line.is_empty() && is_exception(line, bare) {
                chain[last].line = bare;
            }
        }
        Self { chain }
    }

    /// The last exception's own line.
    pub fn title(&self) -> &'a [u8] {
        self.chain.last().map_or(b"", |raised| raised.line)
    }

    /// The own frames of the last exception, outermost first: `path in function`.
    pub fn own(&self) -> impl Iterator<Item = String> + '_ {
        let frames = self.chain.last().map(Raised::own).unwrap_or_default();
        frames.into_iter().map(|frame| {
            format!("{} in {}", String::from_utf8_lossy(frame.file), String::from_utf8_lossy(frame.function))
        })
    }

    pub fn fingerprint(&self) -> u64 {
        let mut told: Vec<u8> = Vec::new();
        for raised in &self.chain {
            told.extend_from_slice(raised.kind());
            for frame in raised.own() {
                told.push(b'\n');
                told.extend_from_slice(frame.file);
                told.push(b'\t');
                told.extend_from_slice(frame.function);
            }
            told.push(0);
        }
        hash(&told)
    }
}

/// `File "/srv/app.py", line 7, in view`.
fn frame(line: &[u8]) -> Option<Frame<'_>> {
    let rest = line.strip_prefix(b"File \"")?;
    let end = memchr::memmem::find(rest, b"\", line ")?;
    let function = memchr::memmem::find(&rest[end..], b", in ").map_or(&b""[..], |at| &rest[end + at + 5..]);
    Some(Frame { file: &rest[..end], function })
}

/// Whether this line names an exception: not indented, and a dotted name that ends or has a colon after it.
fn is_exception(line: &[u8], bare: &[u8]) -> bool {
    let end = bare.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_' || *b == b'.')).unwrap_or(bare.len());
    let names = end > 0 && bare[0].is_ascii_alphabetic() && (end == bare.len() || bare[end] == b':');
    names
        && (line.len() == bare.len()
            || line.trim_ascii_start().starts_with(b"|")
            || line.trim_ascii_start().starts_with(b"+"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ONE: &str = "Traceback (most recent call last):
  File \"/srv/app/api.py\", line 40, in view
    user = users[user_id]
           ~~~~~^^^^^^^^^
  File \"/usr/lib/python3.11/site-packages/driver/conn.py\", line 88, in send
    raise TimeoutError
TimeoutError: no reply within 3 s
";

    #[test]
    fn lines_messages_and_libraries_make_no_other_error() {
        let other = ONE.replace("line 40", "line 57").replace("3 s", "9 s").replace("in send", "in receive");
        assert_eq!(Traceback::read(ONE.as_bytes()).fingerprint(), Traceback::read(other.as_bytes()).fingerprint());
    }

    #[test]
    fn type_and_own_function_do() {
        let fingerprint = |text: &str| Traceback::read(text.as_bytes()).fingerprint();
        assert_ne!(fingerprint(ONE), fingerprint(&ONE.replace("TimeoutError:", "OSError:")));
        assert_ne!(fingerprint(ONE), fingerprint(&ONE.replace("in view", "in index")));
    }

    #[test]
    fn every_exception_of_a_chain_counts_and_the_last_gives_the_title() {
        let chained = |first: &str| {
            format!(
                "Traceback (most recent call last):\n  File \"/srv/a.py\", line 1, in a\n{first}: x\n\nDuring handling of \
                 the above exception, another exception occurred:\n\n{ONE}"
            )
        };
        let (key, value) = (chained("KeyError"), chained("ValueError"));
        let (key, value) = (Traceback::read(key.as_bytes()), Traceback::read(value.as_bytes()));
        assert_ne!(key.fingerprint(), value.fingerprint());
        assert_eq!(key.title(), b"TimeoutError: no reply within 3 s");
        assert_eq!(key.own().collect::<Vec<_>>(), ["/srv/app/api.py in view"]);
    }

    #[test]
    fn text_that_is_no_traceback_has_a_fingerprint_too() {
        assert_eq!(Traceback::read(b"").title(), b"");
        Traceback::read(b"\xff\x00 File \"x").fingerprint();
    }
}
