//! Deliberate differences from the recorded expectations, each a rule with its reason; the same table as `docs/conformance.md`.

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
    rule(
        "kraken",
        "rest_response",
        "ticker.last",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kraken",
        "rest_response",
        "ticker.bid",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kraken",
        "rest_response",
        "ticker.ask",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kraken",
        "rest_response",
        "ticker.high",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kraken",
        "rest_response",
        "ticker.low",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.last",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as none, or computes one from the change",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.bid",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.ask",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.high",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.low",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.open",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as none, or computes one from the change",
    ),
    rule(
        "binance",
        "rest_response",
        "ticker.price",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kraken",
        "rest_response",
        "tickers.unlisted",
        When::Unlisted,
        "a pair that is in no table is left out and noted; the expectation shows it under the exchange's own name",
    ),
    rule(
        "binance",
        "rest_response",
        "tickers.unlisted",
        When::Unlisted,
        "a pair that is in no table is left out and noted; the expectation shows it under the exchange's own name",
    ),
    rule(
        "kraken",
        "*",
        "market.symbol",
        When::Capitals,
        "codes keep the exchange's letters (`AAPLx`); the expectation has capitals",
    ),
    rule(
        "kraken",
        "*",
        "market.base",
        When::Capitals,
        "codes keep the exchange's letters (`AAPLx`); the expectation has capitals",
    ),
    rule(
        "kraken",
        "*",
        "market.quote",
        When::Capitals,
        "codes keep the exchange's letters (`AAPLx`); the expectation has capitals",
    ),
    rule(
        "kraken",
        "*",
        "currency.code",
        When::Capitals,
        "codes keep the exchange's letters (`AAPLx`); the expectation has capitals",
    ),
    rule(
        "kraken",
        "*",
        "symbol",
        When::Capitals,
        "codes keep the exchange's letters (`AAPLx`); the expectation has capitals",
    ),
    rule(
        "kraken",
        "*",
        "market.precision.price",
        When::StatedStep("tick_size", "pair_decimals"),
        "`tick_size` is the step that the exchange states; the expectation counts decimals",
    ),
    rule(
        "kraken",
        "rest_response",
        "currency.active",
        When::WireLacks("status"),
        "old rows do not say whether a currency can be moved: unknown, not inactive",
    ),
    rule(
        "kraken",
        "rest_request",
        "fetchTrades.since",
        When::FinerThanSeconds,
        "a time between two seconds is sent as the exchange's nanosecond cursor; the expectation cuts it to the second",
    ),
    rule(
        "kraken",
        "rest_request",
        "fetchTickers.pair",
        When::EachAskedOnce,
        "every pair that is asked for is sent; the expectation leaves out those whose old row does not say that they trade",
    ),
    rule(
        "binance",
        "rest_request",
        "fetchTickers.symbols",
        When::EachAskedOnce,
        "the exchange refuses a list that names a pair twice",
    ),
    rule(
        "binance",
        "rest_request",
        "fetchBidsAsks.symbols",
        When::EachAskedOnce,
        "the exchange refuses a list that names a pair twice",
    ),
    rule(
        "binance",
        "rest_request",
        "fetchLastPrices.symbols",
        When::OnlyAsked,
        "the exchange takes the pairs that are asked for; the expectation asks for all and picks",
    ),
    rule(
        "kraken",
        "rest_request",
        "fetchOHLCV.limit",
        When::RefusedAbove(720),
        "more than 720 is refused before anything is sent, with the range; the expectation sends it or cuts it unseen",
    ),
    rule(
        "kraken",
        "rest_request",
        "fetchTrades.limit",
        When::RefusedAbove(1_000),
        "more than 1,000 is refused before anything is sent, with the range; the expectation sends it or cuts it unseen",
    ),
    rule(
        "kraken",
        "rest_request",
        "fetchOrderBook.limit",
        When::RefusedAbove(500),
        "more than 500 is refused before anything is sent, with the range; the expectation sends it or cuts it unseen",
    ),
    rule(
        "binance",
        "rest_request",
        "fetchOHLCV.limit",
        When::RefusedAbove(1_000),
        "more than 1,000 is refused before anything is sent, with the range; the expectation sends it or cuts it unseen",
    ),
    rule(
        "binance",
        "rest_request",
        "fetchTrades.limit",
        When::RefusedAbove(1_000),
        "more than 1,000 is refused before anything is sent, with the range; the expectation sends it or cuts it unseen",
    ),
    rule(
        "binance",
        "rest_request",
        "fetchOrderBook.limit",
        When::RefusedAbove(5_000),
        "more than 5,000 is refused before anything is sent, with the range; the expectation sends it or cuts it unseen",
    ),
    rule(
        "kraken",
        "rest_request",
        "fetchOHLCV.timeframe",
        When::Refused("2w"),
        "the longest bars of the exchange are of 15 days; the expectation calls them two weeks",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.open",
        When::NotGiven,
        "not on the wire; the expectation computes it from the change",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.vwap",
        When::NotGiven,
        "not on the wire; the expectation computes it from the two volumes",
    ),
    rule(
        "kucoin",
        "rest_response",
        "trade.id",
        When::OnlyOurs,
        "ours is the exchange's `sequence`; the expectation reads no id",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.change",
        When::NotGiven,
        "not on the wire; the expectation computes it from open and close",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.vwap",
        When::NotGiven,
        "not on the wire; the expectation computes it from the two volumes",
    ),
    rule(
        "htx",
        "rest_response",
        "tickers.open",
        When::NotGiven,
        "in the list of all pairs it is that of the day in Singapore, the volumes cover 24 hours",
    ),
    rule(
        "htx",
        "rest_response",
        "tickers.high",
        When::NotGiven,
        "in the list of all pairs it is that of the day in Singapore, the volumes cover 24 hours",
    ),
    rule(
        "htx",
        "rest_response",
        "tickers.low",
        When::NotGiven,
        "in the list of all pairs it is that of the day in Singapore, the volumes cover 24 hours",
    ),
    rule(
        "htx",
        "*",
        "market.taker",
        When::NotGiven,
        "fees depend on the account and are not in the answer",
    ),
    rule(
        "htx",
        "*",
        "market.maker",
        When::NotGiven,
        "fees depend on the account and are not in the answer",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.last",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.bid",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.ask",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.high",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.low",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "kucoin",
        "rest_response",
        "tickers.unlisted",
        When::Unlisted,
        "a pair that is in no table is left out and noted; the expectation shows it under the exchange's own name",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.last",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.bid",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.ask",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.high",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.low",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "htx",
        "rest_response",
        "ticker.open",
        When::ZeroPrice,
        "a price of zero on the wire stays zero; the expectation reads it as no price",
    ),
    rule(
        "htx",
        "rest_response",
        "tickers.unlisted",
        When::Unlisted,
        "a pair that is in no table is left out and noted; the expectation shows it under the exchange's own name",
    ),
    rule(
        "htx",
        "rest_request",
        "fetchOHLCV.size",
        When::ReachesStart,
        "the exchange takes no start, only a number of the newest bars: as many as reach the start are asked for, the decoder leaves out the rest",
    ),
    rule(
        "htx",
        "rest_request",
        "fetchTrades.size",
        When::ReachesStart,
        "the exchange takes no start, only a number of the newest trades: all there are are asked for, the decoder leaves out the rest",
    ),
    rule(
        "htx",
        "rest_request",
        "fetchOHLCV.since",
        When::OutOfReach,
        "a start beyond the newest 2,000 bars is refused before anything is sent, with the range; the expectation sends it and gets other bars",
    ),
    rule(
        "kucoin",
        "rest_request",
        "fetchOHLCV.limit",
        When::RefusedAbove(1_500),
        "more than 1,500 is refused before anything is sent, with the range; the expectation sends it, cuts it or drops it unseen",
    ),
    rule(
        "kucoin",
        "rest_request",
        "fetchTrades.limit",
        When::RefusedAbove(100),
        "more than 100 is refused before anything is sent, with the range; the expectation sends it, cuts it or drops it unseen",
    ),
    rule(
        "htx",
        "rest_request",
        "fetchOHLCV.limit",
        When::RefusedAbove(2_000),
        "more than 2,000 is refused before anything is sent, with the range; the expectation sends it, cuts it or drops it unseen",
    ),
    rule(
        "htx",
        "rest_request",
        "fetchTrades.limit",
        When::RefusedAbove(2_000),
        "more than 2,000 is refused before anything is sent, with the range; the expectation sends it, cuts it or drops it unseen",
    ),
    rule(
        "htx",
        "rest_request",
        "fetchOrderBook.limit",
        When::RefusedAbove(150),
        "more than 150 is refused before anything is sent, with the range; the expectation sends it, cuts it or drops it unseen",
    ),
    rule(
        "kucoin",
        "rest_response",
        "ticker.change",
        When::Null("changePrice"),
        "null on the wire; the expectation computes it from the share",
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
            .filter(|line| {
                ["kraken", "binance", "kucoin", "htx"]
                    .iter()
                    .any(|exchange| line.starts_with(&format!("| {exchange} |")))
            })
            .count();
        assert_eq!(rows, RULES.len());
    }
}
