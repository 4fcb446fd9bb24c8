//! Callers who failed together do not come back together.

use std::{collections::HashSet, time::Duration};

use robust_backoff::{Exponential, Jitter, Policy, Session, Sessions};
use tokio::time::Instant;
use tower::{
    ServiceExt,
    retry::{
        Retry,
        backoff::{Backoff, MakeBackoff},
    },
};

use crate::server::{Ask, Judge, OVERLOADED, Server};

fn sessions(jitter: Jitter) -> Sessions {
    Exponential::new(Duration::from_secs(1), Duration::from_secs(60))
        .jitter(jitter)
        .sessions(7)
}

fn series(mut session: Session) -> Vec<Duration> {
    (0..7).map(|_| session.next_delay()).collect()
}

#[test]
fn two_sessions_differ_in_every_delay() {
    for jitter in [Jitter::Full, Jitter::Additive(0.1)] {
        let mut maker = sessions(jitter);
        let first = maker.make_backoff();
        let clone = first.clone();
        let series = [
            series(first),
            series(clone),
            series(maker.make_backoff()),
            series(maker.clone().start()),
        ];
        for place in 0..7 {
            let delays: HashSet<Duration> = series.iter().map(|delays| delays[place]).collect();
            assert_eq!(delays.len(), 4, "{jitter:?}, delay {place}: {delays:?}");
        }
    }
}

#[test]
fn a_clone_starts_again_at_the_first_delay() {
    let mut session = sessions(Jitter::None).start();
    session.next_delay();
    session.next_delay();
    assert_eq!(session.clone().next_delay(), Duration::from_secs(1));
    assert_eq!(session.next_delay(), Duration::from_secs(4));
}

#[test]
fn the_same_seed_repeats_the_delays() {
    assert_eq!(
        series(sessions(Jitter::Full).start()),
        series(sessions(Jitter::Full).start())
    );
}

#[tokio::test(start_paused = true)]
async fn the_backoff_sleeps_its_delay() {
    let mut session = sessions(Jitter::None).start();
    for seconds in [1, 2, 4] {
        let begin = Instant::now();
        session.next_backoff().await;
        assert_eq!(begin.elapsed(), Duration::from_secs(seconds));
    }
}

/// The failure of tower's stock backoff: there all calls of a process pause equally long.
#[tokio::test(start_paused = true)]
async fn a_hundred_calls_that_fail_together_come_back_spread() {
    let minute = Duration::from_secs(60);
    let server = Server::answering([OVERLOADED]);
    let policy = Policy::builder(Exponential::new(minute, minute), Judge)
        .max_retries(1)
        .seed(3)
        .build();
    let service = Retry::new(policy, server.clone());
    let begin = Instant::now();
    let calls: Vec<_> = (0..100)
        .map(|_| tokio::spawn(service.clone().oneshot(Ask::default())))
        .collect();
    for call in calls {
        let _ = call.await.unwrap();
    }
    let returned: Vec<_> = server
        .calls()
        .into_iter()
        .filter(|call| call.1 == 2)
        .collect();
    assert_eq!(returned.len(), 100);
    let mut cells = [0_u32; 10];
    for (when, _) in returned {
        cells[((when - begin).as_secs_f64() / 6.0).min(9.0) as usize] += 1;
    }
    let chi_square: f64 = cells
        .iter()
        .map(|&n| (f64::from(n) - 10.0).powi(2) / 10.0)
        .sum();
    // 9 degrees of freedom, p = 0.001; lockstep would give 900.
    assert!(chi_square < 27.9, "chi² = {chi_square}, cells {cells:?}");
}

/// Processes that start with the same configuration must not be in lockstep either.
#[tokio::test(start_paused = true)]
async fn policies_without_a_seed_differ() {
    let mut pauses = HashSet::new();
    for _ in 0..4 {
        let hour = Duration::from_secs(3_600);
        let server = Server::answering([OVERLOADED]);
        let policy = Policy::builder(Exponential::new(hour, hour), Judge)
            .max_retries(1)
            .build();
        let _ = Retry::new(policy, server.clone())
            .oneshot(Ask::default())
            .await;
        pauses.insert(server.pauses()[0]);
    }
    assert!(pauses.len() > 1, "four policies paused {pauses:?}");
}
