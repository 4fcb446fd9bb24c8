//! trades and aggTrades.

use crate::binance::error::Refusal;
use crate::binance::params::{limit, number, one};
use crate::market::fixed::Fixed;
use crate::market::{Listing, Market, Trade, horizon};
use crate::query::Query;

const PLACES: u32 = 8;
const MS: i64 = 1_000_000;

pub(crate) fn trades(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let limit = limit(query, 500, 1_000)?;
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::Symbol)?;
    let (places, lots) = (listing.price_places, listing.lot_places);
    let rows: Vec<String> = feed
        .newest(limit, at)
        .iter()
        .map(|trade| {
            format!(
                "{{\"id\":{},\"price\":\"{}\",\"qty\":\"{}\",\"quoteQty\":\"{}\",\"time\":{},\"isBuyerMaker\":{},\"isBestMatch\":true}}",
                trade.id,
                Fixed::new(trade.price, places, PLACES),
                Fixed::new(trade.amount, lots, PLACES),
                Fixed::sum(u128::from(trade.price) * u128::from(trade.amount), places + lots, PLACES),
                trade.time.div_euclid(MS),
                !trade.buy
            )
        })
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

/// So many fills hold so many whole orders, with one order more at each end.
fn fills_of(orders: usize) -> usize {
    orders + orders / 4 + 8
}

pub(crate) fn agg_trades(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let limit = limit(query, 500, 1_000)?;
    let from_id = number(query, "fromId")?;
    let start = number(query, "startTime")?;
    let end = number(query, "endTime")?;
    if from_id.is_some() && (start.is_some() || end.is_some()) {
        return Err(Refusal::Combination);
    }
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::Symbol)?;
    // The end of the last millisecond that is asked for, but not in the future.
    let until = end.map_or(at, |end| {
        end.saturating_add(1)
            .saturating_mul(MS)
            .saturating_sub(1)
            .min(at)
    });
    let oldest = horizon(at);
    let mut orders = match (from_id, start) {
        (Some(id), _) => {
            let id = u64::try_from(id).unwrap_or(0);
            let from = feed.hour_of_order(id).max(oldest);
            // The order may stand at the end of its hour.
            let hour = usize::try_from(feed.terms().orders).unwrap_or(0);
            let trades = feed.range(from, at + 1, fills_of(limit + hour));
            let mut orders = group(&trades);
            orders.retain(|order| order.id >= id);
            orders
        }
        (None, Some(start)) => {
            let from = start.saturating_mul(MS).max(oldest);
            group(&feed.range(from, until + 1, fills_of(limit)))
        }
        (None, None) => {
            let mut orders = group(&feed.newest(fills_of(limit), until.max(oldest)));
            let extra = orders.len().saturating_sub(limit);
            orders.drain(..extra);
            orders
        }
    };
    orders.truncate(limit);
    let rows: Vec<String> = orders.iter().map(|order| order.row(listing)).collect();
    Ok(format!("[{}]", rows.join(",")))
}

/// The fills of one taker's order at one price.
struct Order {
    id: u64,
    first: Trade,
    last_id: u64,
    amount: u128,
}

fn group(trades: &[Trade]) -> Vec<Order> {
    trades
        .chunk_by(|a, b| a.order == b.order)
        .filter_map(|fills| {
            let (first, last) = (fills.first()?, fills.last()?);
            Some(Order {
                id: first.order,
                first: *first,
                last_id: last.id,
                amount: fills.iter().map(|fill| u128::from(fill.amount)).sum(),
            })
        })
        .collect()
}

impl Order {
    fn row(&self, listing: &Listing) -> String {
        format!(
            "{{\"a\":{},\"p\":\"{}\",\"q\":\"{}\",\"f\":{},\"l\":{},\"T\":{},\"m\":{},\"M\":true}}",
            self.id,
            Fixed::new(self.first.price, listing.price_places, PLACES),
            Fixed::sum(self.amount, listing.lot_places, PLACES),
            self.first.id,
            self.last_id,
            self.first.time.div_euclid(MS),
            !self.first.buy
        )
    }
}
