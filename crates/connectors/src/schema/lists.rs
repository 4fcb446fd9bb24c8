//! The committed lists, one for each endpoint.

use std::sync::LazyLock;

use robust_market::{Exchange, Kind};

use super::known::Known;

macro_rules! lists {
    ($($exchange:ident $folder:literal: $($name:literal)+;)+) => {
        &[$($((
            Exchange::$exchange,
            $name,
            include_str!(concat!("../../schema/", $folder, "/", $name, ".txt")),
        ),)+)+]
    };
}

/// Exchange, name and text of each list.
const TEXTS: &[(Exchange, &str, &str)] = lists! {
    KRAKEN "kraken": "assets" "book" "candles" "instruments" "status" "ticker" "time" "trades";
    BINANCE "binance": "bids_asks" "book" "candles" "instruments" "last_prices" "recent_trades" "status" "ticker" "tickers" "time" "trades";
    KUCOIN "kucoin": "assets" "book" "candles" "instruments" "level1" "status" "ticker" "tickers" "time" "trades" "ws_token";
    HTX "htx": "assets" "book" "candles" "instruments" "status" "ticker" "tickers" "time" "trades";
};

static LISTS: LazyLock<Vec<(Exchange, &'static str, Known)>> = LazyLock::new(|| {
    let lists = TEXTS.iter();
    // A test reads every one of them, so none is left out.
    let read = lists.filter_map(|(exchange, name, text)| {
        Some((exchange.clone(), *name, Known::parse(text).ok()?))
    });
    read.collect()
});

/// Every list: the exchange, the list's name, and the list.
pub fn lists() -> impl Iterator<Item = (&'static Exchange, &'static str, &'static Known)> {
    LISTS
        .iter()
        .map(|(exchange, name, known)| (exchange, *name, known))
}

/// The list for one endpoint of an exchange, by its path and what is read from it; `None` for an endpoint that no connector asks.
///
/// The path alone is not enough: Binance answers about one pair with an object and about several with a list.
#[must_use]
pub fn known(exchange: &Exchange, path: &str, kind: Kind) -> Option<&'static Known> {
    lists()
        .find(|(whose, _, known)| {
            *whose == exchange && known.kinds().contains(&kind) && known.serves(path)
        })
        .map(|(_, _, known)| known)
}
