//! `rdm demo`: the main job, with simulated exchanges and faults.
//!
//! Everything but the exchanges is the product: the same manager, stacks, jobs and rules as against real ones.

mod board;
mod plan;
mod summary;
mod view;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::{Config, DataManager, Environment};
use tokio::time::Instant;

use crate::args::DemoArgs;
use crate::exit::{Failure, note, print};
use crate::faults;
use crate::sim::{self, Running};
use board::Board;

/// How long a run off a terminal lasts when nobody says.
const DEFAULT: Duration = Duration::from_secs(60);
/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(500);
/// How often plain lines are printed.
const LINES: Duration = Duration::from_secs(5);
/// How long the end waits for what is under way: longer than any call of the plan.
const GRACE: Duration = Duration::from_secs(20);

/// What the listeners and the screen share.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Board>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    Table,
    Lines,
    Silent,
}

pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    let exchanges = [Exchange::KRAKEN, Exchange::BINANCE];
    let script = faults::script(&args.faults, args.seed, &exchanges)?;
    let screen = match (args.json, std::io::stdout().is_terminal()) {
        (true, _) => Screen::Silent,
        (false, true) => Screen::Table,
        (false, false) => Screen::Lines,
    };
    let lasting = args
        .lasting
        .or((screen != Screen::Table).then_some(DEFAULT));

    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let running = sim::start(&exchanges, any_port, args.seed).await?;
    let manager = manager(&running, args.seed)?;
    let board = Shared::default();
    let listener = board.clone();
    manager.on_event(move |event| listener.lock().event(event));
    for job in plan::jobs() {
        board.lock().promise(&job);
        manager
            .schedule(job.into_data_job())
            .map_err(Failure::data)?;
    }
    if screen == Screen::Lines {
        print(
            "Simulated exchanges on loopback; every value says so. Faults are injected below, the stack above is the product.",
        );
    }

    let sims = running
        .iter()
        .map(|one| (one.exchange.clone(), one.sim.clone()))
        .collect();
    let told = board.clone();
    let playing = sim::play(script, sims, move |exchange, fault| {
        told.lock().fault(exchange, fault);
        if screen == Screen::Lines {
            print(&format!("fault    {exchange}: {}", fault.unwrap_or("over")));
        }
    });
    tokio::select! {
        () = playing => {}
        () = show(&manager, &board, screen) => {}
        () = wait(lasting) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    finish(manager, running, args.json).await
}

async fn wait(lasting: Option<Duration>) {
    match lasting {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// A manager over the simulators, with times that suit a run of a minute.
fn manager(running: &[Running], seed: u64) -> Result<DataManager, Failure> {
    let mut text = String::from("environment = \"simulated\"\n");
    for one in running {
        text.push_str(&format!(
            "[exchanges.{}]\nbase_url = \"{}\"\n{}\n",
            one.exchange,
            one.server.base_url(),
            plan::SETTINGS
        ));
    }
    let config = Config::from_toml(&text).map_err(Failure::data)?;
    debug_assert_eq!(config.environment, Environment::Simulated);
    let jobs = plan::jobs().len();
    DataManager::builder()
        .config(config)
        .seed(seed)
        .max_in_flight(jobs)
        .start()
        .map_err(Failure::data)
}

async fn show(manager: &DataManager, board: &Shared, screen: Screen) {
    let begun = Instant::now();
    let mut frame = tokio::time::interval(if screen == Screen::Lines {
        LINES
    } else {
        FRAME
    });
    let mut table = view::Table::default();
    loop {
        frame.tick().await;
        let status = manager.status();
        match screen {
            Screen::Table => table.draw(&status, &board.lock(), begun.elapsed()),
            Screen::Lines => {
                for line in view::lines(&status, &board.lock(), begun.elapsed()) {
                    print(&line);
                }
            }
            Screen::Silent => {}
        }
    }
}

/// Ends the jobs, then the simulators, and says what happened.
async fn finish(manager: DataManager, running: Vec<Running>, json: bool) -> Result<(), Failure> {
    // The faults end with the run, so that what is under way can end too.
    for one in &running {
        one.sim.set_fault(None);
    }
    let before = manager.status();
    manager.shutdown(GRACE).await;
    let summary = summary::Summary::of(&manager, &before, &running);
    for one in running {
        one.server.shutdown().await;
    }
    if json {
        print(&serde_json::to_string_pretty(&summary).map_err(Failure::data)?);
    } else {
        print(&summary.to_string());
    }
    match summary.broken() {
        None => Ok(()),
        Some(promise) => {
            note("the run broke a promise of this program");
            Err(Failure::Data(promise))
        }
    }
}
