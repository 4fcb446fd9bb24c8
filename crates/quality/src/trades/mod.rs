//! Rules for a list of executed trades.

mod pages;
mod path;
mod waits;

use std::collections::HashMap;
use std::time::Duration;

use robust_market::{Decoded, Dimension, Payload, Report, Severity, Trade, Trades};
use rust_decimal::Decimal;

use crate::exact::on_grid;
use crate::finite::nearest;
use crate::rules::{
    C_ID_GAP, C_QUIET, K_DESCENDING, K_ORDER, K_VS_QUOTE, U_DUP_CONFLICT, U_DUP_EXACT, V_BOUNDS,
    V_ID, V_PRICE, V_SIZE, V_SYMBOL, V_TICK,
};
use crate::seen::{self, Fingerprint};
use crate::tally::{Place, Tally};
use crate::timeliness::{self, Bounds, SourceTime};
use crate::{Context, SymbolState, defects, provenance};

/// A trade that passed validity.
struct Row<'a> {
    trade: &'a Trade,
    position: usize,
    /// The id as a number, where it is one.
    number: Option<u128>,
    /// The id as it is remembered: a number that fits into a word, or a fingerprint of the text.
    key: Option<u64>,
    /// Fingerprint of everything but the id.
    content: u64,
    price: f64,
    amount: f64,
}

impl<'a> Row<'a> {
    fn new(trade: &'a Trade, position: usize, price: f64, amount: f64) -> Self {
        let id = trade.id.as_deref();
        let short: Option<u64> = id.and_then(|id| id.parse().ok());
        let number = short.map(u128::from);
        Self {
            trade,
            position,
            number: number.or_else(|| id.and_then(|id| id.parse().ok())),
            key: short.or_else(|| id.map(|id| Fingerprint::new().text(id).get())),
            content: seen::trade(trade),
            price,
            amount,
        }
    }
}

/// Judges one page of trades.
pub(crate) fn trades(
    trades: &Trades,
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Report {
    let total = trades.rows.len().saturating_add(decoded.excluded.len());
    let mut tally = Tally::list(total);
    if context
        .request
        .symbol()
        .is_some_and(|asked| *asked != trades.symbol)
    {
        tally.whole(&V_SYMBOL, Severity::Critical, Some("symbol"), || {
            format!("{} came and was not asked for", trades.symbol)
        });
    }
    let lacking = defects::rows(&mut tally, decoded, trades.rows.len());
    // The page is as old as its transport: a quiet market is not a stale one.
    let clock = SourceTime::of(context, &state.seen.clock);
    let bounds = Bounds::polled(context.profile.cadence);
    timeliness::age(&mut tally, context.received, context.now, bounds, &clock);
    provenance::judge(&mut tally, context.provenance, Some(trades.symbol.as_str()));
    if total == 0 {
        tally.measured(&C_QUIET, Severity::Info, None, || {
            "no trade on the page".to_owned()
        });
        return tally.finish(context.config);
    }
    let rows = valid(&mut tally, trades, decoded, &clock, context);
    let copies = twice(&mut tally, &rows);
    let backwards = order(&mut tally, &rows, &copies);
    completeness(&mut tally, &rows, &copies, total, lacking, context);
    let newest = rows.iter().map(|row| row.trade.time).max();
    for row in rows.iter().filter(|_| newest > Some(clock.there)) {
        let place = Place {
            field: Some("time"),
            ..Place::row(row.position)
        };
        timeliness::record_ahead(&mut tally, row.trade.time, &clock, place);
    }
    if let Some(newest) = newest {
        clock.skew(&mut tally, newest);
        state.seen.clock.observe(newest, context.received);
    }
    let repeated = pages::judge(&mut tally, &rows, &copies, context, state);
    let mut sound: Vec<&Row<'_>> = rows
        .iter()
        .zip(&copies)
        .filter(|(row, copy)| !**copy && !tally.is_broken(row.position))
        .map(|(row, _)| row)
        .collect();
    if backwards {
        sound.reverse();
    }
    waits::judge(&mut tally, &sound, repeated, &clock, context, state);
    quoted(&mut tally, &sound, context);
    path::judge(&mut tally, &sound, state);
    sound.retain(|row| !tally.is_broken(row.position));
    pages::learn(&sound, context, state);
    tally.finish(context.config)
}

/// A quote says something of trades this long before and after it.
const BESIDE: Duration = Duration::from_secs(2);

/// Holds trades against the quote of about the same time.
fn quoted(tally: &mut Tally, rows: &[&Row<'_>], context: &Context<'_>) {
    let Some(quote) = context.quote.filter(|quote| quote.bid <= quote.ask) else {
        return;
    };
    // The wider of 1 % and five spreads.
    let percent = quote.ask.checked_div(Decimal::ONE_HUNDRED);
    let spreads = (quote.ask - quote.bid).checked_mul(Decimal::from(5));
    let Some(slack) = percent.zip(spreads).map(|(a, b)| a.max(b)) else {
        return;
    };
    for row in rows {
        let (time, price) = (row.trade.time, row.trade.price);
        let apart = time.since(quote.at).max(quote.at.since(time));
        let outside = (quote.bid - slack) > price || price > quote.ask.saturating_add(slack);
        if apart <= BESIDE && outside {
            let place = Place {
                field: Some("price"),
                ..Place::row(row.position)
            };
            tally.object(&K_VS_QUOTE, Severity::Warning, place, || {
                format!(
                    "{price} is far outside the quote {} to {}",
                    quote.bid, quote.ask
                )
            });
        }
    }
}

fn valid<'a>(
    tally: &mut Tally,
    trades: &'a Trades,
    decoded: &Decoded<Payload>,
    clock: &SourceTime,
    context: &Context<'_>,
) -> Vec<Row<'a>> {
    let mut rows = Vec::with_capacity(trades.rows.len());
    let steps = (context.profile.price_tick, context.profile.amount_step);
    let bounds = context.config.bounds(&trades.symbol);
    for (trade, position) in trades
        .rows
        .iter()
        .zip(defects::positions(&decoded.excluded))
    {
        let place = |field| Place {
            field: Some(field),
            ..Place::row(position)
        };
        let mut good = true;
        let (price, amount) = (nearest(trade.price), nearest(trade.amount));
        if price <= 0.0 {
            good = false;
            tally.object(&V_PRICE, Severity::Error, place("price"), || {
                format!("{} is not above zero", trade.price)
            });
        }
        if let Some(bounds) = bounds.filter(|b| good && !b.contains(trade.price)) {
            good = false;
            tally.object(&V_BOUNDS, Severity::Error, place("price"), || {
                format!(
                    "{} is outside {} to {}",
                    trade.price,
                    bounds.min(),
                    bounds.max()
                )
            });
        }
        if amount <= 0.0 {
            good = false;
            tally.object(&V_SIZE, Severity::Error, place("amount"), || {
                format!("{} is not above zero", trade.amount)
            });
        }
        if trade.id.as_deref() == Some("") {
            good = false;
            tally.object(&V_ID, Severity::Error, place("id"), || {
                "the id is empty".to_owned()
            });
        }
        if let Some(rule) = timeliness::impossible(trade.time, clock.there) {
            good = false;
            tally.object(rule, Severity::Error, place("time"), || {
                format!("{} cannot be the time of an event", trade.time)
            });
        }
        let off_price = steps.0.is_some_and(|tick| !on_grid(trade.price, tick));
        let off_amount = steps.1.is_some_and(|step| !on_grid(trade.amount, step));
        if good && (off_price || off_amount) {
            tally.object(&V_TICK, Severity::Warning, place("price"), || {
                format!("{} × {} is off the grid", trade.price, trade.amount)
            });
        }
        if good {
            rows.push(Row::new(trade, position, price, amount));
        }
    }
    rows
}

/// Whether the second trade's number is above the first one's.
fn counts_up(pair: &[Row<'_>]) -> bool {
    let numbers = match pair {
        [a, b] => a.number.zip(b.number),
        _ => None,
    };
    numbers.is_some_and(|(a, b)| a < b)
}

/// Objects to ids that are there twice; says of each row whether it is such a copy.
fn twice(tally: &mut Tally, rows: &[Row<'_>]) -> Vec<bool> {
    let with_id = rows.iter().filter(|row| row.trade.id.is_some()).count();
    tally.checked(Dimension::Uniqueness, with_id);
    let mut copies = vec![false; rows.len()];
    if rows.windows(2).all(counts_up) {
        return copies;
    }
    let mut seen: HashMap<&str, &Row<'_>> = HashMap::with_capacity(with_id);
    for (row, copy) in rows.iter().zip(&mut copies) {
        let Some(id) = row.trade.id.as_deref() else {
            continue;
        };
        let Some(first) = seen.get(id) else {
            seen.insert(id, row);
            continue;
        };
        *copy = true;
        let place = |row: &Row<'_>| Place {
            field: Some("id"),
            ..Place::row(row.position)
        };
        if first.trade == row.trade {
            tally.object(&U_DUP_EXACT, Severity::Error, place(row), || {
                format!("trade {id} again")
            });
        } else {
            // Which of them is right cannot be known.
            for either in [*first, row] {
                tally.object(&U_DUP_CONFLICT, Severity::Error, place(either), || {
                    format!("two different trades have the id {id}")
                });
            }
        }
    }
    copies
}

/// Whether `next` comes before `row` in time or number; equal times are legal.
fn backwards(row: &Row<'_>, next: &Row<'_>) -> bool {
    next.trade.time < row.trade.time
        || matches!((row.number, next.number), (Some(a), Some(b)) if b < a)
}

/// Says whether the newest trade comes first.
fn order(tally: &mut Tally, rows: &[Row<'_>], copies: &[bool]) -> bool {
    tally.checked(Dimension::Consistency, rows.len());
    let pairs = || {
        let mut before = None;
        let once = rows.iter().zip(copies).filter(|(_, copy)| !**copy);
        once.filter_map(move |(row, _)| before.replace(row).map(|before: &Row<'_>| (before, row)))
    };
    let newest_first = pairs().nth(1).is_some()
        && pairs().all(|(row, next)| !backwards(next, row))
        && pairs().any(|(row, next)| backwards(row, next));
    if newest_first {
        tally.measured(&K_DESCENDING, Severity::Info, None, || {
            "the newest trade comes first".to_owned()
        });
        return true;
    }
    for (row, next) in pairs() {
        if backwards(row, next) {
            let place = Place {
                field: Some("time"),
                ..Place::row(next.position)
            };
            tally.object(&K_ORDER, Severity::Error, place, || {
                "earlier than the trade before it".to_owned()
            });
        }
    }
    false
}

fn completeness(
    tally: &mut Tally,
    rows: &[Row<'_>],
    copies: &[bool],
    total: usize,
    lacking: usize,
    context: &Context<'_>,
) {
    let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let mut numbers = rows
        .iter()
        .zip(copies)
        .filter(|(_, copy)| !**copy)
        .map(|(row, _)| row.number);
    let range = numbers.try_fold((u128::MAX, 0, 0_usize), |(least, most, count), number| {
        number.map(|number| (number.min(least), number.max(most), count + 1))
    });
    let counted = range.filter(|(.., count)| context.profile.dense_trade_ids && *count > 0);
    let Some((first, last, distinct)) = counted else {
        tally.own_share(
            Dimension::Completeness,
            count(total.saturating_sub(lacking)),
            count(total),
        );
        return;
    };
    let span = u64::try_from(last - first)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    // A row that failed validity has its place among the ids: it is not missing as well.
    let left = total.saturating_sub(copies.iter().filter(|copy| **copy).count());
    let there = count(left).min(span);
    let missing = span - there;
    tally.own_share(
        Dimension::Completeness,
        there.saturating_sub(count(lacking)),
        span,
    );
    if missing > 0 && distinct > 1 {
        let severity = if missing.saturating_mul(100) > span {
            Severity::Error
        } else {
            Severity::Warning
        };
        tally.measured(&C_ID_GAP, severity, Some("id"), || {
            format!("{missing} of {span} ids are missing")
        });
    }
}
