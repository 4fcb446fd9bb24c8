//! Expected against found, by value.

use robust_market::{Timestamp, decimal};
use rust_decimal::Decimal;
use serde_json::Value;

use super::Failure;
use super::rules::{self, When};

/// Collects the differences of one case.
#[derive(Debug)]
pub(super) struct Differences<'a> {
    exchange: &'a str,
    family: &'a str,
    /// The wire's text, or that of the row in question, for rules about what stands in it.
    wire: &'a str,
    pub(super) found: Vec<Failure>,
}

impl<'a> Differences<'a> {
    pub(super) fn new(exchange: &'a str, family: &'a str, wire: &'a str) -> Self {
        Self {
            exchange,
            family,
            wire,
            found: Vec::new(),
        }
    }

    pub(super) const fn exchange(&self) -> &'a str {
        self.exchange
    }

    pub(super) const fn family(&self) -> &'a str {
        self.family
    }

    /// Notes a difference.
    pub(super) fn note(&mut self, failure: Failure) {
        self.found.push(failure);
    }

    /// The same exchange and family about one row of the wire.
    pub(super) fn about(&self, wire: &'a str) -> Self {
        Self::new(self.exchange, self.family, wire)
    }

    /// Takes the differences of one row.
    pub(super) fn take(&mut self, row: Self) {
        self.found.extend(row.found);
    }

    pub(super) const fn wire(&self) -> &'a str {
        self.wire
    }

    /// When the rule for a field applies, if there is one.
    pub(super) fn when(&self, rule: &str) -> Option<When> {
        rules::find(self.exchange, self.family, rule).map(|rule| rule.when)
    }

    /// Whether a rule says that this field is no fact of the wire.
    fn is_excused(&self, rule: &str) -> bool {
        match self.when(rule) {
            Some(When::Always) => true,
            Some(When::WireLacks(key)) => !self.wire.contains(&format!("\"{key}\"")),
            _ => false,
        }
    }

    /// Whether the wire has null under a key.
    pub(super) fn has_null(&self, key: &str) -> bool {
        let quoted = format!("\"{key}\"");
        let after = self.wire.split(quoted.as_str()).skip(1);
        after
            .filter_map(|rest| rest.trim_start().strip_prefix(':'))
            .any(|value| value.trim_start().starts_with("null"))
    }

    /// Whether a rule says that this is the step the row states, and the expectation is that of its decimals.
    fn is_stated(&self, rule: &str, expected: &Value, got: Option<Decimal>) -> bool {
        let Some(When::StatedStep(step, decimals)) = self.when(rule) else {
            return false;
        };
        let row: Value = serde_json::from_str(self.wire).unwrap_or_default();
        let stated = row.get(step).and_then(number);
        let counted = row
            .get(decimals)
            .and_then(whole)
            .and_then(|places| Decimal::try_new(1, u32::try_from(places).ok()?).ok());
        stated.is_some() && stated == got && counted.is_some() && counted == number(expected)
    }

    /// Compares a number; `rule` names the field in the table of rules.
    pub(super) fn decimal(
        &mut self,
        field: &str,
        rule: &str,
        expected: &Value,
        got: Option<Decimal>,
    ) {
        if self.is_excused(rule)
            || got.is_none() && self.when(rule) == Some(When::NotGiven)
            || same_decimal(expected, got)
            || self.is_stated(rule, expected, got)
        {
            return;
        }
        let got = got.map_or_else(|| "nothing".to_owned(), |got| got.to_string());
        self.note(Failure::new(field, expected, got));
    }

    /// Compares a time in milliseconds.
    pub(super) fn time(&mut self, field: &str, expected: &Value, got: Option<Timestamp>) {
        let got = got.map(Timestamp::as_ms);
        let same = match expected {
            Value::Null => got.is_none(),
            value => got.is_some() && whole(value) == got,
        };
        if !same {
            let got = got.map_or_else(|| "nothing".to_owned(), |got| got.to_string());
            self.note(Failure::new(field, expected, got));
        }
    }

    /// Compares a text.
    pub(super) fn text(&mut self, field: &str, rule: &str, expected: &Value, got: Option<&str>) {
        if self.is_excused(rule) {
            return;
        }
        let same = match expected {
            Value::Null => got.is_none(),
            Value::String(text) => got == Some(text),
            // Ids that are numbers somewhere are text with us.
            other => got == Some(other.to_string().as_str()),
        };
        let is_capitals = || {
            let rule = self.when(rule) == Some(When::Capitals);
            let texts = expected.as_str().zip(got);
            rule && texts.is_some_and(|(expected, got)| is_in_capitals(expected, got, self.wire))
        };
        if !same && !is_capitals() {
            self.note(Failure::new(field, expected, got.unwrap_or("nothing")));
        }
    }

    /// Compares a flag.
    pub(super) fn flag(&mut self, field: &str, rule: &str, expected: &Value, got: Option<bool>) {
        if !self.is_excused(rule) && expected.as_bool() != got {
            let got = got.map_or_else(|| "nothing".to_owned(), |got| got.to_string());
            self.note(Failure::new(field, expected, got));
        }
    }

    /// Compares a number of records.
    pub(super) fn count(&mut self, field: &str, expected: usize, got: usize) {
        if expected != got {
            self.note(Failure::new(
                field,
                format!("{expected} records"),
                format!("{got} records"),
            ));
        }
    }
}

/// Whether a name differs from what is expected in capitals only, and each of its codes stands on the wire as it is.
pub(super) fn is_in_capitals(expected: &str, got: &str, wire: &str) -> bool {
    let is_code = |(expected, got): (&str, &str)| {
        expected == got || (expected == got.to_uppercase() && wire.contains(&format!("\"{got}\"")))
    };
    let (expected, got) = (expected.split('/'), got.split('/'));
    expected.clone().count() == got.clone().count() && expected.zip(got).all(is_code)
}

/// A whole number, also where it is written as 1.0 or as text.
pub(super) fn whole(value: &Value) -> Option<i64> {
    let decimal = number(value)?.normalize();
    (decimal.scale() == 0)
        .then(|| decimal.to_string().parse().ok())
        .flatten()
}

/// A number of the case as a decimal: the shortest text of its float, or its text where it is written as text.
pub(super) fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => decimal::parse(&number.to_string()).ok(),
        Value::String(text) => decimal::parse(text).ok(),
        _ => None,
    }
}

/// Whether a decimal is what a case says.
///
/// A text must be met to the last digit. A float stands for every decimal that it is nearest to, because it was read from one of
/// them; a float that was computed may be off in its 16th digit.
pub(super) fn same_decimal(expected: &Value, got: Option<Decimal>) -> bool {
    let Some(got) = got else {
        return expected.is_null();
    };
    match expected {
        Value::String(text) => got.to_string() == *text,
        Value::Number(number) => {
            if self::number(expected) == Some(got) {
                return true;
            }
            let float = got.to_string().parse::<f64>().ok();
            match (float, number.as_f64()) {
                (Some(float), Some(expected)) => {
                    float.to_bits() == expected.to_bits()
                        || (float - expected).abs() <= expected.abs() * 4.0 * f64::EPSILON
                }
                _ => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn d(text: &str) -> Option<Decimal> {
        decimal::parse(text).ok()
    }

    #[test]
    fn a_float_is_met_by_value_and_a_text_to_the_last_digit() {
        assert!(same_decimal(&json!(0.1), d("0.10000000")));
        assert!(same_decimal(&json!(1e-8), d("0.00000001")));
        assert!(same_decimal(&json!(0.000000968), d("9.68E-7")));
        assert!(same_decimal(&json!(25.0), d("25")));
        assert!(same_decimal(
            &json!(42760586.42103802),
            d("42760586.4210380241")
        ));
        assert!(!same_decimal(&json!(0.1), d("0.1000001")));
        assert!(!same_decimal(&json!(0.1), None));
        assert!(same_decimal(&json!(null), None));
        assert!(!same_decimal(&json!(null), d("0")));
        assert!(same_decimal(&json!("0.10"), d("0.10")));
        assert!(!same_decimal(&json!("0.10"), d("0.1")));
    }

    #[test]
    fn rules_excuse_only_their_own_field() {
        let mut differences = Differences::new("kraken", "rest_response", "{}");
        differences.decimal("open", "ticker.open", &json!(1), None);
        assert!(differences.found.is_empty());
        differences.decimal("last", "ticker.last", &json!(1), None);
        assert_eq!(differences.found.len(), 1);
        let wire = r#"{"priceChange":"1"}"#;
        let mut differences = Differences::new("binance", "rest_response", wire);
        differences.decimal("change", "ticker.change", &json!(1), None);
        differences.decimal("vwap", "ticker.vwap", &json!(1), None);
        assert_eq!(differences.found.len(), 1);
    }

    #[test]
    fn capitals_are_excused_only_for_codes_that_stand_on_the_wire() {
        let wire = r#"{"base":"AAPLx","quote":"ZUSD"}"#;
        assert!(is_in_capitals("AAPLX", "AAPLx", wire));
        assert!(is_in_capitals("AAPLX/USD", "AAPLx/USD", wire));
        assert!(!is_in_capitals("AAPLX/USD", "AAPLx/usd", wire));
        assert!(!is_in_capitals("AAPLX/USD", "AAPLx", wire));
        assert!(!is_in_capitals("AAPLX", "aaplx", wire));
        assert!(!is_in_capitals("AAPLX", "TSLAx", wire));
    }

    #[test]
    fn a_stated_step_is_that_of_its_own_row() {
        let wire = r#"{"pair_decimals":5,"tick_size":"0.00005"}"#;
        let mut differences = Differences::new("kraken", "markets", wire);
        let rule = "market.precision.price";
        differences.decimal("a", rule, &json!(0.00001), d("0.00005"));
        assert!(differences.found.is_empty());
        differences.decimal("b", rule, &json!(0.00001), d("0.00010"));
        differences.decimal("c", rule, &json!(0.00001), None);
        differences.decimal("d", rule, &json!(0.0001), d("0.00005"));
        assert_eq!(differences.found.len(), 3);
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        assert_eq!(whole(&json!(3.0)), Some(3));
        assert_eq!(
            whole(&json!(1_700_000_000_000_i64)),
            Some(1_700_000_000_000)
        );
        assert_eq!(whole(&json!(1.5)), None);
    }
}
