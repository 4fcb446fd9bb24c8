//! HTX's names: base and quote in small letters, written together, `btcusdt`.

use std::borrow::Cow;

use robust_market::Symbol;

use crate::SymbolTable;

/// HTX's code of a currency in capitals, and the unified one: older names of one coin, and names that two coins share.
const ASSETS: &[(&str, &str)] = &[
    ("XBT", "BTC"),
    ("BCC", "BCH"),
    ("BCHSV", "BSV"),
    ("NGL", "GFNGL"),
    ("GET", "THEMIS"),
    ("GTC", "GAMECOM"),
    ("HIT", "HITCHAIN"),
    ("PNT", "PENTA"),
    ("SBTC", "SUPERBITCOIN"),
    ("SOUL", "SOULSAVER"),
    ("BIFI", "BITCOINFILE"),
    ("FUD", "FTX Users Debt"),
];

/// The unified code of HTX's code, which is written in small letters; one step, never a chain.
pub(super) fn asset_code(id: &str) -> Cow<'_, str> {
    let known = ASSETS
        .iter()
        .find(|(code, _)| code.eq_ignore_ascii_case(id));
    match known {
        Some((_, unified)) => Cow::Borrowed(unified),
        None if id.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            Cow::Owned(id.to_ascii_uppercase())
        }
        None => Cow::Borrowed(id),
    }
}

/// The unified name of a pair; under HTX's own codes where a unified code is no code (`FTX Users Debt`).
pub(super) fn pair(base: &str, quote: &str) -> Option<Symbol> {
    Symbol::new(&asset_code(base), &asset_code(quote))
        .or_else(|_| Symbol::new(&base.to_ascii_uppercase(), &quote.to_ascii_uppercase()))
        .ok()
}

/// The best known pairs.
const PAIRS: &[(&str, &str)] = &[
    ("btc", "usdt"),
    ("eth", "usdt"),
    ("sol", "usdt"),
    ("xrp", "usdt"),
    ("doge", "usdt"),
    ("ada", "usdt"),
    ("trx", "usdt"),
    ("avax", "usdt"),
    ("link", "usdt"),
    ("dot", "usdt"),
    ("ltc", "usdt"),
    ("bch", "usdt"),
    ("bsv", "usdt"),
    ("etc", "usdt"),
    ("xlm", "usdt"),
    ("atom", "usdt"),
    ("uni", "usdt"),
    ("near", "usdt"),
    ("fil", "usdt"),
    ("xmr", "usdt"),
    ("htx", "usdt"),
    ("ht", "usdt"),
    ("usdc", "usdt"),
    ("eth", "btc"),
    ("xrp", "btc"),
    ("ltc", "btc"),
    ("bch", "btc"),
    ("trx", "btc"),
    ("link", "btc"),
    ("trx", "eth"),
];

pub(super) fn table() -> SymbolTable {
    let mut table = SymbolTable::default();
    for (base, quote) in PAIRS {
        if let Some(symbol) = pair(base, quote) {
            table.insert(&symbol, &format!("{base}{quote}"), []);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_by_both_of_its_names() {
        let table = table();
        assert_eq!(table.len(), PAIRS.len());
        for listing in table.iter() {
            assert_eq!(table.by_id(&listing.id).unwrap().symbol, listing.symbol);
            assert_eq!(table.get(&listing.symbol).unwrap().id, listing.id);
        }
        assert_eq!(table.by_id("btcusdt").unwrap().symbol.as_str(), "BTC/USDT");
    }

    #[test]
    fn codes_are_in_capitals_and_renamed_ones_are_known() {
        assert_eq!(asset_code("btc"), "BTC");
        assert_eq!(asset_code("BTC"), "BTC");
        assert_eq!(asset_code("gtc"), "GAMECOM");
        assert_eq!(asset_code("btc3l"), "BTC3L");
        assert_eq!(pair("fud", "usdt").unwrap().as_str(), "FUD/USDT");
        assert_eq!(pair("", "usdt"), None);
    }
}
