//! What a config file may say, and what is told when it says something else.

use std::time::Duration;

use super::*;

fn error(text: &str) -> String {
    Config::from_toml(text).unwrap_err().to_string()
}

#[test]
fn an_unknown_key_names_the_nearest_known_one_and_its_line() {
    let text = error("environment = \"live\"\n[exchanges.kraken]\nbreaker_failure = 3");
    assert_eq!(
        text,
        "config line 3: unknown key \"breaker_failure\"; did you mean breaker_failures?"
    );
    assert!(error("enviroment = \"live\"").contains("did you mean environment?"));
    assert!(error("environment = \"liv\"").contains("did you mean live?"));
}

#[test]
fn negative_and_absurd_numbers_are_refused_with_field_value_and_remedy() {
    for (line, named) in [
        ("timeout = \"-5s\"", "line 2"),
        ("retries = -1", "line 2"),
        ("retries = 4000000000", "retries = 4000000000: use 0 to 20"),
        ("timeout = \"0s\"", "timeout = 0ns: use a time"),
        ("timeout = \"9999h\"", "use a time"),
        ("timeout = \"40s\"", "use at most max_timeout"),
        ("breaker_failures = 0", "use 1 to 10000"),
        ("requests_per_minute = 0", "use 1 to 1000000"),
        ("quote_alias = { USD = \"U S\" }", "use currency codes"),
        (
            "local_address = \"0.0.0.0\"",
            "use an address of this machine",
        ),
        ("local_address = \"192.0.2\"", "line 2"),
        (
            "base_url = \"https://a\"\nbase_urls = [\"https://b\"]",
            "name it first in base_urls",
        ),
        (
            "base_url = \"https://a\"\nmirrors = true",
            "mirrors = true: leave it away",
        ),
        ("preset = \"agressive\"", "did you mean aggressive?"),
    ] {
        let text = error(&format!("[exchanges.kraken]\n{line}"));
        assert!(text.contains(named), "{line}: {text}");
        assert!(!text.contains('\n'), "{line}: {text}");
    }
}

#[test]
fn the_cache_is_bounded_by_number_and_by_bytes() {
    let config = Config::from_toml("[cache]\nmax_bytes = 67108864").unwrap();
    assert_eq!(
        (config.cache.capacity, config.cache.max_bytes),
        (10_000, 64 * MIB)
    );
    for (line, named) in [
        ("capacity = 0", "cache.capacity = 0: use 1 to"),
        (
            "max_bytes = 1000",
            "cache.max_bytes = 1000: use 1048576 (1 MiB)",
        ),
    ] {
        let text = error(&format!("[cache]\n{line}"));
        assert!(text.contains(named), "{text}");
    }
}

#[test]
fn presets_are_the_numbers_of_the_issue_and_settings_overlay_them() {
    let secs = Duration::from_secs;
    let conservative = Preset::Conservative.source();
    assert_eq!(
        (
            conservative.timeout,
            conservative.max_timeout,
            conservative.retries
        ),
        (secs(15), secs(45), 5)
    );
    assert_eq!(
        (
            conservative.breaker_failures,
            conservative.breaker_open,
            conservative.requests_per_minute
        ),
        (3, secs(120), Some(30))
    );
    let aggressive = Preset::Aggressive.source();
    assert_eq!(
        (
            aggressive.timeout,
            aggressive.max_timeout,
            aggressive.retries
        ),
        (secs(5), secs(15), 2)
    );
    assert_eq!(
        (
            aggressive.breaker_failures,
            aggressive.breaker_open,
            aggressive.requests_per_minute
        ),
        (10, secs(30), Some(120))
    );
    let exchange = Preset::Exchange.source();
    assert_eq!(
        (
            exchange.retries,
            exchange.backoff_base,
            exchange.backoff_max,
            exchange.max_timeout
        ),
        (2, secs(1), secs(10), secs(30))
    );
    let default = Preset::Default.source();
    assert_eq!(
        (default.timeout, default.max_timeout, default.retries),
        (secs(10), secs(30), 3)
    );
    assert_eq!(
        (default.breaker_failures, default.breaker_open),
        (5, secs(60))
    );

    let config =
        Config::from_toml("[exchanges.kraken]\npreset = \"aggressive\"\ntimeout = \"2s\"").unwrap();
    let overlaid = config.exchanges["kraken"].source();
    assert_eq!((overlaid.timeout, overlaid.retries), (secs(2), 2));
}

#[test]
fn an_unreadable_file_is_named() {
    let error = Config::load("no/such/file.toml").unwrap_err().to_string();
    assert!(
        error.starts_with("config file no/such/file.toml: "),
        "{error}"
    );
}

const BARS: &str = r#"
[exchanges.kraken]
[[jobs]]
id = "bars"
exchange = "kraken"
kind = "candles"
symbol = "BTC/USD"
interval = "5m"
every = "30s"
"#;

#[test]
fn a_job_that_cannot_be_names_itself_its_key_and_the_remedy() {
    assert_eq!(Config::from_toml(BARS).unwrap().jobs[0].priority, 3);
    for (from, to, named) in [
        (
            "every = \"30s\"",
            "",
            "jobs.bars.every = nothing: say when: one of every",
        ),
        ("every = \"30s\"", "evry = \"30s\"", "did you mean every?"),
        (
            "every = \"30s\"",
            "every = \"0s\"",
            "jobs.bars.every = 0ns: use a time",
        ),
        ("\"candles\"", "\"candle\"", "did you mean candles?"),
        (
            "\"candles\"",
            "\"ticker\"",
            "jobs.bars.interval = set: leave it away",
        ),
        (
            "\"candles\"",
            "\"tickers\"",
            "jobs.bars.symbol = set: tickers and bids_asks have symbols",
        ),
        (
            "interval = \"5m\"",
            "",
            "jobs.bars.interval = nothing: candles need one",
        ),
        (
            "interval = \"5m\"",
            "interval = \"5 min\"",
            "jobs.bars.interval = \"5 min\"",
        ),
        (
            "interval = \"5m\"",
            "interval = \"5m\"\ndepth = 5",
            "jobs.bars.depth = 5",
        ),
        (
            "symbol = \"BTC/USD\"",
            "",
            "jobs.bars.symbol = nothing: this kind needs one",
        ),
        (
            "symbol = \"BTC/USD\"",
            "symbol = \"BTCUSD\"",
            "write BASE/QUOTE",
        ),
        (
            "symbol = \"BTC/USD\"",
            "symbol = \"BTC/USD\"\nsymbols = [\"ETH/USD\"]",
            "jobs.bars.symbol = set: leave it away",
        ),
        (
            "exchange = \"kraken\"",
            "",
            "jobs.bars.exchange = nothing: name one",
        ),
        (
            "exchange = \"kraken\"",
            "exchange = \"kraken\"\nexchanges = [\"kraken\"]",
            "jobs.bars.exchange = \"kraken\": leave it away",
        ),
        (
            "every = \"30s\"",
            "every = \"30s\"\ncron = \"0 0 * * *\"",
            "jobs.bars.cron = set: leave it away beside every",
        ),
        (
            "every = \"30s\"",
            "cron = \"0 0 * *\"",
            "jobs.bars.cron = \"0 0 * *\": ",
        ),
        (
            "every = \"30s\"",
            "cron = \"0 0 * * *\"\nzone = \"Europe/Atlantis\"",
            "jobs.bars.zone = \"Europe/Atlantis\": there is no time zone",
        ),
        (
            "every = \"30s\"",
            "every = \"30s\"\nzone = \"UTC\"",
            "jobs.bars.zone = set: leave it away, or say when with cron",
        ),
        (
            "every = \"30s\"",
            "aligned = \"5 min\"",
            "jobs.bars.aligned = \"5 min\": ",
        ),
        (
            "every = \"30s\"",
            "aligned = \"1m\"\nsettle = \"2m\"",
            "jobs.bars.settle = 120s: use at most the interval",
        ),
        (
            "id = \"bars\"",
            "id = \"bars\"\ntimeout = \"31s\"",
            "jobs.bars.timeout = 31s: use a time from 10ms to 30s, or class",
        ),
        (
            "id = \"bars\"",
            "id = \"bars\"\nclass = \"scna\"",
            "did you mean scan?",
        ),
        (
            "id = \"bars\"",
            "id = \"bars\"\nretries = 21",
            "jobs.bars.retries = 21: use 0 to 20",
        ),
        (
            "id = \"bars\"",
            "id = \"bars\"\nrate = 0",
            "jobs.bars.rate = 0: use 1",
        ),
        (
            "id = \"bars\"",
            "id = \"bars\"\nsince_last = true",
            "jobs.bars.since_last = true: use it with kind",
        ),
        (
            "exchange = \"kraken\"",
            "exchange = \"krakn\"",
            "jobs.bars.exchange = \"krakn\": did you mean kraken?",
        ),
        (
            "exchange = \"kraken\"",
            "exchange = \"binance\"",
            "add a table [exchanges.NAME]",
        ),
        (
            "id = \"bars\"",
            "id = \"bars\"\npriority = 6",
            "jobs.bars.priority = 6: use 1",
        ),
        ("id = \"bars\"", "id = \" \"", "use a name of 1 to 100"),
    ] {
        assert!(BARS.contains(from), "{from}");
        let text = error(&BARS.replace(from, to));
        assert!(text.contains(named), "{to}: {text}");
    }
    let job = BARS.split_once("[[jobs]]").unwrap().1;
    let twice = error(&format!("{BARS}[[jobs]]{job}"));
    assert!(twice.contains("give each job an id of its own"), "{twice}");
}

#[test]
fn a_job_comes_due_by_one_of_five_triggers() {
    for (when, expected) in [
        ("every = \"30s\"", "Every"),
        (
            "cron = \"0 30 7 * * MON-FRI\"\nzone = \"Europe/Amsterdam\"",
            "Cron",
        ),
        ("cron = \"0 0 7 * * 2\"\ndialect = \"quartz\"", "Cron"),
        ("cron = \"0 0 1 * 1\"\ndays = \"either\"", "Cron"),
        ("aligned = \"5m\"\nsettle = \"2s\"", "Aligned"),
        ("at = \"2027-01-01T00:00:00Z\"", "At"),
        ("on_success = [\"prices\"]", "OnSuccess"),
    ] {
        let config = Config::from_toml(&BARS.replace("every = \"30s\"", when)).unwrap();
        let jobs = config.jobs[0].jobs().unwrap();
        let shown = format!("{:?}", jobs[0]);
        assert!(
            shown.contains(&format!("trigger: {expected}")),
            "{when}: {shown}"
        );
    }
}

#[test]
fn a_moment_beyond_what_is_counted_is_refused_in_words() {
    let text = BARS.replace("every = \"30s\"", "at = \"9999-01-01T00:00:00Z\"");
    assert_eq!(
        Config::from_toml(&text).unwrap_err().to_string(),
        "config jobs.bars.at = 9999-01-01T00:00:00Z: use a moment before 2200, such as \"2027-01-01T00:00:00Z\""
    );
}

#[test]
fn a_cron_expression_is_refused_in_the_words_of_a_config_file() {
    for (cron, remedy) in [
        ("0 0 7 * * 2", "dialect = \\\"unix\\\""),
        ("0 0 1 * 1", "days = \\\"both\\\" or days = \\\"either\\\""),
        ("60 * * * *", "it cannot be read; each field is"),
        ("^ * * * *", "\\\"^\\\" is no minute field, which is"),
        ("0 7 * * MOON", "\\\"MOON\\\""),
    ] {
        let remedy = remedy.replace('\\', "");
        let text = BARS.replace("every = \"30s\"", &format!("cron = \"{cron}\""));
        let error = Config::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(&remedy), "{cron}: {error}");
        for foreign in ["::", "less than", "('"] {
            assert!(!error.contains(foreign), "{cron}: {error}");
        }
    }
}

/// What is named is what was written, with what to write instead.
#[test]
fn a_job_that_cannot_be_is_refused_for_what_was_written() {
    let every = "every = \"30s\"";
    let long = "x".repeat(3_000);
    for (with, named) in [
        (
            "aligned = \"1s\"".to_owned(),
            "jobs.bars.aligned = \"1s\": a bar is asked for 1.5s after its end, which is longer",
        ),
        (
            "at = \"2027-01-01\"".to_owned(),
            "\"2027-01-01\" is no moment; write one in universal time, such as at = ",
        ),
        ("at = 2027-01-01".to_owned(), "is no moment; write one"),
        (
            "min_quality = 1e308".to_owned() + "\n" + every,
            "jobs.bars.min_quality = 1e308: use",
        ),
        (format!("cron = \"{long}\""), "jobs.bars.cron = \"xxx"),
        (
            format!("cron = \"0 {long} * * *\""),
            "jobs.bars.cron = \"0 xx",
        ),
        (
            format!("cron = \"0 7 * * *\"\nzone = \"{long}\""),
            "there is no time zone of this name",
        ),
        (
            format!("max_failures = 0\n{every}"),
            "jobs.bars.max_failures = 0: use 1 or more",
        ),
        (
            format!("exclusive = \"a\\u202Eb\"\n{every}"),
            "jobs.bars.exclusive = ",
        ),
    ] {
        let text = BARS.replace(every, &with);
        let error = error(&text);
        assert!(error.contains(named), "{with:.60}: {error}");
        assert!(error.chars().count() < 500, "{}", error.len());
    }
    let ticker = BARS.replace("\"candles\"", "\"ticker\"");
    let lengths = ticker.replace("interval = \"5m\"", "intervals = [\"5m\"]");
    assert_ne!(ticker, lengths);
    assert!(error(&lengths).contains("jobs.bars.intervals = set: leave it away"));
    let lengths = BARS.replace("interval = \"5m\"", "intervals = [\"5m\", \"5 min\"]");
    assert!(error(&lengths).contains("jobs.bars.intervals = \"5 min\""));
    let unlike = error(&BARS.replace(every, "schedule = \"5s\""));
    assert!(
        unlike.contains("unknown key \"schedule\"") && !unlike.contains("did you mean"),
        "{unlike}"
    );
    // A time as TOML has it is a time.
    for at in [
        "2027-01-01T00:00:00Z",
        "\"2027-01-01T00:00:00Z\"",
        "2027-01-01 00:00:00",
    ] {
        let config = Config::from_toml(&BARS.replace(every, &format!("at = {at}"))).unwrap();
        let since = std::time::UNIX_EPOCH + Duration::from_secs(1_798_761_600);
        assert_eq!(config.jobs[0].at, Some(since), "{at}");
    }
}

#[test]
fn no_control_character_of_a_job_reaches_a_terminal() {
    for (good, bad, named) in [
        ("id = \"bars\"", "id = \"ba\\u001b[31mrs\"", "jobs.id"),
        ("id = \"bars\"", "id = \"ba\\nrs\"", "jobs.id"),
        (
            "id = \"bars\"",
            "id = \"bars\"\nname = \"a\\u001bb\"",
            "jobs.name",
        ),
        // These turn the line around, are not seen, or end it.
        ("id = \"bars\"", "id = \"a\\u202Eb\"", "jobs.id"),
        ("id = \"bars\"", "id = \"a\\u200Bb\"", "jobs.id"),
        (
            "id = \"bars\"",
            "id = \"bars\"\nname = \"a\\u2066b\"",
            "jobs.name",
        ),
        ("id = \"bars\"", "id = \"a\\u2028b\"", "jobs.id"),
    ] {
        let text = BARS.replace(good, bad);
        assert_ne!(text, BARS);
        let error = Config::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
        assert!(
            error.chars().all(|c| c.is_ascii_graphic() || c == ' '),
            "{error:?}"
        );
    }
    let long =
        |times: usize| BARS.replace("id = \"bars\"", &format!("id = \"{}\"", "é".repeat(times)));
    assert_eq!(Config::from_toml(&long(100)).unwrap().jobs.len(), 1);
    let remedy = "use a name of 1 to 100 characters";
    assert!(error(&long(101)).contains(remedy), "{}", error(&long(101)));
}

#[test]
fn a_kind_about_one_market_makes_a_job_for_each_pair_and_length() {
    let text = BARS
        .replace(
            "symbol = \"BTC/USD\"",
            "symbols = [\"BTC/USD\", \"ETH/USD\"]",
        )
        .replace("interval = \"5m\"", "intervals = [\"1m\", \"1h\"]");
    let config = Config::from_toml(&text).unwrap();
    let jobs = config.jobs[0].jobs().unwrap();
    let names: Vec<&str> = jobs.iter().map(crate::DataJob::name).collect();
    assert_eq!(
        names,
        [
            "bars BTC/USD 1m",
            "bars BTC/USD 1h",
            "bars ETH/USD 1m",
            "bars ETH/USD 1h"
        ]
    );
}

#[test]
fn a_plan_is_named_and_narrowed_to_the_exchanges_that_are_there() {
    let names = |text: &str| {
        let config = Config::from_toml(text).unwrap();
        let jobs = config.jobs_in_force().unwrap();
        jobs.into_iter()
            .map(|job| job.exchange)
            .collect::<BTreeSet<_>>()
    };
    let both = "plan = \"default\"\n[exchanges.kraken]\n[exchanges.htx]";
    assert_eq!(names(both), ["htx", "kraken"].map(str::to_owned).into());
    let wrong = error("plan = \"defualt\"\n[exchanges.kraken]");
    assert!(
        wrong.contains("plan = \"defualt\": use one of default, seed-http"),
        "{wrong}"
    );
    let none = error("plan = \"seed-http\"\n[exchanges.htx]");
    assert!(
        none.contains("none of its exchanges is configured"),
        "{none}"
    );
}
