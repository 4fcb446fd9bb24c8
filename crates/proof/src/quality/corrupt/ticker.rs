//! Faults of tickers.

use std::time::Duration;

use robust_market::{Payload, Ticker, Timestamp};
use rust_decimal::Decimal;

use super::{Wire, again};
use crate::quality::catalogue::{Fault, Field};
use crate::quality::scene::{Base, Broken, Grid};

/// Breaks a ticker; `before` is the time of the one before it.
pub(super) fn corrupt(
    ticker: &mut Ticker,
    fault: Fault,
    mut wire: Wire<'_>,
    before: Option<Timestamp>,
) -> Option<()> {
    let grid = wire.grid;
    match fault {
        Fault::BreakCell(field, cell) => {
            let name = match field {
                Field::Price => ticker.last.take().map(|_| "last")?,
                Field::Bid => ticker.bid.take().map(|_| "bid")?,
                Field::Size => ticker.base_volume.take().map(|_| "base_volume")?,
                Field::Time => ticker.time.take().map(|_| "time")?,
                Field::Symbol => "symbol",
                Field::Side => return None,
            };
            wire.note(Some(0), name, cell);
        }
        Fault::SetZero(Field::Price) => *ticker.last.as_mut()? = Decimal::ZERO,
        Fault::Negate(field) => {
            let value = match field {
                Field::Price => ticker.last.as_mut()?,
                Field::Bid => ticker.bid.as_mut()?,
                Field::Size => ticker.base_volume.as_mut()?,
                _ => return None,
            };
            (!value.is_zero()).then_some(())?;
            *value = -*value;
        }
        Fault::Crossed => {
            ticker.bid.and(ticker.ask)?;
            std::mem::swap(&mut ticker.bid, &mut ticker.ask);
        }
        Fault::Locked => *ticker.bid.as_mut()? = ticker.ask?,
        Fault::LastOutsideQuotes(factor) => {
            let (bid, ask) = (ticker.bid?, ticker.ask?);
            let last = grid.price(ask, factor)?;
            // Within three spreads of the quote a price is beside it, however wide the spread.
            (last - ask > (ask - bid) * Decimal::from(3)).then_some(())?;
            ticker.last = Some(last);
            settle(ticker, last);
        }
        Fault::HighBelowLow => {
            (ticker.high? != ticker.low?).then_some(())?;
            std::mem::swap(&mut ticker.high, &mut ticker.low);
        }
        Fault::LastAboveRange(factor) => {
            ticker.high.and(ticker.low)?;
            let high = grid.price(ticker.last?, factor)?;
            ticker.high = Some(high);
            ticker.low = ticker.low.map(|low| low.min(high));
        }
        Fault::Lift(factor) => lift(ticker, factor, grid)?,
        Fault::Future(seconds) => {
            let by = Duration::from_secs(u64::try_from(seconds).ok()?);
            ticker.time = Some(ticker.time?.saturating_add(by));
        }
        Fault::TimeRegress(seconds) => {
            ticker.time?;
            let by = Duration::from_secs(u64::try_from(seconds).ok()?);
            ticker.time = Some(before?.saturating_sub(by));
        }
        Fault::Spread(share) => {
            ticker.bid = Some(grid.price(ticker.bid?, 1.0 - share / 2.0)?);
            ticker.ask = Some(grid.price(ticker.ask?, 1.0 + share / 2.0)?);
        }
        Fault::OtherSymbol => ticker.symbol = "OTHER/USDT".parse().ok()?,
        Fault::OptionalMissing => {
            let had = [
                &mut ticker.bid_size,
                &mut ticker.ask_size,
                &mut ticker.high,
                &mut ticker.low,
                &mut ticker.open,
                &mut ticker.base_volume,
                &mut ticker.quote_volume,
                &mut ticker.vwap,
                &mut ticker.change,
            ]
            .into_iter()
            .filter_map(Option::take)
            .count();
            (had >= 3).then_some(())?;
        }
        _ => return None,
    }
    Some(())
}

/// Last, bid and ask times a factor, on the grid; what follows from the last price follows.
pub(in crate::quality) fn lift(ticker: &mut Ticker, factor: f64, grid: Grid) -> Option<()> {
    for price in [&mut ticker.last, &mut ticker.bid, &mut ticker.ask] {
        if let Some(price) = price.as_mut() {
            *price = grid.price(*price, factor)?;
        }
    }
    let last = ticker.last?;
    settle(ticker, last);
    Some(())
}

/// High, low and change follow the last price, so that only the price is wrong.
fn settle(ticker: &mut Ticker, last: Decimal) {
    ticker.high = ticker.high.map(|high| high.max(last));
    ticker.low = ticker.low.map(|low| low.min(last));
    if let Some(open) = ticker.open
        && ticker.change.is_some()
    {
        ticker.change = Some(last - open);
    } else {
        ticker.change = None;
    }
}

/// The least time between two answers that are said to be alike.
const SECOND: Duration = Duration::from_secs(1);

/// The same content again and again at the pace of the source; the time advances.
pub(super) fn frozen(base: &Base, times: usize) -> Option<Broken> {
    let Payload::Ticker(first) = &base.shot.decoded.value else {
        return None;
    };
    first.time?;
    // In a market without trades it is a fact that nothing moves; where a counter of changes moves, something did change.
    let trades = first.base_volume.is_none_or(|volume| !volume.is_zero());
    (trades && first.sequence.is_none()).then_some(())?;
    let step = base.source.profile.cadence.unwrap_or(SECOND).max(SECOND);
    let mut shots: Vec<_> = (0..=times)
        .map(|nth| {
            let by = step.saturating_mul(u32::try_from(nth).unwrap_or(u32::MAX));
            let received = base.shot.received.saturating_add(by);
            again(&base.shot, received, |value| {
                if let Payload::Ticker(ticker) = value {
                    ticker.time = ticker.time.map(|time| time.saturating_add(by));
                }
            })
        })
        .collect();
    let shot = shots.pop()?;
    Some(Broken {
        between: shots,
        shot,
        marked: Vec::new(),
    })
}

/// A message of a stream that came before, again.
pub(super) fn replay(base: &Base, back: usize) -> Option<Broken> {
    let old = base.recent.get(base.recent.len().checked_sub(back)?)?;
    let Payload::Ticker(ticker) = &old.decoded.value else {
        return None;
    };
    ticker.sequence?;
    Some(Broken {
        between: Vec::new(),
        shot: again(old, base.shot.received, |_| ()),
        marked: Vec::new(),
    })
}
