//! Through the wire: recorded answers, served over TCP and read with a manager, give what the connector reads from the bytes alone.
//!
//! The recordings are not part of this repository: where the folder is missing, there is nothing to compare, and a line says so.
//! `RDM_FIXTURES` names another folder of the same shape.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use robust_connectors::{Connector, Context, Reply, SymbolTable};
use robust_data_manager::market::{Clock, Exchange, Payload, Request, SystemClock};
use robust_data_manager::{Config, DataManager, Query};
use robust_recordings::Case;
use robust_sim::Sim;
use serde_json::Value;
use tempfile::TempDir;

/// The pairs that the exchange lists, and those that the case names.
fn listed(connector: &dyn Connector, case: &Case, request: &Request) -> SymbolTable {
    let mut table = connector.symbols();
    for (symbol, id) in case.ids(&connector.exchange(), request) {
        table.insert(&symbol, &id, []);
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

/// A folder with one case that names no path.
fn folder_with(exchange: &Exchange, name: &str, case: &Case) -> TempDir {
    let folder = TempDir::new().unwrap();
    let file = folder
        .path()
        .join("rest_response")
        .join(format!("{name}.json"));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = format!(
        "{{\"exchange\":\"{exchange}\",\"httpStatus\":{},\"httpResponse\":{}}}",
        case.http_status,
        case.answer()
    );
    std::fs::write(file, text).unwrap();
    folder
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
    let read = manager.get(Query::new(exchange, request.clone())).await;
    let read = match read.map_err(|error| error.to_string()) {
        // Of HTX no list of pairs is recorded, and half a market is no answer about the whole of it.
        Err(why) if request.is_whole_market() && why.contains("not recorded") => None,
        read => Some(read?),
    };
    let sent = sim.stats().requests - before;
    // The list of pairs comes before what is asked of all of them.
    let expected = 1 + u64::from(request.is_whole_market() && read.is_some());
    if sent != expected {
        return Err(format!("{sent} requests"));
    }
    let headers = HeaderMap::new();
    let reply = Reply {
        status: StatusCode::from_u16(case.http_status).unwrap(),
        headers: &headers,
        body: case.answer().as_bytes(),
    };
    let alone = connector
        .decode(&request, &Context::new(&table, SystemClock.now()), &reply)
        .map_err(|verdict| verdict.to_string())?;
    if read.is_some_and(|read| *read.data != alone.value) {
        return Err("the wire changed the value".to_owned());
    }
    agrees(&alone.value, &case.parsed_response)
}

#[tokio::test]
async fn recorded_answers_read_through_the_wire_are_what_the_bytes_alone_say() {
    let Some(root) = robust_recordings::folder() else {
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
            let case: Case = robust_recordings::read(&path).unwrap();
            if case.is_stream_access() {
                continue;
            }
            let request = case.question().unwrap();
            *compared.entry(exchange.clone()).or_default() += 1;
            let read = if recorded_elsewhere(&case) {
                let folder = folder_with(&exchange, &name, &case);
                let sim = recorded(&exchange, folder.path());
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
