//! Who may start before whom, under any load.

use std::time::Duration;

use proptest::prelude::*;
use robust_scheduler::{Job, Source};
use tokio::time::sleep;

use crate::{Diary, base, builder, in_paused_time, ms, secs};

/// How much later an occurrence competes for each step of priority above 1.
const STEP: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
struct Load {
    priority: u8,
    due: Duration,
    takes: Duration,
}

fn load() -> impl Strategy<Value = Vec<Load>> {
    let one = (1_u8..=5, 0_u64..30_000, 1_u64..3_000).prop_map(|(priority, due, takes)| Load {
        priority,
        due: ms(due),
        takes: ms(takes),
    });
    proptest::collection::vec(one, 1..120)
}

proptest! {
    /// Whoever starts while somebody else of its source is ready and waits, competes since no later: so
    /// priority 5 is overtaken only by what becomes ready up to 4 · 2 s after it.
    #[test]
    fn nobody_is_overtaken_beyond_the_handicap_of_its_priority(
        load in load(),
        places in 1_usize..4,
        of_a_source in any::<bool>(),
    ) {
        let entries = in_paused_time(async {
            let (scheduler, diary) = (builder().max_in_flight(places).start(), Diary::default());
            scheduler.source(Source::new("exchange"));
            let jobs = load.iter().enumerate().map(|(n, one)| {
                let job = Job::at(format!("{n}"), base() + one.due).priority(one.priority);
                let job = if of_a_source { job.source("exchange") } else { job };
                job.handler(diary.keeps(one.takes))
            });
            scheduler.add_all(jobs).unwrap();
            let began = tokio::time::Instant::now();
            // As long as one place takes for all of them.
            sleep(secs(30 + 3 * 120 + 1)).await;
            assert!(scheduler.ledger().balances());
            let started = diary.entries().into_iter();
            let started = started.map(|entry| (entry.job.parse::<usize>().unwrap(), entry.start - began));
            started.collect::<Vec<_>>()
        });
        prop_assert_eq!(entries.len(), load.len(), "each runs");
        let competes = |one: &Load| one.due + STEP * u32::from(one.priority - 1);
        for (nth, (overtaker, start)) in entries.iter().enumerate() {
            for (waiter, _) in &entries[nth + 1..] {
                let (overtaker, waiter) = (&load[*overtaker], &load[*waiter]);
                // The grain of the timer lies between being due and being ready.
                if waiter.due + ms(1) < *start {
                    prop_assert!(
                        competes(overtaker) <= competes(waiter),
                        "{overtaker:?} started at {start:?} before {waiter:?}"
                    );
                }
            }
        }
    }
}
