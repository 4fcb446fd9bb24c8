//! An engine without async asks for data: plain calls that block, and a loop that never waits.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::time::Duration;

use robust_data_manager::market::{Exchange, Ticker};
use robust_data_manager::{DataManager, Environment, blocking};
use robust_http::{Error, Kind};
use robust_sim::Sim;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A simulated exchange in this process; without these lines the real one is asked.
    let sim = Sim::builder(Exchange::KRAKEN).seed(7).build()?;
    let door = robust_source::in_memory(sim.service(), |_| Error::new(Kind::Closed, true));
    let builder = DataManager::builder()
        .environment(Environment::Simulated)
        .exchange("kraken")
        .transport(Exchange::KRAKEN, door);

    let manager = blocking::DataManager::start(builder)?;
    let ticker = manager.ticker("kraken", "BTC/USD")?;
    println!("asked: BTC/USD last {:?}", ticker.last);

    // The inner loop of an engine: the newest usable value, without waiting for anybody.
    if let Some(newest) = manager.latest::<Ticker>("kraken", "BTC/USD")? {
        println!(
            "newest: BTC/USD last {:?}, {}",
            newest.last, newest.meta.freshness
        );
    }
    match manager.ticker("kraken", "BTC/UDS") {
        Ok(_) => println!("nobody lists BTC/UDS"),
        Err(error) => println!("refused: {error}"),
    }
    manager.shutdown(Duration::from_secs(1))?;
    Ok(())
}
