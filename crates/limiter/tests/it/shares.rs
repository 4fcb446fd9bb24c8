//! Shares of a window: by class, for others, after a 429; limits that change; and what is counted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_limiter::{
    Charge, Class, Event, Headroom, Limiter, Listener, Pause, Recovery, Rejected, Verdict, Window,
    WindowError,
};
use tokio::time::{Instant, sleep};

use crate::acquire::{SECOND, spend, units};

fn hundred() -> Window {
    Window::sliding("w", 100, SECOND).guard(Duration::ZERO)
}

/// How many units of one this class gets now.
fn take(limiter: &Limiter<impl Listener>, class: Class) -> u32 {
    (0..)
        .take_while(|_| {
            limiter
                .try_acquire(&units(1), class)
                .map(|permit| permit.commit())
                .is_ok()
        })
        .count() as u32
}

#[tokio::test(start_paused = true)]
async fn each_class_fills_no_more_than_its_share() {
    let limiter = Limiter::builder("shares")
        .window(hundred())
        .headroom(Headroom::default())
        .build();
    let got = Class::ALL.map(|class| take(&limiter, class));
    assert_eq!(got, [60, 15, 15, 10]);
}

/// In an empty window too: it would leave the classes above nothing for as long as the window is.
#[tokio::test(start_paused = true)]
async fn a_single_call_larger_than_the_share_of_its_class_is_refused_and_leaves_the_others_theirs()
{
    let limiter = Limiter::builder("shares")
        .window(hundred())
        .headroom(Headroom::default())
        .outside(10)
        .build();
    let too_large = |units, limit| Rejected::TooLarge {
        window: "w".into(),
        units,
        limit,
    };
    for (class, share) in Class::ALL.into_iter().zip([54, 68, 81, 90]) {
        let larger = units(share + 1);
        let refused = limiter.try_acquire(&larger, class).unwrap_err();
        assert_eq!(refused, too_large(share + 1, share));
        assert_eq!(
            limiter.acquire(&larger, class, None).await.unwrap_err(),
            refused
        );
        assert_eq!(
            limiter.try_spend(Charge::new(0, share + 1), class),
            Err(refused)
        );
        assert_eq!(limiter.estimate(&larger, class), Duration::MAX);
        assert!(
            limiter.try_acquire(&units(share), class).is_ok(),
            "alone it may take its share"
        );
    }
    limiter
        .try_acquire(&units(54), Class::Low)
        .unwrap()
        .commit();
    assert_eq!(
        take(&limiter, Class::Critical),
        36,
        "reserved for those above"
    );

    // Of a single unit there is no share: everyone may take it.
    let window = Window::sliding("one", 1, SECOND).guard(Duration::ZERO);
    let limiter = Limiter::builder("one")
        .window(window)
        .headroom(Headroom::default())
        .build();
    assert_eq!(take(&limiter, Class::Low), 1);
}

/// A rate that was halved after a 429 leaves its class less than it may take: it goes alone then, and does not wait for the rate.
#[tokio::test(start_paused = true)]
async fn what_fits_the_share_of_its_class_goes_though_the_rate_was_halved() {
    let limiter = Limiter::builder("halved")
        .window(hundred())
        .headroom(Headroom::default())
        .recovery(Recovery::default().probe(None))
        .build();
    limiter.slow_down(Instant::now());
    assert!((limiter.snapshot().rate_factor - 0.5).abs() < 1e-9);
    assert!(limiter.try_acquire(&units(60), Class::Low).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_lowest_class_is_served_in_bounded_time_under_a_flood_of_the_highest() {
    let window = Window::sliding("w", 10, SECOND).guard(Duration::ZERO);
    let limiter = Limiter::builder("ageing")
        .window(window)
        .headroom(Headroom::default())
        .ageing(2 * SECOND)
        .max_queue(200)
        .build();
    let flood: Vec<_> = (0..40)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move {
                loop {
                    spend(&limiter, 1, Class::Critical).await;
                }
            })
        })
        .collect();
    sleep(3 * SECOND).await;
    for class in [Class::Low, Class::Medium, Class::High] {
        let came = Instant::now();
        limiter
            .acquire(&units(1), class, None)
            .await
            .unwrap()
            .commit();
        // Three steps, and the forty who came before it at ten a second.
        assert!(
            came.elapsed() <= 11 * SECOND,
            "{class:?} waited {:?}",
            came.elapsed()
        );
        assert!(came.elapsed() >= SECOND, "it had to wait");
    }
    flood.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_to_others_is_theirs_until_the_server_shows_that_they_use_it() {
    let limiter = Limiter::builder("outside")
        .window(hundred())
        .outside(20)
        .build();
    let first = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    // The server counted 16: ours and 15 of others, which were left to them anyway.
    limiter.observe(0, 16, first.at());
    assert_eq!(take(&limiter, Class::Critical), 79);
    sleep(SECOND).await;
    let first = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    limiter.observe(0, 51, first.at());
    assert_eq!(
        take(&limiter, Class::Critical),
        49,
        "they use more than was left to them"
    );
    let refused = limiter
        .try_acquire(&units(81), Class::Critical)
        .unwrap_err();
    assert!(matches!(refused, Rejected::TooLarge { limit: 80, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_holds_at_once_and_a_higher_one_serves_at_once() {
    let limiter = Limiter::builder("limits").window(hundred()).build();
    assert_eq!(take(&limiter, Class::Low), 100);
    limiter.set_limit(0, 40).unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(take(&limiter, Class::Low), 0, "100 of 40 are spent");
    sleep(Duration::from_millis(500)).await;
    assert_eq!(take(&limiter, Class::Low), 40);
    let mut small = tokio_test::task::spawn(limiter.acquire(&units(5), Class::Low, None));
    let mut large = tokio_test::task::spawn(limiter.acquire(&units(30), Class::Low, None));
    assert!(small.poll().is_pending() && large.poll().is_pending());
    limiter.set_limit(0, 45).unwrap();
    assert!(small.is_woken() && !large.is_woken());
    limiter.set_limit(0, 20).unwrap();
    assert!(large.is_woken(), "it can never fit any more");
    assert!(matches!(
        large.await,
        Err(Rejected::TooLarge { limit: 20, .. })
    ));
    assert!(
        tokio_test::task::spawn(small).poll().is_pending(),
        "a grant that was not fetched goes back"
    );
    assert_eq!(
        limiter.set_limit(7, 1),
        Err(WindowError::NoSuchWindow { window: 7 })
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_429_one_goes_first_then_half_then_more_and_never_above_the_limit() {
    let limiter = Limiter::builder("recovery")
        .window(hundred())
        .recovery(Recovery::default())
        .build();
    limiter.pause(Instant::now() + 5 * SECOND, Pause::RetryAfter);
    assert!((limiter.snapshot().rate_factor - 0.5).abs() < 1e-9);
    sleep(5 * SECOND).await;
    let probe = limiter.try_acquire(&units(1), Class::Low).unwrap();
    let refused = limiter.try_acquire(&units(1), Class::Critical).unwrap_err();
    assert!(matches!(refused, Rejected::Paused { .. }), "{refused:?}");
    let mut waiting = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    assert!(waiting.poll().is_pending());
    drop(probe.commit());
    assert!(waiting.is_woken(), "the probe is over");
    drop(waiting);
    assert_eq!(
        take(&limiter, Class::Low),
        49,
        "half, and the probe has one"
    );
    let mut per_second = Vec::new();
    for _ in 0..12 {
        sleep(SECOND).await;
        per_second.push(take(&limiter, Class::Low));
    }
    assert_eq!(
        per_second,
        [55, 60, 65, 70, 75, 80, 85, 90, 95, 100, 100, 100]
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_refused_or_not_sent_or_hangs_lets_nobody_else_go_but_another_probe() {
    let limiter = Limiter::builder("probe")
        .window(hundred())
        .recovery(Recovery::default())
        .build();
    limiter.pause(Instant::now() + SECOND, Pause::Ban);
    sleep(SECOND).await;
    limiter
        .try_acquire(&units(1), Class::Low)
        .unwrap()
        .commit()
        .refund();
    let second = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    assert!(limiter.try_acquire(&units(1), Class::Low).is_err());
    second.apply(&Verdict::sent().pause(SECOND));
    sleep(SECOND).await;
    let hangs = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    assert!(limiter.try_acquire(&units(1), Class::Low).is_err());
    sleep(10 * SECOND).await;
    let next = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    drop(hangs);
    assert!(
        limiter.try_acquire(&units(1), Class::Low).is_err(),
        "only the last one counts"
    );
    next.apply(&Verdict::sent());
    assert!(limiter.try_acquire(&units(1), Class::Low).is_ok());
}

#[tokio::test(start_paused = true)]
async fn answers_to_what_was_under_way_together_slow_down_once() {
    let limiter = Limiter::builder("aimd")
        .window(hundred())
        .recovery(Recovery::default().floor(20))
        .build();
    let spent: Vec<_> = (0..5)
        .map(|_| limiter.try_acquire(&units(1), Class::Low).unwrap().commit())
        .collect();
    sleep(Duration::from_millis(10)).await;
    for sent in spent {
        limiter.slow_down(sent.at());
    }
    assert!((limiter.snapshot().rate_factor - 0.5).abs() < 1e-9);
    for _ in 0..5 {
        sleep(Duration::from_millis(10)).await;
        limiter.slow_down(Instant::now());
    }
    assert!(
        (limiter.snapshot().rate_factor - 0.2).abs() < 1e-9,
        "the floor"
    );
    sleep(100 * SECOND).await;
    assert!((limiter.snapshot().rate_factor - 1.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn waits_refunds_and_violations_are_counted_by_class_and_by_window() {
    let limiter = Limiter::builder("counts").window(hundred()).build();
    let mut spent = limiter
        .try_acquire(&units(100), Class::High)
        .unwrap()
        .commit();
    limiter
        .acquire(&units(1), Class::Low, None)
        .await
        .unwrap()
        .commit()
        .refund();
    assert!(limiter.try_acquire(&units(101), Class::Medium).is_err());
    spent = {
        drop(spent);
        limiter
            .try_acquire(&units(90), Class::High)
            .unwrap()
            .commit()
    };
    spent.settle(&units(120));
    let seen = limiter.snapshot();
    let [low, medium, high, _] = seen.classes;
    assert_eq!((low.granted, low.refunded, low.waits.count), (1, 1, 1));
    assert_eq!((low.waits.sum, low.waits.max), (SECOND, SECOND));
    assert_eq!((medium.granted, medium.rejected), (0, 1));
    assert_eq!((high.granted, high.violations, high.waits.count), (2, 1, 0));
    let window = &seen.windows[0];
    assert_eq!((window.waits.count, window.violations), (1, 1));
    assert_eq!((window.refunded, window.settled_extra), (1, 30));
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<Event>>);

impl Listener for Heard {
    fn on(&self, limiter: &str, event: &Event) {
        assert_eq!(limiter, "heard");
        self.0.lock().unwrap().push(event.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_hears_what_happens_after_the_lock_is_free() {
    let heard = Arc::new(Heard::default());
    let limiter = Limiter::builder("heard")
        .window(hundred())
        .recovery(Recovery::default().probe(None))
        .listener(Arc::clone(&heard))
        .build();
    limiter
        .try_acquire(&units(100), Class::Low)
        .unwrap()
        .commit();
    assert!(
        heard.0.lock().unwrap().is_empty(),
        "a grant at once is no news"
    );
    spend(&limiter, 1, Class::High).await;
    assert!(limiter.try_acquire(&units(101), Class::Low).is_err());
    limiter.pause(Instant::now() + SECOND, Pause::RetryAfter);
    sleep(2 * SECOND).await;
    limiter.set_limit(0, 50).unwrap();
    let events = std::mem::take(&mut *heard.0.lock().unwrap());
    assert_eq!(
        events,
        [
            Event::Waited {
                class: Class::High,
                wait: SECOND,
                window: Some("w".into())
            },
            Event::Refused {
                class: Class::Low,
                retry_in: None
            },
            Event::RateFactor { factor: 0.5 },
            Event::Paused {
                length: SECOND,
                reason: Pause::RetryAfter
            },
            Event::LimitChanged {
                window: "w".into(),
                limit: 50
            },
            Event::Resumed,
            Event::RateFactor { factor: 0.55 },
        ]
    );
    let _: Charge = Charge::new(0, 1);
}
