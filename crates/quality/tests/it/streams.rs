//! Recorded streams are whole by the exchanges' own checksums and numbers. Skipped, and told, without the recordings.

use std::collections::BTreeMap;

use robust_quality::checksum;
use robust_quality::sequence::{Continuity, range};
use rust_decimal::Decimal;
use serde_json::Value;

use super::clean::d;
use super::needs_market_data::real::read;

/// Both sides of a book with the texts of the wire.
#[derive(Default)]
struct Book([BTreeMap<Decimal, (String, String)>; 2]);

impl Book {
    /// Takes in rows of `[price, size, …]`; a size of zero takes the level out.
    fn apply(&mut self, side: usize, rows: &Value) {
        for row in rows.as_array().into_iter().flatten() {
            let (price, size) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
            if d(size).is_zero() {
                self.0[side].remove(&d(price));
            } else {
                self.0[side].insert(d(price), (price.to_owned(), size.to_owned()));
            }
        }
    }

    fn bids(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0[0]
            .values()
            .rev()
            .map(|(price, size)| (price.as_str(), size.as_str()))
    }

    fn asks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0[1]
            .values()
            .map(|(price, size)| (price.as_str(), size.as_str()))
    }
}

/// The messages of a recording: what follows the time of each line, where it is JSON.
fn messages(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().filter_map(|line| {
        let (_, message) = line.split_once(": ")?;
        serde_json::from_str(message).ok()
    })
}

#[test]
fn every_recorded_checksum_of_kraken_is_right_and_one_wrong_digit_is_seen() {
    let Some(text) = read("raw_feeds/cryptofeed_KRAKEN.ws.50.0.gz") else {
        return;
    };
    let mut books: BTreeMap<u64, Book> = BTreeMap::new();
    let mut checked = 0;
    for message in messages(&text) {
        let Some(parts) = message.as_array() else {
            continue;
        };
        let book = books.entry(parts[0].as_u64().unwrap()).or_default();
        let mut sum = None;
        for part in parts.iter().filter_map(Value::as_object) {
            for (key, side) in [("bs", 0), ("b", 0), ("as", 1), ("a", 1)] {
                if let Some(rows) = part.get(key) {
                    book.apply(side, rows);
                }
            }
            sum = part.get("c").and_then(Value::as_str).or(sum);
        }
        let Some(sum) = sum else { continue };
        let sum: u32 = sum.parse().unwrap();
        assert_eq!(checksum::kraken(book.bids(), book.asks()), sum, "{message}");
        // One digit of the best bid's size.
        let mut wrong = book
            .bids()
            .map(|(p, s)| (p, s.to_owned()))
            .collect::<Vec<_>>();
        let last = wrong[0].1.pop().unwrap();
        wrong[0].1.push(if last == '7' { '8' } else { '7' });
        let wrong = wrong.iter().map(|(price, size)| (*price, size.as_str()));
        assert_ne!(checksum::kraken(wrong, book.asks()), sum);
        checked += 1;
    }
    assert_eq!(checked, 4_269);
}

#[test]
fn every_recorded_checksum_of_okx_is_right() {
    let Some(text) = read("raw_feeds/cryptofeed_OKX.ws.1.0.gz") else {
        return;
    };
    let mut books: BTreeMap<String, Book> = BTreeMap::new();
    let mut checked = 0;
    for message in messages(&text) {
        if message["arg"]["channel"] != "books" {
            continue;
        }
        let Some(data) = message["data"].as_array() else {
            continue;
        };
        let pair = message["arg"]["instId"].as_str().unwrap();
        let book = books.entry(pair.to_owned()).or_default();
        if message["action"] == "snapshot" {
            *book = Book::default();
        }
        for part in data {
            book.apply(0, &part["bids"]);
            book.apply(1, &part["asks"]);
            let sum = part["checksum"].as_i64().unwrap();
            assert_eq!(
                i64::from(checksum::okx(book.bids(), book.asks())),
                sum,
                "{pair}"
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 290);
}

#[test]
fn the_recorded_changes_of_binance_follow_each_other_and_a_lost_one_is_a_gap() {
    for (pair, changes) in [("btcusdt", 3_451), ("ethusdt", 3_434)] {
        let name = format!("raw_feeds/hftbacktest_binance_spot_{pair}_20240808.gz");
        let Some(text) = read(&name) else { continue };
        let mut chain: Vec<(u64, u64)> = Vec::new();
        for line in text.lines().filter(|line| line.contains("depthUpdate")) {
            let (_, message) = line.split_once(' ').unwrap();
            let json: Value = serde_json::from_str(message).unwrap();
            let number = |key: &str| json["data"][key].as_u64().unwrap();
            chain.push((number("U"), number("u")));
        }
        assert_eq!(chain.len(), changes);
        for pair in chain.windows(2) {
            assert_eq!(range(pair[0].1, pair[1].0, pair[1].1), Continuity::Follows);
        }
        for three in chain.windows(3) {
            let lost = range(three[0].1, three[2].0, three[2].1);
            assert!(matches!(lost, Continuity::Gap { missing: 1.. }));
        }
    }
}
