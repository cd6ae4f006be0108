//! What a record's way into its segment costs: `cargo bench -p cordwood-core --bench append` (a number: so many rounds, to
//! count instructions).
#![allow(clippy::unwrap_used)]
use std::hint::black_box;
use std::time::Instant;

use cordwood_core::record::frame::{Head, Kind, HEAD};
use cordwood_core::record::Process;
use cordwood_core::spool::frame_bytes;
use cordwood_core::spool::segment::{Header, Prepared, SinkId, HEADER};

const CAPACITY: usize = 1 << 20;

/// A segment of memory, filled with records of one size so often; the best nanoseconds a record.
fn measure(payload: usize, rounds: usize) -> f64 {
    let mut bytes = vec![b'x'; payload];
    let head = Head { time_ns: 1, site: HEADER as u32, thread: HEADER as u32, sinks: 1, level: 20 };
    bytes[..HEAD].copy_from_slice(&head.bytes());
    let records = (CAPACITY - HEADER) / frame_bytes(payload);
    let process =
        Process { pid: 1, hostname: String::new(), utc_offset: 0, zone: String::new(), start_ns: 0, segment: 7 };
    let sinks = vec![SinkId { identity: 7, local: false }];
    let header = Header { writer: 1, first_sequence: 1, capacity: CAPACITY as u64, created_ns: 0, process, sinks };
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let mut segment = Prepared::in_memory(CAPACITY).unwrap().begin(&header, 1, 0);
        let begun = Instant::now();
        for number in 0..records {
            segment.append(Kind::Record, 0, number as u32, black_box(&bytes));
        }
        best = best.min(begun.elapsed().as_nanos() as f64 / records as f64);
    }
    best
}

fn main() {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(2_000);
    let sizes = std::env::args().skip(1).filter_map(|word| word.strip_prefix("size=")?.parse().ok());
    let sizes: Vec<usize> = sizes.collect();
    for payload in if sizes.is_empty() { vec![32, 61, 96, 130, 180, 300, 1000, 10_000] } else { sizes } {
        println!("{payload:>6} bytes {:>8.1} ns", measure(payload, rounds));
    }
}
