//! Floats as Python writes them: `repr`, and `%e`, `%f`, `%g`.
use std::io::Write;

/// Appends `repr(x)`: the shortest digits that read back as `x`, with an exponent below 1e-4 and from 1e16.
pub fn write_repr(x: f64, out: &mut Vec<u8>) {
    if !x.is_finite() {
        return write_special(x, out);
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(x);
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    let first = start + usize::from(x.is_sign_negative());
    if let Some(e) = text.find('e') {
        finish_exponent(start + e, out);
    } else if out[first..].starts_with(b"0.0000") {
        // ryu leaves 0.00001234 as it is; Python begins its exponents there.
        out.drain(first..first + 6);
        if out.len() > first + 1 {
            out.insert(first + 1, b'.');
        }
        out.extend_from_slice(b"e-05");
    }
}

/// How `%e`, `%f` and `%g` write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    Exponent,
    Fixed,
    General,
}

/// Appends `'%.<precision>f' % x` (or `e`, `g`), rounded exactly, halves to even. `alternate` is the `#` flag.
pub fn write_float(x: f64, notation: Notation, precision: u16, alternate: bool, out: &mut Vec<u8>) {
    if !x.is_finite() {
        return write_special(x, out);
    }
    if x.is_sign_negative() {
        out.push(b'-');
    }
    match notation {
        Notation::Fixed => write_fixed(x.abs(), precision, alternate, out),
        Notation::Exponent => write_exponent(x.abs(), precision, alternate, out),
        Notation::General => write_general(x.abs(), precision.max(1), alternate, out),
    }
}

fn write_special(x: f64, out: &mut Vec<u8>) {
    let text = if x.is_nan() {
        "nan"
    } else if x < 0.0 {
        "-inf"
    } else {
        "inf"
    };
    out.extend_from_slice(text.as_bytes());
}

const POWERS_OF_TEN: [u64; 10] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// `x * 10^precision` rounded to an integer, halves to even; `None` where that is not quick.
///
/// A double is `mantissa / 2^shift`, so the product and what the shift drops of it are exact integers.
fn scaled(x: f64, precision: u16) -> Option<u64> {
    let power = *POWERS_OF_TEN.get(usize::from(precision))?;
    let biased = (x.to_bits() >> 52) as u32;
    let fraction = x.to_bits() & ((1 << 52) - 1);
    let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
    let shift = 1075_u32.checked_sub(biased.max(1)).filter(|shift| *shift > 0)?;
    if shift > 100 {
        // The product has at most 53 + 30 bits: less than half of the last place.
        return Some(0);
    }
    let product = u128::from(mantissa) * u128::from(power);
    let quotient = product >> shift;
    let dropped = product & ((1 << shift) - 1);
    let half = 1_u128 << (shift - 1);
    let up = dropped > half || (dropped == half && quotient & 1 == 1);
    u64::try_from(quotient + u128::from(up)).ok()
}

fn write_fixed(x: f64, precision: u16, alternate: bool, out: &mut Vec<u8>) {
    if let Some(mut n) = scaled(x, precision) {
        // Twenty digits, and the point among them or after up to nine zeros; filled from the end.
        let mut text = [b'0'; 32];
        let mut at = text.len();
        for _ in 0..precision {
            at -= 1;
            text[at] += (n % 10) as u8;
            n /= 10;
        }
        if precision > 0 {
            at -= 1;
            text[at] = b'.';
        }
        loop {
            at -= 1;
            text[at] += (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        out.extend_from_slice(&text[at..]);
    } else {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{x:.*}", precision.into());
    }
    if alternate && precision == 0 {
        out.push(b'.');
    }
}

fn write_exponent(x: f64, precision: u16, alternate: bool, out: &mut Vec<u8>) {
    let start = out.len();
    let _ = write!(out, "{x:.*e}", precision.into());
    if alternate && precision == 0 {
        out.insert(start + 1, b'.');
    }
    let e = memchr::memrchr(b'e', &out[start..]).map_or(out.len(), |e| start + e);
    finish_exponent(e, out);
}

/// Gives the exponent at `out[e..]` its sign and second digit: `e7` becomes `e+07`.
fn finish_exponent(e: usize, out: &mut Vec<u8>) {
    let sign = e + 1;
    if out.get(sign) != Some(&b'-') {
        out.insert(sign, b'+');
    }
    if out.len() == sign + 2 {
        out.insert(sign + 1, b'0');
    }
}

/// `digits` significant digits, without an exponent from 1e-4 up to `10^digits`.
fn write_general(x: f64, digits: u16, alternate: bool, out: &mut Vec<u8>) {
    let start = out.len();
    let _ = write!(out, "{x:.*e}", usize::from(digits) - 1);
    let e = memchr::memrchr(b'e', &out[start..]).map_or(out.len(), |e| start + e);
    let exponent = read_exponent(&out[e..]);
    if exponent < -4 || exponent >= i32::from(digits) {
        let tail = out.split_off(e);
        finish_fraction(start, 1, alternate, out);
        let e = out.len();
        out.extend_from_slice(&tail);
        return finish_exponent(e, out);
    }
    out.truncate(e);
    if digits > 1 {
        out.remove(start + 1);
    }
    if exponent < 0 {
        let zeros = exponent.unsigned_abs() as usize;
        out.splice(start..start, std::iter::repeat_n(b'0', zeros));
    }
    let whole = exponent.max(0) as usize + 1;
    out.insert(start + whole, b'.');
    finish_fraction(start, whole, alternate, out);
}

fn read_exponent(text: &[u8]) -> i32 {
    std::str::from_utf8(text).ok().and_then(|text| text.get(1..)?.parse().ok()).unwrap_or(0)
}

/// Ends a number whose point is `whole` bytes after `start`: `#` keeps zeros and point, otherwise idle ones go.
fn finish_fraction(start: usize, whole: usize, alternate: bool, out: &mut Vec<u8>) {
    let point = start + whole;
    if out.len() == point && alternate {
        out.push(b'.');
    }
    if !alternate && out.len() > point {
        let kept = out[point + 1..].iter().rposition(|digit| *digit != b'0').map_or(point, |last| point + last + 2);
        out.truncate(kept);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn repr(x: f64) -> String {
        let mut out = Vec::new();
        write_repr(x, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn float(x: f64, notation: Notation, precision: u16, alternate: bool) -> String {
        let mut out = Vec::new();
        write_float(x, notation, precision, alternate, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn repr_is_pythons() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (10.000_000_000_000_002, "10.000000000000002"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.000_012_34, "-1.234e-05"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (x, want) in cases {
            assert_eq!(repr(x), want);
        }
    }

    #[test]
    fn fixed_rounds_the_exact_value_with_halves_to_even() {
        let cases = [
            (0.5, 0, "0"),
            (1.5, 0, "2"),
            (2.5, 0, "2"),
            (0.125, 2, "0.12"),
            (0.375, 2, "0.38"),
            (1.005, 2, "1.00"),
            (2.675, 2, "2.67"),
            (-0.0004, 3, "-0.000"),
            (1.5, 3, "1.500"),
            (999.9996, 3, "1000.000"),
            (5e-324, 9, "0.000000000"),
            (1e22, 2, "10000000000000000000000.00"),
        ];
        for (x, precision, want) in cases {
            assert_eq!(float(x, Notation::Fixed, precision, false), want);
        }
    }

    #[test]
    fn exponents_have_a_sign_and_two_digits() {
        assert_eq!(float(1500.0, Notation::Exponent, 2, false), "1.50e+03");
        assert_eq!(float(1.5e-300, Notation::Exponent, 0, true), "2.e-300");
        assert_eq!(float(0.0, Notation::Exponent, 1, false), "0.0e+00");
    }

    #[test]
    fn general_chooses_the_notation_and_drops_idle_zeros() {
        let cases = [
            (0.0001, 6, false, "0.0001"),
            (0.00001, 6, false, "1e-05"),
            (100_000.0, 6, false, "100000"),
            (999_999.5, 6, false, "1e+06"),
            (123.456, 4, false, "123.5"),
            (0.0, 6, true, "0.00000"),
            (3.0, 0, true, "3."),
            (1e10, 1, true, "1.e+10"),
            (1e10, 3, true, "1.00e+10"),
            (-0.001_230, 3, false, "-0.00123"),
        ];
        for (x, precision, alternate, want) in cases {
            assert_eq!(float(x, Notation::General, precision, alternate), want);
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_agrees_with_the_exact_one(bits: u64, precision in 0_u16..10, scale in -40_i32..40) {
            let near = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52) * 2_f64.powi(scale);
            for x in [near, f64::from_bits(bits).abs()] {
                if x.is_finite() {
                    prop_assert_eq!(float(x, Notation::Fixed, precision, false), format!("{x:.*}", precision.into()));
                }
            }
        }

        #[test]
        fn repr_reads_back_as_the_same_float(bits: u64) {
            let x = f64::from_bits(bits);
            prop_assume!(!x.is_nan());
            prop_assert_eq!(repr(x).parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
