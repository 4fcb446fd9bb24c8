//! Listed pairs and currencies.

use std::collections::BTreeMap;

use robust_market::{Asset, Instrument};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::Failure;
use super::super::compare::Differences;
use super::member;

/// Rows by id, where the exchange writes them so.
#[derive(Debug, Default, Deserialize)]
struct RowsById<'a> {
    #[serde(borrow, default)]
    result: BTreeMap<String, &'a RawValue>,
}

impl<'a> RowsById<'a> {
    fn of(wire: &'a str) -> Self {
        serde_json::from_str(wire).unwrap_or_default()
    }

    /// The text of one row; the whole wire where rows have no names.
    fn text(&self, id: &str, wire: &'a str) -> &'a str {
        self.result.get(id).map_or(wire, |row| row.get())
    }
}

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
    let rows = RowsById::of(differences.wire());
    for market in expected {
        let id = member(market, "id").as_str().unwrap_or_default();
        match by_id.get(id) {
            Some(instrument) => {
                let mut row = differences.about(rows.text(id, differences.wire()));
                one(&mut row, id, market, instrument);
                differences.take(row);
            }
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
    let rows = RowsById::of(differences.wire());
    for (code, currency) in expected {
        let found = match member(currency, "id").as_str() {
            Some(id) => got.iter().find(|asset| *asset.id == *id),
            None => got.iter().find(|asset| *asset.code == **code),
        };
        let Some(asset) = found else {
            let codes: Vec<&str> = got.iter().map(|asset| &*asset.code).collect();
            differences.note(Failure::new(code, "a currency", codes.join(", ")));
            continue;
        };
        let mut row = differences.about(rows.text(&asset.id, differences.wire()));
        // The id stands on the wire as the name of the row.
        let named = format!("\"{}\":{}", asset.id, row.wire());
        let mut name = differences.about(&named);
        name.text(
            code,
            "currency.code",
            &Value::from(code.as_str()),
            Some(&asset.code),
        );
        let found = std::mem::take(&mut name.found);
        differences.found.extend(found);
        if let Some(expected) = currency.get("active") {
            let field = format!("{code}.active");
            row.flag(&field, "currency.active", expected, asset.active);
        }
        if let Some(expected) = currency.get("precision") {
            let step = asset
                .decimals
                .and_then(|digits| Decimal::try_new(1, digits).ok());
            let field = format!("{code}.precision");
            row.decimal(&field, "currency.precision", expected, step);
        }
        differences.take(row);
    }
}
