//! Records of the tolerant way, which every exchange writes with the same fields in another order.

use robust_market::{Candle, DefectKind, Side, Timestamp, Trade};

use super::{Fields, Raw, Reading};

/// How a field is read as a time.
type Unit<'a> = fn(Raw<'a>) -> Result<Timestamp, DefectKind>;

/// The fields of a bar. What an exchange does not send is `None`, which is no defect; what it should have sent is [`Raw::MISSING`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar<'a> {
    pub(crate) time: Raw<'a>,
    pub(crate) open: Raw<'a>,
    pub(crate) high: Raw<'a>,
    pub(crate) low: Raw<'a>,
    pub(crate) close: Raw<'a>,
    pub(crate) volume: Raw<'a>,
    pub(crate) quote_volume: Option<Raw<'a>>,
    pub(crate) vwap: Option<Raw<'a>>,
    pub(crate) count: Option<Raw<'a>>,
}

impl<'a> Bar<'a> {
    /// The bar, as if it were open.
    pub(crate) fn record(self, unit: Unit<'a>, fields: &mut Fields<'_>) -> Reading<Candle> {
        let time = fields.need("time", self.time, unit);
        let open = fields.need("open", self.open, Raw::decimal);
        let high = fields.need("high", self.high, Raw::decimal);
        let low = fields.need("low", self.low, Raw::decimal);
        let close = fields.need("close", self.close, Raw::decimal);
        let volume = fields.need("volume", self.volume, Raw::decimal);
        let mut sent = |field, raw: Option<Raw<'a>>| fields.need(field, raw?, Raw::decimal);
        let quote_volume = sent("quote_volume", self.quote_volume);
        let vwap = sent("vwap", self.vwap);
        let count = self.count;
        let count = count.and_then(|count| fields.need("count", count, Raw::count));
        let (Some(start), Some(open), Some(high), Some(low), Some(close), Some(volume)) =
            (time, open, high, low, close, volume)
        else {
            return Err(time);
        };
        Ok(Candle {
            time: start,
            open,
            high,
            low,
            close,
            volume,
            quote_volume,
            vwap,
            count,
            closed: false,
        })
    }
}

/// The fields of a trade. An id that an exchange need not send is `None` where it is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Execution<'a> {
    pub(crate) price: Raw<'a>,
    pub(crate) amount: Raw<'a>,
    pub(crate) time: Raw<'a>,
    pub(crate) id: Option<Raw<'a>>,
    pub(crate) side: Raw<'a>,
}

impl<'a> Execution<'a> {
    /// The trade.
    pub(crate) fn record(
        self,
        unit: Unit<'a>,
        side: fn(Raw<'a>) -> Result<Side, DefectKind>,
        fields: &mut Fields<'_>,
    ) -> Reading<Trade> {
        let price = fields.need("price", self.price, Raw::decimal);
        let amount = fields.need("amount", self.amount, Raw::decimal);
        let time = fields.need("time", self.time, unit);
        let id = self.id;
        let id = id.and_then(|id| fields.need("id", id, Raw::trade_id));
        let side = fields.need("side", self.side, side);
        let (Some(price), Some(amount), Some(at)) = (price, amount, time) else {
            return Err(time);
        };
        Ok(Trade {
            id,
            price,
            amount,
            side,
            time: at,
        })
    }
}

/// The side of a taker, as most exchanges write it.
pub(crate) fn side(raw: Raw<'_>) -> Result<Side, DefectKind> {
    side_of(&raw.text()?).ok_or(DefectKind::Unparsable)
}

/// The side of a taker, as most exchanges write it.
#[inline]
pub(crate) fn side_of(text: &str) -> Option<Side> {
    match text {
        "buy" => Some(Side::Buy),
        "sell" => Some(Side::Sell),
        _ => None,
    }
}
