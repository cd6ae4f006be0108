//! Publication, waking and counting under `loom`: each test runs in every order that threads and processors may choose
//! (where that would take too long, with so many changes of the thread in the middle of something).
//!
//! What runs is the code itself: a segment's writer ([`Segment`]), its reader ([`Reader`], [`Member`]), and [`words`]. Only
//! the memory and the futex beneath are stand-ins (`memory`). Whoever weakens a store of theirs sees a test fail: the tests
//! that should panic do that, one store each.
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use loom::sync::atomic::AtomicBool;
use loom::thread;

use crate::proofs::trial::process;
use crate::record::frame::{Head, Kind, HEAD};
use crate::spool::frame_bytes;
use crate::spool::member::Member;
use crate::spool::reader::{Bytes, Reader, Step};
use crate::spool::segment::{Header, Prepared, Segment, SinkId, ACCEPTED, HEADER, ORDINAL, POSITIONS, RECORDS, SEALED};
use crate::system::os::Map;
use crate::system::words::{self, Bed as _, Lent, Word as _};

mod memory;
use memory::{Bed, Reads, Shelf, END};

const LONG: Duration = Duration::from_secs(1);
/// What a record of the tests takes.
const FRAME: usize = frame_bytes(HEAD);
/// In words of eight bytes: loom's own stacks are too small for a reader.
const STACK: usize = 1 << 16;

fn explore(changes: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = changes;
    let model = Arc::new(model);
    builder.check(move || {
        let model = Arc::clone(&model);
        beside(move || model()).join().unwrap();
    });
}

fn beside(other: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new().stack_size(STACK).spawn(other).unwrap()
}

fn header(records: usize) -> Header {
    let capacity = (HEADER + records * FRAME) as u64;
    let sinks = vec![SinkId { identity: 7, local: false }];
    Header { writer: 1, first_sequence: 1, capacity, created_ns: 0, process: process(), sinks }
}

fn begin(shelf: &Arc<Shelf>, records: usize) -> Segment<Shelf> {
    Prepared::over(Arc::clone(shelf)).begin(&header(records), 1, 0)
}

/// Appends a record that is known by its number.
fn append(segment: &mut Segment<Shelf>, number: u32) {
    let head = Head { time_ns: number.into(), site: 0, thread: 0, sinks: 1, level: 20 };
    segment.append(Kind::Record, 0, number, &head.bytes());
}

fn reader(shelf: &Arc<Shelf>) -> Option<Reader> {
    let bytes: Arc<dyn Lent> = Arc::<Shelf>::clone(shelf);
    Reader::open(Bytes::Memory(bytes), Path::new("memory")).unwrap()
}

fn member(shelf: &Arc<Shelf>) -> Member {
    Member::new(reader(shelf).unwrap(), "memory".into())
}

fn take_all(member: &mut Member, taken: &mut Vec<i64>) {
    while let Some(number) = member.advance(0) {
        taken.push(number);
        let Step::Frame(_, stride) = member.reader.look(member.cursors[0]) else { panic!("it was there") };
        member.cursors[0] += stride as u64;
    }
}

/// In a process of their own: loom's threads bring a handler of SIGBUS, and ours is tested in this one (`sigbus`).
#[test]
fn every_order_is_right() {
    let mut tests = std::process::Command::new(std::env::current_exe().unwrap());
    let done = tests.args(["--ignored", "interleave::"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains(" 17 passed"), "{said}");
}

/// A writer appends two records and seals; a reader looks twice meanwhile.
fn reading(reads: Reads, weak: Option<usize>) {
    explore(Some(3), move || {
        let mut shelf = Shelf::new(HEADER + 2 * FRAME, reads, weak);
        shelf.try_frames(&[HEADER, HEADER + FRAME], HEAD).try_words(&[SEALED, RECORDS]);
        let shelf = Arc::new(shelf);
        let mut segment = begin(&shelf, 2);
        let mut member = member(&shelf);
        let other = beside(move || {
            let mut taken = Vec::new();
            for _ in 0..2 {
                let sealed = member.sealed().is_some();
                take_all(&mut member, &mut taken);
                let all = taken.len() == 2 && member.is_finished(0) && member.reader.records() == 2;
                assert!(!sealed || all, "what was sealed is there");
                member.reader.refresh();
            }
            assert_eq!(taken, [0, 1][..taken.len()]);
            assert_eq!(member.lost[0], 0, "what was sealed is there");
        });
        append(&mut segment, 0);
        append(&mut segment, 1);
        segment.seal();
        other.join().unwrap();
    });
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn records_are_taken_whole_and_in_order_and_all_of_a_sealed_segment() {
    reading(Reads::Mapped, None);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn the_same_holds_where_the_kernel_copies_in_any_order() {
    reading(Reads::Copied, None);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "what was sealed is there")]
fn a_seal_that_may_come_before_the_frames_is_noticed() {
    reading(Reads::Mapped, Some(SEALED));
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "Causality violation")]
fn an_end_that_may_come_before_the_bytes_is_noticed() {
    reading(Reads::Mapped, Some(END));
}

/// A writer begins a segment while a reader opens it.
fn opening(weak: Option<usize>) {
    explore(None, move || {
        let mut shelf = Shelf::new(HEADER + FRAME, Reads::Copied, weak);
        shelf.try_text(0, 1024).try_words(&[ORDINAL, POSITIONS]);
        let shelf = Arc::new(shelf);
        let read = Arc::clone(&shelf);
        let other = beside(move || {
            if let Some(reader) = reader(&read) {
                assert_eq!((&reader.header, reader.ordinal), (&header(1), 1));
                assert_eq!(reader.delivered(0), HEADER as u64);
                assert!(!reader.is_passed_over(0));
            }
        });
        begin(&shelf, 1);
        other.join().unwrap();
    });
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn a_segment_is_opened_as_it_was_begun_or_not_yet() {
    opening(None);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "not a segment")]
fn an_ordinal_that_may_come_before_the_head_is_noticed() {
    opening(Some(ORDINAL));
}

/// A writer appends and seals while another process balances what it accepted with what stands there.
fn balancing(weak: Option<usize>) {
    explore(None, move || {
        let mut shelf = Shelf::new(HEADER + FRAME, Reads::Copied, weak);
        shelf.try_frames(&[HEADER], HEAD).try_words(&[ACCEPTED, SEALED, RECORDS]);
        let shelf = Arc::new(shelf);
        let mut segment = begin(&shelf, 1);
        let mut member = member(&shelf);
        let other = beside(move || {
            let balance = member.balance(0).unwrap();
            assert!(balance.holds(), "it balances: {balance:?}");
        });
        append(&mut segment, 0);
        segment.seal();
        other.join().unwrap();
    });
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn the_books_balance_at_any_moment_of_an_append() {
    balancing(None);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "it balances")]
fn a_count_that_may_come_before_its_record_is_noticed() {
    balancing(Some(ACCEPTED));
}

/// A deliverer sleeps; a writer appends a record and wakes it, only if it sleeps.
fn waking(bed: fn() -> Bed, reads: Reads, weak: Option<usize>) {
    explore(None, move || {
        let mut shelf = Shelf::new(HEADER + FRAME, reads, weak);
        shelf.fenced().try_frames(&[HEADER], HEAD);
        let (shelf, bed) = (Arc::new(shelf), Arc::new(bed()));
        let mut segment = begin(&shelf, 1);
        let (mut reader, slept_on) = (reader(&shelf).unwrap(), Arc::clone(&bed));
        let other = beside(move || {
            let mut found = false;
            while !found {
                words::sleep(&*slept_on, || {
                    reader.refresh();
                    found = reader.look(HEADER as u64) != Step::End;
                    (!found).then_some(LONG)
                });
            }
        });
        append(&mut segment, 0);
        if words::is_asleep(&*bed) {
            words::wake(&*bed);
        }
        other.join().unwrap();
    });
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn no_record_is_slept_on() {
    waking(Bed::new, Reads::Copied, None);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn no_record_in_memory_is_slept_on() {
    waking(Bed::new, Reads::Mapped, None);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "deadlock")]
fn a_length_that_may_come_after_the_look_at_the_sleeper_is_noticed() {
    waking(Bed::new, Reads::Copied, Some(HEADER));
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "deadlock")]
fn a_sleeper_that_may_look_before_it_lies_down_is_noticed() {
    waking(Bed::weak, Reads::Copied, None);
}

/// A deliverer sleeps; somebody wakes it for nothing, then for a change: a new segment, other options, the end.
fn waking_for_a_change(bed: fn() -> Bed) {
    explore(None, move || {
        let (change, bed) = (Arc::new(Bed::new()), Arc::new(bed()));
        let (seen, slept_on) = (Arc::clone(&change), Arc::clone(&bed));
        let other = beside(move || {
            let mut found = false;
            while !found {
                words::sleep(&*slept_on, || {
                    found = seen.load(Ordering::Acquire) != 0;
                    (!found).then_some(LONG)
                });
            }
        });
        words::wake(&*bed);
        change.count_up(Ordering::Release);
        words::wake(&*bed);
        other.join().unwrap();
    });
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn no_change_is_slept_on() {
    waking_for_a_change(Bed::new);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "deadlock")]
fn a_wake_that_does_not_bring_what_came_before_it_is_noticed() {
    waking_for_a_change(Bed::weak);
}

/// A caller waits for room, which the deliverer makes; `before` is whether it looks at the count before it looks for room.
fn waiting(before: bool) {
    explore(None, move || {
        let (room, freed) = (Arc::new(AtomicBool::new(false)), Arc::new(Bed::new()));
        let (wanted, count) = (Arc::clone(&room), Arc::clone(&freed));
        let other = beside(move || loop {
            let seen = count.load(Ordering::Acquire);
            if wanted.load(Ordering::Relaxed) {
                break;
            }
            let seen = if before { seen } else { count.load(Ordering::Acquire) };
            count.wait(seen, LONG);
        });
        room.store(true, Ordering::Relaxed);
        words::tell_change(&*freed);
        other.join().unwrap();
    });
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn no_room_is_waited_for_that_is_there() {
    waiting(true);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
#[should_panic(expected = "deadlock")]
fn a_count_that_is_looked_at_after_the_room_is_noticed() {
    waiting(false);
}

#[test]
#[ignore = "run by `every_order_is_right`"]
fn the_stand_in_reads_as_a_mapping_does() {
    explore(None, || {
        let mut shelf = Shelf::new(HEADER + FRAME, Reads::Mapped, None);
        shelf.try_frames(&[HEADER], HEAD);
        let shelf = Arc::new(shelf);
        append(&mut begin(&shelf, 1), 0);
        let map = Arc::new(Map::anonymous(HEADER + FRAME).unwrap());
        let mut segment = Prepared::over(Arc::clone(&map)).begin(&header(1), 1, 0);
        segment.append(Kind::Record, 0, 0, &Head { time_ns: 0, site: 0, thread: 0, sinks: 1, level: 20 }.bytes());
        let bytes = |lent: &dyn Lent| {
            let mut out = vec![0; HEADER + FRAME];
            assert_eq!(lent.read(0, &mut out), out.len());
            out
        };
        // But for the words of sinks that there are none of.
        let (ours, real) = (bytes(&*shelf), bytes(&*map));
        assert_eq!(ours[..POSITIONS + 8], real[..POSITIONS + 8]);
        assert_eq!(ours[ACCEPTED..ACCEPTED + 8], real[ACCEPTED..ACCEPTED + 8]);
        assert_eq!(ours[HEADER..], real[HEADER..]);
    });
}
