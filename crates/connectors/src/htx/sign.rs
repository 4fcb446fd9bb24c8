//! Signing private requests.
//!
//! The signed text is method, host, path and the parameters in the order of their bytes (capitals first), each on a line; `Signature` is
//! base64 of its HMAC-SHA256 (huobiapi/docs, "Authentication"). A GET signs all its parameters; a POST signs those of the authentication, its
//! body is JSON. The host is part of the text, so a request that is sent to another one is refused.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method};
use robust_market::{Exchange, Timestamp};

use crate::signature::{base64, hmac_sha256, too_long};
use crate::target::encoded;
use crate::{Credentials, EncodeError, WireRequest};

/// Puts key, time and signature into the query.
pub(super) fn sign(
    mut request: WireRequest,
    credentials: &Credentials,
    host: &str,
    now: Timestamp,
) -> Result<WireRequest, EncodeError> {
    let query = request.target.query().unwrap_or_default();
    let query = parameters(query, credentials.key(), now);
    let text = text_to_sign(&request.method, host, request.target.path(), &query);
    let secret = credentials.secret().as_bytes();
    let signature = hmac_sha256(Exchange::HTX, secret, &[text.as_bytes()])?;
    let signature = encoded(&base64(&signature)).to_string();
    let target = format!("{}?{query}&Signature={signature}", request.target.path());
    request.target = PathAndQuery::try_from(target).map_err(|_| too_long(Exchange::HTX))?;
    let content = if request.method == Method::GET {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    request
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(content));
    Ok(request)
}

/// The parameters of the request, which are percent-encoded, and those of the authentication, in the order of their bytes.
fn parameters(query: &str, key: &str, now: Timestamp) -> String {
    // HTX's time has neither a fraction nor a zone.
    let time = Timestamp::from_secs(now.as_secs())
        .unwrap_or(now)
        .to_string();
    let time = time.trim_end_matches('Z');
    let mut parameters = vec![
        format!("AccessKeyId={}", encoded(key)),
        "SignatureMethod=HmacSHA256".to_owned(),
        "SignatureVersion=2".to_owned(),
        format!("Timestamp={}", encoded(time)),
    ];
    let own = query.split('&').filter(|parameter| !parameter.is_empty());
    parameters.extend(own.map(str::to_owned));
    parameters.sort_unstable();
    parameters.join("&")
}

fn text_to_sign(method: &Method, host: &str, path: &str, query: &str) -> String {
    format!("{method}\n{}\n{path}\n{query}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_text_is_reproduced() {
        // 2017-05-11T15:19:30Z
        let now = Timestamp::from_ms(1_494_515_970_123).unwrap();
        let query = parameters(
            "order-id=1234567890",
            "e2xxxxxx-99xxxxxx-84xxxxxx-7xxxx",
            now,
        );
        let text = text_to_sign(&Method::GET, "API.huobi.pro", "/v1/order/orders", &query);
        assert_eq!(
            text,
            "GET\napi.huobi.pro\n/v1/order/orders\n\
             AccessKeyId=e2xxxxxx-99xxxxxx-84xxxxxx-7xxxx&SignatureMethod=HmacSHA256&SignatureVersion=2\
             &Timestamp=2017-05-11T15%3A19%3A30&order-id=1234567890"
        );
    }

    #[test]
    fn the_host_is_signed() {
        let signed = |host| {
            let request = WireRequest::get(PathAndQuery::from_static("/v1/account/accounts"));
            let credentials = Credentials::new("key".into(), "secret".into());
            let signed = sign(request, &credentials, host, Timestamp::EPOCH).unwrap();
            signed.target
        };
        assert_eq!(signed("api.huobi.pro"), signed("API.HUOBI.PRO"));
        assert_ne!(signed("api.huobi.pro"), signed("api-aws.huobi.pro"));
    }
}
