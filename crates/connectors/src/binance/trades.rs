//! Trades, oldest first: aggregate ones (`/aggTrades`: `a` id, `p` price, `q` amount, `T` time, `m` whether the buyer was the maker)
//! and single ones (`/trades`: `id`, `price`, `qty`, `time`, `isBuyerMaker`). Either shape is read, row by row.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::Deserialize;

use crate::wire::{
    BLANK_TRADE, Cell, Fields, FillObject, FilledObjects, Notes, Object, Raw, Reading, Rows,
    Values, Window, Wire,
};

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

/// A trade of either shape in which nothing is broken.
#[derive(Debug)]
struct DirectTrade;

impl FillObject for DirectTrade {
    type Record = Trade;

    const BLANK: Trade = BLANK_TRADE;

    const NEEDED: u32 = 0x1f;

    fn member<'de, V: Values<'de>>(
        trade: &mut Trade,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let bit = match key {
            "a" | "id" => {
                trade.id = Some(value.read(Raw::identifier)?);
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

pub(super) fn direct(symbol: &Symbol, window: Window, body: &str) -> Option<Decoded<Payload>> {
    let rows = serde_json::from_str::<FilledObjects<DirectTrade>>(body);
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
    is_buyer_maker.boolean().map(taker_of)
}

const fn taker_of(is_buyer_maker: bool) -> Side {
    if is_buyer_maker {
        Side::Sell
    } else {
        Side::Buy
    }
}
