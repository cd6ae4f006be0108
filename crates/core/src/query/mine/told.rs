//! Templates that records bring with them, as our own JSON does: what was one call is one pattern, nothing is guessed.
//!
//! A template is taken at its word where the message can be made of it. Where it cannot, or says nothing but its variables,
//! and when there are too many, the message is mined like any other.
use std::collections::HashMap;

use memchr::memmem;

use super::miner::{Limits, Template, EXAMPLE, WILDCARD};
use super::variable::Values;

/// Templates that are kept apart, and as many that are known to say nothing.
const MOST: usize = 8192;
/// Bytes of a template, and its conversions: what has more is data.
const LONGEST: usize = 2048;
const VARIABLES: usize = 32;

#[derive(Default)]
pub struct Told {
    limits: Limits,
    /// None: it says nothing.
    known: HashMap<Box<[u8]>, Option<u32>>,
    calls: Vec<Call>,
}

struct Call {
    texts: Texts,
    values: Vec<Values>,
    count: u64,
    example: Box<[u8]>,
}

/// The texts before, between and behind the conversions of a `%` template.
struct Texts(Vec<Vec<u8>>);

impl Told {
    /// Take a message; the number of its template. None: it is to be mined.
    #[inline]
    pub fn add(&mut self, template: &[u8], message: &[u8]) -> Option<u32> {
        // Ours has no template where that is the message itself.
        if template == message || template.len() > LONGEST {
            return None;
        }
        let number = match self.known.get(template) {
            Some(known) => (*known)?,
            None => self.learn(template)?,
        };
        let call = &mut self.calls[number as usize];
        let looks = self.limits.looks(call.count + 1);
        call.texts.split(message, looks.then_some(&mut call.values))?;
        if call.count == 0 {
            call.example = message[..message.len().min(EXAMPLE)].into();
        }
        call.count += 1;
        Some(number)
    }

    #[cold]
    fn learn(&mut self, template: &[u8]) -> Option<u32> {
        let number = self.calls.len() as u32;
        let texts = Texts::of(template).filter(Texts::say_something);
        if texts.is_some() && self.calls.len() >= MOST || self.known.len() >= 2 * MOST {
            return None;
        }
        self.known.insert(template.into(), texts.is_some().then_some(number));
        let texts = texts?;
        let values = vec![Values::default(); texts.0.len() - 1];
        self.calls.push(Call { texts, values, count: 0, example: Box::default() });
        Some(number)
    }

    /// The templates, in the order of the numbers that `add` gave.
    pub fn templates(&self) -> Vec<Template> {
        let told = |call: &Call| Template {
            text: String::from_utf8_lossy(&call.texts.0.join(WILDCARD.as_bytes())).into_owned(),
            count: call.count,
            first: 0,
            example: String::from_utf8_lossy(&call.example).into_owned(),
            variables: call.values.clone(),
        };
        self.calls.iter().map(told).collect()
    }
}

impl Texts {
    /// None where it is no `%` template.
    fn of(template: &[u8]) -> Option<Self> {
        let mut texts = vec![Vec::new()];
        let mut rest = template;
        while let Some(at) = memchr::memchr(b'%', rest) {
            let text = texts.last_mut()?;
            text.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(b"%") {
                text.push(b'%');
                rest = after;
                continue;
            }
            if rest.first() == Some(&b'(') {
                rest = &rest[memchr::memchr(b')', rest)? + 1..];
            }
            let width = rest.iter().take_while(|byte| b"-+#0123456789.*hlL".contains(byte)).count();
            b"sdifgrxXoueEFGca".contains(rest.get(width)?).then_some(())?;
            rest = &rest[width + 1..];
            texts.push(Vec::new());
        }
        texts.last_mut()?.extend_from_slice(rest);
        Some(Self(texts))
    }

    /// `%s: %s` is every call's.
    fn say_something(&self) -> bool {
        let letters = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        (2..=VARIABLES + 1).contains(&self.0.len()) && self.0.iter().flatten().any(letters)
    }

    /// Whether a message is made of these texts, with the values taken from between them.
    fn split(&self, message: &[u8], mut values: Option<&mut Vec<Values>>) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        let (last, middle) = rest.split_last()?;
        let mut rest = message.strip_prefix(&**first)?.strip_suffix(&**last)?;
        let mut take = |place: usize, value: &[u8]| {
            if let Some(values) = &mut values {
                values[place].add(value.trim_ascii(), 1);
            }
        };
        for (place, text) in middle.iter().enumerate() {
            let at = memmem::find(rest, text)?;
            take(place, &rest[..at]);
            rest = &rest[at + text.len()..];
        }
        take(middle.len(), rest);
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(calls: &[(&str, &str)]) -> (Vec<Option<u32>>, Vec<Template>) {
        let mut told = Told::default();
        let numbers =
            calls.iter().map(|(template, message)| told.add(template.as_bytes(), message.as_bytes())).collect();
        (numbers, told.templates())
    }

    #[test]
    fn what_one_call_said_is_one_template_whatever_its_values_hold() {
        let (numbers, templates) = told(&[
            ("job %s of %(user)-8s took %.1f%%", "job a b of bob      took 1.5%"),
            ("job %s of %(user)-8s took %.1f%%", "job [] of nobody took 22.0%"),
            ("job %s ended", "job a b of bob took 1.5% ended"),
        ]);
        assert_eq!(numbers, [Some(0), Some(0), Some(1)]);
        assert_eq!(templates[0].text, "job <*> of <*> took <*>%");
        assert_eq!((templates[0].count, templates[1].count), (2, 1));
        let names: Vec<&[u8]> = templates[0].variables[1].top.iter().map(|(value, _)| &**value).collect();
        assert_eq!(names, [b"bob".as_slice(), b"nobody"]);
    }

    #[test]
    fn what_the_message_is_not_made_of_is_mined() {
        let calls = [
            ("index.html", "page rendered"),
            ("%s: %s", "a: b"),
            ("100% of %y", "100% of it"),
            ("50% done", "50% done"),
            ("user %s", "nobody is there"),
            ("user %s", "user 7"),
            ("строка %s", "строка 7"),
        ];
        let (numbers, templates) = told(&calls);
        assert_eq!(numbers, [None, None, None, None, None, Some(0), Some(1)]);
        assert_eq!((&*templates[0].example, templates[0].count), ("user 7", 1));
    }

    #[test]
    fn templates_that_are_never_the_same_are_mined_when_there_are_too_many() {
        let mut told = Told::default();
        let one = |told: &mut Told, n: usize| told.add(format!("a{n} %s").as_bytes(), format!("a{n} x").as_bytes());
        assert!((0..MOST).all(|n| one(&mut told, n) == Some(n as u32)));
        assert_eq!(one(&mut told, MOST), None);
        assert_eq!(one(&mut told, 7), Some(7));
        let data = "a %s".repeat(VARIABLES + 1);
        assert_eq!(Told::default().add(data.as_bytes(), "a b".repeat(VARIABLES + 1).as_bytes()), None);
    }
}
