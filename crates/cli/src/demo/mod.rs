//! `rdm demo`: the main job, with simulated exchanges and faults.
//!
//! Everything but the exchanges is the product: the same manager, stacks, jobs and rules as against real ones.

mod board;
mod cells;
mod lines;
mod openings;
mod plan;
mod summary;
mod table;
mod terminal;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_data_manager::{Config, DataManager, Events};
use tokio::time::Instant;

use crate::args::DemoArgs;
use crate::exit::{Failure, note, print};
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
    let stop = Stop::listen(match screen {
        Screen::Table => terminal::restore,
        Screen::Lines | Screen::Silent => || {},
    });
    let board = Shared(Arc::new(Mutex::new(Board::new(Instant::now()))));
    let mut events = manager.events();
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
    let told = board.clone();
    let playing = Player::begin(script, &running, move |exchange, fault| {
        tell(screen, &told, |board| board.fault(exchange, fault));
    });
    for job in plan::jobs() {
        board.lock().promise(&job);
        manager
            .schedule(job.into_data_job())
            .map_err(Failure::data)?;
    }
    let title = format!(
        "simulated exchanges on loopback · faults {} · seed {}",
        args.faults.escape_debug(),
        args.seed
    );
    let mut stopping = false;
    tokio::select! {
        () = playing.play() => {}
        () = listen(&mut events, &board) => {}
        () = show(&manager, &board, screen, &title) => {}
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
    let (before, lasted) = (manager.status(), board.lock().elapsed());
    drop(following);
    manager.shutdown(GRACE).await;
    drain(&mut events, &board).await;
    let summary = Summary::of(&manager, &before, &running, &board.lock(), lasted);
    for one in running {
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
    let jobs = plan::jobs().len();
    DataManager::builder()
        .config(config)
        .seed(seed)
        .max_in_flight(jobs)
        .start()
        .map_err(Failure::data)
}

/// Shows the run; ends when nobody reads the lines any more.
async fn show(manager: &DataManager, board: &Shared, screen: Screen, title: &str) {
    match screen {
        Screen::Table => {
            let mut terminal = Terminal::take();
            let mut frame = tokio::time::interval(FRAME);
            loop {
                frame.tick().await;
                let size = Terminal::size();
                let room = (usize::from(size.0), usize::from(size.1));
                let rows = table::screen(title, &manager.status(), &board.lock(), room);
                terminal.draw(&rows, size);
            }
        }
        Screen::Lines => {
            let mut again = tokio::time::interval_at(Instant::now() + LINES, LINES);
            loop {
                again.tick().await;
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
