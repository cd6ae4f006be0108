//! The unit of an archive's times: as fine as its log's, for a column of milliseconds is half as large.
use parquet::basic::{LogicalType, TimeUnit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
}

impl Unit {
    /// As the schema's text has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Millis => "MILLIS",
            Self::Micros => "MICROS",
        }
    }

    /// As a column's type tells it.
    pub fn of(told: Option<&LogicalType>) -> Option<Self> {
        match told {
            Some(LogicalType::Timestamp(stamp)) => match stamp.unit {
                TimeUnit::MILLIS => Some(Self::Millis),
                TimeUnit::MICROS => Some(Self::Micros),
                TimeUnit::NANOS => None,
            },
            _ => None,
        }
    }

    pub fn of_micros(self, micros: i64) -> i64 {
        match self {
            Self::Millis => micros.div_euclid(1000),
            Self::Micros => micros,
        }
    }

    /// A damaged time is no reason to end.
    pub fn to_micros(self, time: i64) -> i64 {
        match self {
            Self::Millis => time.saturating_mul(1000),
            Self::Micros => time,
        }
    }
}
