//! For tests: writers and leaders that die anywhere, and segments that anything may have happened to.
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use crate::delivery::leader::Leader;
use crate::proofs::trial::{folder_in_memory, lead, lines, segments, spool_path, Writer};
use crate::spool::control::Reason;
use crate::spool::folder::Folder;
use crate::spool::segment::{HEADER, VERSION};

/// So little that a few large records fill it.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone)]
enum Act {
    Log {
        writer: usize,
        count: usize,
    },
    Roll(usize),
    /// A writer logs large records until the spool refuses one.
    Fill(usize),
    Kill(usize),
    /// A writer of a newer version is killed: what it left is for leaders of that version.
    KillNewer(usize),
    /// From now on leaders know that version.
    Upgrade,
    /// A byte of some segment changes.
    Corrupt {
        segment: usize,
        at: u64,
        bits: u8,
    },
    Round,
    LeaderDies,
    /// The next leader's round stops at this place (in builds with failpoints), and the leader with it.
    DiesAt {
        place: &'static str,
        pass: u32,
    },
}

const PLACES: [&str; 7] =
    ["leader.written", "outbox.begun", "outbox.bytes", "outbox.done", "file.part", "file.written", "file.created"];

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let writer = 0..3usize;
    let act = prop_oneof![
        5 => (writer.clone(), 1..30usize).prop_map(|(writer, count)| Act::Log { writer, count }),
        1 => writer.clone().prop_map(Act::Roll),
        1 => writer.clone().prop_map(Act::Fill),
        1 => writer.clone().prop_map(Act::KillNewer),
        1 => writer.prop_map(Act::Kill),
        1 => Just(Act::Upgrade),
        1 => (0..8usize, 0..3_000u64, 1..=255u8).prop_map(|(segment, at, bits)| Act::Corrupt { segment, at, bits }),
        3 => Just(Act::Round),
        1 => Just(Act::LeaderDies),
        3 => (prop::sample::select(&PLACES[..]), 1..3u32).prop_map(|(place, pass)| Act::DiesAt { place, pass }),
    ];
    prop::collection::vec(act, 1..40)
}

#[derive(Default)]
struct World {
    writers: HashMap<usize, (usize, Writer)>,
    leader: Option<Leader>,
    lives: usize,
    /// What each life of a writer has had accepted.
    accepted: Vec<usize>,
    is_corrupt: bool,
}

fn open(path: &PathBuf) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

fn read<const N: usize>(file: &File, at: u64) -> [u8; N] {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes
}

/// Of a segment that is in use: prepared ones have none yet.
fn set_version(file: &File, version: u32) {
    if read::<8>(file, 0) != [0; 8] {
        file.write_all_at(&version.to_le_bytes(), 8).unwrap();
    }
}

impl World {
    /// True if the record was accepted.
    fn log(&mut self, folder: &Path, writer: usize, padding: &str) -> bool {
        let (lives, accepted) = (&mut self.lives, &mut self.accepted);
        let (life, writer) = self.writers.entry(writer).or_insert_with(|| {
            *lives += 1;
            accepted.push(0);
            (*lives - 1, Writer::new(folder, MAX_BYTES))
        });
        let is_accepted = writer.log(&format!("{life} {} {padding}", accepted[*life]));
        accepted[*life] += usize::from(is_accepted);
        is_accepted
    }

    fn act(&mut self, folder: &Path, act: &Act) {
        match *act {
            Act::Log { writer, count } => {
                for _ in 0..count {
                    self.log(folder, writer, "");
                }
            }
            Act::Fill(writer) => {
                let text = "x".repeat(60_000);
                assert!((0..200).any(|_| !self.log(folder, writer, &text)), "it is never full");
            }
            Act::Roll(writer) => {
                if let Some((_, writer)) = self.writers.get_mut(&writer) {
                    writer.spool.retire();
                }
            }
            Act::Kill(writer) => drop(self.writers.remove(&writer)),
            Act::KillNewer(writer) => {
                let Some((_, dead)) = self.writers.remove(&writer) else { return };
                let writer = dead.spool.shared.writer.to_le_bytes();
                drop(dead);
                let is_its = |file: &File| read::<16>(file, 24) == writer;
                segments(folder).iter().map(open).filter(is_its).for_each(|file| set_version(&file, VERSION + 1));
            }
            Act::Upgrade => {
                self.leader = None;
                segments(folder).iter().map(open).for_each(|file| set_version(&file, VERSION));
            }
            Act::Corrupt { segment, at, bits } => {
                let all = segments(folder);
                let Some(file) = all.get(segment % all.len().max(1)).map(open) else { return };
                let at = HEADER as u64 + at;
                file.write_all_at(&[read::<1>(&file, at)[0] ^ bits], at).unwrap();
                self.is_corrupt = true;
            }
            Act::Round => {
                self.leader.get_or_insert_with(|| lead(folder)).round();
            }
            Act::LeaderDies => self.leader = None,
            Act::DiesAt { place, pass } => {
                arm(Some(&format!("{place}=error:EIO@{pass}")));
                self.leader.get_or_insert_with(|| lead(folder)).round();
                self.leader = None;
                arm(None);
            }
        }
    }
}

#[cfg(feature = "failpoints")]
fn arm(point: Option<&str>) {
    crate::system::failpoint::arm(point);
}

#[cfg(not(feature = "failpoints"))]
fn arm(_point: Option<&str>) {}

/// Delivers until nothing is left.
fn finish(folder: &Path) {
    let mut leader = lead(folder);
    for _ in 0..4 {
        leader.round();
    }
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var_os("PROPTEST_CASES").map_or(48, |_| ProptestConfig::default().cases)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever dies, and wherever: each accepted record stands in the file once, each writer's in its order. What damage
    /// took, and no other, is missing and counted.
    #[test]
    fn every_accepted_record_is_delivered_once_and_in_order(acts in acts()) {
        let folder = folder_in_memory();
        let mut world = World::default();
        for act in &acts {
            world.act(folder.path(), act);
        }
        world.writers.clear();
        if !world.accepted.is_empty() {
            world.act(folder.path(), &Act::Upgrade);
            finish(folder.path());
            prop_assert!(segments(folder.path()).is_empty());
        }
        let mut found = vec![Vec::new(); world.accepted.len()];
        for line in lines(folder.path()) {
            let mut words = line.split(' ').map(str::parse::<usize>);
            let (Some(Ok(life)), Some(Ok(number))) = (words.next(), words.next()) else { panic!("{line}") };
            found[life].push(number);
        }
        let mut missing = 0;
        for (life, count) in world.accepted.iter().enumerate() {
            prop_assert!(found[life].windows(2).all(|pair| pair[0] < pair[1]), "writer {}: {:?}", life, found[life]);
            prop_assert!(found[life].iter().all(|number| number < count));
            missing += count - found[life].len();
        }
        let control = Folder::open(&spool_path(folder.path())).unwrap().control;
        let counted = control.dropped(Reason::Damaged).load(Ordering::Relaxed) as usize;
        prop_assert!(missing <= counted, "{} are missing, {} counted", missing, counted);
        prop_assert!(world.is_corrupt || counted == 0, "{} counted", counted);
    }

    /// Whatever a segment holds: nothing panics, no line is made up or doubled, and no other segment loses any.
    #[test]
    fn a_hostile_segment_harms_no_other(
        flips in prop::collection::vec((0..40_000u64, any::<u8>()), 0..20),
        noise in (0..40_000u64, prop::collection::vec(any::<u8>(), 0..2_000)),
        length in prop::option::of(0..300_000u64),
    ) {
        let folder = folder_in_memory();
        let mut hostile = Writer::new(folder.path(), MAX_BYTES);
        assert!((0..500).all(|n| hostile.log(&format!("hostile {n}"))));
        drop(hostile);
        let path = segments(folder.path()).remove(0);
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        for (at, bits) in flips {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ bits], at).unwrap();
        }
        file.write_all_at(&noise.1, noise.0).unwrap();
        if let Some(length) = length {
            file.set_len(length).unwrap();
        }
        let mut good = Writer::new(folder.path(), MAX_BYTES);
        assert!((0..50).all(|n| good.log(&format!("good {n}"))));
        drop(good);
        finish(folder.path());
        let lines = lines(folder.path());
        let of = |name: &str| -> Vec<usize> {
            lines.iter().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok()).collect()
        };
        prop_assert_eq!(of("good"), (0..50).collect::<Vec<_>>());
        let hostile = of("hostile");
        prop_assert!(hostile.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(hostile.iter().all(|n| *n < 500));
        prop_assert_eq!(hostile.len() + 50, lines.len());
    }
}
