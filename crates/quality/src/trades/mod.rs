//! Rules for a list of executed trades.

mod amounts;
mod fields;
mod level;
mod pages;
mod path;
mod waits;

use std::collections::HashMap;
use std::time::Duration;

use robust_market::{Decoded, Dimension, Payload, Report, Severity, Trade, Trades};
use rust_decimal::Decimal;

use crate::exact::Steps;
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
    /// The id as it is remembered: a number that fits into a word, or a fingerprint of the text.
    key: Option<u64>,
    /// Whether the key is the id as a number.
    counted: bool,
    /// Fingerprint of everything but the id.
    content: u64,
    price: f64,
    amount: f64,
}

impl<'a> Row<'a> {
    fn new(trade: &'a Trade, position: usize, price: f64, amount: f64) -> Self {
        let id = trade.id.as_deref();
        let short: Option<u64> = id.and_then(|id| id.parse().ok());
        Self {
            trade,
            position,
            key: short.or_else(|| id.map(|id| Fingerprint::new().text(id).get())),
            counted: short.is_some(),
            content: seen::trade(trade),
            price,
            amount,
        }
    }

    /// The id as a number, where it is one.
    fn number(&self) -> Option<u128> {
        if self.counted {
            return self.key.map(u128::from);
        }
        self.trade.id.as_deref()?.parse().ok()
    }

    /// The time in nanoseconds.
    const fn ns(&self) -> i64 {
        self.trade.time.as_ns()
    }
}

/// Whether each trade has the number after, and no earlier time than, the one before it: the usual page, in which no id is
/// twice and nothing is out of order.
fn is_straight(rows: &[Row<'_>]) -> bool {
    let follows =
        |pair: &[Row<'_>]| matches!(pair, [a, b] if b.counted && a.key < b.key && a.ns() <= b.ns());
    rows.first().is_some_and(|first| first.counted) && rows.windows(2).all(follows)
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
    fields::judge(&mut tally, trades, decoded);
    let rows = valid(&mut tally, trades, decoded, &clock, context);
    let straight = is_straight(&rows);
    let copies = twice(&mut tally, &rows, straight);
    let backwards = order(&mut tally, &rows, &copies, straight);
    completeness(
        &mut tally,
        &rows,
        &copies,
        straight,
        (total, lacking),
        context,
    );
    if !context.profile.dense_trade_ids {
        pages::counted(&mut tally, &rows, straight, state);
    }
    let newest = if straight {
        rows.last().map(|row| row.trade.time)
    } else {
        rows.iter().map(|row| row.trade.time).max()
    };
    if newest > Some(clock.there) {
        for row in &rows {
            let place = Place {
                field: Some("time"),
                ..Place::row(row.position)
            };
            timeliness::record_ahead(&mut tally, row.trade.time, &clock, place);
        }
    }
    if let Some(newest) = newest {
        clock.skew(&mut tally, newest);
        state.seen.clock.observe(newest, context.received);
    }
    let page = pages::judge(&mut tally, &rows, &copies, context, state);
    let mut sound: Vec<&Row<'_>> = if straight && !tally.is_any_broken() {
        rows.iter().collect()
    } else {
        rows.iter()
            .zip(&copies)
            .filter(|(row, copy)| !**copy && !tally.is_broken(row.position))
            .map(|(row, _)| row)
            .collect()
    };
    if backwards {
        sound.reverse();
    }
    waits::judge(&mut tally, &sound, page.repeated, &clock, context, state);
    quoted(&mut tally, &sound, context);
    amounts::judge(&mut tally, &sound);
    let waits = path::judge(&mut tally, &sound, state);
    if tally.is_any_broken() {
        sound.retain(|row| !tally.is_broken(row.position));
    }
    // Contents that are not believed yet are not remembered: the trade itself would pass for another one.
    pages::learn(&sound, page.fresh && !waits, context, state);
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
    let prices = context.profile.price_tick.map(Steps::of);
    let amounts = context.profile.amount_step.map(Steps::of);
    let bounds = context.config.bounds(&trades.symbol);
    let range = timeliness::possible(clock.there);
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
        if !range.contains(&trade.time.as_ns())
            && let Some(rule) = timeliness::impossible(trade.time, clock.there)
        {
            good = false;
            tally.object(rule, Severity::Error, place("time"), || {
                format!("{} cannot be the time of an event", trade.time)
            });
        }
        let off_price = prices.is_some_and(|steps| !steps.hold(trade.price));
        let off_amount = amounts.is_some_and(|steps| !steps.hold(trade.amount));
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
        [a, b] => a.number().zip(b.number()),
        _ => None,
    };
    numbers.is_some_and(|(a, b)| a < b)
}

/// Objects to ids that are there twice; says of each row whether it is such a copy.
fn twice(tally: &mut Tally, rows: &[Row<'_>], straight: bool) -> Vec<bool> {
    let with_id = rows.iter().filter(|row| row.key.is_some()).count();
    tally.checked(Dimension::Uniqueness, with_id);
    let mut copies = vec![false; rows.len()];
    if straight || rows.windows(2).all(counts_up) {
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
        || matches!((row.number(), next.number()), (Some(a), Some(b)) if b < a)
}

/// Says whether the newest trade comes first.
fn order(tally: &mut Tally, rows: &[Row<'_>], copies: &[bool], straight: bool) -> bool {
    tally.checked(Dimension::Consistency, rows.len());
    if straight {
        return false;
    }
    let pairs = || {
        let mut before = None;
        let once = rows.iter().zip(copies).filter(|(_, copy)| !**copy);
        once.filter_map(move |(row, _)| before.replace(row).map(|before: &Row<'_>| (before, row)))
    };
    let newest_first = pairs().nth(1).is_some()
        && pairs().all(|(row, next)| !backwards(next, row))
        && pairs().any(|(row, next)| backwards(row, next));
    if newest_first {
        // Decoders put the oldest first: it is not the exchange's own order.
        tally.measured(&K_DESCENDING, Severity::Warning, None, || {
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

/// The lowest and the highest number, and how many there are, copies aside; `None` where an id is no number.
fn range(rows: &[Row<'_>], copies: &[bool]) -> Option<(u128, u128, usize)> {
    let mut numbers = rows
        .iter()
        .zip(copies)
        .filter(|(_, copy)| !**copy)
        .map(|(row, _)| row.number());
    numbers.try_fold((u128::MAX, 0, 0_usize), |(least, most, count), number| {
        number.map(|number| (number.min(least), number.max(most), count + 1))
    })
}

fn completeness(
    tally: &mut Tally,
    rows: &[Row<'_>],
    copies: &[bool],
    straight: bool,
    (total, lacking): (usize, usize),
    context: &Context<'_>,
) {
    let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let range = match (context.profile.dense_trade_ids, rows) {
        (false, _) => None,
        (true, [first, .., last]) if straight => {
            let ends = first.number().zip(last.number());
            ends.map(|(first, last)| (first, last, rows.len()))
        }
        (true, _) => range(rows, copies),
    };
    let counted = range.filter(|(.., count)| *count > 0);
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
