//! `/market/trades`: `{"instId", "side", "sz", "px", "tradeId", "ts"}`, newest first. `side` is the taker's.

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Timestamp, Trade, Trades};
use serde::Deserialize;

use crate::wire::{Notes, Raw, Record};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    side: Raw<'a>,
    #[serde(borrow, default)]
    sz: Raw<'a>,
    #[serde(borrow, default)]
    px: Raw<'a>,
    #[serde(borrow, default)]
    trade_id: Raw<'a>,
    #[serde(borrow, default)]
    ts: Raw<'a>,
}

pub(crate) fn trades(
    symbol: &Symbol,
    since: Option<Timestamp>,
    limit: Option<u32>,
    rows: Vec<Raw<'_>>,
) -> Decoded<Payload> {
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    let limit = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    for row in rows.into_iter().rev() {
        let position = trades.rows.len() + notes.excluded.len();
        if position == limit {
            break;
        }
        let mut record = Record::new(&mut notes, position);
        match trade(row, &mut record) {
            Some(trade) if since.is_some_and(|since| trade.time < since) => {}
            Some(trade) => trades.rows.push(trade),
            None => record.exclude(),
        }
    }
    notes.map(|()| Payload::Trades(trades))
}

fn trade(row: Raw<'_>, record: &mut Record<'_>) -> Option<Trade> {
    let wire = record.need("rows", row, Raw::read::<Wire<'_>>)?;
    let price = record.need("price", wire.px, Raw::decimal);
    let amount = record.need("amount", wire.sz, Raw::decimal);
    let time = record.need("time", wire.ts, Raw::millis);
    let id = record.need("id", wire.trade_id, Raw::name);
    let side = record.need("side", wire.side, |raw| match &*raw.text()? {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(DefectKind::Unparsable),
    });
    Some(Trade {
        id: id.map(|id| id.into()),
        price: price?,
        amount: amount?,
        side,
        time: time?,
    })
}
