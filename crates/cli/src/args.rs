//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use robust_data_manager::market::{Exchange, Interval, Symbol};

use crate::exit;

/// Market data of crypto exchanges that a trading engine can trust.
#[derive(Debug, Parser)]
#[command(name = "rdm", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Collects data of simulated exchanges through the whole stack while faults are thrown at it.
    Demo(DemoArgs),
    /// Asks one exchange for one thing.
    Fetch(FetchArgs),
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
    Check {
        /// The TOML file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long to run, such as 60s or 5m. Default: till Ctrl-C on a terminal, else 60s.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) lasting: Option<Duration>,
    /// Seed of the market, of the faults and of all jitter.
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub(crate) seed: u64,
    /// random, none, a TOML file, or faults such as kraken=hang,binance=418:20.
    #[arg(long, default_value = "random", value_name = "FAULTS")]
    pub(crate) faults: String,
    /// Prints nothing but a JSON summary at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// The exchanges, separated by commas.
    #[arg(long, default_value = "kraken,binance", value_delimiter = ',', value_name = "NAMES", value_parser = exchange)]
    pub(crate) exchange: Vec<Exchange>,
    /// Where the first one listens; the others take the ports above. Loopback only. Port 0 takes any free ports.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Seed of the market.
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub(crate) seed: u64,
    /// none, random, a TOML file, or faults such as kraken=hang,binance=418:20.
    #[arg(long, default_value = "none", value_name = "FAULTS")]
    pub(crate) faults: String,
    /// How long to run. Default: till Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
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

#[derive(Debug, Args)]
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
    /// Length of a bar, for candles.
    #[arg(long, default_value = "1m", value_name = "INTERVAL", value_parser = interval)]
    pub(crate) interval: Interval,
    /// Rows at most, for candles and trades; levels a side, for a book.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Longest wait for the answer.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Settings of the exchange from a config file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
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
        .map_err(|error: robust_data_manager::market::InvalidName| error.remedy.into_owned())
}

fn symbol(text: &str) -> Result<Symbol, String> {
    text.parse()
        .map_err(|error: robust_data_manager::market::InvalidName| error.remedy.into_owned())
}

fn interval(text: &str) -> Result<Interval, String> {
    text.parse()
        .map_err(|error: robust_data_manager::market::InvalidName| error.remedy.into_owned())
}

/// Why the arguments name no command.
#[derive(Debug)]
pub(crate) struct Refusal(clap::Error);

impl Refusal {
    /// Help and version go to standard output with code 0; anything else is one line with code 2.
    pub(crate) fn print(&self) -> ExitCode {
        match self.0.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let _ = self.0.print();
                ExitCode::SUCCESS
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = self.0.print();
                ExitCode::from(2)
            }
            _ => exit::usage(&self.line()),
        }
    }

    fn line(&self) -> String {
        let text = self.0.to_string();
        // Everything before the usage block: the complaint, the possible values, the tip.
        let complaint = text.split("\n\nUsage:").next().unwrap_or_default();
        let complaint = complaint
            .split("\n\nFor more information")
            .next()
            .unwrap_or_default();
        complaint.trim_start_matches("error: ").to_owned() + " (see rdm --help)"
    }
}

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Refusal> {
    // A control character in an argument would otherwise reach the terminal through the complaint.
    let args = args.into_iter().map(|arg| match arg.to_str() {
        Some(text) if text.chars().any(char::is_control) => {
            OsString::from(text.escape_debug().to_string())
        }
        _ => arg,
    });
    Cli::try_parse_from(args)
        .map(|cli| cli.command)
        .map_err(Refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        parse(line.split(' ').map(OsString::from))
            .unwrap_err()
            .line()
    }

    #[test]
    fn a_bad_argument_is_one_line_with_field_value_and_remedy() {
        for (line, field, value, remedy) in [
            (
                "rdm fetch ticker KRAKEN BTC/USD",
                "EXCHANGE",
                "KRAKEN",
                "such as kraken",
            ),
            (
                "rdm fetch ticker kraken BTCUSD",
                "SYMBOL",
                "BTCUSD",
                "write BASE/QUOTE",
            ),
            ("rdm fetch tickr kraken BTC/USD", "WHAT", "tickr", "ticker"),
            (
                "rdm fetch candles kraken BTC/USD --interval 1x",
                "--interval",
                "1x",
                "such as 1m",
            ),
            (
                "rdm fetch trades kraken BTC/USD --limit -5",
                "--limit",
                "-5",
                "",
            ),
            (
                "rdm fetch trades kraken BTC/USD --limit 0",
                "--limit",
                "0",
                "1..",
            ),
            (
                "rdm fetch ticker kraken BTC/USD --timeout -1s",
                "--timeout",
                "-1s",
                "",
            ),
            (
                "rdm demo --for 99999days",
                "--for",
                "99999days",
                "1ms to 7days",
            ),
            ("rdm demo --for x", "--for", "x", "such as 500ms"),
            ("rdm demo --seed -1", "--seed", "-1", ""),
            ("rdm sim --listen nowhere", "--listen", "nowhere", ""),
        ] {
            let text = refused(line).to_lowercase();
            for part in [field, value, remedy] {
                assert!(
                    text.contains(&part.to_lowercase()),
                    "{line}: {text} lacks {part}"
                );
            }
        }
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
