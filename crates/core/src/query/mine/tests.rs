mod values;

use super::*;
use std::collections::{HashMap, HashSet};

/// Messages of many programs' styles, made up: each list is one pattern, and no two lists are.
const CORPUS: &[&[&str]] = &[
    &[
        "Received block blk_-160899 of size 91178 from /10.250.10.6",
        "Received block blk_388 of size 67108864 from /10.251.7.3",
    ],
    &["estimated size 5.2 KB, free 4.3 KB", "estimated size 384.0 B, free 17.1 MB", "estimated size 9 MB, free 384 B"],
    &[
        "Saved output of task 'attempt_01_m_3' to hdfs://10.10.34.11:9000/out/part-3",
        "Saved output of task 'attempt_9_m_1' to file:///tmp/x",
    ],
    &["Connecting to driver: tcp://Scheduler@10.10.34.11:48069", "Connecting to driver: tcp://Scheduler@10.10.34.27:5"],
    &[
        "mapred.tip.id is deprecated. Instead, use mapreduce.task.id",
        "mapred.job.id is deprecated. Instead, use mapreduce.job.id",
    ],
    &[
        "Starting task 42.0 in stage 10.0 (TID 1172, host-7, partition 42)",
        "Starting task 1.0 in stage 2.0 (TID 3, host-12, partition 1)",
    ],
    &[
        "acquire lock=2335, flags=0x1, tag=\"View Lock\", name=com.acme.systemui, ws=null, uid=10037, pid=2227",
        "acquire lock=98, flags=0x1, tag=\"*launch*\", name=android, ws=WorkSource{10113}, uid=1000, pid=2626",
    ],
    &[
        "setVisibility vis=0 mask=1 old=40000500 new=40000500 diff=0 bounds=Rect(0, 0 - 0, 0), merge=false",
        "setVisibility vis=8 mask=ffffffff old=8 new=0 diff=8 bounds=Rect(0, 72 - 1080, 1920), merge=true",
    ],
    &[
        "Skipping Token{df0798e rec=Rec{3b04890 u0 com.acme.video/com.acme.video.Player t761}} -- going to hide",
        "Skipping Token{12aa30c rec=Rec{99efa01 u0 com.other.app/.activity.Main t12}} -- going to hide",
    ],
    &["visible is system ui: true", "visible is system ui: false"],
    &["ready=true,policy=3,wakefulness=1,boot=true", "ready=false,policy=0,wakefulness=1,boot=true"],
    &[
        "getDetailSteps = 1514038440000##6993##548365##8661##12266##27164404",
        "getDetailSteps = 1514038440001##7007##54##8##9##1",
    ],
    &["REPORT : 7007 5002 150089 240", "REPORT : 7008 5003 150111 241"],
    &["onReceive action:android.intent.action.SCREEN_ON", "onReceive action:android.intent.action.TIME_TICK"],
    &[
        "10.11.10.1 \"GET /v2/54fadb/servers/detail HTTP/1.1\" status: 200 len: 1893 time: 0.2477829",
        "10.11.11.9 \"GET /v2/54fadb/servers/9 HTTP/1.1\" status: 404 len: 1 time: 0.01",
    ],
    &[
        "10.11.10.1 \"POST /v2/54fadb/servers HTTP/1.1\" status: 202 len: 733 time: 0.49",
        "10.11.10.7 \"POST /v2/1/x HTTP/1.1\" status: 202 len: 3 time: 1.49",
    ],
    &[
        "[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Started (Lifecycle Event)",
        "[instance: 70c1714b-c11b-4c88-b300-239afe1f5ff8] VM Started (Lifecycle Event)",
    ],
    &[
        "[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Paused (Lifecycle Event)",
        "[instance: 70c1714b-c11b-4c88-b300-239afe1f5ff8] VM Paused (Lifecycle Event)",
    ],
    &[
        "Took 20.58 seconds to build instance.",
        "Took 1.04 seconds to build instance.",
        "Took 1 second to build instance.",
    ],
    &[
        "Session: 30546173_4261722401 initialized by client UpdateAgent.",
        "Session: 30546174_9 initialized by client UpdateAgent.",
    ],
    &[
        "Loaded Stack v6.1.7601.23505 with Core: C:\\Windows\\winsxs\\amd64_micro\\cbscore.dll",
        "Loaded Stack v6.1.7601.17592 with Core: C:\\Windows\\other\\cbscore.dll",
    ],
    &[
        "Failed to open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]",
        "Failed to open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]",
    ],
    &[
        "Initialize (dll version 0.0.0.6) called (stack @0x7fed806eb5d @0x7fef9fb9b6d @0x7fef9f8358f)",
        "Initialize (dll version 0.0.0.6) called (stack @0x7fed806eb5d @0x7fef9fb9b6d)",
    ],
    &["PSU status ( on on )", "PSU status ( on off )", "PSU status ( off on )"],
    &[
        "Fan speeds ( 3552 3534 3375 3515 3479 )",
        "Fan speeds ( 3552 **** 3375 3515 3479 )",
        "Fan speeds ( **** 3552 3375 **** 3479 )",
    ],
    &[
        "Targeting nodes:node-[40-63] child of command 1916",
        "Targeting nodes:node-7 child of command 1917",
        "Targeting nodes:node-[0,3-9] child of command 2",
    ],
    &[
        "bad nodesets node-31 0x1fffffffe <ok> node-0 0xfffffffe <ok> node-1 0xfffffffe <ok> node-3 0x1 <ok>",
        "bad nodesets node-31 0x1fffffffe <ok> node-0 0xfffffffe <ok> node-1 0xfffffffe <ok>",
    ],
    &["Temperature (41C) exceeds warning threshold", "Temperature (39C) exceeds warning threshold"],
    &[
        "DHCPDISCOVER from 00:11:43:e3:ba:c3 via eth1",
        "DHCPDISCOVER from fa:ce:aa:bb:cc:dd via eth0",
        "DHCPDISCOVER from 00:ff:aa:bb:cc:de via eth1",
    ],
    &[
        "connection from 207.30.238.8 (host8.example.net) at Sun Jul 17 14:03:20 2005",
        "connection from 82.252.162.81 () at Wed Jun 9 01:00:01 2005",
    ],
    &[
        "session opened for user root by (uid=0)",
        "session opened for user news by (uid=0)",
        "session opened for user cyrus by (uid=0)",
    ],
    &[
        "Accepted publickey for root from ::ffff:10.100.4.251 port 32857 ssh2",
        "Accepted publickey for root from ::ffff:10.100.4.7 port 1 ssh2",
    ],
    &["lo0::Interface::postMessage bssid changed", "en0::Interface::postMessage bssid changed"],
    &[
        "ARPT: 620701.011328: wl0: update_seq: Original Seq: 3092940338, Ack: 2834711478, Win size: 4096",
        "ARPT: 620702.5: wl0: update_seq: Original Seq: 1, Ack: 2, Win size: 3",
    ],
    &[
        "Sandbox: com.apple.Addres(38406) deny(1) network-outbound /private/var/run/mDNSResponder",
        "Sandbox: QuickLookSatelli(3840) deny(1) network-outbound /private/var/x",
        "Sandbox: garcon(12) deny(1) network-outbound /private/y",
        "Sandbox: sandboxd(7) deny(1) network-outbound /p",
        "Sandbox: Preview(8) deny(1) network-outbound /p",
    ],
    &[
        "Task reindex[6f0e7a3e-1b1a-4c35-8d3b-111111111111] received",
        "Task rollup[6f0e7a3e-1b1a-4c35-8d3b-111111111112] received",
        "Task billing[6f0e7a3e-1b1a-4c35-8d3b-111111111113] received",
        "Task sync_users[6f0e7a3e-1b1a-4c35-8d3b-111111111113] received",
        "Task cleanup_tmp[6f0e7a3e-1b1a-4c35-8d3b-111111111113] received",
    ],
    &[
        "GET example.com:443 close, 451 bytes sent, 2048 bytes (2.00 KB) received, lifetime <1 sec",
        "GET a.b.example.com:80 close, 1000 bytes (1000 B) sent, 0 bytes received, lifetime 00:17",
    ],
    &["User alice@example.com paid 12.50 EUR", "User bob@example.org paid 3 EUR"],
    &["Cache hit ratio 0.93 over 1200 requests", "Cache hit ratio 0.1 over 7 requests"],
    &["(root) CMD (run-parts /etc/cron.hourly)", "(root) CMD (/usr/lib/sa/sa1 1 1)"],
    &["shutdown complete"],
    &["LOOKING"],
    &["LEADING"],
    &["worker started"],
    &["worker stopped"],
    &["worker crashed"],
];

/// The corpus, interleaved, each message some times.
fn corpus() -> Vec<(usize, &'static str)> {
    let deepest = CORPUS.iter().map(|group| group.len()).max().unwrap();
    let once = (0..deepest * 3)
        .flat_map(|round| CORPUS.iter().enumerate().map(move |(pattern, group)| (pattern, group[round % group.len()])));
    once.collect()
}

/// The patterns that are wrong: split, or not alone.
fn wrong(limits: Limits) -> Vec<String> {
    let mut miner = Miner::new(limits);
    let numbers: Vec<(usize, u32)> =
        corpus().into_iter().map(|(pattern, text)| (pattern, miner.add(text.as_bytes()))).collect();
    let (templates, of) = miner.templates();
    let mut given: HashMap<usize, HashSet<u32>> = HashMap::new();
    let mut hold: HashMap<u32, HashSet<usize>> = HashMap::new();
    for (pattern, number) in numbers {
        let template = of[number as usize];
        given.entry(pattern).or_default().insert(template);
        hold.entry(template).or_default().insert(pattern);
    }
    let told = |template: &u32| templates[*template as usize].text.clone();
    let mut wrong: Vec<String> = given
        .iter()
        .filter(|(_, templates)| templates.len() > 1 || templates.iter().any(|template| hold[template].len() > 1))
        .map(|(pattern, templates)| {
            format!("{}: {:#?}", CORPUS[*pattern][0], templates.iter().map(told).collect::<Vec<_>>())
        })
        .collect();
    wrong.sort();
    wrong
}

#[test]
fn messages_of_many_styles_are_told_apart_and_put_together() {
    let wrong = wrong(Limits::default());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_messages_give_the_same_templates() {
    let told = || {
        let mut miner = Miner::default();
        for (_, text) in corpus() {
            miner.add(text.as_bytes());
        }
        miner
            .templates()
            .0
            .into_iter()
            .map(|template| (template.text, template.count, template.first))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(), told());
}

#[test]
fn what_is_known_by_shape_and_what_is_not_have_the_same_skeleton() {
    let mut quick = Miner::default();
    let mut slow = Miner::new(Limits { shapes: 0, ..Limits::default() });
    for (_, text) in corpus() {
        assert_eq!(quick.add(text.as_bytes()), slow.add(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_word_with_enough_different_values_is_a_variable_and_its_values_are_kept() {
    let mut miner = Miner::default();
    for word in ["red", "green", "blue", "white", "black", "red"] {
        miner.add(format!("painted the fence {word} again").as_bytes());
    }
    let (templates, _) = miner.templates();
    assert_eq!(templates.len(), 1);
    assert_eq!(templates[0].text, "painted the fence <*> again");
    assert_eq!(templates[0].count, 6);
    let colours = &templates[0].variables[0];
    assert_eq!((colours.kind(), colours.distinct()), (Kind::Word, 5));
    assert!(colours.top.iter().any(|(value, count)| &**value == b"red" && *count == 2));
}

#[test]
fn words_that_vary_at_two_places_are_one_template() {
    let mut miner = Miner::default();
    let states = ["new", "paid", "packed", "sent", "done"];
    for (from, to) in states.iter().flat_map(|from| states.map(|to| (from, to))) {
        miner.add(format!("Order 7 changed from {from} to {to}").as_bytes());
    }
    let (templates, _) = miner.templates();
    assert_eq!(
        templates.iter().map(|template| &*template.text).collect::<Vec<_>>(),
        ["Order 7 changed from <*> to <*>"]
    );
}

#[test]
fn memory_is_bounded_and_every_message_counted_when_no_two_are_alike() {
    let limits = Limits { skeletons: 50, ever: 400, shapes: 100, ..Limits::default() };
    let mut miner = Miner::new(limits);
    let letters = |n: u32| n.to_string().bytes().map(|digit| (digit - b'0' + b'a') as char).collect::<String>();
    let numbers: Vec<u32> = (0..5000)
        .map(|n| miner.add(format!("{} {} {}", letters(n * 7), letters(n * 13), letters(n * 31)).as_bytes()))
        .collect();
    let (templates, of) = miner.templates();
    assert!(templates.len() <= 64, "{}", templates.len());
    assert_eq!(templates.iter().map(|template| template.count).sum::<u64>(), 5000);
    assert!(numbers.iter().all(|number| (of[*number as usize] as usize) < templates.len()));
}

#[test]
fn kinds_are_told_by_their_form() {
    let told = [
        ("17", Kind::Integer),
        ("-3", Kind::Integer),
        ("0.5", Kind::Number),
        ("12%", Kind::Number),
        ("5.2 KB", Kind::Size),
        ("160 ms", Kind::Duration),
        ("2s", Kind::Duration),
        ("12:30:01", Kind::Time),
        ("2026-11-20T09:00:00", Kind::Time),
        ("0x1f", Kind::Hex),
        ("deadbeef", Kind::Hex),
        ("6f0e7a3e-1b1a-4c35-8d3b-111111111111", Kind::Uuid),
        ("10.0.0.1", Kind::Address),
        ("/10.0.0.1:80", Kind::Address),
        ("00:11:43:e3:ba:c3", Kind::Address),
        ("a.example.com:443", Kind::Address),
        ("https://example.com/x", Kind::Url),
        ("/var/log/x.log", Kind::Path),
        ("C:\\x", Kind::Path),
        ("true", Kind::Truth),
        ("worker-17", Kind::Name),
        ("alice", Kind::Word),
        ("", Kind::Nothing),
    ];
    for (value, kind) in told {
        assert_eq!(Kind::of(value.as_bytes()), kind, "{value}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_taken_and_have_a_template(messages in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..60), 1..40)) {
        let mut miner = Miner::new(Limits { skeletons: 8, ever: 20, shapes: 8, message: 40, ..Limits::default() });
        let numbers: Vec<u32> = messages.iter().map(|message| miner.add(message)).collect();
        let (templates, of) = miner.templates();
        proptest::prop_assert_eq!(templates.iter().map(|template| template.count).sum::<u64>(), messages.len() as u64);
        for number in numbers {
            proptest::prop_assert!((of[number as usize] as usize) < templates.len());
        }
    }
}

#[test]
fn an_object_apart_from_its_sign_is_words() {
    let mut miner = Miner::default();
    for _ in 0..2 {
        miner.add(b"x = {a b} y");
    }
}
