//! What redaction costs where there is nothing to redact, and where there is: `cargo bench -p cordwood-core --bench redact`.
use cordwood_core::formatters::redact::Redactor;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The best of a hundred rounds, in nanoseconds a call.
fn measure(mut call: impl FnMut()) -> f64 {
    let calls = 10_000u32;
    let round = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        start.elapsed()
    };
    let best = (0..100).map(|_| round(&mut call)).min().unwrap_or(Duration::ZERO);
    best.as_nanos() as f64 / f64::from(calls)
}

const TEXTS: &[(&str, &str)] = &[
    ("10 bytes", "order 1234"),
    ("30 bytes", "connection to cache established"),
    (
        "100 bytes, prose",
        "The scheduler has finished the nightly run of the report builder and goes to sleep until tomorrow ok",
    ),
    (
        "100 bytes, 2 names",
        "request finished in 12.53 ms with status=200 for the client 192.168.10.24 and path: /api/v1/orders/17",
    ),
    (
        "100 bytes, 4 names",
        "method=GET path=/api/v1/orders/17 took 12.53 ms, status=200 client=192.168.10.24 agent Mozilla five",
    ),
    (
        "100 bytes, times",
        "2026-11-20 10:11:12,345 job 8f14e45f-ceea-467f-a8dc-5a1f3e8b2c11 done at 2026-11-20T10:11:12.345678",
    ),
    ("1000 bytes, prose", ""),
    (
        "100 bytes, 1 secret",
        "login of user alice from 10.0.0.1 with password=correct-horse-battery-staple was accepted by server 7",
    ),
    (
        "JWT",
        "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U from peer",
    ),
];

fn main() {
    let redactor = Redactor::default();
    for (name, text) in TEXTS {
        let text = if text.is_empty() { TEXTS[2].1.repeat(10) } else { (*text).to_owned() };
        let ns = measure(|| {
            black_box(redactor.redact_text(black_box(&text)));
        });
        println!("redact_text {name:<22} {ns:8.1} ns");
    }
    let plan = redactor.plan("user %s did %d");
    for arg in [
        "alice",
        "order-1234",
        "customer42",
        "/api/v1/orders",
        "10.0.0.1:8080",
        "550e8400-e29b-41d4-a716-446655440000",
        TEXTS[2].1,
    ] {
        let ns = measure(|| {
            black_box(redactor.argument_is_harmless(black_box(&plan), 0, black_box(arg)));
        });
        println!("argument_is_harmless {:3} bytes    {ns:8.1} ns", arg.len());
    }
    let ns = measure(|| {
        black_box(redactor.int_is_harmless(black_box(&plan), black_box(1_763_633_472_123)));
    });
    println!("int_is_harmless                   {ns:8.1} ns");
    for key in ["user_id", "order_id", "elapsed_ms", "password", "token_count"] {
        let ns = measure(|| {
            black_box(redactor.secret_key(black_box(key)));
        });
        println!("secret_key {key:<23} {ns:8.1} ns");
    }
}
