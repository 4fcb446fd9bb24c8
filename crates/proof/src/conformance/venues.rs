//! The connectors that are measured.

use robust_connectors::{Binance, Connector, Htx, Kraken, KuCoin};

use super::Usage;

/// Every connector.
fn all() -> Vec<Box<dyn Connector>> {
    vec![
        Box::new(Kraken),
        Box::new(Binance),
        Box::new(KuCoin),
        Box::new(Htx),
    ]
}

/// The connectors of these names; all of them without a name.
pub(super) fn chosen(names: &[String]) -> Result<Vec<Box<dyn Connector>>, Usage> {
    for name in names {
        if !all().iter().any(|venue| venue.exchange().as_str() == name) {
            return Err(unknown(name));
        }
    }
    Ok(all()
        .into_iter()
        .filter(|venue| {
            names.is_empty() || names.iter().any(|name| venue.exchange().as_str() == name)
        })
        .collect())
}

fn unknown(name: &str) -> Usage {
    let known: Vec<String> = all()
        .iter()
        .map(|venue| venue.exchange().to_string())
        .collect();
    let nearest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(&name.to_lowercase(), known), known))
        .filter(|(closeness, _)| *closeness >= 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.clone());
    Usage::UnknownExchange {
        name: robust_market::quote(name),
        nearest,
        known: listed(&known),
    }
}

/// `a, b or c`.
fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_exchange_names_the_nearest() {
        let error = chosen(&["krakn".to_owned()]).unwrap_err().to_string();
        assert_eq!(
            error,
            "exchange \"krakn\": no connector of that name; use kraken"
        );
        let error = chosen(&["zzz".to_owned()]).unwrap_err().to_string();
        assert!(
            error.ends_with("use kraken, binance, kucoin or htx"),
            "{error}"
        );
        assert_eq!(chosen(&[]).unwrap().len(), all().len());
    }
}
