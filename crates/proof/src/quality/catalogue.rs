//! The faults that must be found: one table, fixed before any rule was tuned.
//!
//! Each fault has one size, one dimension that it belongs to and one weight that it deserves. Sizes stand here and nowhere else. The
//! numbers behind the letters are those of the catalogue that the project measured its predecessor with.

use robust_market::{Dimension, Severity};

use Data::{Book, Candles, Ticker, Trades};
use Dimension::{Accuracy, Completeness, Consistency, Timeliness, Uniqueness, Validity};
use Severity::{Critical, Error, Warning};

/// What a fault is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Data {
    /// A series of 300 bars.
    Candles,
    /// The state of one market.
    Ticker,
    /// A book of up to 100 levels a side.
    Book,
    /// A page of up to 200 trades.
    Trades,
}

impl Data {
    /// Every kind of data.
    pub const ALL: [Self; 4] = [Self::Candles, Self::Ticker, Self::Book, Self::Trades];

    /// Its name, as the exchange format writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Candles => "candles",
            Self::Ticker => "ticker",
            Self::Book => "book",
            Self::Trades => "trades",
        }
    }
}

/// How a cell of the wire is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// The member is not there.
    Missing,
    /// It is `null`.
    Null,
    /// It is `NaN`.
    Nan,
    /// It is `Infinity`.
    Infinite,
    /// It is a text that is no number.
    Words,
    /// It is `true`.
    Bool,
    /// It has a unit that puts it beyond the years that fit: microseconds where milliseconds are due.
    Beyond,
}

/// A field of a record that is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The price of a trade or level, the close of a bar, the last price of a ticker.
    Price,
    /// The amount of a trade, the size of a level, the volume of a bar or ticker.
    Size,
    /// The best bid.
    Bid,
    /// The time.
    Time,
    /// The side of a trade.
    Side,
    /// The pair.
    Symbol,
}

/// What is done to a sound payload. Sizes are in the variants.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the table below says each in words")]
pub enum Fault {
    // any record
    BreakCell(Field, Cell),
    SetZero(Field),
    Negate(Field),
    /// The price of one record, and what belongs to it, times a factor.
    Lift(f64),
    Future(Seconds),
    Stale(Seconds),
    // candles
    HighBelowBody,
    LowAboveBody,
    HighLowSwapped,
    ColumnsSwapped,
    ShortRow,
    Gap(usize),
    DuplicateExact,
    DuplicateConflict,
    SwapNeighbours,
    Reverse,
    Misaligned(Seconds),
    SecondsForMs,
    WrongInterval(u32),
    StaleBars(u32),
    Wick(f64),
    OtherSymbolRows(usize),
    FrozenTail(usize),
    Interpolated(usize),
    VolumeTimes(f64),
    ZeroVolumeWithRange,
    HalfTheResponse,
    ConstantRows,
    OpenGap(f64),
    PageRepeated,
    FloatNoise,
    // ticker
    Crossed,
    Locked,
    LastOutsideQuotes(f64),
    HighBelowLow,
    LastAboveRange(f64),
    Spread(f64),
    Frozen(usize),
    Replay(usize),
    TimeRegress(Seconds),
    OtherSymbol,
    OptionalMissing,
    // book
    UnsortedBids,
    UnsortedAsks,
    DuplicateLevel,
    EmptyBids,
    EmptyAsks,
    DepthOne,
    SidesSwapped,
    SideMissing,
    SizeTimes(f64),
    SequenceRegress(u64),
    LevelTimes(f64),
    // trades
    IdConflict,
    IdGap(u64),
    OutOfOrder,
    TimesAgainstIds,
    OneFuture(Seconds),
}

/// Seconds.
pub type Seconds = i64;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Its name: a letter for the data (O bars, T ticker, B book, R trades) and a number.
    pub id: &'static str,
    /// What it is in.
    pub data: Data,
    /// The dimension that it belongs to.
    pub dimension: Dimension,
    /// The weight that it deserves.
    pub severity: Severity,
    /// What is done.
    pub fault: Fault,
    /// The same in words.
    pub what: &'static str,
}

const fn entry(
    id: &'static str,
    data: Data,
    dimension: Dimension,
    severity: Severity,
    fault: Fault,
    what: &'static str,
) -> Entry {
    Entry {
        id,
        data,
        dimension,
        severity,
        fault,
        what,
    }
}

/// Every kind of fault: 40 of bars, 32 of tickers, 21 of books, 19 of trades.
#[rustfmt::skip]
pub const CATALOGUE: [Entry; 112] = [
    entry("O01", Candles, Consistency, Error, Fault::HighBelowBody, "high of one bar below its body"),
    entry("O02", Candles, Consistency, Error, Fault::LowAboveBody, "low of one bar above its body"),
    entry("O03", Candles, Consistency, Error, Fault::HighLowSwapped, "high and low of one bar swapped"),
    entry("O04", Candles, Validity, Error, Fault::SetZero(Field::Price), "a close of zero"),
    entry("O05", Candles, Validity, Error, Fault::Negate(Field::Price), "a negative close"),
    entry("O06", Candles, Validity, Error, Fault::BreakCell(Field::Price, Cell::Nan), "a close of NaN"),
    entry("O07", Candles, Validity, Error, Fault::BreakCell(Field::Price, Cell::Infinite), "an infinite close"),
    entry("O08", Candles, Validity, Error, Fault::Negate(Field::Size), "a negative volume"),
    entry("O09", Candles, Validity, Error, Fault::BreakCell(Field::Size, Cell::Nan), "a volume of NaN"),
    entry("O10", Candles, Completeness, Error, Fault::BreakCell(Field::Price, Cell::Null), "a close of null"),
    entry("O11", Candles, Completeness, Error, Fault::ShortRow, "a row of four cells"),
    entry("O12", Candles, Completeness, Warning, Fault::Gap(1), "one bar left out where every bar is due"),
    entry("O13", Candles, Completeness, Error, Fault::Gap(20), "20 bars left out where every bar is due"),
    entry("O14", Candles, Uniqueness, Error, Fault::DuplicateExact, "one bar twice"),
    entry("O15", Candles, Uniqueness, Error, Fault::DuplicateConflict, "one bar twice with another close"),
    entry("O16", Candles, Consistency, Error, Fault::SwapNeighbours, "two neighbours swapped"),
    entry("O17", Candles, Consistency, Error, Fault::Reverse, "the whole series newest first"),
    entry("O18", Candles, Validity, Error, Fault::Misaligned(1), "one bar starts 1 s late"),
    entry("O19", Candles, Validity, Critical, Fault::SecondsForMs, "times in seconds read as milliseconds"),
    entry("O20", Candles, Validity, Error, Fault::WrongInterval(5), "bars of five times the length asked for"),
    entry("O21", Candles, Timeliness, Critical, Fault::Future(7 * 3_600), "the series is 7 h in the future"),
    entry("O22", Candles, Timeliness, Error, Fault::StaleBars(12), "the series ends 12 bars ago"),
    entry("O23", Candles, Accuracy, Error, Fault::Lift(1.1), "one bar × 1.1"),
    entry("O24", Candles, Accuracy, Error, Fault::Lift(1.5), "one bar × 1.5"),
    entry("O25", Candles, Accuracy, Error, Fault::Lift(10.0), "one bar × 10"),
    entry("O26", Candles, Accuracy, Warning, Fault::Wick(3.0), "one high × 3"),
    entry("O27", Candles, Accuracy, Error, Fault::OtherSymbolRows(5), "5 bars at the price of another pair, × e^±1…4"),
    entry("O28", Candles, Accuracy, Error, Fault::FrozenTail(5), "the last 5 bars are the same, with volume"),
    entry("O29", Candles, Accuracy, Error, Fault::Interpolated(20), "20 bars on a straight line"),
    entry("O30", Candles, Accuracy, Warning, Fault::VolumeTimes(1_000.0), "one volume × 1000"),
    entry("O31", Candles, Consistency, Warning, Fault::ZeroVolumeWithRange, "no volume in a bar whose price moved"),
    entry("O32", Candles, Completeness, Error, Fault::HalfTheResponse, "only the newer half of the bars asked for"),
    entry("O33", Candles, Consistency, Error, Fault::ColumnsSwapped, "columns high and low swapped in every row"),
    entry("O34", Candles, Accuracy, Critical, Fault::ConstantRows, "every bar the same placeholder"),
    entry("O35", Candles, Accuracy, Warning, Fault::OpenGap(1.03), "one open 3 % off the close before"),
    entry("O36", Candles, Validity, Error, Fault::BreakCell(Field::Price, Cell::Words), "a close that is a word"),
    entry("O37", Candles, Uniqueness, Error, Fault::PageRepeated, "the newest 100 bars twice"),
    entry("O38", Candles, Accuracy, Warning, Fault::FloatNoise, "binary noise behind the digits of 5 % of the rows"),
    entry("O39", Candles, Accuracy, Warning, Fault::Lift(1.02), "one bar × 1.02"),
    entry("O40", Candles, Accuracy, Error, Fault::Lift(1.05), "one bar × 1.05"),
    entry("T01", Ticker, Completeness, Critical, Fault::BreakCell(Field::Price, Cell::Missing), "no last price"),
    entry("T02", Ticker, Completeness, Critical, Fault::BreakCell(Field::Price, Cell::Null), "a last price of null"),
    entry("T03", Ticker, Validity, Critical, Fault::BreakCell(Field::Price, Cell::Nan), "a last price of NaN"),
    entry("T04", Ticker, Validity, Critical, Fault::SetZero(Field::Price), "a last price of zero"),
    entry("T05", Ticker, Validity, Critical, Fault::Negate(Field::Price), "a negative last price"),
    entry("T06", Ticker, Consistency, Error, Fault::Crossed, "bid and ask swapped"),
    entry("T07", Ticker, Consistency, Warning, Fault::Locked, "the bid at the ask"),
    entry("T08", Ticker, Consistency, Warning, Fault::LastOutsideQuotes(1.02), "last price 2 % above the ask"),
    entry("T09", Ticker, Consistency, Error, Fault::HighBelowLow, "high and low swapped"),
    entry("T10", Ticker, Consistency, Warning, Fault::LastAboveRange(0.98), "the high 2 % below the last price"),
    entry("T11", Ticker, Accuracy, Error, Fault::Lift(1.05), "last, bid and ask × 1.05"),
    entry("T12", Ticker, Accuracy, Error, Fault::Lift(1.3), "last, bid and ask × 1.3"),
    entry("T13", Ticker, Accuracy, Error, Fault::Lift(10.0), "last, bid and ask × 10"),
    entry("T14", Ticker, Timeliness, Error, Fault::Stale(600), "10 min old"),
    entry("T15", Ticker, Timeliness, Warning, Fault::Stale(60), "60 s old"),
    entry("T16", Ticker, Timeliness, Critical, Fault::Future(3_600), "1 h in the future"),
    entry("T17", Ticker, Validity, Error, Fault::BreakCell(Field::Time, Cell::Beyond), "time in microseconds"),
    entry("T18", Ticker, Accuracy, Warning, Fault::Frozen(60), "60 times the same content while the time advances"),
    entry("T19", Ticker, Uniqueness, Warning, Fault::Replay(5), "the message before the last 5, again"),
    entry("T20", Ticker, Consistency, Error, Fault::TimeRegress(2), "2 s before the one before it"),
    entry("T21", Ticker, Validity, Error, Fault::Negate(Field::Size), "a negative volume"),
    entry("T22", Ticker, Validity, Error, Fault::BreakCell(Field::Size, Cell::Nan), "a volume of NaN"),
    entry("T23", Ticker, Accuracy, Warning, Fault::Spread(0.2), "a spread of 20 %"),
    entry("T24", Ticker, Validity, Error, Fault::BreakCell(Field::Bid, Cell::Nan), "a bid of NaN"),
    entry("T25", Ticker, Validity, Error, Fault::BreakCell(Field::Symbol, Cell::Words), "a pair that is no pair"),
    entry("T26", Ticker, Validity, Critical, Fault::OtherSymbol, "another pair than asked for"),
    entry("T27", Ticker, Completeness, Warning, Fault::OptionalMissing, "nothing but pair, time, last, bid and ask"),
    entry("T28", Ticker, Validity, Error, Fault::Negate(Field::Bid), "a negative bid"),
    entry("T29", Ticker, Validity, Critical, Fault::BreakCell(Field::Price, Cell::Bool), "a last price of true"),
    entry("T30", Ticker, Validity, Error, Fault::BreakCell(Field::Time, Cell::Words), "a time that is a word"),
    entry("T31", Ticker, Accuracy, Warning, Fault::Lift(1.01), "last, bid and ask × 1.01"),
    entry("T32", Ticker, Accuracy, Warning, Fault::Lift(1.02), "last, bid and ask × 1.02"),
    entry("B01", Book, Consistency, Critical, Fault::Crossed, "the best bid above the best ask"),
    entry("B02", Book, Consistency, Warning, Fault::Locked, "the best bid at the best ask"),
    entry("B03", Book, Consistency, Error, Fault::UnsortedBids, "two bids swapped"),
    entry("B04", Book, Consistency, Error, Fault::UnsortedAsks, "two asks swapped"),
    entry("B05", Book, Uniqueness, Error, Fault::DuplicateLevel, "one level twice"),
    entry("B06", Book, Validity, Error, Fault::SetZero(Field::Size), "a size of zero"),
    entry("B07", Book, Validity, Error, Fault::Negate(Field::Size), "a negative size"),
    entry("B08", Book, Validity, Error, Fault::BreakCell(Field::Size, Cell::Nan), "a size of NaN"),
    entry("B09", Book, Completeness, Error, Fault::EmptyBids, "no bids"),
    entry("B10", Book, Completeness, Error, Fault::EmptyAsks, "no asks"),
    entry("B11", Book, Completeness, Warning, Fault::DepthOne, "one level a side where many are usual"),
    entry("B12", Book, Consistency, Critical, Fault::SidesSwapped, "bids as asks and asks as bids"),
    entry("B13", Book, Completeness, Critical, Fault::SideMissing, "no member for the asks"),
    entry("B14", Book, Timeliness, Error, Fault::Stale(600), "10 min old"),
    entry("B15", Book, Timeliness, Critical, Fault::Future(3_600), "1 h in the future"),
    entry("B16", Book, Accuracy, Error, Fault::Lift(1.3), "every price × 1.3"),
    entry("B17", Book, Validity, Error, Fault::Negate(Field::Price), "a negative price"),
    entry("B18", Book, Validity, Error, Fault::BreakCell(Field::Price, Cell::Words), "a price that is a word"),
    entry("B19", Book, Accuracy, Warning, Fault::SizeTimes(1e6), "one size × 10⁶"),
    entry("B20", Book, Consistency, Error, Fault::SequenceRegress(10), "a sequence 10 before the one before it"),
    entry("B21", Book, Consistency, Error, Fault::LevelTimes(10.0), "the price of one inner level × 10"),
    entry("R01", Trades, Completeness, Error, Fault::BreakCell(Field::Price, Cell::Missing), "no price"),
    entry("R02", Trades, Completeness, Error, Fault::BreakCell(Field::Price, Cell::Null), "a price of null"),
    entry("R03", Trades, Validity, Error, Fault::BreakCell(Field::Price, Cell::Nan), "a price of NaN"),
    entry("R04", Trades, Validity, Error, Fault::Negate(Field::Price), "a negative price"),
    entry("R05", Trades, Validity, Error, Fault::SetZero(Field::Price), "a price of zero"),
    entry("R06", Trades, Validity, Error, Fault::SetZero(Field::Size), "an amount of zero"),
    entry("R07", Trades, Uniqueness, Error, Fault::DuplicateExact, "one trade twice"),
    entry("R08", Trades, Uniqueness, Error, Fault::IdConflict, "one id on two trades"),
    entry("R09", Trades, Completeness, Warning, Fault::IdGap(5), "5 ids left out where ids count up by one"),
    entry("R10", Trades, Consistency, Error, Fault::OutOfOrder, "a trade at a wrong place in the order"),
    entry("R11", Trades, Accuracy, Error, Fault::Lift(1.5), "one price × 1.5"),
    entry("R12", Trades, Accuracy, Error, Fault::Lift(0.1), "one price ÷ 10"),
    entry("R13", Trades, Validity, Warning, Fault::BreakCell(Field::Side, Cell::Words), "a side that is neither"),
    // The records have no cost, which the predecessor's kind of this number multiplied.
    entry("R14", Trades, Consistency, Error, Fault::TimesAgainstIds, "ids fall while times rise"),
    entry("R15", Trades, Timeliness, Critical, Fault::OneFuture(86_400), "one trade tomorrow"),
    entry("R16", Trades, Uniqueness, Error, Fault::PageRepeated, "the page twice in one answer"),
    entry("R17", Trades, Validity, Error, Fault::BreakCell(Field::Price, Cell::Words), "a price that is a word"),
    entry("R18", Trades, Timeliness, Warning, Fault::Stale(6 * 3_600), "6 h old"),
    entry("R19", Trades, Accuracy, Warning, Fault::Lift(1.02), "one price × 1.02"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_holds_112_kinds_each_once() {
        let ids: BTreeSet<&str> = CATALOGUE.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), 112);
        for (data, letter, count) in [
            (Candles, 'O', 40),
            (Ticker, 'T', 32),
            (Book, 'B', 21),
            (Trades, 'R', 19),
        ] {
            let of = CATALOGUE.iter().filter(|entry| entry.data == data);
            assert_eq!(of.clone().count(), count, "{data:?}");
            assert!(of.clone().all(|entry| entry.id.starts_with(letter)));
        }
    }

    #[test]
    fn every_dimension_is_there() {
        let count = |dimension| {
            CATALOGUE
                .iter()
                .filter(|e| e.dimension == dimension)
                .count()
        };
        let counts = Dimension::ALL.map(count);
        assert_eq!(counts, [15, 33, 25, 22, 9, 8], "{:?}", Dimension::ALL);
    }
}
