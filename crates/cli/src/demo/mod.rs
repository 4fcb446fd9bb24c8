//! `rdm demo`: the main job, with simulated exchanges and faults.
//!
//! Everything but the exchanges is the product: the same manager, stacks, jobs and rules as against real ones.

mod board;
mod cells;
mod lines;
mod openings;
mod plan;
mod proof;
mod summary;
mod table;
mod terminal;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::{Config, DataManager, Events, Plan};
use tokio::time::Instant;

use crate::args::DemoArgs;
use crate::exit::{Failure, note, print};
use crate::ledger::JobLedger;
use crate::signals::Stop;
use crate::sim::{self, Player, Running};
use crate::{faults, json};
use board::Board;
use summary::Summary;
use terminal::Terminal;

/// How long a run off a terminal lasts when nobody says.
const DEFAULT: Duration = Duration::from_secs(60);
/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(250);
/// How often plain lines are printed.
const LINES: Duration = Duration::from_secs(5);
/// How long the end waits for what is under way: longer than any call of the plan.
const GRACE: Duration = Duration::from_secs(20);

/// What the listeners and the screen share.
#[derive(Debug, Clone)]
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
    let exchanges = plan::EXCHANGES;
    let script = faults::script(&args.faults, args.seed, &exchanges)?;
    let screen = match (args.json, terminal::can_draw()) {
        (true, _) => Screen::Silent,
        (false, true) => Screen::Table,
        (false, false) => Screen::Lines,
    };
    let lasting = match args.lasting {
        None if std::io::stdout().is_terminal() && !args.json => None,
        lasting => Some(lasting.unwrap_or(DEFAULT)),
    };

    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let running = sim::start(&exchanges, any_port, args.seed, None).await?;
    let manager = manager(&running, args.seed)?;
    let (aside, other) = second(args.seed).await?;
    let stop = Stop::listen(match screen {
        Screen::Table => terminal::restore,
        Screen::Lines | Screen::Silent => || {},
    });
    let board = Shared(Arc::new(Mutex::new(Board::new(Instant::now()))));
    let mut events = manager.events();
    let (heard_aside, mut events_aside) = (
        Shared(Arc::new(Mutex::new(Board::new(Instant::now())))),
        other.events(),
    );
    let told = board.clone();
    let following = openings::follow(&manager, &running, move |exchange, change| {
        tell(screen, &told, |board| board.breaker(exchange, change));
    })?;
    match screen {
        Screen::Lines => {
            print(
                "Simulated exchanges on loopback; every value says so. Faults are injected below, the stack above is the product.",
            );
        }
        Screen::Silent if std::io::stderr().is_terminal() => note(&format!(
            "rdm: collecting for {:?}; the summary follows",
            lasting.unwrap_or_default()
        )),
        Screen::Table | Screen::Silent => {}
    }
    let also = Player::begin(script.clone(), &aside, |_, _| {});
    let told = board.clone();
    let playing = Player::begin(script, &running, move |exchange, fault| {
        tell(screen, &told, |board| board.fault(exchange, fault));
    });
    for promised in plan::promises() {
        board.lock().promise(&promised);
    }
    let plans = [
        (Plan::default_plan(), &manager),
        (Plan::seed_http(), &other),
    ];
    for (plan, manager) in &plans {
        manager.schedule_plan(plan).map_err(Failure::data)?;
    }
    let title = format!(
        "simulated exchanges on loopback · faults {} · seed {}",
        args.faults.escape_debug(),
        args.seed
    );
    let mut stopping = false;
    tokio::select! {
        () = playing.play() => {}
        () = also.play() => {}
        () = listen(&mut events, &board) => {}
        () = listen(&mut events_aside, &heard_aside) => {}
        () = show(&plans, &board, screen, &title) => {}
        () = wait(lasting) => {}
        () = stop.wait() => stopping = true,
    }
    if stopping && std::io::stderr().is_terminal() {
        note("rdm: ending what is under way; Ctrl-C again ends at once");
    }
    // The faults end with the run, so that what is under way can end too.
    for one in &running {
        board.lock().end(&one.exchange, one.sim.stats().requests);
        one.sim.set_fault(None);
    }
    for one in &aside {
        one.sim.set_fault(None);
    }
    let (before, lasted) = (manager.status(), board.lock().elapsed());
    drop(following);
    tokio::join!(manager.shutdown(GRACE), other.shutdown(GRACE));
    drain(&mut events, &board).await;
    drain(&mut events_aside, &heard_aside).await;
    board.lock().account(ledgers(&plans));
    let summary = Summary::of(
        (&manager, &other),
        &before,
        (&running, &aside),
        (&board.lock(), &heard_aside.lock()),
        lasted,
    );
    for one in running.into_iter().chain(aside) {
        one.server.shutdown().await;
    }
    finish(&summary, args.json)
}

/// Notes a change on the board, and says it in a log.
fn tell(screen: Screen, board: &Shared, note: impl FnOnce(&mut Board) -> String) {
    let mut board = board.lock();
    let text = note(&mut board);
    if screen == Screen::Lines {
        print(&format!("{:>7.1}s  {text}", board.elapsed().as_secs_f64()));
    }
}

async fn wait(lasting: Option<Duration>) {
    match lasting {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Hears events until the manager is gone.
async fn listen(events: &mut Events, board: &Shared) {
    while let Some(event) = events.next().await {
        board.lock().event(event);
    }
}

/// Hears what has been told already.
async fn drain(events: &mut Events, board: &Shared) {
    loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => board.lock().event(event),
            () = std::future::ready(()) => break,
        }
    }
}

/// The exchanges of the second plan, and their manager.
async fn second(seed: u64) -> Result<(Vec<Running>, DataManager), Failure> {
    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let running = sim::start(&[Exchange::KRAKEN], any_port, seed, None).await?;
    let manager = manager(&running, seed)?;
    Ok((running, manager))
}

/// The accounts of the plans at this moment.
fn ledgers(plans: &[(Plan, &DataManager)]) -> Vec<(String, JobLedger)> {
    let account = |(plan, manager): &(Plan, &DataManager)| {
        let ledger = JobLedger::of(manager);
        (plan.name().to_owned(), ledger)
    };
    plans.iter().map(account).collect()
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
    DataManager::builder()
        .config(config)
        .seed(seed)
        // So many that three exchanges that answer nothing leave room for the fourth.
        .max_in_flight(100)
        .start()
        .map_err(Failure::data)
}

/// Shows the run; ends when nobody reads the lines any more.
async fn show(plans: &[(Plan, &DataManager)], board: &Shared, screen: Screen, title: &str) {
    let Some((_, manager)) = plans.first() else {
        return;
    };
    match screen {
        Screen::Table => {
            let mut terminal = Terminal::take();
            let mut frame = tokio::time::interval(FRAME);
            loop {
                frame.tick().await;
                let size = Terminal::size();
                let room = (usize::from(size.0), usize::from(size.1));
                board.lock().account(ledgers(plans));
                let rows = table::screen(title, &manager.status(), &board.lock(), room);
                terminal.draw(&rows, size);
            }
        }
        Screen::Lines => {
            let mut again = tokio::time::interval_at(Instant::now() + LINES, LINES);
            loop {
                again.tick().await;
                board.lock().account(ledgers(plans));
                let lines = lines::lines(&manager.status(), &board.lock());
                if !lines.iter().all(|line| print(line)) {
                    return;
                }
            }
        }
        Screen::Silent => std::future::pending().await,
    }
}

/// Says what happened, and whether a promise was broken.
fn finish(summary: &Summary, as_json: bool) -> Result<(), Failure> {
    if as_json {
        print(&json::text(summary).map_err(Failure::data)?);
    } else {
        print(&summary.to_string());
    }
    match summary.broken() {
        None => Ok(()),
        Some(promise) => {
            note("rdm: the run broke a promise of this program");
            Err(Failure::Data(promise))
        }
    }
}
