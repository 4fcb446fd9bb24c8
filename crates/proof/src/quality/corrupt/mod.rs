//! What each kind of fault does to a sound answer.
//!
//! Changed prices are put on the instrument's grid again: a price off the grid would be found for that alone.

mod book;
mod candles;
mod ticker;
mod trades;

use std::time::Duration;

use fastrand::Rng;
use robust_market::{Defect, DefectKind, Payload, Request, Timestamp, Trade};

use super::catalogue::{Cell, Fault};
use super::scene::{Base, Broken, Grid, Shot};
pub(super) use candles::lift as lift_bar;
pub(super) use ticker::lift as lift_print;

/// Breaks a base; `None` when the fault cannot be made of it (no sequence to set back, no volume to repeat).
#[must_use]
pub fn corrupt(base: &Base, fault: Fault, rng: &mut Rng) -> Option<Broken> {
    let mut broken = Broken {
        between: Vec::new(),
        shot: base.shot.clone(),
        marked: Vec::new(),
    };
    let profile = &base.source.profile;
    // What is unusual can only be told from what is usual.
    let single = matches!(
        base.shot.decoded.value,
        Payload::Ticker(_) | Payload::OrderBook(_)
    );
    let lacks_history = match fault {
        // Less than some thirty answers tell nothing of the usual move: accuracy does not apply yet.
        Fault::Lift(_) | Fault::Spread(_) => !base.state.is_warm(),
        Fault::DepthOne => base.recent.is_empty(),
        _ => false,
    };
    (!(single && lacks_history)).then_some(())?;
    let Shot { decoded, .. } = &mut broken.shot;
    let wire = Wire {
        defects: &mut decoded.defects,
        excluded: &mut decoded.excluded,
        marked: &mut broken.marked,
        grid: base.source.grid,
    };
    match (&mut decoded.value, fault) {
        (_, Fault::Stale(seconds)) => {
            // Nothing older must come after something newer: it is the answer that is late.
            decoded.value.exchange_time()?;
            // Where a new value is due each hour, one of ten minutes is fresh.
            let late = Duration::from_secs(u64::try_from(seconds).ok()?);
            let due = base.source.profile.cadence.unwrap_or_default();
            (due * 60 <= late).then_some(())?;
            // A quiet market is not stale: its newest trade is late by its own pauses.
            if matches!(decoded.value, Payload::Trades(_)) {
                let pages = base.recent.iter().chain([&base.shot]);
                let longest = pages.filter_map(longest_pause).max()?;
                (longest * 10 <= late).then_some(())?;
            }
            later(
                &mut broken.shot,
                Duration::from_secs(u64::try_from(seconds).ok()?),
            );
        }
        // Half of what nobody asked for is not missing.
        (Payload::Candles(_), Fault::HalfTheResponse)
            if matches!(base.source.request, Request::Candles { limit: None, .. }) =>
        {
            return None;
        }
        (Payload::Candles(_), Fault::StaleBars(bars)) => {
            let Request::Candles { interval, .. } = &base.source.request else {
                return None;
            };
            later(&mut broken.shot, interval.duration() * bars);
        }
        (Payload::Candles(series), fault) => {
            candles::corrupt(series, fault, wire, profile.dense_candles, rng)?;
        }
        (Payload::Ticker(_), Fault::Frozen(times)) => return ticker::frozen(base, times),
        (Payload::Ticker(_), Fault::Replay(back)) => return ticker::replay(base, back),
        (Payload::Ticker(ticker), fault) => {
            let before = base
                .recent
                .last()
                .and_then(|shot| shot.decoded.value.exchange_time());
            ticker::corrupt(ticker, fault, wire, before)?;
        }
        (Payload::OrderBook(book), fault) => {
            let before = base.recent.last().and_then(sequence);
            book::corrupt(book, fault, wire, before, rng)?;
        }
        (Payload::Trades(list), fault) => {
            trades::corrupt(list, fault, wire, profile.dense_trade_ids, rng)?;
        }
        _ => return None,
    }
    Some(broken)
}

/// The longest time between two trades of a page.
fn longest_pause(shot: &Shot) -> Option<Duration> {
    let Payload::Trades(list) = &shot.decoded.value else {
        return None;
    };
    let pause = |pair: &[Trade]| pair[1].time.since(pair[0].time);
    list.rows.windows(2).map(pause).max()
}

fn later(shot: &mut Shot, by: Duration) {
    shot.received = shot.received.saturating_add(by);
    shot.now = shot.now.saturating_add(by);
}

fn sequence(shot: &Shot) -> Option<u64> {
    match &shot.decoded.value {
        Payload::OrderBook(book) => book.sequence,
        _ => None,
    }
}

/// What stands beside the value: what a decoder notes, and what the benchmark remembers.
struct Wire<'a> {
    defects: &'a mut Vec<Defect>,
    excluded: &'a mut Vec<usize>,
    marked: &'a mut Vec<usize>,
    grid: Grid,
}

impl Wire<'_> {
    /// Notes a broken cell the way the connectors do.
    fn note(&mut self, index: Option<usize>, field: &'static str, cell: Cell) {
        let (kind, text) = match cell {
            Cell::Missing => (DefectKind::Missing, None),
            Cell::Null => (DefectKind::Null, Some("null")),
            Cell::Nan => (DefectKind::NotFinite, Some("NaN")),
            Cell::Infinite => (DefectKind::NotFinite, Some("Infinity")),
            Cell::Words => (DefectKind::Unparsable, Some("n/a")),
            Cell::Bool => (DefectKind::WrongType, Some("true")),
            Cell::Beyond => (DefectKind::OutOfRange, Some("1716508800123456")),
        };
        self.defects.push(Defect::new(index, field, kind, text));
        self.marked.extend(index);
    }

    /// Takes the record at `index` out of the value, as a decoder does when a required cell is broken.
    fn exclude<T>(
        &mut self,
        rows: &mut Vec<T>,
        index: usize,
        position: usize,
        field: &'static str,
        cell: Cell,
    ) {
        rows.remove(index);
        self.excluded.push(position);
        self.note(Some(position), field, cell);
    }
}

/// The same answer under a new time of arrival.
fn again(shot: &Shot, received: Timestamp, change: impl FnOnce(&mut Payload)) -> Shot {
    let mut value = shot.decoded.value.clone();
    change(&mut value);
    Shot {
        peers: shot.peers,
        clock_ahead: shot.clock_ahead,
        ..Shot::sound(value, received)
    }
}
