//! A record as a line of text, as `logging.Formatter` writes it with a %-style format.
use crate::error::{Error, Result};
use crate::formatters::attribute::milliseconds;
use crate::formatters::civil::{write_digits, DateFormat};
use crate::formatters::escape;
use crate::record::percent::Spec;
use crate::record::value::{Value, Values};
use crate::record::{Message, Place, Record};
use crate::system::memo::Memo;

pub use crate::formatters::attribute::Attribute;
use constants::Constants;

mod constants;

/// `logging.Formatter`'s date format; milliseconds follow it.
const DEFAULT_DATE: &str = "%Y-%m-%d %H:%M:%S";
const NS: i64 = 1_000_000_000;
/// Places that are remembered: many more than a program has call sites.
const MOST_PLACES: usize = 4096;

fn refusal(why: String) -> Error {
    Error::Setting { field: "format", why }
}

#[derive(Debug, Clone)]
struct Slot {
    /// What stands before it.
    text: String,
    attribute: Attribute,
    name: String,
    spec: Spec,
}

/// A compiled format.
#[derive(Debug, Clone)]
pub struct TextFormat {
    slots: Vec<Slot>,
    /// What stands behind the last slot.
    end: String,
    clock: Clock,
    /// Lines without what varies, by call site and thread.
    places: Memo<Place, Constants>,
}

impl TextFormat {
    /// `format` is a %-style format, `date_format` one for `time.strftime` (by default ISO with `,123`
    /// milliseconds). Fails where only Python can do it, or `logging.Formatter` refuses it too.
    pub fn compile(format: &str, date_format: Option<&str>) -> Result<Self> {
        let mut slots = Vec::new();
        let mut text = String::new();
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                text.push('%');
                rest = after;
                continue;
            }
            let (name, conversion) = after
                .strip_prefix('(')
                .and_then(|after| after.split_once(')'))
                .ok_or_else(|| refusal(format!("a % in {format:?} is not followed by (name) or another %")))?;
            let attribute = Attribute::named(name)?;
            let mut after = conversion.as_bytes();
            let spec = Spec::parse(&mut after)
                .filter(|spec| attribute.suits(spec.kind()))
                .ok_or_else(|| refusal(format!("%({name}) with this conversion can only be formatted by Python")))?;
            slots.push(Slot { text: std::mem::take(&mut text), attribute, name: name.to_owned(), spec });
            rest = &conversion[conversion.len() - after.len()..];
        }
        if slots.is_empty() {
            return Err(refusal(format!("{format:?} has no %(name)s")));
        }
        text.push_str(rest);
        Ok(Self { slots, end: text, clock: Clock::new(date_format)?, places: Memo::new(MOST_PLACES) })
    }

    /// Whether the format shows an attribute, so that capture need not ask for what nobody reads.
    pub fn uses(&self, attribute: Attribute) -> bool {
        self.slots.iter().any(|slot| slot.attribute == attribute)
    }

    /// Appends one record: its line, exception and stack, and a newline.
    pub fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        if !self.write_known(record, out) {
            self.write_line(record, "", out);
        }
        finish(record, start, out);
    }

    /// The line of a record whose place is known.
    fn write_known(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> bool {
        let Some(place) = record.place else { return false };
        let (slots, end, clock) = (&self.slots, &self.end, &mut self.clock);
        let Some(known) = self.places.recall(place, || Some(Constants::new(slots, end, record))) else { return false };
        known.fill(out, |slot, out| slots[slot].write(record, clock, out));
        true
    }

    /// The same with the level name between `colour`, SGR codes, and a reset.
    pub(crate) fn format_coloured(&mut self, record: &Record<'_>, colour: &str, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_line(record, colour, out);
        finish(record, start, out);
    }

    fn write_line(&mut self, record: &Record<'_>, colour: &str, out: &mut Vec<u8>) {
        for slot in &self.slots {
            out.extend_from_slice(slot.text.as_bytes());
            if slot.attribute == Attribute::Levelname && !colour.is_empty() {
                out.extend_from_slice(b"\x1b[");
                out.extend_from_slice(colour.as_bytes());
                out.push(b'm');
                slot.write(record, &mut self.clock, out);
                out.extend_from_slice(b"\x1b[0m");
            } else {
                slot.write(record, &mut self.clock, out);
            }
        }
        out.extend_from_slice(self.end.as_bytes());
    }
}

/// What follows the line.
fn finish(record: &Record<'_>, start: usize, out: &mut Vec<u8>) {
    for block in [record.exception.map(|exception| exception.text), record.stack_info].into_iter().flatten() {
        if !out[start..].ends_with(b"\n") {
            out.push(b'\n');
        }
        escape::push_lines(block, out);
    }
    out.push(b'\n');
}

impl Slot {
    fn write(&self, record: &Record<'_>, clock: &mut Clock, out: &mut Vec<u8>) {
        match (self.attribute, record.message) {
            (Attribute::Asctime, _) if self.spec.is_plain() => clock.write(record, out),
            (Attribute::Asctime, _) => {
                let mut time = Vec::new();
                clock.write(record, &mut time);
                self.spec.write(&Value::Str(&String::from_utf8_lossy(&time)), out);
            }
            (Attribute::Message, Message::Deferred(args)) => self.write_deferred(record, args, out),
            _ => self.write_value(record, out),
        }
    }

    fn write_value(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        write_value(self.spec, &self.attribute.value(&self.name, record), out);
    }

    fn write_deferred(&self, record: &Record<'_>, args: Values<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        record.render(args, out);
        if !self.spec.is_plain() {
            let message = out.split_off(start);
            self.spec.write(&Value::Str(&String::from_utf8_lossy(&message)), out);
        }
        escape::escape_tail(out, start);
    }
}

fn write_value(spec: Spec, value: &Value<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    match value {
        Value::Str(text) if spec.is_plain() => return escape::push(text, out),
        value if spec.write(value, out) => {}
        value => {
            out.truncate(start);
            spec.as_text().write(value, out);
        }
    }
    if matches!(value, Value::Str(_)) {
        escape::escape_tail(out, start);
    }
}

/// `asctime`, with the last second's text kept: records come thousands a second.
#[derive(Debug, Clone)]
struct Clock {
    date_format: DateFormat,
    milliseconds: bool,
    of_the_second: bool,
    /// What the text holds for: a second, in a segment's time zone.
    second: i64,
    zone: (u64, i32),
    text: Vec<u8>,
}

impl Clock {
    fn new(date_format: Option<&str>) -> Result<Self> {
        let given = date_format.filter(|format| !format.is_empty());
        let date_format = DateFormat::compile(given.unwrap_or(DEFAULT_DATE))?;
        let of_the_second = date_format.is_of_the_second();
        let milliseconds = given.is_none();
        Ok(Self { date_format, milliseconds, of_the_second, second: i64::MIN, zone: (0, 0), text: Vec::new() })
    }

    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let second = record.time_ns.div_euclid(NS);
        let process = record.process;
        let zone = (process.segment, process.utc_offset);
        if second != self.second || zone != self.zone || !self.of_the_second {
            (self.second, self.zone) = (second, zone);
            self.text.clear();
            self.date_format.write(record.time_ns, process.utc_offset, &process.zone, &mut self.text);
        }
        out.extend_from_slice(&self.text);
        if self.milliseconds {
            out.push(b',');
            write_digits::<3>(milliseconds(record.time_ns), out);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use crate::record::value::{pack, pack_field, Fields};
    use crate::record::{Exception, Process, Site, Thread};

    pub(crate) fn process() -> Process {
        Process {
            pid: 1234,
            hostname: "box".to_owned(),
            utc_offset: 3600,
            zone: "CET".to_owned(),
            start_ns: 1_795_183_387_000_000_000,
            segment: 1,
        }
    }

    pub(crate) fn record(process: &Process) -> Record<'_> {
        Record {
            time_ns: 1_795_183_387_023_456_789,
            sequence: 1,
            site: Site {
                logger: "shop.cart",
                level: 20,
                level_name: "INFO",
                pathname: "/srv/shop/cart.py",
                line: 7,
                function: "add",
            },
            thread: Thread { ident: 140_000, pid: 1234, name: "MainThread", process_name: "MainProcess" },
            process,
            template: "it's %s",
            parts: None,
            message: Message::Rendered("it's done"),
            fields: Fields::default(),
            exception: None,
            stack_info: None,
            task_name: None,
            place: None,
        }
    }

    fn formatted(format: &str, record: &Record<'_>) -> String {
        let mut out = Vec::new();
        TextFormat::compile(format, None).unwrap().format(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_usual_format_looks_as_logging_writes_it() {
        assert_eq!(
            formatted("%(asctime)s - %(name)s - %(levelname)s - %(message)s", &record(&process())),
            "2026-11-20 15:03:07,023 - shop.cart - INFO - it's done\n"
        );
    }

    #[test]
    fn every_attribute_has_its_documented_value() {
        let format = "%(created)f %(filename)s %(funcName)s %(levelno)s %(lineno)d %(module)s %(msecs)03d %(msg)s \
                      %(pathname)s %(process)d %(processName)s %(relativeCreated)d %(taskName)s %(thread)x %(threadName)s";
        assert_eq!(
            formatted(format, &record(&process())),
            "1795183387.023457 cart.py add 20 7 cart 023 it's %s /srv/shop/cart.py 1234 MainProcess 23 None 222e0 \
             MainThread\n"
        );
    }

    #[test]
    fn width_flags_and_precision_are_honoured() {
        assert_eq!(
            formatted("[%(levelname)-8s] [%(name)12s] [%(message).4s] [%(asctime)26s] 100%%", &record(&process())),
            "[INFO    ] [   shop.cart] [it's] [   2026-11-20 15:03:07,023] 100%\n"
        );
    }

    #[test]
    fn a_date_format_of_ones_own_has_no_milliseconds() {
        let mut format = TextFormat::compile("%(asctime)s.%(msecs)03d", Some("%H:%M:%S %Z")).unwrap();
        let (process, elsewhere) = (process(), Process { zone: "UTC".to_owned(), utc_offset: 0, ..process() });
        let mut out = Vec::new();
        format.format(&record(&process), &mut out);
        format.format(&record(&elsewhere), &mut out);
        format.format(&Record { time_ns: record(&process).time_ns + NS, ..record(&process) }, &mut out);
        assert_eq!(out, b"15:03:07 CET.023\n14:03:07 UTC.023\n15:03:08 CET.023\n");
    }

    #[test]
    fn microseconds_are_those_of_each_record() {
        let mut format = TextFormat::compile("%(asctime)s", Some("%S.%f")).unwrap();
        let process = process();
        let mut out = Vec::new();
        format.format(&record(&process), &mut out);
        format.format(&Record { time_ns: record(&process).time_ns + 1000, ..record(&process) }, &mut out);
        assert_eq!(out, b"07.023456\n07.023457\n");
    }

    #[test]
    fn other_names_are_fields_and_a_dash_where_there_is_none() {
        let mut bytes = Vec::new();
        pack_field("user", Value::Str("al"), &mut bytes);
        pack_field("ms", Value::Float(2.25), &mut bytes);
        pack_field("tags", Value::Json("[1]"), &mut bytes);
        let process = process();
        let given = Record { fields: Fields::new(&bytes), ..record(&process) };
        assert_eq!(
            formatted("%(user)s %(user)5d %(ms).1f %(tags)s %(none)s %(none)3d %(hostname)s", &given),
            "al    al 2.2 [1] -   - box\n"
        );
    }

    #[test]
    fn a_deferred_message_is_rendered_and_a_damaged_one_shows_its_template() {
        let mut bytes = Vec::new();
        pack(Value::Str("a\nb"), &mut bytes);
        let process = process();
        let deferred = |bytes| Record { message: Message::Deferred(Values::new(bytes)), ..record(&process) };
        assert_eq!(formatted("%(message)s|", &deferred(&bytes)), "it's a\n  b|\n");
        assert_eq!(formatted("%(message)10s|", &deferred(&bytes)), "  it's a\n  b|\n");
        assert_eq!(formatted("%(message)s|", &deferred(&bytes[..2])), "it's %s|\n");
    }

    #[test]
    fn what_a_place_has_in_common_is_rendered_once_and_reads_the_same() {
        let mut format =
            TextFormat::compile("<%(name)s|%(asctime)s|%(lineno)4d|%(message)s|%(user)s|%(threadName)s>", None)
                .unwrap();
        let process = process();
        let mut args = Vec::new();
        pack(Value::Int(7), &mut args);
        for (site, thread) in [(4096, 4200), (4096, 4300), (5000, 4200), (4096, 4200)] {
            for message in [Message::Rendered("done"), Message::Deferred(Values::new(&args))] {
                let mut given = Record { template: "%d done", message, ..record(&process) };
                given.site.line = site;
                given.thread.name = if thread == 4200 { "one" } else { "t\nwo" };
                let (mut alone, mut known) = (Vec::new(), Vec::new());
                format.format(&given, &mut alone);
                let place = Some(Place { segment: 1, site, thread });
                format.format(&Record { place, ..given }, &mut known);
                assert_eq!(String::from_utf8(known).unwrap(), String::from_utf8(alone).unwrap());
            }
        }
    }

    #[test]
    fn no_value_can_forge_a_line() {
        let process = process();
        let mut forged = record(&process);
        forged.site.logger = "a\nb";
        forged.thread.name = "\x1b[0m";
        forged.message = Message::Rendered("done\n2026-11-20 15:03:07,023 admin");
        assert_eq!(
            formatted("%(name)s %(threadName)s %(message)s", &forged),
            "a\n  b \\x1b[0m done\n  2026-11-20 15:03:07,023 admin\n"
        );
    }

    #[test]
    fn the_exception_follows_the_line_and_the_stack_follows_it() {
        let process = process();
        let exception =
            Exception { kind: "E", message: "x", text: "Traceback\nE: \x07", fingerprint: 0, frames_json: "[]" };
        let failed = Record { exception: Some(exception), stack_info: Some("Stack"), ..record(&process) };
        assert_eq!(formatted("%(message)s", &failed), "it's done\nTraceback\nE: \\x07\nStack\n");
        assert_eq!(formatted("%(message)s\n", &failed), "it's done\nTraceback\nE: \\x07\nStack\n");
    }

    #[test]
    fn what_only_python_can_do_is_refused() {
        let formats =
            ["none", "%s", "%(name", "%(name)", "%(name)d", "%(message)r", "%(args)s", "%(lineno)*d", "%(a)c"];
        for format in formats {
            assert!(TextFormat::compile(format, None).is_err(), "{format}");
        }
        assert!(TextFormat::compile("%(asctime)s", Some("%c")).is_err());
    }

    #[test]
    fn a_format_tells_what_it_uses() {
        let format = TextFormat::compile("%(taskName)s %(user)s", None).unwrap();
        assert!(format.uses(Attribute::TaskName) && format.uses(Attribute::Field) && !format.uses(Attribute::Thread));
    }
}
