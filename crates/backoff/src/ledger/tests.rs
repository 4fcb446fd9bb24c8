//! Tables and properties of the budget's arithmetic.

use proptest::prelude::*;

use super::*;

fn at(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

/// One request at `now`, as a budget sees it.
fn request(ledger: &mut Ledger, now: Instant) {
    ledger.begin_cell(now);
    ledger.deposit(1);
}

fn drain(ledger: &mut Ledger, now: Instant) -> u64 {
    std::iter::from_fn(|| ledger.withdraw(now)).count() as u64
}

#[test]
fn ratios_are_not_truncated() {
    // tower 0.5.3 makes 1 of the first and 1/2 of the second.
    for (ratio, originals, retries) in [
        (0.6, 10, 6),
        (0.35, 100, 35),
        (0.1, 1000, 100),
        (0.05, 100, 5),
        (2.0, 3, 6),
    ] {
        let now = Instant::now();
        let mut ledger = Ledger::new(ratio, 0.0);
        (0..originals).for_each(|_| request(&mut ledger, now));
        assert_eq!(drain(&mut ledger, now), retries, "ratio {ratio}");
    }
}

#[test]
fn numbers_that_make_no_sense_allow_nothing() {
    let now = Instant::now();
    for number in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let mut ledger = Ledger::new(number, number);
        request(&mut ledger, now);
        assert_eq!(drain(&mut ledger, now), 0, "{number}");
    }
}

#[test]
fn deposits_expire_after_ten_seconds() {
    let start = Instant::now();
    for (millis, retries) in [(0, 4), (9_999, 4), (10_500, 0), (60_000, 0)] {
        let mut ledger = Ledger::new(1.0, 0.0);
        (0..4).for_each(|_| request(&mut ledger, start));
        assert_eq!(
            drain(&mut ledger, at(start, millis)),
            retries,
            "after {millis} ms"
        );
    }
}

#[test]
fn the_floor_fills_with_time_and_does_not_save_up() {
    let start = Instant::now();
    let mut ledger = Ledger::new(0.0, 2.0);
    assert_eq!(drain(&mut ledger, start), 2);
    assert_eq!(drain(&mut ledger, at(start, 499)), 0);
    assert_eq!(drain(&mut ledger, at(start, 500)), 1);
    assert_eq!(
        drain(&mut ledger, at(start, 3_600_000)),
        2,
        "one second's worth, not an hour's"
    );
}

#[test]
fn a_slow_floor_still_allows_one_retry() {
    let start = Instant::now();
    let mut ledger = Ledger::new(0.0, 0.1);
    assert_eq!(drain(&mut ledger, start), 1);
    assert_eq!(drain(&mut ledger, at(start, 9_000)), 0);
    assert_eq!(drain(&mut ledger, at(start, 10_000)), 1);
}

/// A unit of this floor takes 9.1 ms; whoever asks every 15 ms must not lose the 5.9.
#[test]
fn asking_often_does_not_slow_the_floor_down() {
    let start = Instant::now();
    let mut ledger = Ledger::new(0.0, 0.000_11);
    assert_eq!(drain(&mut ledger, start), 1);
    let asked = (0..10_000_000).step_by(15);
    assert_eq!(
        asked
            .map(|millis| drain(&mut ledger, at(start, millis)))
            .sum::<u64>(),
        1
    );
}

#[test]
fn a_refund_goes_back_to_its_purse() {
    let start = Instant::now();
    let mut ledger = Ledger::new(1.0, 1.0);
    request(&mut ledger, start);
    let first = ledger.withdraw(start).expect("deposit");
    let second = ledger.withdraw(start).expect("floor");
    assert_eq!((first, second), (Purse::Deposits(start), Purse::Floor));
    assert_eq!(ledger.available(start), 0);
    ledger.refund(start, first);
    ledger.refund(start, second);
    assert_eq!(ledger.available(start), 2);
    ledger.refund(start, Purse::Floor);
    assert_eq!(
        ledger.available(start),
        2,
        "the floor is never above its capacity"
    );
    assert_eq!(
        ledger.available(at(start, 20_000)),
        1,
        "the refunded deposit expired with its cell"
    );
}

/// A thread may sleep between its look at the clock and its deposit.
#[test]
fn a_deposit_counts_from_the_look_at_the_clock_and_not_from_when_it_is_found() {
    let start = Instant::now();
    let mut ledger = Ledger::new(1.0, 0.0);
    let over = ledger.begin_cell(start);
    assert_eq!(over, at(start, 500));
    assert_eq!(ledger.begin_cell(at(start, 499)), over, "the same cell");
    assert_eq!(ledger.withdraw(at(start, 9_000)), None);
    ledger.deposit(2);
    assert_eq!(drain(&mut ledger, at(start, 9_001)), 2);
    ledger.deposit(2);
    assert_eq!(drain(&mut ledger, at(start, 10_500)), 0, "expired");
    ledger.deposit(2);
    assert_eq!(
        drain(&mut ledger, at(start, 10_501)),
        0,
        "later than its cell"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Deposit,
    Withdraw,
    RefundOldest,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u64..3_000).prop_map(Step::Wait),
        Just(Step::Deposit),
        Just(Step::Deposit),
        Just(Step::Withdraw),
        Just(Step::RefundOldest),
    ]
}

proptest! {
    /// Whatever happens, retries ≤ ratio · requests + floor · time + the floor's first fill.
    #[test]
    fn never_more_retries_than_paid(
        ratio in 0.0_f64..1.5, floor in 0.0_f64..3.0, steps in prop::collection::vec(step(), 1..200)
    ) {
        let start = Instant::now();
        let (mut ledger, mut now) = (Ledger::new(ratio, floor), start);
        let (mut deposits, mut held) = (0.0_f64, Vec::new());
        for step in steps {
            match step {
                Step::Wait(millis) => now = at(now, millis),
                Step::Deposit => { request(&mut ledger, now); deposits += 1.0; }
                Step::Withdraw => held.extend(ledger.withdraw(now)),
                Step::RefundOldest => if !held.is_empty() { ledger.refund(now, held.remove(0)); },
            }
            let elapsed = (now - start).as_secs_f64();
            let first_fill = if floor > 0.0 { floor.max(1.0) } else { 0.0 };
            let paid = ratio * deposits + floor * elapsed + first_fill;
            prop_assert!(held.len() as f64 <= paid + 1e-3, "{} held, {paid} paid", held.len());
        }
    }

    /// A withdrawal that is refunded at once leaves everything as it was.
    #[test]
    fn a_withdrawal_and_its_refund_cancel(
        ratio in 0.0_f64..1.5, floor in 0.0_f64..3.0, waits in prop::collection::vec(0_u64..3_000, 0..50)
    ) {
        let mut now = Instant::now();
        let mut ledger = Ledger::new(ratio, floor);
        for wait in waits {
            now = at(now, wait);
            request(&mut ledger, now);
            let before = ledger.available(now);
            if let Some(purse) = ledger.withdraw(now) {
                prop_assert!(ledger.available(now) < before);
                ledger.refund(now, purse);
            }
            prop_assert_eq!(ledger.available(now), before);
        }
    }
}
