//! Trades, oldest first: aggregate ones (`/aggTrades`: `a` id, `p` price, `q` amount, `T` time, `m` whether the buyer was the maker)
//! and single ones (`/trades`: `id`, `price`, `qty`, `time`, `isBuyerMaker`). Either shape is read, row by row.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::Deserialize;

use crate::wire::{Fields, Notes, Object, Raw, Reading, Rows, Window};

#[derive(Debug, Deserialize)]
struct TradeWire<'a> {
    #[serde(borrow, default)]
    a: Raw<'a>,
    #[serde(borrow, default)]
    p: Raw<'a>,
    #[serde(borrow, default)]
    q: Raw<'a>,
    #[serde(borrow, default, rename = "T")]
    t: Raw<'a>,
    #[serde(borrow, default)]
    m: Raw<'a>,
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    price: Raw<'a>,
    #[serde(borrow, default)]
    qty: Raw<'a>,
    #[serde(borrow, default)]
    time: Raw<'a>,
    #[serde(borrow, default, rename = "isBuyerMaker")]
    is_buyer_maker: Raw<'a>,
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    body: &str,
) -> Result<Decoded<Payload>, String> {
    let rows: Rows<'_, Object<TradeWire<'_>>> =
        Rows::of(body).map_err(|_| "no list of trades".to_owned())?;
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(rows, &mut notes, |_, row: Object<TradeWire<'_>>, fields| {
        trade(&row, fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

fn trade(row: &TradeWire<'_>, fields: &mut Fields<'_>) -> Reading<Trade> {
    let price = fields.need("price", either(row.p, row.price), Raw::decimal);
    let amount = fields.need("amount", either(row.q, row.qty), Raw::decimal);
    let time = fields.need("time", either(row.t, row.time), Raw::millis);
    let id = fields.need("id", either(row.a, row.id), Raw::identifier);
    let side = fields.need("side", either(row.m, row.is_buyer_maker), taker);
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

/// The field under its short name, or else under its long one.
const fn either<'a>(short: Raw<'a>, long: Raw<'a>) -> Raw<'a> {
    if short.is_missing() { long } else { short }
}

/// The side of the taker: where the buyer was the maker, somebody sold to him.
fn taker(is_buyer_maker: Raw<'_>) -> Result<Side, DefectKind> {
    is_buyer_maker
        .boolean()
        .map(|buyer_made| if buyer_made { Side::Sell } else { Side::Buy })
}
