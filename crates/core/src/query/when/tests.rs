use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const AT: i64 = 1_795_183_387; // 2026-11-20T14:03:07Z

fn clock(offset: i32) -> Clock {
    Clock::new(Arc::new(Zone::fixed(offset)), AT)
}

fn iso(text: &str) -> Option<(i64, usize)> {
    clock(3600).iso(text.as_bytes())
}

#[test]
fn the_usual_forms_of_iso_are_read_with_their_length() {
    for (text, nanos, length) in [
        ("2026-11-20 15:03:07", 0, 19),
        ("2026-11-20 15:03:07,123 - app", 123_000_000, 23),
        ("2026-11-20 15:03:07.123456789 x", 123_456_789, 29),
        ("2026/11/20 15:03:07 [error]", 0, 19),
        ("2026-11-20T14:03:07Z x", 0, 20),
        ("2026-11-20T14:03:07.5Z", 500_000_000, 22),
        ("2026-11-20T16:33:07+02:30 x", 0, 25),
        ("2026-11-20 09:03:07 -0500 x", 0, 25),
        ("2026-11-20 14:03:07.123 UTC [1]", 123_000_000, 27),
        ("2026-11-20 15:03:07 - 12 things", 0, 19),
        ("2026-11-20 15:03:07 -12 things", 0, 19),
    ] {
        assert_eq!(iso(text), Some((AT * NS + nanos, length)), "{text}");
    }
}

#[test]
fn what_is_no_time_is_none() {
    for text in [
        "",
        "2026-11-20",
        "2026-13-20 15:03:07",
        "2026-02-32 15:03:07",
        "2026-11-20 25:03:07",
        "2026-11-20 15:61:07",
        "2026-11-20 15.03.07",
        "20261120 15:03:07 abc",
        "2026-11/20 15:03:07",
        "9999-11-20 15:03:07",
        "2026-11-20x15:03:07",
    ] {
        assert_eq!(iso(text), None, "{text}");
    }
}

#[test]
fn a_day_that_its_month_has_not_is_of_the_next_month() {
    let second = |text: &str| clock(0).iso(text.as_bytes()).unwrap().0 / NS;
    assert_eq!(second("2026-02-30 15:03:07"), second("2026-03-02 15:03:07"));
    let directives = TimeFormat::compile(Some("%d.%m.%Y %H:%M:%S"));
    let told = directives.parse(b"31.11.2026 15:03:07", &mut clock(0)).unwrap();
    assert_eq!(told.0 / NS, second("2026-12-01 15:03:07"));
}

#[test]
fn directives_read_what_strftime_writes() {
    for (format, text) in [
        ("%d/%b/%Y:%H:%M:%S %z", "20/Nov/2026:15:03:07 +0100"),
        ("%b %e %H:%M:%S", "Nov 20 15:03:07"),
        ("%a %b %d %H:%M:%S %Y", "Fri Nov 20 15:03:07 2026"),
        ("%H:%M:%S", "15:03:07"),
        ("%d.%m.%y %I:%M:%S %p", "20.11.26 03:03:07 PM"),
        ("%Y-%j %T", "2026-324 15:03:07"),
        ("%s", "1795183387"),
        ("%m-%d %H:%M:%S", "11-20 15:03:07"),
    ] {
        let parsed = TimeFormat::compile(Some(format)).parse(text.as_bytes(), &mut clock(3600));
        assert_eq!(parsed, Some((AT * NS, text.len())), "{format}");
    }
}

#[test]
fn a_day_without_a_year_is_in_the_past() {
    let parsed = TimeFormat::compile(Some("%b %d %H:%M:%S")).parse(b"Dec 24 15:03:07", &mut clock(0));
    assert_eq!(parsed.unwrap().0 / NS, AT + 3600 - (365 - 34) * DAY);
    let leap = TimeFormat::compile(Some("%b %d %H:%M:%S")).parse(b"Feb 29 00:00:00", &mut clock(0));
    assert_eq!(leap.unwrap().0 / NS, days(2024, 2, 29) * DAY);
}

/// Berlin in 2026: summer time from 29 March 01:00 UTC to 25 October 01:00 UTC.
fn berlin() -> Zone {
    Zone::new(vec![(i64::MIN, 3600), (1_774_746_000, 7200), (1_792_890_000, 3600)])
}

#[test]
fn clocks_that_go_forward_and_back_are_as_in_python() {
    let zone = berlin();
    let at = |month: i64, day: i64, hour: i64| days(2026, month, day) * DAY + hour * 3600;
    assert_eq!(zone.utc(at(1, 1, 12)), at(1, 1, 11));
    assert_eq!(zone.utc(at(7, 1, 12)), at(7, 1, 10));
    assert_eq!(zone.utc(at(3, 29, 2)), at(3, 29, 1), "02:00 never happens: counted from winter time");
    assert_eq!(zone.utc(at(3, 29, 3)), at(3, 29, 1));
    assert_eq!(zone.utc(at(10, 25, 2)), at(10, 25, 0), "02:00 happens twice: the first");
    assert_eq!(zone.utc(at(10, 25, 3)), at(10, 25, 2));
    let mut clock = Clock::new(Arc::new(zone), AT);
    assert_eq!(clock.iso(b"2026-10-25 02:59:59").unwrap().0 / NS, at(10, 25, 0) + 3599);
}

proptest! {
    #[test]
    fn what_civil_writes_is_read_back(ns in 0_i64..4_102_444_800_000_000, minutes in -14 * 60..14 * 60) {
        let ns = ns * 1000;
        let mut text = Vec::new();
        crate::formatters::civil::write_rfc3339(ns, minutes * 60, &mut text);
        prop_assert_eq!(clock(0).iso(&text), Some((ns, text.len())));
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..40), format in "(%[a-zA-Z%]|[ -~]){0,6}") {
        clock(0).iso(&text);
        TimeFormat::compile(Some(&format)).parse(&text, &mut clock(0));
    }
}
