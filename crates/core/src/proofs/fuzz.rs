//! Every parser of what others wrote, fed with samples that were cut, mixed and spoilt: no bytes may end the process.
//!
//! Each fuzzer runs for a second with the other tests; `make fuzz SECONDS=600` is longer. A case is all that its seed says:
//! the one that fails is in the message, and `make fuzz SEED=…` tries it again.
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

mod control;
mod outbox;
mod segment;
mod spec;

/// xorshift: no more is needed to cut and mix.
pub struct Chance(u64);

impl Chance {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// A number of the kind that breaks arithmetic, or any.
    pub fn number(&mut self) -> u64 {
        let near = [0, 1, 7, 8, 4096, 1 << 16, 1 << 31, 1 << 32, 1 << 63, u64::MAX, i64::MAX as u64];
        match self.below(3) {
            0 => self.below(usize::MAX) as u64,
            _ => (*self.pick(&near)).wrapping_add(self.below(5) as u64).wrapping_sub(2),
        }
    }

    /// Changes bytes in place: one, a number, or a run of them.
    pub fn spoil(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) else { return };
        match self.below(4) {
            0 => rest[0] ^= 1 << self.below(8),
            1 => rest[0] = self.below(256) as u8,
            2 => {
                let number = self.number().to_le_bytes();
                let len = rest.len().min(*self.pick(&[1, 2, 4, 8]));
                rest[..len].copy_from_slice(&number[..len]);
            }
            _ => {
                let len = self.below(rest.len().min(300));
                rest[..len].fill_with(|| self.below(256) as u8);
            }
        }
    }
}

/// Tries one case after another until its time is over, or the one whose seed is given.
pub fn run(one: impl Fn(&mut Chance) + std::panic::RefUnwindSafe) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("CORDWOOD_FUZZ_SEED") {
        return one(&mut Chance(seed | 1));
    }
    let seconds = Duration::from_secs(number("CORDWOOD_FUZZ_SECONDS").unwrap_or(1));
    let began = Instant::now();
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
    while began.elapsed() < seconds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let case = std::panic::catch_unwind(|| one(&mut Chance(seed | 1)));
        assert!(case.is_ok(), "again: make fuzz SEED={seed}");
    }
}
