//! Time (`{"serverTime": ms}`) and system status (`{"status": 0, "msg": "normal"}`).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, Operation, Payload, Status};
use serde::Deserialize;

use crate::wire::{Fields, Notes, Object, Raw};

#[derive(Debug, Deserialize)]
struct TimeWire<'a> {
    #[serde(borrow, default, rename = "serverTime")]
    server_time: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct StatusWire<'a> {
    #[serde(borrow, default)]
    status: Raw<'a>,
    #[serde(borrow, default)]
    msg: Raw<'a>,
}

pub(super) fn server_time(body: &str) -> Result<Decoded<Payload>, String> {
    let wire: Object<TimeWire<'_>> =
        serde_json::from_str(body).map_err(|_| "no time".to_owned())?;
    let time = wire.server_time.millis();
    let time = time.map_err(|_| "no readable time".to_owned())?;
    Ok(Decoded::clean(Payload::ServerTime(time)))
}

pub(super) fn status(body: &str) -> Result<Decoded<Payload>, String> {
    let wire: Object<StatusWire<'_>> =
        serde_json::from_str(body).map_err(|_| "no status".to_owned())?;
    let code = wire.status.count();
    let operation = match code.map_err(|_| "no readable status".to_owned())? {
        0 => Operation::Online,
        1 => Operation::Maintenance,
        _ => Operation::Other,
    };
    let mut notes = Notes::clean(());
    let word = Fields::new(&mut notes, Some(0)).need("text", wire.msg, Raw::text);
    let status = Status::new(operation, word.as_deref().unwrap_or_default());
    Ok(notes.map(|()| Payload::Status(status)))
}
