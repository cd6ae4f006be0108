//! Values of several words, printed values, and what must stay apart.
use super::*;

/// The templates of messages, sorted.
fn told(messages: &[String]) -> Vec<String> {
    let mut miner = Miner::default();
    for message in messages {
        miner.add(message.as_bytes());
    }
    let mut texts: Vec<String> = miner.templates().0.into_iter().map(|template| template.text).collect();
    texts.sort();
    texts
}

fn each(words: &[&str], message: &str) -> Vec<String> {
    words.iter().map(|word| message.replace("{}", word)).collect()
}

const NAMES: &[&str] = &["Ann Berg", "Bo", "Carl van Dijk", "Dora Fox", "Eve Gray", "Finn", "Gus Hill", "Hal"];

#[test]
fn names_of_one_word_and_of_several_are_one_variable() {
    assert_eq!(told(&each(NAMES, "Parcel 7 handed to {} today")), ["Parcel 7 handed to <*> today"]);
}

#[test]
fn the_values_of_several_words_are_kept() {
    let mut miner = Miner::default();
    for message in each(NAMES, "Parcel 7 handed to {} today") {
        miner.add(message.as_bytes());
    }
    let (templates, _) = miner.templates();
    let names = templates[0].variables.last().unwrap();
    let mut kept: Vec<_> = names.top.iter().map(|(value, _)| String::from_utf8_lossy(value).into_owned()).collect();
    kept.sort();
    assert_eq!(kept, NAMES);
}

#[test]
fn a_rare_message_belongs_to_the_template_that_covers_it() {
    let mut messages = each(&["Oslo", "Bonn", "Lyon", "Rome", "Kyiv"], "Customer Bo of {} pays 5");
    messages.extend(each(NAMES, "Customer {} of Oslo pays 5"));
    messages.push("Customer Zoe Young of New York pays 9".to_owned());
    assert_eq!(told(&messages), ["Customer <*> of <*> pays <*>"]);
}

#[test]
fn a_word_that_negates_keeps_messages_apart() {
    let mut messages = each(NAMES, "Parcel of {} was found today");
    messages.extend(each(NAMES, "Parcel of {} was not found today"));
    assert_eq!(told(&messages), ["Parcel of <*> was found today", "Parcel of <*> was not found today"]);
}

#[test]
fn verbs_and_states_that_are_few_keep_messages_apart() {
    let words = ["started", "stopped", "crashed"];
    assert_eq!(told(&each(&words, "Service mail on 10.0.0.1 {}")).len(), 3);
    assert_eq!(told(&each(&words, "Service {} on 10.0.0.1")).len(), 3);
}

#[test]
fn printed_lists_dictionaries_and_objects_are_one_value() {
    let values = ["[]", "[1, 2]", "['a', 'b c']", "[{'a': 1}, {}]"];
    assert_eq!(told(&each(&values, "Batch {} of shop is done")).len(), 1);
    let values = ["{}", "{'a': 1}", "{\"a\": [1, 2], \"b\": null}", "{'a': 'two words', 'b': True}"];
    assert_eq!(told(&each(&values, "Answer {} came from shop")).len(), 1);
    let values = ["KeyError('x')", "TimeoutError()", "ValueError('bad value 7')"];
    assert_eq!(told(&each(&values, "Task 7 failed with {}")).len(), 1);
    let values = ["Item(id=1)", "Item(id=2, name='x', tags=['a'])"];
    assert_eq!(told(&each(&values, "Got {} from shop")).len(), 1);
}

#[test]
fn quoted_text_is_one_value_but_a_request_is_told_by_its_method() {
    let values = ["'lamp'", "'red lamp'", "'a very old lamp'"];
    assert_eq!(told(&each(&values, "Search for {} gave 7 results")).len(), 1);
    let requests = ["\"GET /a HTTP/1.1\"", "\"POST /b HTTP/1.1\""];
    assert_eq!(told(&each(&requests, "10.0.0.1 {} 200")).len(), 2);
}

#[test]
fn an_absent_value_is_a_value() {
    let values = ["None", "5", "null"];
    assert_eq!(told(&each(&values, "Discount is {} for cart 7")).len(), 1);
    let values = ["a= b=1 c=x", "a=root b= c=", "a=7 b=2 c=y"];
    assert_eq!(told(&each(&values, "login failed {}")).len(), 1);
}

#[test]
fn amounts_and_spans_of_time_hold_their_units() {
    assert_eq!(told(&each(&["12.50 EUR", "3 USD"], "Paid {} for order 7")).len(), 1);
    assert_eq!(told(&each(&["1 day, 2:03:04", "0:00:17", "3 days, 1:00:00"], "Elapsed: {}")).len(), 1);
}

#[test]
fn a_host_with_its_port_is_what_an_address_is() {
    let values = ["10.0.0.1:80", "cache:80", "db7:5432"];
    assert_eq!(told(&each(&values, "Disconnected from {} by peer")).len(), 1);
}

#[test]
fn each_message_is_found_again_though_its_shape_was_not_kept() {
    let mut miner = Miner::new(Limits { shapes: 4, skeletons: 24, ..Limits::default() });
    let words = ["new", "paid", "packed", "sent", "done", "lost"];
    let mut messages: Vec<String> =
        words.iter().flat_map(|from| each(&words, &format!("Order 7 went from {from} to {{}}"))).collect();
    messages.extend(each(NAMES, "Parcel 7 handed to {} today"));
    for message in &messages {
        miner.add(message.as_bytes());
    }
    let (templates, of) = miner.templates();
    for message in &messages {
        let found = miner.find(message.as_bytes()).map(|number| &*templates[of[number as usize] as usize].text);
        assert!(found.is_some_and(|text| text.starts_with(&message[..8])), "{message}: {found:?}");
    }
}

#[test]
fn paths_of_requests_are_values_with_what_they_begin_with() {
    let mut miner = Miner::default();
    for n in 0..5 {
        for route in ["/shop/items", "/help/pages"] {
            miner.add(format!("GET {route}/{n} {} {n}ms", if n % 2 == 0 { 200 } else { 404 }).as_bytes());
        }
        miner.add(b"GET /health 200 1ms");
    }
    let (templates, _) = miner.templates();
    assert_eq!(templates.len(), 1);
    let paths: Vec<_> =
        templates[0].variables.iter().flat_map(|values| &values.top).map(|(value, _)| &**value).collect();
    assert!(paths.iter().any(|path| path.starts_with(b"/help/pages/")), "{paths:?}");
}

#[test]
fn a_route_that_always_has_another_status_is_another_template() {
    let mut messages: Vec<String> = (0..20).map(|n| format!("GET /shop/items/{n} 200 {n}ms")).collect();
    messages.extend((0..20).map(|n| format!("GET /assets/site.{n:08x}.css 304 {n}ms")));
    assert_eq!(told(&messages), ["GET /assets<*> 304 <*>", "GET /shop<*> 200 <*>"]);
}

#[test]
fn names_as_programs_have_them_are_values_before_words_are_and_constants_are_states() {
    assert_eq!(told(&each(&["dark_mode", "new_cart", "beta"], "Feature {} is checked for u7")).len(), 1);
    assert_eq!(told(&each(&["IN_USE", "NOT_USED", "LOST"], "Slot 7 went {} at last")).len(), 3);
}

#[test]
fn what_was_done_keeps_messages_apart_and_so_does_a_key() {
    let done = ["started", "finished", "failed", "cancelled", "retried", "paused", "resumed"];
    assert_eq!(told(&each(&done, "Job 7 {}")).len(), 7);
    assert_eq!(told(&each(&done, "Worker 3 {} job 7")).len(), 7);
    assert_eq!(told(&each(&["cpu", "mem", "swap", "disk", "net"], "stats: {}=7")).len(), 5);
}

#[test]
fn a_message_that_is_printed_as_a_whole_is_told_by_what_it_says() {
    let messages = [r#"{"user": "ann", "left": 3}"#, r#"{"key": "a b", "ratio": 0.5, "hit": true}"#].map(str::to_owned);
    assert_eq!(told(&messages).len(), 2);
}

#[test]
fn what_is_asked_of_a_path_is_part_of_it() {
    let messages = ["/items", "/items?page=3&size=20", "/items?q=lamp", "/a/b?x=1"];
    assert_eq!(told(&each(&messages, "Fetching https://example.com{} now")), ["Fetching <*> now"]);
    assert_eq!(told(&["Is it in /srv/app?".to_owned()]), ["Is it in <*>?"]);
}

#[test]
fn a_unit_before_a_colon_is_one_and_empty_quotes_hold_a_value() {
    assert_eq!(told(&each(&["5 ms", "3 minutes", "0.5s"], "Task done in {}: None")), ["Task done in <*>: None"]);
    assert_eq!(told(&each(&["", "a b", "c"], "Invalid value '{}'")), ["Invalid value '<*>'"]);
}

#[test]
fn words_are_not_kept_once_there_is_no_room_for_patterns() {
    let mut miner = Miner::new(Limits { skeletons: 24, words: 200, ..Limits::default() });
    for n in 0_u32..5000 {
        let word = |n: u32| n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect::<String>();
        miner.add(format!("{} {} {}", word(n), word(n * 7 + 1), word(n * 13 + 2)).as_bytes());
    }
    assert!(miner.words_kept() < 400, "{}", miner.words_kept());
}
