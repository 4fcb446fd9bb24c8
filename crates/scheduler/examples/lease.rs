//! Of two schedulers with the same jobs, one runs them: that which holds the lease.
//!
//! The lease here is a value that both see, with the name of its holder and when it ends; elsewhere it
//! is a row of a database or a key that expires. The first holder stops renewing it, and the other takes
//! over: what came due meanwhile is run once for all.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use robust_scheduler::{Admission, Ask, Job, Scheduler};
use tokio::time::{Instant, sleep};

/// Who holds the lease, and until when.
#[derive(Debug, Clone, Default)]
struct Lease(Arc<Mutex<Option<(&'static str, Instant)>>>);

const TERM: Duration = Duration::from_millis(500);

impl Lease {
    /// Takes or renews it; says whether `who` holds it now.
    fn take(&self, who: &'static str) -> bool {
        let now = Instant::now();
        let mut lease = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = lease.is_some_and(|(holder, until)| holder != who && until > now);
        if !held {
            *lease = Some((who, now + TERM));
        }
        !held
    }

    /// Only what is known here, at once: the scheduler asks under a lock.
    fn gate(&self, who: &'static str) -> impl Fn(&Ask) -> Admission + use<> {
        let lease = self.clone();
        move |ask| {
            let lease = lease.0.lock().unwrap_or_else(PoisonError::into_inner);
            match *lease {
                Some((holder, until)) if holder == who && until > ask.now => Admission::Open,
                Some((holder, until)) if holder != who => Admission::NotBefore(until),
                _ => Admission::NotBefore(ask.now + TERM / 10),
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lease = Lease::default();
    let mut processes = Vec::new();
    for who in ["one", "two"] {
        let scheduler = Scheduler::builder().gate(lease.gate(who)).start();
        let job = Job::every("prices", Duration::from_millis(200));
        scheduler.add(job.handler(move |run| async move {
            println!("{who}: run, {} missed before it", run.missed);
            Ok(())
        }))?;
        let renews = lease.clone();
        let renewing = tokio::spawn(async move {
            loop {
                renews.take(who);
                sleep(TERM / 5).await;
            }
        });
        processes.push((scheduler, renewing));
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(1)).await;
    println!("one stops renewing");
    if let Some((_, renewing)) = processes.first() {
        renewing.abort();
    }
    sleep(Duration::from_millis(1_500)).await;
    for (scheduler, _) in &processes {
        let ledger = scheduler.ledger();
        println!(
            "due {} ran {} balances {}",
            ledger.due,
            ledger.ran,
            ledger.balances()
        );
    }
    Ok(())
}
