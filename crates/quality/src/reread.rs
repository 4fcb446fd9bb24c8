//! The same value is worth less when it is read later.

use robust_market::{Acceptance, Dimension, Issue, Report, Score, Severity, Timestamp};

use crate::Config;
use crate::rules::T_STALE;
use crate::tally::{QUARANTINED_MAX, REJECT_BELOW, REJECTED_MAX, SLACK};
use crate::timeliness::Bounds;

/// The report as it would be `now`: timeliness by the age at this read, score and acceptance by it. Nothing else is judged again.
///
/// The acceptance can only get worse: a value does not become better by lying about. A report whose value has no age, or that is
/// read no later than it was judged, stays as it is.
///
/// ```
/// use robust_market::{Acceptance, Decoded, Payload, Request, Ticker, Timestamp, decimal};
/// use robust_quality::{Config, Context, Profile, SymbolState, at_read, judge};
///
/// let request = Request::Ticker { symbol: "BTC/USD".parse()? };
/// let now = Timestamp::from_secs(1_700_000_000).ok_or("out of range")?;
/// let mut ticker = Ticker::new("BTC/USD".parse()?);
/// (ticker.last, ticker.time) = (Some(decimal::parse("36500.1")?), Some(now));
/// let decoded = Decoded::clean(Payload::Ticker(ticker));
/// let context = Context::new(&request, Profile::default(), now, now);
/// let report = judge(&decoded, &context, &mut SymbolState::new()).ok_or("not judged")?;
/// assert_eq!(report.acceptance, Acceptance::Accept);
///
/// let later = now.saturating_add(std::time::Duration::from_secs(90));
/// assert_eq!(at_read(&report, later, &Config::default()).acceptance, Acceptance::Quarantine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn at_read(report: &Report, now: Timestamp, config: &Config) -> Report {
    let mut read = report.clone();
    let (Some(aging), Some(before)) = (report.aging, report.dimension(Dimension::Timeliness))
    else {
        return read;
    };
    let bounds = Bounds::of(&aging);
    let age = now.since(aging.born);
    let share = (bounds.share(age) - aging.charged).clamp(0.0, 1.0);
    let score = Score::new(100.0 * share);
    // A clock that was set back makes nothing fresh.
    if score >= before {
        return read;
    }
    if let Some(slot) = read.dimensions.get_mut(Dimension::Timeliness as usize) {
        *slot = Some(score);
    }
    let severity = bounds.severity(age);
    if let Some(severity) = severity {
        read.issues.retain(|issue| issue.rule != T_STALE.id);
        let issue = Issue {
            rule: T_STALE.id,
            dimension: Dimension::Timeliness,
            severity,
            index: None,
            field: Some("time".into()),
            message: bounds.words(age),
        };
        // Heaviest first, as every report is.
        let place = read
            .issues
            .partition_point(|known| known.severity >= severity);
        read.issues.insert(place, issue);
        if read.issues.len() > Report::ISSUES_MAX {
            read.issues.truncate(Report::ISSUES_MAX);
            read.issues_dropped += 1;
        }
    }
    let threshold = config.thresholds()[Dimension::Timeliness as usize];
    let below = severity.is_some() && share < threshold - SLACK;
    if below || severity >= Some(Severity::Error) {
        read.acceptance = read.acceptance.min(Acceptance::Quarantine);
    }
    let weighed = read.dimensions.iter().zip(config.weights());
    let (sum, weight) = weighed.fold((0.0, 0.0), |(sum, weight), (score, w)| match score {
        Some(score) => (sum + w * score.get(), weight + w),
        None => (sum, weight),
    });
    let overall = if weight > 0.0 { sum / weight } else { 100.0 };
    if overall < REJECT_BELOW - SLACK {
        read.acceptance = Acceptance::Reject;
    }
    read.overall = Score::new(match read.acceptance {
        Acceptance::Reject => overall.min(REJECTED_MAX),
        Acceptance::Quarantine => overall.min(QUARANTINED_MAX),
        _ => overall,
    });
    if read.overall > report.overall {
        read.overall = report.overall;
    }
    read
}
