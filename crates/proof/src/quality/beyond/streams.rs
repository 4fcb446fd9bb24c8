//! Changes of a book that are lost, come twice, or in another order, by checksum and by number.

use std::collections::BTreeMap;

use fastrand::Rng;
use robust_market::{Dimension, Payload};
use robust_quality::checksum;
use robust_quality::sequence::{Continuity, range};
use rust_decimal::Decimal;
use serde_json::Value;

use super::{Due, Kind};
use crate::quality::catalogue::Data;
use crate::quality::draw::below;
use crate::quality::made::{self, Length, Style};
use crate::quality::{PRESETS, recorded};

/// Both sides with the texts of the wire.
#[derive(Debug, Clone, Default)]
struct Book([BTreeMap<Decimal, (String, String)>; 2]);

/// Levels that change; a size of zero takes the level out.
#[derive(Debug, Clone, Default)]
struct Change {
    levels: Vec<(usize, String, String)>,
    /// What the exchange says the book sums to afterwards.
    sum: Option<u32>,
    /// Whether it is the whole book and no change.
    is_snapshot: bool,
}

impl Book {
    fn apply(&mut self, change: &Change) {
        if change.is_snapshot {
            *self = Self::default();
        }
        for (side, price, size) in &change.levels {
            let (Some(key), Some(book)) = (recorded::number(price), self.0.get_mut(*side)) else {
                continue;
            };
            if recorded::number(size).is_none_or(|size| size.is_zero()) {
                book.remove(&key);
            } else {
                book.insert(key, (price.clone(), size.clone()));
            }
        }
    }

    fn sum(&self) -> u32 {
        let text = |(price, size): &'_ (String, String)| (price.clone(), size.clone());
        let bids: Vec<_> = self.0[0].values().rev().take(10).map(text).collect();
        let asks: Vec<_> = self.0[1].values().take(10).map(text).collect();
        fn both(levels: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
            levels.iter().map(|(p, s)| (p.as_str(), s.as_str()))
        }
        checksum::kraken(both(&bids), both(&asks))
    }

    /// Whether every checksum of these changes is right.
    fn follows<'a>(mut self, changes: impl IntoIterator<Item = &'a Change>) -> bool {
        changes.into_iter().all(|change| {
            self.apply(change);
            change.sum.is_none_or(|sum| sum == self.sum())
        })
    }
}

/// Messages after a fault that may show it: a change far from the best levels shows when they come near.
const WITHIN: usize = 3;

/// The kinds of streams.
pub(super) fn kinds(n: u32, seeds: &[u64], kraken: Option<&str>) -> Vec<Kind> {
    let kind = |id, what| Kind::new(id, Due::Found, Dimension::Consistency, what);
    let mut lost = kind(
        "Q01",
        "a change of a book is lost: the checksum after it is wrong",
    );
    let mut twice = kind("Q02", "a change comes twice: its numbers were here before");
    let mut order = kind(
        "Q03",
        "two changes come in the wrong order: the checksum between them is wrong",
    );
    let mut digit = kind(
        "Q04",
        "one digit of one size is another one: the checksum is wrong",
    );
    let mut jump = kind("Q05", "the numbers jump");
    let mut again = kind(
        "Q06",
        "a new connection goes on without a snapshot: its numbers do not follow",
    );
    for seed in seeds {
        let mut rng = Rng::with_seed(*seed);
        let streams = kraken.map_or_else(|| made_streams(&mut rng), read);
        for _ in 0..n {
            let Some(stream) = streams.get(below(&mut rng, streams.len())) else {
                break;
            };
            broken(stream, &mut rng, [&mut lost, &mut order, &mut digit]);
            numbered(&mut rng, [&mut twice, &mut jump, &mut again]);
        }
    }
    vec![lost, twice, order, digit, jump, again]
}

/// Loses, swaps and falsifies a change that the best levels show.
fn broken(stream: &[Change], rng: &mut Rng, [lost, order, digit]: [&mut Kind; 3]) {
    for _ in 0..64 {
        let at = 2 + below(rng, stream.len().saturating_sub(WITHIN + 4));
        let Some([change, next, ..]) = stream.get(at..at + 1 + WITHIN) else {
            return;
        };
        let mut before = Book::default();
        stream
            .iter()
            .take(at)
            .for_each(|change| before.apply(change));
        let mut after = before.clone();
        after.apply(change);
        let shows = change.sum.is_some() && before.sum() != after.sum();
        // What the next change overwrites is not missed.
        let stays = change.levels.iter().all(|level| {
            next.levels
                .iter()
                .all(|other| (level.0, &level.1) != (other.0, &other.1))
        });
        if !shows || !stays || change.is_snapshot || next.is_snapshot || next.sum.is_none() {
            continue;
        }
        let rest = stream.iter().skip(at + 1).take(WITHIN);
        // Sound, as it was sent: nothing may be said.
        lost.blamed
            .add(!before.clone().follows(stream.iter().skip(at).take(WITHIN)));
        lost.found.add(!before.clone().follows(rest.clone()));
        let swapped = [next, change].into_iter();
        order
            .found
            .add(!before.clone().follows(swapped.chain(rest.skip(1))));
        let mut wrong = change.clone();
        let size = wrong
            .levels
            .iter_mut()
            .map(|(_, _, size)| size)
            .find(|size| size.bytes().any(|digit| (b'1'..=b'8').contains(&digit)));
        let Some(size) = size else { continue };
        let mut done = false;
        *size = size
            .chars()
            .map(|digit| match digit {
                '1'..='8' if !done => {
                    done = true;
                    char::from_u32(u32::from(digit) + 1).unwrap_or(digit)
                }
                same => same,
            })
            .collect();
        let mut seen = before.clone();
        seen.apply(&wrong);
        // Beyond the best ten nothing is summed, and nothing can be seen.
        if seen.sum() == after.sum() {
            continue;
        }
        digit.found.add(!before.follows([&wrong]));
        return;
    }
}

/// Messages that each hold some numbers, as Binance and KuCoin send them.
fn numbered(rng: &mut Rng, [twice, jump, again]: [&mut Kind; 3]) {
    let mut last = rng.u64(1_000..1_000_000_000);
    let message = |last: u64, rng: &mut Rng| (last + 1, last + 1 + rng.u64(0..9));
    for _ in 0..20 {
        let (first, end) = message(last, rng);
        jump.blamed
            .add(range(last, first, end) != Continuity::Follows);
        last = end;
    }
    let (first, end) = message(last, rng);
    twice.found.add(range(end, first, end) == Continuity::Old);
    let missing = rng.u64(1..50);
    let gap = range(end, end + 1 + missing, end + 5 + missing);
    jump.found.add(gap == Continuity::Gap { missing });
    let away = rng.u64(100..100_000);
    again.found.add(matches!(
        range(end, end + away, end + away + 5),
        Continuity::Gap { .. }
    ));
}

/// A made book of each preset, and one to three changed levels a message, most of them near the best ones.
fn made_streams(rng: &mut Rng) -> Vec<Vec<Change>> {
    let mut streams = Vec::new();
    for preset in &PRESETS {
        let Ok(feed) = made::feed_of(Data::Book, preset, Style::Stream, rng.u64(..), FEW) else {
            continue;
        };
        let Some(Payload::OrderBook(first)) = feed.shots.first().map(|shot| &shot.decoded.value)
        else {
            continue;
        };
        let places = feed.source.grid.size;
        let mut change = Change {
            is_snapshot: true,
            ..Change::default()
        };
        for (side, levels) in [&first.bids, &first.asks].into_iter().enumerate() {
            let texts = levels
                .iter()
                .map(|level| (side, level.price.to_string(), level.size.to_string()));
            change.levels.extend(texts);
        }
        let mut book = Book::default();
        let mut changes = Vec::new();
        for _ in 0..200 {
            book.apply(&change);
            change.sum = Some(book.sum());
            changes.push(change);
            change = Change::default();
            for _ in 0..=below(rng, 3) {
                let side = below(rng, 2);
                let known: Vec<&String> = book.0[side].values().map(|(price, _)| price).collect();
                let near = below(rng, 15).min(known.len() - 1);
                let at = if side == 0 {
                    known.len() - 1 - near
                } else {
                    near
                };
                // A level that is taken out leaves fewer; a book keeps some.
                let gone = rng.f64() < 0.1 && known.len() > 15;
                let size = if gone { 0 } else { rng.i64(1..1_000_000) };
                let size = Decimal::new(size, places).to_string();
                change.levels.push((side, known[at].clone(), size));
            }
        }
        streams.push(changes);
    }
    streams
}

/// One book.
const FEW: Length = Length {
    pages: 1,
    seconds: 1,
    minutes: 1,
    levels: 40,
};

/// The books of a recording of Kraken's stream, one for each channel: lines of `seconds: [channel, {changes}…, name, pair]`.
fn read(text: &str) -> Vec<Vec<Change>> {
    let mut streams: BTreeMap<u64, Vec<Change>> = BTreeMap::new();
    for line in text.lines() {
        let message = line
            .split_once(": ")
            .and_then(|(_, json)| serde_json::from_str::<Value>(json).ok());
        let parts = message.as_ref().and_then(Value::as_array);
        let Some((channel, parts)) = parts.and_then(|parts| parts.split_first()) else {
            continue;
        };
        let Some(channel) = channel.as_u64() else {
            continue;
        };
        let mut change = Change::default();
        for part in parts.iter().filter_map(Value::as_object) {
            for (key, side) in [("bs", 0), ("b", 0), ("as", 1), ("a", 1)] {
                change.is_snapshot |= key.len() == 2 && part.contains_key(key);
                for row in part
                    .get(key)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    let text = |at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned);
                    if let (Some(price), Some(size)) = (text(0), text(1)) {
                        change.levels.push((side, price, size));
                    }
                }
            }
            let sum = part.get("c").and_then(Value::as_str);
            change.sum = sum.and_then(|sum| sum.parse().ok()).or(change.sum);
        }
        streams.entry(channel).or_default().push(change);
    }
    streams
        .into_values()
        .filter(|stream| stream.len() > 40)
        .collect()
}
