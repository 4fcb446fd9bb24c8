//! Which way an answer is read.
//!
//! The direct way is for answers in which nothing is broken: strings are borrowed text, each value is read straight to its place
//! ([`Fill`](super::Fill)), no value is scanned twice, nothing is kept about the wire. Whatever is a surprise, a field of another type, an
//! escape, a member that is missing or there twice, ends it; the answer is then read from its beginning by the tolerant way, which says
//! what was wrong with it.

use robust_market::{Decoded, Payload};

use crate::{Context, Reply, Verdict, Way, answer};

/// Reads an answer in the way that the context says.
pub(crate) fn either(
    context: &Context<'_>,
    reply: &Reply<'_>,
    direct: impl FnOnce() -> Option<Payload>,
    tolerant: impl FnOnce() -> Result<Decoded<Payload>, Verdict>,
) -> Result<Decoded<Payload>, Verdict> {
    let direct = || direct().map(Decoded::clean);
    match context.way {
        Way::Either => direct().map_or_else(tolerant, Ok),
        Way::Direct => direct().ok_or_else(|| answer::malformed(reply, "nothing to read directly")),
        Way::Tolerant => tolerant(),
    }
}
