//! common/symbols, settings/common/symbols, settings/common/market-symbols and reference/currencies.

use std::fmt::Write;

use crate::htx::SYMBOL;
use crate::htx::error::Refusal;
use crate::htx::listing::amount;
use crate::htx::number::Bare;
use crate::market::asset::reference;
use crate::market::{Listing, Market};
use crate::query::Query;
use crate::sim::Times;

/// When trading of every pair opened: 2018-01-01T04:00:00Z.
const OPENED_MS: i64 = 1_514_779_200_000;

/// The least and the most of an order in coins, and the least in units of the quote.
struct Bounds {
    least: Bare,
    most: Bare,
    least_value: Bare,
    most_value: Bare,
}

fn bounds(listing: &Listing) -> Bounds {
    let coin = reference(listing.symbol.base(), "USD").max(1e-9);
    let lots = 10_f64.powi(listing.lot_places.cast_signed());
    let bitcoin = listing.quote == "btc";
    Bounds {
        // About ten cents and a million dollars of the coin.
        least: amount(listing, ((0.1 / coin * lots) as u64).max(1)),
        most: Bare::new((1_000_000.0 / coin) as u64 + 1, 0),
        least_value: if bitcoin {
            Bare::new(1, 4)
        } else {
            Bare::new(5, 0)
        },
        most_value: Bare::new(if bitcoin { 10 } else { 1_000_000 }, 0),
    }
}

/// The first version, with whole words for keys.
pub(crate) fn common(market: &Market) -> Result<String, Refusal> {
    let rows: Vec<String> = market.listings().iter().map(common_row).collect();
    Ok(format!(
        "{{\"status\":\"ok\",\"data\":[{}]}}",
        rows.join(",")
    ))
}

fn common_row(listing: &Listing) -> String {
    let Bounds {
        least,
        most,
        least_value,
        most_value,
    } = bounds(listing);
    let mut row = String::with_capacity(1_024);
    // Writing to a string cannot fail.
    let _ = write!(
        row,
        "{{\"base-currency\":\"{}\",\"quote-currency\":\"{}\",\"price-precision\":{},\"amount-precision\":{},\"symbol-partition\":\"main\",\"symbol\":\"{}\",\"state\":\"online\",\"value-precision\":8",
        listing.base, listing.quote, listing.price_places, listing.lot_places, listing.id
    );
    let _ = write!(
        row,
        ",\"min-order-amt\":{least},\"max-order-amt\":{most},\"min-order-value\":{least_value},\"limit-order-min-order-amt\":{least},\"limit-order-max-order-amt\":{most},\"limit-order-max-buy-amt\":{most},\"limit-order-max-sell-amt\":{most},\"sell-market-min-order-amt\":{least},\"sell-market-max-order-amt\":{most},\"buy-market-max-order-value\":{most_value},\"api-trading\":\"enabled\",\"tags\":\"\"}}"
    );
    row
}

/// Whether a client already has everything: nothing was ever changed since trading opened.
fn up_to_date(query: &Query) -> Result<bool, Refusal> {
    match query.get("ts") {
        None => Ok(false),
        Some(text) => match text.parse::<i64>() {
            Ok(since) if since >= 0 => Ok(since > OPENED_MS),
            _ => Err(Refusal::Parameter("invalid ts")),
        },
    }
}

/// The newer form, with short keys; its `ts` is text.
fn settings_envelope(rows: &[String], full: bool, times: Times) -> String {
    format!(
        "{{\"status\":\"ok\",\"data\":[{}],\"ts\":\"{}\",\"full\":{}}}",
        rows.join(","),
        times.now.as_ms(),
        u8::from(full)
    )
}

pub(crate) fn settings(query: &Query, market: &Market, times: Times) -> Result<String, Refusal> {
    if up_to_date(query)? {
        return Ok(settings_envelope(&[], false, times));
    }
    let count = market.listings().len();
    let rows: Vec<String> = market
        .listings()
        .iter()
        .enumerate()
        .map(|(rank, listing)| {
            let (base, quote) = (listing.symbol.base(), listing.symbol.quote());
            format!(
                "{{\"tags\":\"\",\"state\":\"online\",\"wr\":\"1.5\",\"sc\":\"{}\",\"p\":[],\"bcdn\":\"{base}\",\"qcdn\":\"{quote}\",\"elr\":null,\"tpp\":{},\"tap\":{},\"fp\":8,\"smlr\":null,\"flr\":null,\"whe\":false,\"cd\":false,\"te\":true,\"sp\":\"main\",\"d\":null,\"bc\":\"{}\",\"qc\":\"{}\",\"toa\":{OPENED_MS},\"ttp\":8,\"w\":{},\"lr\":5,\"dn\":\"{base}/{quote}\"}}",
                listing.id,
                listing.price_places,
                listing.lot_places,
                listing.base,
                listing.quote,
                (count - rank) * 1_000
            )
        })
        .collect();
    Ok(settings_envelope(&rows, true, times))
}

/// The bounds of orders, of the pairs that `symbols` lists.
pub(crate) fn rules(query: &Query, market: &Market, times: Times) -> Result<String, Refusal> {
    let mut chosen: Vec<usize> = match query.get("symbols") {
        None => (0..market.listings().len()).collect(),
        Some(names) => names
            .split(',')
            .map(|name| market.find(name.trim()).ok_or(SYMBOL))
            .collect::<Result<_, _>>()?,
    };
    let everything = !up_to_date(query)?;
    if !everything {
        chosen.clear();
    }
    let rows: Vec<String> = chosen
        .iter()
        .filter_map(|pair| market.listings().get(*pair))
        .map(rules_row)
        .collect();
    Ok(settings_envelope(&rows, everything, times))
}

fn rules_row(listing: &Listing) -> String {
    let Bounds {
        least,
        most,
        least_value,
        most_value,
    } = bounds(listing);
    let mut row = String::with_capacity(512);
    // Writing to a string cannot fail.
    let _ = write!(
        row,
        "{{\"symbol\":\"{}\",\"state\":\"online\",\"bc\":\"{}\",\"qc\":\"{}\",\"pp\":{},\"ap\":{},\"sp\":\"main\",\"vp\":8",
        listing.id, listing.base, listing.quote, listing.price_places, listing.lot_places
    );
    let _ = write!(
        row,
        ",\"minoa\":{least},\"maxoa\":{most},\"minov\":{least_value},\"lominoa\":{least},\"lomaxoa\":{most},\"lomaxba\":{most},\"lomaxsa\":{most},\"smminoa\":{least},\"blmlt\":1.1,\"slmgt\":0.9,\"smmaxoa\":{most},\"bmmaxov\":{most_value},\"msormlt\":0.1,\"mbormlt\":0.1,\"maxov\":{most_value},\"at\":\"enabled\",\"tags\":\"\"}}"
    );
    row
}

/// The currencies with the chains that they move on; every one is open.
pub(crate) fn currencies(query: &Query, market: &Market) -> Result<String, Refusal> {
    let mut known: Vec<&str> = Vec::new();
    for listing in market.listings() {
        for code in [listing.base.as_str(), listing.quote.as_str()] {
            if !known.contains(&code) {
                known.push(code);
            }
        }
    }
    if let Some(wanted) = query.get("currency") {
        known.retain(|code| *code == wanted);
        if known.is_empty() {
            return Err(Refusal::Field("currency"));
        }
    }
    let rows: Vec<String> = known.into_iter().map(currency_row).collect();
    Ok(format!("{{\"code\":200,\"data\":[{}]}}", rows.join(",")))
}

fn currency_row(code: &str) -> String {
    let name = code.to_ascii_uppercase();
    format!(
        "{{\"currency\":\"{code}\",\"assetType\":1,\"chains\":[{{\"chain\":\"{code}\",\"displayName\":\"{name}\",\"fullName\":\"{name}\",\"numOfConfirmations\":1,\"numOfFastConfirmations\":1,\"minDepositAmt\":\"0.001\",\"depositStatus\":\"allowed\",\"minWithdrawAmt\":\"0.001\",\"maxWithdrawAmt\":\"1000.00000000\",\"withdrawQuotaPerDay\":\"10000.00000000\",\"withdrawPrecision\":8,\"withdrawFeeType\":\"fixed\",\"transactFeeWithdraw\":\"0.0005\",\"withdrawStatus\":\"allowed\",\"addrWithTag\":false,\"addrDepositTag\":false}}],\"instStatus\":\"normal\"}}"
    )
}
