//! One case through the connector.

mod error;
mod markets;
mod request;
mod response;
mod signing;
mod symbols;

use std::panic::{AssertUnwindSafe, catch_unwind};

use robust_connectors::Connector;
use robust_market::Timestamp;

use super::cases::{Body, Case};
use super::names::Names;
use super::{Failure, Family};

/// The time of cases that do not give one.
const CLOCK_MS: i64 = 1_700_000_000_000;

/// The differences between a case and the connector; none means that it passed.
pub(super) fn case(venue: &dyn Connector, names: &Names, case: &Case) -> Vec<Failure> {
    let body = match &case.body {
        Ok(body) => body,
        Err(why) => return vec![Failure::new("file", "a case", why)],
    };
    let check = || match case.family {
        Family::RestResponse => response::check(venue, names, body),
        Family::RestRequest => request::check(venue, names, body),
        Family::Error => error::check(venue, names, body),
        Family::Symbols => symbols::check(venue, body),
        Family::Markets => markets::check(venue, names, body),
        Family::Signing => signing::check(venue, body),
    };
    // A connector that panics fails its case; the others are still run.
    catch_unwind(AssertUnwindSafe(check))
        .unwrap_or_else(|_| Err("the connector panicked".to_owned()))
        .unwrap_or_else(|why| vec![Failure::new("case", "a case that can be run", why)])
}

fn clock(body: &Body) -> Timestamp {
    body.clock_ms
        .and_then(Timestamp::from_ms)
        .or_else(|| Timestamp::from_ms(CLOCK_MS))
        .unwrap_or(Timestamp::EPOCH)
}
