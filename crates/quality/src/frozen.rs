//! Does the market still move?

use std::time::Duration;

use robust_market::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Finite64, Window};

/// Finished runs that the natural length is taken from.
const RUNS: usize = 64;
/// A run shorter than this is never suspicious, in answers.
const ANSWERS: f64 = 30.0;
/// A run shorter than this is never suspicious, in time.
const LASTS: Duration = Duration::from_secs(30);
/// How many times the natural length of a run is suspicious.
const NATURAL: f64 = 5.0;

/// How long a market has shown the same content, and how long it usually does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Still {
    content: u64,
    since: Timestamp,
    last: Timestamp,
    answers: u32,
    /// The sequence number of the first answer of the run.
    sequence: Option<u64>,
    finished: Window,
}

impl Default for Still {
    fn default() -> Self {
        Self {
            content: 0,
            since: Timestamp::EPOCH,
            last: Timestamp::EPOCH,
            answers: 0,
            sequence: None,
            finished: Window::new(RUNS),
        }
    }
}

/// A run of equal contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) answers: u32,
    /// When its first answer came.
    pub(crate) since: Timestamp,
    pub(crate) lasts: Duration,
    /// Whether the source counted on while nothing changed.
    pub(crate) counted: bool,
    /// 0 usual, 1 suspiciously long, 2 twice as long as that.
    pub(crate) weight: u8,
}

impl Still {
    /// Takes in one answer, and says how long its content has been the same.
    pub(crate) fn note(&mut self, content: u64, received: Timestamp, sequence: Option<u64>) -> Run {
        if self.answers == 0 || content != self.content {
            if self.answers > 0 {
                let length = Finite64::new(f64::from(self.answers));
                self.finished.push(length.unwrap_or_default());
            }
            (self.content, self.since, self.last) = (content, received, received);
            (self.answers, self.sequence) = (1, sequence);
        } else if received > self.last {
            // The same answer judged twice is no second answer.
            self.last = received;
            self.answers = self.answers.saturating_add(1);
        }
        let lasts = received.since(self.since);
        let length = f64::from(self.answers);
        let limit = if length < ANSWERS {
            f64::INFINITY
        } else {
            ANSWERS.max(NATURAL * self.finished.quantile(0.99).unwrap_or(0.0))
        };
        let reaches = |times: u32| length >= limit * f64::from(times) && lasts >= LASTS * times;
        Run {
            answers: self.answers,
            since: self.since,
            lasts,
            counted: sequence.is_some() && sequence != self.sequence,
            weight: u8::from(reaches(1)) + u8::from(reaches(2)),
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.finished.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn a_run_weighs_after_thirty_answers_and_thirty_seconds() {
        let mut still = Still::default();
        for second in 0..29 {
            assert_eq!(still.note(7, at(second), None).weight, 0);
        }
        assert_eq!(still.note(7, at(29), None).weight, 0); // thirty answers in 29 s
        assert_eq!(still.note(7, at(30), None).weight, 1);
        for second in 31..60 {
            assert_eq!(still.note(7, at(second), None).weight, 1);
        }
        assert_eq!(still.note(7, at(60), None).weight, 2);
        assert_eq!(still.note(8, at(61), None).weight, 0);
    }

    #[test]
    fn a_market_that_usually_stands_for_long_may_do_so() {
        let mut still = Still::default();
        let mut second = 0;
        for content in 0..20 {
            for _ in 0..20 {
                second += 1;
                still.note(content, at(second), None);
            }
        }
        for n in 0..80 {
            assert_eq!(still.note(99, at(second + n), None).weight, 0, "{n}");
        }
        assert_eq!(still.note(99, at(second + 100), None).weight, 0);
        for n in 101..130 {
            still.note(99, at(second + n), None);
        }
        assert_eq!(still.note(99, at(second + 130), None).weight, 1);
    }

    #[test]
    fn one_answer_judged_twice_counts_once_and_a_counter_that_moves_is_seen() {
        let mut still = Still::default();
        for _ in 0..100 {
            assert_eq!(still.note(7, at(50), Some(1)).answers, 1);
        }
        assert!(still.note(7, at(51), Some(2)).counted);
    }
}
