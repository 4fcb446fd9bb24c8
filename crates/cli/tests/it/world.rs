//! What the tests share: the program, simulators to ask, and a place for files.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::sync::Arc;

use robust_data_manager::market::{Clock, Exchange, SystemClock};
use robust_sim::{Fault, Server, Sim};
use serde_json::Value;
use tempfile::TempDir;

/// The program with these arguments, and nothing of this machine's taste in colours.
pub(crate) fn rdm(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdm"));
    command.args(args).env_remove("NO_COLOR");
    command
}

/// The first line that a running program prints. Nobody reads the others.
pub(crate) fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    line
}

/// What a program has said on its standard error, once it has ended.
pub(crate) fn rest_of_stderr(child: &mut Child) -> String {
    let mut err = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut err).unwrap();
    err
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

impl Said {
    /// It ended well and complained of nothing.
    pub(crate) fn assert_all_well(&self) {
        assert_eq!(
            (self.code, self.err.as_str()),
            (Some(0), ""),
            "{}",
            self.out
        );
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Said {
    rdm(args).output().unwrap().into()
}

/// Runs the program, which must end well and print JSON.
pub(crate) fn json(args: &[&str]) -> Value {
    let said = run(args);
    assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// A simulated exchange with a port of its own. Each test has its own, so that no test spends another's budget.
pub(crate) struct Simulated {
    pub(crate) sim: Sim,
    pub(crate) url: String,
    // The server runs on the runtime; both end with the test.
    _server: Server,
    _runtime: tokio::runtime::Runtime,
}

pub(crate) fn simulated(exchange: &str) -> Simulated {
    simulated_at(exchange, Arc::new(SystemClock))
}

/// A simulated exchange whose clock is not ours.
pub(crate) fn simulated_at(exchange: &str, clock: Arc<dyn Clock>) -> Simulated {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let exchange: Exchange = exchange.parse().unwrap();
    let sim = Sim::builder(exchange).seed(7).clock(clock).build().unwrap();
    let server = runtime
        .block_on(sim.listen(([127, 0, 0, 1], 0).into()))
        .unwrap();
    Simulated {
        sim,
        url: server.base_url(),
        _server: server,
        _runtime: runtime,
    }
}

impl Simulated {
    /// Asks it through `rdm fetch`.
    pub(crate) fn fetch(&self, words: &[&str]) -> Said {
        run(&self.line(words))
    }

    /// Asks it through `rdm fetch --json`.
    pub(crate) fn fetch_json(&self, words: &[&str]) -> Value {
        let mut line = self.line(words);
        line.push("--json");
        json(&line)
    }

    fn line<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let ending = ["--base-url", self.url.as_str()];
        ["fetch"]
            .iter()
            .chain(words)
            .chain(&ending)
            .copied()
            .collect()
    }

    pub(crate) fn misbehave(&self, fault: &str) {
        self.sim.set_fault(Some(fault.parse::<Fault>().unwrap()));
    }
}

/// A file that goes away with the value.
pub(crate) struct Scratch {
    path: PathBuf,
    _folder: TempDir,
}

impl Scratch {
    pub(crate) fn file(name: &str, bytes: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self {
            path,
            _folder: folder,
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}
