//! KuCoin's names: base and quote with a hyphen, `BTC-USDT`.
//!
//! `symbol` never changes, also not when a coin is renamed; `name` shows the new one (`BCHSV-USDT` is shown as `BSV-USDT`).

use robust_market::Symbol;

use crate::SymbolTable;

/// KuCoin's code of a currency, and the unified one: older names of one coin, and names that two coins share.
const ASSETS: &[(&str, &str)] = &[
    ("XBT", "BTC"),
    ("BCC", "BCH"),
    ("BCHSV", "BSV"),
    ("WAX", "WAXP"),
    ("BIFI", "BIFIF"),
    ("VAI", "VAIOT"),
    ("ALT", "APTOSLAUNCHTOKEN"),
    ("KALT", "ALT"),
    ("FUD", "FTX Users' Debt"),
];

/// The unified code of KuCoin's code; one step, never a chain.
pub(super) fn asset_code(id: &str) -> &str {
    ASSETS
        .iter()
        .find(|(code, _)| *code == id)
        .map_or(id, |(_, unified)| unified)
}

/// The unified name of a pair; under KuCoin's own codes where a unified code is no code (`FTX Users' Debt`).
pub(super) fn pair(base: &str, quote: &str) -> Option<Symbol> {
    Symbol::new(asset_code(base), asset_code(quote))
        .or_else(|_| Symbol::new(base, quote))
        .ok()
}

/// The best known pairs.
const PAIRS: &[(&str, &str)] = &[
    ("BTC", "USDT"),
    ("ETH", "USDT"),
    ("SOL", "USDT"),
    ("XRP", "USDT"),
    ("DOGE", "USDT"),
    ("ADA", "USDT"),
    ("TRX", "USDT"),
    ("AVAX", "USDT"),
    ("LINK", "USDT"),
    ("DOT", "USDT"),
    ("LTC", "USDT"),
    ("BCH", "USDT"),
    ("ETC", "USDT"),
    ("XLM", "USDT"),
    ("ATOM", "USDT"),
    ("UNI", "USDT"),
    ("NEAR", "USDT"),
    ("BNB", "USDT"),
    ("KCS", "USDT"),
    ("USDC", "USDT"),
    ("BTC", "USDC"),
    ("ETH", "USDC"),
    ("SOL", "USDC"),
    ("ETH", "BTC"),
    ("SOL", "BTC"),
    ("XRP", "BTC"),
    ("LTC", "BTC"),
    ("ADA", "BTC"),
    ("KCS", "BTC"),
    ("KCS", "ETH"),
    // Shown as BSV-USDT.
    ("BCHSV", "USDT"),
];

pub(super) fn table() -> SymbolTable {
    let mut table = SymbolTable::default();
    for (base, quote) in PAIRS {
        if let Some(symbol) = pair(base, quote) {
            let shown = symbol.as_str().replace('/', "-");
            table.insert(&symbol, &format!("{base}-{quote}"), [shown.as_str()]);
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
        let renamed = table.by_id("BSV-USDT").unwrap();
        assert_eq!(
            (&*renamed.id, renamed.symbol.as_str()),
            ("BCHSV-USDT", "BSV/USDT")
        );
    }

    #[test]
    fn renamed_codes_are_known_and_one_that_is_no_code_keeps_its_own() {
        assert_eq!(asset_code("KALT"), "ALT");
        assert_eq!(asset_code("BTC"), "BTC");
        assert_eq!(pair("FUD", "USDT").unwrap().as_str(), "FUD/USDT");
        assert_eq!(pair("WAX", "BTC").unwrap().as_str(), "WAXP/BTC");
        assert_eq!(pair("", "BTC"), None);
    }
}
