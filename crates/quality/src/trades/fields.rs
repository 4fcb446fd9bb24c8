//! Fields that a trade may lack, where all the others of its page have them.

use robust_market::{Decoded, Payload, Severity, Trade, Trades};

use crate::defects;
use crate::rules::C_OPTIONAL;
use crate::tally::{Place, Tally};

/// Fewer trades than this do not say what the others have.
const ENOUGH: usize = 5;

/// Objects to trades without an id or a side, where at most one in twenty of the page lacks it, or a single one.
///
/// An exchange that sends no ids, or no sides, sends none at all.
pub(super) fn judge(tally: &mut Tally, trades: &Trades, decoded: &Decoded<Payload>) {
    let rows = &trades.rows;
    if rows.len() < ENOUGH {
        return;
    }
    for (name, lacks) in [
        ("id", (|row| row.id.is_none()) as fn(&Trade) -> bool),
        ("side", |row| row.side.is_none()),
    ] {
        let missing = rows.iter().filter(|row| lacks(row)).count();
        if missing == 0 || (missing > 1 && missing * 20 > rows.len()) {
            continue;
        }
        let placed = rows.iter().zip(defects::positions(&decoded.excluded));
        for (_, position) in placed.filter(|(row, _)| lacks(row)) {
            // What came and could not be read is said already.
            if tally.is_broken(position) {
                continue;
            }
            let place = Place {
                field: Some(name),
                ..Place::row(position)
            };
            tally.object(&C_OPTIONAL, Severity::Warning, place, || {
                format!("{name} is missing, and the other trades of the page have it")
            });
        }
    }
}
