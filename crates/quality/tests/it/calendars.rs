//! Bars of a day and longer begin by the calendar of their source, which its profile carries.

use std::time::Duration;

use robust_market::{
    Acceptance, BarCalendar, Candles, Exchange, Kind, Payload, Report, Request, WeekStart,
};
use robust_quality::Profile;

use super::clean::{self, NOW, at};

const SINGAPORE: BarCalendar = BarCalendar::UTC.ahead(Duration::from_secs(8 * 3_600));

/// Forty bars of this length, the open one last, on the grid of a calendar, judged as those of a source with this profile.
fn judge(interval: &str, calendar: BarCalendar, profile: Profile) -> Report {
    let mut case = clean::candles();
    let Payload::Candles(minutes) = case.decoded.value.clone() else {
        unreachable!()
    };
    let mut bars = Candles::new(clean::symbol(), interval.parse().unwrap());
    let grid = calendar.grid(bars.interval);
    let newest = grid.floor(at(NOW));
    bars.rows = minutes.rows.into_iter().take(40).collect();
    for (row, back) in bars.rows.iter_mut().zip((0..40).rev()) {
        row.time = grid.after(newest, -back);
        row.closed = back > 0;
    }
    case.request = Request::Candles {
        symbol: clean::symbol(),
        interval: bars.interval,
        since: None,
        limit: Some(40),
    };
    case.profile = profile;
    case.decoded.value = Payload::Candles(bars);
    case.judge()
}

fn blamed(report: &Report) -> bool {
    let rules = ["V.grid", "V.shifted_grid", "V.interval"];
    report
        .issues
        .iter()
        .any(|issue| rules.contains(&issue.rule))
}

#[test]
fn days_weeks_and_months_of_singapore_are_on_the_grid_of_a_source_that_lives_there() {
    let htx = Profile::of(&Exchange::HTX, Kind::Candles);
    let other = Profile::default();
    for interval in ["1h", "4h", "1d", "1w", "1M"] {
        let report = judge(interval, SINGAPORE, htx);
        assert!(!blamed(&report), "{interval}: {:?}", report.issues);
        assert_eq!(report.acceptance, Acceptance::Accept, "{interval}");
        let plain = judge(interval, BarCalendar::UTC, other);
        assert!(!blamed(&plain), "{interval}: {:?}", plain.issues);
        // What is a fault there is one here, the other way round.
        if !["1h", "4h"].contains(&interval) {
            assert!(blamed(&judge(interval, SINGAPORE, other)), "{interval}");
            assert!(
                blamed(&judge(interval, BarCalendar::UTC, htx)),
                "{interval}"
            );
        }
    }
}

#[test]
fn any_source_can_say_by_whose_clock_its_days_begin() {
    let tokyo = BarCalendar::UTC.ahead(Duration::from_secs(9 * 3_600));
    for calendar in [tokyo, tokyo.weeks(WeekStart::Thursday)] {
        for interval in ["1d", "3d", "1w", "1M", "3M"] {
            let profile = Profile::default().with_calendar(calendar);
            let report = judge(interval, calendar, profile);
            assert!(!blamed(&report), "{interval}: {:?}", report.issues);
        }
    }
}
