//! What the checker draws: windows of every kind, and what may happen to a limiter.

use std::time::Duration;

use proptest::prelude::*;

use super::Op;
use crate::{Rate, Window};

pub(super) fn window() -> impl Strategy<Value = Window> {
    let limit = prop_oneof![4 => 1..20_u32, 1 => 600..700_u32];
    let guard = prop_oneof![Just(0), 1..100_u64];
    (
        limit,
        100..2_000_u64,
        guard,
        any::<bool>(),
        0..5_usize,
        (1..50_u32, 0..3_u32),
    )
        .prop_map(|(limit, per, guard, keyed, kind, (rate, spare))| {
            let per = Duration::from_nanos(per);
            let rate = Rate::new(rate, Duration::from_nanos(500));
            let window = match kind {
                0 => Window::sliding("sliding", limit, per),
                1 => Window::log("log", limit, per),
                2 => Window::aligned("aligned", limit, per),
                3 => {
                    let full = u64::from(limit) + rate.in_time(per).unwrap() + u64::from(spare);
                    Window::gcra("gcra", u32::try_from(full).unwrap(), per, rate, limit).unwrap()
                }
                _ => Window::decay("decay", limit, rate).unwrap(),
            };
            let window = window.guard(Duration::from_nanos(guard));
            if keyed { window.keyed() } else { window }
        })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let charges = || prop::collection::vec((0..3_usize, 0..3_u64, any::<u32>()), 0..4);
    let more = prop::collection::vec((0..20_u64, 1..8_u32), 0..8);
    prop_oneof![
        6 => prop_oneof![8 => 0..300_u64, 2 => 0..20_000_u64].prop_map(Op::Step),
        8 => (charges(), 0..4_usize).prop_map(|(cost, class)| Op::Ask(cost, class)),
        4 => (charges(), 0..4_usize, more).prop_map(|(cost, class, more)| Op::Spend(cost, class, more)),
        6 => any::<usize>().prop_map(Op::Commit),
        1 => any::<usize>().prop_map(Op::Drop),
        1 => any::<usize>().prop_map(Op::Refund),
        1 => (any::<usize>(), any::<u32>()).prop_map(|(which, less)| Op::Settle(which, less)),
        1 => (0..3_usize, prop_oneof![0..30_u32, 0..3_000_u32]).prop_map(|(window, limit)| Op::SetLimit(window, limit)),
        1 => (0..3_usize, 1..300_u32, 1..50_u32, 1..2_000_u64, 0..30_u32)
            .prop_map(|(window, limit, units, per, burst)| Op::SetRate(window, limit, Rate::new(units, Duration::from_nanos(per)), burst)),
        1 => (0..2_000_u64, any::<bool>()).prop_map(|(length, servers)| Op::Pause(length, servers)),
        1 => Just(Op::SlowDown),
        1 => any::<usize>().prop_map(Op::Abandon),
    ]
}
