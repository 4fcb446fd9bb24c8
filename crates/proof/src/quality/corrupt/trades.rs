//! Faults of lists of trades.

use std::time::Duration;

use fastrand::Rng;
use robust_market::{Trade, Trades};
use rust_decimal::Decimal;

use super::Wire;
use crate::quality::catalogue::{Fault, Field};
use crate::quality::draw::below;

/// The rows at either end that single faults leave alone.
const EDGE: usize = 12;

/// Breaks a list.
pub(super) fn corrupt(
    list: &mut Trades,
    fault: Fault,
    mut wire: Wire<'_>,
    dense_ids: bool,
    rng: &mut Rng,
) -> Option<()> {
    let grid = wire.grid;
    let rows = &mut list.rows;
    let room = rows.len().checked_sub(2 * EDGE + 1)?;
    (room > 0).then_some(())?;
    let row = EDGE + below(rng, room);
    match fault {
        Fault::BreakCell(Field::Price, cell) => wire.exclude(rows, row, row, "price", cell),
        Fault::BreakCell(Field::Side, cell) => {
            rows.get_mut(row)?.side.take()?;
            wire.note(Some(row), "side", cell);
        }
        Fault::SetZero(field) => {
            let trade = rows.get_mut(row)?;
            match field {
                Field::Price => trade.price = Decimal::ZERO,
                _ => trade.amount = Decimal::ZERO,
            }
            wire.marked.push(row);
        }
        Fault::Negate(_) => {
            let trade = rows.get_mut(row)?;
            trade.price = -trade.price;
            wire.marked.push(row);
        }
        Fault::DuplicateExact => {
            let twice = with_id(rows.get(row)?)?.clone();
            rows.insert(row + 1, twice);
            wire.marked.extend([row, row + 1]);
        }
        Fault::IdConflict => {
            let (first, second) = (rows.get(row)?, rows.get(row + 1)?);
            (first.price != second.price || first.amount != second.amount).then_some(())?;
            let id = with_id(first)?.id.clone();
            rows.get_mut(row + 1)?.id = id;
            wire.marked.extend([row, row + 1]);
        }
        Fault::IdGap(ids) => {
            dense_ids.then_some(())?;
            for trade in rows.get_mut(row..)? {
                let id: u64 = trade.id.as_deref()?.parse().ok()?;
                trade.id = Some((id + ids).to_string().into());
            }
        }
        Fault::OutOfOrder => {
            let other = (row + 1..rows.len())
                .find(|other| rows.get(*other).map(|t| t.time) > rows.get(row).map(|t| t.time))?;
            rows.swap(row, other);
            wire.marked.extend(row..=other);
        }
        Fault::TimesAgainstIds => {
            let (first, second) = rows.get(row..row + 2)?.split_first()?;
            let second = second.first()?;
            (first.time < second.time).then_some(())?;
            let ids = (with_id(first)?.id.clone(), second.id.clone());
            (rows.get_mut(row)?.id, rows.get_mut(row + 1)?.id) = (ids.1, ids.0);
            wire.marked.extend([row, row + 1]);
        }
        Fault::Lift(factor) => {
            let trade = rows.get_mut(row)?;
            trade.price = grid.price(trade.price, factor)?;
            wire.marked.push(row);
        }
        Fault::OneFuture(seconds) => {
            let by = Duration::from_secs(u64::try_from(seconds).ok()?);
            let trade = rows.get_mut(row)?;
            trade.time = trade.time.saturating_add(by);
            wire.marked.push(row);
        }
        Fault::PageRepeated => {
            with_id(rows.first()?)?;
            let again = rows.clone();
            rows.extend(again);
        }
        _ => return None,
    }
    Some(())
}

fn with_id(trade: &Trade) -> Option<&Trade> {
    trade.id.is_some().then_some(trade)
}
