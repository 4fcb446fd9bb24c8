//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use robust_data_manager::Plan;
use robust_data_manager::market::{Exchange, Interval, InvalidName, Kind, Symbol};

use crate::refusal::Refusal;
use crate::since::Since;

/// Market data of crypto exchanges that a trading engine can trust.
#[derive(Debug, Parser)]
#[command(
    name = "rdm",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  rdm demo                                    simulated exchanges, faults, and what the data is worth meanwhile
  rdm fetch ticker kraken BTC/USD             one value from a real exchange
  rdm doctor                                  can this machine get market data, and if not, why?

Exit codes: 0 ok, 1 no (good) data, 2 the command cannot be run like that."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Collects data of simulated exchanges through the whole stack while faults are thrown at it.
    Demo(DemoArgs),
    /// Runs the jobs of a config file till Ctrl-C, and prints what they bring.
    Run(RunArgs),
    /// Says when jobs will run, and what they ask each exchange against what it allows. Asks nobody.
    Jobs(JobsArgs),
    /// Asks one exchange for one thing.
    Fetch(FetchArgs),
    /// Says whether the exchanges can be reached: names, certificates, clocks, limits.
    Doctor(DoctorArgs),
    /// Judges captured data by the rules of the library: an answer of an exchange, unified JSON, or bars as CSV.
    Validate(ValidateArgs),
    /// Runs simulated exchanges on loopback until Ctrl-C.
    Sim(SimArgs),
    /// Works with config files.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Checks a config file and prints the settings in force.
    #[command(after_help = "\
Example:
  rdm config check engine.toml

Exit code 2: the file cannot be used; the line says which key, and what to write instead.")]
    Check {
        /// The TOML file with exchanges and jobs.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rdm demo                                    till Ctrl-C, with random faults
  rdm demo --for 60s --seed 7 --json          a summary at the end, for programs
  rdm demo --faults kraken=hang,binance=418:20

Exit code 1: a promise about freshness, limits or the ledger was broken. The faults: docs/faults.md.")]
pub(crate) struct DemoArgs {
    /// How long to run, such as 60s or 5m. Default: till Ctrl-C on a terminal, else 60s.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) lasting: Option<Duration>,
    /// Seed of the market, of the faults and of all jitter.
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = seed, allow_hyphen_values = true)]
    pub(crate) seed: u64,
    /// random, none, a TOML file, or faults such as kraken=hang,binance=418:20.
    #[arg(long, default_value = "random", value_name = "FAULTS")]
    pub(crate) faults: String,
    /// Prints nothing but a JSON summary at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  rdm run --config engine.toml --json

with engine.toml:
  [exchanges.kraken]

  [[jobs]]
  id = \"majors\"
  exchange = \"kraken\"
  kind = \"tickers\"
  symbols = [\"BTC/USD\", \"ETH/USD\"]
  every = \"5s\"

Exit code 1: no job has brought data.")]
pub(crate) struct RunArgs {
    /// The TOML file with exchanges and jobs.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How long to run. Default: till Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) lasting: Option<Duration>,
    /// Prints each sample in the exchange format (docs/formats.md), one a line, and everything else to standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rdm jobs                                    the plan \"default\": its next runs, and the load of each exchange
  rdm jobs --plan seed-http --next 1h
  rdm jobs --config engine.toml --json        also runs that a clock change moves or doubles

Exit code 2: the file cannot be used, or an exchange would be asked more than it allows. The plans and the keys of [[jobs]]: docs/jobs.md.")]
pub(crate) struct JobsArgs {
    /// A shipped plan: default or seed-http [default: default].
    #[arg(long, value_name = "NAME", value_parser = plan, conflicts_with = "config")]
    pub(crate) plan: Option<Plan>,
    /// The jobs of a config file, its plan's included.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How far to look ahead, up to 7days.
    #[arg(long, default_value = "24h", value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) next: Duration,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rdm doctor                                  names, certificates, clocks, limits
  rdm doctor --live --json drift.json         and one question to each endpoint, compared with what is documented
  rdm doctor --live --sim                     the same against simulated exchanges
  rdm doctor --live --kind ticker,book --write-schema DIR

Exit code 1: an exchange cannot be reached, an endpoint does not answer, or a field that we read is missing or has
another type. A field that is not documented is a warning. See docs/schema-drift.md.")]
pub(crate) struct DoctorArgs {
    /// Also asks each endpoint once and compares the answer with the documented fields.
    #[arg(long)]
    pub(crate) live: bool,
    /// Examines simulated exchanges on loopback instead of the real ones.
    #[arg(long, conflicts_with = "base_url")]
    pub(crate) sim: bool,
    /// With --live: asks for these kinds of data only, separated by commas, such as ticker,book.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = kind, requires = "live")]
    pub(crate) kind: Vec<Kind>,
    /// Writes what was found as JSON to this file; - or nothing: to standard output, in place of the lines.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) json: Option<PathBuf>,
    /// With --live: writes the lists of documented fields with what is new to this folder, for review.
    #[arg(long, value_name = "DIR", requires = "live")]
    pub(crate) write_schema: Option<PathBuf>,
    /// The exchanges of a config file, with their settings. Default: all that are known.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Examines an exchange at another address, such as kraken=http://127.0.0.1:8080; may be given several times.
    #[arg(long, value_name = "EXCHANGE=URL", value_parser = place)]
    pub(crate) base_url: Vec<(Exchange, String)>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rdm sim --exchange kraken --listen 127.0.0.1:9000
  rdm fetch ticker kraken BTC/USD --base-url http://127.0.0.1:9000
  rdm sim --faults kraken=hang --for 5m
  rdm sim --exchange kraken --recorded captures

Recorded answers stand in DIR/EXCHANGE/rest_response/TYPE/NAME.json, each with the request that it answered:
  { \"request\": [{ \"method\": \"GET\", \"url\": \"https://api.kraken.com/0/public/Time\" }],
    \"httpStatus\": 200, \"httpResponse\": { \"error\": [] } }
A request with the same path and parameters gets the body as it stands there; any other one gets a 404.

The faults: docs/faults.md.")]
pub(crate) struct SimArgs {
    /// The exchanges, separated by commas.
    #[arg(long, default_value = "kraken,binance,kucoin,htx", value_delimiter = ',', value_name = "NAMES", value_parser = exchange)]
    pub(crate) exchange: Vec<Exchange>,
    /// Where the first one listens; the others take the ports above. Loopback only. Port 0 takes any free ports.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Seed of the generated market and of random faults.
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = seed, allow_hyphen_values = true)]
    pub(crate) seed: u64,
    /// Serves the recorded answers of this folder, byte by byte, in place of the generated market.
    #[arg(long, value_name = "DIR")]
    pub(crate) recorded: Option<PathBuf>,
    /// none, random, a TOML file, or faults such as kraken=hang,binance=418:20.
    #[arg(long, default_value = "none", value_name = "FAULTS")]
    pub(crate) faults: String,
    /// How long to run. Default: till Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) lasting: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// State of one market.
    Ticker,
    /// Resting orders.
    Book,
    /// Price bars.
    Candles,
    /// Executed trades.
    Trades,
    /// Listed pairs; takes no symbol.
    Instruments,
}

impl What {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rdm fetch ticker kraken BTC/USD
  rdm fetch book binance BTC/USDT --limit 20 --json
  rdm fetch candles binance BTC/USDT --interval 5m --since \"3days ago\" --limit 4000

The last one comes page by page, with a progress bar on a terminal and a report on what is missing.

What needs a key (a book of KuCoin of more than 100 levels) is signed with the credentials of --config, else with those in
RDM_KUCOIN_KEY, RDM_KUCOIN_SECRET and RDM_KUCOIN_PASSPHRASE.")]
pub(crate) struct FetchArgs {
    /// What to ask for.
    pub(crate) what: What,
    /// The exchange, such as kraken or binance.
    #[arg(value_parser = exchange)]
    pub(crate) exchange: Exchange,
    /// The pair, such as BTC/USD.
    #[arg(value_parser = symbol)]
    pub(crate) symbol: Option<Symbol>,
    /// Prints the sample in the exchange format (docs/formats.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// Asks another address than the exchange's own; one on this machine is a simulator.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Length of a bar, for candles [default: 1m].
    #[arg(long, value_name = "INTERVAL", value_parser = interval, allow_hyphen_values = true)]
    pub(crate) interval: Option<Interval>,
    /// Rows at most, for candles and trades; levels a side, for a book. More rows than one answer holds come page by page.
    #[arg(long, value_name = "N", value_parser = limit, allow_hyphen_values = true)]
    pub(crate) limit: Option<u32>,
    /// Start of the candles or trades: 2026-11-01T00:00:00Z, 2026-11-01, milliseconds since 1970, or a span such as "3h ago".
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<Since>,
    /// Longest wait for the answer.
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,
    /// Settings of the exchange from a config file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The kinds that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Judged {
    /// State of one market.
    Ticker,
    /// Resting orders.
    Book,
    /// Price bars.
    Candles,
    /// Executed trades.
    Trades,
}

impl Judged {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Ticker => Kind::Ticker,
            Self::Book => Kind::Book,
            Self::Candles => Kind::Candles,
            Self::Trades => Kind::Trades,
        }
    }
}

/// How captured data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// As the exchange sent it.
    Exchange,
    /// The exchange format of docs/formats.md: samples, one or one a line, or the data member alone.
    Unified,
    /// Bars, one a line.
    Csv,
}

/// The unit of whole numbers in the time column of a CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rdm validate bars.csv --kind candles --exchange binance --interval 1h --svg bars.svg
  curl -s 'https://api.kraken.com/0/public/Depth?pair=XXBTZUSD' | rdm validate - --kind book --exchange kraken --symbol BTC/USD
  rdm run --config engine.toml --json > log; rdm validate log --kind ticker --exchange kraken --symbol BTC/USD

Ages are measured at --at; without it at the time that a sample says it was received, else at the newest time in the data.
Exit codes: 0 accepted, also with exclusions or in quarantine (the words say which), 1 rejected or no data, 2 not readable.")]
pub(crate) struct ValidateArgs {
    /// The file; - is standard input. At most 64 MiB.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What the data is.
    #[arg(long)]
    pub(crate) kind: Judged,
    /// Whose data it is: what an exchange never sends is not missed.
    #[arg(long, value_name = "NAME", value_parser = exchange)]
    pub(crate) exchange: Exchange,
    /// The pair that was asked for. Default: the one that the data names; what an exchange sent needs it.
    #[arg(long, value_name = "PAIR", value_parser = symbol)]
    pub(crate) symbol: Option<Symbol>,
    /// The exchange's own name of the pair, where rdm does not know it.
    #[arg(long, value_name = "ID", requires = "symbol")]
    pub(crate) id: Option<String>,
    /// Length of a bar, for candles. Default: what the data says, else the usual step of the rows.
    #[arg(long, value_name = "INTERVAL", value_parser = interval, allow_hyphen_values = true)]
    pub(crate) interval: Option<Interval>,
    /// Rows that were asked for, or levels a side: fewer are incomplete.
    #[arg(long, value_name = "N", value_parser = limit, allow_hyphen_values = true)]
    pub(crate) limit: Option<u32>,
    /// When the data was received, such as 2026-11-01T00:00:00Z.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<Since>,
    /// How the data is written. Default: by its looks.
    #[arg(long, value_name = "FORM")]
    pub(crate) format: Option<Form>,
    /// The unit of whole numbers in the time column of a CSV.
    #[arg(long, value_name = "UNIT", default_value = "ms")]
    pub(crate) time_unit: TimeUnit,
    /// Prints the verdict as JSON (docs/formats.md).
    #[arg(long)]
    pub(crate) json: bool,
    /// Draws scores and issues over time to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// The longest time that a command line may ask for.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| "write a time such as 500ms, 60s or 5m".to_owned())?;
    if time < Duration::from_millis(1) || time > LONGEST {
        return Err("use a time from 1ms to 7days".to_owned());
    }
    Ok(time)
}

fn exchange(text: &str) -> Result<Exchange, String> {
    text.parse()
        .map_err(|error: InvalidName| error.remedy.into_owned())
}

fn place(text: &str) -> Result<(Exchange, String), String> {
    let (name, url) = text
        .split_once('=')
        .ok_or_else(|| "write EXCHANGE=URL, such as kraken=http://127.0.0.1:8080".to_owned())?;
    Ok((exchange(name)?, url.to_owned()))
}

fn symbol(text: &str) -> Result<Symbol, String> {
    text.parse()
        .map_err(|error: InvalidName| error.remedy.into_owned())
}

fn interval(text: &str) -> Result<Interval, String> {
    text.parse()
        .map_err(|error: InvalidName| error.remedy.into_owned())
}

fn plan(text: &str) -> Result<Plan, String> {
    Plan::named(text).map_err(|_| format!("use one of {}", Plan::NAMES.join(", ")))
}

fn kind(text: &str) -> Result<Kind, String> {
    text.parse()
        .map_err(|error: InvalidName| error.remedy.into_owned())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("use a whole number from 0 to {}", u64::MAX))
}

fn limit(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(limit @ 1..) => Ok(limit),
        _ => Err(format!("use a whole number from 1 to {}", u32::MAX)),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write an address and a port, such as 127.0.0.1:8080 or [::1]:0".to_owned())
}

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Refusal> {
    Cli::try_parse_from(args)
        .map(|cli| cli.command)
        .map_err(Refusal::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
