//! The behaviour that was measured on real data, as cases.

use super::*;

struct Feed {
    engine: Engine,
    second: i64,
}

impl Feed {
    /// A warm engine that moves by about `noise` a second around ln(price) = 0.
    fn warm(noise: f64) -> Self {
        let mut feed = Self {
            engine: Engine::default(),
            second: 1_700_000_000,
        };
        for n in 0..300_u32 {
            let ln = noise * f64::from((n * 7_919) % 13).sin();
            assert!(feed.accepts(ln), "{n}");
        }
        assert!(feed.accepts(0.0));
        feed
    }

    fn print(&mut self, ln: f64) -> Outcome {
        self.second += 1;
        let at = Timestamp::from_secs(self.second).unwrap();
        let ln = Finite64::new(ln).unwrap();
        let weighed = self.engine.weigh(ln, at, Floor::TICKER, 1e-6, None);
        self.engine.learn(&weighed);
        weighed.outcome
    }

    fn accepts(&mut self, ln: f64) -> bool {
        !matches!(self.print(ln), Outcome::Pending { .. })
    }
}

/// A feed of so many prints that moves by a thousandth.
fn young(prints: u32) -> Feed {
    let mut feed = Feed {
        engine: Engine::default(),
        second: 1_700_000_000,
    };
    for n in 0..prints {
        assert!(feed.accepts(0.001 * f64::from(n % 3)), "{n}");
    }
    feed
}

#[test]
fn a_jump_far_beyond_the_few_steps_known_is_doubted_until_the_next_print_agrees() {
    for prints in [6, 12, 29] {
        for jump in [1.1_f64.ln(), 1.5_f64.ln(), 0.9_f64.ln()] {
            let doubted =
                |feed: &mut Feed| matches!(feed.print(jump), Outcome::Pending { hard: false, .. });
            let mut feed = young(prints);
            assert!(doubted(&mut feed), "{prints} {jump}");
            assert!(feed.accepts(0.001));
            assert!(doubted(&mut feed), "{prints} {jump}");
            assert_eq!(feed.print(jump * 1.2), Outcome::Level { released: 1 });
            assert!(feed.accepts(jump * 1.2 + 0.001));
        }
    }
    // Five prints are four steps: nothing is known.
    assert!(young(5).accepts(1.5_f64.ln()));
}

#[test]
fn a_market_that_begins_wildly_is_not_locked_out() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let mut feed = young(6);
        let mut ln = 0.0;
        let doubted = (0..60)
            .filter(|_| {
                ln += 0.3 * (random.f64() - 0.5);
                !feed.accepts(ln)
            })
            .count();
        assert!(doubted <= 12, "{doubted} of 60");
    }
}

#[test]
fn ten_times_and_back_excludes_one_print() {
    let mut feed = Feed::warm(0.001);
    assert!(matches!(
        feed.print(10.0_f64.ln()),
        Outcome::Pending { hard: true, .. }
    ));
    for _ in 0..20 {
        assert!(feed.accepts(0.0005));
    }
}

#[test]
fn a_step_of_minus_half_is_the_level_at_the_third_print() {
    let mut feed = Feed::warm(0.001);
    let half = 0.5_f64.ln();
    assert!(!feed.accepts(half));
    assert!(!feed.accepts(half + 0.001));
    assert_eq!(feed.print(half), Outcome::Level { released: 2 });
    assert!(feed.accepts(half - 0.001));
    assert_eq!(feed.engine.pending(), 0);
}

#[test]
fn a_waterfall_is_the_level_at_the_fifth_print_and_nothing_waits_after() {
    let mut feed = Feed::warm(0.001);
    let fall = |n: i32| f64::from(n) * 0.95_f64.ln();
    for n in 1..=4 {
        assert!(!feed.accepts(fall(n)), "{n}");
    }
    assert_eq!(feed.print(fall(5)), Outcome::Level { released: 4 });
    for n in 6..40 {
        assert!(feed.accepts(fall(n)), "{n}");
    }
}

#[test]
fn every_other_print_of_another_symbol_is_refused_for_ever() {
    let mut feed = Feed::warm(0.001);
    for _ in 0..500 {
        assert!(!feed.accepts(2.0));
        assert!(feed.accepts(0.0));
    }
}

#[test]
fn garbage_is_never_a_level() {
    let mut feed = Feed::warm(0.001);
    let mut rng = fastrand::Rng::with_seed(7);
    let taken = (0..1_000).filter(|_| feed.accepts((rng.f64() - 0.5) * 40.0));
    assert!(taken.count() <= 20);
}

#[test]
fn a_series_that_stood_still_may_move_a_little_and_not_a_lot() {
    let mut feed = Feed::warm(0.0);
    assert!(feed.accepts(0.002));
    assert!(matches!(
        feed.print(0.102),
        Outcome::Pending { hard: true, .. }
    ));
}

#[test]
fn an_engine_without_history_learns_a_wild_market_and_does_not_lock_up() {
    let mut feed = Feed {
        engine: Engine::default(),
        second: 1_700_000_000,
    };
    let mut ln = 0.0;
    for n in 0..400_i32 {
        ln += 0.02 * f64::from(n * 31).sin();
        assert!(feed.accepts(ln), "{n}");
    }
}

#[test]
fn a_level_of_one_exchange_that_two_others_contradict_is_never_accepted() {
    use robust_market::Exchange;
    use rust_decimal::Decimal;
    let symbol = "BTC/USDT".parse().unwrap();
    let mut consensus = crate::Consensus::default();
    let mut feed = Feed::warm(0.001);
    for n in 0..50 {
        let at = Timestamp::from_secs(feed.second + 1).unwrap();
        for exchange in [Exchange::BINANCE, Exchange::KUCOIN] {
            consensus.update(&exchange, &symbol, Decimal::ONE, None, at);
        }
        let peers = consensus.peers(&Exchange::HTX, &symbol, at).unwrap();
        feed.second += 1;
        let mut weigh = |ln: f64| {
            let ln = Finite64::new(ln).unwrap();
            feed.engine.weigh(ln, at, Floor::TICKER, 1e-6, Some(&peers))
        };
        let weighed = weigh(0.2);
        assert!(matches!(weighed.outcome, Outcome::Pending { .. }), "{n}");
        feed.engine.learn(&weighed);
    }
    // And a jump that another exchange shares is accepted at once.
    let at = Timestamp::from_secs(feed.second + 1).unwrap();
    let jump = Decimal::new(12, 1);
    for exchange in [Exchange::BINANCE, Exchange::KUCOIN] {
        consensus.update(&exchange, &symbol, jump, None, at);
    }
    let peers = consensus.peers(&Exchange::HTX, &symbol, at).unwrap();
    let ln = Finite64::ln(jump).unwrap();
    let weighed = feed.engine.weigh(ln, at, Floor::TICKER, 1e-6, Some(&peers));
    assert_eq!(weighed.outcome, Outcome::Confirmed);
}

#[test]
fn state_is_of_one_size_after_a_million_updates() {
    let mut feed = Feed::warm(0.001);
    assert!(!feed.accepts(3.0));
    let before = feed.engine.memory();
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..1_000_000 {
        feed.print((rng.f64() - 0.5) * 0.01);
    }
    assert_eq!(feed.engine.memory(), before);
}

/// What nine of ten messages of a stream say within milliseconds says nothing of half a percent.
#[test]
fn a_silence_of_milliseconds_excuses_no_jump_and_one_of_minutes_does() {
    let mut engine = Engine::default();
    let mut ms = 1_700_000_000_000;
    let weigh = |engine: &mut Engine, ms: i64, ln: f64| {
        let at = Timestamp::from_ms(ms).unwrap();
        engine.weigh(Finite64::new(ln).unwrap(), at, Floor::TICKER, 1e-6, None)
    };
    for n in 0..300_u32 {
        ms += 2;
        let weighed = weigh(&mut engine, ms, 1e-6 * f64::from(n % 3));
        engine.learn(&weighed);
    }
    let is_pending = |weighed: Weighed| matches!(weighed.outcome, Outcome::Pending { .. });
    for jump in [0.008, -0.008] {
        assert!(is_pending(weigh(&mut engine, ms + 20, jump)));
        assert!(is_pending(weigh(&mut engine, ms + 60_000, jump)));
        assert!(!is_pending(weigh(&mut engine, ms + 600_000, jump)));
    }
    assert!(is_pending(weigh(&mut engine, ms + 600_000, 0.1)));
}
