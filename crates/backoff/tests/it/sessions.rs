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

/// Every kind that spreads.
const SPREADING: [Jitter; 4] = [
    Jitter::Full,
    Jitter::Equal,
    Jitter::Decorrelated,
    Jitter::Additive(0.1),
];

fn series(mut session: Session) -> Vec<Duration> {
    (0..7).map(|_| session.next_delay()).collect()
}

#[test]
fn two_sessions_differ_in_every_delay() {
    for jitter in SPREADING {
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

/// Independence itself, not only difference: what one session draws says nothing about the next
/// one, nor its first delay about its second. Each pair falls into one of 4 × 4 cells, all equally
/// likely.
#[test]
fn what_one_session_draws_says_nothing_about_the_next() {
    let hour = Duration::from_secs(3_600);
    let delays = Exponential::new(hour, hour).sessions(23);
    let draws: Vec<(f64, f64)> = (0..8_000)
        .map(|_| {
            let mut session = delays.start();
            let mut draw = || session.next_delay().as_secs_f64() / 3_600.0;
            (draw(), draw())
        })
        .collect();
    let neighbours: Vec<_> = draws
        .windows(2)
        .map(|pair| (pair[0].0, pair[1].0))
        .collect();
    for (what, pairs) in [("neighbours", neighbours), ("first and second", draws)] {
        let mut cells = [0_u32; 16];
        for (one, other) in &pairs {
            let quarter = |share: f64| ((share * 4.0) as usize).min(3);
            cells[quarter(*one) * 4 + quarter(*other)] += 1;
        }
        let expected = pairs.len() as f64 / 16.0;
        let chi_square: f64 = cells
            .iter()
            .map(|&n| (f64::from(n) - expected).powi(2) / expected)
            .sum();
        // 15 degrees of freedom, p = 0.001; tower's lockstep gives 15 times the number of pairs.
        assert!(
            chi_square < 37.7,
            "{what}: chi² = {chi_square}, cells {cells:?}"
        );
    }
}

/// Ten delays of each of a thousand calls, in every kind: the cap holds after the jitter.
#[test]
fn the_cap_holds_after_the_jitter() {
    let cap = Duration::from_secs(8);
    for (jitter, most) in [
        (Jitter::Full, cap),
        (Jitter::Equal, cap),
        (Jitter::Decorrelated, cap),
        (Jitter::None, cap),
        (Jitter::Additive(0.1), cap),
        (Jitter::Additive(f64::INFINITY), cap),
    ] {
        let sessions = Exponential::new(Duration::from_secs(1), cap)
            .jitter(jitter)
            .sessions(3);
        let longest = (0..1_000)
            .flat_map(|_| series(sessions.start()))
            .max()
            .unwrap();
        assert!(longest <= most, "{jitter:?}: {longest:?}");
        assert!(
            longest > cap.mul_f64(0.95),
            "{jitter:?} comes close to it: {longest:?}"
        );
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
