//! `rdm sim`: simulated exchanges on loopback.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Clock, Exchange, SystemClock};
use robust_sim::{BuildError, RecordedReason, Script, Server, Sim};
use tokio::time::Instant;

use crate::args::SimArgs;
use crate::exit::{Failure, note, print};
use crate::faults;
use crate::signals::Stop;

/// How often the script is looked at.
const TICK: Duration = Duration::from_millis(100);

/// One simulated exchange that listens.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) exchange: Exchange,
    pub(crate) sim: Sim,
    pub(crate) server: Server,
}

/// Starts every exchange, or none. With a folder of recorded answers these are served instead of the generated market.
pub(crate) async fn start(
    exchanges: &[Exchange],
    listen: SocketAddr,
    seed: u64,
    recorded: Option<&Path>,
) -> Result<Vec<Running>, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut running = Vec::new();
    for (offset, exchange) in exchanges.iter().enumerate() {
        let mut sim = Sim::builder(exchange.clone())
            .seed(seed)
            .clock(Arc::clone(&clock));
        if let Some(folder) = recorded {
            sim = sim.recorded(folder);
        }
        let sim = sim.build().map_err(|error| unbuilt(exchange, &error))?;
        let mut address = listen;
        if listen.port() != 0 {
            let port = u16::try_from(offset)
                .ok()
                .and_then(|offset| listen.port().checked_add(offset));
            address.set_port(port.ok_or_else(|| {
                Failure::Usage(format!(
                    "--listen: {listen} leaves no port above it for {exchange}; use a lower one"
                ))
            })?);
        }
        let server = sim
            .listen(address)
            .await
            .map_err(|error| Failure::Usage(format!("--listen: {error}")))?;
        running.push(Running {
            exchange: exchange.clone(),
            sim,
            server,
        });
    }
    Ok(running)
}

/// Which argument an exchange cannot be built for, and what to write instead.
fn unbuilt(exchange: &Exchange, error: &BuildError) -> Failure {
    let BuildError::Recorded(error) = error else {
        return Failure::Usage(format!("--exchange: {error}"));
    };
    let file = error.file.display();
    let (why, remedy) = match &error.reason {
        RecordedReason::NoCases if !error.file.is_dir() => (
            "is no folder".to_owned(),
            format!("name one that holds {exchange}/rest_response/TYPE/NAME.json"),
        ),
        RecordedReason::NoCases => (
            format!("holds no recorded answers of {exchange}"),
            format!(
                "put them at {exchange}/rest_response/TYPE/NAME.json in it, or leave {exchange} away with --exchange"
            ),
        ),
        RecordedReason::Io { .. } => (
            error.reason.to_string(),
            "check its permissions, or take it out of the folder".to_owned(),
        ),
        _ => (
            error.reason.to_string(),
            "mend it, or take it out of the folder".to_owned(),
        ),
    };
    Failure::Usage(format!("--recorded: {file} {why}; {remedy}"))
}

/// Plays a script of faults and tells each change.
#[derive(Debug)]
pub(crate) struct Player<F> {
    script: Script,
    sims: Vec<(Exchange, Sim)>,
    told: F,
    begun: Instant,
}

impl<F: FnMut(&Exchange, Option<&str>)> Player<F> {
    /// Begins now: the faults of the first moment are on when this returns, before anybody asks anything.
    pub(crate) fn begin(script: Script, running: &[Running], told: F) -> Self {
        let sims = running
            .iter()
            .map(|one| (one.exchange.clone(), one.sim.clone()))
            .collect();
        let mut player = Self {
            script,
            sims,
            told,
            begun: Instant::now(),
        };
        player.step();
        player
    }

    /// Plays on until dropped.
    pub(crate) async fn play(mut self) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            self.step();
        }
    }

    fn step(&mut self) {
        for (exchange, sim) in &self.sims {
            let now = self.script.active(exchange, self.begun.elapsed());
            if now != sim.fault() {
                let name = now.as_ref().map(ToString::to_string);
                (self.told)(exchange, name.as_deref());
                sim.set_fault(now);
            }
        }
    }
}

pub(crate) async fn run(args: SimArgs) -> Result<(), Failure> {
    let mut named = BTreeSet::new();
    for exchange in &args.exchange {
        if !named.insert(exchange) {
            return Err(Failure::Usage(format!(
                "--exchange: {exchange} is named twice; leave one away"
            )));
        }
    }
    let script = faults::script(&args.faults, args.seed, &args.exchange)?;
    let stop = Stop::listen(|| {});
    let running = start(
        &args.exchange,
        args.listen,
        args.seed,
        args.recorded.as_deref(),
    )
    .await?;
    for exchange in &running {
        print(&format!(
            "{} {}",
            exchange.exchange,
            exchange.server.base_url()
        ));
    }
    note(
        "Simulated exchanges; Ctrl-C ends them. Try: rdm fetch ticker EXCHANGE SYMBOL --base-url URL",
    );
    let playing = Player::begin(script, &running, |exchange, fault| {
        note(&format!("{exchange}: fault {}", fault.unwrap_or("ends")));
    });
    let ending = async {
        match args.lasting {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = playing.play() => {}
        () = ending => {}
        () = stop.wait() => {}
    }
    for one in running {
        let stats = one.sim.stats();
        note(&format!(
            "{}: {} requests, {} over the limit",
            one.exchange, stats.requests, stats.over_limit
        ));
        one.server.shutdown().await;
    }
    Ok(())
}
