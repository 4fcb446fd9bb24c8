//! Random histories of the pure core, judged by the model.

use std::task::Waker;
use std::time::Duration;

use proptest::prelude::*;

use super::model::{Op, World};
use super::{Ask, Poll};
use crate::{Class, Window};

fn window() -> impl Strategy<Value = Window> {
    let limit = prop_oneof![4 => 1..20_u32, 1 => 600..700_u32];
    (
        limit,
        1..2_000_u64,
        prop_oneof![Just(0), 1..300_u64],
        any::<bool>(),
    )
        .prop_map(|(limit, per, guard, keyed)| {
            let window = Window::sliding("w", limit, Duration::from_nanos(per))
                .guard(Duration::from_nanos(guard));
            if keyed { window.keyed() } else { window }
        })
}

fn charges() -> impl Strategy<Value = Vec<(usize, u64, u32)>> {
    prop::collection::vec((0..3_usize, 0..4_u64, any::<u32>()), 0..4)
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<usize>;
    prop_oneof![
        6 => prop_oneof![8 => 0..300_i64, 2 => 0..5_000_i64, 1 => -500..0_i64].prop_map(Op::Step),
        8 => (charges(), 0..4_usize, prop::option::of(0..3_000_u64), prop::bool::weighted(0.9))
            .prop_map(|(cost, class, deadline, slot)| Op::Ask { cost, class, deadline, slot }),
        2 => Just(Op::Turn),
        6 => index().prop_map(Op::Commit),
        1 => index().prop_map(Op::Drop),
        1 => index().prop_map(Op::Refund),
        5 => index().prop_map(Op::Release),
        1 => (index(), charges()).prop_map(|(which, cost)| Op::Settle(which, cost)),
        1 => (index(), 0..3_usize, any::<u32>()).prop_map(|(which, window, used)| Op::Observe(which, window, used)),
        1 => index().prop_map(Op::Abandon),
        1 => (index(), 0..4_usize).prop_map(|(which, class)| Op::Raise(which, class)),
        1 => (0..2_000_u64).prop_map(Op::Pause),
        1 => Just(Op::Resume),
    ]
}

/// A window that remembers each commit, so that its future is known exactly.
fn exact_window() -> impl Strategy<Value = Window> {
    window().prop_map(|window| Window {
        limit: window.limit % 64 + 1,
        ..window
    })
}

/// What leaves the future certain: nobody gives up, and nothing is paused.
fn certain_op() -> impl Strategy<Value = Op> {
    op().prop_map(|op| match op {
        Op::Ask {
            cost, class, slot, ..
        } => Op::Ask {
            cost,
            class,
            deadline: None,
            slot,
        },
        Op::Settle(..) | Op::Observe(..) | Op::Pause(_) => Op::Turn,
        op => op,
    })
}

/// Only what cannot charge more than was granted.
fn honest(op: &Op) -> bool {
    !matches!(op, Op::Settle(..) | Op::Observe(..))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Every law at once, over everything that can happen.
    #[test]
    fn any_history_keeps_every_law(
        windows in prop::collection::vec(window(), 1..4),
        max_queue in 0..20_usize,
        max in prop::option::weighted(0.8, 1..5_usize),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut world = World::new(windows, max_queue, max);
        for op in &ops {
            world.apply(op);
        }
        world.drain();
        if !world.surprised && !world.foreign {
            world.judge_history();
        }
    }

    /// Without surprises from the server, the history as a whole never exceeds a limit.
    #[test]
    fn no_window_of_any_honest_history_holds_more_than_its_limit(
        windows in prop::collection::vec(window(), 1..4),
        max in prop::option::of(1..5_usize),
        ops in prop::collection::vec(op().prop_filter("honest", honest), 1..160),
    ) {
        let mut world = World::new(windows, 1_000, max);
        for op in &ops {
            world.apply(op);
        }
        world.drain();
        world.judge_history();
    }

    /// Where the windows leave room, the slots alone decide: the most urgent first, then the first to come, and never more than
    /// there are.
    #[test]
    fn a_slot_goes_to_the_most_urgent_then_to_the_first(
        max in 1..5_usize,
        ops in prop::collection::vec(op().prop_filter("honest", honest), 1..160),
    ) {
        let wide = Window::sliding("wide", 1, Duration::from_nanos(1)).guard(Duration::ZERO).keyed();
        let mut world = World::new(vec![wide], 1_000, Some(max));
        for op in &ops {
            // Costs nothing but a slot.
            match op {
                Op::Ask { class, deadline, .. } => {
                    world.apply(&Op::Ask { cost: Vec::new(), class: *class, deadline: *deadline, slot: true });
                }
                op => world.apply(op),
            }
            world.apply(&Op::Turn);
            let now = world.now();
            let paused = world.state.paused(now).is_some();
            prop_assert!(paused || world.waiting.is_empty() || world.is_full(), "a slot stands empty");
        }
        world.drain();
    }

    /// The forecast is the truth: a nanosecond earlier is too early, then is in time. For whoever
    /// keeps its place in the queue, and for the last of all even if it goes and comes back.
    #[test]
    fn a_refusal_names_the_first_instant_that_would_do(
        windows in prop::collection::vec(exact_window(), 1..4),
        ops in prop::collection::vec(certain_op(), 1..80),
        cost in charges(),
        class in 0..4_usize,
        stays in any::<bool>(),
    ) {
        let mut world = World::new(windows, 1_000, None);
        for op in &ops {
            world.apply(op);
        }
        let cost = world.cost(&cost);
        let Ok(cost) = world.state.windows.check(cost.clone(), Class::Critical) else {
            return Ok(());
        };
        let class = if stays { Class::ALL[class] } else { Class::Low };
        let ask = Ask { cost: cost.clone(), class: class.into(), deadline: None, slot: false };
        let mut now = world.now();
        world.commit_all(now);
        let Err(placement) = world.state.grant_now(now, &ask) else {
            return Ok(());
        };
        prop_assert!(placement.at > now);
        let seq = stays.then(|| {
            world.state.enqueue(now, ask.clone(), placement, Waker::noop().clone()).expect("no deadline, no bound")
        });
        world.state.turn(now);
        world.harvest(now);
        world.commit_all(now);
        world.state.turn(now);
        while let Some(due) = world.state.due.filter(|due| *due < placement.at) {
            now = world.state.at(due);
            world.state.turn(now);
            world.harvest(now);
            world.commit_all(now);
            world.state.turn(now);
        }
        for (at, granted) in [(placement.at - 1, false), (placement.at, true)] {
            now = world.state.at(at);
            let found = match seq {
                Some(seq) => {
                    world.state.turn(now);
                    matches!(world.state.poll(seq, Waker::noop()).0, Poll::Granted(..))
                }
                None => world.state.grant_now(now, &ask).is_ok(),
            };
            prop_assert_eq!(found, granted, "at {}, of {}", at, placement.at);
            world.harvest(now);
            world.commit_all(now);
        }
    }
}
