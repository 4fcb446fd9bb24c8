//! A server that answers by script and remembers when it was asked.

use std::{
    collections::VecDeque,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use robust_backoff::{Classify, Disposition, Replay};
use tokio::time::Instant;
use tower::Service;

#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) deadline: Option<Instant>,
    pub(crate) once: bool,
    pub(crate) changes_something: bool,
    pub(crate) attempt: u32,
    pub(crate) replays: Arc<Mutex<u32>>,
}

impl Ask {
    pub(crate) fn within(time: Duration) -> Self {
        Self {
            deadline: Some(Instant::now() + time),
            ..Self::default()
        }
    }
}

impl Replay for Ask {
    fn replay(&self) -> Option<Self> {
        *self.replays.lock().unwrap() += 1;
        (!self.once).then(|| self.clone())
    }

    fn idempotent(&self) -> bool {
        !self.changes_something
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn attempt_started(&mut self, attempt: u32) {
        self.attempt = attempt;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Overloaded(Option<Duration>),
    RefusedLocally(Option<Duration>),
    /// The server answered that it did nothing with the request.
    TurnedAway,
}

pub(crate) type Answer = Result<&'static str, Fault>;

pub(crate) const OVERLOADED: Answer = Err(Fault::Overloaded(None));

pub(crate) fn overloaded_for(seconds: u64) -> Answer {
    Err(Fault::Overloaded(Some(Duration::from_secs(seconds))))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge;

impl Classify<&'static str, Fault> for Judge {
    fn disposition(&self, outcome: Result<&&'static str, &Fault>) -> Disposition {
        match outcome {
            Ok(_) => Disposition::Final,
            Err(Fault::Overloaded(after)) => Disposition::Retry {
                after: *after,
                sent: true,
            },
            Err(Fault::RefusedLocally(after)) => Disposition::Retry {
                after: *after,
                sent: false,
            },
            Err(Fault::TurnedAway) => Disposition::Unprocessed { after: None },
        }
    }
}

/// Answers by script, then with the last entry for ever. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    script: VecDeque<Answer>,
    calls: Vec<(Instant, u32)>,
    readied: u32,
    hangs_after: Option<usize>,
}

impl Server {
    pub(crate) fn answering(script: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                script: script.into_iter().collect(),
                calls: Vec::new(),
                readied: 0,
                hangs_after: None,
            })),
        }
    }

    /// Is never ready again after so many calls.
    pub(crate) fn hanging_after(self, calls: usize) -> Self {
        self.shared.lock().unwrap().hangs_after = Some(calls);
        self
    }

    pub(crate) fn calls(&self) -> Vec<(Instant, u32)> {
        self.shared.lock().unwrap().calls.clone()
    }

    pub(crate) fn attempts(&self) -> Vec<u32> {
        self.calls()
            .into_iter()
            .map(|(_, attempt)| attempt)
            .collect()
    }

    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.calls()
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .collect()
    }

    pub(crate) fn readied(&self) -> u32 {
        self.shared.lock().unwrap().readied
    }
}

impl Service<Ask> for Server {
    type Response = &'static str;
    type Error = Fault;
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let mut shared = self.shared.lock().unwrap();
        if shared
            .hangs_after
            .is_some_and(|calls| shared.calls.len() >= calls)
        {
            return Poll::Pending;
        }
        shared.readied += 1;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        let mut shared = self.shared.lock().unwrap();
        shared.calls.push((Instant::now(), ask.attempt));
        let answer = if shared.script.len() > 1 {
            shared.script.pop_front()
        } else {
            shared.script.front().copied()
        };
        ready(answer.expect("a script"))
    }
}
