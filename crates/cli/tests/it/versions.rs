//! What wants to be a sample of the exchange format, and is of another version or only half of one.

use crate::validate::{TICKER, judged};

#[test]
fn a_sample_of_another_version_or_half_of_one_is_named_with_field_value_and_remedy() {
    let kraken = ["--kind", "ticker", "--exchange", "kraken"];
    let table: Vec<(&str, String, &[&str])> = vec![
        (
            "v9",
            "{\"v\":9}".into(),
            &["v is \"9\"", "reads version 1", "write the sample anew"],
        ),
        (
            "v-text",
            "{\"v\":\"\\u001b[31m1\",\"data\":{}}".into(),
            &["v is \"\\u{1b}[31m1\"", "reads version 1"],
        ),
        (
            "v9-line",
            format!("{}\n{{\"v\":9}}\n", TICKER.replace('\n', "")),
            &["line 2: v is \"9\"", "reads version 1"],
        ),
        (
            "no-data",
            "{\"v\":1}".into(),
            &["data is missing", "rdm fetch --json"],
        ),
        (
            "data-list",
            "{\"v\":1,\"data\":[7]}".into(),
            &["data is \"[7]\", which is no object", "rdm fetch --json"],
        ),
        (
            "kind-null",
            TICKER.replace("\"kind\":\"ticker\"", "\"kind\":null"),
            &["kind is \"null\", which is no name", "write \"ticker\""],
        ),
    ];
    for (name, text, parts) in table {
        let said = judged(name, &text, &kraken);
        assert_eq!(
            (said.code, said.out.as_str(), said.err.lines().count()),
            (Some(2), "", 1),
            "{name}: {said:?}"
        );
        assert!(said.err.starts_with("rdm: file \"FILE\""), "{}", said.err);
        for part in parts {
            assert!(said.err.contains(part), "{name}: {} lacks {part}", said.err);
        }
    }
}
