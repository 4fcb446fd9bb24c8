//! What of a long series came, in words.

use robust_data_manager::market::{Coverage, Missing, MissingReason, Stopped};

use crate::show::age;

/// Missing parts that are told one by one.
const TOLD: usize = 5;

/// One line on the whole, then one for each missing part.
pub(crate) fn lines(coverage: &Coverage) -> Vec<String> {
    let mut first = format!(
        "{} of {} from {}, in {}",
        coverage.got,
        rows(coverage.asked),
        coverage.from,
        many(u64::from(coverage.pages), "request")
    );
    if coverage.open > 0 {
        first.push_str(&format!("; {} not closed yet", coverage.open));
    }
    let mut lines = vec![first];
    let parts = coverage.missing.iter().take(TOLD);
    lines.extend(parts.map(|missing| part(missing, coverage)));
    // What was not reached is the newest part, and the reason is worth a line however many holes come before it.
    if let Some(stopped) = &coverage.stopped {
        lines.push(format!("ended there: {}", why(stopped)));
    }
    let kept = coverage.missing.len().saturating_sub(TOLD) as u64;
    let untold = kept + coverage.missing_dropped;
    if untold > 0 {
        lines.push(format!("and {}", many(untold, "more missing part")));
    }
    lines
}

/// What must be said of a series that is not whole; `None` when it is.
pub(crate) fn complaint(coverage: &Coverage) -> Option<String> {
    if coverage.is_complete() {
        return None;
    }
    let mut reasons: Vec<&str> = Vec::new();
    for missing in &coverage.missing {
        let reason = reason(missing.reason);
        if ![MissingReason::NoTrades, MissingReason::NotYet].contains(&missing.reason)
            && !reasons.contains(&reason)
        {
            reasons.push(reason);
        }
    }
    let mut complaint = format!(
        "the series is not complete: {} of {}; {}",
        coverage.got,
        rows(coverage.asked),
        reasons.join("; ")
    );
    if let Some(stopped) = &coverage.stopped {
        complaint.push_str(&format!(": {}", why(stopped)));
    }
    Some(complaint)
}

/// Why the requests ended, and when asking again makes sense.
fn why(stopped: &Stopped) -> String {
    match stopped {
        Stopped::Failed(failure) => match failure.retry_in {
            Some(wait) => format!("{}; ask again in {}", failure.message, age(wait)),
            None => failure.message.clone(),
        },
        Stopped::OneMoment => {
            "one moment holds more than a page, and pages cannot begin within it".to_owned()
        }
        Stopped::Unreadable => "nothing on a page could be read".to_owned(),
        _ => "for another reason".to_owned(),
    }
}

fn part(missing: &Missing, coverage: &Coverage) -> String {
    let count = missing
        .rows
        .map_or_else(|| "unknown many rows".to_owned(), rows);
    let mut line = format!(
        "{count} missing from {} to {}: {}",
        missing.from,
        missing.to,
        reason(missing.reason)
    );
    if let (MissingReason::BeyondDepth, Some(limit)) = (missing.reason, coverage.depth_limit) {
        line.push_str(&format!(
            ": {} before the newest ({})",
            rows(u64::from(limit.rows)),
            limit.source
        ));
    }
    line
}

const fn reason(reason: MissingReason) -> &'static str {
    match reason {
        MissingReason::BeyondDepth => "the exchange does not serve so far back",
        MissingReason::NoTrades => "nobody traded",
        MissingReason::Gap => "the exchange left them out",
        MissingReason::BeforeFirst => "they lie before the first that the exchange has",
        MissingReason::Unexplained => {
            "the exchange left them out, and does not say whether it does so where nobody traded"
        }
        MissingReason::Broken => "the exchange sent them broken",
        MissingReason::NotReached => "a page could not be had",
        MissingReason::NotYet => "they lie in the future",
        _ => "for another reason",
    }
}

fn rows(count: u64) -> String {
    many(count, "row")
}

fn many(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use robust_data_manager::market::{Category, DepthLimit, Failure, Timestamp};

    fn missing(reason: MissingReason) -> Missing {
        Missing {
            from: Timestamp::from_ns(0),
            to: Timestamp::from_ns(60_000_000_000),
            rows: Some(1),
            reason,
        }
    }

    fn coverage() -> Coverage {
        let limit = DepthLimit {
            rows: 720,
            source: "its documents",
        };
        let mut coverage = Coverage::new(Timestamp::from_ns(0), 3, Some(limit));
        (coverage.got, coverage.open, coverage.pages) = (2, 1, 1);
        coverage
    }

    #[test]
    fn what_is_missing_is_told_with_its_reason() {
        let mut coverage = coverage();
        coverage.miss(missing(MissingReason::BeyondDepth));
        assert_eq!(
            lines(&coverage),
            [
                "2 of 3 rows from 1970-01-01T00:00:00Z, in 1 request; 1 not closed yet",
                "1 row missing from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z: the exchange does not serve so far back: 720 rows before the newest (its documents)",
            ]
        );
        assert_eq!(
            complaint(&coverage).as_deref(),
            Some(
                "the series is not complete: 2 of 3 rows; the exchange does not serve so far back"
            )
        );
    }

    #[test]
    fn why_a_page_could_not_be_had_is_told_with_the_time_to_come_back() {
        let mut coverage = coverage();
        coverage.miss(missing(MissingReason::NotReached));
        let failure = Failure::new(Category::Limited, "throttled", "kraken: slow down");
        let wait = Some(std::time::Duration::from_secs(12));
        coverage.stopped = Some(Stopped::Failed(failure.retry_in(wait)));
        assert_eq!(
            lines(&coverage)[2],
            "ended there: kraken: slow down; ask again in 12s"
        );
        assert_eq!(
            complaint(&coverage).as_deref(),
            Some(
                "the series is not complete: 2 of 3 rows; a page could not be had: kraken: slow down; ask again in 12s"
            )
        );
    }

    #[test]
    fn what_never_was_is_no_complaint_and_a_thousand_holes_are_a_few_lines() {
        let mut coverage = coverage();
        (0..1_200).for_each(|_| coverage.miss(missing(MissingReason::NoTrades)));
        assert_eq!(lines(&coverage).len(), 1 + TOLD + 1);
        assert_eq!(lines(&coverage)[1 + TOLD], "and 1195 more missing parts");
        coverage.missing_dropped = 0;
        assert_eq!(complaint(&coverage), None);
    }
}
