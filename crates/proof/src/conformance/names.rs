//! The table of pairs that a case is run with.
//!
//! The connector's own table, then what the folder's cases about pairs list, then, for a pair that is listed nowhere, the
//! name that the exchange's rule would give it.

use robust_connectors::{Connector, SymbolTable};
use robust_market::Symbol;
use serde_json::Value;

use super::Family;
use super::cases::{Body, Shelf};

/// Kraken's early currencies, which carry an X in ids.
const KRAKEN_X: [&str; 11] = [
    "XBT", "ETH", "LTC", "XRP", "XLM", "XMR", "ZEC", "ETC", "REP", "MLN", "XDG",
];
/// Kraken's state currencies, which carry a Z in ids.
const KRAKEN_Z: [&str; 6] = ["USD", "EUR", "GBP", "JPY", "CAD", "AUD"];

/// Names of one exchange.
#[derive(Debug)]
pub(super) struct Names {
    exchange: String,
    table: SymbolTable,
}

impl Names {
    /// The connector's own table and what the folder lists.
    pub(super) fn new(venue: &dyn Connector, shelf: &Shelf) -> Self {
        let exchange = venue.exchange().to_string();
        let mut table = venue.symbols();
        for case in shelf.cases_of(&exchange) {
            let Ok(body) = &case.body else { continue };
            match case.family {
                Family::Symbols => list_rows(&mut table, body),
                Family::Markets => list_markets(&mut table, body),
                Family::RestResponse if body.method.as_deref() == Some("fetchMarkets") => {
                    list_markets(&mut table, body);
                }
                _ => {}
            }
        }
        Self { exchange, table }
    }

    /// The table with every pair of `symbols` in it.
    pub(super) fn with<'a>(&self, symbols: impl IntoIterator<Item = &'a Symbol>) -> SymbolTable {
        let mut table = self.table.clone();
        for symbol in symbols {
            if table.get(symbol).is_none() {
                let names = by_rule(&self.exchange, symbol);
                if let Some((id, aliases)) = names.split_first() {
                    table.insert(symbol, id, aliases.iter().map(String::as_str));
                }
            }
        }
        table
    }
}

/// `[id, symbol, …, ws name]`; an id that ends in `.d` is another market of a pair and does not give it its name.
fn list_rows(table: &mut SymbolTable, body: &Body) {
    for row in body.rows.iter().flatten() {
        let text = |index: usize| row.get(index).and_then(Value::as_str);
        if let (Some(id), Some(Ok(symbol))) = (text(0), text(1).map(str::parse::<Symbol>))
            && !id.ends_with(".d")
        {
            table.insert(&symbol, id, text(4));
        }
    }
}

fn list_markets(table: &mut SymbolTable, body: &Body) {
    for market in body.parsed.as_array().into_iter().flatten() {
        let text = |name: &str| market.get(name).and_then(Value::as_str);
        if let (Some(id), Some(Ok(symbol))) = (text("id"), text("symbol").map(str::parse::<Symbol>))
            && !id.ends_with(".d")
        {
            table.insert(&symbol, id, text("altname").into_iter().chain(text("wsId")));
        }
    }
}

/// The names that a pair would have, the id first.
fn by_rule(exchange: &str, symbol: &Symbol) -> Vec<String> {
    let joined = |between: &str| format!("{}{between}{}", symbol.base(), symbol.quote());
    match exchange {
        "kraken" => {}
        "kucoin" => return vec![joined("-")],
        "htx" => return vec![joined("").to_lowercase()],
        _ => return vec![joined("")],
    }
    let (base, quote) = (
        kraken_altname(symbol.base()),
        kraken_altname(symbol.quote()),
    );
    let short = format!("{base}{quote}");
    let shown = format!("{base}/{quote}");
    let early = |code: &str| {
        if KRAKEN_X.contains(&code) {
            Some(format!("X{code}"))
        } else if KRAKEN_Z.contains(&code) {
            Some(format!("Z{code}"))
        } else {
            None
        }
    };
    // Only pairs of two early currencies have the long id.
    match (early(base), early(quote)) {
        (Some(base), Some(quote)) => vec![format!("{base}{quote}"), short, shown],
        _ => vec![short, shown],
    }
}

/// Kraken's own short code of a unified one.
pub(super) fn kraken_altname(code: &str) -> &str {
    match code {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        other => other,
    }
}

/// Kraken's own codes of the two legs of an id: the ways to write each that give the id when joined.
pub(super) fn kraken_legs(id: &str, base: &str, quote: &str) -> Option<(String, String)> {
    let id = id.strip_suffix(".d").unwrap_or(id);
    let spellings = |code: &str| {
        let short = kraken_altname(code);
        let mut all = vec![format!("X{short}"), format!("Z{short}"), short.to_owned()];
        all.push(code.to_owned());
        all
    };
    spellings(base).into_iter().find_map(|base| {
        let rest = id.strip_prefix(&base)?;
        let quote = spellings(quote).into_iter().find(|quote| quote == rest)?;
        Some((base, quote))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_is_listed_nowhere_gets_the_name_of_the_rule() {
        let names = |exchange: &str, symbol: &str| by_rule(exchange, &symbol.parse().unwrap());
        assert_eq!(names("binance", "ABC/USDT"), ["ABCUSDT"]);
        assert_eq!(names("kucoin", "ABC/USDT"), ["ABC-USDT"]);
        assert_eq!(names("htx", "ABC/USDT"), ["abcusdt"]);
        assert_eq!(
            names("kraken", "BTC/USD"),
            ["XXBTZUSD", "XBTUSD", "XBT/USD"]
        );
        assert_eq!(names("kraken", "BTC/USDT"), ["XBTUSDT", "XBT/USDT"]);
        assert_eq!(names("kraken", "DOT/DOGE"), ["DOTXDG", "DOT/XDG"]);
    }

    #[test]
    fn the_legs_of_an_id_are_found() {
        let legs = |id, base, quote| kraken_legs(id, base, quote).unwrap();
        let pair = |base: &str, quote: &str| (base.to_owned(), quote.to_owned());
        assert_eq!(legs("XXBTZEUR.d", "BTC", "EUR"), pair("XXBT", "ZEUR"));
        assert_eq!(legs("XTZUSD", "XTZ", "USD"), pair("XTZ", "USD"));
        assert_eq!(legs("USDTZUSD", "USDT", "USD"), pair("USDT", "ZUSD"));
        assert_eq!(legs("XDGUSD", "DOGE", "USD"), pair("XDG", "USD"));
        assert_eq!(kraken_legs("ABC", "X", "Y"), None);
    }
}
