//! What a JSON line with five extra fields costs: `cargo bench -p cordwood-core --bench json`.
use cordwood_core::formatters::json::JsonFormat;
use cordwood_core::record::value::{pack, pack_field, Fields, Value, Values};
use cordwood_core::record::{Message, Process, Record, Site, Thread};
use std::time::Instant;

fn main() {
    let (mut args, mut fields) = (Vec::new(), Vec::new());
    for arg in [Value::Str("alice"), Value::Int(1234), Value::Float(12.5)] {
        pack(arg, &mut args);
    }
    for (name, value) in [
        ("request_id", Value::Str("8f14e45f-ceea-467f-a8dc-5a1f3e8b2c11")),
        ("user_id", Value::Int(42)),
        ("elapsed_ms", Value::Float(12.53)),
        ("path", Value::Str("/api/v1/orders/17")),
        ("cached", Value::Bool(false)),
    ] {
        pack_field(name, value, &mut fields);
    }
    let process =
        Process { pid: 1234, hostname: "box".into(), utc_offset: 3600, zone: "CET".into(), start_ns: 0, segment: 1 };
    let site = Site {
        logger: "shop.orders.service",
        level: 20,
        level_name: "INFO",
        pathname: "/srv/shop/orders/service.py",
        line: 128,
        function: "place_order",
    };
    let record = Record {
        time_ns: 1_795_183_387_023_456_789,
        sequence: 1,
        site,
        thread: Thread { ident: 140_234_567_890_000, pid: 1234, name: "MainThread", process_name: "MainProcess" },
        process: &process,
        template: "user %s placed order %d in %.3f ms",
        parts: None,
        message: Message::Deferred(Values::new(&args)),
        fields: Fields::new(&fields),
        exception: None,
        stack_info: None,
        task_name: None,
        place: None,
    };
    for names in ["cordwood", "ecs", "otel", "gcp"] {
        let Ok(format) = JsonFormat::compile(names, None) else { continue };
        let mut out = Vec::with_capacity(1 << 20);
        let best = (0..200).map(|_| {
            out.clear();
            let start = Instant::now();
            for _ in 0..1000 {
                format.format(std::hint::black_box(&record), &mut out);
            }
            start.elapsed().as_nanos() as f64 / 1000.0
        });
        println!("{names:<9} {:6.0} ns a record of {} bytes", best.fold(f64::MAX, f64::min), out.len() / 1000);
    }
}
