//! Timestamp (`ms`) and status (`{"status": "open", "msg": ""}`).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, Operation, Payload, Status};
use serde::Deserialize;

use super::envelope::open_exactly;
use crate::wire::{Object, Raw};
use crate::{Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
struct StatusWire<'a> {
    #[serde(borrow, default)]
    status: Raw<'a>,
}

pub(super) fn server_time(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let time = open_exactly::<Raw<'_>>(reply)?.millis();
    let time = time.map_err(|_| answer::malformed(reply, "no readable time"))?;
    Ok(Decoded::clean(Payload::ServerTime(time)))
}

pub(super) fn status(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let wire = open_exactly::<Object<StatusWire<'_>>>(reply)?;
    let word = wire.status.text();
    let word = word.map_err(|_| answer::malformed(reply, "no readable status"))?;
    let operation = match &*word {
        "open" => Operation::Online,
        "close" => Operation::Maintenance,
        "cancelonly" => Operation::CancelOnly,
        _ => Operation::Other,
    };
    let status = Status::new(operation, &word);
    Ok(Decoded::clean(Payload::Status(status)))
}
