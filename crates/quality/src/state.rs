//! What is remembered of one symbol, bounded.

use std::collections::VecDeque;

use robust_market::{Candles, Timestamp};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::frozen::Still;
use crate::level::{BarLevel, Counting, PrintLevel, Trading};
use crate::presence::Presence;
use crate::seen::{Answers, Ids};
use crate::{ClockOffset, Finite64, Window};

/// How many accepted books the usual depth is taken from.
const BOOKS: usize = 64;
/// Spreads that the usual one is taken from.
const SPREADS: usize = 256;
/// Closed bars that are remembered by their fingerprint, to see whether the exchange changes them.
const BARS: usize = 1_000;
/// Prices of trades that the first ones of the next page are judged beside.
pub(crate) const PRINTS: usize = 21;
/// Holes between bars, and longest waits of pages of trades, that the usual ones are taken from.
const PAUSES: usize = 64;
/// The form of a saved state that this version writes and reads.
const VERSION: u32 = 3;

/// What the rules remember of one kind of data of one symbol.
///
/// Of bounded size (see [`memory`](Self::memory)): about 25 KB for a ticker, 50 KB for trades. Only values without an error are
/// remembered, so a broken value cannot make the next good one look wrong.
///
/// A state is saved and loaded by serde. What is loaded is checked: another version, a number that is not finite or a list
/// over its bound is refused.
///
/// ```
/// use robust_quality::SymbolState;
///
/// let saved = serde_json::to_string(&SymbolState::new())?;
/// let loaded: SymbolState = serde_json::from_str(&saved)?;
/// assert_eq!(loaded.last_time(), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct SymbolState {
    pub(crate) seen: Memory,
}

/// Everything that is remembered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) last_time: Option<Timestamp>,
    pub(crate) last_sequence: Option<u64>,
    /// Fingerprint of the quote or the levels that had the last sequence number.
    pub(crate) last_content: Option<u64>,
    depths: VecDeque<(u32, u32)>,
    pub(crate) engine: Engine,
    pub(crate) answers: Answers,
    pub(crate) clock: ClockOffset,
    pub(crate) still: Still,
    pub(crate) presence: Presence,
    pub(crate) spreads: Window,
    pub(crate) ids: Ids,
    /// The highest id of a source that counts without holes.
    pub(crate) last_id: Option<u64>,
    /// ln(price) of the last accepted trades.
    pub(crate) prints: Window,
    /// Usual step from trade to trade.
    pub(crate) print_step: Finite64,
    pub(crate) bars: VecDeque<(Timestamp, u64)>,
    /// Usual move of a bar, from the last page that was long enough to tell.
    pub(crate) bar_sigma: Finite64,
    /// Where the bars of the last page ended.
    pub(crate) bar_level: BarLevel,
    /// Where the trades of the last page ended.
    pub(crate) print_level: PrintLevel,
    /// How often the market rested for a bar, where the source leaves empty ones out.
    pub(crate) trading: Trading,
    /// How often ids count up by one, where that is not declared.
    pub(crate) counting: Counting,
    /// Lengths of the holes between bars, where the source leaves empty ones out.
    pub(crate) holes: Window,
    /// Whether the source has shown to count bars, not time, where a number of them is asked for.
    pub(crate) counts_bars: bool,
    /// The longest usual wait between trades of each page, in seconds.
    pub(crate) waits: Window,
    /// Answers that the last judgement released.
    released: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            last_time: None,
            last_sequence: None,
            last_content: None,
            depths: VecDeque::new(),
            engine: Engine::default(),
            answers: Answers::default(),
            clock: ClockOffset::default(),
            still: Still::default(),
            presence: Presence::default(),
            spreads: Window::new(SPREADS),
            ids: Ids::default(),
            last_id: None,
            prints: Window::new(PRINTS),
            print_step: Finite64::ZERO,
            bars: VecDeque::new(),
            bar_sigma: Finite64::ZERO,
            bar_level: BarLevel::default(),
            print_level: PrintLevel::default(),
            trading: Trading::default(),
            counting: Counting::default(),
            holes: Window::new(PAUSES),
            counts_bars: false,
            waits: Window::new(PAUSES),
            released: 0,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    version: u32,
    memory: Memory,
}

impl From<SymbolState> for Saved {
    fn from(state: SymbolState) -> Self {
        Self {
            version: VERSION,
            memory: state.seen,
        }
    }
}

/// Why a saved state is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SavedStateError {
    /// It was written by another version of the form.
    #[error("the saved state has version {found}, not {VERSION}")]
    Version {
        /// The version that it names.
        found: u32,
    },
    /// A list is longer than it can be.
    #[error("a list of the saved state is longer than its bound")]
    TooLong,
    /// A list that is searched is not in order, or two that belong together do not.
    #[error("a list of the saved state is not in order")]
    Disordered,
}

impl TryFrom<Saved> for SymbolState {
    type Error = SavedStateError;

    fn try_from(saved: Saved) -> Result<Self, SavedStateError> {
        if saved.version != VERSION {
            return Err(SavedStateError::Version {
                found: saved.version,
            });
        }
        let state = Self { seen: saved.memory };
        let seen = &state.seen;
        if state.memory() > MEMORY_MAX || seen.bars.len() > BARS || seen.depths.len() > BOOKS {
            return Err(SavedStateError::TooLong);
        }
        if !seen.ids.is_sound() || !seen.bars.iter().is_sorted_by(|a, b| a.0 < b.0) {
            return Err(SavedStateError::Disordered);
        }
        Ok(state)
    }
}

/// More than any state can hold, with the slack of growing lists.
const MEMORY_MAX: usize = 512 * 1_024;

impl SymbolState {
    /// Nothing remembered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The exchange's time of the newest accepted value.
    #[must_use]
    pub const fn last_time(&self) -> Option<Timestamp> {
        self.seen.last_time
    }

    /// The sequence number of the newest accepted value.
    #[must_use]
    pub const fn last_sequence(&self) -> Option<u64> {
        self.seen.last_sequence
    }

    /// The usual number of bids and asks; `None` before the first book.
    #[must_use]
    pub fn usual_depth(&self) -> Option<(u32, u32)> {
        let depths = &self.seen.depths;
        let first = depths.front()?;
        if depths.iter().all(|depth| depth == first) {
            return Some(*first);
        }
        let mut sides = [0_u32; BOOKS];
        let mut median = |side: fn(&(u32, u32)) -> u32| {
            let sides = sides.get_mut(..depths.len().min(BOOKS))?;
            for (slot, depth) in sides.iter_mut().zip(depths) {
                *slot = side(depth);
            }
            sides.sort_unstable();
            sides.get(sides.len() / 2).copied()
        };
        Some((median(|depth| depth.0)?, median(|depth| depth.1)?))
    }

    /// Whether there is enough history to judge prices by it.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.seen.engine.is_warm()
    }

    /// How many quarantined answers wait for their level to be confirmed. A reader may keep as many, oldest dropped first.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.seen.engine.pending()
    }

    /// How many of the answers before were quarantined and are released by the last judgement: their level is confirmed.
    #[must_use]
    pub const fn released(&self) -> usize {
        self.seen.released
    }

    /// Feeds the closed bars of a series as history of prices, so that the first ticker or book is judged and not just
    /// believed. `every` is the distance at which answers will come, in seconds; moves are scaled to it by the square
    /// root of time. Does nothing where there is history already.
    pub fn teach(&mut self, bars: &Candles, every: f64) {
        if self.is_warm() || !every.is_finite() || every <= 0.0 {
            return;
        }
        let bar = bars.interval.duration().as_secs_f64();
        let scale = (every / bar).clamp(0.0, 1.0).sqrt();
        let mut before: Option<Finite64> = None;
        for row in bars.rows.iter().filter(|row| row.closed) {
            let Some(ln) = Finite64::ln(row.close) else {
                continue;
            };
            let step = before.and_then(|before| Finite64::new((ln.get() - before.get()) * scale));
            if let Some(step) = step {
                self.seen.engine.teach(step);
            }
            before = Some(ln);
        }
        let newest = bars.rows.iter().rfind(|row| row.closed);
        if let (Some(ln), Some(row)) = (before, newest) {
            let end = row.time.saturating_add(bars.interval.duration());
            self.seen.engine.start(ln, end, every);
        }
    }

    /// Bytes held, on the stack and on the heap. Does not grow with the number of judgements.
    #[must_use]
    pub fn memory(&self) -> usize {
        let seen = &self.seen;
        size_of::<Self>()
            + seen.depths.capacity() * size_of::<(u32, u32)>()
            + seen.engine.memory()
            + seen.answers.memory()
            + seen.clock.memory()
            + seen.still.memory()
            + seen.presence.memory()
            + seen.spreads.memory()
            + seen.ids.memory()
            + seen.prints.memory()
            + seen.holes.memory()
            + seen.waits.memory()
            + seen.bars.capacity() * size_of::<(Timestamp, u64)>()
    }

    pub(crate) fn accept(&mut self, time: Option<Timestamp>, sequence: Option<u64>) {
        self.seen.last_time = time.or(self.seen.last_time);
        self.seen.last_sequence = sequence.or(self.seen.last_sequence);
    }

    pub(crate) fn release(&mut self, answers: usize) {
        self.seen.released = answers;
    }

    pub(crate) fn learn_depth(&mut self, bids: usize, asks: usize) {
        let depths = &mut self.seen.depths;
        if depths.capacity() == 0 {
            depths.reserve_exact(BOOKS);
        }
        while depths.len() >= BOOKS {
            depths.pop_front();
        }
        let side = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        depths.push_back((side(bids), side(asks)));
    }

    /// The times of the oldest and of the newest closed bar that are remembered.
    pub(crate) fn known_bars(&self) -> Option<(Timestamp, Timestamp)> {
        let bars = &self.seen.bars;
        Some((bars.front()?.0, bars.back()?.0))
    }

    /// The fingerprint that the bar of a time had before. `place` is where it is looked for first: bars come one after the other.
    pub(crate) fn bar(&self, time: Timestamp, place: &mut usize) -> Option<u64> {
        let bars = &self.seen.bars;
        if bars.back().is_none_or(|(newest, _)| *newest < time) {
            return None;
        }
        if bars.get(*place).is_none_or(|(known, _)| *known != time) {
            *place = bars.binary_search_by_key(&time, |(known, _)| *known).ok()?;
        }
        let found = bars.get(*place).map(|(_, content)| *content);
        *place += 1;
        found
    }

    /// Whether the source has sent a closed bar before.
    pub(crate) fn knows_bars(&self) -> bool {
        !self.seen.bars.is_empty()
    }

    /// Remembers a closed bar; those before the oldest one that is kept are not.
    pub(crate) fn learn_bar(&mut self, time: Timestamp, content: u64) {
        let bars = &mut self.seen.bars;
        match bars.back() {
            Some((newest, _)) if time <= *newest => {
                if let Ok(place) = bars.binary_search_by_key(&time, |(known, _)| *known)
                    && let Some(known) = bars.get_mut(place)
                {
                    known.1 = content;
                }
            }
            _ => {
                while bars.len() >= BARS {
                    bars.pop_front();
                }
                bars.push_back((time, content));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TickerField, TickerFields};

    #[test]
    fn a_saved_list_that_is_out_of_order_is_refused() {
        let mut state = SymbolState::new();
        for minute in 0..3 {
            state.learn_bar(Timestamp::from_ns(minute), 7);
        }
        state.seen.ids.learn(&[(1, 1), (2, 2), (2, 3)]);
        let text = serde_json::to_string(&state).unwrap();
        assert!(serde_json::from_str::<SymbolState>(&text).is_ok());
        for (good, bad) in [
            ("[[1,1],[2,2]]", "[[2,2],[1,1]]"),
            ("[[0,7],[1,7],", "[[1,7],[0,7],"),
        ] {
            let broken = text.replace(good, bad);
            assert_ne!(broken, text, "{good} is in {text}");
            let error = serde_json::from_str::<SymbolState>(&broken).unwrap_err();
            assert!(error.to_string().contains("not in order"), "{error}");
        }
    }

    #[test]
    fn memory_is_constant_after_many_books() {
        let mut state = SymbolState::new();
        state.learn_depth(1, 2);
        let before = state.memory();
        for depth in 0..10_000 {
            state.learn_depth(depth, depth + 1);
            state.accept(Some(Timestamp::from_ns(1)), Some(1));
        }
        assert_eq!(state.seen.depths.len(), BOOKS);
        assert_eq!(state.memory(), before);
    }

    #[test]
    fn every_memory_is_of_one_size_after_a_million_updates() {
        let mut state = SymbolState::new();
        let mut size = 0;
        for n in 0..1_000_000_u64 {
            let at = Timestamp::from_ns(i64::try_from(n).unwrap() * 1_000_000_000);
            let value = Finite64::new(f64::from(u32::try_from(n % 977).unwrap()).sin()).unwrap();
            let seen = &mut state.seen;
            seen.answers.learn(n);
            seen.clock.observe(at, at);
            seen.still.note(n / 3, at, Some(n));
            seen.presence
                .learn(TickerFields::NONE.with(TickerField::ALL[usize::try_from(n % 14).unwrap()]));
            for window in [&mut seen.holes, &mut seen.waits, &mut seen.prints] {
                window.push(value);
            }
            if n % 1_000 == 0 {
                let page: Vec<_> = (n..n + 1_000).map(|id| (id, n)).collect();
                seen.ids.learn(&page);
            }
            let depth = usize::try_from(n % 90).unwrap();
            state.learn_depth(depth, depth + 1);
            state.learn_bar(at, n);
            if n == 20_000 {
                size = state.memory();
            }
        }
        assert_eq!(state.memory(), size);
    }

    #[test]
    fn the_usual_depth_is_the_median_of_each_side() {
        let mut state = SymbolState::new();
        assert_eq!(state.usual_depth(), None);
        for (bids, asks) in [(100, 10), (1, 12), (100, 11)] {
            state.learn_depth(bids, asks);
        }
        assert_eq!(state.usual_depth(), Some((100, 11)));
    }

    #[test]
    fn a_state_of_another_version_or_over_its_bounds_is_refused() {
        let saved = serde_json::to_string(&SymbolState::new()).unwrap();
        let other = saved.replace("\"version\":3", "\"version\":2");
        let error = serde_json::from_str::<SymbolState>(&other).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
        let long = saved.replace("\"capacity\":256", "\"capacity\":99999");
        assert!(serde_json::from_str::<SymbolState>(&long).is_err());
        let bits = f64::NAN.to_bits();
        let nan = saved.replace("\"print_step\":0", &format!("\"print_step\":{bits}"));
        assert!(serde_json::from_str::<SymbolState>(&nan).is_err());
    }
}
