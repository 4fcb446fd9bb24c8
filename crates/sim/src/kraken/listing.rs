//! What Kraken lists, by which names.

use robust_market::Symbol;

use crate::market::asset::{COINS, reference, terms};
use crate::market::{Listing, Market};

/// Coins that only the other exchanges list, so that they do not all have the same pairs.
const NOT_LISTED: &[&str] = &["BNB", "W", "BSV"];
/// Coins with further pairs.
const ALSO_USDT: &[&str] = &["BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC", "LINK"];
const ALSO_EUR: &[&str] = &["BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC", "DOT"];
const ALSO_BTC: &[&str] = &["ETH", "SOL", "LTC", "XMR", "LINK", "ADA"];

/// Every asset has eight decimals in the ledger but these.
pub(crate) fn ledger_places(asset: &str) -> (u32, u32) {
    match asset {
        "ZUSD" | "ZEUR" => (4, 2),
        "USDT" => (8, 4),
        "XXBT" | "XETH" => (10, 5),
        _ => (8, 5),
    }
}

/// Assets of the first years carry X for a coin and Z for money; the later ones carry nothing.
fn asset_id(code: &str) -> String {
    match code {
        "BTC" => "XXBT".to_owned(),
        "DOGE" => "XXDG".to_owned(),
        "ETH" | "LTC" | "XRP" | "XLM" | "XMR" | "ZEC" | "ETC" => format!("X{code}"),
        "USD" | "EUR" => format!("Z{code}"),
        _ => code.to_owned(),
    }
}

/// The name without the prefix.
pub(crate) fn altname(code: &str) -> &str {
    match code {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        _ => code,
    }
}

/// Whether the pair's id is made of the prefixed names: only where both sides are of the first years, and not Dogecoin's.
fn legacy(base: &str, quote: &str) -> bool {
    let old = |code: &str| asset_id(code) != code;
    old(base) && old(quote) && base != "DOGE"
}

fn price_places(base: &str, quote: &str) -> u32 {
    match (base, quote) {
        ("BTC", _) => 1,
        ("ETH", "BTC") => 5,
        ("ETH" | "SOL" | "LTC" | "XMR" | "ZEC", "USD" | "EUR" | "USDT") => 2,
        ("DOGE", _) => 7,
        ("ADA", "USD" | "EUR" | "USDT") => 6,
        // About 10,000 ticks to the price, as Kraken does it.
        _ => {
            let price = reference(base, quote);
            (2_u32..10)
                .find(|places| price * 10_f64.powi(places.cast_signed()) >= 8_000.0)
                .unwrap_or(10)
        }
    }
}

fn listing(base: &str, quote: &str) -> Option<Listing> {
    let (base_id, quote_id) = (asset_id(base), asset_id(quote));
    let (alt_base, alt_quote) = (altname(base), altname(quote));
    let alt = format!("{alt_base}{alt_quote}");
    let id = if legacy(base, quote) {
        format!("{base_id}{quote_id}")
    } else {
        alt.clone()
    };
    let symbol = Symbol::new(base, quote).ok()?;
    Some(Listing {
        // altname first, wsname second, then the new spelling.
        aliases: vec![alt, format!("{alt_base}/{alt_quote}"), symbol.to_string()],
        symbol,
        id,
        base: base_id,
        quote: quote_id,
        price_places: price_places(base, quote),
        lot_places: 8,
    })
}

/// Kraken's pairs with their generators.
pub(crate) fn market(seed: u64) -> Market {
    let coins = || COINS.iter().map(|(code, ..)| *code);
    let dollars = coins()
        .filter(|code| !NOT_LISTED.contains(code))
        .map(|code| (code, "USD"));
    let others = [("USDT", "USD"), ("USDC", "USD"), ("EUR", "USD")];
    let pairs = dollars
        .chain(others)
        .chain(ALSO_USDT.iter().map(|code| (*code, "USDT")))
        .chain(ALSO_EUR.iter().map(|code| (*code, "EUR")))
        .chain(ALSO_BTC.iter().map(|code| (*code, "BTC")));
    let listed = pairs.filter_map(|(base, quote)| {
        let mut listing = listing(base, quote)?;
        if (base, quote) == ("USDT", "USD") {
            // The one new coin whose id kept the Z of the dollar.
            listing.id = "USDTZUSD".to_owned();
        }
        let places = (listing.price_places, listing.lot_places);
        let terms = terms(seed, "kraken", (base, quote), places);
        Some((listing, terms))
    });
    Market::new(listed.collect())
}
