//! Which rules judge which answer.

use robust_market::{Decoded, Dimension, Payload, Report, Severity};

use crate::rules::V_KIND;
use crate::tally::Tally;
use crate::{Context, SymbolState, book, candles, ticker, trades};

/// Judges one decoded answer; `None` for kinds that no rule judges (server time, status, instruments, assets).
///
/// Pure: the clock is in the context, and only `state` is changed, and only by values without an error.
///
/// Accuracy applies once there is history to judge by: after 30 tickers or books, in a series of 30 bars, in a list of trades that
/// is long enough, or with peers. Nothing is invented in its place before.
pub fn judge(
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Option<Report> {
    use robust_market::Kind;
    let kind = context.request.kind();
    match (&decoded.value, kind) {
        (Payload::Ticker(value), Kind::Ticker) => {
            Some(ticker::single(value, decoded, context, state))
        }
        (Payload::Tickers(rows), Kind::Tickers | Kind::BidsAsks | Kind::LastPrices) => {
            Some(ticker::list(rows, decoded, context, state))
        }
        (Payload::OrderBook(value), Kind::Book) => Some(book::book(value, decoded, context, state)),
        (Payload::Candles(value), Kind::Candles) => {
            Some(candles::candles(value, decoded, context, state))
        }
        (Payload::Trades(value), Kind::Trades) => {
            Some(trades::trades(value, decoded, context, state))
        }
        (_, Kind::Instruments | Kind::Assets | Kind::Time | Kind::Status) => None,
        _ => {
            let mut tally = Tally::single();
            tally.checked(Dimension::Validity, 1);
            tally.whole(&V_KIND, Severity::Critical, None, || {
                format!("{kind} was asked for, and something else came")
            });
            Some(tally.finish(context.config))
        }
    }
}
