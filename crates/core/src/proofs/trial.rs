//! For tests: a writer with one file sink, and what stands in that file.
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::delivery::leader::{Leader, Lock};
use crate::delivery::spec::identity;
use crate::record::frame::{put_site, put_text, put_thread, Head, Kind};
use crate::record::value::Fields;
use crate::record::{Message, Process, Record, Site, Thread};
use crate::spool::folder::Folder;
use crate::spool::reader::Bytes;
use crate::spool::segment::SinkId;
use crate::spool::shared::PATIENCE;
use crate::spool::{frame_bytes, Room, Spool};
use crate::system::fork::Held;
use crate::system::os::now_ns;

pub const SINK: &str = "file";

pub fn spool_path(log_dir: &Path) -> PathBuf {
    log_dir.join(".cordwood")
}

pub fn process() -> Process {
    Process { pid: 1, hostname: "h".into(), utc_offset: 0, zone: "UTC".into(), start_ns: 0, segment: 0 }
}

/// A record with nothing in it but a message.
pub fn record(process: &Process) -> Record<'_> {
    Record {
        time_ns: 1_760_845_945_123_456_789,
        sequence: 1,
        site: Site { logger: "app", level: 20, level_name: "INFO", pathname: "/srv/a.py", line: 1, function: "f" },
        thread: Thread { ident: 1, pid: 1, name: "t", process_name: "p" },
        process,
        template: "hi",
        parts: None,
        message: Message::Rendered("hi"),
        fields: Fields::default(),
        exception: None,
        stack_info: None,
        task_name: None,
        place: None,
    }
}

/// A folder in memory, for tests that make thousands.
pub fn folder_in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A process that logs: dropped without more it has been killed.
pub struct Writer {
    pub spool: Spool,
    /// Of what it logs from now on.
    pub level: i32,
    /// For whom, a bit each.
    pub sinks: u32,
    defined: (u64, i32, u32, u32),
}

impl Writer {
    pub fn new(log_dir: &Path, max_bytes: u64) -> Self {
        let folder = Folder::open(&spool_path(log_dir)).unwrap();
        let path = log_dir.join("app.log");
        let spec = serde_json::json!({"kind": "file", "path": path, "format": {"kind": "text", "format": "%(message)s"},
            "max_bytes": 0, "backup_count": 0, "when": null, "naming": "number", "compress": null, "mode": 384,
            "group": null, "sync": "interval"});
        folder.describe_sink(identity(SINK), &spec.to_string()).unwrap();
        let writer = Self::with(folder, max_bytes);
        writer.spool.shared.keep_spec(identity(SINK), &spec.to_string(), true);
        writer
    }

    pub fn with(folder: Folder, max_bytes: u64) -> Self {
        let mut spool = Spool::new(folder, max_bytes, process());
        spool.sinks.push(SinkId { identity: identity(SINK), local: false });
        Self { spool, level: 20, sinks: u32::MAX, defined: (0, 0, 0, 0) }
    }

    /// Waits for a segment for as long as it takes.
    pub fn reserve(&mut self, bytes: usize) -> Room {
        loop {
            match self.spool.reserve(bytes, true) {
                Room::Making => self.spool.shared.wait_for_segment(Instant::now() + PATIENCE),
                found => return found,
            }
        }
    }

    pub fn log(&mut self, text: &str) -> bool {
        self.log_at(now_ns(), text)
    }

    pub fn log_at(&mut self, time_ns: i64, text: &str) -> bool {
        let (mut site, mut thread) = (Vec::new(), Vec::new());
        let place =
            Site { logger: "app", level: self.level, level_name: "INFO", pathname: "/a.py", line: 1, function: "f" };
        put_site(&place, None, &mut site);
        put_thread(&Thread { ident: 1, pid: 1, name: "t", process_name: "p" }, &mut thread);
        let room = frame_bytes(site.len()) + frame_bytes(thread.len()) + frame_bytes(64 + text.len());
        if !matches!(self.reserve(room), Room::Ready) {
            return false;
        }
        if (self.defined.0, self.defined.1) != (self.spool.salt(), self.level) {
            let site = self.spool.append_definition(Kind::Site, &site);
            let thread = self.spool.append_definition(Kind::Thread, &thread);
            self.defined = (self.spool.salt(), self.level, site, thread);
        }
        let (_, level, site, thread) = self.defined;
        let head = Head { time_ns, site, thread, sinks: self.sinks, level };
        let mut payload = head.bytes().to_vec();
        put_text(text, &mut payload);
        self.spool.append_record(0, &payload);
        true
    }
}

/// Takes the lead of a folder.
pub fn lead(log_dir: &Path) -> Leader {
    let spool = Spool::new(Folder::open(&spool_path(log_dir)).unwrap(), 0, process());
    let lock = Lock::take(&spool.shared).unwrap();
    Leader::new(Arc::clone(&spool.shared), lock)
}

/// A file that the system does not let read.
pub fn unread() -> Bytes {
    Bytes::File(Held::open(|| File::options().write(true).open("/dev/null")).unwrap())
}

pub fn lines(log_dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log_dir.join("app.log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

pub fn segments(log_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(spool_path(log_dir)).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "seg")).collect()
}
