//! Python's tracebacks: which are the same error.
//!
//! Two are, where the exceptions' types and the functions of the application's own files are; line numbers, messages and the
//! libraries' frames do not count. Each exception of a chain does, and so does each of a group, in whatever order and however
//! often.
use crate::query::mine::hash;

/// Folders of files that are not the application's own.
const OTHERS: &[&[u8]] = &[b"site-packages", b"dist-packages", b"/lib/python3", b"\\lib\\", b"\\Lib\\"];
const LEADS: [&[u8]; 2] =
    [b"Traceback (most recent call last):", b"Exception Group Traceback (most recent call last):"];

/// How far the drawing of a group itself is indented; its exceptions stand further in.
const GROUP: usize = 2;

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
    /// Whether a group holds it.
    inner: bool,
}

impl<'a> Raised<'a> {
    fn kind(&self) -> &'a [u8] {
        let end = self.line.iter().position(|b| *b == b':' || *b == b' ').unwrap_or(self.line.len());
        &self.line[..end]
    }

    /// What makes it the same as another one.
    fn told(&self) -> Vec<u8> {
        let mut told = self.kind().to_vec();
        for frame in self.own() {
            told.push(b'\n');
            told.extend_from_slice(frame.file);
            told.push(b'\t');
            told.extend_from_slice(frame.function);
        }
        told.push(0);
        told
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
            // loguru points at the frame that caught it.
            let bare = bare.strip_prefix(b"> ").unwrap_or(bare);
            let last = chain.len() - 1;
            let inner = drawn(line) > GROUP;
            if is_rule(bare) {
                // The next exception of a group, which may have no traceback of its own.
                if !chain[last].line.is_empty() {
                    chain.push(Raised::default());
                }
            } else if LEADS.iter().any(|lead| bare.starts_with(lead)) || line.starts_with("╭─".as_bytes()) {
                if !chain[last].line.is_empty() {
                    chain.push(Raised::default());
                }
            } else if let Some(frame) = frame(bare.trim_ascii_start()).or_else(|| boxed_frame(line)) {
                chain[last].frames.push(frame);
            } else if chain[last].line.is_empty() && is_exception(line, bare) {
                (chain[last].line, chain[last].inner) = (bare, inner);
            }
        }
        chain.retain(|raised| !raised.line.is_empty() || !raised.frames.is_empty());
        Self { chain }
    }

    /// The last exception; of a group, the group.
    fn last(&self) -> Option<&Raised<'a>> {
        self.chain.iter().rev().find(|raised| !raised.inner).or(self.chain.last())
    }

    /// The last exception's own line.
    pub fn title(&self) -> &'a [u8] {
        self.last().map_or(b"", |raised| raised.line)
    }

    /// The own frames of the last exception, outermost first: `path in function`.
    pub fn own(&self) -> impl Iterator<Item = String> + '_ {
        let frames = self.last().map(Raised::own).unwrap_or_default();
        frames.into_iter().map(|frame| {
            format!("{} in {}", String::from_utf8_lossy(frame.file), String::from_utf8_lossy(frame.function))
        })
    }

    pub fn fingerprint(&self) -> u64 {
        let (inner, outer): (Vec<_>, Vec<_>) = self.chain.iter().partition(|raised| raised.inner);
        let mut told: Vec<Vec<u8>> = inner.into_iter().map(Raised::told).collect();
        told.sort();
        told.dedup();
        let told: Vec<u8> = outer.into_iter().map(Raised::told).chain(told).flatten().collect();
        hash(&told)
    }
}

/// How far a line of a group's drawing is indented; 0 for any other.
fn drawn(line: &[u8]) -> usize {
    let indent = line.iter().take_while(|byte| **byte == b' ').count();
    if matches!(line.get(indent), Some(b'|' | b'+')) {
        indent
    } else {
        0
    }
}

/// `+---------------- 2 ----------------`, or the first one's `-+-…`, of which the first bar is gone.
fn is_rule(bare: &[u8]) -> bool {
    bare.starts_with(b"+----") || bare.starts_with(b"+-+--")
}

/// `File "/srv/app.py", line 7, in view`.
fn frame(line: &[u8]) -> Option<Frame<'_>> {
    let rest = line.strip_prefix(b"File \"")?;
    let end = memchr::memmem::find(rest, b"\", line ")?;
    let function = memchr::memmem::find(&rest[end..], b", in ").map_or(&b""[..], |at| &rest[end + at + 5..]);
    Some(Frame { file: &rest[..end], function })
}

/// `│ /srv/app.py:7 in view      │`, as rich draws it; what is indented in its box is source text.
fn boxed_frame(line: &[u8]) -> Option<Frame<'_>> {
    let bar = "│".as_bytes();
    let inner = line.strip_prefix("│ ".as_bytes())?.strip_suffix(bar)?.trim_ascii_end();
    let end = memchr::memmem::find(inner, b" in ")?;
    let (place, function) = (&inner[..end], &inner[end + 4..]);
    let colon = memchr::memrchr(b':', place)?;
    let digits = &place[colon + 1..];
    let is_place = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && !place.starts_with(b" ");
    (is_place && !place.starts_with(bar)).then_some(Frame { file: &place[..colon], function })
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
    fn a_traceback_in_a_box_is_the_same_error() {
        let boxed = "╭───── Traceback (most recent call last) ─────╮
│ /srv/app/api.py:52 in view                  │
│                                             │
│ ❱ 52     user = users[user_id]              │
│                                             │
│ ╭─ locals ─╮                                │
│ │ a:1 in b │                                │
│ ╰──────────╯                                │
│ /usr/lib/python3.11/site-packages/driver/conn.py:88 in send │
╰─────────────────────────────────────────────╯
TimeoutError: no reply within 7 s
";
        let read = Traceback::read(boxed.as_bytes());
        assert_eq!(read.title(), b"TimeoutError: no reply within 7 s");
        assert_eq!(read.own().collect::<Vec<_>>(), ["/srv/app/api.py in view"]);
        assert_eq!(read.fingerprint(), Traceback::read(ONE.as_bytes()).fingerprint());
        let chained = format!("{boxed}\nThe above exception was the direct cause of the following exception:\n\n{ONE}");
        assert_eq!(Traceback::read(chained.as_bytes()).chain.len(), 2);
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

    const GROUP_OF_TWO: &str = "  + Exception Group Traceback (most recent call last):
  |   File \"/srv/app/jobs.py\", line 9, in run
  |     raise ExceptionGroup(\"failed\", errors)
  | ExceptionGroup: failed (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File \"/srv/app/jobs.py\", line 4, in fetch
    |     raise KeyError(3)
    | KeyError: 3
    +---------------- 2 ----------------
    | ValueError: 4
    +------------------------------------
";

    #[test]
    fn a_group_is_told_by_its_own_line_and_known_by_what_it_holds() {
        let group = Traceback::read(GROUP_OF_TWO.as_bytes());
        assert_eq!(group.title(), b"ExceptionGroup: failed (2 sub-exceptions)");
        assert_eq!(group.own().collect::<Vec<_>>(), ["/srv/app/jobs.py in run"]);
        let fingerprint = |text: &str| Traceback::read(text.as_bytes()).fingerprint();
        let same = GROUP_OF_TWO.replace("KeyError: 3", "KeyError: 5").replace("line 4", "line 8");
        assert_eq!(fingerprint(&same), fingerprint(GROUP_OF_TWO));
        for (from, to) in [("ValueError:", "OSError:"), ("KeyError:", "OSError:"), ("in fetch", "in send")] {
            assert_ne!(fingerprint(&GROUP_OF_TWO.replace(from, to)), fingerprint(GROUP_OF_TWO), "{from}");
        }
        let third = "    | ValueError: 4\n    +---------------- 3 ----------------\n    | ValueError: 5\n";
        let more = GROUP_OF_TWO.replace("    | ValueError: 4\n", third);
        assert_eq!(fingerprint(&more), fingerprint(GROUP_OF_TWO), "how many of a kind does not count");
    }

    #[test]
    fn the_frame_that_loguru_points_at_is_a_frame() {
        let text = "Traceback (most recent call last):\n\n> File \"/srv/a.py\", line 3, in f\n    g()\n    └ <function g>\n\nValueError: x\n";
        assert_eq!(Traceback::read(text.as_bytes()).own().collect::<Vec<_>>(), ["/srv/a.py in f"]);
    }

    #[test]
    fn text_that_is_no_traceback_has_a_fingerprint_too() {
        assert_eq!(Traceback::read(b"").title(), b"");
        Traceback::read(b"\xff\x00 File \"x").fingerprint();
    }
}
