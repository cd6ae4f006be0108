//! Frames: a record, a call site or a thread as bytes in a segment.
//!
//! ```text
//! 0  length u32   of the whole frame, unpadded; 0 = nothing here yet. Stored last, with release, and with it
//! 4  crc32c u32   of the payload, seeded with segment salt, offset, length and the next eight bytes
//! 8  sequence u32 of a record: its number after the segment's first; 0 for the others
//! 12 kind u8      1 record, 2 site, 3 thread
//! 13 flags u8     what a record's payload holds (below)
//! 14 version u16  of this layout
//! 16 payload
//! ```
//! Frames begin at multiples of 8. Call sites and threads are written once a segment and named by their offset, so
//! whoever reads a segment needs nothing but the segment.
use crate::record::percent::Parts;
use crate::record::value::{Fields, Values};
use crate::record::{Exception, Message, Place, Process, Record, Site, Thread};
use crate::system::os::crc32c_short;

pub const HEADER: usize = 16;
pub const VERSION: u16 = 1;

/// The template is the site's.
pub const SITE_TEMPLATE: u8 = 1;
/// The payload holds the template before the message (a message that was not constant and had arguments).
pub const OWN_TEMPLATE: u8 = 2;
/// The payload holds packed arguments instead of a message.
pub const DEFERRED: u8 = 4;
/// The message is the template; the payload holds neither arguments nor a message.
pub const LITERAL: u8 = 8;
pub const FIELDS: u8 = 16;
pub const EXCEPTION: u8 = 32;
/// Stack and task name, each possibly empty.
pub const SURROUNDINGS: u8 = 64;
/// Lines that a Python formatter made at capture: (sink bit, text) pairs.
pub const LINES: u8 = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Record = 1,
    Site = 2,
    Thread = 3,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Record, Self::Site, Self::Thread].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Rounds up to where the next frame begins.
pub const fn aligned(len: usize) -> usize {
    (len + 7) & !7
}

/// The checksum of a frame. What is not payload (place, length, and the eight header bytes `tail`) goes into the seed,
/// so that one pass over the payload is all.
pub fn checksum(salt: u64, offset: u32, len: u32, tail: [u8; 8], payload: &[u8]) -> u32 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let place = (salt ^ (u64::from(offset) << 32 | u64::from(len))).wrapping_mul(ODD);
    let seed = (place.rotate_left(29) ^ u64::from_le_bytes(tail)).wrapping_mul(ODD);
    crc32c_short((seed >> 32) as u32, payload)
}

/// A frame's header, with the checksum of `payload`: two words of eight bytes. The first, length and checksum, is stored last.
pub fn header(salt: u64, offset: u32, kind: Kind, flags: u8, sequence: u32, payload: &[u8]) -> [u64; 2] {
    let len = (HEADER + payload.len()) as u32;
    let tail = u64::from(sequence) | (kind as u64) << 32 | u64::from(flags) << 40 | u64::from(VERSION) << 48;
    let crc = checksum(salt, offset, len, tail.to_le_bytes(), payload);
    [u64::from(len) | u64::from(crc) << 32, tail]
}

/// A frame whose checksum held.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub kind: Kind,
    pub flags: u8,
    pub sequence: u32,
    pub payload: &'a [u8],
    /// Bytes to the next frame.
    pub stride: usize,
}

/// What stands at an offset.
#[derive(Debug)]
pub enum Found<'a> {
    Frame(Frame<'a>),
    /// Nothing was committed here (yet).
    End,
    /// The frame is longer than the bytes at hand: so many are needed.
    Partial(usize),
    /// Bytes that are no frame: torn, overwritten or of an unknown version.
    Damaged,
}

/// Reads the frame at the start of `bytes`, which stand at `offset` of their segment.
pub fn read(salt: u64, offset: u32, bytes: &[u8], room: usize) -> Found<'_> {
    let Some(head) = bytes.get(..HEADER) else { return Found::Partial(HEADER) };
    let len = u32_at(head, 0) as usize;
    if len == 0 {
        return Found::End;
    }
    if len < HEADER || len > room {
        return Found::Damaged;
    }
    let Some(frame) = bytes.get(..len) else { return Found::Partial(len) };
    let tail: [u8; 8] = std::array::from_fn(|at| head[8 + at]);
    if checksum(salt, offset, len as u32, tail, &frame[HEADER..]) != u32_at(head, 4)
        || u16::from_le_bytes([head[14], head[15]]) != VERSION
    {
        return Found::Damaged;
    }
    let Some(kind) = Kind::of(head[12]) else { return Found::Damaged };
    Found::Frame(Frame {
        kind,
        flags: head[13],
        sequence: u32_at(head, 8),
        payload: &frame[HEADER..],
        stride: aligned(len),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The fixed part of a record's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub time_ns: i64,
    /// Offsets of the site's and the thread's frames in the same segment.
    pub site: u32,
    pub thread: u32,
    /// One bit a sink, in the order of the segment header's identities.
    pub sinks: u32,
    pub level: i32,
}

pub const HEAD: usize = 24;

/// The set of sinks that a record's payload begins with, without reading the rest.
#[inline]
pub fn sinks(payload: &[u8]) -> u32 {
    payload.get(16..20).and_then(|bits| bits.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl Head {
    pub fn bytes(&self) -> [u8; HEAD] {
        let mut out = [0u8; HEAD];
        out[..8].copy_from_slice(&self.time_ns.to_le_bytes());
        out[8..12].copy_from_slice(&self.site.to_le_bytes());
        out[12..16].copy_from_slice(&self.thread.to_le_bytes());
        out[16..20].copy_from_slice(&self.sinks.to_le_bytes());
        out[20..].copy_from_slice(&self.level.to_le_bytes());
        out
    }

    pub fn read(payload: &[u8]) -> Option<Self> {
        let head = payload.get(..HEAD)?;
        Some(Self {
            time_ns: i64::from_le_bytes(head[..8].try_into().ok()?),
            site: u32_at(head, 8),
            thread: u32_at(head, 12),
            sinks: u32_at(head, 16),
            level: u32_at(head, 20) as i32,
        })
    }
}

/// Appends text with its length before it.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends bytes with their length before them.
pub fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Appends the exception section.
pub fn put_exception(exception: &Exception<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&exception.fingerprint.to_le_bytes());
    for text in [exception.kind, exception.message, exception.text, exception.frames_json] {
        put_text(text, out);
    }
}

/// A site frame's payload; `template` is None where the message was not constant.
pub fn put_site(site: &Site<'_>, template: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(&site.line.to_le_bytes());
    out.extend_from_slice(&site.level.to_le_bytes());
    for text in [site.logger, site.level_name, site.pathname, site.function, template.unwrap_or("")] {
        put_text(text, out);
    }
}

/// A thread frame's payload.
pub fn put_thread(thread: &Thread<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&thread.ident.to_le_bytes());
    out.extend_from_slice(&thread.pid.to_le_bytes());
    put_text(thread.name, out);
    put_text(thread.process_name, out);
}

/// Bytes being read from the front.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32_at(self.take(4)?, 0))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn block(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.block()?).ok()
    }
}

/// A site and its template, from a site frame's payload.
pub fn site(payload: &[u8]) -> Option<(Site<'_>, &str)> {
    let mut cursor = Cursor(payload);
    let line = cursor.u32()?;
    let level = cursor.u32()? as i32;
    let (logger, level_name) = (cursor.text()?, cursor.text()?);
    let (pathname, function) = (cursor.text()?, cursor.text()?);
    Some((Site { logger, level, level_name, pathname, line, function }, cursor.text()?))
}

pub fn thread(payload: &[u8]) -> Option<Thread<'_>> {
    let mut cursor = Cursor(payload);
    Some(Thread { ident: cursor.u64()?, pid: cursor.u32()?, name: cursor.text()?, process_name: cursor.text()? })
}

/// What a record's frame refers to, found by the reader of its segment.
pub struct Context<'a> {
    pub site: Site<'a>,
    pub template: &'a str,
    pub parts: Option<&'a Parts>,
    pub thread: Thread<'a>,
    pub process: &'a Process,
    pub first_sequence: u64,
}

/// Lines made at capture for single sinks, packed as (bit, text) pairs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// The line for a sink, if Python formatted it.
    pub fn get(&self, bit: u32) -> Option<&'a str> {
        let mut cursor = Cursor(self.0);
        while let (Some(found), Some(text)) = (cursor.u32(), cursor.text()) {
            if found == bit {
                return Some(text);
            }
        }
        None
    }
}

/// Decodes a record frame; None if the payload is not what its flags say.
pub fn record<'a>(frame: &Frame<'a>, context: &Context<'a>) -> Option<(Record<'a>, Lines<'a>)> {
    let head = Head::read(frame.payload)?;
    let mut cursor = Cursor(&frame.payload[HEAD..]);
    let has = |flag: u8| frame.flags & flag != 0;
    let own_template = if has(OWN_TEMPLATE) { Some(cursor.text()?) } else { None };
    let mut template = own_template.unwrap_or(context.template);
    let message = if has(DEFERRED) {
        Message::Deferred(Values::new(cursor.block()?))
    } else if has(LITERAL) {
        Message::Rendered(template)
    } else {
        let text = cursor.text()?;
        if !has(SITE_TEMPLATE) && own_template.is_none() {
            template = text;
        }
        Message::Rendered(text)
    };
    let fields = if has(FIELDS) { Fields::new(cursor.block()?) } else { Fields::default() };
    let exception = if has(EXCEPTION) {
        let fingerprint = cursor.u64()?;
        let (kind, message, text) = (cursor.text()?, cursor.text()?, cursor.text()?);
        Some(Exception { kind, message, text, fingerprint, frames_json: cursor.text()? })
    } else {
        None
    };
    let (mut stack_info, mut task_name) = (None, None);
    if has(SURROUNDINGS) {
        stack_info = Some(cursor.text()?).filter(|text| !text.is_empty());
        task_name = Some(cursor.text()?).filter(|text| !text.is_empty());
    }
    let lines = if has(LINES) { Lines(cursor.block()?) } else { Lines::default() };
    let record = Record {
        time_ns: head.time_ns,
        sequence: context.first_sequence.saturating_add(frame.sequence.into()),
        site: context.site,
        thread: context.thread,
        process: context.process,
        template,
        parts: context.parts.filter(|_| own_template.is_none()),
        message,
        fields,
        exception,
        stack_info,
        task_name,
        place: Some(Place { segment: context.process.segment, site: head.site, thread: head.thread }),
    };
    Some((record, lines))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
