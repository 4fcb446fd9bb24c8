//! The parameters that several endpoints share.

use crate::binance::error::Refusal;
use crate::market::Market;
use crate::query::Query;

const NUMBER: &str = "^[0-9]{1,20}$";
const SYMBOL: &str = "^[\\\\w\\\\-._&&[^a-z]]{1,50}$";
const SYMBOLS: &str =
    "^\\[(\"[\\\\w\\\\-._&&[^a-z]]{1,50}\"(,\"[\\\\w\\\\-._&&[^a-z]]{1,50}\"){0,}){0,1}\\]$";

/// Which symbols a request names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    One(String),
    Many(Vec<String>),
    All,
}

/// Reads `symbol` or `symbols`.
pub(crate) fn chosen(query: &Query) -> Result<Chosen, Refusal> {
    match (query.get("symbol"), query.get("symbols")) {
        (Some(_), Some(_)) => Err(Refusal::Combination),
        (Some(symbol), None) => Ok(Chosen::One(symbol.to_owned())),
        (None, Some(list)) => match serde_json::from_str::<Vec<String>>(list) {
            Ok(names) if !names.is_empty() => Ok(Chosen::Many(names)),
            _ => Err(Refusal::IllegalCharacters("symbols", SYMBOLS)),
        },
        (None, None) => Ok(Chosen::All),
    }
}

/// The pairs that were chosen, and whether the answer is one object instead of a list.
pub(crate) fn pairs(query: &Query, market: &Market) -> Result<(Vec<usize>, bool), Refusal> {
    match query.get("symbolStatus") {
        None | Some("TRADING" | "HALT" | "BREAK" | "CANCEL_ONLY") => {}
        Some(_) => return Err(Refusal::NotValid("symbolStatus")),
    }
    match chosen(query)? {
        Chosen::One(name) => Ok((vec![find(&name, market)?], true)),
        Chosen::Many(names) => {
            let mut found = Vec::with_capacity(names.len().min(market.listings().len()));
            for name in names {
                let pair = find(&name, market)?;
                if found.contains(&pair) {
                    return Err(Refusal::SymbolTwice);
                }
                found.push(pair);
            }
            Ok((found, false))
        }
        Chosen::All => Ok(((0..market.listings().len()).collect(), false)),
    }
}

/// The pair that `symbol` must name.
pub(crate) fn one(query: &Query, market: &Market) -> Result<usize, Refusal> {
    let name = query.get("symbol").ok_or(Refusal::Mandatory("symbol"))?;
    find(name, market)
}

fn find(name: &str, market: &Market) -> Result<usize, Refusal> {
    let legal =
        |c: char| !c.is_ascii_lowercase() && (c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if name.is_empty() || name.chars().count() > 50 || !name.chars().all(legal) {
        return Err(Refusal::IllegalCharacters("symbol", SYMBOL));
    }
    market.find(name).ok_or(Refusal::Symbol)
}

/// A whole number that is not negative.
pub(crate) fn number(query: &Query, name: &'static str) -> Result<Option<i64>, Refusal> {
    match query.get(name) {
        None => Ok(None),
        Some(text) if text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit()) => {
            // Twenty digits may be more than any time or id; they then mean the end of them.
            Ok(Some(text.parse().unwrap_or(i64::MAX)))
        }
        Some(_) => Err(Refusal::IllegalCharacters(name, NUMBER)),
    }
}

/// `limit`: what is left out is `left_out`, what is above `most` is `most`, zero is refused.
pub(crate) fn limit(query: &Query, left_out: usize, most: usize) -> Result<usize, Refusal> {
    match number(query, "limit")? {
        None => Ok(left_out),
        Some(0) => Err(Refusal::NotValid("limit")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(most).min(most)),
    }
}

/// Refuses parameters that the endpoint does not read, and such that are sent twice.
pub(crate) fn only_known(query: &Query, reads: &[&str]) -> Result<(), Refusal> {
    let sent = query.len();
    if reads.is_empty() {
        return match sent {
            0 => Ok(()),
            _ => Err(Refusal::TooManyParameters { read: 0, sent }),
        };
    }
    let mut read: Vec<&str> = Vec::with_capacity(reads.len());
    for name in query.names() {
        if read.contains(&name) {
            return Err(Refusal::Duplicate);
        }
        if reads.contains(&name) {
            read.push(name);
        }
    }
    match read.len() {
        read if read == sent => Ok(()),
        read => Err(Refusal::Unread { read, sent }),
    }
}
