//! What KuCoin lists.

use robust_market::Symbol;

use crate::market::asset::{COINS, reference, terms};
use crate::market::fixed::Fixed;
use crate::market::{Listing, Market};

const ALSO_BTC: &[&str] = &[
    "ETH", "SOL", "XRP", "LTC", "LINK", "ADA", "DOT", "XMR", "TRX", "BCH",
];

/// The code that never changes, which the id is made of; the name follows the renaming.
pub(crate) fn code(asset: &str) -> &str {
    match asset {
        "BSV" => "BCHSV",
        _ => asset,
    }
}

fn price_places(base: &str, quote: &str) -> u32 {
    match (base, quote) {
        ("BTC", _) => 1,
        ("ETH", "USDT") => 2,
        _ => {
            let price = reference(base, quote);
            (2_u32..10)
                .find(|places| price * 10_f64.powi(places.cast_signed()) >= 8_000.0)
                .unwrap_or(10)
        }
    }
}

fn lot_places(base: &str) -> u32 {
    match base {
        "BTC" => 8,
        "ETH" => 7,
        _ => 4,
    }
}

/// KuCoin's pairs with their generators.
pub(crate) fn market(seed: u64) -> Market {
    let coins = COINS.iter().map(|(code, ..)| (*code, "USDT"));
    let listed = coins
        .chain([("USDC", "USDT")])
        .chain(ALSO_BTC.iter().map(|code| (*code, "BTC")))
        .filter_map(|(base, quote)| {
            let listing = Listing {
                symbol: Symbol::new(base, quote).ok()?,
                id: format!("{}-{quote}", code(base)),
                aliases: Vec::new(),
                base: code(base).to_owned(),
                quote: quote.to_owned(),
                price_places: price_places(base, quote),
                lot_places: lot_places(base),
            };
            let places = (listing.price_places, listing.lot_places);
            let terms = terms(seed, "kucoin", (base, quote), places);
            Some((listing, terms))
        });
    Market::new(listed.collect())
}

/// The name of a pair, which follows renamings.
pub(crate) fn name(listing: &Listing) -> String {
    format!("{}-{}", listing.symbol.base(), listing.symbol.quote())
}

/// A price as KuCoin prints it: without trailing zeros.
pub(crate) fn price(listing: &Listing, ticks: u64) -> String {
    Fixed::new(ticks, listing.price_places, listing.price_places).trimmed()
}

/// An amount as KuCoin prints it: without trailing zeros.
pub(crate) fn amount(listing: &Listing, lots: u64) -> String {
    Fixed::new(lots, listing.lot_places, listing.lot_places).trimmed()
}
