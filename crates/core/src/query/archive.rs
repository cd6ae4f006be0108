//! A log packed: into Parquet ([`crate::query::columnar`]), its rows gathered by template in bounded memory; gzip and zstd too.
//! What is packed is read again and compared before anybody may remove the log.
mod columns;
mod names;
mod row;
mod stretch;
mod write;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::query::formats::Given;
use crate::query::scan::Input;
use crate::sinks::names::Form;
use crate::sinks::pack::pack as compress;

const BLOCK: usize = 256 << 10;

/// Packs a plain log file into `target`, which is made or cut, and reads that again; the log's size. `given` formats are
/// known for the log.
pub fn pack(source: &Path, target: &Path, form: Form, given: &[Given]) -> Result<u64> {
    let mut log = Input::plain(source)?;
    let wanted = sum(&mut log, source, &mut |_| Ok(()))?;
    if form == Form::Parquet {
        log.seek(0);
        columns::write(log, source, BufWriter::with_capacity(BLOCK, make(target)?), target, wanted, given)?;
    } else {
        compress(source, target, form).map_err(|error| Error::io("pack", source, error))?;
    }
    if sum(&mut Input::open(target)?, target, &mut |_| Ok(()))? != wanted {
        return Err(Error::io("read", target, io::Error::other("it does not give back the log")));
    }
    Ok(wanted.0)
}

/// Writes the log that a packed file of any form was made of to `target`, which is made or cut; its size.
pub fn unpack(source: &Path, target: &Path) -> Result<u64> {
    let mut input = Input::open(source)?;
    let (told, mut out) = (input.sum(), make(target)?);
    let found =
        sum(&mut input, source, &mut |block| out.write_all(block).map_err(|error| Error::io("write", target, error)))?;
    if told.is_some_and(|told| told != found) {
        let why = "this archive is damaged: it does not give back what was packed";
        return Err(Error::io("read", source, io::Error::other(why)));
    }
    Ok(found.0)
}

/// A file to write to; whatever stood there goes.
fn make(path: &Path) -> Result<File> {
    let how = File::options().write(true).create(true).truncate(true).custom_flags(libc::O_NOFOLLOW).open(path);
    how.map_err(|error| Error::io("write", path, error))
}

/// Hands on all of an input, which is at `path`; its size and checksum.
fn sum(input: &mut Input, path: &Path, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<(u64, u32)> {
    let mut block = vec![0; BLOCK];
    let (mut size, mut checksum) = (0, 0);
    loop {
        let read = input.read(&mut block).map_err(|error| Error::io("read", path, error))?;
        if read == 0 {
            return Ok((size, checksum));
        }
        size += read as u64;
        checksum = crc32c::crc32c_append(checksum, &block[..read]);
        take(&block[..read])?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
