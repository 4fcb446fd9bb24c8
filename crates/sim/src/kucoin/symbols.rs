//! symbols, currencies and prices.

use std::fmt::Write;

use crate::kucoin::error::Refusal;
use crate::kucoin::listing::{code, name, price};
use crate::market::asset::reference;
use crate::market::fixed::Fixed;
use crate::market::{Listing, Market};
use crate::query::Query;

const REST: &str = "\"isMarginEnabled\":true,\"enableTrading\":true,\"feeCategory\":1,\"makerFeeCoefficient\":\"1.00\",\"takerFeeCoefficient\":\"1.00\",\"st\":false,\"callauctionIsEnabled\":false,\"callauctionPriceFloor\":null,\"callauctionPriceCeiling\":null,\"callauctionFirstStageStartTime\":null,\"callauctionSecondStageStartTime\":null,\"callauctionThirdStageStartTime\":null,\"tradingStartTime\":null";

/// The group that a pair is shown in.
fn group(listing: &Listing) -> &str {
    match listing.quote.as_str() {
        "USDT" => "USDS",
        quote => quote,
    }
}

pub(crate) fn all(query: &Query, market: &Market) -> Result<String, Refusal> {
    let wanted = query.get("market");
    let rows: Vec<String> = market
        .listings()
        .iter()
        .filter(|listing| wanted.is_none_or(|wanted| wanted == group(listing)))
        .map(row)
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

pub(crate) fn one(name: &str, market: &Market) -> Result<String, Refusal> {
    let found = market.find(name).ok_or(Refusal::NoSuchSymbol)?;
    let listing = market.listings().get(found).ok_or(Refusal::NoSuchSymbol)?;
    Ok(row(listing))
}

fn row(listing: &Listing) -> String {
    let quote_places = if listing.quote == "BTC" { 8 } else { 6 };
    let lots = listing.lot_places;
    // About ten cents of the coin, at least one lot.
    let least = 0.1 / reference(listing.symbol.base(), "USD").max(1e-9);
    let least = (least * 10_f64.powi(lots.cast_signed())) as u64;
    let mut row = String::with_capacity(1_024);
    // Writing to a string cannot fail.
    let _ = write!(
        row,
        "{{\"symbol\":\"{}\",\"name\":\"{}\",\"baseCurrency\":\"{}\",\"quoteCurrency\":\"{}\",\"feeCurrency\":\"{}\",\"market\":\"{}\"",
        listing.id,
        name(listing),
        listing.base,
        listing.quote,
        listing.quote,
        group(listing)
    );
    let _ = write!(
        row,
        ",\"baseMinSize\":\"{}\",\"quoteMinSize\":\"{}\",\"baseMaxSize\":\"10000000000\",\"quoteMaxSize\":\"99999999\"",
        Fixed::new(least.max(1), lots, lots).trimmed(),
        if listing.quote == "BTC" {
            "0.00001"
        } else {
            "0.1"
        }
    );
    let _ = write!(
        row,
        ",\"baseIncrement\":\"{}\",\"quoteIncrement\":\"{}\",\"priceIncrement\":\"{}\",\"priceLimitRate\":\"0.1\",\"minFunds\":\"{}\",{REST}}}",
        Fixed::new(1, lots, lots),
        Fixed::new(1, quote_places, quote_places),
        price(listing, 1),
        if listing.quote == "BTC" {
            "0.000001"
        } else {
            "0.1"
        }
    );
    row
}

/// The currencies by code and name, each once.
fn known(market: &Market) -> Vec<(&str, &str)> {
    let mut known = Vec::new();
    for listing in market.listings() {
        for asset in [listing.symbol.base(), listing.symbol.quote()] {
            if !known.contains(&(code(asset), asset)) {
                known.push((code(asset), asset));
            }
        }
    }
    known
}

pub(crate) fn currencies(market: &Market) -> Result<String, Refusal> {
    let rows: Vec<String> = known(market)
        .into_iter()
        .map(|(code, name)| currency_row(code, name))
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}

pub(crate) fn currency(wanted: &str, market: &Market) -> Result<String, Refusal> {
    known(market)
        .into_iter()
        .find(|(code, _)| *code == wanted)
        .map(|(code, name)| currency_row(code, name))
        .ok_or(Refusal::NotValid("currency"))
}

fn currency_row(code: &str, name: &str) -> String {
    let chain = name.to_ascii_lowercase();
    format!(
        "{{\"currency\":\"{code}\",\"name\":\"{name}\",\"fullName\":\"{name}\",\"precision\":8,\"confirms\":null,\"contractAddress\":null,\"isMarginEnabled\":true,\"isDebitEnabled\":true,\"chains\":[{{\"chainName\":\"{name}\",\"withdrawalMinSize\":\"0.001\",\"depositMinSize\":null,\"withdrawFeeRate\":\"0\",\"withdrawalMinFee\":\"0.0005\",\"isWithdrawEnabled\":true,\"isDepositEnabled\":true,\"confirms\":3,\"preConfirms\":1,\"contractAddress\":\"\",\"withdrawPrecision\":8,\"maxWithdraw\":null,\"maxDeposit\":null,\"needTag\":false,\"chainId\":\"{chain}\"}}]}}"
    )
}

/// Dollars for each currency; a tether counts as one.
pub(crate) fn prices(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    if query.get("base").is_some_and(|base| base != "USD") {
        return Err(Refusal::NotValid("base"));
    }
    let wanted: Option<Vec<&str>> = query
        .get("currencies")
        .map(|list| list.split(',').map(str::trim).collect());
    let asked = |code: &str| wanted.as_ref().is_none_or(|list| list.contains(&code));
    let mut rows = Vec::new();
    if asked("USDT") {
        rows.push("\"USDT\":\"1\"".to_owned());
    }
    for pair in 0..market.listings().len() {
        let Some((listing, mut feed)) = market.pair(pair) else {
            continue;
        };
        if listing.quote != "USDT" || !asked(&listing.base) {
            continue;
        }
        if let Some(last) = feed.last_before(at + 1) {
            rows.push(format!(
                "\"{}\":\"{}\"",
                listing.base,
                price(listing, last.price)
            ));
        }
    }
    Ok(format!("{{{}}}", rows.join(",")))
}
