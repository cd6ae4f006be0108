//! Standard output and standard error, written without ever waiting.
//!
//! Terminals and pipes are opened anew, non-blocking, so that the flags of the inherited descriptor, which other
//! processes share, stay as they are. A file is written through the inherited description, whose offset it shares.
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, OFlags};
use rustix::net::SendFlags;

use crate::error::{Error, Result};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    Output,
    Error,
}

#[derive(Debug)]
enum Way {
    /// Opened anew, non-blocking.
    Own(File),
    /// A socket has no name to open: each call says that it must not wait.
    Socket(File),
    /// A regular file, or a device that does not stop.
    Shared(File),
}

/// A standard stream.
#[derive(Debug)]
pub struct Stream {
    way: Way,
    pub is_terminal: bool,
}

impl Stream {
    pub fn open(which: Standard) -> Result<Self> {
        match which {
            Standard::Output => Self::from_descriptor(rustix::stdio::stdout(), 1),
            Standard::Error => Self::from_descriptor(rustix::stdio::stderr(), 2),
        }
    }

    fn from_descriptor(descriptor: BorrowedFd<'_>, number: u32) -> Result<Self> {
        let name = format!("/proc/self/fd/{number}");
        let fail = |e: io::Error| Error::io("open", &name, e);
        let is_terminal = rustix::termios::isatty(descriptor);
        let kind = rustix::fs::fstat(descriptor).map_err(|e| fail(e.into()))?;
        let kind = FileType::from_raw_mode(kind.st_mode);
        let shared = || descriptor.try_clone_to_owned().map(File::from).map_err(fail);
        let way = match kind {
            FileType::Socket => Way::Socket(shared()?),
            FileType::RegularFile => Way::Shared(shared()?),
            _ => {
                let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
                match std::fs::OpenOptions::new().write(true).custom_flags(flags).open(&name) {
                    Ok(file) => Way::Own(file),
                    // Another user's terminal (after `su`): asked before each write instead.
                    Err(_) => Way::Shared(shared()?),
                }
            }
        };
        Ok(Self { way, is_terminal })
    }

    /// Writes what the stream takes now; 0 if it takes nothing.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = match &mut self.way {
            Way::Own(file) => file.write(bytes),
            Way::Socket(file) => rustix::net::send(file.as_fd(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
                .map_err(io::Error::from),
            Way::Shared(file) => {
                let mut asked = [PollFd::new(file, PollFlags::OUT)];
                match poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                    Ok(0) => Ok(0),
                    _ => file.write(bytes),
                }
            }
        };
        match result {
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            other => other,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_full_pipe_takes_nothing_and_does_not_wait() {
        let (mut reader, writer) = io::pipe().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&writer) as u32;
        let mut stream = Stream::from_descriptor(writer.as_fd(), number).unwrap();
        let block = vec![b'x'; 1 << 16];
        while stream.write(&block).unwrap() > 0 {}
        assert_eq!(stream.write(b"y").unwrap(), 0);
        let mut some = vec![0; 1 << 16];
        reader.read_exact(&mut some).unwrap();
        assert_eq!(stream.write(b"y").unwrap(), 1);
        // The inherited descriptor still blocks: its flags were left alone.
        let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_file_is_written_at_the_offset_it_shares() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one ").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file) as u32;
        let mut stream = Stream::from_descriptor(file.as_fd(), number).unwrap();
        stream.write(b"two ").unwrap();
        file.write_all(b"three").unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two three");
    }
}
