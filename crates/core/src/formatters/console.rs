//! A record as a line on a terminal: the text format with the level's name in colour.
use crate::error::{Error, Result};
use crate::formatters::text::TextFormat;
use crate::record::Record;

const STYLES: [(&str, u8); 6] =
    [("bold", 1), ("dim", 2), ("italic", 3), ("underline", 4), ("blink", 5), ("reverse", 7)];
const COLOURS: [&str; 8] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const BRIGHT: &str = "bright_";

/// The SGR codes of each level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Level name and codes, `("ERROR", "1;31")`.
    codes: Vec<(String, String)>,
}

impl Default for Theme {
    fn default() -> Self {
        let codes = [("DEBUG", "36"), ("INFO", "32"), ("WARNING", "33"), ("ERROR", "31"), ("CRITICAL", "35")];
        Self { codes: codes.map(|(level, code)| (level.to_owned(), code.to_owned())).to_vec() }
    }
}

impl Theme {
    /// Changes the default theme: pairs of a level's name and words for it. Words are colours (`cyan`,
    /// `bright_black`, or 0 to 255 of the terminal's palette) and styles (`bold`); no word means no colour.
    pub fn parse<'a>(words: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut theme = Self::default();
        for (level, words) in words {
            let codes = words
                .split_whitespace()
                .map(|word| code(word).ok_or_else(|| unknown(level, word)))
                .collect::<Result<Vec<_>>>()?
                .join(";");
            theme.codes.retain(|(name, _)| name != level);
            theme.codes.push((level.to_owned(), codes));
        }
        Ok(theme)
    }

    /// The codes for a level: by its name, else those of the standard level at or below its number.
    pub fn codes(&self, level: i32, level_name: &str) -> &str {
        let find = |wanted: &str| self.codes.iter().find(|(name, _)| name == wanted).map(|(_, codes)| codes.as_str());
        find(level_name).or_else(|| find(standard_name(level))).unwrap_or("")
    }
}

fn standard_name(level: i32) -> &'static str {
    match level {
        ..10 => "",
        10..20 => "DEBUG",
        20..30 => "INFO",
        30..40 => "WARNING",
        40..50 => "ERROR",
        50.. => "CRITICAL",
    }
}

fn code(word: &str) -> Option<String> {
    if let Ok(number) = word.parse::<u8>() {
        return Some(format!("38;5;{number}"));
    }
    if let Some((_, style)) = STYLES.iter().find(|(name, _)| *name == word) {
        return Some(style.to_string());
    }
    let (base, name) = word.strip_prefix(BRIGHT).map_or((30, word), |name| (90, name));
    COLOURS.iter().position(|colour| *colour == name).map(|i| (base + i).to_string())
}

fn unknown(level: &str, word: &str) -> Error {
    let styles = STYLES.map(|(name, _)| name).join(", ");
    let colours = COLOURS.join(", ");
    let why = format!(
        "{level}: {word:?} is neither a colour ({colours}, each also with {BRIGHT} before it, or 0 to 255) \
         nor a style ({styles})"
    );
    Error::Setting { field: "theme", why }
}

/// A compiled format for a terminal.
#[derive(Debug, Clone)]
pub struct ConsoleFormat {
    text: TextFormat,
    theme: Option<Theme>,
}

impl ConsoleFormat {
    /// As [`TextFormat::compile`]; without a theme nothing is coloured.
    pub fn compile(format: &str, date_format: Option<&str>, theme: Option<Theme>) -> Result<Self> {
        Ok(Self { text: TextFormat::compile(format, date_format)?, theme })
    }

    /// Appends one record, as [`TextFormat::format`].
    pub fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let site = &record.site;
        let colour = self.theme.as_ref().map_or("", |theme| theme.codes(site.level, site.level_name));
        self.text.format_coloured(record, colour, out);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::formatters::text::tests::{process, record};

    fn formatted(theme: Option<Theme>, level: i32, level_name: &str) -> String {
        let process = process();
        let mut record = record(&process);
        record.site.level = level;
        record.site.level_name = level_name;
        let mut out = Vec::new();
        ConsoleFormat::compile("%(levelname)-8s %(message)s", None, theme).unwrap().format(&record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_level_name_is_coloured_with_its_padding() {
        assert_eq!(formatted(Some(Theme::default()), 30, "WARNING"), "\x1b[33mWARNING \x1b[0m it's done\n");
        assert_eq!(formatted(None, 30, "WARNING"), "WARNING  it's done\n");
    }

    #[test]
    fn a_level_without_a_theme_of_its_own_looks_like_the_standard_one_below() {
        let theme = Theme::parse([("TRACE", "dim")]).unwrap();
        assert_eq!(theme.codes(45, "ALERT"), "31");
        assert_eq!(theme.codes(5, "TRACE"), "2");
        assert_eq!(formatted(Some(theme), 5, "SILLY"), "SILLY    it's done\n");
    }

    #[test]
    fn words_become_codes() {
        let theme = Theme::parse([("ERROR", "bold bright_red"), ("INFO", "208"), ("DEBUG", "")]).unwrap();
        assert_eq!(
            [theme.codes(40, "ERROR"), theme.codes(20, "INFO"), theme.codes(10, "DEBUG")],
            ["1;91", "38;5;208", ""]
        );
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = Theme::parse([("INFO", "bold purpel")]).unwrap_err().to_string();
        assert!(error.starts_with("theme: INFO: \"purpel\" is neither a colour (black, red,"), "{error}");
        assert!(Theme::parse([("INFO", "256")]).is_err());
    }
}
