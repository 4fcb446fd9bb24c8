//! HTX's ten requests a second, as a client meets them.

use std::time::Duration;

use robust_market::Exchange;
use robust_sim::Sim;
use tower_service::Service;

use crate::ask::request;

#[tokio::test(start_paused = true)]
async fn the_eleventh_request_of_any_second_is_refused_with_200_and_an_error() {
    let sim = Sim::builder(Exchange::HTX).build().unwrap();
    let mut refused = Vec::new();
    // Ten at once, then one each 250 ms: refused arrivals count, so the window is full until the ten are a second old.
    for wait in [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 250, 749, 1] {
        tokio::time::advance(Duration::from_millis(wait)).await;
        let response = sim
            .service()
            .call(request("/v1/common/timestamp"))
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().get("retry-after").is_none());
        refused.push(
            response.body()
                == r#"{"status":"error","err-code":"rate-too-many-requests","err-msg":"exceeded rate limit","data":null}"#,
        );
    }
    let expected = [[false; 10].as_slice(), &[true; 3], &[false]].concat();
    assert_eq!(refused, expected);
    let stats = sim.stats();
    assert_eq!((stats.over_limit, stats.refused_429), (3, 0));
    assert_eq!(stats.max_used["ip:1s"], 13);
}

#[tokio::test(start_paused = true)]
async fn ten_a_second_for_ever_are_within() {
    let sim = Sim::builder(Exchange::HTX).build().unwrap();
    for _ in 0..100 {
        let _ = sim
            .service()
            .call(request("/market/detail?symbol=btcusdt"))
            .await
            .unwrap();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert_eq!(sim.stats().over_limit, 0);
    assert_eq!(sim.stats().max_used["ip:1s"], 10);
    assert_eq!(sim.stats().by_endpoint["detail"], 100);
}
