//! A rate of 1,200 requests a minute, kept in real time over TCP and counted by the server.
//!
//! `cargo run --release -p robust-data-manager --example rate -- 120` takes two minutes; without a number it takes ten seconds. It exits
//! with 1 when less than 98 % of what is allowed came through, or more than is allowed.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::join_all;
use robust_data_manager::market::{Exchange, Symbol};
use robust_data_manager::{DataManager, Environment, ExchangeSettings};
use robust_sim::Sim;
use tokio::time::Instant;

const RATE: u32 = 1_200;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let seconds = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 10,
    };
    let sim = Sim::builder(Exchange::BINANCE).build()?;
    let server = sim.listen("127.0.0.1:0".parse()?).await?;
    let mut settings = ExchangeSettings::default();
    settings.base_url = Some(format!("http://{}", server.addr()));
    settings.requests_per_minute = Some(RATE);
    // Who comes when the window is full waits for the next one instead of being told to come back.
    settings.max_timeout = Some(Duration::from_secs(300));
    let manager = DataManager::builder()
        .environment(Environment::Simulated)
        .exchange_with("binance", settings)
        .start()?;

    let began = Instant::now();
    let ends = began + Duration::from_secs(seconds);
    let symbols: Vec<Symbol> = sim.symbols().into_iter().take(40).collect();
    let callers = join_all(symbols.iter().map(|symbol| async {
        loop {
            // A fetch for each read: what is in memory already would ask the server nothing.
            let read = manager.ticker("binance", symbol.clone()).refresh();
            if let Err(error) = read.await {
                println!("{error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }));
    let _: Result<Vec<()>, _> = tokio::time::timeout_at(ends, callers).await;

    let stats = sim.stats();
    // Windows of a minute, each filled as soon as it is there: in two minutes two.
    let allowed = u64::from(RATE) * seconds.div_ceil(60);
    let share = stats.requests as f64 / allowed as f64 * 100.0;
    println!(
        "{} requests in {seconds} s counted by the server, {share:.1} % of {allowed}; {} over a limit",
        stats.requests, stats.over_limit
    );
    manager.shutdown(Duration::from_secs(1)).await;
    let holds = share >= 98.0 && stats.requests <= allowed && stats.over_limit == 0;
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
