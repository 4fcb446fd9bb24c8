//! What HTX lists.

use robust_market::Symbol;

use crate::htx::number::Bare;
use crate::market::asset::{COINS, reference, terms};
use crate::market::{Listing, Market};

/// Coins that are listed elsewhere only.
const NOT_LISTED: &[&str] = &["XMR"];
const ALSO_BTC: &[&str] = &[
    "ETH", "SOL", "XRP", "LTC", "LINK", "ADA", "DOT", "AVAX", "BCH", "DOGE",
];

fn price_places(base: &str, quote: &str) -> u32 {
    let price = reference(base, quote);
    (2_u32..10)
        .find(|places| price * 10_f64.powi(places.cast_signed()) >= 8_000.0)
        .unwrap_or(10)
}

fn lot_places(base: &str) -> u32 {
    match reference(base, "USD") {
        price if price >= 10_000.0 => 6,
        price if price >= 0.1 => 4,
        _ => 2,
    }
}

/// HTX's pairs with their generators.
pub(crate) fn market(seed: u64) -> Market {
    let coins = COINS
        .iter()
        .map(|(code, ..)| (*code, "USDT"))
        .filter(|(code, _)| !NOT_LISTED.contains(code));
    let listed = coins
        .chain([("USDC", "USDT")])
        .chain(ALSO_BTC.iter().map(|code| (*code, "BTC")))
        .filter_map(|(base, quote)| {
            let symbol = Symbol::new(base, quote).ok()?;
            let (base_id, quote_id) = (base.to_ascii_lowercase(), quote.to_ascii_lowercase());
            let listing = Listing {
                symbol,
                id: format!("{base_id}{quote_id}"),
                aliases: Vec::new(),
                base: base_id,
                quote: quote_id,
                price_places: price_places(base, quote),
                lot_places: lot_places(base),
            };
            let places = (listing.price_places, listing.lot_places);
            let terms = terms(seed, "htx", (base, quote), places);
            Some((listing, terms))
        });
    Market::new(listed.collect())
}

pub(crate) fn price(listing: &Listing, ticks: u64) -> Bare {
    Bare::new(ticks, listing.price_places)
}

pub(crate) fn amount(listing: &Listing, lots: u64) -> Bare {
    Bare::new(lots, listing.lot_places)
}

/// What was traded, in coins.
pub(crate) fn volume(listing: &Listing, lots: u128) -> Bare {
    Bare::sum(lots, listing.lot_places)
}

/// What was paid for it, in units of the quote.
pub(crate) fn turnover(listing: &Listing, sum: u128) -> Bare {
    Bare::sum(sum, listing.price_places + listing.lot_places)
}
