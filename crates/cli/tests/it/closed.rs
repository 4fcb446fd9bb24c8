//! A reader that goes away is no reason to panic or to run on.

use std::process::{Child, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::world::{first_line, rdm, rest_of_stderr, simulated};

fn piped(args: &[&str]) -> Child {
    rdm(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends well and says nothing of a panic.
fn calm(mut child: Child) {
    let code = child.wait().unwrap().code();
    let err = rest_of_stderr(&mut child);
    assert_eq!(code, Some(0), "{err}");
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn a_closed_output_does_not_make_fetch_or_help_panic() {
    let kraken = simulated("kraken");
    let fetch = [
        "fetch",
        "book",
        "kraken",
        "BTC/USD",
        "--json",
        "--base-url",
        &kraken.url,
    ];
    for args in [&fetch[..], &["--help"], &["sim", "--for", "50ms"]] {
        let mut child = piped(args);
        drop(child.stdout.take());
        calm(child);
    }
}

#[test]
fn the_demo_ends_when_nobody_reads_its_lines() {
    let begun = Instant::now();
    let mut child = piped(&["demo", "--for", "60s", "--faults", "none"]);
    let line = first_line(&mut child);
    assert!(line.starts_with("Simulated exchanges"), "{line}");
    calm(child);
    assert!(
        begun.elapsed() < Duration::from_secs(50),
        "{:?}",
        begun.elapsed()
    );
}
