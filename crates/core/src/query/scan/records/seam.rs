//! Where two files of one log meet: a rotation may have come between the lines of a record.
use std::io;

use super::Records;

/// Lines at a file's begin that are looked at, in bytes: a traceback is shorter.
const MOST: usize = 1 << 20;

impl Records {
    /// Takes the lines at the beginning that begin no record, and so go on with the file before; with their newlines.
    pub fn leading(&mut self) -> io::Result<Vec<u8>> {
        let mut next = 0;
        while next < MOST {
            let Some(end) = self.line_end(next)? else { break };
            if self.passing {
                return Ok(Vec::new());
            }
            if self.begins(self.at + next, self.at + end).is_some() {
                let lines = self.buffer[self.at..self.at + next].to_vec();
                self.at += next;
                return Ok(lines);
            }
            next = end + 1;
        }
        // No record in all of that: it stands for itself.
        Ok(Vec::new())
    }

    /// Lines that stand behind the end of the source: those that [`Records::leading`] took from the next one.
    pub fn go_on(&mut self, lines: Vec<u8>) {
        // A small source was read to its end when its formats were found out.
        self.ended &= lines.is_empty();
        self.more = lines;
    }

    /// Appends them to what was read; whether there were any.
    pub(super) fn append_more(&mut self) -> bool {
        if self.more.is_empty() || std::mem::replace(&mut self.more_given, true) {
            return false;
        }
        self.buffer.truncate(self.filled);
        if self.filled > self.at && self.buffer[self.filled - 1] != b'\n' {
            self.buffer.push(b'\n');
        }
        self.buffer.extend_from_slice(&self.more);
        self.filled = self.buffer.len();
        true
    }
}
