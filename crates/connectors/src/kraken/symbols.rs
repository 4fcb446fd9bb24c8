//! Kraken's names.
//!
//! A pair has up to three: the canonical id (`XXBTZUSD`), the short one (`XBTUSD`) and the one of the first WebSocket version
//! (`XBT/USD`). A currency may carry the letter X (crypto) or Z (fiat) of Kraken's early days; newer ones do not, and XTZ, ZRX,
//! XRP and XLM are real names, so a letter is never cut off: only the codes listed here are renamed.

use robust_market::Symbol;

use crate::SymbolTable;

/// Kraken's code of a currency, and the unified one.
const ASSETS: &[(&str, &str)] = &[
    // Kraken's own words for what others call differently.
    ("XBT", "BTC"),
    ("XDG", "DOGE"),
    ("FEE", "KFEE"),
    ("BCC", "BCH"),
    ("BCHSV", "BSV"),
    // Names that were passed on to another coin: Terra after its collapse, Augur after its second version.
    ("LUNA", "LUNC"),
    ("LUNA2", "LUNA"),
    ("UST", "USTC"),
    ("REP", "REPV1"),
    ("REPV2", "REP"),
    // Early codes with X and Z.
    ("XETC", "ETC"),
    ("XETH", "ETH"),
    ("XLTC", "LTC"),
    ("XMLN", "MLN"),
    ("XREP", "REP"),
    ("XXBT", "BTC"),
    ("XXDG", "DOGE"),
    ("XXLM", "XLM"),
    ("XXMR", "XMR"),
    ("XXRP", "XRP"),
    ("XZEC", "ZEC"),
    ("ZAUD", "AUD"),
    ("ZCAD", "CAD"),
    ("ZEUR", "EUR"),
    ("ZGBP", "GBP"),
    ("ZJPY", "JPY"),
    ("ZUSD", "USD"),
];

/// The unified code of Kraken's code; one step, never a chain.
pub(super) fn asset_code(id: &str) -> &str {
    known_asset(id).unwrap_or(id)
}

/// The unified code of Kraken's code, where Kraken has one of its own.
pub(super) fn known_asset(id: &str) -> Option<&'static str> {
    ASSETS
        .iter()
        .find(|(code, _)| *code == id)
        .map(|(_, unified)| *unified)
}

/// The best known pairs: base, quote, id, short name, WebSocket name.
const PAIRS: &[(&str, &str, &str, &str, &str)] = &[
    ("BTC", "USD", "XXBTZUSD", "XBTUSD", "XBT/USD"),
    ("BTC", "EUR", "XXBTZEUR", "XBTEUR", "XBT/EUR"),
    ("BTC", "GBP", "XXBTZGBP", "XBTGBP", "XBT/GBP"),
    ("BTC", "CAD", "XXBTZCAD", "XBTCAD", "XBT/CAD"),
    ("BTC", "JPY", "XXBTZJPY", "XBTJPY", "XBT/JPY"),
    ("BTC", "USDT", "XBTUSDT", "XBTUSDT", "XBT/USDT"),
    ("BTC", "USDC", "XBTUSDC", "XBTUSDC", "XBT/USDC"),
    ("ETH", "USD", "XETHZUSD", "ETHUSD", "ETH/USD"),
    ("ETH", "EUR", "XETHZEUR", "ETHEUR", "ETH/EUR"),
    ("ETH", "GBP", "XETHZGBP", "ETHGBP", "ETH/GBP"),
    ("ETH", "CAD", "XETHZCAD", "ETHCAD", "ETH/CAD"),
    ("ETH", "JPY", "XETHZJPY", "ETHJPY", "ETH/JPY"),
    ("ETH", "BTC", "XETHXXBT", "ETHXBT", "ETH/XBT"),
    ("ETH", "USDT", "ETHUSDT", "ETHUSDT", "ETH/USDT"),
    ("ETH", "USDC", "ETHUSDC", "ETHUSDC", "ETH/USDC"),
    ("XRP", "USD", "XXRPZUSD", "XRPUSD", "XRP/USD"),
    ("XRP", "EUR", "XXRPZEUR", "XRPEUR", "XRP/EUR"),
    ("XRP", "BTC", "XXRPXXBT", "XRPXBT", "XRP/XBT"),
    ("XRP", "USDT", "XRPUSDT", "XRPUSDT", "XRP/USDT"),
    ("LTC", "USD", "XLTCZUSD", "LTCUSD", "LTC/USD"),
    ("LTC", "EUR", "XLTCZEUR", "LTCEUR", "LTC/EUR"),
    ("LTC", "BTC", "XLTCXXBT", "LTCXBT", "LTC/XBT"),
    ("LTC", "USDT", "LTCUSDT", "LTCUSDT", "LTC/USDT"),
    ("DOGE", "USD", "XDGUSD", "XDGUSD", "XDG/USD"),
    ("DOGE", "EUR", "XDGEUR", "XDGEUR", "XDG/EUR"),
    ("DOGE", "USDT", "XDGUSDT", "XDGUSDT", "XDG/USDT"),
    ("DOGE", "BTC", "XXDGXXBT", "XDGXBT", "XDG/XBT"),
    ("SOL", "USD", "SOLUSD", "SOLUSD", "SOL/USD"),
    ("SOL", "EUR", "SOLEUR", "SOLEUR", "SOL/EUR"),
    ("ADA", "USD", "ADAUSD", "ADAUSD", "ADA/USD"),
    ("ADA", "EUR", "ADAEUR", "ADAEUR", "ADA/EUR"),
    ("ADA", "BTC", "ADAXBT", "ADAXBT", "ADA/XBT"),
    ("DOT", "USD", "DOTUSD", "DOTUSD", "DOT/USD"),
    ("LINK", "USD", "LINKUSD", "LINKUSD", "LINK/USD"),
    ("BCH", "USD", "BCHUSD", "BCHUSD", "BCH/USD"),
    ("XLM", "USD", "XXLMZUSD", "XLMUSD", "XLM/USD"),
    ("XMR", "USD", "XXMRZUSD", "XMRUSD", "XMR/USD"),
    ("ETC", "USD", "XETCZUSD", "ETCUSD", "ETC/USD"),
    ("ZEC", "USD", "XZECZUSD", "ZECUSD", "ZEC/USD"),
    ("XTZ", "USD", "XTZUSD", "XTZUSD", "XTZ/USD"),
    ("USDT", "USD", "USDTZUSD", "USDTUSD", "USDT/USD"),
    ("USDC", "USD", "USDCUSD", "USDCUSD", "USDC/USD"),
    ("EUR", "USD", "ZEURZUSD", "EURUSD", "EUR/USD"),
    ("GBP", "USD", "ZGBPZUSD", "GBPUSD", "GBP/USD"),
];

pub(super) fn table() -> SymbolTable {
    let mut table = SymbolTable::default();
    for (base, quote, id, altname, wsname) in PAIRS {
        if let Ok(symbol) = Symbol::new(base, quote) {
            table.insert(&symbol, id, [*altname, *wsname]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_by_each_of_its_names() {
        let table = table();
        assert_eq!(table.len(), PAIRS.len());
        for (base, quote, id, altname, wsname) in PAIRS {
            let symbol = Symbol::new(base, quote).unwrap();
            assert_eq!(&*table.get(&symbol).unwrap().id, *id);
            for name in [id, altname, wsname] {
                assert_eq!(table.by_id(name).unwrap().symbol, symbol, "{name}");
            }
        }
    }

    #[test]
    fn only_known_codes_lose_their_x_or_z() {
        for (id, code) in [
            ("XXBT", "BTC"),
            ("XBT", "BTC"),
            ("XDG", "DOGE"),
            ("ZUSD", "USD"),
            ("XTZ", "XTZ"),
            ("ZRX", "ZRX"),
            ("XRP", "XRP"),
            ("XLM", "XLM"),
            ("ZEUS", "ZEUS"),
            ("ETH2.S", "ETH2.S"),
            ("LUNA2", "LUNA"),
            ("LUNA", "LUNC"),
        ] {
            assert_eq!(asset_code(id), code);
        }
    }
}
