//! Through the wire: recorded answers, served over TCP and read with a manager, give what the connector reads from the bytes alone.
//!
//! The recordings are not part of this repository: where the folder is missing, there is nothing to compare, and a line says so.
//! `RDM_FIXTURES` names another folder of the same shape.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use robust_connectors::{Connector, Context, Reply, SymbolTable};
use robust_data_manager::market::{
    Clock, Exchange, Payload, Request, Symbol, SystemClock, Timestamp,
};
use robust_data_manager::{Config, DataManager, Query};
use robust_sim::Sim;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    method: String,
    #[serde(default)]
    input: Vec<Value>,
    #[serde(default)]
    request: Vec<Sent>,
    http_status: u16,
    http_response: Box<RawValue>,
    #[serde(default)]
    parsed_response: Value,
}

#[derive(Debug, Deserialize)]
struct Sent {
    url: String,
}

fn root() -> Option<PathBuf> {
    let at_hand = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let root = std::env::var_os("RDM_FIXTURES").map_or(at_hand, PathBuf::from);
    root.is_dir().then_some(root)
}

fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

/// The question that a recorded answer belongs to; `None` for one that is about no market data (the way into KuCoin's streams).
fn question(case: &Case) -> Option<Request> {
    let text = |at: usize| case.input.get(at).and_then(Value::as_str);
    let number = |at: usize| {
        let number = case.input.get(at).and_then(Value::as_u64);
        number.map(|number| u32::try_from(number).unwrap())
    };
    let since = |at: usize| {
        let ms = case.input.get(at).and_then(Value::as_i64);
        ms.map(|ms| Timestamp::from_ms(ms).unwrap())
    };
    let many = || {
        let list = case.input.first().and_then(Value::as_array);
        let names = list.into_iter().flatten().filter_map(Value::as_str);
        names.map(symbol).collect()
    };
    let one = || symbol(text(0).unwrap());
    Some(match case.method.as_str() {
        "fetchTicker" => Request::Ticker { symbol: one() },
        "GET /api/v1/market/orderbook/level1" => Request::BidsAsks {
            symbols: vec![symbol("BTC/USDT")],
        },
        "fetchTickers" => Request::Tickers { symbols: many() },
        "fetchBidsAsks" => Request::BidsAsks { symbols: many() },
        "fetchLastPrices" => Request::LastPrices { symbols: many() },
        "fetchOrderBook" => Request::OrderBook {
            symbol: one(),
            depth: number(1),
        },
        "fetchOHLCV" => Request::Candles {
            symbol: one(),
            interval: text(1).unwrap_or("1m").parse().unwrap(),
            since: since(2),
            limit: number(3),
        },
        "fetchTrades" => Request::Trades {
            symbol: one(),
            since: since(1),
            limit: number(2),
        },
        "fetchMarkets" => Request::Instruments,
        "fetchCurrencies" => Request::Assets,
        "fetchTime" => Request::ServerTime,
        "fetchStatus" | "GET /v2/market-status" => Request::Status,
        "publicPostBulletPublic" => return None,
        other => panic!("unknown method {other}"),
    })
}

/// The pairs that the exchange lists, those that the recorded URL names, and those of the parsed answer.
fn listed(connector: &dyn Connector, case: &Case, request: &Request) -> SymbolTable {
    let mut table = connector.symbols();
    for sent in &case.request {
        let query = sent.url.split_once('?').map_or("", |(_, query)| query);
        for parameter in query.split('&') {
            if let (Some(("pair" | "symbol", id)), [only]) =
                (parameter.split_once('='), request.symbols())
            {
                table.insert(only, id, []);
            }
        }
    }
    let written: fn(&Symbol) -> String = match connector.exchange().as_str() {
        "binance" => |symbol| format!("{}{}", symbol.base(), symbol.quote()),
        "kucoin" => |symbol| format!("{}-{}", symbol.base(), symbol.quote()),
        "htx" => |symbol| format!("{}{}", symbol.base(), symbol.quote()).to_ascii_lowercase(),
        _ => return table,
    };
    let named = case.parsed_response.as_object().into_iter().flatten();
    let named = named.filter_map(|(name, _)| name.parse::<Symbol>().ok());
    for symbol in named.chain(request.symbols().iter().cloned()) {
        table.insert(&symbol, &written(&symbol), []);
    }
    table
}

/// The figures that the other reader of the same bytes saw: rows of a list, prices of a ticker.
fn agrees(ours: &Payload, theirs: &Value) -> Result<(), String> {
    let same = |what: &str, ours: Option<f64>, theirs: &Value| {
        let equal = match (ours, theirs.as_f64()) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() <= theirs.abs() * 1e-12,
            (ours, theirs) => ours == theirs,
        };
        equal
            .then_some(())
            .ok_or_else(|| format!("{what}: {ours:?} is not {theirs}"))
    };
    let rows = |rows: usize| {
        same(
            "rows",
            Some(rows as f64),
            &Value::from(theirs.as_array().map(Vec::len)),
        )
    };
    match ours {
        _ if theirs.is_null() => Ok(()),
        Payload::Ticker(ticker) => {
            for (field, value) in [
                ("last", ticker.last),
                ("bid", ticker.bid),
                ("ask", ticker.ask),
            ] {
                let value = value.map(|value| value.to_string().parse().unwrap());
                same(field, value, &theirs[field])?;
            }
            Ok(())
        }
        Payload::OrderBook(book) => {
            for (side, levels) in [("bids", &book.bids), ("asks", &book.asks)] {
                let expected = theirs[side].as_array().map(Vec::len);
                same(side, Some(levels.len() as f64), &Value::from(expected))?;
            }
            Ok(())
        }
        Payload::Candles(candles) => rows(candles.rows.len()),
        Payload::Trades(trades) => rows(trades.rows.len()),
        Payload::Instruments(list) => rows(list.len()),
        _ => Ok(()),
    }
}

/// Rule: Binance's single trades, `/api/v3/trades`, are read but not asked for: the connector asks for aggregated ones, which can be
/// asked from a time on. Such a body is served whatever path is asked for.
fn recorded_elsewhere(case: &Case) -> bool {
    let mut urls = case.request.iter().map(|sent| &sent.url);
    urls.any(|url| url.contains("/api/v3/trades?"))
}

/// A folder with one case that names no path. It goes away with the value.
struct Folder(PathBuf);

impl Folder {
    fn with(exchange: &Exchange, name: &str, case: &Case) -> Self {
        let root = std::env::temp_dir().join(format!("rdm-wire-{}", std::process::id()));
        let file = root.join("rest_response").join(format!("{name}.json"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = format!(
            "{{\"exchange\":\"{exchange}\",\"httpStatus\":{},\"httpResponse\":{}}}",
            case.http_status,
            case.http_response.get()
        );
        std::fs::write(file, text).unwrap();
        Self(root)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn recorded(exchange: &Exchange, root: &Path) -> Sim {
    let sim = Sim::builder(exchange.clone()).recorded(root).unlimited();
    sim.build().unwrap()
}

/// Reads one case through the whole stack and compares.
async fn through_the_wire(
    sim: &Sim,
    url: &str,
    name: &str,
    case: &Case,
    request: Request,
) -> Result<(), String> {
    let exchange = sim.exchange().clone();
    let config = format!(
        "environment = \"simulated\"\n[exchanges.{exchange}]\nbase_url = {url:?}\nretries = 0"
    );
    // A manager for each case: the exchange's limits would let this take minutes.
    let manager = DataManager::builder()
        .config(Config::from_toml(&config).map_err(|error| error.to_string())?)
        .start()
        .map_err(|error| error.to_string())?;
    let source = manager
        .source(exchange.clone())
        .map_err(|error| error.to_string())?;
    let connector = Arc::clone(source.connector());
    let table = listed(&*connector, case, &request);
    source.set_symbols(table.clone());
    sim.select(Some(name)).map_err(|error| error.to_string())?;
    let before = sim.stats().requests;
    let read = manager
        .get(Query::new(exchange, request.clone()))
        .await
        .map_err(|error| error.to_string())?;
    let sent = sim.stats().requests - before;
    if sent != 1 {
        return Err(format!("{sent} requests"));
    }
    let headers = HeaderMap::new();
    let reply = Reply {
        status: StatusCode::from_u16(case.http_status).unwrap(),
        headers: &headers,
        body: case.http_response.get().as_bytes(),
    };
    let alone = connector
        .decode(&request, &Context::new(&table, SystemClock.now()), &reply)
        .map_err(|verdict| verdict.to_string())?;
    if *read.data != alone.value {
        return Err("the wire changed the value".to_owned());
    }
    agrees(&read.data, &case.parsed_response)
}

#[tokio::test]
async fn recorded_answers_read_through_the_wire_are_what_the_bytes_alone_say() {
    let Some(root) = root() else {
        // Not by a macro: what these print is kept back when a test passes.
        let line = "NOT RUN: no recorded answers at hand; RDM_FIXTURES names their folder";
        writeln!(std::io::stderr(), "{line}").unwrap();
        return;
    };
    let mut failures = Vec::new();
    let mut compared: BTreeMap<Exchange, usize> = BTreeMap::new();
    let (mut listed, mut tokens) = (0, 0);
    for exchange in [
        Exchange::KRAKEN,
        Exchange::BINANCE,
        Exchange::KUCOIN,
        Exchange::HTX,
    ] {
        let sim = recorded(&exchange, &root);
        let server = sim.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        for name in sim.cases() {
            listed += 1;
            // Ways into KuCoin's streams: no market data, and so no question.
            tokens += usize::from(name.starts_with("ws_token/"));
            let path = root
                .join(exchange.as_str())
                .join("rest_response")
                .join(format!("{name}.json"));
            let case: Case =
                serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let Some(request) = question(&case) else {
                continue;
            };
            *compared.entry(exchange.clone()).or_default() += 1;
            let read = if recorded_elsewhere(&case) {
                let folder = Folder::with(&exchange, &name, &case);
                let sim = recorded(&exchange, &folder.0);
                let server = sim.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
                through_the_wire(&sim, &server.base_url(), &name, &case, request).await
            } else {
                through_the_wire(&sim, &server.base_url(), &name, &case, request).await
            };
            if let Err(why) = read {
                failures.push(format!("{exchange}/{name}: {why}"));
            }
        }
        server.shutdown().await;
    }
    println!("compared: {compared:?} of {listed}, {tokens} tokens");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(compared.values().sum::<usize>(), listed - tokens);
    assert_eq!(compared.len(), 4, "no case of an exchange: {compared:?}");
}
