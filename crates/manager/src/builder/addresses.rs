//! Which addresses of an exchange are asked, and which are refused.

use std::net::IpAddr;

use http::Uri;
use robust_connectors::Connector;

use super::StartError;
use crate::config::ExchangeSettings;

/// The addresses that are asked, in their order.
pub(super) fn addresses(connector: &dyn Connector, settings: &ExchangeSettings) -> Vec<String> {
    match &settings.base_url {
        _ if !settings.base_urls.is_empty() => settings.base_urls.clone(),
        Some(url) => vec![url.clone()],
        None if settings.mirrors => connector
            .base_urls()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        None => vec![connector.base_url().to_owned()],
    }
}

/// Host and port of an address.
pub(super) fn place(url: &str) -> Option<String> {
    let uri = url.parse::<Uri>().ok()?;
    let standard = match uri.scheme_str() {
        Some("http") => 80,
        _ => 443,
    };
    let port = uri.port_u16().unwrap_or(standard);
    Some(format!("{}:{port}", uri.host()?))
}

/// Refuses an address whose values are known not to be the market's.
pub(super) fn real(connector: &dyn Connector, url: String) -> Result<(), StartError> {
    let uri = url.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let exchange = connector.exchange();
    if here {
        return Err(StartError::SimulatedSource { exchange, url });
    }
    if connector.is_test_host(host) {
        return Err(StartError::TestSource { exchange, url });
    }
    Ok(())
}
