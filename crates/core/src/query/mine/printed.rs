//! Values that programs print with their form: lists, dictionaries, objects, quoted text, and values that are absent.
use super::routes::is_route;
use super::skeleton::{
    before, is, one_of, start,
    Piece::{self, Space, Text, Variable},
};

/// Brackets within brackets.
const DEEP: usize = 16;

pub fn values(text: &[u8], pieces: &mut Vec<Piece>) {
    absent_values(text, pieces);
    let is_whole = one_of(text, pieces.first(), b"{[(") && closing(text, pieces, 0) == Some(pieces.len() - 1);
    if is_whole {
        return; // What it says is all that the message says.
    }
    objects(text, pieces);
    collections(text, pieces);
    quoted(text, pieces);
}

/// `host ()` is `host (name)` without one, `key= other=` is `key=value other=value` without them.
fn absent_values(text: &[u8], pieces: &mut Vec<Piece>) {
    let mut at = 1;
    while at < pieces.len() {
        let brackets = [(b"(", b")"), (b"[", b"]"), (b"{", b"}")]
            .iter()
            .any(|(open, close)| is(text, pieces.get(at - 1), *open) && is(text, pieces.get(at), *close));
        let begins = at < 2 || starts_value(text, &pieces[at - 2]);
        if brackets && begins {
            let place = start(&pieces[at], text);
            pieces.insert(at, Variable(place..place));
        }
        at += 1;
    }
    absent_after_keys(text, pieces);
}

fn absent_after_keys(text: &[u8], pieces: &mut Vec<Piece>) {
    let mut at = 1;
    while at < pieces.len() {
        let key = matches!(&pieces[at - 1], Text(range) if text[range.start].is_ascii_alphanumeric());
        if let (true, true, Text(sign)) = (key, is(text, pieces.get(at), b"="), &pieces[at]) {
            if matches!(pieces.get(at + 1), None | Some(Space)) {
                pieces.insert(at + 1, Variable(sign.end..sign.end));
            }
        }
        at += 1;
    }
}

/// What a value may stand right after.
fn starts_value(text: &[u8], piece: &Piece) -> bool {
    *piece == Space || one_of(text, Some(piece), b"=:([{,|>")
}

/// `=Name{...}`: a printed object is one value, however much it says. So is `Name{...}` anywhere.
fn objects(text: &[u8], pieces: &mut Vec<Piece>) {
    let mut at = 1;
    while at < pieces.len() {
        let after_sign = is(text, before(pieces, at, 1), b"=");
        let open = at + usize::from(!one_of(text, pieces.get(at), b"{[("));
        let braces = open > at && is(text, pieces.get(open), b"{") && starts_value(text, &pieces[at - 1]);
        if pieces[at] != Space && (after_sign || braces) {
            let ends = one_of(text, pieces.get(open), b"{[(").then(|| closing(text, pieces, open)).flatten();
            let some =
                |close: usize| after_sign || pieces[open..close].iter().any(|piece| matches!(piece, Variable(_)));
            if let Some(close) = ends.filter(|close| close - open > 1 && some(*close)) {
                let value = start(&pieces[at], text)..start(&pieces[close], text) + 1;
                pieces.splice(at..=close, [Variable(value)]);
            }
        }
        at += 1;
    }
}

/// Lists, dictionaries and arguments are one value between their brackets: `['a', 2]`, `{"a": [1]}`, `Name(a=1)`.
fn collections(text: &[u8], pieces: &mut Vec<Piece>) {
    let mut at = 0;
    while at < pieces.len() {
        if let Some(close) = one_of(text, pieces.get(at), b"{[(").then(|| closing(text, pieces, at)).flatten() {
            let held = &pieces[at + 1..close];
            let begins = at == 0 || starts_value(text, &pieces[at - 1]);
            let data = (begins && is_data(text, held)) || is_words(text, held) || is_arguments(text, pieces, at, close);
            let value = start(&pieces[at], text) + 1..start(&pieces[close], text);
            if is_exception(text, pieces, at, close) {
                let whole = start(&pieces[at - 1], text)..value.end + 1;
                pieces.splice(at - 1..=close, [Variable(whole)]);
            } else if held.len() > 1 && data {
                pieces.splice(at + 1..close, [Variable(value)]);
            }
        }
        at += 1;
    }
}

/// Values, quoted text and the signs between them, and more than one of them.
fn is_data(text: &[u8], held: &[Piece]) -> bool {
    let mut quote = None;
    let mut signs = 0;
    for piece in held {
        let Text(range) = piece else { continue };
        match (&text[range.clone()], quote) {
            (sign, Some(open)) if sign == open => quote = None,
            (_, Some(_)) | (b"{" | b"}" | b"[" | b"]" | b"(" | b")", None) => {}
            (sign @ (b"'" | b"\""), None) => {
                quote = Some(sign);
                signs += 1;
            }
            (b"," | b":", None) => signs += 1,
            _ => return false,
        }
    }
    quote.is_none() && signs > 0
}

/// `KeyError('x')`: the name of a class with what it was made of, but not at the message's beginning.
fn is_exception(text: &[u8], pieces: &[Piece], open: usize, close: usize) -> bool {
    let held = &pieces[open + 1..close];
    let Some(Text(name)) = before(pieces, open, 1) else { return false };
    let name = &text[name.clone()];
    let camel = name[0].is_ascii_uppercase()
        && name.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let values = held.iter().all(|piece| matches!(piece, Variable(_))) || is_data(text, held);
    camel && open > 1 && starts_value(text, &pieces[open - 2]) && values
}

/// Words with commas between.
fn is_words(text: &[u8], held: &[Piece]) -> bool {
    let word = |piece: &Piece| match piece {
        Text(range) => text[range.start].is_ascii_alphanumeric(),
        piece => matches!(piece, Variable(_)),
    };
    let comma = |piece: Option<&Piece>| piece.is_none_or(|piece| is(text, Some(piece), b","));
    held.len() > 2
        && held
            .chunks(3)
            .all(|item| word(&item[0]) && comma(item.get(1)) && item.get(2).is_none_or(|gap| *gap == Space))
}

/// `Name(key=1, other='x')`, but not at the message's beginning.
fn is_arguments(text: &[u8], pieces: &[Piece], open: usize, close: usize) -> bool {
    let named = matches!(before(pieces, open, 1), Some(Text(range)) if text[range.start].is_ascii_uppercase());
    let held = &pieces[open + 1..close];
    named
        && open > 1
        && starts_value(text, &pieces[open - 2])
        && held.iter().any(|piece| is(text, Some(piece), b"="))
        && held.iter().any(|piece| matches!(piece, Variable(_)))
}

/// Where the bracket that opens at `open` closes.
fn closing(text: &[u8], pieces: &[Piece], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, piece) in pieces.iter().enumerate().skip(open) {
        if one_of(text, Some(piece), b"{[(") {
            depth += 1;
            if depth > DEEP {
                return None;
            }
        } else if one_of(text, Some(piece), b"}])") {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// `"two words"`: what is between quotes is one value. A request (`"GET /path HTTP/1.1"`) is told by its method.
fn quoted(text: &[u8], pieces: &mut Vec<Piece>) {
    let mut at = 0;
    while at < pieces.len() {
        let quote = [b"\"", b"'"].into_iter().find(|quote| is(text, pieces.get(at), *quote));
        let begins = at == 0 || starts_value(text, &pieces[at - 1]);
        if let (Some(quote), true) = (quote, begins) {
            let close = (at + 1..pieces.len())
                .find(|index| is(text, pieces.get(*index), quote) && ends_value(text, pieces.get(index + 1)));
            if close == Some(at + 1) {
                let place = start(&pieces[at], text) + 1;
                pieces.insert(at + 1, Variable(place..place));
                at += 2;
            } else if let Some(close) = close {
                let after_sign = is(text, before(pieces, at, 1), b"=");
                let request = matches!(pieces.get(at + 1..at + 4), Some([Text(_), Space, path]) if is_path(text, path));
                if after_sign || !request {
                    let value = start(&pieces[at], text) + 1..start(&pieces[close], text);
                    pieces.splice(at + 1..close, [Variable(value)]);
                    at += 2;
                } else {
                    at = close;
                }
            }
        }
        at += 1;
    }
}

fn is_path(text: &[u8], piece: &Piece) -> bool {
    match piece {
        Text(range) => is_route(&text[range.clone()]),
        piece => matches!(piece, Variable(_)),
    }
}

fn ends_value(text: &[u8], piece: Option<&Piece>) -> bool {
    piece.is_none_or(|piece| *piece == Space || one_of(text, Some(piece), b",;:.)]}>|"))
}
