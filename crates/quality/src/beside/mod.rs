//! What the same market has shown in answers of other kinds: trades and bars of one market tell the same story.

mod series;
mod traded;

use robust_market::{Candle, Candles, Interval, Severity, Timestamp, Trades};
use rust_decimal::Decimal;

use crate::rules::{K_RESAMPLE, K_TRADES_VS_CANDLE};
use crate::tally::{Place, Tally};
use series::{Bar, Series};
use traded::Traded;

/// Sums and prices that differ by no more than this share are the same: exchanges round.
const SAME: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// Trades and bars that one market has shown, to hold its bars against: bounded, 240 minutes of trades and three times 128 bars.
///
/// ```
/// use robust_market::{Candles, Interval};
/// use robust_quality::Beside;
///
/// let mut beside = Beside::default();
/// beside.note_candles(&Candles::new("BTC/USDT".parse()?, Interval::M1));
/// assert!(beside.memory() < 64 * 1_024);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Beside {
    traded: Traded,
    series: Series,
}

impl Beside {
    /// Takes in a page of trades of a source whose ids count without holes.
    pub fn note_trades(&mut self, trades: &Trades) {
        self.traded.note(&trades.rows);
    }

    /// Takes in a page of bars, oldest first.
    pub fn note_candles(&mut self, candles: &Candles) {
        let closed = candles.rows.iter().filter(|row| row.closed);
        self.series.note(candles.interval, closed);
    }

    /// Bytes held, on the stack and on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.traded.memory() + self.series.memory()
    }

    /// Holds a closed bar, at `position` on the wire, against the trades and the shorter bars of its time.
    pub(crate) fn judge(
        &self,
        tally: &mut Tally,
        (candle, position): (&Candle, usize),
        interval: Interval,
        end: Timestamp,
        dense: bool,
    ) {
        let place = |field| Place {
            field: Some(field),
            ..Place::row(position)
        };
        let traded = self.traded.sum(candle.time, interval.duration());
        if let Some(sum) = traded.filter(|sum| !same(*sum, candle.volume)) {
            tally.object(
                &K_TRADES_VS_CANDLE,
                Severity::Warning,
                place("volume"),
                || {
                    format!(
                        "volume {}, and the trades of its time sum to {sum}",
                        candle.volume
                    )
                },
            );
        }
        let own = Bar::of(candle);
        for (shorter, parts) in self.series.together(interval, candle.time, end, dense) {
            if let Some(field) = differs(&own, &parts) {
                tally.object(&K_RESAMPLE, Severity::Warning, place(field), || {
                    format!("{field} is not that of the bars of {shorter} together")
                });
            }
        }
    }
}

fn same(a: Decimal, b: Decimal) -> bool {
    if a == b {
        return true;
    }
    let slack = a.abs().max(b.abs()).checked_mul(SAME);
    let apart = a.checked_sub(b).map(|apart| apart.abs());
    apart.zip(slack).is_none_or(|(apart, slack)| apart <= slack)
}

/// The first field in which a bar is not what its parts make.
fn differs(own: &Bar, parts: &Bar) -> Option<&'static str> {
    [
        ("volume", own.volume, parts.volume),
        ("open", own.open, parts.open),
        ("high", own.high, parts.high),
        ("low", own.low, parts.low),
        ("close", own.close, parts.close),
    ]
    .into_iter()
    .find(|(_, own, parts)| !same(*own, *parts))
    .map(|(field, ..)| field)
}
