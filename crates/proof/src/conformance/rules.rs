//! Deliberate differences from the recorded expectations, each a rule with its reason; the same table as `docs/conformance.md`.

mod kraken_binance;
mod kucoin_htx;

use kraken_binance::KRAKEN_BINANCE;
use kucoin_htx::KUCOIN_HTX;

/// When a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always: the field is no fact of the wire.
    Always,
    /// The wire does not hold this key, so the expectation derived the value.
    WireLacks(&'static str),
    /// The connector gives nothing, because it would have to be computed.
    NotGiven,
    /// The connector gives what the expectation has not.
    OnlyOurs,
    /// The connector gives nothing, and the expectation repeats the page's cursor.
    IsCursor,
    /// The wire's price is zero; the expectation has none, or one computed from the change.
    ZeroPrice,
    /// The connector keeps the wire's letters, the expectation has them in capitals.
    Capitals,
    /// The connector gives the step that the row states under the first key, the expectation the one that follows from the number of
    /// decimals under the second.
    StatedStep(&'static str, &'static str),
    /// The pair is in no table and the connector notes it.
    Unlisted,
    /// The parameter is sent with a value at most one bar away.
    WithinOneBar,
    /// The parameter is sent as the nanosecond before the time asked for, the expectation's is its second.
    FinerThanSeconds,
    /// The expectation sends the parameter, the connector does not.
    NotSent,
    /// The expectation does not send the pairs that are asked for, the connector does.
    OnlyAsked,
    /// The connector sends each pair that is asked for once; the expectation sends some, or some twice.
    EachAskedOnce,
    /// The question has a start; the connector asks for as many rows as reach it.
    ReachesStart,
    /// The start is further back than the exchange answers, and the connector refuses it.
    OutOfReach,
    /// The wire has null under this key, the connector nothing, and the expectation computes it.
    Null(&'static str),
    /// The argument is above this number and the connector refuses it.
    RefusedAbove(u32),
    /// The argument has this value and the connector refuses it.
    Refused(&'static str),
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
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    KRAKEN_BINANCE.iter().chain(KUCOIN_HTX)
}

/// The rule for a field, if there is one.
pub(super) fn find(exchange: &str, family: &str, field: &str) -> Option<&'static Rule> {
    let is = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    rules()
        .find(|rule| is(rule.exchange, exchange) && is(rule.family, family) && rule.field == field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_holds_every_rule() {
        let document = include_str!("../../../../docs/conformance.md");
        for rule in rules() {
            let row = format!(
                "| {} | {} | `{}` | {} |",
                rule.exchange, rule.family, rule.field, rule.reason
            );
            assert!(document.contains(&row), "{row}");
        }
        let rows = document
            .lines()
            .filter(|line| {
                ["kraken", "binance", "kucoin", "htx"]
                    .iter()
                    .any(|exchange| line.starts_with(&format!("| {exchange} |")))
            })
            .count();
        assert_eq!(rows, rules().count());
    }
}
