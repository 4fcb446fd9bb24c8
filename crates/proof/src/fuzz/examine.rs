//! One input through one connector, and what must hold afterwards.

use std::fmt;

use http::{HeaderMap, StatusCode};
use robust_connectors::{Context, Reply, Way};
use robust_market::{Decoded, Payload, Request, Timestamp};
use serde_json::Value;

use crate::payloads::{Kind, Venue};

/// A promise that an input broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Records of the wire are neither in the value nor among the excluded ones.
    Lost {
        /// The kind of question.
        kind: &'static str,
        /// Records on the wire.
        wire: usize,
        /// Records of the value.
        value: usize,
        /// Records that are excluded.
        excluded: usize,
    },
    /// An excluded record has no defect that says why.
    Unexplained {
        /// The kind of question.
        kind: &'static str,
    },
    /// The same bytes were read in two ways.
    Unsteady {
        /// The kind of question.
        kind: &'static str,
    },
    /// The direct way came to another value than the tolerant one.
    Divided {
        /// The kind of question.
        kind: &'static str,
    },
    /// A field of a wrong type inside a record took the whole answer along.
    Payload {
        /// The kind of question.
        kind: &'static str,
        /// What the connector said.
        said: String,
    },
    /// Something else does not hold.
    Broken {
        /// What.
        what: String,
    },
}

impl Finding {
    pub(super) fn broken<T>(what: impl Into<String>) -> Result<T, Self> {
        Err(Self::Broken { what: what.into() })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost {
                kind,
                wire,
                value,
                excluded,
            } => write!(
                f,
                "{kind}: {wire} records on the wire, {value} in the value, {excluded} excluded"
            ),
            Self::Unexplained { kind } => {
                write!(f, "{kind}: a record is excluded without a defect")
            }
            Self::Unsteady { kind } => write!(f, "{kind}: the same bytes were read in two ways"),
            Self::Divided { kind } => {
                write!(f, "{kind}: the direct way and the tolerant one differ")
            }
            Self::Broken { what } => f.write_str(what),
            Self::Payload { kind, said } => {
                write!(f, "{kind}: one broken field and the answer is gone: {said}")
            }
        }
    }
}

/// Reads `body` as the answer to every kind of question that the exchange answers.
///
/// # Errors
///
/// The first [`Finding`].
pub fn examine(venue: Venue, status: StatusCode, body: &[u8]) -> Result<(), Finding> {
    for kind in Kind::ALL {
        let Ok(request) = venue.request(kind) else {
            continue;
        };
        let read = read(venue, &request, status, body);
        if read != self::read(venue, &request, status, body) {
            let kind = kind.as_str();
            return Err(Finding::Unsteady { kind });
        }
        united(venue, kind, &request, status, body)?;
        if let Some(decoded) = read {
            conserved(venue, kind, body, &decoded)?;
        }
    }
    let symbols = Vec::new();
    for request in [
        Request::Tickers {
            symbols: symbols.clone(),
        },
        Request::BidsAsks {
            symbols: symbols.clone(),
        },
        Request::LastPrices { symbols },
        Request::Instruments,
        Request::Assets,
        Request::ServerTime,
        Request::Status,
    ] {
        // Their records are not counted here; they must not panic, and explain what they leave out.
        if let Some(decoded) = read(venue, &request, status, body) {
            explained(request.kind().as_str(), &decoded)?;
        }
    }
    Ok(())
}

/// Reads an answer of which one field inside a record was given another type: the answer has to survive.
///
/// # Errors
///
/// [`Finding::Payload`] when it does not, or a record is lost.
pub(super) fn survives(venue: Venue, kind: Kind, body: &[u8]) -> Result<(), Finding> {
    let Ok(request) = venue.request(kind) else {
        return Ok(());
    };
    match decode(venue, &request, StatusCode::OK, body) {
        Ok(decoded) => {
            united(venue, kind, &request, StatusCode::OK, body)?;
            conserved(venue, kind, body, &decoded)
        }
        Err(said) => Err(Finding::Payload {
            kind: kind.as_str(),
            said,
        }),
    }
}

/// Where the direct way reads an answer, the tolerant one reads the same, and so does who may take either.
fn united(
    venue: Venue,
    kind: Kind,
    request: &Request,
    status: StatusCode,
    body: &[u8],
) -> Result<(), Finding> {
    let by = |way| decode_by(way, venue, request, status, body);
    let direct = by(Way::Direct);
    let tolerant = by(Way::Tolerant);
    let is_united = by(Way::Either) == tolerant && (direct.is_err() || direct == tolerant);
    let kind = kind.as_str();
    is_united.then_some(()).ok_or(Finding::Divided { kind })
}

fn read(
    venue: Venue,
    request: &Request,
    status: StatusCode,
    body: &[u8],
) -> Option<Decoded<Payload>> {
    decode(venue, request, status, body).ok()
}

fn decode(
    venue: Venue,
    request: &Request,
    status: StatusCode,
    body: &[u8],
) -> Result<Decoded<Payload>, String> {
    decode_by(Way::Either, venue, request, status, body)
}

fn decode_by(
    way: Way,
    venue: Venue,
    request: &Request,
    status: StatusCode,
    body: &[u8],
) -> Result<Decoded<Payload>, String> {
    thread_local! {
        static TABLES: Vec<robust_connectors::SymbolTable> =
            Venue::ALL.iter().map(|venue| venue.connector().symbols()).collect();
    }
    let now = Timestamp::from_secs(1_800_000_000).unwrap_or(Timestamp::EPOCH);
    TABLES.with(|tables| {
        let mine = Venue::ALL.iter().position(|other| *other == venue);
        let Some(symbols) = mine.and_then(|mine| tables.get(mine)) else {
            return Err("no table".to_owned());
        };
        let reply = Reply {
            status,
            headers: &HeaderMap::new(),
            body,
        };
        let decoded =
            venue
                .connector()
                .decode(request, &Context::new(symbols, now).reading(way), &reply);
        decoded.map_err(|verdict| format!("{verdict:?}"))
    })
}

fn conserved(
    venue: Venue,
    kind: Kind,
    body: &[u8],
    decoded: &Decoded<Payload>,
) -> Result<(), Finding> {
    let name = kind.as_str();
    explained(name, decoded)?;
    let (value, excluded) = (decoded.value.len(), decoded.excluded.len());
    match on_wire(venue, kind, body) {
        Some(wire) if wire != value + excluded => Err(Finding::Lost {
            kind: name,
            wire,
            value,
            excluded,
        }),
        _ => Ok(()),
    }
}

fn explained(kind: &'static str, decoded: &Decoded<Payload>) -> Result<(), Finding> {
    let known = |position: &usize| decoded.defects.iter().any(|d| d.index == Some(*position));
    // Beyond the limit defects are only counted.
    if decoded.defects_dropped == 0 && !decoded.excluded.iter().all(known) {
        return Err(Finding::Unexplained { kind });
    }
    Ok(())
}

/// How many records the wire holds, counted without a connector; `None` where that is not certain: text that a tree cannot hold, a
/// member that is there twice.
fn on_wire(venue: Venue, kind: Kind, body: &[u8]) -> Option<usize> {
    let tree: Value = serde_json::from_slice(body).ok()?;
    let text = std::str::from_utf8(body).ok()?;
    let once = |name: &str| text.matches(&format!("\"{name}\"")).count() <= 1;
    if text.contains('\\')
        || !["result", "data", "tick", "bids", "asks"]
            .iter()
            .all(|n| once(n))
    {
        // HTX's entries have lists of the same name as the list they stand in.
        if (venue, kind) != (Venue::Htx, Kind::Trade) || text.contains('\\') {
            return None;
        }
    }
    let payload = match venue {
        Venue::Binance => &tree,
        Venue::KuCoin => tree.get("data")?,
        Venue::Htx if kind == Kind::Book => tree.get("tick")?,
        Venue::Htx => tree.get("data")?,
        Venue::Kraken => {
            let result = tree.get("result")?.as_object()?;
            let mut pairs = result.iter().filter(|(name, _)| *name != "last");
            match (pairs.next(), pairs.next()) {
                (Some((_, only)), None) => only,
                _ => return None,
            }
        }
    };
    let len = |rows: Option<&Value>| rows.and_then(Value::as_array).map_or(0, Vec::len);
    match kind {
        Kind::Ticker => Some(1),
        Kind::Book => Some(len(payload.get("bids")) + len(payload.get("asks"))),
        Kind::Trade if venue == Venue::Htx => {
            // An entry holds trades; what is no entry counts as a record that is broken.
            let entries = payload.as_array()?.iter();
            let trades = entries.map(|entry| match entry.get("data") {
                Some(Value::Array(trades)) => trades.len(),
                _ => 1,
            });
            // With a member that stands twice in an entry the count is not certain.
            let lists = payload.as_array()?.len() + 1;
            (text.matches("\"data\"").count() <= lists).then(|| trades.sum())
        }
        Kind::Trade | Kind::Candle => payload.as_array().map(Vec::len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_answers_keep_every_promise() {
        for venue in Venue::ALL {
            for kind in Kind::ALL {
                let body = venue.body(kind, 4, &mut fastrand::Rng::with_seed(1));
                assert_eq!(examine(venue, StatusCode::OK, body.as_bytes()), Ok(()));
                assert_eq!(survives(venue, kind, body.as_bytes()), Ok(()));
                let records = match kind {
                    Kind::Ticker => 1,
                    Kind::Book => 8,
                    Kind::Trade | Kind::Candle => 4,
                };
                let counted = on_wire(venue, kind, body.as_bytes());
                if (venue, kind) != (Venue::Htx, Kind::Ticker) {
                    assert_eq!(counted, Some(records), "{venue:?} {kind:?}");
                }
            }
        }
    }

    #[test]
    fn good_answers_take_the_direct_way() {
        for venue in Venue::ALL {
            for kind in Kind::ALL {
                let body = venue.body(kind, 4, &mut fastrand::Rng::with_seed(1));
                let request = venue.request(kind).unwrap();
                let by = |way| decode_by(way, venue, &request, StatusCode::OK, body.as_bytes());
                let direct = by(Way::Direct);
                assert!(direct.is_ok(), "{venue:?} {kind:?}: {direct:?}");
                assert_eq!(direct, by(Way::Tolerant), "{venue:?} {kind:?}");
            }
        }
    }

    #[test]
    fn a_lost_record_and_a_lost_answer_are_found() {
        let body = Venue::Binance.body(Kind::Trade, 4, &mut fastrand::Rng::with_seed(1));
        let mut decoded = decode(
            Venue::Binance,
            &Venue::Binance.request(Kind::Trade).unwrap(),
            StatusCode::OK,
            body.as_bytes(),
        )
        .unwrap();
        let Payload::Trades(trades) = &mut decoded.value else {
            panic!("no trades");
        };
        trades.rows.pop();
        let found = conserved(Venue::Binance, Kind::Trade, body.as_bytes(), &decoded);
        assert_eq!(
            found.unwrap_err().to_string(),
            "trade: 4 records on the wire, 3 in the value, 0 excluded"
        );
        decoded.excluded.push(3);
        let found = conserved(Venue::Binance, Kind::Trade, body.as_bytes(), &decoded);
        assert_eq!(found, Err(Finding::Unexplained { kind: "trade" }));
        let found = survives(Venue::Binance, Kind::Trade, b"<html>").unwrap_err();
        assert!(found.to_string().starts_with("trade: one broken field"));
    }
}
