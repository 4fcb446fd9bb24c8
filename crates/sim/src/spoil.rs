//! What a fault makes of an answer.

use http::{HeaderValue, StatusCode, header};

use crate::broken;
use crate::fault::Fault;
use crate::reply::{Action, Now, Reply};
use crate::venue::Venue;

/// Whether the fault needs the real answer at all.
pub(crate) fn needs_body(fault: Option<Fault>) -> bool {
    matches!(
        fault,
        None | Some(Fault::Latency { .. } | Fault::Truncated | Fault::Stale | Fault::Broken { .. })
    )
}

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>Checking your browser.</body></html>\n";

/// What a fault makes of an answer to a request of this path.
pub(crate) fn spoil(mut reply: Reply, fault: Fault, venue: Venue, path: &str, now: Now) -> Reply {
    match fault {
        Fault::Stale => reply,
        Fault::Broken { one_in } => {
            reply.body = broken::records(path, &reply.body, one_in).unwrap_or(reply.body);
            reply
        }
        Fault::Refuse => with(reply, Action::Refuse),
        Fault::Reset => with(reply, Action::Close),
        Fault::Hang => with(reply, Action::Hang),
        Fault::Latency { by } => with(reply, Action::Delay(by)),
        Fault::Truncated => {
            let half = reply.body.len() / 2;
            with(reply, Action::Truncate(half))
        }
        Fault::Html => Reply::html(StatusCode::OK, PAGE),
        Fault::Garbage => {
            // Bytes that are neither UTF-8 nor JSON, the same for the same request.
            let mut rng = fastrand::Rng::with_seed(now.wall.as_ns().unsigned_abs());
            let noise: Vec<u8> = std::iter::once(0xff)
                .chain(std::iter::repeat_with(|| rng.u8(..)))
                .take(256)
                .collect();
            Reply::json(StatusCode::OK, noise)
        }
        Fault::Status { code } => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            venue.unavailable(status)
        }
        Fault::RateLimited { retry_after } | Fault::Ban { retry_after } => {
            let seconds = retry_after.as_secs();
            reply = if matches!(fault, Fault::Ban { .. }) {
                venue.banned(now.wall.saturating_add(retry_after))
            } else {
                venue.slow_down()
            };
            reply
                .headers
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            reply
        }
    }
}

fn with(mut reply: Reply, action: Action) -> Reply {
    reply.action = action;
    reply
}
