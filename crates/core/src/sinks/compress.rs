//! Closed files to gzip or zstd, on a thread of their own, in bounded memory.
//!
//! The compressor keeps no list of work: woken, it compresses every backup that is still plain, newest first, so what a
//! crash left is done like what was just rotated. A file is compressed beside itself under a temporary name and then
//! takes its place in one short step under the log file's lock, which rotation holds too: no name is shifted meanwhile.
//! Killed before that step, the source is whole; killed within it, both forms stand and `rotate::settle` removes one.
use std::collections::HashSet;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, sync_channel, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::sinks::fs::{append, lock_path, lock_within, FileId, FileSystem, Handle, How, Reader};
use crate::sinks::names::{Backup, Form, Names};
use crate::system::os::block_signals;

const BLOCK: usize = 64 * 1024;
const ZSTD_LEVEL: i32 = 3;
/// For another user's compressor at the same file.
const FILE_PATIENCE: Duration = Duration::from_millis(100);
/// For the delivery loop, which lets the log's lock go after every batch.
const LOG_PATIENCE: Duration = Duration::from_secs(5);

struct Appender<'a> {
    fs: &'a dyn FileSystem,
    file: &'a Handle,
}

impl Write for Appender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        append(self.fs, self.file, bytes).1.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text of a file of any form, as a stream.
pub fn text<'a>(fs: &'a dyn FileSystem, file: &'a Handle, form: Form) -> io::Result<Box<dyn Read + 'a>> {
    let source = BufReader::with_capacity(BLOCK, Reader { fs, file, offset: 0 });
    Ok(match form {
        Form::Plain => Box::new(source),
        Form::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Form::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(source)?),
        // Archives are old: no batch in flight ends in one.
        Form::Parquet => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// Whether a compressed file holds exactly the text of a plain one.
pub fn same_text(fs: &dyn FileSystem, plain: &Path, packed: &Path, form: Form) -> io::Result<bool> {
    let (plain, packed) = (fs.open(plain, How::Read, 0)?, fs.open(packed, How::Read, 0)?);
    if form == Form::Parquet {
        return Ok(false);
    }
    let mut text = text(fs, &packed, form)?;
    let (mut offset, mut ours, mut theirs) = (0, vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let n = match text.read(&mut ours) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Ok(false), // Not such a file at all, or a torn one.
            Ok(n) => n,
        };
        let mut same = Reader { fs, file: &plain, offset };
        if n == 0 {
            return Ok(same.read(&mut theirs[..1])? == 0);
        }
        match same.read_exact(&mut theirs[..n]) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            done => done?,
        }
        if ours[..n] != theirs[..n] {
            return Ok(false);
        }
        offset += n as u64;
    }
}

/// Compresses a text; returns its length.
pub fn pack(text: impl Read, packed: impl Write, form: Form) -> io::Result<u64> {
    let mut text = BufReader::with_capacity(BLOCK, text);
    let mut out = BufWriter::with_capacity(BLOCK, packed);
    let length = match form {
        Form::Plain | Form::Parquet => io::copy(&mut text, &mut out)?,
        Form::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::default());
            let length = io::copy(&mut text, &mut encoder)?;
            encoder.finish()?;
            length
        }
        Form::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(&mut out, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            let length = io::copy(&mut text, &mut encoder)?;
            encoder.finish()?;
            length
        }
    };
    out.flush()?;
    Ok(length)
}

/// A text that ends in an error when told to.
struct Stopping<'a> {
    text: Reader<'a>,
    stop: &'a AtomicBool,
}

impl Read for Stopping<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("told to stop"));
        }
        self.text.read(out)
    }
}

#[derive(Debug)]
struct Work {
    fs: Arc<dyn FileSystem>,
    names: Names,
    log: PathBuf,
    form: Form,
    stop: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl Work {
    /// Compresses every plain backup; one that fails waits for the next time.
    fn sweep(&self) {
        let mut tried = HashSet::new();
        while !self.stop.load(Ordering::Relaxed) {
            match self.next(&mut tried) {
                Ok(Some(source)) => {
                    if let Err(e) = self.compress(&source) {
                        self.fail(Error::io("compress", source.path, e));
                    }
                }
                Ok(None) => return,
                Err(e) => return self.fail(Error::io("list", self.names.folder(), e)),
            }
        }
    }

    fn fail(&self, error: Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The newest plain backup not tried yet. One that has a compressed twin is for `rotate::settle`.
    fn next(&self, tried: &mut HashSet<FileId>) -> io::Result<Option<Backup>> {
        let all = self.names.list(&*self.fs)?;
        let packed: HashSet<_> = all.iter().filter(|b| b.form != Form::Plain).map(|b| b.age).collect();
        let mut plain = all.into_iter().filter(|b| b.form == Form::Plain && b.is_regular() && !packed.contains(&b.age));
        Ok(plain.find(|b| tried.insert(b.stat.id)))
    }

    fn compress(&self, source: &Backup) -> io::Result<()> {
        let fs = &*self.fs;
        let file = match fs.open(&source.path, How::Read, 0) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()), // Shifted: whoever did it wakes us again.
            opened => opened?,
        };
        if fs.stat_open(&file)?.id != source.stat.id || !lock_within(fs, &file, FILE_PATIENCE)? {
            return Ok(()); // Another file by now, or another user's compressor has it.
        }
        let path = self.names.temporary(source.stat.id.ino, self.form);
        let result = self.make(&path, &file, source).and_then(|made| match made {
            // Its lock is held until it has its place.
            Some((_target, len)) => self.place(&path, source, len),
            None => Ok(false),
        });
        if !matches!(result, Ok(true)) {
            let _ = fs.unlink(&path);
        }
        result.map(|_| ())
    }

    /// Writes the compressed form under its temporary name: the file and the length of its text, `None` when told to stop.
    fn make(&self, path: &Path, source: &Handle, backup: &Backup) -> io::Result<Option<(Handle, u64)>> {
        let fs = &*self.fs;
        let target = match fs.open(path, How::Create, 0o600) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                fs.unlink(path)?; // Left by a crash: whoever makes one holds the source's lock, as we do now.
                fs.open(path, How::Create, 0o600)?
            }
            opened => opened?,
        };
        lock_within(fs, &target, Duration::ZERO)?; // So that nobody takes it for a crash's leftover.
        let stat = &backup.stat;
        if fs.own(&target, stat.mode, Some(stat.uid), Some(stat.gid)).is_err() {
            fs.own(&target, stat.mode & 0o700, None, None)?; // Another's file, read by group: ours is for ourselves.
        }
        let text = Reader { fs, file: source, offset: 0 };
        let packed = pack(Stopping { text, stop: &self.stop }, Appender { fs, file: &target }, self.form);
        let len = match packed {
            Err(_) if self.stop.load(Ordering::Relaxed) => return Ok(None),
            packed => packed?,
        };
        fs.sync(&target)?;
        failpoint!("compress.tmp")?;
        Ok(Some((target, len)))
    }

    /// `None` when it cannot be had in time, or when told to stop.
    fn lock_log(&self) -> io::Result<Option<Handle>> {
        let end = Instant::now() + LOG_PATIENCE;
        while Instant::now() < end && !self.stop.load(Ordering::Relaxed) {
            match lock_path(&*self.fs, &self.log, FILE_PATIENCE) {
                Ok(None) => {}
                // Just rotated, the new one not yet made.
                Err(e) if e.kind() == io::ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(1)),
                locked => return locked,
            }
        }
        Ok(None)
    }

    /// Puts the compressed form in the source's place, wherever that is by now; false if the source is gone or grew.
    fn place(&self, temporary: &Path, source: &Backup, len: u64) -> io::Result<bool> {
        let fs = &*self.fs;
        let Some(lock) = self.lock_log()? else { return Ok(false) };
        let now = self.names.list(fs)?.into_iter().find(|b| b.stat.id == source.stat.id);
        let placed = match now {
            Some(now) if now.form == Form::Plain && now.stat.len == len => {
                match fs.rename(temporary, &self.names.path(now.age, self.form)) {
                    // Another user's leader took it for a crash's: between its making and its lock.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
                    renamed => renamed?,
                }
                failpoint!("compress.renamed")?;
                fs.unlink(&now.path)?;
                true
            }
            _ => false,
        };
        fs.unlock(&lock)?;
        fs.sync_folder(self.names.folder())?;
        Ok(placed)
    }
}

/// The compressor of one log file. Its thread starts with the first work; where no thread can be had, the work is done
/// by the caller.
#[derive(Debug)]
pub struct Compressor {
    work: Arc<Work>,
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    wake: SyncSender<()>,
    /// Disconnected when the thread ends.
    ended: Receiver<()>,
    handle: JoinHandle<()>,
}

impl Thread {
    fn start(work: Arc<Work>) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let (end, ended): (Sender<()>, _) = channel();
        let handle = Builder::new().name("cordwood-compress".into()).spawn(move || {
            let _end = end;
            block_signals();
            while woken.recv().is_ok() {
                work.sweep();
            }
        })?;
        Ok(Self { wake, ended, handle })
    }
}

impl Compressor {
    /// `log` is the file whose backups `names` names; `form` is not `Plain`.
    pub fn new(fs: Arc<dyn FileSystem>, names: Names, log: PathBuf, form: Form) -> Self {
        let work = Work { fs, names, log, form, stop: AtomicBool::new(false), failure: Mutex::new(None) };
        Self { work: Arc::new(work), thread: None }
    }

    /// There may be files to compress. Not to be called under the log file's lock.
    pub fn wake(&mut self) {
        if self.thread.is_none() {
            self.thread = Thread::start(Arc::clone(&self.work)).ok();
        }
        match &self.thread {
            // A full channel means that it is woken already.
            Some(thread) => drop(thread.wake.try_send(())),
            None => self.work.sweep(),
        }
    }

    /// The last failure, once.
    pub fn failure(&self) -> Option<Error> {
        self.work.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the thread, after its work if that takes no longer than `patience`; the rest is done by the next one.
    pub fn close(&mut self, patience: Duration) -> Result<()> {
        if let Some(Thread { wake, ended, handle }) = self.thread.take() {
            drop(wake);
            let _ = ended.recv_timeout(patience);
            self.work.stop.store(true, Ordering::Relaxed);
            let _ = handle.join();
        }
        self.failure().map_or(Ok(()), Err)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        let _ = self.close(Duration::ZERO);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
