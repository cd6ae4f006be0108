//! Where bytes come from: a plain file, a compressed one, a stream, memory.
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::changed::Changed;
use super::colours::Coloured;
use crate::error::{Error, Result};
use crate::query::columnar::fault::said;
use crate::query::columnar::{Asked, Restored, Told, MAGIC};
use crate::sinks::names::Form;

/// A compressed file that grows beyond this many bytes …
const BOMB_BYTES: u64 = 1 << 30;
/// … and this many times its size is no log: logs shrink to a fifth, those that repeat themselves to a hundredth.
const BOMB_RATIO: u64 = 400;
/// zstd may ask for a window of up to 2 GB; what needs more than 2^25 bytes is refused.
const WINDOW_LOG: u32 = 25;

/// A source of bytes.
pub enum Input {
    /// Read anywhere, by position.
    File {
        file: File,
        position: u64,
    },
    /// Read from begin to end; what comes may be waited for.
    Stream(Box<dyn Read + Send + Sync>),
    /// A compressed file, read from begin to end.
    Packed(Box<dyn Read + Send + Sync>),
    /// An archive, read from begin to end. (The lock is only there because pages cannot be shared by threads.)
    Columns(Box<Mutex<Restored>>),
    Memory {
        bytes: Vec<u8>,
        position: usize,
    },
    /// Any of these without its terminal codes.
    Coloured(Box<Coloured>),
    /// Any of these as other text.
    Changed(Box<Changed>),
}

impl Input {
    /// Opens a file; what is compressed is known by its first bytes, whatever its name.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source: io::Error| Error::io("open", path, source);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::Error::from_raw_os_error(libc::EISDIR)));
        }
        if !metadata.is_file() {
            return Ok(Self::Stream(Box::new(file)));
        }
        Self::of_file(file).map_err(failed)
    }

    /// Opens a log that is to be packed: no link, and nothing that is packed already.
    pub fn plain(path: &Path) -> Result<Self> {
        let failed = |source: io::Error| Error::io("open", path, source);
        let file = File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path).map_err(failed)?;
        let mut magic = [0; 4];
        let read = file.read_at(&mut magic, 0).map_err(failed)?;
        match form(&magic[..read]) {
            Form::Plain => Ok(Self::File { file, position: 0 }),
            _ => Err(failed(io::Error::other("it is packed already"))),
        }
    }

    /// As [`Input::open`], of a regular file that is open.
    pub fn of_file(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut magic = [0; 4];
        let read = file.read_at(&mut magic, 0)?;
        Ok(match form(&magic[..read]) {
            Form::Plain => Self::File { file, position: 0 },
            Form::Gzip => Self::Packed(Box::new(Bounded::new(flate2::read::MultiGzDecoder::new(file), size))),
            Form::Parquet => {
                let restored = Restored::open(file).map_err(|error| io::Error::other(said(&error)))?;
                bomb(restored.sum().0, size)?;
                Self::Columns(Box::new(Mutex::new(restored)))
            }
            Form::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(file)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Self::Packed(Box::new(Bounded::new(decoder, size)))
            }
        })
    }

    pub fn memory(bytes: Vec<u8>) -> Self {
        Self::Memory { bytes, position: 0 }
    }

    /// The size, where the source can be read anywhere.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File { file, .. } => file.metadata().ok().map(|metadata| metadata.len()),
            Self::Memory { bytes, .. } => Some(bytes.len() as u64),
            Self::Stream(_) | Self::Packed(_) | Self::Columns(_) | Self::Coloured(_) | Self::Changed(_) => None,
        }
    }

    /// Whether a line may come now and the next one in an hour.
    pub fn may_wait(&self) -> bool {
        match self {
            Self::Stream(_) => true,
            Self::Coloured(coloured) => coloured.inner().may_wait(),
            Self::Changed(changed) => changed.inner().may_wait(),
            Self::File { .. } | Self::Packed(_) | Self::Columns(_) | Self::Memory { .. } => false,
        }
    }

    /// Fills `buffer` from a position; how much there was. Streams have no positions.
    pub fn read_at(&self, mut buffer: &mut [u8], mut position: u64) -> io::Result<usize> {
        let mut total = 0;
        while !buffer.is_empty() {
            let read = match self {
                Self::File { file, .. } => retry(|| file.read_at(buffer, position))?,
                Self::Memory { bytes, .. } => {
                    bytes.get(position as usize..).map_or(Ok(0), |mut rest| rest.read(buffer))?
                }
                Self::Stream(_) | Self::Packed(_) | Self::Columns(_) | Self::Coloured(_) | Self::Changed(_) => {
                    return Err(io::Error::from(io::ErrorKind::Unsupported))
                }
            };
            if read == 0 {
                break;
            }
            buffer = &mut buffer[read..];
            position += read as u64;
            total += read;
        }
        Ok(total)
    }

    /// Goes on reading from a position; streams cannot.
    pub fn seek(&mut self, to: u64) {
        match self {
            Self::File { position, .. } => *position = to,
            Self::Memory { position, bytes } => *position = (to as usize).min(bytes.len()),
            Self::Stream(_) | Self::Packed(_) | Self::Columns(_) | Self::Coloured(_) | Self::Changed(_) => {}
        }
    }

    fn archive(&mut self) -> Option<&mut Restored> {
        match self {
            Self::Columns(columns) => Some(columns.get_mut().unwrap_or_else(PoisonError::into_inner)),
            _ => None,
        }
    }

    /// From here on an archive may leave out records that do not answer; others cannot. See [`Asked`].
    pub fn narrow(&mut self, asked: &Asked<'_>) -> io::Result<()> {
        let narrowed = self.archive().map_or(Ok(()), |archive| archive.narrow(asked));
        narrowed.map_err(|error| io::Error::other(said(&error)))
    }

    /// How an archive's lines were recognised.
    pub fn told(&mut self) -> Option<Told> {
        self.archive().map(|archive| archive.told().clone())
    }

    /// What stands in an archive before its first record; to be asked before it is read.
    pub fn before(&mut self) -> Vec<u8> {
        self.archive().map(|archive| archive.before().to_vec()).unwrap_or_default()
    }

    /// The size and the checksum of an archive's log.
    pub fn sum(&mut self) -> Option<(u64, u32)> {
        self.archive().map(|archive| archive.sum())
    }

    /// The next bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, position } => {
                let read = retry(|| file.read_at(buffer, *position))?;
                *position += read as u64;
                Ok(read)
            }
            Self::Stream(stream) | Self::Packed(stream) => retry(|| stream.read(buffer)),
            Self::Coloured(coloured) => coloured.read(buffer),
            Self::Changed(changed) => changed.read(buffer),
            Self::Columns(columns) => columns.get_mut().unwrap_or_else(PoisonError::into_inner).read(buffer),
            Self::Memory { bytes, position } => {
                let read = (&bytes[*position..]).read(buffer)?;
                *position += read;
                Ok(read)
            }
        }
    }
}

fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn form(magic: &[u8]) -> Form {
    match magic {
        [0x1f, 0x8b, ..] => Form::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Form::Zstd,
        magic if magic == MAGIC => Form::Parquet,
        _ => Form::Plain,
    }
}

/// Refuses to unpack what was made to fill a disk or a night: so many bytes out of so many.
fn bomb(unpacked: u64, packed: u64) -> io::Result<()> {
    if unpacked > BOMB_BYTES && unpacked / packed.max(1) > BOMB_RATIO {
        return Err(io::Error::other(format!(
            "it unpacks to more than {BOMB_RATIO} times its size; unpack it by hand if it is a log"
        )));
    }
    Ok(())
}

struct Bounded<R> {
    inner: R,
    packed: u64,
    unpacked: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, packed: u64) -> Self {
        Self { inner, packed, unpacked: 0 }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.unpacked += read as u64;
        bomb(self.unpacked, self.packed)?;
        Ok(read)
    }
}
