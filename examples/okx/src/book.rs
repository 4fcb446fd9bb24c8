//! `/market/books`: `{"asks": [[price, size, "0", orders], …], "bids": […], "ts", "seqId"}`. The third cell is a relic and always `"0"`.

use robust_market::{Decoded, Level, OrderBook, Payload, Symbol};
use serde::Deserialize;

use crate::wire::{Notes, Raw, Record};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    asks: Raw<'a>,
    #[serde(borrow, default)]
    bids: Raw<'a>,
    #[serde(borrow, default)]
    ts: Raw<'a>,
    #[serde(borrow, default)]
    seq_id: Raw<'a>,
}

pub(crate) fn book(symbol: &Symbol, rows: &[Raw<'_>]) -> Result<Decoded<Payload>, &'static str> {
    let [row] = rows else {
        return Err("not one order book");
    };
    let wire: Wire<'_> = row.read().map_err(|_| "no order book")?;
    let bids = wire.bids.read::<Vec<Raw<'_>>>();
    let asks = wire.asks.read::<Vec<Raw<'_>>>();
    if bids.is_err() && asks.is_err() {
        return Err("no order book");
    }
    let mut notes = Notes::clean(());
    let mut book = OrderBook::new(symbol.clone());
    let mut whole = Record {
        notes: &mut notes,
        position: None,
    };
    book.time = whole.need("time", wire.ts, Raw::millis);
    book.sequence = whole.may("sequence", wire.seq_id, Raw::count);
    let bids = bids
        .map_err(|kind| whole.broken("bids", kind, wire.bids))
        .unwrap_or_default();
    let asks = asks
        .map_err(|kind| whole.broken("asks", kind, wire.asks))
        .unwrap_or_default();
    book.bids = side(&bids, 0, ["bids", "bids.price", "bids.size"], &mut notes);
    book.asks = side(
        &asks,
        bids.len(),
        ["asks", "asks.price", "asks.size"],
        &mut notes,
    );
    Ok(notes.map(|()| Payload::OrderBook(book)))
}

fn side(
    rows: &[Raw<'_>],
    offset: usize,
    names: [&'static str; 3],
    notes: &mut Notes,
) -> Vec<Level> {
    let [name, price_name, size_name] = names;
    let mut levels = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let mut record = Record::new(notes, offset + index);
        let cells = record.need(name, *row, Raw::read::<Vec<Raw<'_>>>);
        let level = cells.and_then(|cells| {
            let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
            let price = record.need(price_name, cell(0), Raw::decimal);
            let size = record.need(size_name, cell(1), Raw::decimal);
            price.zip(size).map(|(price, size)| Level { price, size })
        });
        match level {
            Some(level) => levels.push(level),
            None => record.exclude(),
        }
    }
    levels
}
