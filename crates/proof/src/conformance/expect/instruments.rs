//! Listed pairs and currencies.

use std::collections::BTreeMap;

use robust_market::{Asset, Instrument};
use rust_decimal::Decimal;
use serde_json::Value;

use super::super::Failure;
use super::super::compare::Differences;
use super::member;

/// Listed pairs, by the exchange's id.
pub(super) fn instruments(differences: &mut Differences<'_>, expected: &Value, got: &[Instrument]) {
    let Some(expected) = expected.as_array() else {
        differences.note(Failure::new("markets", expected, "a list of pairs"));
        return;
    };
    let by_id: BTreeMap<&str, &Instrument> = got
        .iter()
        .map(|instrument| (&*instrument.id, instrument))
        .collect();
    differences.count("markets", expected.len(), got.len());
    for market in expected {
        let id = member(market, "id").as_str().unwrap_or_default();
        match by_id.get(id) {
            Some(instrument) => one(differences, id, market, instrument),
            None => differences.note(Failure::new(id, "a pair", "nothing")),
        }
    }
}

fn one(differences: &mut Differences<'_>, id: &str, expected: &Value, got: &Instrument) {
    for (name, value) in [
        ("symbol", got.symbol.as_str()),
        ("base", got.symbol.base()),
        ("quote", got.symbol.quote()),
        ("baseId", &got.base_id),
        ("quoteId", &got.quote_id),
    ] {
        if let Some(expected) = expected.get(name) {
            let rule = format!("market.{name}");
            differences.text(&format!("{id}.{name}"), &rule, expected, Some(value));
        }
    }
    if let Some(expected) = expected.get("active") {
        differences.flag(
            &format!("{id}.active"),
            "market.active",
            expected,
            got.active,
        );
    }
    for name in ["altname", "wsId"] {
        let Some(alias) = expected.get(name).and_then(Value::as_str) else {
            continue;
        };
        if *got.id != *alias && !got.aliases.iter().any(|known| **known == *alias) {
            let known = got.aliases.join(", ");
            differences.note(Failure::new(format!("{id}.{name}"), alias, known));
        }
    }
    for (path, value) in numbers(got) {
        let found = path
            .iter()
            .try_fold(expected, |value, name| value.get(*name));
        if let Some(expected) = found {
            let name = path.join(".");
            differences.decimal(
                &format!("{id}.{name}"),
                &format!("market.{name}"),
                expected,
                value,
            );
        }
    }
}

/// Where the expectation holds each number of a pair.
fn numbers(got: &Instrument) -> [(&'static [&'static str], Option<Decimal>); 10] {
    [
        (&["precision", "price"], got.price_tick),
        (&["precision", "amount"], got.amount_step),
        (&["limits", "price", "min"], got.price_min),
        (&["limits", "price", "max"], got.price_max),
        (&["limits", "amount", "min"], got.amount_min),
        (&["limits", "amount", "max"], got.amount_max),
        (&["limits", "cost", "min"], got.cost_min),
        (&["limits", "cost", "max"], got.cost_max),
        (&["maker"], got.maker_fee),
        (&["taker"], got.taker_fee),
    ]
}

/// Currencies, by unified code.
pub(super) fn assets(differences: &mut Differences<'_>, expected: &Value, got: &[Asset]) {
    let Some(expected) = expected.as_object() else {
        differences.note(Failure::new("currencies", expected, "currencies by code"));
        return;
    };
    for (code, currency) in expected {
        let id = member(currency, "id").as_str();
        let found = got
            .iter()
            .find(|asset| *asset.code == **code && id.is_none_or(|id| *asset.id == *id));
        let Some(asset) = found else {
            let codes: Vec<&str> = got.iter().map(|asset| &*asset.code).collect();
            differences.note(Failure::new(code, "a currency", codes.join(", ")));
            continue;
        };
        if let Some(expected) = currency.get("active") {
            let field = format!("{code}.active");
            differences.flag(&field, "currency.active", expected, asset.active);
        }
        if let Some(expected) = currency.get("precision") {
            let step = asset
                .decimals
                .and_then(|digits| Decimal::try_new(1, digits).ok());
            let field = format!("{code}.precision");
            differences.decimal(&field, "currency.precision", expected, step);
        }
    }
}
