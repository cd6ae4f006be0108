use std::sync::Arc;

use super::*;
use crate::proofs::trial::{process, unread};
use crate::spool::segment::{is_waiting, Prepared, Segment, SinkId};
use crate::system::os::Map;

fn written(capacity: usize, passed: u32, records: usize) -> (tempfile::NamedTempFile, Segment) {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(capacity as u64).unwrap();
    let prepared = Prepared::new(Held::new(file.reopen().unwrap()), None, capacity).unwrap();
    let sinks = vec![SinkId { identity: 7, local: false }, SinkId { identity: 8, local: true }];
    let capacity = capacity as u64;
    let header = Header { writer: 1, first_sequence: 1, capacity, created_ns: 0, process: process(), sinks };
    let mut segment = prepared.begin(&header, 1, passed);
    for n in 0..records {
        segment.append(Kind::Record, 0, n as u32, b"payload");
    }
    (file, segment)
}

fn reader(file: &tempfile::NamedTempFile) -> Option<Reader> {
    Reader::open(Bytes::File(Held::new(file.reopen().unwrap())), file.path()).unwrap()
}

fn count(reader: &mut Reader) -> usize {
    let (mut at, mut count) = (HEADER as u64, 0);
    while let Step::Frame(_, stride) = reader.look(at) {
        at += stride as u64;
        count += 1;
    }
    count
}

#[test]
fn a_header_comes_back_and_a_changed_one_is_refused() {
    let (file, segment) = written(1 << 16, 0, 3);
    let mut read = reader(&file).unwrap();
    assert_eq!((read.header.writer, read.header.capacity, read.ordinal), (1, 1 << 16, 1));
    assert_eq!((read.bit(8), read.bit(9)), (Some(1), None));
    assert_eq!(count(&mut read), 3);
    assert_eq!(read.sealed(), None);
    segment.seal();
    assert_eq!(read.sealed(), Some(segment.position() as u64));
    file.as_file().write_all_at(b"!", 100).unwrap();
    assert!(Reader::open(Bytes::File(Held::new(file.reopen().unwrap())), file.path()).is_err());
}

#[test]
fn what_the_disk_does_not_show_is_no_end_and_a_position_is_not_taken_for_none() {
    let (file, segment) = written(1 << 16, 0, 3);
    let mut read = reader(&file).unwrap();
    read.deliver(0, segment.position() as u64).unwrap();
    read = reader(&file).unwrap();
    let file = read.swap(unread());
    assert_eq!((read.look(HEADER as u64), read.fails()), (Step::Refused, true));
    assert_eq!((read.delivered(0), read.accepted(0)), (segment.position() as u64, None));
    read.swap(file);
    read.refresh();
    assert_eq!((count(&mut read), read.fails(), read.accepted(0)), (3, false, Some(0)));
}

#[test]
fn what_was_prepared_and_not_begun_is_no_segment() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(reader(&file).is_none());
    file.as_file().set_len(1 << 16).unwrap();
    assert!(reader(&file).is_none());
}

#[test]
fn a_capacity_beyond_the_file_or_any_segments_is_not_believed() {
    let (file, _segment) = written(1 << 16, 0, 1);
    let mut header = reader(&file).unwrap().header;
    header.capacity = u64::MAX;
    file.as_file().write_all_at(&header.bytes(), 0).unwrap();
    let mut read = reader(&file).unwrap();
    assert_eq!(read.header.capacity, 1 << 16);
    assert_eq!(count(&mut read), 1);
    file.as_file().set_len(1 << 40).unwrap();
    assert_eq!(reader(&file).unwrap().header.capacity, LARGEST);
}

#[test]
fn a_position_beyond_the_end_counts_as_the_end_and_never_goes_back() {
    let (file, segment) = written(1 << 16, 1, 1);
    let read = reader(&file).unwrap();
    assert_eq!((read.delivered(0), read.delivered(1)), (1 << 16, HEADER as u64));
    read.deliver(1, 5_000).unwrap();
    read.deliver(1, 4_500).unwrap();
    assert_eq!(segment.delivered(1), 5_000);
    segment.pass_over(1);
    assert!(segment.is_delivered(u32::MAX, segment.position() as u64));
}

#[test]
fn only_the_sinks_that_are_asked_for_need_to_have_come_there() {
    let (_file, segment) = written(1 << 16, 2, 1);
    let end = segment.position() as u64;
    assert!(segment.is_delivered(2, end));
    assert!(!segment.is_delivered(1, end) && !segment.is_delivered(3, end));
}

#[test]
fn memory_waits_until_each_shared_sink_has_come_to_its_end() {
    let sinks = vec![SinkId { identity: 7, local: false }, SinkId { identity: 8, local: true }];
    let header = Header { writer: 1, first_sequence: 1, capacity: 1 << 16, created_ns: 0, process: process(), sinks };
    let mut segment = Prepared::in_memory(1 << 16).unwrap().begin(&header, 1, 0);
    let map = segment.lent().1.upgrade().unwrap();
    let waits = || is_waiting(&map, |_| true);
    assert!(!waits());
    segment.append(Kind::Record, 0, 0, b"payload");
    assert!(waits());
    let reader = Reader::open(Bytes::Memory(Arc::<Map>::clone(&map)), Path::new("memory")).unwrap().unwrap();
    reader.deliver(0, segment.position() as u64).unwrap();
    assert!(!waits(), "the local sink's place does not count");
    segment.seal();
    assert!(!waits());
}

#[test]
fn a_reader_beside_its_writer_takes_each_record_whole() {
    const RECORDS: u32 = 100;
    let map = Arc::new(Map::anonymous(1 << 14).unwrap());
    let sinks = vec![SinkId { identity: 7, local: false }];
    let header = Header { writer: 1, first_sequence: 1, capacity: 1 << 14, created_ns: 0, process: process(), sinks };
    let mut segment = Prepared::over(Arc::clone(&map)).begin(&header, 1, 0);
    let writer = std::thread::spawn(move || {
        for n in 0..RECORDS {
            segment.append(Kind::Record, 0, n, &vec![n as u8; n as usize]);
        }
        segment.seal();
    });
    let mut reader = Reader::open(Bytes::Memory(map), Path::new("memory")).unwrap().unwrap();
    let (mut at, mut next) = (HEADER as u64, 0);
    while reader.sealed().is_none_or(|end| at < end) {
        reader.refresh();
        while let Step::Frame(_, stride) = reader.look(at) {
            let frame = reader.frame(at).unwrap();
            assert_eq!((frame.sequence, frame.payload), (next, &*vec![next as u8; next as usize]));
            (at, next) = (at + stride as u64, next + 1);
        }
    }
    writer.join().unwrap();
    assert_eq!(next, RECORDS);
}

#[test]
fn a_count_of_more_than_there_are_is_not_believed() {
    let (file, segment) = written(1 << 16, 0, 3);
    segment.seal();
    let read = reader(&file).unwrap();
    assert_eq!(read.accepted(0), Some(0));
    file.as_file().write_all_at(&4u64.to_le_bytes(), ACCEPTED as u64).unwrap();
    assert_eq!(read.accepted(0), None);
}

#[test]
fn reading_goes_on_at_the_next_whole_frame_after_damage() {
    let (file, segment) = written(1 << 16, 0, 10);
    segment.seal();
    let mut read = reader(&file).unwrap();
    let Step::Frame(_, stride) = read.look(HEADER as u64) else { panic!("no frame") };
    let second = HEADER as u64 + stride as u64;
    file.as_file().write_all_at(b"????????", second).unwrap();
    read.refresh();
    assert_eq!(read.look(second), Step::Damaged);
    assert_eq!(read.resynchronise(second), Some(second + stride as u64));
    assert_eq!(read.resynchronise(second + stride as u64 - 8), Some(second + stride as u64));
    assert_eq!(read.records_before(segment.position() as u64), 10);
}

#[test]
fn a_search_that_is_led_astray_again_and_again_ends() {
    for (frames, is_found) in [(3, true), (12, false)] {
        let (file, segment) = written(1 << 16, 0, 20);
        drop(segment);
        let mut read = reader(&file).unwrap();
        let Step::Frame(_, stride) = read.look(HEADER as u64) else { panic!("no frame") };
        let place = |frame: u64| HEADER as u64 + frame * stride as u64;
        for frame in 1..=frames {
            // It claims all that follows.
            let claim = (1 << 16) - place(frame) as u32;
            file.as_file().write_all_at(&claim.to_le_bytes(), place(frame)).unwrap();
        }
        read.refresh();
        assert_eq!(read.resynchronise(place(1)), is_found.then_some(place(frames + 1)));
    }
}

#[test]
fn a_file_cut_short_ends_where_it_was_cut() {
    let (file, segment) = written(1 << 16, 0, 10);
    let mut read = reader(&file).unwrap();
    drop(segment);
    file.as_file().set_len(HEADER as u64 + 40).unwrap();
    assert_eq!(count(&mut read), 1);
}

#[test]
fn more_records_than_there_is_room_for_are_not_believed() {
    let (file, segment) = written(1 << 16, 0, 3);
    segment.seal();
    assert_eq!(reader(&file).unwrap().records(), 3);
    file.as_file().write_all_at(&(u64::MAX - 1).to_le_bytes(), RECORDS as u64).unwrap();
    assert_eq!(reader(&file).unwrap().records(), 0);
}
