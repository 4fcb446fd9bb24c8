//! Timestamp (`ms`) and market status (`{"marketStatus": 1}`).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, Operation, Payload, Status};
use serde::Deserialize;

use super::envelope::open_exactly;
use crate::wire::{Object, Raw};
use crate::{Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire<'a> {
    #[serde(borrow, default)]
    market_status: Raw<'a>,
}

pub(super) fn server_time(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let time = open_exactly::<Raw<'_>>(reply)?.millis();
    let time = time.map_err(|_| answer::malformed(reply, "no readable time"))?;
    Ok(Decoded::clean(Payload::ServerTime(time)))
}

pub(super) fn status(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let wire = open_exactly::<Object<StatusWire<'_>>>(reply)?;
    let state = wire.market_status.count();
    let state = state.map_err(|_| answer::malformed(reply, "no readable status"))?;
    // The words of the table in the documentation; on the wire there are only numbers.
    let status = match state {
        1 => Status::new(Operation::Online, "normal"),
        2 => Status::new(Operation::Maintenance, "halted"),
        3 => Status::new(Operation::CancelOnly, "cancel-only"),
        other => Status::new(Operation::Other, &other.to_string()),
    };
    Ok(Decoded::clean(Payload::Status(status)))
}
