//! Trades, oldest first: aggregate ones (`/aggTrades`: `a` id, `p` price, `q` amount, `T` time, `m` whether the buyer was the maker)
//! and single ones (`/trades`: `id`, `price`, `qty`, `time`, `isBuyerMaker`). Either shape is read, row by row.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::Deserialize;

use crate::wire::{
    Execution, FillObject, InList, InObject, Notes, Object, Raw, Rows, Values, Window, fill, room,
};

/// A trade of either shape; prices and sizes are strings.
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

/// A trade of either shape in which nothing is broken.
#[derive(Debug)]
struct DirectTrade;

impl FillObject for DirectTrade {
    type Record = Trade;

    const NEEDED: u32 = 0x1f;

    fn member<'de, V: Values<'de>>(
        trade: &mut Trade,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let bit = match key {
            "a" | "id" => {
                trade.id = Some(value.trade_id()?);
                1
            }
            "p" | "price" => {
                value.decimal(&mut trade.price)?;
                2
            }
            "q" | "qty" => {
                value.decimal(&mut trade.amount)?;
                4
            }
            "T" | "time" => {
                trade.time = value.millis()?;
                8
            }
            "m" | "isBuyerMaker" => {
                trade.side = Some(taker_of(value.next()?));
                16
            }
            _ => {
                value.skip()?;
                0
            }
        };
        Ok(bit)
    }
}

pub(super) fn direct(symbol: &Symbol, window: Window, body: &str) -> Option<Payload> {
    let mut trades = Trades::new(symbol.clone());
    trades.rows = room(body.as_bytes(), 80);
    fill::<InList<InObject<DirectTrade>>>(body, &mut trades.rows)?;
    trades.rows = window.cut(trades.rows);
    Some(Payload::Trades(trades))
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
    trades.rows = window.read(
        rows,
        &mut notes,
        |_, Object(row): Object<TradeWire<'_>>, fields| {
            let execution = Execution {
                price: either(row.p, row.price),
                amount: either(row.q, row.qty),
                time: either(row.t, row.time),
                id: Some(either(row.a, row.id)),
                side: either(row.m, row.is_buyer_maker),
            };
            execution.record(Raw::millis, taker, fields)
        },
    );
    Ok(notes.map(|()| Payload::Trades(trades)))
}

/// The field under its short name, or else under its long one.
const fn either<'a>(short: Raw<'a>, long: Raw<'a>) -> Raw<'a> {
    if short.is_missing() { long } else { short }
}

/// The side of the taker: where the buyer was the maker, somebody sold to him.
fn taker(is_buyer_maker: Raw<'_>) -> Result<Side, DefectKind> {
    is_buyer_maker.boolean().map(taker_of)
}

const fn taker_of(is_buyer_maker: bool) -> Side {
    if is_buyer_maker {
        Side::Sell
    } else {
        Side::Buy
    }
}
