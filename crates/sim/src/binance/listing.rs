//! What Binance lists.

use robust_market::Symbol;

use crate::market::asset::{COINS, reference, terms};
use crate::market::{Listing, Market};

const ALSO_BTC: &[&str] = &[
    "ETH", "SOL", "BNB", "LTC", "XRP", "LINK", "AVAX", "AAVE", "BCH", "DOT",
];

fn price_places(price: f64) -> u32 {
    // About 10,000 ticks to the price, two to eight decimals.
    (2_u32..8)
        .find(|places| price * 10_f64.powi(places.cast_signed()) >= 10_000.0)
        .unwrap_or(8)
}

fn lot_places(base: &str) -> u32 {
    match reference(base, "USD") {
        price if price >= 10_000.0 => 5,
        price if price >= 1_000.0 => 4,
        price if price >= 60.0 => 3,
        price if price >= 10.0 => 2,
        price if price >= 1.0 => 1,
        _ => 0,
    }
}

/// Binance's pairs with their generators.
pub(crate) fn market(seed: u64) -> Market {
    // Delisted in 2019.
    let coins = COINS.iter().filter(|(code, ..)| *code != "BSV");
    let coins = coins.map(|(code, ..)| (*code, "USDT"));
    let others = [("USDC", "USDT"), ("EUR", "USDT")];
    let listed = coins
        .chain(others)
        .chain(ALSO_BTC.iter().map(|code| (*code, "BTC")))
        .filter_map(|(base, quote)| {
            let symbol = Symbol::new(base, quote).ok()?;
            let listing = Listing {
                symbol,
                id: format!("{base}{quote}"),
                aliases: Vec::new(),
                base: base.to_owned(),
                quote: quote.to_owned(),
                price_places: price_places(reference(base, quote)),
                lot_places: lot_places(base),
            };
            let places = (listing.price_places, listing.lot_places);
            let terms = terms(seed, "binance", (base, quote), places);
            Some((listing, terms))
        });
    Market::new(listed.collect())
}
