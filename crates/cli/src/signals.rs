//! The signals that end a run: the first one cleanly, the second one at once.

use std::sync::Arc;

use tokio::sync::watch;

use crate::exit::note;

/// What a shell says of a program that Ctrl-C has ended.
const ENDED: i32 = 130;

/// Tells whether the run shall end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Listens for Ctrl-C, and on Unix for SIGTERM, from now on. `restore` runs before the program ends at once.
    pub(crate) fn listen(restore: fn()) -> Self {
        let stop = Self(Arc::new(watch::Sender::new(false)));
        let told = stop.clone();
        tokio::spawn(async move {
            let mut signals = Signals::new();
            signals.next().await;
            told.0.send_replace(true);
            signals.next().await;
            restore();
            note("rdm: ended at once");
            std::process::exit(ENDED);
        });
        stop
    }

    /// Waits for the first signal.
    pub(crate) async fn wait(&self) {
        // The sender lives as long as this handle, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|told| *told).await;
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            () = one(&mut self.interrupt) => {}
            () = one(&mut self.terminate) => {}
        }
    }
}

/// A signal that cannot be heard never comes.
#[cfg(unix)]
async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
