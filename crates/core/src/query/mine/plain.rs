//! Files of bare messages, one a line: their templates, and which line has which.
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use super::miner::{Miner, Template};
use crate::error::{Error, Result};

const BLOCK: usize = 256 * 1024;

/// The templates of a file of messages. With `assignments`, the template of each line is written there, one a line.
pub fn plain(path: &Path, assignments: Option<&Path>) -> Result<Vec<Template>> {
    let out = assignments.map(|out| File::create(out).map_err(|e| Error::io("write", out, e))).transpose()?;
    let mut miner = Miner::default();
    each_line(path, |line| {
        miner.add(line);
        Ok(())
    })?;
    let (templates, of) = miner.templates();
    if let (Some(out), Some(name)) = (out, assignments) {
        let mut out = BufWriter::with_capacity(BLOCK, out);
        let failed = |e| Error::io("write", name, e);
        each_line(path, |line| {
            // Only a line that was not there the first time has none: the file grew.
            let template = miner.find(line).map_or("", |number| &templates[of[number as usize] as usize].text);
            out.write_all(template.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(failed)
        })?;
        out.flush().map_err(failed)?;
    }
    Ok(templates)
}

/// Each line without its end, in bounded memory: of a longer one, the first `BLOCK` bytes.
fn each_line(path: &Path, mut act: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let failed = |e| Error::io("read", path, e);
    let mut input = BufReader::with_capacity(BLOCK, File::open(path).map_err(failed)?);
    let mut carried: Vec<u8> = Vec::new();
    loop {
        let block = input.fill_buf().map_err(failed)?;
        let length = block.len();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', block) {
            let line = &block[start..end];
            if carried.is_empty() {
                act(without_return(line))?;
            } else {
                carry(&mut carried, line);
                act(without_return(&carried))?;
                carried.clear();
            }
            start = end + 1;
        }
        carry(&mut carried, &block[start..]);
        if length == 0 {
            break;
        }
        input.consume(length);
    }
    if carried.is_empty() {
        return Ok(());
    }
    act(without_return(&carried))
}

fn carry(carried: &mut Vec<u8>, more: &[u8]) {
    let room = BLOCK.saturating_sub(carried.len());
    carried.extend_from_slice(&more[..more.len().min(room)]);
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
