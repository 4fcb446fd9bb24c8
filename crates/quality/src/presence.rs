//! Which optional fields a source sends, learned from what it sent.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::profile::{TickerField, TickerFields};

/// Accepted answers that the share is taken from.
const ANSWERS: usize = 200;
/// A field in this many of them is expected from then on: 95 %.
const EXPECT: u16 = 190;
/// A field in fewer of them is no longer expected: 50 %.
const FORGET: u16 = 100;

/// How often each field was there in the last 200 accepted answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Presence {
    answers: VecDeque<u16>,
    counts: [u16; TickerField::ALL.len()],
    expected: TickerFields,
}

impl Presence {
    /// Fields that are expected because they are nearly always there.
    pub(crate) const fn expected(&self) -> TickerFields {
        self.expected
    }

    /// Takes in which fields an accepted answer had.
    pub(crate) fn learn(&mut self, present: TickerFields) {
        if self.answers.capacity() == 0 {
            self.answers.reserve_exact(ANSWERS);
        }
        // One like the oldest takes its place and changes no count.
        if self.answers.len() == ANSWERS && self.answers.front() == Some(&present.bits()) {
            self.answers.rotate_left(1);
            return;
        }
        while self.answers.len() >= ANSWERS {
            let Some(old) = self.answers.pop_front() else {
                break;
            };
            for (field, count) in TickerField::ALL.iter().zip(&mut self.counts) {
                let was = TickerFields::from_bits(old).contains(*field);
                *count = count.saturating_sub(u16::from(was));
            }
        }
        self.answers.push_back(present.bits());
        let full = self.answers.len() >= ANSWERS;
        for (field, count) in TickerField::ALL.iter().zip(&mut self.counts) {
            *count += u16::from(present.contains(*field));
            if full && *count >= EXPECT {
                self.expected = self.expected.with(*field);
            } else if full && *count < FORGET {
                self.expected = self.expected.without(*field);
            }
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.answers.capacity() * size_of::<u16>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_expected_after_95_of_100_and_forgotten_below_half() {
        let mut presence = Presence::default();
        let both = TickerFields::of(&[TickerField::Last, TickerField::Vwap]);
        let one = TickerFields::of(&[TickerField::Last]);
        for _ in 0..199 {
            presence.learn(both);
            assert_eq!(presence.expected(), TickerFields::NONE);
        }
        presence.learn(both);
        assert_eq!(presence.expected(), both);
        for _ in 0..100 {
            presence.learn(one);
            assert_eq!(presence.expected(), both);
        }
        presence.learn(one);
        assert_eq!(presence.expected(), one);
        assert_eq!(presence.answers.len(), ANSWERS);
    }
}
