//! Assets and AssetPairs.

use std::fmt::Write;

use crate::kraken::error::Refusal;
use crate::kraken::listing::{altname, ledger_places};
use crate::market::fixed::{Fixed, pow10};
use crate::market::{Listing, Market};
use crate::query::Query;

/// Taker and maker fees by volume of 30 days, in percent.
const FEES: &str = "[[0,0.4],[10000,0.35],[50000,0.24],[100000,0.22],[250000,0.2],[500000,0.18],[1000000,0.16],[2500000,0.14],[5000000,0.12],[10000000,0.1]]";
const FEES_MAKER: &str = "[[0,0.25],[10000,0.2],[50000,0.14],[100000,0.12],[250000,0.1],[500000,0.08],[1000000,0.06],[2500000,0.04],[5000000,0.02],[10000000,0.0]]";

/// The pairs that `names` lists, in that order; all pairs without `names`.
pub(crate) fn named(names: Option<&str>, market: &Market) -> Result<Vec<usize>, Refusal> {
    match names {
        None => Ok((0..market.listings().len()).collect()),
        Some(names) => {
            let mut found = Vec::new();
            for name in names.split(',') {
                let pair = market.find(name.trim()).ok_or(Refusal::UnknownPair)?;
                if !found.contains(&pair) {
                    found.push(pair);
                }
            }
            Ok(found)
        }
    }
}

/// The one pair that `pair` names.
pub(crate) fn one(query: &Query, market: &Market) -> Result<usize, Refusal> {
    let name = query.get("pair").ok_or(Refusal::InvalidArguments)?;
    market.find(name).ok_or(Refusal::UnknownPair)
}

/// A whole number within a range, or what it is when it is left out.
pub(crate) fn number(
    query: &Query,
    name: &str,
    range: std::ops::RangeInclusive<usize>,
    left_out: usize,
) -> Result<usize, Refusal> {
    match query.get(name) {
        None => Ok(left_out),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or(Refusal::InvalidArguments),
    }
}

fn class(query: &Query, name: &str) -> Result<bool, Refusal> {
    match query.get(name) {
        None | Some("currency") => Ok(true),
        Some("tokenized_asset") => Ok(false),
        Some(_) => Err(Refusal::InvalidArguments),
    }
}

pub(crate) fn assets(query: &Query, market: &Market) -> Result<String, Refusal> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for listing in market.listings() {
        for (id, code) in [
            (listing.base.as_str(), listing.symbol.base()),
            (listing.quote.as_str(), listing.symbol.quote()),
        ] {
            if all.iter().all(|(known, _)| *known != id) {
                all.push((id, altname(code)));
            }
        }
    }
    if !class(query, "aclass")? {
        all.clear();
    }
    if let Some(names) = query.get("asset") {
        let mut chosen = Vec::new();
        for name in names.split(',').map(str::trim) {
            let asset = all.iter().find(|(id, alt)| *id == name || *alt == name);
            chosen.push(*asset.ok_or(Refusal::UnknownAsset)?);
        }
        all = chosen;
    }
    let rows: Vec<String> = all
        .iter()
        .map(|(id, alt)| {
            let (decimals, display) = ledger_places(id);
            format!(
                "\"{id}\":{{\"aclass\":\"currency\",\"altname\":\"{alt}\",\"decimals\":{decimals},\"display_decimals\":{display},\"status\":\"enabled\"}}"
            )
        })
        .collect();
    Ok(format!("{{{}}}", rows.join(",")))
}

pub(crate) fn asset_pairs(query: &Query, market: &Market) -> Result<String, Refusal> {
    let chosen = if class(query, "aclass_base")? {
        named(query.get("pair"), market)?
    } else if query.get("pair").is_some() {
        return Err(Refusal::UnknownPair);
    } else {
        Vec::new()
    };
    let info = query.get("info").unwrap_or("info");
    if !["info", "leverage", "fees", "margin"].contains(&info) {
        return Err(Refusal::InvalidArguments);
    }
    let rows: Vec<String> = chosen
        .iter()
        .filter_map(|pair| market.listings().get(*pair))
        .map(|listing| format!("\"{}\":{}", listing.id, pair_info(listing, info)))
        .collect();
    Ok(format!("{{{}}}", rows.join(",")))
}

fn pair_info(listing: &Listing, info: &str) -> String {
    match info {
        "leverage" => "{\"leverage_buy\":[2,3],\"leverage_sell\":[2,3]}".to_owned(),
        "fees" => format!(
            "{{\"fees\":{FEES},\"fees_maker\":{FEES_MAKER},\"fee_volume_currency\":\"ZUSD\"}}"
        ),
        "margin" => "{\"margin_call\":80,\"margin_level\":40}".to_owned(),
        _ => whole_info(listing),
    }
}

fn whole_info(listing: &Listing) -> String {
    let alias = |at: usize| listing.aliases.get(at).map_or("", String::as_str);
    let mut row = String::with_capacity(1_024);
    // Writing to a string cannot fail.
    let _ = write!(
        row,
        "{{\"altname\":\"{}\",\"wsname\":\"{}\",\"aclass_base\":\"currency\",\"base\":\"{}\",\"aclass_quote\":\"currency\",\"quote\":\"{}\",\"lot\":\"unit\"",
        alias(0),
        alias(1),
        listing.base,
        listing.quote
    );
    let _ = write!(
        row,
        ",\"cost_decimals\":{},\"pair_decimals\":{},\"lot_decimals\":{},\"lot_multiplier\":1,\"leverage_buy\":[2,3],\"leverage_sell\":[2,3]",
        if listing.symbol.quote() == "BTC" {
            10
        } else {
            5
        },
        listing.price_places,
        listing.lot_places
    );
    let _ = write!(
        row,
        ",\"fees\":{FEES},\"fees_maker\":{FEES_MAKER},\"fee_volume_currency\":\"ZUSD\",\"margin_call\":80,\"margin_stop\":40"
    );
    let (base, quote) = (listing.symbol.base(), listing.symbol.quote());
    let _ = write!(
        row,
        ",\"ordermin\":\"{}\",\"costmin\":\"{}\",\"tick_size\":\"{}\",\"status\":\"online\",\"long_position_limit\":{},\"short_position_limit\":{}}}",
        order_min(crate::market::asset::reference(base, "USD")),
        if quote == "BTC" { "0.00002" } else { "0.5" },
        Fixed::new(1, listing.price_places, listing.price_places),
        1_000_000,
        600_000
    );
    row
}

/// About five dollars of the coin, one digit of it.
fn order_min(price: f64) -> String {
    let wanted = 5.0 / price.max(1e-9);
    (0_u32..=8)
        .find(|places| wanted * pow10(*places) as f64 >= 1.0)
        .map_or_else(
            || "0.00000001".to_owned(),
            |places| {
                let digits = (wanted * pow10(places) as f64) as u64;
                Fixed::new(digits, places, places).to_string()
            },
        )
}
