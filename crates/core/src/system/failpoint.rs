//! Named places where a crash harness kills, stops, delays or fails the process.
//!
//! Without the cargo feature `failpoints` the macro is a constant `Ok(())` and nothing of this is compiled in. With it,
//! the environment arms one place: `CORDWOOD_FAILPOINT="file.part=kill@3"` kills at the third pass. Actions are `kill`,
//! `stop`, `panic`, `error:EIO` (any of the names in [`code`]) and `delay:MS`; without `@n` every pass counts.

/// Every name in use.
pub const NAMES: &[&str] = &[
    "compress.renamed",
    "compress.tmp",
    "control.made",
    "file.created",
    "file.part",
    "file.write",
    "file.written",
    "frame.copied",
    "fs.linked",
    "leader.written",
    "ledger.written",
    "outbox.begun",
    "outbox.bytes",
    "outbox.done",
    "position.moved",
    "rotate.deleted",
    "rotate.renamed",
    "rotate.shifted",
    "segment.created",
    "segment.full",
    "segment.headed",
    "segment.removed",
    "sink.described",
    "takeover.finished",
    "takeover.retargeted",
];

/// Passes a named place: an `io::Result<()>`, an error only where one was asked for.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::system::failpoint::pass($name)
    };
}

/// Passes a named place: nothing in this build.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        ::std::io::Result::Ok(())
    };
}

#[cfg(all(test, feature = "failpoints"))]
pub use armed::arm;
#[cfg(feature = "failpoints")]
pub use armed::{is_armed, pass};

#[cfg(feature = "failpoints")]
mod armed {
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::OnceLock;
    use std::time::Duration;

    use rustix::process::{getpid, kill_process, Signal};

    #[derive(Debug, PartialEq)]
    pub(super) enum Action {
        Kill,
        Stop,
        Panic,
        Error(i32),
        Delay(u64),
    }

    #[derive(Debug)]
    pub(super) struct Point {
        pub name: String,
        pub action: Action,
        pub nth: Option<u64>,
        pub passes: AtomicU64,
    }

    static POINT: OnceLock<Option<Point>> = OnceLock::new();

    #[cfg(test)]
    thread_local!(static OWN: std::cell::RefCell<Option<Point>> = const { std::cell::RefCell::new(None) });

    /// Arms a place for the calling thread alone; None disarms it.
    #[cfg(test)]
    pub fn arm(text: Option<&str>) {
        OWN.with_borrow_mut(|own| *own = text.and_then(parse));
    }

    fn point() -> Option<&'static Point> {
        POINT.get_or_init(|| parse(&std::env::var("CORDWOOD_FAILPOINT").ok()?)).as_ref()
    }

    /// Whether this place is the armed one: asked where the way to it must be prepared (a part-write).
    pub fn is_armed(name: &str) -> bool {
        #[cfg(test)]
        if OWN.with_borrow(|own| own.as_ref().is_some_and(|p| p.name == name)) {
            return true;
        }
        point().is_some_and(|p| p.name == name)
    }

    pub fn pass(name: &str) -> io::Result<()> {
        #[cfg(test)]
        OWN.with_borrow(|own| own.as_ref().filter(|p| p.name == name).map_or(Ok(()), Point::pass))?;
        match point() {
            Some(p) if p.name == name => p.pass(),
            _ => Ok(()),
        }
    }

    impl Point {
        pub(super) fn pass(&self) -> io::Result<()> {
            let pass = self.passes.fetch_add(1, Ordering::Relaxed) + 1;
            if self.nth.is_some_and(|n| n != pass) {
                return Ok(());
            }
            match self.action {
                Action::Kill => kill_process(getpid(), Signal::KILL)?,
                Action::Stop => kill_process(getpid(), Signal::STOP)?,
                Action::Panic => panic!("asked for"),
                Action::Error(code) => return Err(io::Error::from_raw_os_error(code)),
                Action::Delay(ms) => std::thread::sleep(Duration::from_millis(ms)),
            }
            Ok(())
        }
    }

    pub(super) fn parse(text: &str) -> Option<Point> {
        let (name, action) = text.split_once('=')?;
        let (action, nth) = match action.split_once('@') {
            Some((action, n)) => (action, Some(n.parse().ok()?)),
            None => (action, None),
        };
        let action = match action.split_once(':') {
            None if action == "kill" => Action::Kill,
            None if action == "stop" => Action::Stop,
            None if action == "panic" => Action::Panic,
            Some(("error", name)) => Action::Error(code(name)?),
            Some(("delay", ms)) => Action::Delay(ms.parse().ok()?),
            _ => return None,
        };
        Some(Point { name: name.into(), action, nth, passes: AtomicU64::new(0) })
    }

    fn code(name: &str) -> Option<i32> {
        use rustix::io::Errno;
        let errno = match name {
            "EACCES" => Errno::ACCESS,
            "EDQUOT" => Errno::DQUOT,
            "EINTR" => Errno::INTR,
            "EIO" => Errno::IO,
            "EMFILE" => Errno::MFILE,
            "ENOENT" => Errno::NOENT,
            "ENOSPC" => Errno::NOSPC,
            "EROFS" => Errno::ROFS,
            _ => return None,
        };
        Some(errno.raw_os_error())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The names between `failpoint!("` and `")` in every source file below `folder`.
    fn used(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && path.file_stem().unwrap() != "failpoint" {
                let source = std::fs::read_to_string(&path).unwrap();
                for after in source.split("failpoint!(\"").skip(1) {
                    found.insert(after.split('"').next().unwrap().to_owned());
                }
            }
        }
    }

    #[test]
    fn names_lists_exactly_the_places_in_the_source() {
        let mut found = BTreeSet::new();
        used(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let listed: BTreeSet<String> = super::NAMES.iter().map(|&n| n.to_owned()).collect();
        assert_eq!(listed, found);
    }

    #[cfg(feature = "failpoints")]
    #[test]
    fn an_error_is_given_at_the_asked_pass_only() {
        let point = super::armed::parse("file.part=error:ENOSPC@2").unwrap();
        assert_eq!(point.name, "file.part");
        assert!(point.pass().is_ok());
        assert_eq!(point.pass().unwrap_err().raw_os_error(), Some(28));
        assert!(point.pass().is_ok());
    }

    #[cfg(feature = "failpoints")]
    #[test]
    fn a_text_that_names_no_action_arms_nothing() {
        for text in ["", "file.part", "file.part=", "file.part=die", "file.part=error:ENOPE", "a=delay:x", "a=kill@x"] {
            assert!(super::armed::parse(text).is_none(), "{text}");
        }
    }
}
