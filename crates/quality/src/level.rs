//! What the pages before say of the next one: where their prices ended, a level beside that which waits to be confirmed, and whether
//! bars or ids came without a hole.

use robust_market::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Finite64;

/// The close of a bar that the next page has to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Close {
    /// When the bar starts.
    pub(crate) at: Timestamp,
    pub(crate) price: Finite64,
    /// Bars since the last trade, this one counted where it had none; at least 1.
    pub(crate) quiet: Finite64,
}

/// The newest accepted closed bar, and the newest one of pages at another level.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct BarLevel {
    pub(crate) held: Option<Close>,
    pub(crate) waiting: Option<Close>,
    /// Pages that agreed with the waiting one, itself counted.
    pub(crate) pages: u8,
}

/// Pages that confirm a level though none of them has a newer bar than the first.
const PAGES: u8 = 3;

impl BarLevel {
    /// The page goes on from the accepted level.
    pub(crate) const fn hold(&mut self, end: Close) {
        *self = Self {
            held: Some(end),
            waiting: None,
            pages: 0,
        };
    }

    /// The page is at another level; `again` where it agrees with the one that waits.
    pub(crate) const fn wait(&mut self, end: Close, again: bool) {
        self.pages = if again {
            self.pages.saturating_add(1)
        } else {
            1
        };
        self.waiting = Some(end);
    }

    /// Whether a page that agrees with the one that waits, and ends at `newest`, confirms it.
    pub(crate) fn is_confirmed(&self, newest: Timestamp) -> bool {
        self.waiting.is_some_and(|waiting| newest > waiting.at) || self.pages + 1 >= PAGES
    }
}

/// The last trades of a page at another level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) at: Timestamp,
    /// ln of their middle price.
    pub(crate) ln: Finite64,
    /// How many there were, of all pages that agreed.
    pub(crate) events: u8,
}

/// When the newest remembered print was, and the level beside it that waits.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct PrintLevel {
    pub(crate) at: Option<Timestamp>,
    pub(crate) waiting: Option<Waiting>,
}

/// How often a market was seen to rest for a bar.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Trading {
    pub(crate) bars: u32,
    /// Holes between bars, and bars without volume.
    pub(crate) pauses: u32,
}

/// How often an id was the one after the id before it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counting {
    ones: u32,
    others: u32,
}

/// Steps that show that ids count up by one.
const COUNTED: u32 = 100;

impl Counting {
    /// The same with the steps of a page.
    pub(crate) const fn with(self, ones: u32, others: u32) -> Self {
        let (mut ones, mut others) = (
            self.ones.saturating_add(ones),
            self.others.saturating_add(others),
        );
        while ones > 20 * COUNTED {
            ones /= 2;
            others /= 2;
        }
        Self { ones, others }
    }

    /// Whether hardly any id is left out: at most one step in fifty.
    pub(crate) const fn is_dense(self) -> bool {
        self.ones >= COUNTED && self.others.saturating_mul(50) <= self.ones
    }
}
