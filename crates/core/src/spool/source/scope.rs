//! Which segments there are for a source, and how each is met.
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::Source;
use crate::error::{Error, NEWER};
use crate::spool::directory::{Directory, Opened};
use crate::spool::member::{Member, REFUSED};
use crate::spool::reader::{Bytes, Reader};
use crate::spool::shared::Shared;
use crate::system::os::Map;

/// Which segments a source reads.
pub(super) enum Scope {
    /// A folder's, and those that its leader has in memory.
    Folder(Directory, Option<Arc<Shared>>),
    /// One process's, and the folder they are in: None for memory.
    Own(Arc<Shared>, Option<Directory>),
}

impl Scope {
    pub(super) fn directory(&self) -> Option<&Directory> {
        match self {
            Self::Folder(folder, _) => Some(folder),
            Self::Own(_, folder) => folder.as_ref(),
        }
    }

    /// What there is now; None if it cannot be listed. Memory is looked at last: what is in the folder after it was
    /// begun later.
    fn list(&self) -> Option<Vec<(OsString, Option<Arc<Map>>)>> {
        let names = self.directory().map_or(Some(Vec::new()), Directory::list)?;
        let mut found: Vec<_> = names.into_iter().map(|name| (name, None)).collect();
        if let Self::Folder(_, Some(shared)) | Self::Own(shared, _) = self {
            found.extend(shared.lent().into_iter().map(|(name, map)| (name, Some(map))));
        }
        Some(found)
    }
}

/// What became of a segment that was found.
enum Met {
    Member(Box<Member>),
    /// Not in use yet, or gone.
    Later,
    /// Of a newer version.
    Newer,
    /// None that is read here.
    Ignored,
    /// It is there and cannot be opened now: what follows it must wait.
    Refused,
    /// The same, as the disk does not show it.
    Unread,
}

impl Source {
    pub(super) fn list(&mut self) {
        if matches!(self.scope, Scope::Own(..)) {
            // Whoever leads removes the files; here they must not stay open for ever.
            self.members.retain_mut(|member| !member.is_done(false));
        }
        let Some(found) = self.scope.list() else {
            self.listed = None;
            return;
        };
        self.has_unread = false;
        let there: HashSet<&OsString> = found.iter().map(|(name, _)| name).collect();
        self.ignored.retain(|name| there.contains(name));
        let known: HashSet<&OsString> = self.members.iter().map(|member| &member.name).collect();
        let is_new = |name: &OsString| !known.contains(name) && !self.ignored.contains(name);
        let new: Vec<_> = found.into_iter().filter(|(name, _)| is_new(name)).collect();
        let mut fresh = Vec::new();
        for (name, map) in new {
            match self.meet(&name, map) {
                Met::Member(member) => fresh.push(*member),
                Met::Later => {}
                Met::Ignored => {
                    self.ignored.insert(name);
                }
                Met::Newer => {
                    self.has_newer = true;
                    self.ignored.insert(name);
                }
                Met::Unread if self.has_refused(&name) => self.has_unread = true,
                Met::Refused | Met::Unread => {
                    self.listed = None;
                    return;
                }
            }
        }
        self.members.extend(fresh);
        self.members.sort_by_key(|member| (member.reader.header.writer, member.reader.ordinal));
    }

    /// True if the disk has not shown a segment for so long that the others go on before it.
    fn has_refused(&mut self, name: &OsString) -> bool {
        if self.unread.as_ref().is_none_or(|(known, _)| known != name) {
            self.unread = Some((name.clone(), Instant::now()));
        }
        self.unread.as_ref().is_some_and(|(_, since)| since.elapsed() >= REFUSED)
    }

    fn meet(&self, name: &OsStr, map: Option<Arc<Map>>) -> Met {
        let folder = self.scope.directory();
        let bytes = match map {
            Some(map) => Bytes::Memory(map),
            None => match folder.map(|folder| folder.open(name)) {
                Some(Opened::File(file)) => Bytes::File(file),
                Some(Opened::Refused) => return Met::Refused,
                Some(Opened::Unread) => return Met::Unread,
                _ => return Met::Later,
            },
        };
        let path = folder.map_or_else(|| PathBuf::from("memory"), |folder| folder.path.join(name));
        match Reader::open(bytes, &path) {
            Ok(Some(reader)) => {
                let others = matches!(&self.scope, Scope::Own(shared, _) if shared.writer != reader.header.writer);
                // A deleted folder's segments are lent by their writer: some are open here already.
                let is_here = |member: &Member| member.reader.header.salt() == reader.header.salt();
                if others || self.members.iter().any(is_here) {
                    return Met::Ignored;
                }
                Met::Member(Box::new(Member::new(reader, name.to_owned())))
            }
            Ok(None) => Met::Later,
            Err(Error::Format { why: NEWER, .. }) => Met::Newer,
            Err(Error::Io { .. }) => Met::Unread,
            Err(_) => Met::Ignored,
        }
    }
}
