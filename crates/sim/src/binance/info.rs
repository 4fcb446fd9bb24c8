//! exchangeInfo.

use std::fmt::Write;

use crate::binance::error::Refusal;
use crate::binance::params::pairs;
use crate::market::fixed::Fixed;
use crate::market::{Listing, Market};
use crate::query::Query;
use crate::sim::Times;

/// Every limit that the simulator keeps stands here with its real number; `ORDERS` is there for the shape.
const RATE_LIMITS: &str = r#"[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000},{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100},{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":200000},{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300000}]"#;

const FLAGS: &str = r#""baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS_LIMIT","TAKE_PROFIT_LIMIT"],"icebergAllowed":true,"ocoAllowed":true,"otoAllowed":true,"quoteOrderQtyMarketAllowed":true,"allowTrailingStop":true,"cancelReplaceAllowed":true,"amendAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":true"#;

const STP: &str = r#""defaultSelfTradePreventionMode":"EXPIRE_MAKER","allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","EXPIRE_BOTH","DECREMENT"]"#;

pub(crate) fn exchange_info(
    query: &Query,
    market: &Market,
    times: Times,
) -> Result<String, Refusal> {
    let sets = match query.get("showPermissionSets") {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(Refusal::NotValid("showPermissionSets")),
    };
    let by_name = query.get("symbol").is_some() || query.get("symbols").is_some();
    if by_name && (query.get("permissions").is_some() || query.get("symbolStatus").is_some()) {
        return Err(Refusal::Combination);
    }
    let (mut chosen, _) = pairs(query, market)?;
    // Every pair is trading, all the time.
    if query.get("symbolStatus").is_some_and(|s| s != "TRADING") {
        chosen.clear();
    }
    let rows: Vec<String> = chosen
        .iter()
        .filter_map(|pair| market.listings().get(*pair))
        .map(|listing| row(listing, sets))
        .collect();
    Ok(format!(
        "{{\"timezone\":\"UTC\",\"serverTime\":{},\"rateLimits\":{RATE_LIMITS},\"exchangeFilters\":[],\"symbols\":[{}]}}",
        times.now.as_ms(),
        rows.join(",")
    ))
}

fn row(listing: &Listing, sets: bool) -> String {
    let mut row = String::with_capacity(2_048);
    let (base, quote) = (&listing.base, &listing.quote);
    // Writing to a string cannot fail.
    let _ = write!(
        row,
        "{{\"symbol\":\"{}\",\"status\":\"TRADING\",\"baseAsset\":\"{base}\",\"baseAssetPrecision\":8,\"quoteAsset\":\"{quote}\",\"quotePrecision\":8,\"quoteAssetPrecision\":8,{FLAGS},\"filters\":[",
        listing.id
    );
    let tick = Fixed::new(1, listing.price_places, 8);
    let step = Fixed::new(1, listing.lot_places, 8);
    let least = if quote == "BTC" {
        "0.00010000"
    } else {
        "5.00000000"
    };
    let _ = write!(
        row,
        "{{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"{tick}\",\"maxPrice\":\"1000000.00000000\",\"tickSize\":\"{tick}\"}},{{\"filterType\":\"LOT_SIZE\",\"minQty\":\"{step}\",\"maxQty\":\"90000000.00000000\",\"stepSize\":\"{step}\"}},{{\"filterType\":\"ICEBERG_PARTS\",\"limit\":10}},"
    );
    let _ = write!(
        row,
        "{{\"filterType\":\"PERCENT_PRICE_BY_SIDE\",\"bidMultiplierUp\":\"5\",\"bidMultiplierDown\":\"0.2\",\"askMultiplierUp\":\"5\",\"askMultiplierDown\":\"0.2\",\"avgPriceMins\":5}},{{\"filterType\":\"NOTIONAL\",\"minNotional\":\"{least}\",\"applyMinToMarket\":true,\"maxNotional\":\"9000000.00000000\",\"applyMaxToMarket\":false,\"avgPriceMins\":5}},{{\"filterType\":\"MAX_NUM_ORDERS\",\"maxNumOrders\":200}},{{\"filterType\":\"MAX_NUM_ALGO_ORDERS\",\"maxNumAlgoOrders\":5}}],\"permissions\":[],"
    );
    if sets {
        row.push_str("\"permissionSets\":[[\"SPOT\",\"MARGIN\",\"TRD_GRP_004\",\"TRD_GRP_005\"]],");
    }
    let _ = write!(row, "{STP}}}");
    row
}
