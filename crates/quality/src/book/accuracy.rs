//! Is the book plausible after the ones before it, beside the ticker and beside other exchanges?

use std::time::Duration;

use robust_market::{Dimension, OrderBook, Severity};

use super::Side;
use crate::engine::{Floor, Weighed};
use crate::finite::nearest;
use crate::rules::{A_FAR_LEVEL, A_FROZEN, A_MID_OUTLIER, A_SIZE_OUTLIER, K_TICKER_VS_BBO};
use crate::tally::Tally;
use crate::ticker::accuracy::{Prices, consensus, outlier, place, spread, tick};
use crate::{Context, Finite64, SymbolState};

/// A size this many times the larger ones of the book is suspicious.
const LARGE: f64 = 1e4;
/// Levels from which on the usual size is known.
const LEVELS: usize = 10;
/// Unit of the sizes within the accuracy of a book.
const SIZES: usize = 4;
/// Unit of the standing still within the accuracy of a book.
const STILL: usize = 5;
/// A quote says something of a book this long before and after it.
const BESIDE: Duration = Duration::from_secs(2);

/// The best prices that passed validity, whatever the order of the levels; `strict` sides begin with theirs.
pub(super) fn best(bids: &Side<'_>, asks: &Side<'_>, strict: [bool; 2]) -> Prices {
    let of = |side: &Side<'_>, strict: bool| {
        if strict {
            side.good.first().map(|level| level.price)
        } else {
            side.best()
        }
    };
    Prices::new(None, of(bids, strict[0]), of(asks, strict[1]))
}

/// ln of the middle, of a book that is not crossed.
fn middle(best: Prices) -> Option<Finite64> {
    best.spread()?;
    best.middle()
}

/// Objects to a book whose best levels stand still while its market trades: each trade takes from them. Without its trades nobody can
/// tell a frozen book from a quiet one.
pub(super) fn frozen(
    tally: &mut Tally,
    (book, content): (&OrderBook, u64),
    context: &Context<'_>,
    state: &mut SymbolState,
) {
    let run = state
        .seen
        .still
        .note(content, context.received, book.sequence);
    // By our clock, as the answers are.
    let ahead = context.clock_ahead.unwrap_or_default();
    let Some(traded) = context.traded.map(|traded| traded.saturating_sub(ahead)) else {
        return;
    };
    tally.checked(Dimension::Accuracy, usize::from(state.is_warm()));
    if run.weight == 0 || run.counted || traded.since(run.since) < BESIDE {
        return;
    }
    let severity = if run.weight > 1 {
        Severity::Error
    } else {
        Severity::Warning
    };
    tally.object(&A_FROZEN, severity, place(STILL, "bids"), || {
        format!(
            "the same levels in {} answers over {:.0} s, while the market trades",
            run.answers,
            run.lasts.as_secs_f64()
        )
    });
}

/// Judges a book by its past and its peers; gives what the engine made of its middle.
pub(super) fn judge(
    tally: &mut Tally,
    sides: [&Side<'_>; 2],
    best: Prices,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Option<Weighed> {
    let warm = state.is_warm();
    spread(tally, best, state, warm, "asks");
    let ln = middle(best);
    sizes(tally, sides, ln, warm);
    let ln = ln?;
    far_levels(tally, sides, ln);
    consensus(tally, ln, context, "bids");
    let engine = &mut state.seen.engine;
    let tick = tick(best.bid.map_or(f64::NAN, nearest), context);
    beside_ticker(
        tally,
        ln,
        best,
        || engine.sigma(Floor::MIDDLE, tick),
        context,
    );
    let peers = context.peers.as_ref();
    let weighed = engine.weigh(ln, context.received, Floor::MIDDLE, tick, peers);
    outlier(tally, &A_MID_OUTLIER, &weighed, warm, "bids");
    Some(weighed)
}

/// Whether an order rests absurdly far from the middle.
fn is_far(price: f64, middle: f64) -> bool {
    price > 10.0 * middle || price < middle / 10.0
}

/// Judges the sizes of the levels that mean something: an order for a ten-thousandth of the price is as large as anybody likes
/// (25 830 times the usual size in a recorded book).
fn sizes(tally: &mut Tally, sides: [&Side<'_>; 2], middle: Option<Finite64>, warm: bool) {
    let middle = middle.map(|middle| middle.get().exp());
    let near = |price| middle.is_none_or(|middle| !is_far(price, middle));
    let levels = sides.into_iter().flat_map(|side| &side.good);
    let mut sizes = levels
        .filter(|level| near(level.near))
        .map(|level| level.size);
    let (count, largest) = sizes
        .clone()
        .fold((0_usize, 0.0_f64), |(count, most), size| {
            (count + 1, most.max(size))
        });
    if count < LEVELS {
        return;
    }
    tally.checked(Dimension::Accuracy, usize::from(warm));
    // The larger ones are those beyond the 90 % quantile: with as many at least as large as the limit, it is no smaller.
    let limit = largest / LARGE;
    let larger = count - count * 9 / 10;
    if sizes
        .by_ref()
        .filter(|size| *size >= limit)
        .nth(larger - 1)
        .is_none()
    {
        tally.object(
            &A_SIZE_OUTLIER,
            Severity::Warning,
            place(SIZES, "size"),
            || format!("a size of {largest}, where nine of ten are under {limit}"),
        );
    }
}

/// Orders that rest absurdly far away are real, and mean nothing.
fn far_levels(tally: &mut Tally, sides: [&Side<'_>; 2], middle: Finite64) {
    let middle = middle.get().exp();
    let levels = sides.into_iter().flat_map(|side| &side.good);
    let count = levels.filter(|level| is_far(level.near, middle)).count();
    if count > 0 {
        tally.measured(&A_FAR_LEVEL, Severity::Info, None, || {
            format!("{count} levels are beyond a tenth and ten times the middle")
        });
    }
}

fn beside_ticker(
    tally: &mut Tally,
    ln: Finite64,
    best: Prices,
    sigma: impl FnOnce() -> f64,
    context: &Context<'_>,
) {
    let Some(quote) = context.quote else {
        return;
    };
    let apart = quote
        .at
        .since(context.received)
        .max(context.received.since(quote.at));
    let ticker = middle(Prices::new(None, Some(quote.bid), Some(quote.ask)));
    let Some(ticker) = ticker.filter(|_| apart <= BESIDE) else {
        return;
    };
    tally.checked(Dimension::Consistency, 1);
    let far = (ln.get() - ticker.get()).abs();
    let spread = best.spread().unwrap_or(0.0);
    // What is usual is only asked where the spread does not explain it.
    if far > 3.0 * spread && far > 5.0 * sigma() {
        tally.whole(&K_TICKER_VS_BBO, Severity::Warning, Some("bids"), || {
            format!(
                "the middle is {:.2} % from that of the ticker",
                100.0 * far.exp_m1()
            )
        });
    }
}
