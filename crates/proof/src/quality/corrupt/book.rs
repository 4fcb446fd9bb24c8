//! Faults of order books.

use std::time::Duration;

use fastrand::Rng;
use robust_market::{Level, OrderBook};
use rust_decimal::Decimal;

use super::Wire;
use crate::quality::catalogue::{Cell, Fault, Field};
use crate::quality::draw::below;

/// Breaks a book; `before` is the sequence of the one before it.
pub(super) fn corrupt(
    book: &mut OrderBook,
    fault: Fault,
    mut wire: Wire<'_>,
    before: Option<u64>,
    rng: &mut Rng,
) -> Option<()> {
    let grid = wire.grid;
    let bids = book.bids.len();
    (bids >= 8 && book.asks.len() >= 8).then_some(())?;
    let is_bid = rng.bool();
    let offset = if is_bid { 0 } else { bids };
    let side = if is_bid {
        &mut book.bids
    } else {
        &mut book.asks
    };
    let level = 2 + below(rng, side.len() - 4);
    let position = offset + level;
    match fault {
        Fault::BreakCell(field, cell) => {
            let name = match (field, is_bid) {
                (Field::Price, true) => "bids.price",
                (Field::Price, false) => "asks.price",
                (Field::Size, true) => "bids.size",
                (Field::Size, false) => "asks.size",
                _ => return None,
            };
            wire.exclude(side, level, position, name, cell);
        }
        Fault::SetZero(Field::Size) => side.get_mut(level)?.size = Decimal::ZERO,
        Fault::Negate(Field::Size) => {
            let level = side.get_mut(level)?;
            level.size = -level.size;
        }
        Fault::Negate(Field::Price) => {
            let level = side.get_mut(level)?;
            level.price = -level.price;
        }
        Fault::Crossed => {
            // The best bid is put between the second and the third ask.
            let above = book.asks.get(1)?.price + Decimal::new(1, grid.price);
            book.bids.first_mut()?.price = above;
        }
        Fault::Locked => book.bids.first_mut()?.price = book.asks.first()?.price,
        Fault::UnsortedBids => swap(&mut book.bids, rng)?,
        Fault::UnsortedAsks => swap(&mut book.asks, rng)?,
        Fault::DuplicateLevel => {
            let twice = *side.get(level)?;
            side.insert(level + 1, twice);
        }
        Fault::EmptyBids => book.bids.clear(),
        Fault::EmptyAsks => book.asks.clear(),
        Fault::DepthOne => {
            book.bids.truncate(1);
            book.asks.truncate(1);
        }
        Fault::SidesSwapped => std::mem::swap(&mut book.bids, &mut book.asks),
        Fault::SideMissing => {
            book.asks.clear();
            wire.note(None, "asks", Cell::Missing);
        }
        Fault::Future(seconds) => {
            let by = Duration::from_secs(u64::try_from(seconds).ok()?);
            book.time = Some(book.time?.saturating_add(by));
        }
        Fault::Lift(factor) => {
            for level in book.bids.iter_mut().chain(&mut book.asks) {
                level.price = grid.price(level.price, factor)?;
            }
        }
        Fault::SizeTimes(factor) => {
            let level = side.get_mut(level)?;
            level.size = grid.size(level.size, factor)?;
        }
        Fault::SequenceRegress(by) => {
            book.sequence?;
            book.sequence = Some(before?.checked_sub(by)?);
        }
        Fault::LevelTimes(factor) => {
            let level = side.get_mut(level)?;
            level.price = grid.price(level.price, factor)?;
        }
        _ => return None,
    }
    Some(())
}

fn swap(side: &mut [Level], rng: &mut Rng) -> Option<()> {
    let at = below(rng, side.len().checked_sub(1)?);
    side.swap(at, at + 1);
    Some(())
}
