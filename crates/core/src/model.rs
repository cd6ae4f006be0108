//! For tests: writers and leaders that die anywhere, and segments that anything may have happened to.
use std::collections::HashMap;
use std::path::Path;

use proptest::prelude::*;

use crate::leader::Leader;
use crate::trial::{lead, lines, segments, Writer};

const MAX_BYTES: u64 = 64 << 20;

#[derive(Debug, Clone)]
enum Act {
    Log {
        writer: usize,
        count: usize,
    },
    Roll(usize),
    Kill(usize),
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
        1 => writer.prop_map(Act::Kill),
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
}

impl World {
    fn act(&mut self, folder: &Path, act: &Act) {
        match *act {
            Act::Log { writer, count } => {
                let (lives, accepted) = (&mut self.lives, &mut self.accepted);
                let (life, writer) = self.writers.entry(writer).or_insert_with(|| {
                    *lives += 1;
                    accepted.push(0);
                    (*lives - 1, Writer::new(folder, MAX_BYTES))
                });
                for _ in 0..count {
                    let number = accepted[*life];
                    accepted[*life] += usize::from(writer.log(&format!("{life} {number}")));
                }
            }
            Act::Roll(writer) => {
                if let Some((_, writer)) = self.writers.get_mut(&writer) {
                    writer.spool.retire();
                }
            }
            Act::Kill(writer) => drop(self.writers.remove(&writer)),
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
    crate::failpoint::arm(point);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever dies, and wherever: each accepted record stands in the file once, each writer's in its order.
    #[test]
    fn every_accepted_record_is_delivered_once_and_in_order(acts in acts()) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::default();
        for act in &acts {
            world.act(folder.path(), act);
        }
        world.leader = None;
        world.writers.clear();
        if !world.accepted.is_empty() {
            finish(folder.path());
            prop_assert!(segments(folder.path()).is_empty());
        }
        let mut found = vec![Vec::new(); world.accepted.len()];
        for line in lines(folder.path()) {
            let (life, number) = line.split_once(' ').unwrap();
            found[life.parse::<usize>().unwrap()].push(number.parse::<usize>().unwrap());
        }
        for (life, count) in world.accepted.iter().enumerate() {
            prop_assert_eq!(&found[life], &(0..*count).collect::<Vec<_>>(), "writer {}", life);
        }
    }

    /// Whatever a segment holds: nothing panics, no line is made up or doubled, and no other segment loses any.
    #[test]
    fn a_hostile_segment_harms_no_other(
        flips in prop::collection::vec((0..40_000u64, any::<u8>()), 0..20),
        noise in (0..40_000u64, prop::collection::vec(any::<u8>(), 0..2_000)),
        length in prop::option::of(0..300_000u64),
    ) {
        use std::os::unix::fs::FileExt;
        let folder = tempfile::tempdir().unwrap();
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
