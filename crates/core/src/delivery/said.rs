//! What the delivery thread says on stderr, and how often.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::sinks::stream::{Standard, Stream};

/// What was said is not said again for so long.
const QUIET: Duration = Duration::from_secs(60);
/// Notices that wait until they can be said.
const MOST_WAITING: usize = 64;

/// What was said on stderr: the same again only after a minute, with how often it was left out in between.
#[derive(Default)]
pub struct Said {
    texts: HashMap<String, (Instant, u64)>,
    /// What could not be said yet: no descriptor was left for it.
    waiting: Vec<String>,
}

impl Said {
    /// Says what the user should hear of, if stderr takes it.
    pub fn say(&mut self, texts: &[String]) {
        let room = MOST_WAITING.saturating_sub(self.waiting.len());
        self.waiting.extend(texts.iter().take(room).cloned());
        if self.waiting.is_empty() {
            return;
        }
        let Ok(mut stream) = Stream::open(Standard::Error) else { return };
        for text in std::mem::take(&mut self.waiting) {
            if let Some(line) = self.line(&text, Instant::now()) {
                let _ = stream.write(line.as_bytes());
            }
        }
    }

    /// The line to write now, if any. Texts that differ in their counts alone are the same.
    fn line(&mut self, text: &str, now: Instant) -> Option<String> {
        let is_count = |word: &&str| !word.bytes().all(|byte| byte.is_ascii_digit());
        let key: String = text.split(' ').filter(is_count).collect();
        self.texts.retain(|known, (said, _)| *known == key || now - *said < QUIET);
        let mut again = String::new();
        match self.texts.get_mut(&key) {
            Some((said, left_out)) if now - *said < QUIET => {
                *left_out += 1;
                return None;
            }
            Some((_, left_out)) if *left_out > 0 => again = format!(" ({left_out} more in between)"),
            _ => {}
        }
        self.texts.insert(key, (now, 0));
        Some(format!("cordwood: {text}{again}\n"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute_whatever_its_counts() {
        let (mut said, now) = (Said::default(), Instant::now());
        assert_eq!(said.line("7 records of /a7.log", now).unwrap(), "cordwood: 7 records of /a7.log\n");
        assert_eq!(said.line("9 records of /a7.log", now), None);
        assert!(said.line("7 records of /a8.log", now).is_some());
        let line = said.line("1 records of /a7.log", now + QUIET).unwrap();
        assert_eq!(line, "cordwood: 1 records of /a7.log (1 more in between)\n");
        assert_eq!(said.texts.len(), 1);
    }
}
