//! Binance's names: base and quote written together, `BTCUSDT`.

use robust_market::Symbol;

use crate::SymbolTable;

/// Binance's code of a currency, and the unified one. `BCC` stayed what it was here: BitConnect.
const ASSETS: &[(&str, &str)] = &[("XBT", "BTC"), ("BCHSV", "BSV"), ("YOYO", "YOYOW")];

/// The unified code of Binance's code.
pub(super) fn asset_code(id: &str) -> &str {
    ASSETS
        .iter()
        .find(|(code, _)| *code == id)
        .map_or(id, |(_, unified)| unified)
}

/// The best known pairs.
const PAIRS: &[(&str, &str)] = &[
    ("BTC", "USDT"),
    ("ETH", "USDT"),
    ("BNB", "USDT"),
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
    ("USDC", "USDT"),
    ("EUR", "USDT"),
    ("BTC", "USDC"),
    ("ETH", "USDC"),
    ("SOL", "USDC"),
    ("BTC", "FDUSD"),
    ("ETH", "FDUSD"),
    ("BTC", "EUR"),
    ("ETH", "EUR"),
    ("BTC", "TRY"),
    ("USDT", "TRY"),
    ("ETH", "BTC"),
    ("BNB", "BTC"),
    ("SOL", "BTC"),
    ("XRP", "BTC"),
    ("LTC", "BTC"),
    ("ADA", "BTC"),
    ("DOGE", "BTC"),
    ("LINK", "BTC"),
    ("BNB", "ETH"),
];

pub(super) fn table() -> SymbolTable {
    let mut table = SymbolTable::default();
    for (base, quote) in PAIRS {
        if let Ok(symbol) = Symbol::new(base, quote) {
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
    }

    #[test]
    fn the_dollar_pair_that_is_not_listed_has_a_near_one() {
        let near = |text: &str| table().nearest(&text.parse().unwrap()).unwrap().to_string();
        assert_eq!(near("BTC/USD"), "BTC/USDT");
        assert_eq!(near("ETH/USD"), "ETH/USDT");
        assert_eq!(near("SLO/USDT"), "SOL/USDT");
    }

    #[test]
    fn renamed_codes_are_known() {
        assert_eq!(asset_code("BCHSV"), "BSV");
        assert_eq!(asset_code("BCC"), "BCC");
        assert_eq!(asset_code("BTC"), "BTC");
    }
}
