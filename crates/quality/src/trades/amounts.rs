//! Are the amounts those of a market?

use robust_market::Severity;

use super::Row;
use crate::rules::{A_FROZEN, A_SIZE_OUTLIER};
use crate::tally::{Place, Tally};

/// Fewer trades than this say nothing.
const ENOUGH: usize = 20;
/// An amount this many times the larger ones of the page (nine of ten are smaller) is no amount.
const TIMES: f64 = 1e4;

/// Judges the amounts of the sound rows, in order of time.
pub(super) fn judge(tally: &mut Tally, rows: &[&Row<'_>]) {
    if rows.len() < ENOUGH {
        return;
    }
    outliers(tally, rows);
    frozen(tally, rows);
}

fn outliers(tally: &mut Tally, rows: &[&Row<'_>]) {
    let most = rows.iter().fold(0.0_f64, |most, row| most.max(row.amount));
    // On most pages more than a tenth are not that far below the largest one, and so nothing is far above nine tenths.
    let near = rows.iter().filter(|row| row.amount * TIMES >= most).count();
    if near * 10 > rows.len() {
        return;
    }
    let mut amounts: Vec<f64> = rows.iter().map(|row| row.amount).collect();
    let place = rows.len() * 9 / 10;
    let (_, larger, _) = amounts.select_nth_unstable_by(place, f64::total_cmp);
    let larger = *larger;
    for row in rows.iter().filter(|row| row.amount > larger * TIMES) {
        let place = Place {
            field: Some("amount"),
            ..Place::row(row.position)
        };
        tally.object(&A_SIZE_OUTLIER, Severity::Warning, place, || {
            format!(
                "{:.0} times the larger trades of the page",
                row.amount / larger
            )
        });
    }
}

/// Trades in a row with one price, amount and side, of more than one instant: a record that is sent again under new numbers.
fn frozen(tally: &mut Tally, rows: &[&Row<'_>]) {
    let same = |a: &&Row<'_>, b: &&Row<'_>| {
        a.price == b.price && a.amount == b.amount && a.trade.side == b.trade.side
    };
    for run in rows.chunk_by(same).filter(|run| run.len() >= ENOUGH) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        // One order may meet many alike.
        if first.ns() == last.ns() {
            continue;
        }
        let severity = if run.len() == rows.len() {
            Severity::Error
        } else {
            Severity::Warning
        };
        tally.whole(&A_FROZEN, severity, Some("amount"), || {
            format!("{} trades in a row are the same one", run.len())
        });
    }
}
