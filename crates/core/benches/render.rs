//! What rendering costs, in nanoseconds a record: `cargo bench --bench render`.
use std::hint::black_box;
use std::time::Instant;

use cordwood_core::formatters::escape;
use cordwood_core::formatters::text::TextFormat;
use cordwood_core::record::percent;
use cordwood_core::record::value::{pack, Fields, Value, Values};
use cordwood_core::record::{Message, Process, Record, Site, Thread};

const ROUNDS: u32 = 200_000;
const FORMAT: &str = "%(asctime)s [%(process)d] %(name)s %(levelname)s %(funcName)s:%(lineno)d %(message)s";
const TEMPLATE: &str = "user %s did %d in %.3f ms";

/// The best of several runs, into a buffer that is emptied as a delivered batch is.
fn measure(what: &str, mut work: impl FnMut(u32, &mut Vec<u8>)) {
    let mut out = Vec::with_capacity(1 << 20);
    let best = (0..15).map(|_| {
        let begun = Instant::now();
        for i in 0..ROUNDS {
            if out.len() > 1 << 19 {
                out.clear();
            }
            work(black_box(i), &mut out);
            black_box(&mut out);
        }
        begun.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
    });
    println!("{what:<44} {:>7.1} ns", best.fold(f64::INFINITY, f64::min));
}

fn packed(values: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        pack(*value, &mut bytes);
    }
    bytes
}

fn record<'a>(process: &'a Process, message: Message<'a>, i: u32) -> Record<'a> {
    Record {
        time_ns: 1_795_183_387_000_000_000 + i64::from(i) * 5000,
        sequence: i.into(),
        site: Site {
            logger: "services.payment",
            level: 20,
            level_name: "INFO",
            pathname: "/srv/app/services/payment.py",
            line: 117,
            function: "charge",
        },
        thread: Thread { ident: 1, pid: 31_337, name: "MainThread", process_name: "MainProcess" },
        process,
        template: TEMPLATE,
        parts: None,
        message,
        fields: Fields::default(),
        exception: None,
        stack_info: None,
        task_name: None,
        place: None,
    }
}

fn main() {
    let process = Process {
        pid: 31_337,
        hostname: "host".to_owned(),
        utc_offset: 3600,
        zone: "CET".to_owned(),
        start_ns: 0,
        segment: 1,
    };
    let args = packed(&[Value::Str("alice"), Value::Int(7), Value::Float(1.5)]);
    let Ok(mut format) = TextFormat::compile(FORMAT, None) else { return };
    measure("text line, three deferred arguments", |i, out| {
        format.format(&record(&process, Message::Deferred(Values::new(black_box(&args))), i), out);
    });
    let rendered = "user alice did 7 in 1.500 ms";
    measure("text line, message rendered before", |i, out| {
        format.format(&record(&process, Message::Rendered(black_box(rendered)), i), out);
    });
    for (template, value) in [
        (TEMPLATE, None),
        ("%s", Some(Value::Str("alice"))),
        ("%d", Some(Value::Int(1_234_567))),
        ("%.3f", Some(Value::Float(1234.5678))),
        ("%s", Some(Value::Float(1234.5678))),
        ("%g", Some(Value::Float(1234.5678))),
    ] {
        let bytes = value.map_or_else(|| args.clone(), |value| packed(&[value]));
        let what = value.map_or_else(|| "three arguments".to_owned(), |value| format!("{template} {value:?}"));
        measure(&what, |_, out| {
            percent::render(black_box(template), Values::new(black_box(&bytes)), out);
        });
    }
    let ascii = "x".repeat(100);
    measure("escape, 100 ASCII bytes", |_, out| escape::push(black_box(&ascii), out));
    let cyrillic = "ж".repeat(50);
    measure("escape, 50 Cyrillic letters", |_, out| escape::push(black_box(&cyrillic), out));
}
