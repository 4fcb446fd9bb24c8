//! Rules for the resting orders of one market.

mod accuracy;
mod again;

use std::cmp::Ordering;

use robust_market::{
    Acceptance, Decoded, Dimension, Level, OrderBook, Payload, Report, Request, Severity,
};
use rust_decimal::Decimal;

use crate::defects::{self, Meaning};
use crate::engine::Outcome;
use crate::exact::{Steps, compare};
use crate::finite::nearest;
use crate::rules::{
    A_MID_OUTLIER, C_DEPTH, C_ROW, C_SIDE_EMPTY, C_SIDES, K_CROSSED, K_LOCKED, K_UNSORTED_ASKS,
    K_UNSORTED_BIDS, V_BOUNDS, V_PRICE, V_SIZE, V_SYMBOL, V_TICK,
};
use crate::tally::{Place, Tally};
use crate::ticker::accuracy::Prices;
use crate::timeliness::SourceTime;
use crate::{Context, SymbolState, provenance, seen, timeliness};

/// One side of the book under judgement.
struct Side<'a> {
    name: &'static str,
    levels: &'a [Level],
    /// Wire position of each level.
    positions: Positions,
    /// Levels of the wire that lack a field.
    lacking: usize,
    /// Levels of the wire that are there but hold no value.
    invalid: usize,
    /// Levels that passed validity, in the order of the wire.
    good: Vec<Good>,
    /// How the next price compares to the one before it where the side is in order.
    order: Ordering,
}

/// Where the levels of a side are on the wire.
enum Positions {
    /// One after the other.
    From(usize),
    /// Some between them could not be read.
    Listed(Vec<usize>),
}

/// A level that passed validity, with its numbers.
#[derive(Debug, Clone, Copy)]
struct Good {
    price: Decimal,
    position: usize,
    near: f64,
    size: f64,
}

impl Side<'_> {
    /// Levels that are there, whatever they are worth.
    fn count(&self) -> usize {
        self.levels.len() + self.invalid
    }

    fn position(&self, level: usize) -> usize {
        match &self.positions {
            Positions::From(first) => first + level,
            Positions::Listed(all) => all.get(level).copied().unwrap_or(level),
        }
    }

    /// How often a price does not follow the one before it; equal ones do not count.
    fn unsorted(&self) -> usize {
        let wrong = |pair: &[Good]| matches!(pair, [a, b] if compare(b.price, a.price) == self.order.reverse());
        self.good.windows(2).filter(|pair| wrong(pair)).count()
    }

    /// Whether each price is beyond the one before it.
    fn is_strict(&self) -> bool {
        let right =
            |pair: &[Good]| matches!(pair, [a, b] if compare(b.price, a.price) == self.order);
        self.good.windows(2).all(right)
    }

    /// The highest bid or the lowest ask, whatever the order of the levels.
    fn best(&self) -> Option<Decimal> {
        let prices = self.good.iter().map(|level| level.price);
        prices.reduce(|best, price| {
            if compare(price, best) == self.order.reverse() {
                price
            } else {
                best
            }
        })
    }
}

/// Judges one book against the depth that was asked for and is usual.
pub(crate) fn book(
    book: &OrderBook,
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Report {
    let mut tally = Tally::single();
    let [mut bids, mut asks] = sides(book, decoded);
    symbol(&mut tally, book, context);
    broken(&mut tally, decoded);
    tally.checked(
        Dimension::Validity,
        book.bids.len() + book.asks.len() + decoded.excluded.len(),
    );
    validity(&mut tally, &mut bids, context);
    validity(&mut tally, &mut asks, context);
    completeness(&mut tally, &bids, &asks, decoded, context, state);
    let strict = [bids.is_strict(), asks.is_strict()];
    let best = accuracy::best(&bids, &asks, strict);
    consistency(&mut tally, &bids, &asks, strict, best);
    again::sequence(&mut tally, book, state);
    let content = seen::levels(book);
    again::conflict(&mut tally, book, content, [&bids, &asks], state);
    tally.checked(Dimension::Uniqueness, bids.good.len() + asks.good.len());
    for (side, strict) in [&bids, &asks].into_iter().zip(strict) {
        if !strict {
            again::twice(&mut tally, side);
        }
    }
    let time = event_time(&mut tally, book, context);
    let clock = SourceTime::of(context, &state.seen.clock);
    timeliness::event(&mut tally, time, &clock, context);
    provenance::judge(&mut tally, context.provenance, Some(book.symbol.as_str()));
    let sound = tally.is_sound();
    accuracy::frozen(&mut tally, (book, content), context, state);
    let weighed = accuracy::judge(&mut tally, [&bids, &asks], best, context, state);
    let others = sound && tally.is_sound_but_for(&A_MID_OUTLIER);
    let report = tally.finish(context.config);
    state.release(0);
    if let Some(weighed) = weighed.filter(|_| others) {
        if let Outcome::Level { released } = weighed.outcome {
            state.release(released);
        }
        state.seen.engine.learn(&weighed);
    }
    if let Some(time) = time {
        state.seen.clock.observe(time, context.received);
    }
    if sound {
        // A market that is thinner than what was asked for would never be accepted if only accepted books taught its depth.
        state.learn_depth(bids.count(), asks.count());
    }
    if report.acceptance >= Acceptance::AcceptWithExclusions {
        state.accept(time, book.sequence);
        if book.sequence.is_some() {
            state.seen.last_content = again::is_deep(book).then_some(content);
        }
    }
    report
}

/// Splits the positions of the wire into bids and asks: bids come first, an ask's position counts on.
fn sides<'a>(book: &'a OrderBook, decoded: &Decoded<Payload>) -> [Side<'a>; 2] {
    let mut lacking = [0, 0];
    let mut invalid = [0, 0];
    for (before, position) in decoded.excluded.iter().enumerate() {
        let mut own = decoded
            .defects
            .iter()
            .filter(|d| d.index == Some(*position));
        let named = own.clone().map(|d| d.field.as_ref()).next();
        let bid = match named {
            Some(field) if field.starts_with("bids") => true,
            Some(field) if field.starts_with("asks") => false,
            _ => *position < book.bids.len() + before,
        };
        let absent = own.any(|d| matches!(defects::meaning(d), Meaning::Absent));
        let side = usize::from(!bid);
        let counter = if absent { &mut lacking } else { &mut invalid };
        if let Some(count) = counter.get_mut(side) {
            *count += 1;
        }
    }
    let positions = if decoded.excluded.is_empty() {
        [Positions::From(0), Positions::From(book.bids.len())]
    } else {
        let mut all: Vec<usize> = defects::positions(&decoded.excluded)
            .take(book.bids.len() + book.asks.len())
            .collect();
        let asks = all.split_off(book.bids.len().min(all.len()));
        [Positions::Listed(all), Positions::Listed(asks)]
    };
    let [bids_at, asks_at] = positions;
    let [bids_lacking, asks_lacking] = lacking;
    let [bids_invalid, asks_invalid] = invalid;
    [
        Side {
            name: "bids",
            levels: &book.bids,
            positions: bids_at,
            lacking: bids_lacking,
            invalid: bids_invalid,
            good: Vec::with_capacity(book.bids.len()),
            order: Ordering::Less,
        },
        Side {
            name: "asks",
            levels: &book.asks,
            positions: asks_at,
            lacking: asks_lacking,
            invalid: asks_invalid,
            good: Vec::with_capacity(book.asks.len()),
            order: Ordering::Greater,
        },
    ]
}

fn symbol(tally: &mut Tally, book: &OrderBook, context: &Context<'_>) {
    if context
        .request
        .symbol()
        .is_some_and(|asked| *asked != book.symbol)
    {
        tally.whole(&V_SYMBOL, Severity::Critical, Some("symbol"), || {
            format!("{} came and was not asked for", book.symbol)
        });
    }
}

fn broken(tally: &mut Tally, decoded: &Decoded<Payload>) {
    for defect in &decoded.defects {
        if defects::of_the_whole(tally, defect) {
            continue;
        }
        let field = Some(defect.field.as_ref());
        let say = || defects::text(defect);
        match (defect.index, defects::meaning(defect)) {
            (Some(record), Meaning::Absent) => {
                let place = Place {
                    field,
                    ..Place::row(record)
                };
                tally.object(&C_ROW, Severity::Error, place, say);
            }
            (Some(record), Meaning::Invalid(rule)) => {
                let place = Place {
                    field,
                    ..Place::row(record)
                };
                tally.object(rule, Severity::Error, place, say);
            }
            // A side that is missing is objected to by completeness.
            (None, Meaning::Absent) => {}
            (None, Meaning::Invalid(rule)) => {
                let side = matches!(defect.field.as_ref(), "bids" | "asks");
                let severity = if side {
                    Severity::Critical
                } else {
                    Severity::Error
                };
                tally.whole(rule, severity, field, say);
            }
        }
    }
    defects::unexplained(tally, &decoded.excluded);
}

fn validity(tally: &mut Tally, side: &mut Side<'_>, context: &Context<'_>) {
    let bounds = context
        .request
        .symbol()
        .and_then(|s| context.config.bounds(s));
    let prices = context.profile.price_tick.map(Steps::of);
    let amounts = context.profile.amount_step.map(Steps::of);
    for (nth, level) in side.levels.iter().enumerate() {
        let position = side.position(nth);
        let place = Place {
            field: Some(side.name),
            ..Place::row(position)
        };
        let (near, size) = (nearest(level.price), nearest(level.size));
        let mut good = true;
        if near <= 0.0 {
            good = false;
            tally.object(&V_PRICE, Severity::Error, place, || {
                format!("price {} is not above zero", level.price)
            });
        }
        let outside = bounds.filter(|bounds| good && !bounds.contains(level.price));
        if let Some(bounds) = outside.filter(|_| side.good.is_empty()) {
            tally.object(&V_BOUNDS, Severity::Error, place, || {
                format!(
                    "the best price {} is outside {} to {}",
                    level.price,
                    bounds.min(),
                    bounds.max()
                )
            });
        }
        // A size of zero deletes a level, which a snapshot has no use for.
        if size <= 0.0 {
            good = false;
            tally.object(&V_SIZE, Severity::Error, place, || {
                format!("size {} is not above zero", level.size)
            });
        }
        if good {
            side.good.push(Good {
                price: level.price,
                position,
                near,
                size,
            });
            let off_price = prices.is_some_and(|steps| !steps.hold(level.price));
            let off_size = amounts.is_some_and(|steps| !steps.hold(level.size));
            if off_price || off_size {
                tally.object(&V_TICK, Severity::Warning, place, || {
                    format!("{} × {} is off the grid", level.price, level.size)
                });
            }
        }
    }
}

fn completeness(
    tally: &mut Tally,
    bids: &Side<'_>,
    asks: &Side<'_>,
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    state: &SymbolState,
) {
    let absent = |side: &str| {
        decoded.defects.iter().any(|defect| {
            defect.index.is_none()
                && defect.field == side
                && matches!(defects::meaning(defect), Meaning::Absent)
        })
    };
    // A side that is something else than a list is objected to by validity.
    let unreadable = decoded.defects.iter().any(|defect| {
        defect.index.is_none()
            && matches!(defect.field.as_ref(), "bids" | "asks")
            && matches!(defects::meaning(defect), Meaning::Invalid(_))
    });
    if unreadable {
        return;
    }
    let counts = (bids.count(), asks.count());
    let due = due(counts, context, state);
    let share = |count: usize, due: usize| (count.min(due), due);
    let ((b, due_b), (a, due_a)) = (share(counts.0, due.0), share(counts.1, due.1));
    // ½·b/D + ½·a/D as one fraction of integers.
    let part = b
        .saturating_mul(due_a)
        .saturating_add(a.saturating_mul(due_b));
    let whole = due_a.saturating_mul(due_b).saturating_mul(2);
    let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    tally.own_share(Dimension::Completeness, count(part), count(whole));

    let nothing = (bids.lacking, asks.lacking) == (0, 0) && counts == (0, 0);
    if absent("bids") || absent("asks") || nothing {
        tally.whole(&C_SIDES, Severity::Critical, Some("bids"), || {
            "a side is not in the answer, or both are empty".to_owned()
        });
    } else if (counts.0 == 0 && bids.lacking == 0) || (counts.1 == 0 && asks.lacking == 0) {
        let empty = if counts.0 == 0 { "bids" } else { "asks" };
        let severity = if context.halted {
            Severity::Info
        } else {
            Severity::Error
        };
        tally.measured(&C_SIDE_EMPTY, severity, Some(empty), || {
            format!("no {empty}")
        });
    } else if (b + bids.lacking) * 2 < due_b || (a + asks.lacking) * 2 < due_a {
        tally.measured(&C_DEPTH, Severity::Warning, None, || {
            format!("{b} bids of {due_b} and {a} asks of {due_a}")
        });
    }
}

/// Levels a side that even the first book of a market should have where as many were asked for: exchanges serve no shorter one.
const FIRST: usize = 5;

/// How many levels are due on each side: what was asked for, or what is usual if that is less.
///
/// Of a first book it is not known how deep the market is, and what was asked for is no more than an upper bound: of four recorded
/// books of which 1 000 levels were asked for, three had fewer than half of them on a side, and they were whole.
fn due(counts: (usize, usize), context: &Context<'_>, state: &SymbolState) -> (usize, usize) {
    let asked = match context.request {
        Request::OrderBook { depth, .. } => depth.and_then(|depth| usize::try_from(depth).ok()),
        _ => None,
    };
    let usual = state.usual_depth().map(|(bids, asks)| {
        let levels = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
        (levels(bids), levels(asks))
    });
    let least = |came: usize, usual: Option<usize>| match (asked, usual) {
        (Some(asked), Some(usual)) => asked.min(usual).max(1),
        (None, Some(usual)) => usual.max(1),
        (Some(asked), None) => asked.min(came.max(FIRST)).max(1),
        (None, None) => came.max(1),
    };
    (
        least(counts.0, usual.map(|u| u.0)),
        least(counts.1, usual.map(|u| u.1)),
    )
}

fn consistency(
    tally: &mut Tally,
    bids: &Side<'_>,
    asks: &Side<'_>,
    strict: [bool; 2],
    best: Prices,
) {
    if bids.good.is_empty() && asks.good.is_empty() {
        return;
    }
    tally.checked(Dimension::Consistency, 1);
    // Highest and lowest, not the first of each side: unsorted and crossed are two faults.
    if let (Some(bid), Some(ask)) = (best.bid, best.ask) {
        match compare(bid, ask) {
            Ordering::Greater => {
                tally.whole(&K_CROSSED, Severity::Critical, Some("bids"), || {
                    format!("highest bid {bid} above lowest ask {ask}")
                });
            }
            Ordering::Equal => tally.whole(&K_LOCKED, Severity::Warning, Some("bids"), || {
                format!("highest bid and lowest ask are both {bid}")
            }),
            Ordering::Less => {}
        }
    }
    let rules = [&K_UNSORTED_BIDS, &K_UNSORTED_ASKS];
    for ((side, rule), strict) in [bids, asks].into_iter().zip(rules).zip(strict) {
        let count = if strict { 0 } else { side.unsorted() };
        if count > 0 {
            tally.whole(rule, Severity::Error, Some(side.name), || {
                format!("{count} times out of order")
            });
        }
    }
}

fn event_time(
    tally: &mut Tally,
    book: &OrderBook,
    context: &Context<'_>,
) -> Option<robust_market::Timestamp> {
    let Some(time) = book.time else {
        timeliness::no_event_time(tally);
        return None;
    };
    let Some(rule) = timeliness::impossible(time, context.now) else {
        return Some(time);
    };
    tally.whole(rule, Severity::Error, Some("time"), || {
        format!("{time} cannot be the time of an event")
    });
    None
}
