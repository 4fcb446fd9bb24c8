//! Quarantined answers that wait for their level to be confirmed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use robust_market::{Exchange, Request};
use serde::Serialize;
use tokio::time::Instant;

use crate::stored::Stored;

/// Answers that wait in all; the oldest is dropped for a new one, and counted.
const WAITING_MAX: usize = 256;
/// How long one waits. A level that was not confirmed by then is none.
const LONGEST: Duration = Duration::from_secs(3_600);

/// An answer with its question.
pub(crate) type Answer = (Arc<Request>, Arc<Stored>);

/// The answers that wait, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    answers: VecDeque<Answer>,
    counts: WaitingStatus,
}

/// Quarantined answers that wait for their level to be confirmed, and what became of those that did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct WaitingStatus {
    /// They wait now.
    pub waiting: usize,
    /// Their level was confirmed.
    pub released: u64,
    /// The price went back to where it was, or something else broke the row.
    pub refuted: u64,
    /// Nothing confirmed them for an hour.
    pub expired: u64,
    /// They had to make room: at most 256 wait.
    pub dropped: u64,
}

impl Waiting {
    /// Takes in what a judgement says of one question: whether this answer waits, how many wait by the rules' count, and how many
    /// of those before are released. Gives the released ones, oldest first.
    pub(crate) fn note(
        &mut self,
        exchange: &Exchange,
        request: &Arc<Request>,
        newest: Option<&Arc<Stored>>,
        pending: usize,
        released: usize,
        now: Instant,
    ) -> Vec<Answer> {
        self.expire(now);
        let mut mine = Vec::new();
        if !self.answers.is_empty() {
            let (own, others): (VecDeque<_>, _) = std::mem::take(&mut self.answers)
                .into_iter()
                .partition(|(asked, stored)| {
                    let market = (asked.kind(), asked.symbol(), &stored.exchange);
                    market == (request.kind(), request.symbol(), exchange)
                });
            (mine, self.answers) = (own.into(), others);
        }
        let free = mine.split_off(mine.len().saturating_sub(released));
        self.counts.released += free.len() as u64;
        let room = pending.saturating_sub(usize::from(newest.is_some()));
        let gone = mine.len().saturating_sub(room);
        self.counts.refuted += gone as u64;
        let kept = mine.into_iter().skip(gone);
        self.answers.extend(kept);
        if let Some(newest) = newest {
            self.answers
                .push_back((Arc::clone(request), Arc::clone(newest)));
        }
        self.answers
            .make_contiguous()
            .sort_by_key(|(_, stored)| stored.first_byte);
        while self.answers.len() > WAITING_MAX {
            self.answers.pop_front();
            self.counts.dropped += 1;
        }
        free
    }

    fn expire(&mut self, now: Instant) {
        let old = |(_, stored): &Answer| now.saturating_duration_since(stored.first_byte) > LONGEST;
        while self.answers.front().is_some_and(old) {
            self.answers.pop_front();
            self.counts.expired += 1;
        }
    }

    pub(crate) fn status(&mut self, now: Instant) -> WaitingStatus {
        self.expire(now);
        WaitingStatus {
            waiting: self.answers.len(),
            ..self.counts
        }
    }
}

#[cfg(test)]
mod tests {
    use robust_market::{Origin, Payload, RequestId, Ticker, Timestamp};

    use super::*;

    struct Desk {
        waiting: Waiting,
        began: Instant,
    }

    impl Desk {
        fn new() -> Self {
            Self {
                waiting: Waiting::default(),
                began: Instant::now(),
            }
        }

        fn note(&mut self, name: &str, at: u64, waits: bool, counts: (usize, usize)) -> Vec<u64> {
            let symbol: robust_market::Symbol = name.parse().unwrap();
            let request = Arc::new(Request::Ticker {
                symbol: symbol.clone(),
            });
            let now = self.began + Duration::from_secs(at);
            let stored = Arc::new(Stored {
                payload: Arc::new(Payload::Ticker(Ticker::new(symbol))),
                report: None,
                unreadable: None,
                exchange: Exchange::KRAKEN,
                origin: Origin::Simulated,
                received: Timestamp::from_ns(0),
                first_byte: now,
                attempts: 1,
                id: RequestId(at),
            });
            let free = self.waiting.note(
                &Exchange::KRAKEN,
                &request,
                waits.then_some(&stored),
                counts.0,
                counts.1,
                now,
            );
            free.iter().map(|(_, stored)| stored.id.0).collect()
        }

        fn status(&mut self, at: u64) -> WaitingStatus {
            self.waiting.status(self.began + Duration::from_secs(at))
        }
    }

    #[test]
    fn what_waits_is_released_by_the_print_that_confirms_it() {
        let mut desk = Desk::new();
        assert!(desk.note("A/USD", 1, true, (1, 0)).is_empty());
        assert!(desk.note("B/USD", 2, true, (1, 0)).is_empty());
        assert!(desk.note("A/USD", 3, true, (2, 0)).is_empty());
        assert_eq!(desk.note("A/USD", 4, false, (0, 2)), [1, 3]);
        let status = desk.status(4);
        assert_eq!((status.waiting, status.released), (1, 2));
    }

    #[test]
    fn what_the_price_goes_back_on_is_refuted_and_what_begins_anew_waits_alone() {
        let mut desk = Desk::new();
        desk.note("A/USD", 1, true, (1, 0));
        desk.note("A/USD", 2, true, (1, 0)); // another side: the one before is out
        assert_eq!((desk.status(2).waiting, desk.status(2).refuted), (1, 1));
        desk.note("A/USD", 3, false, (0, 0));
        assert_eq!((desk.status(3).waiting, desk.status(3).refuted), (0, 2));
    }

    #[test]
    fn they_are_bounded_and_do_not_wait_for_ever() {
        let mut desk = Desk::new();
        for n in 0..300 {
            desk.note(&format!("C{n}/USD"), n, true, (1, 0));
        }
        let status = desk.status(300);
        assert_eq!((status.waiting, status.dropped), (WAITING_MAX, 44));
        assert_eq!(desk.status(10_000).waiting, 0);
        assert_eq!(desk.status(10_000).expired, 256);
    }
}
