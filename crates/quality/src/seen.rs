//! Was this here before?

use std::collections::VecDeque;

use robust_market::{OrderBook, Ticker, Trade};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Answers of one record that are remembered by their fingerprint.
const ANSWERS: usize = 64;
/// Trades that are remembered by their id: two of the longest pages that an exchange serves.
pub(crate) const IDS: usize = 2_000;

/// A number that stands for a whole record. Stable: it is kept in saved states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Mixes a word in.
    pub(crate) const fn word(self, word: u64) -> Self {
        self.words(word, 0)
    }

    /// Mixes two words in: one long product, its halves folded, as wyhash does.
    const fn words(self, first: u64, second: u64) -> Self {
        let left = self.0 ^ first ^ 0xa076_1d64_78bd_642f;
        let right = self.0.rotate_left(32) ^ second ^ 0xe703_7ed1_a0b4_28db;
        let product = (left as u128).wrapping_mul(right as u128);
        Self((product >> 64) as u64 ^ product as u64)
    }

    /// Mixes an exact number in, however many zeros are written after it: `1.00` is `1.0`.
    pub(crate) fn decimal(self, value: Decimal) -> Self {
        let mut parts = value.unpack();
        let mut low = u64::from(parts.mid) << 32 | u64::from(parts.lo);
        if parts.hi == 0 {
            // One word of the machine: a zero taken off is a multiplication.
            while parts.scale > 0 && low.is_multiple_of(10) {
                low /= 10;
                parts.scale -= 1;
            }
            parts.negative &= low != 0;
        } else if parts.scale > 0 && low & 1 == 0 {
            parts = value.normalize().unpack();
            low = u64::from(parts.mid) << 32 | u64::from(parts.lo);
        }
        // The words of `Decimal::serialize`, which puts them together byte by byte.
        let flags = u64::from(parts.scale) << 16 | u64::from(parts.negative) << 31;
        self.words(flags | low << 32, low >> 32 | u64::from(parts.hi) << 32)
    }

    pub(crate) fn optional(self, value: Option<Decimal>) -> Self {
        match value {
            Some(value) => self.decimal(value),
            None => self.word(u64::MAX),
        }
    }

    pub(crate) fn text(self, text: &str) -> Self {
        let mut mixed = self.word(text.len() as u64);
        for bytes in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            for (slot, byte) in word.iter_mut().zip(bytes) {
                *slot = *byte;
            }
            mixed = mixed.word(u64::from_le_bytes(word));
        }
        mixed
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

/// What a market shows in a ticker, without time and counter: this stands still in a frozen feed.
pub(crate) fn content(ticker: &Ticker) -> u64 {
    [
        ticker.last,
        ticker.bid,
        ticker.ask,
        ticker.bid_size,
        ticker.ask_size,
        ticker.base_volume,
        ticker.quote_volume,
    ]
    .into_iter()
    .fold(Fingerprint::new(), Fingerprint::optional)
    .get()
}

/// A whole ticker.
pub(crate) fn ticker(ticker: &Ticker, content: u64) -> u64 {
    let time = ticker.time.map_or(0, |time| time.as_ns());
    [
        ticker.high,
        ticker.low,
        ticker.open,
        ticker.vwap,
        ticker.change,
    ]
    .into_iter()
    .fold(Fingerprint::new().word(content), Fingerprint::optional)
    .word(time.cast_unsigned())
    .word(ticker.sequence.unwrap_or(u64::MAX))
    .get()
}

/// Levels of each side that stand for a book.
pub(crate) const LEVELS: usize = 10;

/// The best levels of a book, without time and counter. As few are in every answer, however many levels were asked for.
pub(crate) fn levels(book: &OrderBook) -> u64 {
    let best = |side: &[robust_market::Level], mixed: Fingerprint| {
        side.iter().take(LEVELS).fold(mixed, |mixed, level| {
            mixed.decimal(level.price).decimal(level.size)
        })
    };
    let bids = best(&book.bids, Fingerprint::new());
    best(&book.asks, bids.word(u64::MAX)).get()
}

/// A whole trade but for its id.
pub(crate) fn trade(trade: &Trade) -> u64 {
    Fingerprint::new()
        .decimal(trade.price)
        .decimal(trade.amount)
        .word(trade.side.map_or(2, |side| side as u64))
        .word(trade.time.as_ns().cast_unsigned())
        .get()
}

/// The fingerprints of the last 64 answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "VecDeque<u64>", into = "VecDeque<u64>")]
pub(crate) struct Answers {
    ring: VecDeque<u64>,
    /// How many of them end alike: nearly every new one ends as none of them does.
    ends: [u8; ENDS],
}

/// Ends of fingerprints that are told apart.
const ENDS: usize = 1_024;

impl Default for Answers {
    fn default() -> Self {
        Self {
            ring: VecDeque::new(),
            ends: [0; ENDS],
        }
    }
}

impl From<VecDeque<u64>> for Answers {
    fn from(saved: VecDeque<u64>) -> Self {
        let mut answers = Self::default();
        saved.into_iter().for_each(|known| answers.learn(known));
        answers
    }
}

impl From<Answers> for VecDeque<u64> {
    fn from(answers: Answers) -> Self {
        answers.ring
    }
}

/// Where an answer was met before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Never,
    /// It is the newest one.
    Last,
    /// It is an older one.
    Before,
}

impl Answers {
    pub(crate) fn met(&self, fingerprint: u64) -> Met {
        if self.ends.get(end(fingerprint)) == Some(&0) {
            return Met::Never;
        }
        match self.ring.iter().rposition(|known| *known == fingerprint) {
            None => Met::Never,
            Some(place) if place + 1 == self.ring.len() => Met::Last,
            Some(_) => Met::Before,
        }
    }

    pub(crate) fn learn(&mut self, fingerprint: u64) {
        if self.ring.back() == Some(&fingerprint) {
            return;
        }
        if self.ring.capacity() == 0 {
            self.ring.reserve_exact(ANSWERS);
        }
        while self.ring.len() >= ANSWERS
            && let Some(old) = self.ring.pop_front()
        {
            self.count(old, -1);
        }
        self.ring.push_back(fingerprint);
        self.count(fingerprint, 1);
    }

    /// At most 64 end alike, so no count overflows.
    fn count(&mut self, fingerprint: u64, more: i8) {
        if let Some(count) = self.ends.get_mut(end(fingerprint)) {
            *count = count.saturating_add_signed(more);
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.ring.capacity() * size_of::<u64>()
    }
}

/// The last bits of a fingerprint.
fn end(fingerprint: u64) -> usize {
    usize::from(fingerprint as u16) % ENDS
}

/// The ids of the last 2 000 trades with the fingerprints of their contents, sorted by id for the search.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ids {
    by_age: VecDeque<u64>,
    sorted: Vec<(u64, u64)>,
}

impl Ids {
    /// The fingerprint of the trade that had this id, if it is remembered. `place` is where the next one is looked for first: ids
    /// that count up are found one after the other.
    pub(crate) fn content(&self, id: u64, place: &mut usize) -> Option<u64> {
        if let Some((_, content)) = self.sorted.get(*place).filter(|known| known.0 == id) {
            *place += 1;
            return Some(*content);
        }
        if self.sorted.last()?.0 < id {
            return None;
        }
        let found = self.sorted.binary_search_by_key(&id, |known| known.0);
        *place = found.ok()?;
        let found = self.sorted.get(*place).map(|known| known.1);
        *place += 1;
        found
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Whether what was loaded can be searched: in order, and no more than are kept. An id twice in one page has two ages.
    pub(crate) fn is_sound(&self) -> bool {
        self.by_age.len() <= IDS
            && self.sorted.len() <= self.by_age.len()
            && self.sorted.is_sorted_by(|a, b| a.0 < b.0)
    }

    /// Takes a page in: at most so many as are kept, then one sort.
    pub(crate) fn learn(&mut self, page: &[(u64, u64)]) {
        let newest = page.len().saturating_sub(IDS);
        let mut place = 0;
        let mut fresh: Vec<(u64, u64)> = page
            .iter()
            .skip(newest)
            .filter(|(id, _)| self.content(*id, &mut place).is_none())
            .copied()
            .collect();
        if fresh.is_empty() {
            return;
        }
        self.by_age.extend(fresh.iter().map(|(id, _)| *id));
        self.forget();
        // Ids that count up are in order already.
        let last = self.sorted.last().map(|known| known.0);
        let up = fresh.first().map(|first| first.0) > last && fresh.is_sorted_by(|a, b| a.0 < b.0);
        self.sorted.append(&mut fresh);
        if !up {
            self.sorted.sort_unstable();
            self.sorted.dedup_by_key(|known| known.0);
        }
        if self.by_age.capacity() > 4 * IDS {
            self.by_age.shrink_to(2 * IDS);
            self.sorted.shrink_to(2 * IDS);
        }
    }

    /// Forgets the oldest ones that are too many.
    fn forget(&mut self) {
        let surplus = self.by_age.len().saturating_sub(IDS);
        let mut oldest = self.by_age.iter().take(surplus);
        let lowest = self.sorted.iter().map(|known| &known.0).take(surplus);
        if surplus <= self.sorted.len() && lowest.eq(oldest.by_ref()) {
            self.sorted.drain(..surplus);
            self.by_age.drain(..surplus);
            return;
        }
        let mut gone: Vec<u64> = self.by_age.drain(..surplus).collect();
        gone.sort_unstable();
        self.sorted
            .retain(|(id, _)| gone.binary_search(id).is_err());
    }

    pub(crate) fn memory(&self) -> usize {
        self.by_age.capacity() * size_of::<u64>() + self.sorted.capacity() * size_of::<(u64, u64)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_is_told_from_an_older_one() {
        let mut answers = Answers::default();
        for n in 0..200 {
            answers.learn(n);
        }
        assert_eq!(answers.met(199), Met::Last);
        assert_eq!(answers.met(136), Met::Before);
        assert_eq!(answers.met(135), Met::Never);
        assert_eq!(answers.ring.len(), ANSWERS);
        let loaded = Answers::from(VecDeque::from(answers.clone()));
        assert_eq!((loaded.ring, loaded.ends), (answers.ring, answers.ends));
    }

    #[test]
    fn the_newest_ids_are_kept_and_no_more() {
        let mut ids = Ids::default();
        for page in 0..10_u64 {
            let rows: Vec<_> = (page * 300..page * 300 + 1_000)
                .map(|n| (n, n * 2))
                .collect();
            ids.learn(&rows);
        }
        assert_eq!((ids.by_age.len(), ids.sorted.len()), (IDS, IDS));
        assert_eq!(ids.content(3_699, &mut 0), Some(7_398));
        assert_eq!(ids.content(1_699, &mut 0), None);
        let mut place = 0;
        for id in 1_700..3_700 {
            assert_eq!(ids.content(id, &mut place), Some(id * 2));
        }
        // Ids in no order at all.
        for page in 0..10_u64 {
            let mixed = |n: u64| Fingerprint::new().word(n).get();
            let rows: Vec<_> = (page * 300..page * 300 + 1_000)
                .map(|n| (mixed(n), n))
                .collect();
            ids.learn(&rows);
            assert_eq!((ids.by_age.len(), ids.sorted.len()), (IDS, IDS));
            assert!(ids.sorted.is_sorted_by_key(|known| known.0));
            assert_eq!(
                ids.content(mixed(page * 300 + 7), &mut place),
                Some(page * 300 + 7)
            );
        }
    }

    #[test]
    fn a_number_is_mixed_in_as_its_bytes_are() {
        for value in [
            Decimal::MIN,
            Decimal::new(-15, 28),
            Decimal::new(i64::MAX, 3),
        ] {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = value.serialize();
            let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            let second = u64::from_le_bytes([i, j, k, l, m, n, o, p]);
            let mixed = Fingerprint::new().words(first, second);
            assert_eq!(Fingerprint::new().decimal(value).get(), mixed.get());
        }
    }

    #[test]
    fn a_number_is_the_same_with_zeros_after_it() {
        for text in [
            "0",
            "1",
            "-1",
            "5643.54363",
            "0.00000001",
            "92233720368547758.07",
        ] {
            let value: Decimal = text.parse().unwrap();
            let plain = Fingerprint::new().decimal(value).get();
            let point = if text.contains('.') { "" } else { "." };
            for zeros in ["0", "00", "00000000"] {
                let padded: Decimal = format!("{text}{point}{zeros}").parse().unwrap();
                assert_ne!(padded.scale(), value.scale());
                assert_eq!(Fingerprint::new().decimal(padded).get(), plain, "{padded}");
            }
        }
    }

    #[test]
    fn different_records_have_different_fingerprints() {
        let mut all = std::collections::BTreeSet::new();
        let mut values = std::collections::BTreeSet::new();
        for n in -1_000..1_000_i64 {
            for scale in 0..3 {
                let value = Decimal::new(n, scale);
                all.insert(Fingerprint::new().decimal(value).get());
                values.insert(value);
            }
        }
        assert_eq!(all.len(), values.len());
        let text = |text| Fingerprint::new().text(text).get();
        assert_ne!(text("12345678"), text("123456780"));
    }
}
