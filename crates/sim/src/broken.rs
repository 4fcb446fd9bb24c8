//! Bars and trades of which some cannot be read.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Error;
use serde_json::value::{RawValue, to_raw_value};

use crate::market::hash::{mix, name};

/// The ends of the paths whose answers are lists of bars or trades.
const LISTS: [&str; 9] = [
    "/OHLC",
    "/Trades",
    "/klines",
    "/trades",
    "/aggTrades",
    "/market/candles",
    "/market/histories",
    "/history/kline",
    "/history/trade",
];

/// The members that hold such a list, or an object with one.
const HOLDERS: [&str; 2] = ["result", "data"];

/// The members of a record that it cannot be read without, one of which each record that is an object has.
const NEEDED: [&str; 3] = ["price", "p", "open"];

type Members<'a> = BTreeMap<&'a str, &'a RawValue>;

/// The answer with about one record in `one_in` broken; `None` when it is no list of bars or trades.
pub(crate) fn records(path: &str, body: &[u8], one_in: u32) -> Option<Bytes> {
    if !LISTS.iter().any(|end| path.ends_with(end)) {
        return None;
    }
    let whole = serde_json::from_slice(body).ok()?;
    let broken = answer(whole, one_in).ok()??;
    Some(Bytes::from(Box::<str>::from(broken).into_string()))
}

/// Breaks what is in a list, in the first member that holds one; `None` when there is none.
fn answer(value: &RawValue, one_in: u32) -> Result<Option<Box<RawValue>>, Error> {
    match value.get().as_bytes().first() {
        Some(b'[') => {
            let rows: Vec<&RawValue> = serde_json::from_str(value.get())?;
            let rows: Result<Vec<_>, _> = rows.into_iter().map(|row| record(row, one_in)).collect();
            to_raw_value(&rows?).map(Some)
        }
        Some(b'{') => {
            let members: Members<'_> = serde_json::from_str(value.get())?;
            for (key, held) in &members {
                // Kraken's list stands under the name of the pair, beside `last`.
                let holds = held.get().starts_with('[') && *key != "error";
                if (holds || HOLDERS.contains(key))
                    && let Some(broken) = answer(held, one_in)?
                {
                    return with(members.clone(), key, &broken).map(Some);
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// A record as it is, or broken: by its own text, so that the same one is broken each time.
fn record(row: &RawValue, one_in: u32) -> Result<Box<RawValue>, Error> {
    if row.get().starts_with('[') {
        let mut cells: Vec<&RawValue> = serde_json::from_str(row.get())?;
        if let Some(cell) = cells.get_mut(1).filter(|_| is_chosen(row, one_in)) {
            // The first price of a bar, the amount of a trade.
            *cell = RawValue::NULL;
        }
        return to_raw_value(&cells);
    }
    let members: Members<'_> = serde_json::from_str(row.get())?;
    // HTX puts the fills of one order into a list of their own.
    if let Some(fills) = members.get("data") {
        return match answer(fills, one_in)? {
            Some(fills) => with(members, "data", &fills),
            None => Ok(row.to_owned()),
        };
    }
    match NEEDED.into_iter().find(|key| members.contains_key(key)) {
        Some(key) if is_chosen(row, one_in) => with(members, key, RawValue::NULL),
        _ => Ok(row.to_owned()),
    }
}

fn with<'a>(
    mut members: Members<'a>,
    key: &'a str,
    value: &'a RawValue,
) -> Result<Box<RawValue>, Error> {
    members.insert(key, value);
    to_raw_value(&members)
}

fn is_chosen(row: &RawValue, one_in: u32) -> bool {
    mix(name(row.get()), 7, 0).is_multiple_of(u64::from(one_in.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, body: &str, one_in: u32) -> Option<String> {
        let bytes = records(path, body.as_bytes(), one_in)?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn every_form_of_a_list_is_found_and_its_records_lose_what_they_need() {
        for (path, body, expected) in [
            (
                "/api/v3/klines",
                r#"[[1,"2","3"],[4,"5","6"]]"#,
                r#"[[1,null,"3"],[4,null,"6"]]"#,
            ),
            (
                "/0/public/OHLC",
                r#"{"error":[],"result":{"XXBTZUSD":[[1,"2.50"]],"last":9}}"#,
                r#"{"error":[],"result":{"XXBTZUSD":[[1,null]],"last":9}}"#,
            ),
            (
                "/api/v1/market/histories",
                r#"{"code":"200000","data":[{"price":"1","size":"2"}]}"#,
                r#"{"code":"200000","data":[{"price":null,"size":"2"}]}"#,
            ),
            (
                "/market/history/trade",
                r#"{"data":[{"data":[{"id":1.0E-7,"price":2.0}],"id":7}],"status":"ok"}"#,
                r#"{"data":[{"data":[{"id":1.0E-7,"price":null}],"id":7}],"status":"ok"}"#,
            ),
            (
                "/market/history/kline",
                r#"{"data":[{"id":1,"open":2.0}]}"#,
                r#"{"data":[{"id":1,"open":null}]}"#,
            ),
        ] {
            assert_eq!(broken(path, body, 1).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_no_list_of_bars_or_trades_stays_as_it_is() {
        let error = r#"{"error":["EQuery:Unknown asset pair"]}"#;
        assert_eq!(broken("/0/public/OHLC", error, 1), None);
        assert_eq!(
            broken("/0/public/Depth", r#"{"result":{"X":[[1,2]]}}"#, 1),
            None
        );
        assert_eq!(broken("/api/v3/klines", "<html>", 1), None);
        let refused = r#"{"code":"400100","msg":"symbol not exists"}"#;
        assert_eq!(broken("/api/v1/market/candles", refused, 1), None);
    }

    #[test]
    fn one_in_ten_is_about_one_in_ten_and_the_same_each_time() {
        let rows: Vec<String> = (0..2_000).map(|at| format!("[{at},\"1\"]")).collect();
        let body = format!("[{}]", rows.join(","));
        let found = broken("/klines", &body, 10).unwrap();
        let count = found.matches("null").count();
        assert!((150..250).contains(&count), "{count}");
        let half = format!("[{}]", rows[1_000..].join(","));
        let again = broken("/klines", &half, 10).unwrap();
        assert!(found.ends_with(&again[1..]), "the same records");
    }
}
