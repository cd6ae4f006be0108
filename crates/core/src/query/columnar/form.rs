//! Templates with their steps, and a record's text from them.

/// What stands for a value and before the form of a time.
pub const VALUE: &[u8] = b"<*>";
pub const OPEN: &[u8] = b"<time ";
pub const SECOND: i64 = 1_000_000;

/// What stands in a template, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Text(Vec<u8>),
    Value,
    Time { between: u8, sign: u8, digits: u8 },
}

/// A template's steps.
pub fn steps(template: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = 0;
    let mut text = Vec::new();
    while at < template.len() {
        let rest = &template[at..];
        let step = if rest.starts_with(VALUE) {
            at += VALUE.len();
            Step::Value
        } else if let Some((length, step)) = time_step(rest) {
            at += length;
            step
        } else {
            text.push(template[at]);
            at += 1;
            continue;
        };
        if !text.is_empty() {
            steps.push(Step::Text(std::mem::take(&mut text)));
        }
        steps.push(step);
    }
    if !text.is_empty() {
        steps.push(Step::Text(text));
    }
    steps
}

fn time_step(rest: &[u8]) -> Option<(usize, Step)> {
    let form = rest.strip_prefix(OPEN)?;
    let end = form.iter().position(|byte| *byte == b'>')?;
    let step = match form[..end] {
        [between] => Step::Time { between, sign: 0, digits: 0 },
        [between, sign, digits @ b'1'..=b'6'] => Step::Time { between, sign, digits: digits - b'0' },
        _ => return None,
    };
    Some((OPEN.len() + end + 1, step))
}

/// A record's text from its template's steps; None where values are missing.
pub fn rebuild<'a>(
    steps: &[Step],
    time: Option<i64>,
    mut values: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Option<()> {
    for step in steps {
        match step {
            Step::Text(text) => out.extend_from_slice(text),
            Step::Value => out.extend_from_slice(values.next()?),
            Step::Time { between, sign, digits } => write_time(time?, *between, *sign, *digits, out),
        }
    }
    Some(())
}

fn write_time(micros: i64, between: u8, sign: u8, digits: u8, out: &mut Vec<u8>) {
    let (seconds, fraction) = (micros.div_euclid(SECOND), micros.rem_euclid(SECOND));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    padded(year, 4, out);
    out.push(b'-');
    padded(month, 2, out);
    out.push(b'-');
    padded(day, 2, out);
    out.push(between);
    padded(second / 3600, 2, out);
    out.push(b':');
    padded(second / 60 % 60, 2, out);
    out.push(b':');
    padded(second % 60, 2, out);
    if digits > 0 {
        out.push(sign);
        padded(fraction / 10_i64.pow(6 - u32::from(digits)), usize::from(digits), out);
    }
}

fn padded(mut value: i64, width: usize, out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + width, b'0');
    for place in (at..at + width).rev() {
        out[place] = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// The reverse of `when::days` (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
