//! The ledger of a folder: accepted = delivered + spooled + dropped by reason, for each sink, of all segments that were
//! removed. (Of those that are there, their headers tell.)
//!
//! The leader writes it, once for each segment, before it removes that segment; it names the segment, so that one that is
//! still there after a crash is not counted again. Each segment adds a balance of its own: one that is never added (an older
//! version removed it), or is added twice (power was lost in between), makes no difference to the equation, only to the
//! sums. Two slots as in the outbox; what cannot be read or written now waits in memory, and nothing is ever begun anew for
//! an error.
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::error::{Error, Result, NEWER};
use crate::failpoint;
use crate::sinks::fs::{write_all_at, FileSystem, Handle, How, Kind, Reader};
use crate::spool::account::Balance;
use crate::spool::member::Member;
use crate::spool::source::Source;
use crate::system::fork::Held;
use crate::system::os::now_ns;

pub const NAME: &str = "ledger";
const MAGIC: &[u8; 8] = b"CWLEDGER";
const VERSION: u32 = 1;
const SLOT: usize = 16384;
const ROWS: usize = 64;
const ROW: usize = 128;
/// Sinks that have a row; all further ones share one more, of identity 0.
const MOST: usize = (SLOT - ROWS) / ROW - 1;

/// Segments that wait for a ledger that cannot be written. Of more, the first never come into it.
const MOST_PENDING: usize = 4096;

/// A sink and the sum of its segments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Row {
    pub identity: u64,
    pub local: bool,
    pub sum: Balance,
}

/// What the ledger says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    generation: u64,
    /// When counting began; 0 = it has not.
    pub since_ns: i64,
    /// Until when a version that does not count delivered; 0 = none did.
    pub older_ns: i64,
    /// The segment that was added last.
    last: u64,
    pub rows: Vec<Row>,
}

impl Books {
    fn add(&mut self, identity: u64, local: bool, balance: &Balance) {
        let known = self.rows.iter().position(|row| row.identity == identity);
        let full = self.rows.len() >= MOST;
        let identity = if known.is_none() && full { 0 } else { identity };
        let at = known.or_else(|| self.rows.iter().position(|row| row.identity == identity)).unwrap_or_else(|| {
            self.rows.push(Row { identity, local, sum: Balance::default() });
            self.rows.len() - 1
        });
        self.rows[at].sum.add(balance);
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; ROWS + self.rows.len() * ROW];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(16, &self.generation.to_le_bytes());
        put(24, &self.since_ns.to_le_bytes());
        put(32, &self.older_ns.to_le_bytes());
        put(40, &self.last.to_le_bytes());
        put(48, &(self.rows.len() as u64).to_le_bytes());
        for (place, row) in self.rows.iter().enumerate() {
            for (at, word) in row.words().enumerate() {
                put(ROWS + place * ROW + at * 8, &word.to_le_bytes());
            }
        }
        let crc = checksum(&out);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// None: it is none, or damaged. Errors: a newer version wrote it.
    fn decode(slot: &[u8], path: &Path) -> Result<Option<Self>> {
        let word = |at: usize| slot.get(at..at + 8).map_or(0, |b| u64::from_le_bytes(std::array::from_fn(|i| b[i])));
        let (version, crc) = (word(8) as u32, (word(8) >> 32) as u32);
        let count = word(48) as usize;
        if !slot.starts_with(MAGIC) {
            return Ok(None);
        }
        if version > VERSION {
            return Err(Error::Format { path: path.to_owned(), offset: 8, why: NEWER });
        }
        let Some(used) = slot.get(..ROWS + count.min(SLOT) * ROW).filter(|used| checksum(used) == crc) else {
            return Ok(None);
        };
        let rows = used[ROWS..].chunks_exact(ROW).map(Row::parse).collect();
        let (generation, last) = (word(16), word(40));
        Ok(Some(Self { generation, since_ns: word(24) as i64, older_ns: word(32) as i64, last, rows }))
    }

    /// The newer of both slots; None where neither was ever written whole.
    fn read(fs: &dyn FileSystem, file: &Handle, path: &Path) -> Result<Option<Self>> {
        let mut newest: Option<Self> = None;
        for at in [0, SLOT as u64] {
            let mut slot = Vec::with_capacity(SLOT);
            let mut reader = io::Read::take(Reader { fs, file, offset: at }, SLOT as u64);
            io::Read::read_to_end(&mut reader, &mut slot).map_err(|e| Error::io("read", path, e))?;
            newest = newest.into_iter().chain(Self::decode(&slot, path)?).max_by_key(|books| books.generation);
        }
        Ok(newest)
    }
}

impl Row {
    fn words(&self) -> impl Iterator<Item = u64> {
        let Balance { segments, uncounted, accepted, delivered, spooled: _, dropped, missing, surplus } = self.sum;
        let counts = [self.identity, self.local.into(), segments, uncounted, accepted, delivered, missing, surplus];
        counts.into_iter().chain(dropped)
    }

    fn parse(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at * 8 + i]));
        let sum = Balance {
            segments: word(2),
            uncounted: word(3),
            accepted: word(4),
            delivered: word(5),
            spooled: 0,
            missing: word(6),
            surplus: word(7),
            dropped: std::array::from_fn(|reason| word(8 + reason)),
        };
        Self { identity: word(0), local: word(1) == 1, sum }
    }
}

fn checksum(used: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&used[..12]), &used[16..])
}

/// The balances of one segment.
struct Entry {
    salt: u64,
    rows: Vec<Row>,
}

fn balances(member: &mut Member) -> Vec<Row> {
    let sinks = member.reader.header.sinks.clone();
    let each = sinks.iter().enumerate();
    each.filter_map(|(bit, sink)| Some(Row { identity: sink.identity, local: sink.local, sum: member.balance(bit)? }))
        .collect()
}

/// The leader's end of the ledger.
pub struct Ledger {
    fs: Arc<dyn FileSystem>,
    /// None: there is no folder, and nothing is kept.
    folder: Option<Held>,
    path: PathBuf,
    file: Option<Handle>,
    books: Books,
    /// What could not be written yet.
    pending: Vec<Entry>,
    older_ns: i64,
    /// Whether each entry is forced to the disk before its segment is removed.
    pub at_once: bool,
    pub unsynced: Option<Instant>,
    is_named: bool,
    /// What stood there was damaged: what was counted before is not known.
    pub was_damaged: bool,
}

impl Ledger {
    pub fn new(fs: Arc<dyn FileSystem>, folder: Option<Held>, path: &Path) -> Self {
        Self {
            fs,
            folder,
            path: path.join(NAME),
            file: None,
            books: Books::default(),
            pending: Vec::new(),
            older_ns: 0,
            at_once: false,
            unsynced: None,
            is_named: false,
            was_damaged: false,
        }
    }

    /// A version that does not count led the folder until then.
    pub fn note_older(&mut self, until_ns: u64) {
        self.older_ns = until_ns as i64;
    }

    /// Looks what stands there; what is wrong shows again when it is written.
    pub fn look(&mut self) {
        let _ = self.open();
    }

    /// The segment that was counted last, as far as was looked; 0 = none.
    pub fn last(&self) -> u64 {
        self.books.last
    }

    /// Takes up what became of a segment's records, before it is removed. Where that cannot be written now, it is with the
    /// next segment.
    pub fn settle(&mut self, member: &mut Member) -> Result<()> {
        let salt = member.reader.header.salt();
        let is_known = member.reader.is_settled() || self.pending.iter().any(|entry| entry.salt == salt);
        if self.folder.is_none() || is_known {
            return Ok(());
        }
        let rows = balances(member).into_iter().map(|row| Row { sum: row.sum.closed(), ..row }).collect();
        if self.pending.len() >= MOST_PENDING {
            self.pending.remove(0);
        }
        self.pending.push(Entry { salt, rows });
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        self.open()?;
        let Some(file) = &self.file else { return Ok(()) };
        let mut next = self.books.clone();
        for entry in self.pending.iter().filter(|entry| entry.salt != self.books.last) {
            for row in &entry.rows {
                next.add(row.identity, row.local, &row.sum);
            }
            next.last = entry.salt;
        }
        next.generation += 1;
        next.older_ns = next.older_ns.max(self.older_ns);
        let at = next.generation % 2 * SLOT as u64;
        write_all_at(&*self.fs, file, &next.encode(), at).map_err(|e| Error::io("write", &self.path, e))?;
        self.books = next;
        self.pending.clear();
        self.unsynced.get_or_insert_with(Instant::now);
        failpoint!("ledger.written").map_err(|e| Error::io("write", &self.path, e))?;
        if self.at_once {
            self.sync()?;
        }
        Ok(())
    }

    /// What stands there goes on; only where nothing ever stood is it begun.
    fn open(&mut self) -> Result<()> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.file.is_none()) else { return Ok(()) };
        let failed = |e| Error::io("open", &self.path, e);
        let file = self.fs.open_in(folder, NAME, How::Update, 0o600).map_err(failed)?;
        let stat = self.fs.stat_open(&file).map_err(failed)?;
        if stat.kind != Kind::Regular {
            return Err(failed(io::Error::other("it is not an ordinary file")));
        }
        let books = Books::read(&*self.fs, &file, &self.path)?;
        self.was_damaged = books.is_none() && stat.len > 0;
        self.books = books.unwrap_or_else(|| Books { since_ns: now_ns(), ..Books::default() });
        self.file = Some(file);
        Ok(())
    }

    /// Forces what was written to the disk. What fails is not tried again: the next entry says all of it anew.
    pub fn sync(&mut self) -> Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.unsynced.take().is_some()) else { return Ok(()) };
        self.fs.sync(file).map_err(|e| Error::io("sync", &self.path, e))?;
        if let Some(folder) = self.path.parent().filter(|_| !self.is_named) {
            self.fs.sync_folder(folder).map_err(|e| Error::io("sync", folder, e))?;
            self.is_named = true;
        }
        Ok(())
    }
}

/// The ledger and what stands in the segments that are there, for views: nothing is changed.
pub fn read(fs: &dyn FileSystem, source: &mut Source, path: &Path) -> Result<Books> {
    let path = path.join(NAME);
    let mut books = match fs.open(&path, How::Read, 0) {
        Ok(file) => Books::read(fs, &file, &path)?.unwrap_or_default(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Books::default(),
        Err(e) => return Err(Error::io("open", &path, e)),
    };
    source.refresh(0);
    source.find_dead();
    for member in source.members() {
        if member.reader.header.salt() != books.last && !member.reader.is_settled() {
            for row in balances(member) {
                books.add(row.identity, row.local, &row.sum);
            }
        }
    }
    Ok(books)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
