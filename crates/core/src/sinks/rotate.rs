//! Moving a full log file to its backup's name, so that a kill between any two calls loses and overwrites nothing.
//!
//! Nothing is recorded: the folder itself is the state. Numbers are shifted only up to the first gap, from the gap
//! down, each by a rename that never replaces. Every step moves the gap one place towards the log file and the last
//! step fills place 1; whoever repeats a rotation that was killed finds the gap where it was left and goes on. The
//! oldest is deleted only when no place is free, which makes the gap; so at most one file goes for each that comes.
//! All of this happens under the log file's lock.
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::failpoint;
use crate::sinks::compress::same_text;
use crate::sinks::fs::{lock_within, FileSystem, How};
use crate::sinks::names::{Age, Backup, Form, Names, Naming};

/// Somebody else may move files between a look and a rename: look again, so often.
const ATTEMPTS: usize = 3;

/// Moves `log` to its backup's name and keeps at most `keep` backups (by date: 0 keeps all). `start` is the period, in
/// local seconds, that a name by date tells.
pub fn rotate(fs: &dyn FileSystem, names: &Names, log: &Path, keep: u32, start: i64) -> io::Result<()> {
    let mut all = names.list(fs)?;
    if settle_these(fs, names, log, &all)? {
        all = names.list(fs)?;
    }
    for _ in 1..ATTEMPTS {
        match attempt(fs, names, log, &all, (keep, start)) {
            Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
            done => return done,
        }
        if is_gone(fs, log)? {
            return Ok(()); // Moved away by another tool: rotated all the same.
        }
        all = names.list(fs)?;
    }
    attempt(fs, names, log, &all, (keep, start))
}

fn attempt(
    fs: &dyn FileSystem,
    names: &Names,
    log: &Path,
    all: &[Backup],
    (keep, start): (u32, i64),
) -> io::Result<()> {
    match names.naming() {
        Naming::Number => {
            let first = make_room(fs, names, all, keep)?;
            move_log(fs, log, names, Age::number(first))
        }
        Naming::Date => {
            let taken = all.iter().filter_map(|b| match b.age {
                Age::Date(at, n) if at == start => Some(n + 1),
                _ => None,
            });
            move_log(fs, log, names, Age::Date(start, taken.max().unwrap_or(0)))?;
            prune(fs, names, keep)
        }
    }
}

fn move_log(fs: &dyn FileSystem, log: &Path, names: &Names, age: Age) -> io::Result<()> {
    fs.rename(log, &names.path(age, Form::Plain))?;
    failpoint!("rotate.renamed")
}

/// Frees the first place and says which it is: 1, unless something that is no file sits on that name. Such entries are
/// never moved or deleted; their places do not count.
fn make_room(fs: &dyn FileSystem, names: &Names, all: &[Backup], keep: u32) -> io::Result<u32> {
    // Looked up, not searched for: there may be thousands.
    let mut by_age: HashMap<Age, Vec<&Backup>> = HashMap::new();
    for backup in all {
        by_age.entry(backup.age).or_default().push(backup);
    }
    let at = |n: u32| by_age.get(&Age::number(n)).into_iter().flatten();
    let usable = (1..=keep).filter(|&n| at(n).all(|backup| backup.is_regular()));
    // One place more than there are backups is enough to meet a gap, if there is one.
    let places: Vec<u32> = usable.take(all.len() + 1).collect();
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
        return Err(io::Error::other("every backup's name is taken by something that is not a file"));
    };
    let gap = places.iter().position(|&n| at(n).next().is_none());
    if gap.is_none() {
        for oldest in at(last) {
            fs.unlink(&oldest.path)?;
        }
        failpoint!("rotate.deleted")?;
    }
    for step in places[..=gap.unwrap_or(places.len() - 1)].windows(2).rev() {
        for backup in at(step[0]) {
            fs.rename(&backup.path, &names.path(Age::number(step[1]), backup.form))?;
            failpoint!("rotate.shifted")?;
        }
    }
    Ok(first)
}

/// Deletes the oldest files with names by date, beyond `keep`.
fn prune(fs: &dyn FileSystem, names: &Names, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return Ok(());
    }
    let files: Vec<_> = names.list(fs)?.into_iter().filter(Backup::is_regular).collect();
    let mut kept = HashSet::new();
    for file in files {
        if kept.contains(&file.age) || kept.len() < keep as usize {
            kept.insert(file.age);
        } else {
            fs.unlink(&file.path)?;
            failpoint!("rotate.deleted")?;
        }
    }
    Ok(())
}

fn is_gone(fs: &dyn FileSystem, path: &Path) -> io::Result<bool> {
    match fs.stat(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        stat => stat.map(|_| false),
    }
}

/// Removes the temporaries of compressors that died.
pub fn remove_abandoned(fs: &dyn FileSystem, names: &Names) -> io::Result<()> {
    for (path, name) in names.siblings(fs)? {
        if names.is_temporary(&name) {
            remove_unless_locked(fs, &path)?;
        }
    }
    Ok(())
}

/// Puts right what a crash left: one file under two names (a rename made of link and unlink), both forms of one file
/// (compressed, the plain one not yet removed).
pub fn settle(fs: &dyn FileSystem, names: &Names, log: &Path) -> io::Result<()> {
    settle_these(fs, names, log, &names.list(fs)?).map(drop)
}

/// True if a name was taken away.
fn settle_these(fs: &dyn FileSystem, names: &Names, log: &Path, all: &[Backup]) -> io::Result<bool> {
    let all: Vec<_> = all.iter().filter(|backup| backup.is_regular()).collect();
    let paths: HashSet<&Path> = all.iter().map(|backup| backup.path.as_path()).collect();
    let mut changed = false;
    for older in all.iter().filter(|b| b.stat.links > 1) {
        let newer = all.iter().filter(|b| b.age > older.age && b.stat.id == older.stat.id);
        for path in newer.map(|b| b.path.as_path()).chain([log]) {
            if fs.stat(path).is_ok_and(|stat| stat.id == older.stat.id) {
                fs.unlink(path)?;
                changed = true;
            }
        }
    }
    for packed in all.iter().filter(|b| b.form != Form::Plain) {
        let plain = names.path(packed.age, Form::Plain);
        if paths.contains(plain.as_path()) && same_text(fs, &plain, &packed.path, packed.form)? {
            fs.unlink(&plain)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// A compressor at work holds its temporary's lock.
fn remove_unless_locked(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match fs.open(path, How::Append, 0) {
        Ok(file) if lock_within(fs, &file, Duration::ZERO)? => fs.unlink(path),
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => Ok(()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
