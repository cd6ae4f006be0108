use std::sync::Arc;

use super::*;
use crate::query::scan::{Input, Records};
use crate::query::when::Zone;

const LOG: &str = "2026-11-20 09:00:00,000 - shop.orders - INFO - Order 1 paid
2026-11-20 09:59:59,999 - shop.orders - INFO - Order 2 paid
2026-11-20 10:00:00,000 - shop.mail - WARNING - SMTP slow: 900 ms
2026-11-20 10:00:01,000 - shop.orders - ERROR - Order 3 failed
Traceback (most recent call last):
  File \"/srv/shop.py\", line 7, in pay
    raise ValueError(3)
ValueError: 3
2026-11-20 11:00:01,000 - shop.orders - ERROR - Order 4 failed
Traceback (most recent call last):
  File \"/srv/shop.py\", line 9, in pay
    raise ValueError(4)
ValueError: 4
";

fn analyzed(text: &str, options: Options) -> Report {
    let zone = Arc::new(Zone::fixed(0));
    let mut records = Records::new(Input::memory(text.into()), &[], zone, 0).unwrap();
    let mut analyzer = Analyzer::new(options, 0).unwrap();
    while let Some(record) = records.next_record().unwrap() {
        analyzer.add(&record, Side::Now);
    }
    analyzer.report()
}

#[test]
fn every_record_is_counted_by_level_time_logger_and_pattern() {
    let report = analyzed(LOG, Options::default());
    assert_eq!((report.now.records, report.levels), (5, [0, 0, 2, 1, 2, 0]));
    let counts = |report: &Report| -> Vec<(i64, u64)> {
        let first = report.times[0].0.unwrap();
        report.times.iter().map(|(unit, levels)| (unit.unwrap() - first, levels.iter().sum())).collect()
    };
    assert_eq!((report.unit, counts(&report)), (HOUR, vec![(0, 2), (1, 2), (2, 1)]));
    let fine = analyzed(LOG, Options { unit: 60, ..Options::default() });
    assert_eq!((fine.unit, counts(&fine)), (60, vec![(0, 1), (59, 1), (60, 2), (120, 1)]));
    let told = |all: &[Counted]| all.iter().map(|one| (one.text.clone(), one.count)).collect::<Vec<_>>();
    assert_eq!(told(&report.loggers), [("shop.orders".into(), 4), ("shop.mail".into(), 1)]);
    let patterns = told(&report.patterns);
    assert_eq!(patterns[0], ("Order <*> failed".into(), 2));
    assert_eq!(patterns[1], ("Order <*> paid".into(), 2));
    assert_eq!(report.patterns[0].levels, [0, 0, 0, 0, 2, 0]);
    assert_eq!((report.patterns[0].raised, report.patterns[1].raised), (2, 0));
}

#[test]
fn what_a_record_says_of_its_template_is_its_pattern() {
    let line = |message: &str, template: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-20T09:00:00.000Z\",\"level\":\"INFO\",\"logger\":\"shop\",\
             \"message\":\"{message}\"{template}}}\n"
        )
    };
    let told = ",\"template\":\"it's \\\"%s\\\" of %s\"";
    let log = [
        line("it's \\\"red\\\" of seven", told),
        line("it's \\\"a b c\\\" of none at all", told),
        line("Order 1 paid", ",\"template\":\"Order %d paid\""),
        line("Order 2 paid", ",\"template\":\"index.html\""),
        line("Order 3 paid", ""),
    ];
    let report = analyzed(&log.concat(), Options::default());
    let found: Vec<(&str, u64)> = report.patterns.iter().map(|one| (&*one.text, one.count)).collect();
    assert_eq!(found, [("Order <*> paid", 3), ("it's \"<*>\" of <*>", 2)]);
    assert_eq!(report.patterns[1].variables.len(), 2);
}

#[test]
fn tracebacks_of_one_fingerprint_are_one_error_with_its_span_and_an_example() {
    let report = analyzed(LOG, Options::default());
    assert_eq!(report.errors.len(), 1);
    let error = &report.errors[0];
    assert_eq!((&*error.text, error.count), ("ValueError: 3", 2));
    assert_eq!(error.last.unwrap() - error.first.unwrap(), HOUR * SECOND);
    assert_eq!(error.frames, ["/srv/shop.py in pay"]);
    assert!(error.example.contains("Order 3 failed"));
}

#[test]
fn an_example_of_json_is_its_message_and_its_traceback() {
    let line = r#"{"time":1795183387,"level":"ERROR","message":"it","exc_info":"Traceback (most recent call last):\nValueError: 3"}"#;
    let report = analyzed(line, Options::default());
    assert_eq!(report.errors[0].example, "it\nTraceback (most recent call last):\nValueError: 3");
}

#[test]
fn known_issues_are_found_in_warnings_and_in_tracebacks_but_not_in_chatter() {
    let rules = vec!["SMTP slow".into(), "ValueError".into(), "paid".into()];
    let report = analyzed(LOG, Options { rules, ..Options::default() });
    assert_eq!(report.issues.iter().map(|issue| issue.count).collect::<Vec<_>>(), [1, 2, 0]);
}

#[test]
fn what_was_before_the_boundary_is_only_compared_with() {
    let boundary = analyzed(LOG, Options::default()).now.first.unwrap() + HOUR * SECOND;
    let report = analyzed(LOG, Options { boundary: Some(boundary), ..Options::default() });
    assert_eq!((report.before.records, report.now.records), (2, 3));
    let paid = report.patterns.iter().find(|pattern| pattern.text == "Order <*> paid").unwrap();
    assert_eq!((paid.before, paid.count), (2, 0));
}

#[test]
fn examples_are_of_what_is_where_that_is_compared_with_what_was() {
    let boundary = analyzed(LOG, Options::default()).now.first.unwrap() + 2 * HOUR * SECOND;
    let rules = vec!["ValueError".into(), "SMTP slow".into()];
    let report = analyzed(LOG, Options { boundary: Some(boundary), rules, ..Options::default() });
    let failed = report.patterns.iter().find(|pattern| pattern.text == "Order <*> failed").unwrap();
    assert_eq!((failed.before, failed.count, &*failed.example), (1, 1, "Order 4 failed"));
    let error = &report.errors[0];
    assert_eq!((error.before, error.count, &*error.text), (1, 1, "ValueError: 4"));
    assert!(error.example.contains("Order 4 failed"));
    assert!(report.issues[0].example.contains("Order 4 failed"));
    let paid = report.patterns.iter().find(|pattern| pattern.text == "Order <*> paid").unwrap();
    assert_eq!(paid.example, "Order 1 paid", "what is no more is shown as it was");
}

#[test]
fn the_level_asked_for_is_the_least() {
    assert_eq!(analyzed(LOG, Options { level: 40, ..Options::default() }).levels, [0, 0, 0, 0, 2, 0]);
}

#[test]
fn a_wrong_rule_is_refused_by_name() {
    let error = Analyzer::new(Options { rules: vec!["(".into()], ..Options::default() }, 0).err().unwrap();
    assert!(error.to_string().starts_with("rules: "), "{error}");
}

#[test]
fn many_units_are_counted_in_wider_spans_and_none_is_lost() {
    let mut times = Times::default();
    for unit in (0..3000).rev() {
        times.add(unit, 2);
    }
    times.add(i64::MIN, 0);
    assert_eq!(times.total(), 3001);
    assert!(times.spans().len() <= 401);
}
