//! Bad input: one clear line that names field, value and remedy, exit code 2, nothing half-started.

use std::net::TcpListener;

use crate::world::{Said, Scratch, rdm, run, simulated};

/// One line, nothing on standard output.
fn refused(said: &Said, code: i32, about: &str) -> String {
    assert_eq!(said.code, Some(code), "{about}: {said:?}");
    assert_eq!(said.out, "", "{about}");
    let mut lines = said.err.lines();
    let line = lines.next().unwrap_or_default();
    assert_eq!(lines.next(), None, "{about}: {}", said.err);
    assert!(line.starts_with("rdm: "), "{about}: {line}");
    assert!(!line.chars().any(char::is_control), "{about}: {line}");
    assert!(line.chars().count() < 520, "{about}: {line}");
    line.to_owned()
}

fn refuses(args: &[&str], parts: &[&str]) {
    let about = format!("{:.200}", args.join(" "));
    let line = refused(&run(args), 2, &about);
    for part in parts {
        assert!(line.contains(part), "{about}: {line} lacks {part}");
    }
}

#[test]
fn bad_arguments_are_refused_with_field_value_and_remedy() {
    let long = "X".repeat(20_000);
    let ticker =
        |last: &'static [&'static str]| [&["fetch", "ticker", "kraken", "BTC/USD"], last].concat();
    let table: &[(&[&str], &[&str])] = &[
        // Names.
        (
            &["fetch", "ticker", "krakn", "BTC/USD"],
            &["exchange \"krakn\"", "did you mean kraken?"],
        ),
        (
            &["fetch", "ticker", "KRAKEN", "BTC/USD"],
            &["EXCHANGE", "\"KRAKEN\"", "lower-case"],
        ),
        (
            &["fetch", "ticker", "kra\u{1b}[31mken", "BTC/USD"],
            &["EXCHANGE", "\\u{1b}[31m"],
        ),
        (
            &["fetch", "ticker", "kraken", "BTCUSD"],
            &["SYMBOL", "\"BTCUSD\"", "BASE/QUOTE"],
        ),
        (
            &["fetch", "ticker", "kraken", "BTC/"],
            &["SYMBOL", "\"BTC/\"", "BASE/QUOTE"],
        ),
        (
            &["fetch", "ticker", "kraken", "BTC\n/USD"],
            &["SYMBOL", "\\n", "BASE/QUOTE"],
        ),
        (
            &["fetch", "ticker", "kraken", &long],
            &["SYMBOL", "XXX…", "BASE/QUOTE"],
        ),
        (
            &["fetch", "ticker", "kraken"],
            &["SYMBOL is missing", "BTC/USD"],
        ),
        (
            &["fetch", "instruments", "kraken", "BTC/USD"],
            &["SYMBOL", "BTC/USD", "leave it away"],
        ),
        (
            &["fetch", "tickr", "kraken", "BTC/USD"],
            &["WHAT", "tickr", "did you mean ticker?"],
        ),
        (&["fetch", "ticker"], &["EXCHANGE", "missing"]),
        (&["ftch"], &["\"ftch\"", "did you mean fetch?"]),
        (&["demo", "--sed", "1"], &["--sed", "did you mean --seed?"]),
        // Numbers and times.
        (
            &["fetch", "trades", "kraken", "BTC/USD", "--limit", "-5"],
            &["--limit", "\"-5\"", "from 1"],
        ),
        (
            &["fetch", "trades", "kraken", "BTC/USD", "--limit", "0"],
            &["--limit", "\"0\"", "from 1"],
        ),
        (
            &[
                "fetch",
                "trades",
                "kraken",
                "BTC/USD",
                "--limit",
                "99999999999",
            ],
            &["--limit", "from 1 to 4294967295"],
        ),
        (
            &ticker(&["--limit", "5"]),
            &["--limit", "\"5\"", "leave it away"],
        ),
        (
            &ticker(&["--interval", "1m"]),
            &["--interval", "\"1m\"", "leave it away"],
        ),
        (
            &ticker(&["--timeout", "-1s"]),
            &["--timeout", "\"-1s\"", "such as 500ms"],
        ),
        (
            &ticker(&["--timeout", "0s"]),
            &["--timeout", "\"0s\"", "1ms to 7days"],
        ),
        (
            &["fetch", "candles", "kraken", "BTC/USD", "--interval", "-1m"],
            &["--interval", "\"-1m\"", "1m"],
        ),
        (
            &["demo", "--for", "0s"],
            &["--for", "\"0s\"", "1ms to 7days"],
        ),
        (&["demo", "--for", "999999days"], &["--for", "1ms to 7days"]),
        (
            &["demo", "--for", "-5s"],
            &["--for", "\"-5s\"", "such as 500ms"],
        ),
        (&["demo", "--seed", "-1"], &["--seed", "\"-1\"", "from 0"]),
        (
            &["demo", "--seed", "99999999999999999999999"],
            &["--seed", "from 0"],
        ),
        // Addresses.
        (
            &ticker(&["--base-url", "localhost:1"]),
            &["--base-url", "\"localhost:1\"", "no scheme", "https://HOST"],
        ),
        (
            &ticker(&["--base-url", ""]),
            &["--base-url", "\"\"", "https://HOST"],
        ),
        (
            &ticker(&["--base-url", "ftp://example.com"]),
            &["--base-url", "ftp", "https://HOST"],
        ),
        (
            &ticker(&["--base-url", "http://127.0.0.1:1/path"]),
            &["--base-url", "has a path"],
        ),
        (
            &ticker(&["--base-url", "http://127.0.0.1:99999"]),
            &["--base-url", "port from 1 to 65535"],
        ),
        (
            &ticker(&["--base-url", "http://me:hunter2@127.0.0.1:1"]),
            &["--base-url", "a password", "https://HOST"],
        ),
        (
            &["sim", "--listen", "0.0.0.0:0"],
            &["--listen", "0.0.0.0:0", "127.0.0.1"],
        ),
        (
            &["sim", "--listen", "192.0.2.1:9000"],
            &["--listen", "192.0.2.1:9000", "127.0.0.1"],
        ),
        (
            &["sim", "--listen", "127.0.0.1"],
            &["--listen", "\"127.0.0.1\"", "such as 127.0.0.1:8080"],
        ),
        (
            &["sim", "--listen", "127.0.0.1:65536"],
            &["--listen", "such as 127.0.0.1:8080"],
        ),
        (
            &["sim", "--listen", "127.0.0.1:65535"],
            &["--listen", "127.0.0.1:65535", "use a lower one"],
        ),
        (
            &["sim", "--exchange", "krakn"],
            &["--exchange", "krakn", "use kraken"],
        ),
        (
            &["sim", "--exchange", "kraken,kraken"],
            &["--exchange", "twice", "leave one away"],
        ),
        (
            &["sim", "--exchange", ""],
            &["--exchange", "\"\"", "kraken or binance"],
        ),
        // Faults.
        (
            &["demo", "--faults", "kraken=hung"],
            &["--faults", "\"hung\"", "use refuse"],
        ),
        (
            &["demo", "--faults", "kraken="],
            &["--faults", "\"\"", "use refuse"],
        ),
        (
            &["demo", "--faults", "=hang"],
            &["--faults", "exchange \"\"", "kraken"],
        ),
        (
            &["demo", "--faults", "kraken"],
            &["--faults", "\"kraken\"", "EXCHANGE=FAULT"],
        ),
        (&["demo", "--faults", "kraken=418"], &["--faults", "418:20"]),
        (
            &["demo", "--faults", "kraken=418:-1"],
            &["--faults", "\"418:-1\"", "Retry-After"],
        ),
        (
            &["demo", "--faults", "kraken=latency:9y"],
            &["--faults", "latency:9y", "up to 1h"],
        ),
        (
            &["demo", "--faults", "coinbase=hang"],
            &["--faults", "\"coinbase\"", "kraken or binance"],
        ),
        (
            &["sim", "--exchange", "kraken", "--faults", "binance=hang"],
            &["--faults", "\"binance\"", "use kraken"],
        ),
        (
            &["demo", "--faults", "kraken=hang,kraken=html"],
            &["--faults", "kraken is named twice", "TOML"],
        ),
        (
            &["demo", "--faults", "random,none"],
            &["--faults", "\"random,none\"", "random, none"],
        ),
        (&["demo", "--faults", ""], &["--faults", "random, none"]),
        (
            &["demo", "--faults", "no/such/file.toml"],
            &["--faults", "no/such/file.toml", "write random"],
        ),
        (
            &["demo", "--faults", "."],
            &["--faults", "is a directory", "TOML"],
        ),
        // Files.
        (
            &["config", "check", "no/such/file.toml"],
            &["config", "no/such/file.toml", "check its name"],
        ),
        (
            &["config", "check", "."],
            &["config", "is a directory", "TOML"],
        ),
        (
            &ticker(&["--config", "no/such/file.toml"]),
            &["--config", "no/such/file.toml", "check its name"],
        ),
    ];
    for (args, parts) in table {
        refuses(args, parts);
    }
}

#[test]
fn what_the_exchange_does_not_have_is_refused_with_what_it_has_and_nothing_is_sent() {
    let (kraken, binance) = (simulated("kraken"), simulated("binance"));
    for (exchange, words, parts) in [
        (
            &kraken,
            ["book", "kraken", "BTC/USD", "--limit", "100000"],
            ["depth 100000", "use 1 to 500"],
        ),
        (
            &binance,
            ["book", "binance", "BTC/USDT", "--limit", "100000"],
            ["depth 100000", "use 1 to 5000"],
        ),
        (
            &kraken,
            ["candles", "kraken", "BTC/USD", "--interval", "7m"],
            ["interval \"7m\"", "it has 1m"],
        ),
    ] {
        let line = refused(&exchange.fetch(&words), 2, &words.join(" "));
        for part in parts {
            assert!(line.contains(part), "{words:?}: {line}");
        }
        assert_eq!(exchange.sim.stats().requests, 0, "{words:?}");
    }
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    let said = run(&[
        "fetch",
        "ticker",
        "kraken",
        "BTC/USD",
        "--base-url",
        "http://me:hunter2@x",
    ]);
    assert!(!said.err.contains("hunter2"), "{}", said.err);
}

#[test]
fn bad_files_are_refused_with_name_line_and_remedy() {
    let huge = "# filler\n".repeat(300_000);
    let table: &[(&str, &[u8], &[&str])] = &[
        (
            "key.toml",
            b"[exchanges.kraken]\ntimeuot = \"5s\"",
            &["line 2", "\"timeuot\"", "did you mean timeout?"],
        ),
        (
            "table.toml",
            b"[exchange.kraken]",
            &["line 1", "\"exchange\"", "did you mean exchanges?"],
        ),
        (
            "negative.toml",
            b"[exchanges.kraken]\nretries = -1",
            &["line 2", "-1"],
        ),
        (
            "absurd.toml",
            b"[exchanges.kraken]\nretries = 5000",
            &["exchanges.kraken.retries = 5000", "use 0 to 20"],
        ),
        (
            "time.toml",
            b"[exchanges.kraken]\ntimeout = \"-5s\"",
            &["line 2"],
        ),
        (
            "preset.toml",
            b"[exchanges.kraken]\npreset = \"agressive\"",
            &["line 2", "did you mean aggressive?"],
        ),
        (
            "name.toml",
            b"[exchanges.krakn]\n",
            &["exchange \"krakn\"", "did you mean kraken?"],
        ),
        ("toml.toml", b"what is this", &["line 1"]),
        ("bytes.toml", b"\xff\xfe\x00", &["no UTF-8", "TOML"]),
        ("huge.toml", huge.as_bytes(), &["larger than 1 MiB", "TOML"]),
    ];
    for (name, bytes, parts) in table {
        let file = Scratch::file(name, bytes);
        refuses(
            &["config", "check", file.path()],
            &[&[*name], *parts].concat(),
        );
    }
    let table: &[(&str, &[u8], &[&str])] = &[
        (
            "fault.toml",
            b"\nkraken = \"hnag\"",
            &["line 2", "hnag", "use refuse"],
        ),
        (
            "entry.toml",
            b"[[fault]]\nexchange = \"kraken\"\nkind = \"hang\"\nwhen = \"1s\"",
            &["line 4", "when", "at"],
        ),
        (
            "soon.toml",
            b"[[fault]]\nexchange = \"kraken\"\nkind = \"hang\"\nat = \"soon\"",
            &["line 4", "soon", "5s"],
        ),
        (
            "other.toml",
            b"coinbase = \"hang\"",
            &["\"coinbase\"", "kraken or binance"],
        ),
        ("noise.toml", b"\xff\xfe\x00", &["no UTF-8", "TOML"]),
    ];
    for (name, bytes, parts) in table {
        let file = Scratch::file(name, bytes);
        refuses(
            &["sim", "--faults", file.path()],
            &[&["--faults"], *parts].concat(),
        );
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_or_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    refuses(&["config", "check", "/dev/zero"], &["larger than 1 MiB"]);
    let file = Scratch::file("secret.toml", b"");
    std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if std::fs::File::open(file.path()).is_err() {
        refuses(
            &["config", "check", file.path()],
            &["may not be read", "permissions"],
        );
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let bad = std::ffi::OsStr::from_bytes(b"BTC/\xff");
    let said = rdm(&["fetch", "ticker", "kraken"])
        .arg(bad)
        .output()
        .unwrap();
    refused(&said.into(), 2, "BTC/\\xff");
}

#[test]
fn an_occupied_port_is_named_and_nothing_is_started() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    refuses(
        &["sim", "--listen", &address],
        &["--listen", &address, "in use", "port 0"],
    );
    // The second of two exchanges finds its port taken: the first one must not go on alone.
    let below = format!("127.0.0.1:{}", port - 1);
    refuses(
        &["sim", "--listen", &below],
        &["--listen", "in use", "port 0"],
    );
}

#[test]
fn without_a_command_the_help_is_an_error_and_with_help_it_is_none() {
    let said = run(&[]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("Usage:") && said.out.is_empty(),
        "{said:?}"
    );
    let said = run(&["--help"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("Exit codes: 0 ok"), "{said:?}");
    assert_eq!(run(&["--version"]).code, Some(0));
}

#[test]
fn a_good_config_prints_the_settings_in_force() {
    let file = Scratch::file(
        "good.toml",
        b"[exchanges.kraken]\npreset = \"conservative\"\n[exchanges.binance]\nquote_alias = { USD = \"USDT\" }",
    );
    let said = run(&["config", "check", file.path()]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for part in [
        "[exchanges.kraken]",
        "requests_per_minute = 30",
        "retries = 5",
        "USD is answered with USDT",
    ] {
        assert!(said.out.contains(part), "{}", said.out);
    }
}

#[test]
fn every_command_shows_an_example_in_its_help() {
    for words in [
        &[][..],
        &["demo"],
        &["run"],
        &["fetch"],
        &["doctor"],
        &["sim"],
        &["config", "check"],
    ] {
        let mut line = words.to_vec();
        line.push("--help");
        let said = run(&line);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{words:?}");
        let (_, examples) = said.out.split_once("\nExample").unwrap();
        let command = format!("  rdm {}", words.join(" "));
        assert!(examples.contains(command.trim_end()), "{}", said.out);
        assert!(said.out.contains("xit code") || words == ["sim"] || words == ["fetch"]);
    }
}

#[test]
fn the_config_file_in_the_help_is_a_good_one() {
    let help = run(&["run", "--help"]).out;
    let (_, rest) = help.split_once("with engine.toml:\n").unwrap();
    let (text, _) = rest.split_once("\nExit code").unwrap();
    let file = Scratch::file("help.toml", text.as_bytes());
    let said = run(&["config", "check", file.path()]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{text}");
    assert!(said.out.contains("majors"), "{}", said.out);
}
