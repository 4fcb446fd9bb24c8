//! Is the book plausible after the ones before it, beside the ticker and beside other exchanges?

use std::time::Duration;

use robust_market::{Dimension, OrderBook, Severity};
use rust_decimal::Decimal;

use super::Side;
use crate::engine::{Floor, Weighed};
use crate::finite::nearest;
use crate::rules::{A_FAR_LEVEL, A_MID_OUTLIER, A_SIZE_OUTLIER, K_TICKER_VS_BBO};
use crate::tally::Tally;
use crate::ticker::accuracy::{Prices, consensus, outlier, place, spread, tick};
use crate::{Context, Finite64, SymbolState};

/// A size this many times the larger ones of the book is suspicious.
const LARGE: f64 = 1e4;
/// Levels from which on the usual size is known.
const LEVELS: usize = 10;
/// Unit of the sizes within the accuracy of a book.
const SIZES: usize = 4;
/// A quote says something of a book this long before and after it.
const BESIDE: Duration = Duration::from_secs(2);

/// The best prices that passed validity, whatever the order of the levels.
pub(super) fn best(bids: &Side<'_>, asks: &Side<'_>) -> Prices {
    Prices {
        last: None,
        bid: bids.prices.iter().map(|(price, _)| *price).max(),
        ask: asks.prices.iter().map(|(price, _)| *price).min(),
    }
}

/// ln of the middle, of a book that is not crossed.
fn middle(best: Prices) -> Option<Finite64> {
    best.spread()?;
    let (bid, ask) = (Finite64::ln(best.bid?)?, Finite64::ln(best.ask?)?);
    Finite64::new(bid.get() + (ask.get() - bid.get()) / 2.0)
}

/// Judges a book by its past and its peers; gives what the engine made of its middle.
pub(super) fn judge(
    tally: &mut Tally,
    book: &OrderBook,
    best: Prices,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Option<Weighed> {
    let warm = state.is_warm();
    spread(tally, best, state, warm, "asks");
    let ln = middle(best);
    sizes(tally, book, ln, warm);
    let ln = ln?;
    far_levels(tally, book, ln);
    consensus(tally, ln, context, "bids");
    let engine = &state.seen.engine;
    let tick = tick(best.bid, context);
    beside_ticker(tally, ln, best, engine.sigma(Floor::MIDDLE, tick), context);
    let peers = context.peers.as_ref();
    let weighed = engine.weigh(ln, context.received, Floor::MIDDLE, tick, peers);
    outlier(tally, &A_MID_OUTLIER, &weighed, engine, "bids");
    Some(weighed)
}

/// Whether an order rests absurdly far from the middle.
fn is_far(price: f64, middle: f64) -> bool {
    price > 10.0 * middle || price < middle / 10.0
}

/// Judges the sizes of the levels that mean something: an order for a ten-thousandth of the price is as large as anybody likes
/// (25 830 times the usual size in a recorded book).
fn sizes(tally: &mut Tally, book: &OrderBook, middle: Option<Finite64>, warm: bool) {
    let middle = middle.map(|middle| middle.get().exp());
    let near = |price| middle.is_none_or(|middle| !is_far(nearest(price), middle));
    let levels = || book.bids.iter().chain(&book.asks);
    let mut sizes: Vec<f64> = levels()
        .filter(|level| level.size > Decimal::ZERO && near(level.price))
        .map(|level| nearest(level.size))
        .collect();
    if sizes.len() < LEVELS {
        return;
    }
    tally.checked(Dimension::Accuracy, usize::from(warm));
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let place_of = sizes.len() * 9 / 10;
    let (_, usual, _) = sizes.select_nth_unstable_by(place_of, f64::total_cmp);
    let usual = *usual;
    if largest > LARGE * usual {
        tally.object(
            &A_SIZE_OUTLIER,
            Severity::Warning,
            place(SIZES, "size"),
            || format!("a size of {largest}, where nine of ten are at most {usual}"),
        );
    }
}

/// Orders that rest absurdly far away are real, and mean nothing.
fn far_levels(tally: &mut Tally, book: &OrderBook, middle: Finite64) {
    let middle = middle.get().exp();
    let levels = book.bids.iter().chain(&book.asks);
    let count = levels
        .filter(|level| level.price > Decimal::ZERO && is_far(nearest(level.price), middle))
        .count();
    if count > 0 {
        tally.measured(&A_FAR_LEVEL, Severity::Info, None, || {
            format!("{count} levels are beyond a tenth and ten times the middle")
        });
    }
}

fn beside_ticker(tally: &mut Tally, ln: Finite64, best: Prices, sigma: f64, context: &Context<'_>) {
    let Some(quote) = context.quote else {
        return;
    };
    let apart = quote
        .at
        .since(context.received)
        .max(context.received.since(quote.at));
    let ticker = middle(Prices {
        last: None,
        bid: Some(quote.bid),
        ask: Some(quote.ask),
    });
    let Some(ticker) = ticker.filter(|_| apart <= BESIDE) else {
        return;
    };
    tally.checked(Dimension::Consistency, 1);
    let far = (ln.get() - ticker.get()).abs();
    let spread = best.spread().unwrap_or(0.0);
    if far > (3.0 * spread).max(5.0 * sigma) {
        tally.whole(&K_TICKER_VS_BBO, Severity::Warning, Some("bids"), || {
            format!(
                "the middle is {:.2} % from that of the ticker",
                100.0 * far.exp_m1()
            )
        });
    }
}
