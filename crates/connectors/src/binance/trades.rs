//! Trades, oldest first: aggregate ones (`/aggTrades`: `a` id, `p` price, `q` amount, `T` time, `m` whether the buyer was the maker)
//! and single ones (`/trades`: `id`, `price`, `qty`, `time`, `isBuyerMaker`). Either shape is read, row by row.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::Deserialize;

use crate::wire::{Cell, Direct, Fields, Notes, Object, Raw, Reading, Rows, Text, Window, Wire};

/// A trade of either shape; prices and sizes are strings.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Cell<'de>, 'de: 'a")]
struct TradeWire<'a, C> {
    #[serde(default)]
    a: Raw<'a>,
    #[serde(default)]
    p: C,
    #[serde(default)]
    q: C,
    #[serde(default, rename = "T")]
    t: Raw<'a>,
    #[serde(default)]
    m: Raw<'a>,
    #[serde(default)]
    id: Raw<'a>,
    #[serde(default)]
    price: C,
    #[serde(default)]
    qty: C,
    #[serde(default)]
    time: Raw<'a>,
    #[serde(default, rename = "isBuyerMaker")]
    is_buyer_maker: Raw<'a>,
}

pub(super) fn direct(symbol: &Symbol, window: Window, body: &str) -> Option<Decoded<Payload>> {
    let rows = serde_json::from_str::<Direct<Object<TradeWire<'_, Text<'_>>>>>(body);
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.cut(rows.ok()?.0);
    Some(Decoded::clean(Payload::Trades(trades)))
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    body: &str,
) -> Result<Decoded<Payload>, String> {
    let rows: Rows<'_, Object<TradeWire<'_, Raw<'_>>>> =
        Rows::of(body).map_err(|_| "no list of trades".to_owned())?;
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(
        rows,
        &mut notes,
        |_, row: Object<TradeWire<'_, _>>, fields| row.record(fields),
    );
    Ok(notes.map(|()| Payload::Trades(trades)))
}

impl<'a, C: Cell<'a>> Wire for TradeWire<'a, C> {
    type Record = Trade;

    fn record(&self, fields: &mut Fields<'_>) -> Reading<Trade> {
        let price = fields.need("price", either(self.p, self.price), Raw::decimal);
        let amount = fields.need("amount", either(self.q, self.qty), Raw::decimal);
        let time = fields.need("time", either(self.t, self.time), Raw::millis);
        let id = fields.need("id", either(self.a, self.id), Raw::identifier);
        let side = fields.need("side", either(self.m, self.is_buyer_maker), taker);
        let (Some(price), Some(amount), Some(at)) = (price, amount, time) else {
            return Err(time);
        };
        Ok(Trade {
            id,
            price,
            amount,
            side,
            time: at,
        })
    }
}

/// The field under its short name, or else under its long one.
fn either<'a>(short: impl Into<Raw<'a>>, long: impl Into<Raw<'a>>) -> Raw<'a> {
    let short = short.into();
    if short.is_missing() {
        long.into()
    } else {
        short
    }
}

/// The side of the taker: where the buyer was the maker, somebody sold to him.
fn taker(is_buyer_maker: Raw<'_>) -> Result<Side, DefectKind> {
    is_buyer_maker
        .boolean()
        .map(|buyer_made| if buyer_made { Side::Sell } else { Side::Buy })
}
