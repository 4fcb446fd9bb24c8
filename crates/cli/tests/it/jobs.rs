//! `rdm jobs`: what jobs will do, before anything is asked.

use serde_json::Value;

use crate::world::{Scratch, json, run, simulated};

#[test]
fn both_plans_are_told_with_the_load_of_each_exchange_against_its_limit() {
    for (plan, jobs, runs, exchanges) in [
        // 8,640 tickers of each pair, 2,880 books, 1,440 and 288 bars.
        ("seed-http", 5, 21_888, ["kraken"].as_slice()),
        (
            "default",
            152,
            254_596,
            ["kraken", "binance", "kucoin", "htx"].as_slice(),
        ),
    ] {
        let told = json(&["jobs", "--plan", plan, "--json"]);
        assert_eq!(told["of"], format!("plan {plan}"));
        assert_eq!(told["jobs"].as_array().unwrap().len(), jobs);
        assert_eq!(
            (&told["feasible"], &told["span_s"]),
            (&true.into(), &86_400.into())
        );
        // One more or less where a period does not divide the day from now.
        let counted = told["runs"].as_u64().unwrap();
        assert!(counted.abs_diff(runs) <= jobs as u64, "{plan}: {counted}");
        for exchange in exchanges {
            let source = &told["sources"][exchange];
            let load = source["load_percent"].as_f64().unwrap();
            assert!(load > 1.0 && load < 100.0, "{exchange}: {source}");
            let window = &source["windows"][0];
            let (asked, limit) = (window["asked"].as_f64(), window["limit"].as_f64());
            assert!(asked.unwrap() > 0.0 && asked < limit, "{window}");
        }
        let first = &told["jobs"][0];
        assert_eq!(first["priority"], 1);
        assert_eq!(first["next"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn people_get_tables() {
    let said = run(&["jobs", "--next", "1h"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    for part in [
        "plan default: 152 jobs, ",
        "critical_tickers_kraken",
        "every 5s",
        "aligned to 300s + 1.5s, spread over 240s",
        "1 public per 1s",
        "6000 weight per 60s",
        "no run is hit by a clock change",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}

const CRON: &str = r#"
[exchanges.kraken]

[[jobs]]
id = "report"
exchange = "kraken"
kind = "ticker"
symbol = "BTC/USD"
cron = "30 2 * * *"
zone = "Europe/Amsterdam"
"#;

#[test]
fn a_config_is_told_with_its_plan_and_the_clocks_of_its_zones() {
    let file = Scratch::file(
        "jobs-cron.toml",
        format!("plan = \"seed-http\"\n{CRON}").as_bytes(),
    );
    let told = json(&["jobs", "--config", file.path(), "--next", "7days", "--json"]);
    let jobs = told["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 6, "the plan's first, then the own");
    let report = &jobs[5];
    assert_eq!(report["when"], "cron 0 30 2 * * * *, Europe/Amsterdam");
    let next = report["next"][0]["at"].as_str().unwrap();
    assert!(
        next.contains("T02:30:00+0") || next.contains("T03:00:00+0"),
        "{next}"
    );
    assert!(told["clock_changes"].is_u64() && told["changed"].is_array());
}

#[test]
fn more_than_an_exchange_allows_is_told_and_fails() {
    let busy = CRON.replace(
        "cron = \"30 2 * * *\"\nzone = \"Europe/Amsterdam\"",
        "every = \"1s\"",
    );
    let file = Scratch::file("jobs-busy.toml", busy.as_bytes());
    let said = run(&["jobs", "--config", file.path(), "--json"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err
            .contains("kraken would be asked 125 % of what it allows"),
        "{}",
        said.err
    );
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["feasible"], false);
    // And that is what a run of it is told as well.
    let said = run(&["run", "--config", file.path(), "--for", "1s"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err
            .contains("job \"report\": kraken would be asked 125 %"),
        "{}",
        said.err
    );
}

/// `rdm jobs`, `rdm run` and `rdm config check` agree about what an exchange bears.
#[test]
fn a_load_by_cron_by_followers_and_of_jobs_that_are_not_enabled_counts_as_it_does_for_a_run() {
    let when = "cron = \"30 2 * * *\"\nzone = \"Europe/Amsterdam\"";
    let every = |text: &str| CRON.replace(when, text);
    let follower = "\n[[jobs]]\nid = \"follower\"\nexchange = \"kraken\"\nkind = \"ticker\"\nsymbol = \"ETH/USD\"\non_success = [\"report\"]\n";
    for (text, percent) in [
        (every("cron = \"* * * * * *\""), Some(125)),
        (every("every = \"1s\"\nenabled = false"), Some(125)),
        (every("every = \"2s\"") + follower, Some(125)),
        (every("cron = \"*/2 * * * * *\""), None),
        (every("every = \"3s\"") + follower, None),
    ] {
        let file = Scratch::file("jobs-load.toml", text.as_bytes());
        let run_it = run(&["run", "--config", file.path(), "--for", "1ms"]);
        let jobs = run(&["jobs", "--config", file.path(), "--json", "--next", "1m"]);
        let told: Value = serde_json::from_str(&jobs.out).unwrap();
        let load = told["sources"]["kraken"]["load_percent"].as_f64().unwrap();
        match percent {
            Some(percent) => {
                let part = format!("kraken would be asked {percent} %");
                assert_eq!((run_it.code, jobs.code), (Some(2), Some(2)), "{text}");
                assert!(run_it.err.contains(&part), "{text}: {}", run_it.err);
                assert!(jobs.err.contains(&part), "{text}: {}", jobs.err);
                assert!((load - f64::from(percent)).abs() < 0.5, "{text}: {load}");
            }
            None => {
                assert_eq!(jobs.code, Some(0), "{text}: {}", jobs.err);
                assert!(!run_it.err.contains("would be asked"), "{}", run_it.err);
                assert!(load > 60.0, "{text}: {load}");
            }
        }
        assert_eq!(told["feasible"], percent.is_none(), "{text}");
    }
    let twice = every("every = \"1s\"").replace(
        "exchange = \"kraken\"",
        "exchanges = [\"kraken\", \"kraken\"]",
    );
    let file = Scratch::file("jobs-twice.toml", twice.as_bytes());
    let said = run(&["jobs", "--config", file.path()]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err
            .contains("jobs.report.exchanges = \"kraken\": it is there twice"),
        "{}",
        said.err
    );
}

#[test]
fn what_has_passed_is_told_as_the_run_at_once_that_it_is_and_a_group_as_each_of_its_exchanges() {
    let when = "cron = \"30 2 * * *\"\nzone = \"Europe/Amsterdam\"";
    let past = CRON.replace(when, "at = \"2020-01-01T00:00:00Z\"");
    let file = Scratch::file("jobs-past.toml", past.as_bytes());
    let told = json(&["jobs", "--config", file.path(), "--next", "1m", "--json"]);
    assert_eq!(
        (&told["runs"], &told["sources"]["kraken"]["runs"]),
        (&1.into(), &1.into())
    );
    let job = &told["jobs"][0];
    assert_eq!(job["next"][0]["at"], told["from"]);
    assert_eq!(
        job["when"],
        "at 2020-01-01T00:00:00Z, which has passed: once, at once"
    );

    let group = CRON.replace(when, "every = \"2s\"").replace(
        "exchange = \"kraken\"",
        "exchanges = [\"kraken\", \"binance\"]",
    );
    let group = format!("[exchanges.binance]\nquote_alias = {{ USD = \"USDT\" }}\n{group}");
    let file = Scratch::file("jobs-group.toml", group.as_bytes());
    let told = json(&["jobs", "--config", file.path(), "--next", "1h", "--json"]);
    for exchange in ["kraken", "binance"] {
        assert_eq!(told["sources"][exchange]["runs"], 900, "{exchange}");
    }
    // A ticker every 4 s is 31 % of what Kraken grants, and next to nothing of Binance.
    let load = |exchange: &str| told["sources"][exchange]["load_percent"].as_f64().unwrap();
    let (dear, cheap) = (load("kraken"), load("binance"));
    assert!((dear - 31.25).abs() < 0.01 && cheap < 1.0, "{dear} {cheap}");
    // Nothing comes due in a millisecond, and what each is asked is told all the same.
    let said = run(&["jobs", "--config", file.path(), "--next", "1ms"]);
    assert!(
        said.out.contains("1 public per 1s") && said.out.contains("6000 weight per 60s"),
        "{}",
        said.out
    );
}

#[test]
fn what_the_journal_knows_to_have_run_is_not_told_again_and_a_bad_journal_is_refused_by_all() {
    let sim = simulated("binance");
    let journal = Scratch::file("jobs-known.journal", b"");
    let text = format!(
        "journal = {:?}\nenvironment = \"simulated\"\n[quality]\nhistory = false\n[exchanges.binance]\nbase_url = \"{}\"\n[[jobs]]\nid = \"once\"\nexchange = \"binance\"\nkind = \"ticker\"\nsymbol = \"BTC/USDT\"\nat = \"2020-01-01T00:00:00Z\"\n",
        journal.path(),
        sim.url
    );
    let file = Scratch::file("jobs-known.toml", text.as_bytes());
    let outlook = || json(&["jobs", "--config", file.path(), "--next", "1m", "--json"]);
    let before = outlook();
    assert_eq!(before["runs"], 1);
    assert_eq!(before["jobs"][0]["next"].as_array().unwrap().len(), 1);
    assert_eq!(
        std::fs::read(journal.path()).unwrap(),
        b"",
        "it is only read"
    );
    let ran = run(&["run", "--config", file.path(), "--for", "1s"]);
    assert!(ran.out.contains("jobs due 1 = done 1 + "), "{ran:?}");
    let after = outlook();
    assert_eq!(after["runs"], 0);
    let job = &after["jobs"][0];
    assert_eq!(
        job["when"],
        "at 2020-01-01T00:00:00Z, which has passed: it has run"
    );
    assert!(job["next"].as_array().unwrap().is_empty());
    let again = run(&["run", "--config", file.path(), "--for", "300ms"]);
    assert!(again.out.contains("jobs due 0 = "), "{again:?}");

    let lost = text.replace("jobs-known.journal", "no-such-directory/x.journal");
    let full = text.replace(journal.path(), "/dev/full");
    for (text, named) in [(lost, "no-such-directory"), (full, "this is no file")] {
        let file = Scratch::file("jobs-no-journal.toml", text.as_bytes());
        for words in [
            ["config", "check"],
            ["jobs", "--config"],
            ["run", "--config"],
        ] {
            let said = run(&[words[0], words[1], file.path()]);
            assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
            assert!(said.err.contains(named), "{}", said.err);
        }
    }
}

#[test]
fn when_a_job_asks_and_how_long_it_may_take_is_told_with_what_is_added_to_it() {
    let told = json(&["jobs", "--plan", "default", "--json"]);
    let all = told["jobs"].as_array().unwrap();
    let of = |name: &str| all.iter().find(|job| job["name"] == name).unwrap();
    let scan = of("daily_comprehensive_kraken");
    assert_eq!(
        (&scan["timeout_ms"], &scan["escalated_ms"]),
        (&120_000.into(), &300_000.into())
    );
    let bars: Vec<&Value> = all.iter().filter(|job| job["kind"] == "candles").collect();
    let mut delays = std::collections::BTreeSet::new();
    for job in bars {
        assert!(job["escalated_ms"].is_null());
        let time = |key: &str| -> humantime::Timestamp {
            let text = job["next"][0][key].as_str().unwrap();
            text.replace("+00:00", "Z").parse().unwrap()
        };
        let delay = time("asks_at").duration_since(*time("at")).unwrap();
        assert!(
            delay.as_millis() >= 1_500 && delay.as_secs() <= 241,
            "{delay:?}"
        );
        delays.insert(delay);
    }
    assert!(delays.len() > 25, "spread over four minutes: {delays:?}");
    let said = run(&["jobs", "--plan", "default"]);
    assert!(said.out.contains("120 s, then 300 s"), "{}", said.out);
}

#[test]
fn a_config_is_called_ok_only_if_its_jobs_can_run() {
    let when = "cron = \"30 2 * * *\"\nzone = \"Europe/Amsterdam\"";
    for (instead, named) in [
        ("on_success = [\"report\"]", "in a circle: report → report"),
        ("on_success = [\"other\"]", "\"report\" waits for \"other\""),
        (
            "every = \"5s\"\nrate = 1",
            "rate = 1 a minute, and its runs ask 12",
        ),
        ("every = \"1ms\"", "kraken would be asked 125000 %"),
    ] {
        let file = Scratch::file("jobs-checked.toml", CRON.replace(when, instead).as_bytes());
        let checked = run(&["config", "check", file.path()]);
        let ran = run(&["run", "--config", file.path(), "--for", "1ms"]);
        assert_eq!(
            (checked.code, checked.out.as_str()),
            (Some(2), ""),
            "{instead}"
        );
        assert!(checked.err.contains(named), "{instead}: {}", checked.err);
        assert_eq!(checked.err, ran.err, "a run says the same");
    }
    let file = Scratch::file("jobs-checked.toml", CRON.as_bytes());
    assert_eq!(run(&["config", "check", file.path()]).code, Some(0));
    // One without jobs is good for all but to run it, and says so.
    let file = Scratch::file("jobs-checked.toml", b"[exchanges.kraken]\n");
    let checked = run(&["config", "check", file.path()]);
    assert_eq!(checked.code, Some(0));
    assert!(
        checked.out.contains("\nno jobs: rdm run has nothing to do"),
        "{}",
        checked.out
    );
}

#[test]
fn what_cannot_be_is_named_with_a_remedy() {
    let wrong = CRON.replace("30 2 * * *", "30 2 * *");
    let zone = CRON.replace("Europe/Amsterdam", "Europe/Atlantis");
    let plan = format!("plan = \"defualt\"\n{CRON}");
    for (text, named) in [
        (wrong, "jobs.report.cron = \"30 2 * *\""),
        (zone, "jobs.report.zone = \"Europe/Atlantis\""),
        (plan, "plan = \"defualt\": use one of default, seed-http"),
        ("[exchanges.kraken]\n".to_owned(), "nothing to run"),
    ] {
        let file = Scratch::file("jobs-wrong.toml", text.as_bytes());
        let said = run(&["jobs", "--config", file.path()]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(named), "{named}: {}", said.err);
    }
    for (args, named) in [
        (
            ["jobs", "--plan", "defualt"].as_slice(),
            "--plan: \"defualt\" is not valid; use one of default, seed-http",
        ),
        (
            ["jobs", "--next", "8days"].as_slice(),
            "--next: \"8days\" is not valid; use a time from 1ms to 7days",
        ),
        (
            ["jobs", "--plan", "default", "--config", "x"].as_slice(),
            "--plan has no meaning beside --config",
        ),
        (
            ["jobs", "--config", "no-such-file.toml"].as_slice(),
            "does not exist",
        ),
    ] {
        let said = run(args);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(named), "{named}: {}", said.err);
    }
}
