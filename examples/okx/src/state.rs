//! `/public/time` (`[{"ts"}]`) and `/system/status`: a list of maintenances, which is empty on most days.

use robust_market::{Decoded, Operation, Payload, Status};
use serde::Deserialize;

use crate::wire::{Notes, Raw, Record};

#[derive(Deserialize)]
struct Time<'a> {
    #[serde(borrow, default)]
    ts: Raw<'a>,
}

#[derive(Deserialize)]
struct Maintenance<'a> {
    #[serde(borrow, default)]
    title: Raw<'a>,
    #[serde(borrow, default)]
    state: Raw<'a>,
}

pub(crate) fn server_time(rows: &[Raw<'_>]) -> Result<Decoded<Payload>, &'static str> {
    let [row] = rows else {
        return Err("not one time");
    };
    let time = row.read::<Time<'_>>().and_then(|wire| wire.ts.millis());
    let time = time.map_err(|_| "no readable time")?;
    Ok(Decoded::clean(Payload::ServerTime(time)))
}

/// In maintenance while one is going on; one that is only scheduled changes nothing yet.
pub(crate) fn status(rows: &[Raw<'_>]) -> Decoded<Payload> {
    let mut notes = Notes::clean(());
    let mut status = Status::new(Operation::Online, "");
    for (position, row) in rows.iter().enumerate() {
        let mut record = Record::new(&mut notes, position);
        let Some(wire) = record.need("maintenance", *row, Raw::read::<Maintenance<'_>>) else {
            record.exclude();
            continue;
        };
        let state = record.need("state", wire.state, Raw::name);
        let title = record
            .need("text", wire.title, Raw::text)
            .unwrap_or_default();
        match state.as_deref() {
            Some("ongoing") => status = Status::new(Operation::Maintenance, &title),
            Some("pre_open") if status.operation == Operation::Online => {
                status = Status::new(Operation::Other, &title);
            }
            _ => {}
        }
    }
    notes.map(|()| Payload::Status(status))
}
