//! Time (`{"unixtime": seconds, "rfc1123"}`) and SystemStatus (`{"status": "online", "timestamp": RFC 3339}`).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use chrono::DateTime;
use robust_market::{Decoded, DefectKind, Operation, Payload, Status, Timestamp};
use serde::Deserialize;

use super::envelope::open_exactly;
use crate::wire::{Fields, Notes, Object, Raw};
use crate::{Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
struct TimeWire<'a> {
    #[serde(borrow, default)]
    unixtime: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct StatusWire<'a> {
    #[serde(borrow, default)]
    status: Raw<'a>,
    #[serde(borrow, default)]
    timestamp: Raw<'a>,
}

pub(super) fn server_time(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let wire = open_exactly::<Object<TimeWire<'_>>>(reply)?;
    let time = wire.unixtime.seconds();
    let time = time.map_err(|_| answer::malformed(reply, "no readable time"))?;
    Ok(Decoded::clean(Payload::ServerTime(time)))
}

pub(super) fn status(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let wire = open_exactly::<Object<StatusWire<'_>>>(reply)?;
    let word = wire.status.text();
    let word = word.map_err(|_| answer::malformed(reply, "no readable status"))?;
    let operation = match &*word {
        "online" => Operation::Online,
        "maintenance" => Operation::Maintenance,
        "cancel_only" => Operation::CancelOnly,
        "post_only" => Operation::PostOnly,
        _ => Operation::Other,
    };
    let mut notes = Notes::clean(());
    let mut status = Status::new(operation, &word);
    status.time = Fields::new(&mut notes, Some(0)).may("time", wire.timestamp, rfc3339);
    Ok(notes.map(|()| Payload::Status(status)))
}

fn rfc3339(raw: Raw<'_>) -> Result<Timestamp, DefectKind> {
    let text = raw.text()?;
    let time = DateTime::parse_from_rfc3339(&text).map_err(|_| DefectKind::Unparsable)?;
    time.timestamp_nanos_opt()
        .map(Timestamp::from_ns)
        .ok_or(DefectKind::OutOfRange)
}
