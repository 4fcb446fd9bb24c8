//! The licences that we may ship, and the packages that must never come in.

use super::facts::Facts;

/// Permissive licences; `deny.toml` holds the same list for cargo-deny.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    // The root certificates of webpki-roots.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    // The tables of unicode-ident.
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// A second TLS stack, or one that needs a system library or cmake: rustls with ring is ours.
const BANNED: &[&str] = &["openssl-sys", "native-tls", "aws-lc-sys", "aws-lc-rs"];

/// Every package of the lock file, on any platform, is under a licence of the list.
pub(crate) fn allowed(facts: &Facts) -> Vec<String> {
    facts
        .workspace
        .packages
        .iter()
        .filter_map(|package| {
            let name = format!("{} {}", package.name, package.version);
            match &package.license {
                None => Some(format!("{name} states no licence")),
                Some(expression) => match holds(expression) {
                    Some(true) => None,
                    Some(false) => Some(format!(
                        "{name}: {expression} is not on the list (xtask/src/tidy/licences.rs)"
                    )),
                    None => Some(format!("{name}: cannot read the licence `{expression}`")),
                },
            }
        })
        .collect()
}

/// No banned package is in the lock file.
pub(crate) fn banned(facts: &Facts) -> Vec<String> {
    facts
        .workspace
        .packages
        .iter()
        .filter(|package| BANNED.contains(&package.name.as_str()))
        .map(|package| format!("{} {} is banned", package.name, package.version))
        .collect()
}

/// Can we choose allowed licences so that this SPDX expression is met? `None`: not an expression.
fn holds(expression: &str) -> Option<bool> {
    // Older manifests write `MIT/Apache-2.0` for `MIT OR Apache-2.0`.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let value = any_of(&mut words)?;
    words.next().is_none().then_some(value)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// `a OR b OR c`: weakest binding.
fn any_of(words: &mut Words<'_>) -> Option<bool> {
    let mut value = all_of(words)?;
    while words.next_if_eq(&"OR").is_some() {
        value |= all_of(words)?;
    }
    Some(value)
}

/// `a AND b AND c`.
fn all_of(words: &mut Words<'_>) -> Option<bool> {
    let mut value = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        value &= one(words)?;
    }
    Some(value)
}

/// A licence with its exception, or an expression in parentheses.
fn one(words: &mut Words<'_>) -> Option<bool> {
    let first = words.next()?;
    if first == "(" {
        let value = any_of(words)?;
        return (words.next()? == ")").then_some(value);
    }
    if matches!(first, ")" | "OR" | "AND" | "WITH") {
        return None;
    }
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next()?;
        return Some(ALLOWED.contains(&format!("{first} WITH {exception}").as_str()));
    }
    Some(ALLOWED.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, allowed, banned, holds};
    use crate::cargo::root;
    use crate::metadata::Package;
    use crate::tidy::facts::Facts;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let table = [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("MIT OR GPL-3.0", Some(true)),
            ("MIT AND GPL-3.0", Some(false)),
            ("MIT/Apache-2.0", Some(true)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("Apache-2.0 WITH Classpath-exception-2.0", Some(false)),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true)),
            ("(MIT OR Apache-2.0) AND LGPL-2.1-or-later", Some(false)),
            // AND binds tighter than OR.
            ("MIT OR GPL-3.0 AND GPL-2.0", Some(true)),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT Apache-2.0", None),
            ("", None),
        ];
        for (expression, expected) in table {
            assert_eq!(holds(expression), expected, "{expression}");
        }
    }

    #[test]
    fn a_package_without_an_allowed_licence_is_named() {
        let package = |name: &str, license: Option<&str>| Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            ..Package::default()
        };
        let facts = Facts::default().with(&[
            package("good", Some("MIT")),
            package("silent", None),
            package("copyleft", Some("AGPL-3.0")),
            package("openssl-sys", Some("MIT")),
        ]);
        let complaints = allowed(&facts);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("silent 1.0.0"));
        assert!(complaints[1].starts_with("copyleft 1.0.0"));
        assert_eq!(banned(&facts), ["openssl-sys 1.0.0 is banned"]);
    }

    #[test]
    fn cargo_deny_has_the_same_lists() {
        let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
        for name in ALLOWED.iter().chain(super::BANNED) {
            assert!(deny.contains(&format!("\"{name}\"")), "{name} is missing");
        }
    }
}
