//! The arrows between the crates: which may use which, and who may name which outside library.

use std::collections::BTreeSet;

use super::facts::Facts;
use crate::metadata::{Kind, Package, Workspace};

/// Every crate and the crates that it may use. A new arrow is a line here and a reason in the review;
/// `docs/architecture.md` says what each crate deliberately does not know. Dev-dependencies are free,
/// but for [`strangers`].
const ARROWS: &[(&str, &[&str])] = &[
    // Primitives: know neither markets nor HTTP nor each other.
    ("robust-backoff", &[]),
    ("robust-breaker", &[]),
    ("robust-limiter", &[]),
    ("robust-scheduler", &[]),
    ("robust-cache", &[]),
    ("robust-http", &[]),
    // The market: pure.
    ("robust-market", &[]),
    // backoff reads `Retry-After`, which is computing too: one reader for all who meet it.
    ("robust-connectors", &["robust-backoff", "robust-market"]),
    ("robust-quality", &["robust-market"]),
    // Simulated exchanges: share no code with the connectors.
    ("robust-sim", &["robust-market"]),
    // One exchange as a service.
    (
        "robust-source",
        &[
            "robust-backoff",
            "robust-breaker",
            "robust-connectors",
            "robust-http",
            "robust-limiter",
            "robust-market",
        ],
    ),
    // The facade.
    (
        "robust-data-manager",
        &[
            "robust-backoff",
            "robust-breaker",
            "robust-cache",
            "robust-connectors",
            "robust-http",
            "robust-limiter",
            "robust-market",
            "robust-quality",
            "robust-scheduler",
            "robust-source",
        ],
    ),
    // Programs.
    (
        "robust-data-manager-cli",
        &["robust-data-manager", "robust-market", "robust-sim"],
    ),
    (
        "robust-proof",
        &[
            "robust-backoff",
            "robust-breaker",
            "robust-connectors",
            "robust-data-manager",
            "robust-http",
            "robust-limiter",
            "robust-market",
            "robust-quality",
            "robust-scheduler",
            "robust-sim",
            "robust-source",
        ],
    ),
    // Only for tests: no crate may use these elsewhere.
    ("robust-recordings", &["robust-market"]),
    ("robust-testkit", &[]),
    ("xtask", &[]),
];

/// Two crates that must not share a bug: nothing of one may reach the other, not even its tests.
const STRANGERS: (&str, &str) = ("robust-connectors", "robust-sim");

/// Outside libraries with an owner: nobody else names them, so that they can be replaced in one place.
const OWNERS: &[(&str, &[&str])] = &[
    ("hyper", &["robust-http", "robust-sim"]),
    ("hyper-util", &["robust-http", "robust-sim"]),
    ("hyper-rustls", &["robust-http"]),
    ("rustls", &["robust-http"]),
    ("async-compression", &["robust-http"]),
    ("moka", &["robust-cache"]),
    ("clap", &["robust-data-manager-cli", "robust-proof"]),
    ("crossterm", &["robust-data-manager-cli"]),
    ("comfy-table", &["robust-data-manager-cli"]),
    (
        "anyhow",
        &["robust-data-manager-cli", "robust-proof", "xtask"],
    ),
];

/// Crates that compute and never wait: time is an argument, bytes come in and go out.
const PURE: &[&str] = &["robust-market", "robust-connectors", "robust-quality"];

/// What a pure crate may not use.
const IO: &[&str] = &[
    "tokio",
    "futures-util",
    "hyper",
    "hyper-util",
    "tower",
    "tower-service",
    "fastrand",
];

/// Every arrow is in the table, and the table speaks of crates that exist.
pub(crate) fn arrows(facts: &Facts) -> Vec<String> {
    check_arrows(&facts.workspace, ARROWS)
}

fn check_arrows(workspace: &Workspace, table: &[(&str, &[&str])]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in workspace.members() {
        let Some((_, allowed)) = table.iter().find(|(name, _)| *name == package.name) else {
            complaints.push(format!(
                "{} is not in the table of arrows (xtask/src/tidy/edges.rs)",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if dependency.kind != Kind::Dev
                && workspace.member(name).is_some()
                && !allowed.contains(&name)
            {
                complaints.push(format!(
                    "{} uses {name}: this arrow is not in the table (xtask/src/tidy/edges.rs)",
                    package.name
                ));
            }
        }
    }
    for (name, _) in table {
        if workspace.member(name).is_none() {
            complaints.push(format!("the table of arrows names {name}: no such crate"));
        }
    }
    complaints
}

/// The connectors and the simulated exchanges do not reach each other in any way.
pub(crate) fn strangers(facts: &Facts) -> Vec<String> {
    let (a, b) = STRANGERS;
    [(a, b), (b, a)]
        .into_iter()
        .filter(|(from, to)| reachable(&facts.workspace, from).contains(to))
        .map(|(from, to)| format!("{from} reaches {to}: they would share their bugs"))
        .collect()
}

/// Our crates that end up in the tests of `start`: its own arrows of any kind, then what those use.
fn reachable<'a>(workspace: &'a Workspace, start: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<(&str, bool)> = vec![(start, true)];
    while let Some((name, with_tests)) = open.pop() {
        let Some(package) = workspace.member(name) else {
            continue;
        };
        for dependency in &package.dependencies {
            let counts = with_tests || dependency.kind != Kind::Dev;
            if counts
                && workspace.member(&dependency.name).is_some()
                && found.insert(dependency.name.as_str())
            {
                open.push((&dependency.name, false));
            }
        }
    }
    found
}

/// An outside library with an owner is named by its owner alone.
pub(crate) fn owners(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (library, owners) in OWNERS {
        for package in users(&facts.workspace, library) {
            if !owners.contains(&package.name.as_str()) {
                complaints.push(format!(
                    "{} uses {library}, which belongs to {}",
                    package.name,
                    owners.join(" and ")
                ));
            }
        }
    }
    complaints
}

/// Pure crates use nothing that waits, speaks to a network or rolls dice.
pub(crate) fn purity(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for library in IO {
        for package in users(&facts.workspace, library) {
            if PURE.contains(&package.name.as_str()) {
                complaints.push(format!("{} is pure but uses {library}", package.name));
            }
        }
    }
    complaints
}

/// Our crates that use a library outside of their tests.
fn users<'a>(workspace: &'a Workspace, library: &'a str) -> impl Iterator<Item = &'a Package> {
    workspace.members().filter(move |package| {
        package
            .dependencies
            .iter()
            .any(|dependency| dependency.kind != Kind::Dev && dependency.name == library)
    })
}

#[cfg(test)]
mod tests {
    use super::{check_arrows, owners, purity, strangers};
    use crate::metadata::Kind;
    use crate::tidy::facts::Facts;
    use crate::tidy::facts::build::library;

    #[test]
    fn an_arrow_outside_the_table_is_named() {
        let facts = Facts::default().with(&[
            library("low"),
            library("side").on("low", Kind::Dev),
            library("high").on("low", Kind::Normal),
            library("odd").on("low", Kind::Build),
        ]);
        let table: &[(&str, &[&str])] = &[
            ("low", &[]),
            ("side", &[]),
            ("high", &["low"]),
            ("odd", &[]),
        ];
        let complaints = check_arrows(&facts.workspace, table);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("odd uses low"));
    }

    #[test]
    fn the_table_and_the_workspace_name_the_same_crates() {
        let facts = Facts::default().with(&[library("new")]);
        let complaints = check_arrows(&facts.workspace, &[("old", &[])]);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("new is not in the table"));
        assert!(complaints[1].contains("names old"));
    }

    #[test]
    fn strangers_may_not_meet_even_in_tests() {
        let apart = Facts::default().with(&[
            library("robust-market"),
            library("robust-connectors").on("robust-market", Kind::Normal),
            library("robust-sim").on("robust-market", Kind::Normal),
            // The manager tests both together: that is where they may meet.
            library("robust-data-manager")
                .on("robust-connectors", Kind::Normal)
                .on("robust-sim", Kind::Dev),
        ]);
        assert!(strangers(&apart).is_empty());

        let through_a_test = Facts::default().with(&[
            library("robust-connectors"),
            library("robust-source").on("robust-connectors", Kind::Normal),
            library("robust-sim").on("robust-source", Kind::Dev),
        ]);
        assert_eq!(
            strangers(&through_a_test),
            ["robust-sim reaches robust-connectors: they would share their bugs"]
        );
    }

    #[test]
    fn an_owned_library_has_one_user() {
        let facts = Facts::default().with(&[
            library("robust-cache").on("moka", Kind::Normal),
            library("robust-source").on("moka", Kind::Normal),
            library("robust-limiter").on("hyper", Kind::Dev),
        ]);
        assert_eq!(
            owners(&facts),
            ["robust-source uses moka, which belongs to robust-cache"]
        );
    }

    #[test]
    fn a_pure_crate_does_not_wait() {
        let facts = Facts::default().with(&[
            library("robust-quality").on("tokio", Kind::Normal),
            library("robust-market").on("tokio", Kind::Dev),
            library("robust-cache").on("tokio", Kind::Normal),
        ]);
        assert_eq!(purity(&facts), ["robust-quality is pure but uses tokio"]);
    }
}
