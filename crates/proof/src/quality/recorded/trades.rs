//! Recorded trades.

use robust_market::{Exchange, Kind, Request, Side, Timestamp, Trade};
use robust_quality::Profile;
use rust_decimal::Decimal;
use serde_json::Value;

use super::read::{date_time, number, seconds};
use super::{File, Recorded, ms, source, symbol};
use crate::quality::catalogue::Data;
use crate::quality::made::{TRADES, pages};
use crate::quality::scene::{Feed, Shot};

/// `[[ms, "id", type, side, price, amount, cost], …]`.
pub(super) fn freqtrade(file: &File<'_>, text: &str, into: &mut Recorded) {
    let rows: Vec<Vec<Value>> = serde_json::from_str(text).unwrap_or_default();
    let rows: Vec<Trade> = rows
        .iter()
        .filter_map(|row| {
            Some(Trade {
                id: Some(row.get(1)?.as_str()?.into()),
                price: number(&row.get(4)?.to_string())?,
                amount: number(&row.get(5)?.to_string())?,
                side: side(row.get(3)?.as_str()?),
                time: ms(row.first()?.as_i64()?)?,
            })
        })
        .collect();
    into.add(
        Data::Trades,
        feed(file, "", "XRP/ETH", Exchange::BINANCE, &rows, None),
    );
}

/// Reads the cells of one row.
type ReadRow = fn(&[&str]) -> Option<Trade>;

/// Rows of commas in one of four layouts, told apart by the name.
pub(super) fn csv(file: &File<'_>, text: &str, into: &mut Recorded) {
    let (pair, exchange, row): (_, _, ReadRow) = match file.name {
        name if name.starts_with("freqtrade") => ("ETH/USDT", Exchange::BINANCE, |c| {
            trade(
                c.get(2)?,
                c.get(5)?,
                c.get(6)?,
                c.get(4)?,
                ms(c.get(1)?.parse().ok()?)?,
            )
        }),
        name if name.starts_with("nautilus") => ("BTC/USDT", Exchange::BINANCE, |c| {
            let side = if *c.get(5)? == "True" { "sell" } else { "buy" };
            trade(c.get(2)?, c.get(3)?, c.get(4)?, side, date_time(c.get(1)?)?)
        }),
        name if name.starts_with("atom") => ("ATOM/USDT", Exchange::BINANCE, |c| {
            let side = if *c.get(6)? == "True" { "sell" } else { "buy" };
            trade(
                c.first()?,
                c.get(1)?,
                c.get(2)?,
                side,
                date_time(c.get(5)?)?,
            )
        }),
        _ => ("BCH/EUR", Exchange::KRAKEN, |c| {
            trade("", c.get(1)?, c.get(2)?, "", seconds(c.first()?)?)
        }),
    };
    let rows: Vec<Trade> = text
        .lines()
        .filter_map(|line| row(&line.split(',').collect::<Vec<_>>()))
        .collect();
    into.add(Data::Trades, feed(file, "", pair, exchange, &rows, None));
}

fn trade(id: &str, price: &str, amount: &str, taker: &str, time: Timestamp) -> Option<Trade> {
    Some(Trade {
        id: (!id.is_empty()).then(|| id.into()),
        price: number(price)?,
        amount: number(amount)?,
        side: side(taker),
        time,
    })
}

fn side(text: &str) -> Option<Side> {
    match text {
        "buy" => Some(Side::Buy),
        "sell" => Some(Side::Sell),
        _ => None,
    }
}

/// Pages of trades; `received` are the times of arrival, where they were recorded.
pub(super) fn feed(
    file: &File<'_>,
    part: &str,
    pair: &str,
    exchange: Exchange,
    rows: &[Trade],
    received: Option<&[Timestamp]>,
) -> Option<Feed> {
    let symbol = symbol(pair)?;
    let request = Request::Trades {
        symbol: symbol.clone(),
        since: None,
        limit: None,
    };
    let size = TRADES.min(rows.len()).max(1);
    let step = size.saturating_sub(10).max(1);
    let mut shots: Vec<Shot> = pages(rows, &symbol, size, step);
    if let Some(received) = received {
        for (nth, shot) in shots.iter_mut().enumerate() {
            if let Some(time) = received.get(nth * step + size - 1) {
                (shot.received, shot.now) = (*time, *time);
            }
        }
    }
    let profile = Profile::of(&exchange, Kind::Trades);
    let prices: Vec<Decimal> = rows.iter().map(|row| row.price).collect();
    let sizes: Vec<Decimal> = rows.iter().map(|row| row.amount).collect();
    let source = source(exchange, request, profile, &prices, &sizes);
    Some(file.feed(part, source, shots))
}
