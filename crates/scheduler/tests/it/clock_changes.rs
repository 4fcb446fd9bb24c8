//! Cron across clock changes, against an oracle that shares no code with the scheduler: it walks the
//! minutes of universal time with chrono-tz and looks at what the clocks show.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use robust_scheduler::{Cron, Fold, Gap, Zone};

/// Zones with every kind of change: by an hour, by half an hour, by two hours, at midnight, against
/// the season, several times a year, and of a whole day's length.
const ZONES: [&str; 12] = [
    "America/New_York",
    "Europe/Amsterdam",
    "Europe/London",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "America/Santiago",
    "America/Havana",
    "Asia/Beirut",
    "Europe/Dublin",
    "Pacific/Chatham",
    "America/St_Johns",
];

/// An expression, written out for the oracle: which minutes, which hours, which weekdays from Monday.
struct Case {
    text: &'static str,
    minute: fn(u32) -> bool,
    hour: fn(u32) -> bool,
    weekday: fn(u32) -> bool,
}

const fn case(text: &'static str, minute: fn(u32) -> bool, hour: fn(u32) -> bool) -> Case {
    Case {
        text,
        minute,
        hour,
        weekday: |_| true,
    }
}

fn cases() -> Vec<Case> {
    vec![
        case("* * * * *", |_| true, |_| true),
        case("*/5 * * * *", |m| m % 5 == 0, |_| true),
        case("15,45 * * * *", |m| m == 15 || m == 45, |_| true),
        case("0 * * * *", |m| m == 0, |_| true),
        case("30 2 * * *", |m| m == 30, |h| h == 2),
        case("0 0 * * *", |m| m == 0, |h| h == 0),
        case("15 1 * * *", |m| m == 15, |h| h == 1),
        case("0 */2 * * *", |m| m == 0, |h| h % 2 == 0),
        case("*/20 1-3 * * *", |m| m % 20 == 0, |h| (1..=3).contains(&h)),
        Case {
            text: "30 1 * * SUN",
            minute: |m| m == 30,
            hour: |h| h == 1,
            weekday: |day| day == 6,
        },
    ]
}

impl Case {
    fn matches(&self, wall: NaiveDateTime) -> bool {
        (self.minute)(wall.minute())
            && (self.hour)(wall.hour())
            && (self.weekday)(wall.weekday().num_days_from_monday())
    }
}

/// All minutes in a window at which the case comes, by looking at each minute.
fn oracle(case: &Case, zone: Tz, gap: Gap, fold: Fold, from: i64, to: i64) -> Vec<i64> {
    let at = |second: i64| {
        DateTime::<Utc>::from_timestamp(second, 0)
            .unwrap()
            .with_timezone(&zone)
    };
    let mut found = Vec::new();
    let mut before = at(from - 60).naive_local();
    for second in (from..to).step_by(60) {
        let moment = at(second);
        let wall = moment.naive_local();
        let twice = match zone.from_local_datetime(&wall) {
            chrono::LocalResult::Ambiguous(one, other) => {
                let second_time = one.offset().fix() != moment.offset().fix();
                assert!(second_time == (other.offset().fix() == moment.offset().fix()));
                Some(second_time)
            }
            _ => None,
        };
        let wanted = !matches!(
            (twice, fold),
            (Some(true), Fold::First) | (Some(false), Fold::Second)
        );
        let mut left_out = before + TimeDelta::minutes(1);
        let mut shifted = false;
        while left_out < wall {
            shifted |= gap == Gap::Shift && case.matches(left_out);
            left_out += TimeDelta::minutes(1);
        }
        if (case.matches(wall) && wanted) || shifted {
            found.push(second);
        }
        before = wall;
    }
    found
}

/// The moments at which the offset of a zone changes, by the minute.
fn changes(zone: Tz, from: i64, to: i64) -> Vec<i64> {
    let offset = |second| {
        let moment = DateTime::<Utc>::from_timestamp(second, 0).unwrap();
        zone.offset_from_utc_datetime(&moment.naive_utc())
            .fix()
            .local_minus_utc()
    };
    (from..to)
        .step_by(3_600)
        .filter(|hour| offset(*hour) != offset(hour + 3_600))
        .filter_map(|hour| {
            (hour + 60..=hour + 3_600)
                .step_by(60)
                .find(|minute| offset(*minute) != offset(hour))
        })
        .collect()
}

fn time(second: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second.try_into().unwrap())
}

/// Asks for the next moment from many starts around each change, and counts the queries.
fn check(zones: &[&str], from: i64, to: i64, every: usize) -> usize {
    let policies = [
        (Gap::Skip, Fold::Both),
        (Gap::Shift, Fold::First),
        (Gap::Skip, Fold::Second),
    ];
    let mut asked = 0;
    for name in zones {
        let zone: Tz = name.parse().unwrap();
        let found = changes(zone, from, to);
        assert!(!found.is_empty(), "{name} has no change");
        for change in found {
            let (first, last) = (change - 30 * 3_600, change + 30 * 3_600);
            for case in cases() {
                for (gap, fold) in policies {
                    let expected = oracle(&case, zone, gap, fold, first, last);
                    let cron = Cron::parse(case.text)
                        .unwrap()
                        .zone(Zone::named(name).unwrap())
                        .gap(gap)
                        .fold(fold);
                    // Odd starts too: between two minutes, and just beside the change.
                    let starts = (first..change + 5 * 3_600)
                        .step_by(every * 60)
                        .flat_map(|start| [start, start + 31]);
                    let beside =
                        [-1, 0, 1, 1_799, 1_800, 3_599, 3_600, 3_601].map(|by| change + by);
                    for start in starts.chain(beside) {
                        let next = expected.iter().copied().find(|second| *second > start);
                        // Past the window the oracle does not know.
                        let Some(next) = next else { continue };
                        let got = cron.next_after(time(start));
                        assert_eq!(
                            got,
                            Some(time(next)),
                            "{} {name} {gap:?} {fold:?} after {start}, change {change}",
                            case.text
                        );
                        asked += 1;
                    }
                }
            }
        }
    }
    asked
}

#[test]
fn every_moment_around_a_clock_change_is_the_one_that_the_clocks_show() {
    // Three months in which each of three zones changes its clocks, by an hour and by half an hour.
    let (from, to) = (1_803_999_600, 1_812_006_000);
    let asked = check(
        &[
            "America/New_York",
            "Australia/Lord_Howe",
            "Antarctica/Troll",
        ],
        from,
        to,
        37,
    );
    assert!(asked >= 5_000, "{asked}");
}

#[test]
fn the_oracle_knows_changes_in_all_its_zones() {
    for name in ZONES {
        let zone: Tz = name.parse().unwrap();
        assert!(
            !changes(zone, 1_767_225_600, 1_798_761_600).is_empty(),
            "{name}"
        );
    }
}
