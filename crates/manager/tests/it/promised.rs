//! The page `docs/status.md` against a status: every item of the seed has its row, every row is true, and no field is without one.

use std::time::Duration;

use robust_data_manager::market::{Exchange, Kind};
use robust_data_manager::{DataJob, ExchangeSettings, Query};
use serde_json::Value;

use crate::world::{World, fault};

/// What the reports of the system that this replaces have shown, or promised to show.
const SEED: [(&str, &[&str]); 6] = [
    (
        "HardenedHTTPClient",
        &[
            "get_health_status.circuit_breaker_state",
            "get_health_status.consecutive_failures",
            "get_health_status.total_requests",
            "get_health_status.success_rate",
            "get_health_status.avg_latency_ms",
            "get_health_status.last_error",
            "RequestMetrics.total_requests",
            "RequestMetrics.successful_requests",
            "RequestMetrics.failed_requests",
            "RequestMetrics.consecutive_failures",
            "RequestMetrics.avg_latency_ms",
            "RequestMetrics.last_request_time",
            "RequestMetrics.last_error",
            "CircuitBreaker.state",
            "CircuitBreaker.failure_count",
            "CircuitBreaker.last_failure_time",
            "CircuitBreaker.next_attempt_time",
            "RateLimiter.limit_per_minute",
            "RateLimiter.request_times",
            "P95 latency",
            "P99 latency",
            "error categories",
        ],
    ),
    (
        "DataOrchestrator",
        &[
            "orchestrator.running",
            "orchestrator.uptime_seconds",
            "orchestrator.total_jobs",
            "orchestrator.active_jobs",
            "orchestrator.total_executions",
            "orchestrator.successful_executions",
            "orchestrator.failed_executions",
            "orchestrator.success_rate",
            "sources.status",
            "sources.error_rate",
            "sources.avg_latency_ms",
            "sources.circuit_breaker_open",
            "sources.total_jobs",
            "sources.active_jobs",
            "sources.failed_jobs",
            "sources.last_success",
            "sources.last_failure",
            "jobs.name",
            "jobs.source",
            "jobs.enabled",
            "jobs.status",
            "jobs.success_count",
            "jobs.failure_count",
            "jobs.consecutive_failures",
            "jobs.avg_duration_ms",
            "jobs.last_run",
            "jobs.next_run",
            "jobs.last_error",
            "history.timestamp",
            "history.job_id",
            "history.job_name",
            "history.source",
            "history.success",
            "history.duration_ms",
            "history.error",
            "history.data_size",
            "health monitor",
        ],
    ),
    (
        "DataScheduler",
        &[
            "get_scheduler_status.active",
            "get_scheduler_status.uptime_seconds",
            "metrics.total_scheduled",
            "metrics.successful_executions",
            "metrics.failed_executions",
            "metrics.avg_execution_time",
            "metrics.start_time",
            "tasks.name",
            "tasks.frequency",
            "tasks.enabled",
            "tasks.last_run",
            "tasks.next_run",
            "tasks.success_count",
            "tasks.failure_count",
            "tasks.avg_duration_ms",
            "tasks.dependencies",
            "tasks.max_failures",
            "tasks.timeout_seconds",
            "running_tasks",
            "queue_sizes",
            "recent_executions",
            "execution.success_rate",
            "execution.requests_count",
            "get_performance_metrics.avg_duration_ms",
            "get_performance_metrics.avg_success_rate",
            "get_performance_metrics.total_executions",
            "get_performance_metrics.task_breakdown",
            "get_performance_metrics.system_health",
        ],
    ),
    (
        "EnterpriseDataIngestion",
        &[
            "get_system_status.status",
            "get_system_status.uptime_seconds",
            "get_system_status.start_time",
            "get_system_status.total_requests",
            "get_system_status.cache_hits",
            "get_system_status.cache_misses",
            "cache hit rate",
            "get_system_status.rate_limit_delays",
            "get_system_status.timeouts",
            "get_system_status.queue_sizes",
            "get_system_status.sources",
            "get_system_status.cache_available",
            "DataSourceMonitor.total",
            "DataSourceMonitor.successful",
            "DataSourceMonitor.failed",
            "DataSourceMonitor.avg_latency_ms",
            "DataSourceMonitor.last_success",
            "DataSourceMonitor.last_failure",
            "DataSourceMonitor.consecutive_failures",
            "DataSourceMonitor.rate_limit_hits",
            "DataSourceMonitor.status",
            "status rate_limited",
            "status maintenance",
            "classify_error",
            "get_performance_metrics.error_count",
            "get_health_status.cache_size",
            "get_health_status.registered_sources",
            "get_health_status.source_details",
        ],
    ),
    (
        "DataQualityValidator",
        &[
            "total_validations",
            "failed_validations",
            "success_rate",
            "critical_issues",
            "avg_quality_score",
            "thresholds",
            "quality trend",
            "issues",
        ],
    ),
    (
        "RobustDataManager",
        &[
            "total_requests",
            "successful_requests",
            "failed_requests",
            "avg_response_time_ms",
            "cache_hits",
            "quality_scores",
            "uptime_seconds",
            "health score",
            "run_health_check.overall_status",
            "run_health_check.components",
            "run_health_check.issues",
            "run_health_check.recommendations",
        ],
    ),
];

/// What this world does not have: credentials.
const NOT_HERE: [&str; 1] = ["sources.*.key"];

const ELSE: &str = "What else there is";

/// One row of the page.
#[derive(Debug)]
struct Row {
    /// The heading that it stands under.
    under: String,
    /// The item of the seed; none in the table of all else.
    item: Option<String>,
    paths: Vec<String>,
    kind: String,
    remark: String,
}

fn page() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/status.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut under = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
            heading.clone_into(&mut under);
        }
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let code = |cell: &str| {
            let parts = cell.split('`').skip(1).step_by(2);
            parts.map(str::to_owned).collect::<Vec<_>>()
        };
        let (item, paths, kind, remark) = match cells[..] {
            ["", first, ..] if !first.starts_with('`') => continue,
            ["", item, path, kind, remark, ""] => (code(item).pop(), code(path), kind, remark),
            ["", path, kind, remark, ""] if under == ELSE => (None, code(path), kind, remark),
            _ => continue,
        };
        rows.push(Row {
            under: under.clone(),
            item,
            paths,
            kind: kind.to_owned(),
            remark: remark.to_owned(),
        });
    }
    rows
}

/// All values at a path, or where it ends.
fn walk<'a>(value: &'a Value, path: &str) -> Result<Vec<&'a Value>, String> {
    let mut here = vec![value];
    for step in path.split('.') {
        let mut next = Vec::new();
        for value in here {
            match (value, step) {
                (Value::Array(list), "*") => next.extend(list),
                (Value::Object(map), "*") => next.extend(map.values()),
                (Value::Object(map), name) => {
                    next.push(map.get(name).ok_or(format!("{path}: no {name}"))?);
                }
                _ => return Err(format!("{path}: nothing below at {step}")),
            }
        }
        if next.is_empty() {
            return Err(format!("{path}: {step} is empty"));
        }
        here = next;
    }
    Ok(here)
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "text" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "bool" => value.is_boolean(),
        "list" => value.is_array(),
        "map" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

/// A path's values are of its type; where they may be null, not all are.
fn check(status: &Value, path: &str, kind: &str) -> Result<(), String> {
    let values = walk(status, path)?;
    let kinds = kind.strip_suffix(" or null");
    let named = kinds.unwrap_or(kind);
    for value in &values {
        if !(is(value, named) || kinds.is_some() && value.is_null()) {
            return Err(format!("{path}: {value} is no {kind}"));
        }
    }
    if values.iter().all(|value| value.is_null()) && !NOT_HERE.contains(&path) {
        return Err(format!("{path}: nothing but null"));
    }
    Ok(())
}

/// All paths to values that hold no others.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                leaves(value, &below(name), found);
            }
        }
        Value::Array(list) => {
            for value in list {
                leaves(value, &below("0"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// Whether a path of the page is the path of a leaf, or stands for all of a list or map that has no rows of its own.
fn covers(row: &str, is_leaf: bool, leaf: &str) -> bool {
    let (row, leaf): (Vec<_>, Vec<_>) = (row.split('.').collect(), leaf.split('.').collect());
    let alike = row.iter().zip(&leaf).all(|(a, b)| *a == "*" || a == b);
    alike && (row.len() == leaf.len() || !is_leaf && row.len() < leaf.len())
}

/// A manager that has met all that a status tells of.
async fn worked() -> World {
    let world = World::with(|builder| {
        let mut kraken = ExchangeSettings::default();
        kraken.requests_per_minute = Some(60);
        builder.exchange_with("kraken", kraken)
    });
    let manager = &world.manager;
    let second = Duration::from_secs(1);
    for (name, exchange, symbol, every) in [
        ("k", Exchange::KRAKEN, "BTC/USD", 5),
        ("b", Exchange::BINANCE, "BTC/USDT", 2),
    ] {
        let query = Query::ticker(exchange, symbol.parse().unwrap());
        let job = DataJob::new(name, query, every * second).at_start();
        manager.schedule(job).unwrap();
    }
    let symbols = ["ETH/USD", "SOL/USD"].map(|name| name.parse().unwrap());
    let job = DataJob::many("all", Exchange::KRAKEN, Kind::Tickers, symbols, 20 * second);
    manager.schedule(job).unwrap();
    tokio::time::sleep(60 * second).await;
    // From memory, and queued for the budget.
    manager.ticker("binance", "BTC/USDT").await.unwrap();
    let books = (0..5).map(|n| {
        let manager = manager.clone();
        tokio::spawn(async move { manager.order_book("kraken", "BTC/USD").depth(10 + n).await })
    });
    for book in books.collect::<Vec<_>>() {
        book.await.unwrap().unwrap();
    }
    // Binance is down, and Kraken asks to be left alone.
    world.binance().set_fault(fault("503"));
    tokio::time::sleep(40 * second).await;
    world.kraken().set_fault(fault("429:30"));
    let _ = manager.order_book("kraken", "ETH/USD").await;
    world
}

#[tokio::test(start_paused = true)]
async fn every_item_of_the_seed_is_where_the_page_says_and_of_the_type_that_it_says() {
    let world = worked().await;
    let status = serde_json::to_value(world.manager.status()).unwrap();
    let rows = page();
    let mut wrong = Vec::new();
    for row in &rows {
        if row.paths.is_empty() && (row.remark.len() < 20 || row.kind != "–") {
            wrong.push(format!("{:?}: neither path nor reason", row.item));
        }
        let checks = row.paths.iter().map(|path| check(&status, path, &row.kind));
        wrong.extend(checks.filter_map(Result::err));
    }
    for (report, items) in SEED {
        let under = |item: &str| {
            let mut rows = rows.iter();
            rows.any(|row| row.under == report && row.item.as_deref() == Some(item))
        };
        let missing = items.iter().filter(|item| !under(item));
        wrong.extend(missing.map(|item| format!("{report}: {item} has no row")));
        let mine = rows.iter().filter(|row| row.under == report);
        assert_eq!(mine.count(), items.len(), "{report}");
    }
    assert_eq!(wrong, Vec::<String>::new(), "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn no_field_of_the_status_is_without_a_row() {
    let world = worked().await;
    let status = serde_json::to_value(world.manager.status()).unwrap();
    let rows = page();
    // A list or map that some row looks into has to have a row for each of its members.
    let looked_into = |path: &str| {
        let below = format!("{path}.");
        let mut all = rows.iter().flat_map(|row| &row.paths);
        all.any(|other| other.starts_with(&below))
    };
    let mut found = Vec::new();
    leaves(&status, "", &mut found);
    assert!(found.len() > 100, "{found:?}");
    found.retain(|leaf| {
        !rows.iter().any(|row| {
            let is_leaf = !(row.kind == "list" || row.kind.starts_with("map"));
            let mut paths = row.paths.iter();
            paths.any(|path| covers(path, is_leaf || looked_into(path), leaf))
        })
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_false_row_is_found() {
    let status = serde_json::json!({"a": {"x": {"n": 1}, "y": {"n": null}}, "l": [], "z": null});
    for (path, kind, holds) in [
        ("a.*.n", "integer or null", true),
        ("a.*.n", "integer", false),
        ("a.*.n", "text or null", false),
        ("a.*.m", "integer or null", false),
        ("a.x.n.q", "integer", false),
        ("l.*.n", "integer", false),
        ("l", "list", true),
        ("z", "integer or null", false),
    ] {
        assert_eq!(check(&status, path, kind).is_ok(), holds, "{path} {kind}");
    }
}
