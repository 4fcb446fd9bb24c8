//! Every rule that can object, in one table.

use robust_market::{Dimension, Severity};

/// One rule: what it looks at and how much its objection weighs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The name that issues carry: the dimension's letter and a word, such as `K.crossed`.
    pub id: &'static str,
    /// The dimension it counts in.
    pub dimension: Dimension,
    /// The heaviest severity it can give.
    pub severity: Severity,
    /// What it objects to.
    pub what: &'static str,
}

macro_rules! rules {
    ($($name:ident = $id:literal, $dimension:ident, $severity:ident, $what:literal;)*) => {
        $(pub(crate) const $name: Rule = Rule {
            id: $id,
            dimension: Dimension::$dimension,
            severity: Severity::$severity,
            what: $what,
        };)*

        /// Every rule of this crate, by dimension; `C` completeness, `V` validity, `A` accuracy, `K` consistency, `T`
        /// timeliness, `U` uniqueness.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    C_REQUIRED = "C.required", Completeness, Critical, "a field without which the record means nothing is missing or null; Error inside a list";
    C_OPTIONAL = "C.optional", Completeness, Warning, "a field that this source sends, or that all other rows of the page have, is missing: Info each, Warning for a time, for a field of a row and when half of them are";
    C_ONE_SIDED = "C.one_sided", Completeness, Warning, "only one of bid and ask is there";
    C_ABSENT = "C.absent", Completeness, Warning, "a pair that was asked for is not in the list";
    C_SIDES = "C.sides", Completeness, Critical, "a side of the book is not in the answer, or both sides are empty";
    C_SIDE_EMPTY = "C.side_empty", Completeness, Error, "one side of the book is empty; Info while the market is known to be halted";
    C_DEPTH = "C.depth", Completeness, Warning, "a side has less than half of the levels that were asked for and are usual";
    C_ROW = "C.row", Completeness, Error, "a row, level or trade lacks a required field; Warning for a bar that does not say whether it is closed";
    C_GAP = "C.gap", Completeness, Error, "bars are missing inside the series: Warning, Error from 10 in a row or above 5 %; where the source leaves out empty bars Info, Warning beyond three times the longest usual hole, or where the market was seen to trade in every bar";
    C_SOURCE_OUTAGE = "C.source_outage", Completeness, Info, "bars are missing that at least eight of ten other markets of the source lack as well: an outage, told and not held against one market";
    C_SHORT = "C.short", Completeness, Error, "fewer bars than asked for: Warning under 95 %, Error under 90 %; where the source leaves out empty bars only beyond three times its longest usual hole";
    C_ID_GAP = "C.id_gap", Completeness, Error, "ids of trades are missing on a source that counts without holes: Warning, Error above 1 %; Warning where it is only known from the ids themselves";
    C_PAGE_GAP = "C.page_gap", Completeness, Error, "trades are missing between the page before and this one: Error where ids count without holes, else Warning; Info where the page was not asked for from where the last one ended";
    C_QUIET = "C.quiet", Completeness, Info, "no trade on the page: a quiet market, not a fault";

    V_KIND = "V.kind", Validity, Critical, "the answer holds another kind of data than was asked for";
    V_SYMBOL = "V.symbol_mismatch", Validity, Critical, "the answer is about another pair than was asked for; Error inside a list";
    V_TYPE = "V.type", Validity, Critical, "a field holds another type than it should, or text that cannot be read";
    V_FINITE = "V.finite", Validity, Critical, "a field spells NaN or an infinity";
    V_RANGE = "V.range", Validity, Critical, "a value is beyond what is kept exactly (over 28 digits, or outside the representable years)";
    V_UNREADABLE = "V.unreadable", Validity, Error, "a record could not be read; its details were over the limit of the list";
    V_PRICE = "V.price", Validity, Critical, "a price is not above zero; Critical for the last price of a ticker";
    V_SIZE = "V.size", Validity, Error, "a size or volume is negative, or zero where something must have been traded or offered";
    V_TICK = "V.tick", Validity, Warning, "a price or size is off the instrument's grid; Info for tickers";
    V_TIME = "V.time", Validity, Error, "a time before 2009-01-03 or more than a day ahead";
    V_TS_UNIT = "V.ts_unit", Validity, Critical, "a time that is right in another unit; never rescaled in silence; Critical for a whole series of bars";
    V_GRID = "V.grid", Validity, Error, "a single bar does not start on the grid of its interval";
    V_SHIFTED_GRID = "V.shifted_grid", Validity, Warning, "three or more bars in a row start off the grid by the same offset";
    V_INTERVAL = "V.interval", Validity, Error, "the bars are of another length than was asked for";
    V_BOUNDS = "V.bounds", Validity, Error, "a price outside the limits that the user has set for the pair";
    V_ID = "V.id", Validity, Error, "a trade id is empty";

    A_OUTLIER = "A.outlier", Accuracy, Error, "a price that its history does not explain: Warning over 12 usual steps, Error over 25 or half of the price; released when three prints (five in a waterfall) confirm the level; a page of trades at another level than the one before is an Error until the next one confirms it, a level that jumps by half within seconds and is kept a Warning";
    A_REGIME = "A.regime", Accuracy, Info, "a new level, confirmed by the prints before";
    A_WIDE_SPREAD = "A.wide_spread", Accuracy, Warning, "a spread above 10 % and fifty times the usual one";
    A_FROZEN = "A.frozen", Accuracy, Error, "the same content for much longer than is natural, identical bars with volume, or twenty trades in a row that are one: Warning, Error where the page holds nothing else";
    A_HALTED = "A.halted", Accuracy, Info, "the same content for long in a market without volume or known to be halted: a fact";
    A_CONSENSUS = "A.consensus", Accuracy, Error, "far from the median of the other exchanges: Warning over the limit, Error over three times it; across quote currencies Warning only";
    A_MID_OUTLIER = "A.mid_outlier", Accuracy, Error, "the middle of the book is a price that its history does not explain, as A.outlier";
    A_SIZE_OUTLIER = "A.size_outlier", Accuracy, Warning, "a level is 10 000 times as large as the larger ones of the book, or a trade as those of its page";
    A_FAR_LEVEL = "A.far_level", Accuracy, Info, "an order at less than a tenth or more than ten times the middle: rests there, means nothing";
    A_OPEN_GAP = "A.open_gap", Accuracy, Error, "a bar opens far from the close before it, which markets without a closing hour do not, by usual steps or by the other gaps of the page: Warning, Error over 25 usual steps and 20 %; a whole page at another level than the one before is an Error until the next one confirms it";
    A_DISPLACED = "A.displaced", Accuracy, Error, "a bar is lifted off the path: a gap into it and the same gap back out; Warning where only the other gaps of the page say so, by four to six times";
    A_SPIKE = "A.spike", Accuracy, Error, "a close far off that is taken back at once and that the next bar does not open near of its own: Warning, Error over 15 usual steps and 30 %";
    A_WICK = "A.wick", Accuracy, Warning, "a wick of more than 25 usual steps and 25 %; real crashes look like this";
    A_LEVEL_SHIFT = "A.level_shift", Accuracy, Info, "a large move that is kept";
    A_VOLUME_SPIKE = "A.volume_spike", Accuracy, Warning, "a volume far above what is usual in this series";
    A_VOLUME_REPEAT = "A.volume_repeat", Accuracy, Error, "the same volume four times in a row where volumes hardly ever repeat";
    A_INTERPOLATED = "A.interpolated", Accuracy, Error, "eight or more bars on a straight line";
    A_CONSTANT = "A.constant", Accuracy, Critical, "every bar is the same bar, with volume: a placeholder";
    A_REPEATED_BLOCK = "A.repeated_block", Accuracy, Error, "eight or more bars with the values of earlier ones";
    A_DRAWN = "A.drawn", Accuracy, Warning, "500 or more bars that move as independently and as tamely as a random walk: evidence of a generator, no proof";
    A_OFF_GRID = "A.off_grid", Accuracy, Warning, "a few prices with more decimals than the rest of the series";
    A_PROVENANCE = "A.provenance", Accuracy, Critical, "nobody says where the value was born";
    A_TEST_HOST = "A.test_host", Accuracy, Critical, "a value of a test system, a test pair or a simulator where only the real market will do";
    A_UNLABELLED = "A.unlabelled", Accuracy, Critical, "a computed value that passes for a received one";
    A_EXPIRED = "A.expired", Accuracy, Error, "a cached value past its time, presented as live";

    K_CROSSED = "K.crossed", Consistency, Critical, "bid above ask: Error in a ticker, Critical in a book";
    K_LOCKED = "K.locked", Consistency, Warning, "bid equals ask";
    K_LAST_VS_QUOTE = "K.last_vs_quote", Consistency, Warning, "the last price is further from the quote than 0.5 % and three spreads";
    K_HIGH_LOW = "K.high_low", Consistency, Error, "high below low";
    K_LAST_VS_RANGE = "K.last_vs_range", Consistency, Warning, "the last price is outside low to high by more than 0.2 %";
    K_OPEN_VS_RANGE = "K.open_vs_range", Consistency, Warning, "the first price of a ticker's window is outside its low to high by more than 0.2 %";
    K_CHANGE = "K.change", Consistency, Warning, "a ticker's change is not its last price less its first one, or more than its whole range";
    K_VWAP_RANGE = "K.vwap_range", Consistency, Warning, "the average price is outside low to high by more than 0.1 %";
    K_QUOTE_VOLUME = "K.quote_volume", Consistency, Error, "quote volume over base volume is not the average price, or outside low to high; Warning in a ticker";
    K_TS_REGRESS = "K.ts_regress", Consistency, Error, "older than the last accepted value";
    K_SEQ_REGRESS = "K.seq_regress", Consistency, Error, "a lower sequence number than the last accepted value";
    K_UNSORTED_BIDS = "K.unsorted_bids", Consistency, Error, "bids do not fall";
    K_UNSORTED_ASKS = "K.unsorted_asks", Consistency, Error, "asks do not rise";
    K_TICKER_VS_BBO = "K.ticker_vs_bbo", Consistency, Warning, "the middle of the book is far from the middle of a quote of about the same time";
    K_VS_QUOTE = "K.vs_quote", Consistency, Warning, "a trade's price is outside the quote of about the same time by more than 1 % and five spreads";
    K_HIGH = "K.high", Consistency, Error, "high below open, close or low";
    K_LOW = "K.low", Consistency, Error, "low above open, close or high";
    K_ZERO_VOL = "K.zero_vol", Consistency, Warning, "no volume, and yet the price moved";
    K_COUNT = "K.count", Consistency, Warning, "volume without trades, or trades without volume";
    K_VWAP = "K.vwap", Consistency, Error, "a bar's average price is outside its low to high";
    K_TRADES_VS_CANDLE = "K.trades_vs_candle", Consistency, Warning, "the amounts of all trades of a bar's time do not sum to its volume";
    K_RESAMPLE = "K.resample", Consistency, Warning, "a bar is not what the shorter bars of its time make together";
    K_ORDER = "K.order", Consistency, Error, "a record is older than the one before it";
    K_DESCENDING = "K.descending", Consistency, Error, "the whole series runs backwards; Warning for trades";

    T_STALE = "T.stale", Timeliness, Error, "older than is usual: Warning, then Error; the share that is lost is in the score's curve";
    T_FUTURE = "T.future", Timeliness, Critical, "ahead of our clock: Warning over 1 s (Info up to 1.5 s while the source has not shown how its clock goes), Error over 5 s, Critical over 60 s (Error inside a list)";
    T_CLOCK_SKEW = "T.clock_skew", Timeliness, Error, "the source's clock is ahead of ours by more than 5 s, steadily: the source is at fault, not the record";
    T_NO_EVENT_TIME = "T.no_event_time", Timeliness, Info, "the exchange does not say when it was; the receive time stands in";

    U_REPLAY = "U.replay", Uniqueness, Warning, "an answer that was here before: Warning from a stream or where it is counted or older than the newest, Info for the newest one polled again";
    U_CONFLICT = "U.conflict", Uniqueness, Error, "the same sequence number with another quote";
    U_OVERLAP = "U.overlap", Uniqueness, Info, "records of the page before are on this page too, as in every polled page";
    U_PAGE_REPEAT = "U.page_repeat", Uniqueness, Warning, "a page of nothing but records that were here before, though the market's pace says that there must be new ones";
    U_REVISED = "U.revised", Uniqueness, Warning, "a closed bar that differs from what the exchange sent before";
    U_DUP_SYMBOL = "U.dup_symbol", Uniqueness, Error, "a pair is in the list twice";
    U_DUP_LEVEL = "U.dup_level", Uniqueness, Error, "a price is on one side of the book twice";
    U_DUP_EXACT = "U.dup_exact", Uniqueness, Error, "the same record again";
    U_DUP_CONFLICT = "U.dup_conflict", Uniqueness, Error, "two records of the same time or id that differ; the kept bar carries a Warning";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_id_that_begins_with_its_dimension() {
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            let letter = match rule.dimension {
                Dimension::Completeness => "C.",
                Dimension::Validity => "V.",
                Dimension::Accuracy => "A.",
                Dimension::Consistency => "K.",
                Dimension::Timeliness => "T.",
                Dimension::Uniqueness => "U.",
            };
            assert!(rule.id.starts_with(letter), "{}", rule.id);
        }
    }
}
