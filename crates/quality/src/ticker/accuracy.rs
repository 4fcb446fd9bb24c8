//! Is the ticker plausible after the ones before it, and beside other exchanges?

use robust_market::{Dimension, Severity, Ticker};
use rust_decimal::Decimal;

use crate::consensus::ERROR_LIMITS;
use crate::engine::{Floor, Outcome, Weighed};
use crate::finite::nearest;
use crate::rules::{A_CONSENSUS, A_FROZEN, A_HALTED, A_OUTLIER, A_REGIME, A_WIDE_SPREAD, Rule};
use crate::tally::{Place, Tally};
use crate::{Context, Finite64, SymbolState};

/// A wider spread than this says nothing about the price, so the last trade stands in.
const TIGHT: f64 = 0.05;
/// A spread up to this is never suspicious.
const WIDE: f64 = 0.10;
/// How many times the usual spread is suspicious.
const WIDER: f64 = 50.0;
/// Spreads before the usual one is known.
const SPREADS: usize = 30;

/// Units of accuracy within one ticker or book.
const OUTLIER: usize = 0;
const SPREAD: usize = 1;
const FROZEN: usize = 2;
const CONSENSUS: usize = 3;

/// The prices of a ticker that passed validity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    pub(crate) last: Option<Decimal>,
    pub(crate) bid: Option<Decimal>,
    pub(crate) ask: Option<Decimal>,
    /// The same as numbers, NaN for none.
    near: [f64; 3],
}

impl Prices {
    pub(crate) fn new(last: Option<Decimal>, bid: Option<Decimal>, ask: Option<Decimal>) -> Self {
        let near = [last, bid, ask].map(|price| price.map_or(f64::NAN, nearest));
        Self::known(last, bid, ask, near)
    }

    /// The same where the numbers are known already: those of last, bid and ask, NaN for none.
    pub(crate) const fn known(
        last: Option<Decimal>,
        bid: Option<Decimal>,
        ask: Option<Decimal>,
        near: [f64; 3],
    ) -> Self {
        Self {
            last,
            bid,
            ask,
            near,
        }
    }

    /// The spread as a share of the middle, of a quote that is not crossed.
    pub(crate) fn spread(&self) -> Option<f64> {
        let [_, bid, ask] = self.near;
        let middle = bid + (ask - bid) / 2.0;
        let share = (ask - bid) / middle;
        // Without one of them this is no number, and nothing of it holds.
        (bid > 0.0 && ask >= bid && share.is_finite()).then_some(share)
    }

    /// The price that stands for the market: the middle of a tight quote, else the last trade.
    pub(crate) fn price(&self) -> Option<Decimal> {
        match (self.bid, self.ask) {
            (Some(bid), Some(ask)) if self.spread().is_some_and(|spread| spread < TIGHT) => {
                bid.checked_add(ask)?.checked_div(Decimal::TWO)
            }
            _ => self.last,
        }
    }

    /// ln of the price that stands for the market: the geometric middle of a tight quote, else the last trade.
    pub(crate) fn ln(&self) -> Option<Finite64> {
        if self.spread().is_some_and(|spread| spread < TIGHT) {
            return self.middle();
        }
        self.last.and_then(Finite64::ln)
    }

    /// ln of the geometric middle of bid and ask, where both are there.
    pub(crate) fn middle(&self) -> Option<Finite64> {
        let [_, bid, ask] = self.near;
        Finite64::new((bid * ask).ln() / 2.0)
    }

    /// The last price or the bid as a number, NaN for neither.
    fn any(&self) -> f64 {
        let [last, bid, _] = self.near;
        if last.is_nan() { bid } else { last }
    }
}

pub(crate) const fn place(unit: usize, field: &str) -> Place<'_> {
    Place {
        unit,
        record: 0,
        field: Some(field),
    }
}

/// Judges a ticker, with the fingerprint of its content, by its past and its peers; gives what the engine made of its price.
pub(crate) fn judge(
    tally: &mut Tally,
    (ticker, content): (&Ticker, u64),
    prices: Prices,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Option<Weighed> {
    let warm = state.is_warm();
    frozen(tally, (ticker, content), context, state, warm);
    spread(tally, prices, state, warm, "ask");
    let ln = prices.ln()?;
    consensus(tally, ln, context, "last");
    let tick = tick(prices.any(), context);
    let engine = &mut state.seen.engine;
    let weighed = engine.weigh(
        ln,
        context.received,
        Floor::TICKER,
        tick,
        context.peers.as_ref(),
    );
    outlier(tally, &A_OUTLIER, &weighed, warm, "last");
    Some(weighed)
}

/// The tick as a share of the price; zero where either is not known.
pub(crate) fn tick(price: f64, context: &Context<'_>) -> f64 {
    let share = context.profile.price_tick.map(|tick| nearest(tick) / price);
    share
        .filter(|share| share.is_finite() && *share > 0.0)
        .unwrap_or(0.0)
}

pub(crate) fn outlier(tally: &mut Tally, rule: &Rule, weighed: &Weighed, warm: bool, field: &str) {
    tally.checked(Dimension::Accuracy, usize::from(warm));
    let far = || {
        let percent = 100.0 * weighed.step.exp_m1();
        format!(
            "{percent:+.2} % from the last level, {:.1} usual steps",
            weighed.step.abs() / weighed.sigma.max(f64::MIN_POSITIVE)
        )
    };
    match weighed.outcome {
        Outcome::Pending { hard, .. } => {
            let severity = if hard {
                Severity::Error
            } else {
                Severity::Warning
            };
            tally.object(rule, severity, place(OUTLIER, field), far);
        }
        Outcome::Level { released } => {
            tally.object(&A_REGIME, Severity::Info, place(OUTLIER, field), || {
                format!("{}; {released} answers before are released", far())
            });
        }
        Outcome::Cold | Outcome::Near | Outcome::Confirmed => {}
    }
}

pub(crate) fn spread(
    tally: &mut Tally,
    prices: Prices,
    state: &mut SymbolState,
    warm: bool,
    field: &str,
) {
    let Some(spread) = prices.spread() else {
        return;
    };
    tally.checked(Dimension::Accuracy, usize::from(warm));
    let spreads = &mut state.seen.spreads;
    let limit = if spread > WIDE {
        let enough = spreads.len() >= SPREADS;
        let usual = spreads.median().filter(|_| enough);
        WIDE.max(WIDER * usual.unwrap_or(0.0))
    } else {
        WIDE
    };
    if spread > limit {
        tally.object(
            &A_WIDE_SPREAD,
            Severity::Warning,
            place(SPREAD, field),
            || {
                format!(
                    "a spread of {:.1} %; {:.1} % is the most",
                    spread * 100.0,
                    limit * 100.0
                )
            },
        );
    }
    // The middle one of many is not moved by a single wide one, so this one counts as well.
    if let Some(spread) = Finite64::new(spread) {
        spreads.push(spread);
    }
}

pub(crate) fn consensus(tally: &mut Tally, ln: Finite64, context: &Context<'_>, field: &str) {
    let Some(peers) = &context.peers else {
        return;
    };
    if let Some(apart) = peers.apart(ln.get()) {
        tally.checked(Dimension::Accuracy, 1);
        let limit = peers.limit();
        let back = if peers.suspected() {
            limit / 2.0
        } else {
            limit
        };
        let severity = if apart > ERROR_LIMITS * limit {
            Severity::Error
        } else if apart > back && !peers.is_news() {
            Severity::Warning
        } else {
            return;
        };
        tally.object(&A_CONSENSUS, severity, place(CONSENSUS, field), || {
            format!(
                "{:.2} % from the median of {} other exchanges; {:.2} % is the most",
                100.0 * apart.exp_m1(),
                peers.count(),
                100.0 * limit.exp_m1()
            )
        });
    } else if let Some((apart, limit)) = peers.apart_across(ln.get()) {
        tally.checked(Dimension::Accuracy, 1);
        if apart > limit {
            tally.object(
                &A_CONSENSUS,
                Severity::Warning,
                place(CONSENSUS, field),
                || {
                    format!(
                        "{:.2} % from what the pair in other dollars makes one expect",
                        100.0 * apart.exp_m1()
                    )
                },
            );
        }
    }
}

fn frozen(
    tally: &mut Tally,
    (ticker, content): (&Ticker, u64),
    context: &Context<'_>,
    state: &mut SymbolState,
    warm: bool,
) {
    let run = state
        .seen
        .still
        .note(content, context.received, ticker.sequence);
    tally.checked(Dimension::Accuracy, usize::from(warm));
    let quiet = ticker.base_volume.is_some_and(|volume| volume.is_zero());
    let say = |why: &str| {
        format!(
            "the same content in {} answers over {:.0} s{why}",
            run.answers,
            run.lasts.as_secs_f64()
        )
    };
    let place = place(FROZEN, "last");
    if context.source_frozen && run.answers > 1 {
        tally.object(&A_FROZEN, Severity::Error, place, || {
            say(", as all of this source while others move")
        });
    } else if run.weight == 0 {
    } else if quiet || context.halted {
        tally.object(&A_HALTED, Severity::Info, place, || {
            say(" in a market without trades")
        });
    } else if run.counted {
        tally.object(&A_HALTED, Severity::Info, place, || {
            say(" while its sequence number moves")
        });
    } else {
        let severity = if run.weight > 1 {
            Severity::Error
        } else {
            Severity::Warning
        };
        tally.object(&A_FROZEN, severity, place, || say(""));
    }
}
