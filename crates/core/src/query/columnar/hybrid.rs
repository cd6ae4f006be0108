//! Parquet's mix of runs and packed bits: numbers of a dictionary, and whether rows have a value.

/// Values that are packed together.
const PACK: usize = 8;

/// Bits that numbers up to this one take.
pub fn width(most: u32) -> u8 {
    (u32::BITS - most.leading_zeros()) as u8
}

/// A number, seven bits a byte, the lowest first.
pub fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number that `bytes` begin with, which is taken from them.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn same(numbers: &[u32]) -> usize {
    numbers.iter().take_while(|number| **number == numbers[0]).count()
}

/// Appends numbers of so many bits.
pub fn encode(numbers: &[u32], width: u8, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < numbers.len() {
        let run = same(&numbers[at..]);
        if run >= PACK {
            varint((run as u64) << 1, out);
            out.extend_from_slice(&numbers[at].to_le_bytes()[..usize::from(width).div_ceil(8)]);
            at += run;
            continue;
        }
        let mut end = at + PACK;
        while end < numbers.len() && same(&numbers[end..]) < PACK {
            end += PACK;
        }
        varint(((end - at) / PACK) as u64 * 2 + 1, out);
        pack(&numbers[at..end.min(numbers.len())], end - at, width, out);
        at = end;
    }
}

/// Packs numbers, the lowest bits first; what is missing to `count` is zero.
fn pack(numbers: &[u32], count: usize, width: u8, out: &mut Vec<u8>) {
    let end = out.len() + count * usize::from(width) / 8;
    let (mut bits, mut filled) = (0_u64, 0);
    for number in numbers {
        bits |= u64::from(*number) << filled;
        filled += width;
        while filled >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(bits as u8);
    }
    out.resize(end, 0);
}

/// Reads `count` numbers into `out`; None where the bytes do not hold as many.
pub fn decode(mut bytes: &[u8], width: u8, count: usize, out: &mut Vec<u32>) -> Option<()> {
    out.clear();
    if u32::from(width) > u32::BITS {
        return None;
    }
    while out.len() < count {
        let header = take_varint(&mut bytes)?;
        let left = count - out.len();
        let numbers = usize::try_from(header >> 1).ok()?;
        if numbers == 0 {
            return None;
        }
        if header & 1 == 0 {
            let (value, rest) = bytes.split_at_checked(usize::from(width).div_ceil(8))?;
            let mut whole = [0; 4];
            whole[..value.len()].copy_from_slice(value);
            out.resize(out.len() + numbers.min(left), u32::from_le_bytes(whole));
            bytes = rest;
        } else {
            let (packed, rest) = bytes.split_at_checked(numbers.checked_mul(usize::from(width))?)?;
            unpack(packed, width, left.min(numbers.saturating_mul(PACK)), out);
            bytes = rest;
        }
    }
    Some(())
}

fn unpack(packed: &[u8], width: u8, count: usize, out: &mut Vec<u32>) {
    let end = out.len() + count;
    if width == 0 {
        return out.resize(end, 0);
    }
    let mask = (1_u64 << width) - 1;
    let (mut bits, mut filled) = (0_u64, 0);
    for byte in packed {
        bits |= u64::from(*byte) << filled;
        filled += 8;
        while filled >= width && out.len() < end {
            out.push((bits & mask) as u32);
            bits >>= width;
            filled -= width;
        }
        if out.len() == end {
            return;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn through(numbers: &[u32], width: u8) -> Vec<u32> {
        let (mut bytes, mut back) = (Vec::new(), Vec::new());
        encode(numbers, width, &mut bytes);
        decode(&bytes, width, numbers.len(), &mut back).unwrap();
        back
    }

    #[test]
    fn numbers_come_back_whether_they_repeat_or_not() {
        let mixed: Vec<u32> = (0..100).chain(std::iter::repeat_n(7, 20)).chain([7, 3, 3]).collect();
        assert_eq!(through(&mixed, width(99)), mixed);
        assert_eq!(through(&[0; 9], 0), [0; 9]);
        assert_eq!(through(&[u32::MAX, 0, 5], 32), [u32::MAX, 0, 5]);
        assert!(through(&[], 3).is_empty());
        assert_eq!((width(0), width(1), width(255), width(256)), (0, 1, 8, 9));
    }

    #[test]
    fn what_is_said_by_others_is_read() {
        // The example of the format's own documentation: 0 to 7 of three bits.
        let mut numbers = Vec::new();
        decode(&[0b0000_0011, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 8, &mut numbers).unwrap();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        for spoilt in [&[][..], &[0], &[1], &[3, 0b1000_1000], &[0x80], &[4]] {
            assert_eq!(decode(spoilt, 3, 8, &mut numbers), None, "{spoilt:?}");
        }
        assert_eq!(decode(&[4, 1], 33, 2, &mut numbers), None);
    }

    proptest::proptest! {
        #[test]
        fn any_numbers_come_back(numbers in proptest::collection::vec(0_u32..4, 0..80), bits in 2_u8..32) {
            proptest::prop_assert_eq!(through(&numbers, bits), numbers);
        }

        #[test]
        fn no_bytes_are_too_odd_to_be_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40), bits in 0_u8..40) {
            let mut numbers = Vec::new();
            let _ = decode(&bytes, bits, 100, &mut numbers);
            proptest::prop_assert!(numbers.len() <= 100);
        }
    }
}
