use super::*;

fn may(template: &[u8], text: &[u8]) -> bool {
    touches(&steps(template), text)
}

#[test]
fn a_text_in_the_words_or_across_their_edges_may_stand_there() {
    let template = b"<time  ,3> - shop.A - INFO - Order <*> paid by <*>";
    for text in [
        &b"order"[..],
        b"order 7",
        b"7 paid",
        b"7 paid by u",
        b"r 77 p",
        b"12:0",
        b"123 - shop",
        b"- s",
        b"00,1",
        b" failed",
    ] {
        assert!(may(template, text), "{}", String::from_utf8_lossy(text));
    }
    for text in [&b"user777"[..], b"failed", b"order7", b"paid7", b"12x", b"123 - other"] {
        assert!(!may(template, text), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn values_side_by_side_may_hold_anything() {
    assert!(may(b"a <*><*>", b"xyz"));
}
