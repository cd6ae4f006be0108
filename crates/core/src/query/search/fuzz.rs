//! Every parser that reads what others wrote, fed with samples that were cut, mixed and spoilt.
//!
//! A second of it runs with the other tests; `CORDWOOD_FUZZ_SECONDS=600 cargo test -p cordwood-core --release fuzz` is longer.
//! The seed of a failing case is in its message; `CORDWOOD_FUZZ_SEED` tries it again.
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::query::formats::{table, unescape, Format};
use crate::query::scan::Input;

const SAMPLES: &[&str] = &[
    "2026-11-20 14:03:07,123 - app.http - ERROR - it - is\nTraceback (most recent call last):\n  File\nValueError: x\n",
    "{\"timestamp\":\"2026-11-20T14:03:07+00:00\",\"level\":\"INFO\",\"message\":\"hi \\\"x\\\" \\ud83d\\ude00\",\"a\":{\"b\":[1,{}]}}\n",
    "{\"text\":\"t\",\"record\":{\"level\":{\"name\":\"ERROR\"},\"time\":{\"timestamp\":1795183387.5},\"extra\":{\"k\":null}}}\n",
    "time=2026-11-20T14:03:07Z level=warn msg=\"a \\\" b\" user_id=42\n",
    "10.0.0.1 - bob [20/Nov/2026:15:03:07 +0100] \"GET /x HTTP/1.1\" 404 12 \"-\" \"curl\"\n",
    "<14>1 2026-11-20T14:03:07Z host app 7 - - x\n<11>Nov 29 14:03:07 host app: x\n",
    "[Fri Nov 20 14:03:07.000001 2026] [core:error] [pid 9] AH1: x\nWARNING:root:hello\n",
    "<14>1 2026-11-20T14:03:07Z host app 7 - [a@1 user_id=\"42\" b=\"\\]\"] x\nNov 20 14:03:07 host app[7]: x\n",
    "2026-11-20 14:03:07 [error    ] it failed                      [app] user_id=42 path='/a b' c=[1, (2)]\n",
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"1795183387000000000\",\"body\":{\"stringValue\":\"hi\"}}]}]}]}\n",
    "{\"timeUnixNano\":1795183387000000000,\"attributes\":[{\"key\":\"user_id\",\"value\":{\"intValue\":\"42\"}}]}\n",
    "{\"timestamp\":{\"seconds\":1795183387,\"nanos\":5},\"severity\":\"ERROR\",\"message\":\"hi\"}\n",
    "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: x (1 sub-exception)\n  +-+---- 1 ----\n",
    "\u{feff}\0\0",
    "INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 500 Internal Server Error\n",
];
const QUERIES: &[&str] = &[
    "{}",
    r#"{"where":{"text":"hi"}}"#,
    r#"{"since":1795183387000000000,"where":{"all":[{"regex":"[a-z]+"},{"not":{"field":{"name":"a.b","op":"?","value":""}}}]}}"#,
    r#"{"until":1795183387500000000,"where":{"field":{"name":"user_id","op":">","value":"7"}}}"#,
];

const NOW: i64 = 1_795_183_387_000_000_000;

/// xorshift: no more is needed to cut and mix.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..=self.below(6) {
            let sample = SAMPLES[self.below(SAMPLES.len())].as_bytes();
            let (from, to) = (self.below(sample.len()), self.below(sample.len() + 1));
            text.extend_from_slice(if self.below(2) == 0 { sample } else { sample.get(from..to).unwrap_or(sample) });
        }
        for _ in 0..self.below(8) {
            if text.is_empty() {
                text.push(b'\n');
            }
            let at = self.below(text.len());
            match self.below(4) {
                0 => text[at] = self.below(256) as u8,
                1 => text.truncate(at + 1),
                2 => text.insert(at, b"\n\"\\{}[]: -=,0"[self.below(13)]),
                _ => {
                    text.remove(at);
                }
            }
        }
        text
    }
}

fn one(seed: u64) {
    let mut chance = Chance(seed | 1);
    let text = chance.text();
    let query = QUERIES[chance.below(QUERIES.len())];
    let new = || Search::new(compile(query).unwrap(), Options::default(), Arc::new(Zone::fixed(3600)), NOW);
    let open = || {
        let mut search = new();
        search.add_input("fuzz", Input::memory(text.clone()), &[]);
        search
    };
    // All ways to ask give the same.
    let mut stepping = open();
    let answers = std::iter::from_fn(|| stepping.next_found()).count();
    assert_eq!(open().count(), answers as u64);
    assert_eq!(open().last(usize::MAX).len(), answers);
    let grouped: u64 =
        open().group(&["level".to_owned(), "a.b".to_owned()], 60_000_000_000).iter().map(|row| row.2).sum();
    assert_eq!(grouped, answers as u64);
    let mut clock = Clock::new(Arc::new(Zone::fixed(0)), 0);
    for format in table::all().iter().chain(&[Format::Timed, Format::Plain]) {
        format.head(&text, &mut clock);
        format.fields(&text, &mut clock, &mut |_, _| {});
    }
    unescape(&text);
    let line = String::from_utf8_lossy(&text);
    let _ = Format::given(&line, Some(&line));
    let _ = compile(&line);
    mined(&text);
    if chance.below(8) == 0 {
        archived(&text, &mut chance);
    }
    // What is packed and then spoilt.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).unwrap();
    for mut packed in [gzip.finish().unwrap(), zstd::encode_all(&text[..], 1).unwrap()] {
        let at = chance.below(packed.len());
        packed[at] ^= 1 << chance.below(8);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&packed).unwrap();
        let mut search = new();
        if let Ok(input) = Input::of_file(file) {
            search.add_input("packed", input, &[]);
            search.count();
        }
    }
}

/// An archive of a text, spoilt: it says so, or gives back something; and whole, it gives back the text.
fn archived(text: &[u8], chance: &mut Chance) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("log"), text).unwrap();
    let parquet = crate::sinks::names::Form::Parquet;
    crate::query::archive::pack(&path("log"), &path("packed"), parquet, &[]).unwrap();
    crate::query::archive::unpack(&path("packed"), &path("back")).unwrap();
    assert_eq!(std::fs::read(path("back")).unwrap(), text);
    let whole = std::fs::read(path("packed")).unwrap();
    for query in QUERIES {
        let new = || Search::new(compile(query).unwrap(), Options::default(), Arc::new(Zone::fixed(0)), NOW);
        let count = |name: &str| {
            let mut search = new();
            search.add_chain(&[path(name)], &[], &crate::query::scan::Copies::default()).ok().map(|()| search.count())
        };
        if memchr::memchr(0, text).is_none() {
            assert_eq!(count("packed"), count("log"), "{query}");
        }
        let mut spoilt = whole.clone();
        for _ in 0..=chance.below(3) {
            let at = chance.below(spoilt.len());
            spoilt[at] ^= 1 << chance.below(8);
        }
        if chance.below(4) == 0 {
            spoilt.truncate(chance.below(spoilt.len()));
        }
        std::fs::write(path("spoilt"), spoilt).unwrap();
        count("spoilt");
        let _ = crate::query::archive::unpack(&path("spoilt"), &path("back"));
    }
}

/// Every message is counted in one pattern, which takes it again.
fn mined(text: &[u8]) {
    let mut miner = crate::query::mine::Miner::default();
    let messages: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let numbers: Vec<u32> = messages.iter().map(|message| miner.add(message)).collect();
    let (templates, of) = miner.templates();
    assert_eq!(templates.iter().map(|template| template.count).sum::<u64>(), messages.len() as u64);
    for (message, number) in messages.iter().zip(numbers) {
        assert!((of[number as usize] as usize) < templates.len());
        assert!(miner.find(message).is_some());
    }
}

#[test]
fn fuzz_no_bytes_end_the_process_and_all_ways_to_ask_agree() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("CORDWOOD_FUZZ_SEED") {
        return one(seed);
    }
    let seconds = Duration::from_secs(number("CORDWOOD_FUZZ_SECONDS").unwrap_or(1));
    let began = Instant::now();
    let mut seed =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
    while began.elapsed() < seconds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        assert!(std::panic::catch_unwind(|| one(seed)).is_ok(), "CORDWOOD_FUZZ_SEED={seed}");
    }
}
