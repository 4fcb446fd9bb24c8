//! Two ages, by tokio's clock alone.

use std::sync::Arc;

use proptest::prelude::*;
use robust_cache::{Born, Cache, Lifetime, Lookup, Read, Refresh};
use tokio::time::{Instant, advance};

use crate::{Dry, Load, secs, told, wells};

#[tokio::test(start_paused = true)]
async fn a_value_is_fresh_until_its_time_by_the_paused_clock() {
    let (cache, load) = (wells(), Load::default());
    cache.insert("a", 1);
    advance(secs(10) - std::time::Duration::from_nanos(1)).await;
    let last = cache
        .get(&"a", Read::default(), load.gives(2, secs(0)))
        .await;
    assert_eq!(told(&last), ("fresh", Some(1)));
    advance(std::time::Duration::from_nanos(1)).await;
    let next = cache
        .get(&"a", Read::default(), load.gives(2, secs(0)))
        .await;
    assert_eq!(told(&next), ("loaded", Some(2)));
}

#[tokio::test(start_paused = true)]
async fn an_entry_tells_its_age_at_the_read() {
    let (cache, load) = (wells(), Load::default());
    let stored = Instant::now();
    cache.insert("a", 1);
    advance(secs(4)).await;
    let Lookup::Fresh(entry) = cache
        .get(&"a", Read::default(), load.gives(2, secs(0)))
        .await
    else {
        panic!("not fresh");
    };
    assert_eq!((entry.age, entry.stored), (secs(4), stored));
    assert_eq!(cache.peek(&"a").map(|entry| entry.age), Some(secs(4)));
}

#[tokio::test(start_paused = true)]
async fn max_age_replaces_the_default_in_both_directions() {
    let (cache, load) = (wells(), Load::default());
    cache.insert("a", 1);
    advance(secs(25)).await;
    let patient = cache
        .get(
            &"a",
            Read::default().max_age(secs(60)),
            load.gives(2, secs(0)),
        )
        .await;
    assert_eq!(told(&patient), ("fresh", Some(1)));

    cache.insert("a", 1);
    advance(secs(3)).await;
    let strict = cache
        .get(
            &"a",
            Read::default().max_age(secs(2)),
            load.gives(2, secs(0)),
        )
        .await;
    assert_eq!(told(&strict), ("loaded", Some(2)));
}

#[tokio::test(start_paused = true)]
async fn max_age_zero_joins_a_load_but_takes_nothing_stored() {
    let (cache, load) = (wells(), Load::default());
    let zero = || Read::default().max_age(secs(0));
    // Stored this very moment: its age is zero, and still it is not taken.
    cache.insert("a", 1);
    let (first, second) = tokio::join!(
        cache.get(&"a", zero(), load.gives(2, secs(1))),
        cache.get(&"a", zero(), load.gives(3, secs(1))),
    );
    assert_eq!(
        (told(&first), told(&second)),
        (("loaded", Some(2)), ("joined", Some(2)))
    );
    assert_eq!(load.calls(), 1);
    // Nor does a stored value stand in when the load fails.
    let failed = cache.get(&"a", zero(), load.fails(secs(1))).await;
    assert_eq!(told(&failed), ("unavailable", None));
    // The value is there for everybody else.
    let other = cache
        .get(&"a", Read::default(), load.gives(4, secs(1)))
        .await;
    assert_eq!(told(&other), ("fresh", Some(2)));
}

#[tokio::test(start_paused = true)]
async fn force_never_serves_what_is_stored_even_when_the_load_fails() {
    let (cache, load) = (wells(), Load::default());
    cache.insert("a", 1);
    let forced = cache
        .get(
            &"a",
            Read::default().refresh(Refresh::Force),
            load.fails(secs(1)),
        )
        .await;
    assert_eq!(told(&forced), ("unavailable", None));
    let or_fail = cache
        .get(
            &"a",
            Read::default().refresh(Refresh::OrFail),
            load.fails(secs(1)),
        )
        .await;
    assert_eq!(told(&or_fail), ("fresh", Some(1)));
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_key_may_have_its_own_lifetime() {
    let cache = Cache::<&str, u32, Dry>::builder()
        .lifetime(|key, _| match *key {
            "slow" => Lifetime {
                fresh_for: secs(3600),
                stale_for: secs(0),
            },
            _ => Lifetime {
                fresh_for: secs(1),
                stale_for: secs(0),
            },
        })
        .build();
    let load = Load::default();
    cache.insert("slow", 1);
    cache.insert("quick", 1);
    advance(secs(2)).await;
    let slow = cache
        .get(&"slow", Read::default(), load.gives(2, secs(0)))
        .await;
    let quick = cache
        .get(&"quick", Read::default(), load.gives(2, secs(0)))
        .await;
    assert_eq!(
        (told(&slow), told(&quick)),
        (("fresh", Some(1)), ("loaded", Some(2)))
    );
}

/// A loaf that knows when it left the oven.
#[derive(Debug, Clone, PartialEq)]
struct Loaf {
    baked: Option<Instant>,
    number: u32,
}

impl Born for Loaf {
    fn born(&self) -> Option<Instant> {
        self.baked
    }
}

fn bakery() -> Cache<&'static str, Arc<Loaf>, Dry> {
    Cache::builder()
        .fresh_for(secs(10))
        .born(Born::born)
        .build()
}

fn loaf(number: u32, baked: Instant) -> Arc<Loaf> {
    Arc::new(Loaf {
        baked: Some(baked),
        number,
    })
}

#[tokio::test(start_paused = true)]
async fn age_counts_from_birth_where_the_value_tells_it() {
    let cache = bakery();
    let baked = Instant::now();
    advance(secs(8)).await;
    cache.insert("a", loaf(1, baked));
    advance(secs(1)).await;
    assert_eq!(cache.peek(&"a").map(|entry| entry.age), Some(secs(9)));
    advance(secs(1)).await;
    let answer = cache
        .get(&"a", Read::default(), |()| async { Err(Dry) })
        .await;
    assert_eq!(
        answer.entry(),
        None,
        "ten seconds after its birth it is no longer fresh"
    );

    cache.insert(
        "b",
        Arc::new(Loaf {
            baked: None,
            number: 2,
        }),
    );
    advance(secs(9)).await;
    assert_eq!(
        cache.peek(&"b").map(|entry| entry.age),
        Some(secs(9)),
        "unborn: since it was stored"
    );
}

#[tokio::test(start_paused = true)]
async fn a_birth_in_the_future_is_an_age_of_zero() {
    let cache = bakery();
    cache.insert("a", loaf(1, Instant::now() + secs(60)));
    assert_eq!(cache.peek(&"a").map(|entry| entry.age), Some(secs(0)));
}

#[tokio::test(start_paused = true)]
async fn an_older_value_never_replaces_a_younger_one() {
    let cache = bakery();
    let (early, late) = (Instant::now(), Instant::now() + secs(5));
    advance(secs(6)).await;
    cache.insert("a", loaf(2, late));
    cache.insert("a", loaf(1, early));
    assert_eq!(cache.peek(&"a").map(|entry| entry.value.number), Some(2));
    // A load that brings something older hands it to its readers, with its age, and keeps the younger.
    let read = Read::default().refresh(Refresh::Force);
    let loaded = cache
        .get(&"a", read, move |()| async move { Ok(loaf(1, early)) })
        .await;
    assert_eq!(
        loaded.entry().map(|entry| (entry.value.number, entry.age)),
        Some((1, secs(6)))
    );
    assert_eq!(cache.peek(&"a").map(|entry| entry.value.number), Some(2));
    assert_eq!(cache.stats().discarded, 2);
    // Of the same age, the later one wins: it may carry a correction.
    cache.insert("a", loaf(3, late));
    assert_eq!(cache.peek(&"a").map(|entry| entry.value.number), Some(3));
}

proptest! {
    /// Against a model of one sentence: fresh below the limit, stale below the hard age, else gone.
    #[test]
    fn what_a_failing_load_leaves_follows_from_the_ages_alone(
        age in 0_u64..50, fresh in 0_u64..20, stale in 0_u64..20, max_age in proptest::option::of(0_u64..30),
        refresh in prop_oneof![Just(Refresh::IfNeeded), Just(Refresh::OrFail), Just(Refresh::Force)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let answer = runtime.block_on(async {
            let cache = Cache::<&str, u32, Dry>::builder().fresh_for(secs(fresh)).stale_for(secs(stale)).build();
            cache.insert("a", 1);
            advance(secs(age)).await;
            let read = Read::default().max_age(max_age.map(secs)).refresh(refresh);
            cache.get(&"a", read, |()| async { Err(Dry) }).await
        });
        let kind = told(&answer).0;
        let expected = match refresh {
            Refresh::Force => "unavailable",
            _ if age < max_age.unwrap_or(fresh) => "fresh",
            Refresh::IfNeeded if max_age != Some(0) && age < fresh + stale => "stale",
            _ => "unavailable",
        };
        prop_assert_eq!(kind, expected);
        if let Some(entry) = answer.entry() {
            prop_assert_eq!(entry.age, secs(age));
        }
    }
}
