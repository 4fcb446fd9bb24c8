//! The rows of the fault table that a client can see, one test a row.
//!
//! Each asserts what it ends as, whether the request was sent, how long it may take, and that connections, places and
//! tasks are what they were before. Rows whose remedy is another layer's show that the answer reaches it unchanged.

mod answers;
mod bodies;
mod connecting;
mod connections;
#[cfg(feature = "http2")]
mod streams;
mod verdicts;

use std::time::Duration;

use robust_http::Client;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::server::{Server, within};

/// How things were before the fault. Taken before the server is made.
#[derive(Debug)]
pub(crate) struct Start {
    at: Instant,
    tasks: usize,
}

impl Start {
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            tasks: Handle::current().metrics().num_alive_tasks(),
        }
    }

    /// Things are as they were, and it took no longer than this.
    pub(crate) async fn restored(self, most: Duration, client: Client, servers: Vec<Server>) {
        let took = self.at.elapsed();
        assert!(took <= most, "took {took:?}, may take {most:?}");
        let stats = client.stats();
        assert_eq!((stats.in_flight, stats.waiting), (0, 0), "places are free");
        let open = || {
            servers
                .iter()
                .map(|server| server.seen.open())
                .sum::<usize>()
        };
        until("only idle connections are open", || open() <= stats.idle).await;
        drop(client);
        until("idle connections end with their client", || open() == 0).await;
        drop(servers);
        let tasks = || Handle::current().metrics().num_alive_tasks();
        until("no task is left", || tasks() <= self.tasks).await;
    }
}

async fn until(promise: &str, mut holds: impl FnMut() -> bool) {
    within(promise, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Long enough for a slow machine, far from any timeout that would hide a fault.
pub(crate) const SOON: Duration = Duration::from_secs(10);
