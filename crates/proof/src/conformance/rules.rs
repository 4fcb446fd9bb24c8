//! Deliberate differences from the recorded expectations, each a rule with its reason; the same table as `docs/conformance.md`.

/// When a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always: the field is no fact of the wire.
    Always,
    /// The wire does not hold this key, so the expectation derived the value.
    WireLacks(&'static str),
    /// The connector gives nothing, and the expectation repeats the page's cursor.
    IsCursor,
    /// The parameter is sent with a value at most one bar away.
    WithinOneBar,
    /// The expectation sends the parameter, the connector does not.
    NotSent,
}

/// One deliberate difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The exchange; `*` for all.
    pub exchange: &'static str,
    /// The family of cases.
    pub family: &'static str,
    /// The method and field, such as `fetchTicker.open`.
    pub field: &'static str,
    /// When it applies.
    pub when: When,
    /// Why.
    pub reason: &'static str,
}

const fn rule(
    exchange: &'static str,
    family: &'static str,
    field: &'static str,
    when: When,
    reason: &'static str,
) -> Rule {
    Rule {
        exchange,
        family,
        field,
        when,
        reason,
    }
}

/// Every deliberate difference.
pub const RULES: &[Rule] = &[
    rule(
        "kraken",
        "rest_response",
        "ticker.open",
        When::Always,
        "the wire's `o` is the open of the UTC day, the other fields cover 24 hours",
    ),
    rule(
        "kraken",
        "rest_response",
        "ticker.change",
        When::Always,
        "computed from the open of the UTC day, not on the wire",
    ),
    rule(
        "kraken",
        "rest_response",
        "ticker.quoteVolume",
        When::Always,
        "computed as volume times average price, not on the wire",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.change",
        When::WireLacks("priceChange"),
        "computed where the wire has none",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.vwap",
        When::WireLacks("weightedAvgPrice"),
        "computed where the wire has none",
    ),
    rule(
        "kraken",
        "rest_response",
        "trade.id",
        When::IsCursor,
        "a row without an id has none; the page's cursor is not the id of its last trade",
    ),
    rule(
        "kraken",
        "*",
        "market.baseId",
        When::Always,
        "the expectation holds the unified code; ours is the exchange's own (`XXBT`)",
    ),
    rule(
        "kraken",
        "*",
        "market.quoteId",
        When::Always,
        "the expectation holds the unified code; ours is the exchange's own (`ZUSD`)",
    ),
    rule(
        "kraken",
        "*",
        "market.active",
        When::WireLacks("status"),
        "old rows do not say whether a pair trades: unknown, not inactive",
    ),
    rule(
        "binance",
        "*",
        "market.taker",
        When::Always,
        "fees depend on the account and are not in the answer",
    ),
    rule(
        "binance",
        "*",
        "market.maker",
        When::Always,
        "fees depend on the account and are not in the answer",
    ),
    rule(
        "kraken",
        "rest_request",
        "fetchOHLCV.since",
        When::WithinOneBar,
        "`since` is exclusive and rows before it are left out by the decoder, so a cursor up to one bar earlier asks for the same rows",
    ),
    rule(
        "binance",
        "rest_request",
        "fetchTrades.endTime",
        When::NotSent,
        "`startTime` alone is documented to be enough; an end an hour later is the expectation's own choice",
    ),
];

/// The rule for a field, if there is one.
pub(super) fn find(exchange: &str, family: &str, field: &str) -> Option<&'static Rule> {
    let is = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    RULES
        .iter()
        .find(|rule| is(rule.exchange, exchange) && is(rule.family, family) && rule.field == field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_holds_every_rule() {
        let document = include_str!("../../../../docs/conformance.md");
        for rule in RULES {
            let row = format!(
                "| {} | {} | `{}` | {} |",
                rule.exchange, rule.family, rule.field, rule.reason
            );
            assert!(document.contains(&row), "{row}");
        }
        let rows = document
            .lines()
            .filter(|line| line.starts_with("| kraken |") || line.starts_with("| binance |"))
            .count();
        assert_eq!(rows, RULES.len());
    }
}
