use super::*;
use crate::record::value::{pack, pack_field, Value};

fn process() -> Process {
    Process { pid: 1, hostname: "h".into(), utc_offset: 0, zone: "UTC".into(), start_ns: 0, segment: 9 }
}

fn framed(kind: Kind, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(9, 4096, kind, flags, 3, payload).map(u64::to_le_bytes).concat();
    bytes.extend_from_slice(payload);
    bytes
}

const SITE: Site<'static> =
    Site { logger: "app", level: 20, level_name: "INFO", pathname: "/a/b.py", line: 7, function: "f" };

#[test]
fn a_deferred_record_comes_back_whole() {
    let mut payload = Head { time_ns: 5, site: 1, thread: 2, sinks: 3, level: 20 }.bytes().to_vec();
    let mut args = Vec::new();
    pack(Value::Str("alice"), &mut args);
    put_bytes(&args, &mut payload);
    let mut fields = Vec::new();
    pack_field("k", Value::Int(1), &mut fields);
    put_bytes(&fields, &mut payload);
    let bytes = framed(Kind::Record, SITE_TEMPLATE | DEFERRED | FIELDS, &payload);
    let Found::Frame(frame) = read(9, 4096, &bytes, 1 << 20) else { panic!("no frame") };
    let process = process();
    let thread = Thread { ident: 4, pid: 1, name: "main", process_name: "MainProcess" };
    let context = Context { site: SITE, template: "hi %s", parts: None, thread, process: &process, first_sequence: 10 };
    let (record, lines) = record(&frame, &context).unwrap();
    assert_eq!((record.time_ns, record.sequence, record.template), (5, 13, "hi %s"));
    let Message::Deferred(mut values) = record.message else { panic!("not deferred") };
    assert_eq!(values.next(), Some(Value::Str("alice")));
    assert_eq!(record.fields.last(), Some(("k", Value::Int(1))));
    assert!(lines.get(0).is_none());
}

#[test]
fn a_records_sinks_are_read_alone_as_with_the_rest() {
    let head = Head { time_ns: 5, site: 1, thread: 2, sinks: 0x0102_0304, level: 20 };
    assert_eq!((sinks(&head.bytes()), Head::read(&head.bytes())), (head.sinks, Some(head)));
}

#[test]
fn a_changed_byte_or_a_moved_frame_is_damage() {
    let bytes = framed(Kind::Site, 0, b"payload");
    for at in 4..bytes.len() {
        let mut torn = bytes.clone();
        torn[at] ^= 1;
        assert!(matches!(read(9, 4096, &torn, 1 << 20), Found::Damaged), "byte {at}");
    }
    assert!(matches!(read(9, 4104, &bytes, 1 << 20), Found::Damaged));
    assert!(matches!(read(8, 4096, &bytes, 1 << 20), Found::Damaged));
}

#[test]
fn place_and_length_are_in_the_checksum() {
    let sum = |salt, offset, len| checksum(salt, offset, len, [0; 8], b"payload");
    let others = [sum(8, 4096, 23), sum(9, 4104, 23), sum(9, 4096, 24)];
    assert!(!others.contains(&sum(9, 4096, 23)));
}

#[test]
fn a_length_beyond_the_segment_is_damage_before_anything_is_read() {
    let mut bytes = framed(Kind::Site, 0, b"payload");
    bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(9, 4096, &bytes, 1 << 20), Found::Damaged));
}

#[test]
fn a_frame_that_ends_behind_the_segment_is_damage() {
    let bytes = framed(Kind::Site, 0, b"payload");
    assert!(matches!(read(9, 4096, &bytes, bytes.len()), Found::Frame(_)));
    assert!(matches!(read(9, 4096, &bytes, bytes.len() - 1), Found::Damaged));
}

#[test]
fn a_frame_of_another_layout_is_damage() {
    let mut bytes = framed(Kind::Site, 0, b"payload");
    bytes[14..16].copy_from_slice(&(VERSION + 1).to_le_bytes());
    let tail = std::array::from_fn(|at| bytes[8 + at]);
    let crc = checksum(9, 4096, bytes.len() as u32, tail, b"payload");
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(read(9, 4096, &bytes, 1 << 20), Found::Damaged));
}

#[test]
fn site_and_thread_payloads_come_back() {
    let mut out = Vec::new();
    put_site(&SITE, Some("hi %s"), &mut out);
    assert_eq!(site(&out).unwrap(), (SITE, "hi %s"));
    let given = Thread { ident: 1 << 40, pid: 1, name: "t", process_name: "p" };
    let mut out = Vec::new();
    put_thread(&given, &mut out);
    assert_eq!(thread(&out).unwrap(), given);
}
