//! What the exchanges sent last, before it was read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_data_manager::market::{Exchange, Kind};
use robust_data_manager::{Seen, Tap};

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) took: Duration,
    pub(super) body: Vec<u8>,
}

/// The last answer of each exchange. A handle: clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(Arc<Mutex<BTreeMap<Exchange, Answer>>>);

impl Answers {
    /// What fills it.
    pub(super) fn tap(&self) -> Tap {
        let answers = self.clone();
        Tap::new(move |seen: &Seen<'_>| {
            let answer = Answer {
                kind: seen.request.kind(),
                path: seen.path.to_owned(),
                status: seen.status.as_u16(),
                took: seen.took,
                body: seen.body.to_vec(),
            };
            answers.lock().insert(seen.exchange.clone(), answer);
        })
    }

    /// Takes the last answer to a question of this kind, so that nobody takes it for the answer to another one.
    pub(super) fn take(&self, exchange: &Exchange, kind: Kind) -> Option<Answer> {
        let answer = self.lock().remove(exchange)?;
        (answer.kind == kind).then_some(answer)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Exchange, Answer>> {
        // What is stored is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
