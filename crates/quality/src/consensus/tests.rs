//! Who stands apart, and who does not.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + seconds).unwrap()
}

fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

fn price(value: f64) -> Decimal {
    Decimal::from_f64_retain(value).unwrap().round_dp(8)
}

/// Feeds each exchange its price at one second.
fn feed(consensus: &mut Consensus, pair: &str, prices: &[(&str, f64)], second: i64) {
    for (exchange, value) in prices {
        let exchange: Exchange = exchange.parse().unwrap();
        consensus.update(
            &exchange,
            &symbol(pair),
            price(*value),
            Some(1e-4),
            at(second),
        );
    }
}

fn seen(consensus: &Consensus, exchange: &str, pair: &str, second: i64) -> Option<Peers> {
    consensus.peers(&exchange.parse().unwrap(), &symbol(pair), at(second))
}

#[test]
fn one_of_three_that_is_biased_stands_apart_and_the_others_do_not() {
    for bias in [1.01, 1.02, 0.98, 1.05] {
        let mut consensus = Consensus::default();
        let prices = [
            ("binance", 100.0),
            ("kucoin", 100.02),
            ("htx", 100.0 * bias),
        ];
        feed(&mut consensus, "BTC/USDT", &prices, 0);
        feed(&mut consensus, "BTC/USDT", &prices, 1);
        for (exchange, value) in prices {
            let peers = seen(&consensus, exchange, "BTC/USDT", 1).unwrap();
            let far = peers.distance(price(value)).unwrap();
            assert_eq!(far > peers.limit(), exchange == "htx", "{exchange} {far}");
        }
    }
}

#[test]
fn one_of_four_that_is_biased_stands_apart_alone() {
    let mut consensus = Consensus::default();
    let prices = [
        ("binance", 100.0),
        ("kucoin", 100.02),
        ("kraken", 99.99),
        ("htx", 105.0),
    ];
    feed(&mut consensus, "BTC/USDT", &prices, 0);
    feed(&mut consensus, "BTC/USDT", &prices, 1);
    for (exchange, value) in prices {
        let peers = seen(&consensus, exchange, "BTC/USDT", 1).unwrap();
        let far = peers.distance(price(value)).unwrap();
        assert_eq!(far > peers.limit(), exchange == "htx", "{exchange} {far}");
    }
}

#[test]
fn all_moving_together_is_clean() {
    let mut consensus = Consensus::default();
    for (second, level) in [100.0, 80.0, 50.0, 10.0].into_iter().enumerate() {
        let second = i64::try_from(second).unwrap();
        let prices = [
            ("binance", level),
            ("kucoin", level * 1.001),
            ("htx", level * 0.999),
        ];
        feed(&mut consensus, "BTC/USDT", &prices, second);
        for (exchange, value) in prices {
            let peers = seen(&consensus, exchange, "BTC/USDT", second).unwrap();
            assert!(peers.distance(price(value)).unwrap() < peers.limit());
        }
    }
}

#[test]
fn stale_peers_say_nothing() {
    let mut consensus = Consensus::default();
    let prices = [("binance", 100.0), ("kucoin", 100.0), ("htx", 100.0)];
    for second in 0..200 {
        feed(&mut consensus, "BTC/USDT", &prices, second);
    }
    feed(&mut consensus, "BTC/USDT", &[("htx", 110.0)], 260);
    assert_eq!(seen(&consensus, "htx", "BTC/USDT", 260), None);
}

#[test]
fn a_suspect_comes_back_at_half_of_the_limit() {
    let mut consensus = Consensus::default();
    let others = [("binance", 100.0), ("kucoin", 100.0)];
    let mut suspected = |value: f64, second: i64| {
        feed(&mut consensus, "BTC/USDT", &others, second);
        feed(&mut consensus, "BTC/USDT", &[("htx", value)], second);
        seen(&consensus, "htx", "BTC/USDT", second)
            .unwrap()
            .suspected()
    };
    assert!(!suspected(100.8, 0));
    assert!(suspected(101.2, 1));
    assert!(suspected(100.8, 2)); // under the limit, over half of it
    assert!(!suspected(100.4, 3));
    assert!(!suspected(100.8, 4));
}

#[test]
fn across_quote_currencies_a_basis_is_followed_and_a_lost_peg_moves_it() {
    let mut consensus = Consensus::default();
    let expects = |consensus: &Consensus, second| {
        let peers = seen(consensus, "kraken", "BTC/USD", second)?;
        peers.apart_across(100.0_f64.ln())
    };
    for second in 0..100 {
        let tethers = [("binance", 100.5), ("kucoin", 100.5)];
        feed(&mut consensus, "BTC/USDT", &tethers, second);
        feed(&mut consensus, "BTC/USD", &[("kraken", 100.0)], second);
    }
    let (far, limit) = expects(&consensus, 99).unwrap();
    assert!(far < 0.001 && limit >= 0.02, "{far}");
    // Tether loses 5 %: every pair in it rises, and the pairs in dollars look low by as much.
    feed(
        &mut consensus,
        "BTC/USDT",
        &[("binance", 105.5), ("kucoin", 105.5)],
        100,
    );
    let (far, limit) = expects(&consensus, 100).unwrap();
    assert!(far > limit);
    for second in 101..600 {
        feed(
            &mut consensus,
            "BTC/USDT",
            &[("binance", 105.5), ("kucoin", 105.5)],
            second,
        );
        feed(&mut consensus, "BTC/USD", &[("kraken", 100.0)], second);
    }
    assert!(expects(&consensus, 599).is_some_and(|(far, limit)| far < limit));
}

#[test]
fn pairs_and_members_are_bounded() {
    let mut consensus = Consensus::default();
    for n in 0..GROUPS_MAX + 50 {
        let n = i64::try_from(n).unwrap();
        let pair = symbol(&format!("C{n}/EUR"));
        consensus.update(&Exchange::KRAKEN, &pair, Decimal::ONE, None, at(n));
    }
    assert_eq!(consensus.len(), GROUPS_MAX);
    for n in 0..50 {
        let exchange: Exchange = format!("venue{n}").parse().unwrap();
        consensus.update(&exchange, &symbol("BTC/EUR"), Decimal::ONE, None, at(n));
    }
    assert_eq!(
        consensus.groups[&symbol("BTC/EUR")].members.len(),
        MEMBERS_MAX
    );
}

/// Three exchanges of two pairs in step, then one second in which only the first has spoken.
fn first_to_move(pair: &str, sibling: &str, moved: f64) -> (Consensus, Peers) {
    let mut consensus = Consensus::default();
    let all = |value: f64| [("binance", value), ("kucoin", value), ("htx", value)];
    for second in 0..40 {
        feed(&mut consensus, pair, &all(100.0), second);
        feed(&mut consensus, sibling, &all(100.1), second);
    }
    feed(&mut consensus, sibling, &[("binance", 100.1 * moved)], 40);
    let peers = seen(&consensus, "binance", pair, 40).unwrap();
    (consensus, peers)
}

#[test]
fn the_first_to_move_is_not_apart_before_the_others_could_know() {
    let (mut consensus, peers) = first_to_move("BTC/USDT", "BTC/USDC", 1.0);
    let moved = 102.0_f64.ln();
    assert!(peers.apart(moved).unwrap() > peers.limit());
    assert!(peers.is_news());
    feed(&mut consensus, "BTC/USDT", &[("binance", 102.0)], 40);
    let peers = seen(&consensus, "binance", "BTC/USDT", 41).unwrap();
    assert!(!peers.suspected());
    // They have spoken since, and stayed: now it is apart.
    feed(
        &mut consensus,
        "BTC/USDT",
        &[("kucoin", 100.0), ("htx", 100.0)],
        41,
    );
    let peers = seen(&consensus, "binance", "BTC/USDT", 41).unwrap();
    assert!(!peers.is_news());
    feed(&mut consensus, "BTC/USDT", &[("binance", 102.0)], 41);
    let peers = seen(&consensus, "binance", "BTC/USDT", 41).unwrap();
    assert!(peers.suspected());
}

#[test]
fn one_that_was_apart_before_is_no_news_however_silent_the_others_are() {
    let mut consensus = Consensus::default();
    for second in 0..40 {
        let prices = [("binance", 102.0), ("kucoin", 100.0), ("htx", 100.0)];
        feed(&mut consensus, "BTC/USDT", &prices, second);
    }
    let peers = seen(&consensus, "binance", "BTC/USDT", 40).unwrap();
    assert!(!peers.is_news());
}

#[test]
fn the_pair_in_another_dollar_that_made_the_same_move_is_a_witness() {
    let step = 1.02_f64.ln();
    let (_, peers) = first_to_move("BTC/USDT", "BTC/USDC", 1.02);
    assert!(peers.class_moved(step, 0.005));
    assert!(!peers.class_moved(-step, 0.005));
    let (_, peers) = first_to_move("BTC/USDT", "BTC/USDC", 1.0);
    assert!(!peers.class_moved(step, 0.005));
    // Not of another class.
    let (_, peers) = first_to_move("BTC/USDT", "BTC/EUR", 1.02);
    assert!(!peers.class_moved(step, 0.005));
}
