//! Every form, and everything that is none.

use proptest::prelude::*;

use super::*;

/// 1,792,567,680 s after 1970.
const DATE: &str = "Wed, 21 Oct 2026 07:28:00 GMT";

fn read(value: &str) -> Result<Hint, Unreadable> {
    Reader::new().read(value, Some(DATE), None)
}

#[test]
fn every_form_is_read() {
    let now = httpdate::parse_http_date(DATE)
        .unwrap()
        .duration_since(UNIX_EPOCH)
        .unwrap();
    let in_30_s = (now.as_secs() + 30).to_string();
    let in_30_s_ms = (now.as_millis() + 30_000).to_string();
    let in_30_s_us = (now.as_micros() + 30_000_000).to_string();
    let in_30_s_ns = (now.as_nanos() + 30_000_000_000).to_string();
    let cases = [
        ("0", 0, Form::Seconds),
        ("120", 120_000, Form::Seconds),
        (" 120\t", 120_000, Form::Seconds),
        ("+5", 5_000, Form::Seconds),
        ("1.5", 1_500, Form::Seconds),
        (".25", 250, Form::Seconds),
        ("3.", 3_000, Form::Seconds),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30_000, Form::HttpDate),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30_000, Form::HttpDate),
        ("Wed Oct 21 07:28:30 2026", 30_000, Form::HttpDate),
        (in_30_s.as_str(), 30_000, Form::UnixSeconds),
        (in_30_s_ms.as_str(), 30_000, Form::UnixMillis),
        (in_30_s_us.as_str(), 30_000, Form::UnixMicros),
        (in_30_s_ns.as_str(), 30_000, Form::UnixNanos),
        // The wrong weekday, in each form.
        ("Mon, 21 Oct 2026 07:28:30 GMT", 30_000, Form::HttpDate),
        ("Sunday, 21-Oct-26 07:28:30 GMT", 30_000, Form::HttpDate),
        ("Fri Oct 21 07:28:30 2026", 30_000, Form::HttpDate),
    ];
    for (value, millis, form) in cases {
        let hint = read(value).unwrap_or_else(|reason| panic!("{value}: {reason}"));
        // A number of nineteen digits is exact to a quarter of a microsecond.
        let error = hint.wait.abs_diff(Duration::from_millis(millis));
        assert!(error < Duration::from_micros(1), "{value}: {:?}", hint.wait);
        assert_eq!(hint.form, form, "{value}");
        assert!(!hint.bounded, "{value}");
    }
}

#[test]
fn milliseconds_are_read_where_the_header_counts_them() {
    let reader = Reader::new().millis();
    for (value, millis) in [("1500", 1_500.0), ("0.5", 0.5), ("-1", 0.0)] {
        let hint = reader.read(value, None, None).unwrap();
        assert_eq!(
            (hint.wait, hint.form),
            (Duration::from_secs_f64(millis / 1_000.0), Form::Millis)
        );
    }
    let hint = reader.read("1792567710000", Some(DATE), None).unwrap();
    assert_eq!(
        (hint.wait, hint.form),
        (Duration::from_secs(30), Form::UnixMillis)
    );
}

#[test]
fn what_is_past_means_now() {
    for value in [
        "-1",
        "-0.5",
        "1700000000",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        DATE,
    ] {
        assert_eq!(
            read(value).map(|hint| hint.wait),
            Ok(Duration::ZERO),
            "{value}"
        );
    }
}

#[test]
fn what_is_huge_is_bounded_and_says_so() {
    let long = "9".repeat(500);
    for value in [
        "999999999",
        "99999999999",
        "99999999999999",
        "18446744073709551616",
        &long,
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Wed, 21 Oct 9999 07:28:40 GMT",
        "Wed, 21 Oct 9998 07:28:40 GMT",
        "253402300799",
        "253402300799000",
        "253402300799000000",
        "253402300799000000000",
        "1000000000000000000000",
    ] {
        let hint = read(value).unwrap_or_else(|reason| panic!("{value}: {reason}"));
        assert_eq!((hint.wait, hint.bounded), (MAX, true), "{value}");
    }
    let short = Reader::new().max(Duration::from_secs(10));
    assert_eq!(
        short
            .read("11", None, None)
            .map(|hint| (hint.wait.as_secs(), hint.bounded)),
        Ok((10, true))
    );
    assert_eq!(
        short
            .read("10", None, None)
            .map(|hint| (hint.wait.as_secs(), hint.bounded)),
        Ok((10, false))
    );
}

#[test]
fn what_cannot_be_read_has_a_reason() {
    use Unreadable::{Empty, NeitherNumberNorDate, NotText};
    let cases = [
        ("", Empty),
        (" \t ", Empty),
        ("soon", NeitherNumberNorDate),
        ("inf", NeitherNumberNorDate),
        ("NaN", NeitherNumberNorDate),
        ("1e3", NeitherNumberNorDate),
        ("0x10", NeitherNumberNorDate),
        ("1,5", NeitherNumberNorDate),
        ("1.2.3", NeitherNumberNorDate),
        (".", NeitherNumberNorDate),
        ("-", NeitherNumberNorDate),
        ("--5", NeitherNumberNorDate),
        ("120, 120", NeitherNumberNorDate),
        ("Wed, 32 Oct 2026 07:28:00 GMT", NeitherNumberNorDate),
        ("Wen, 21 Oct 2026 07:28:00 GMT", NeitherNumberNorDate),
        ("Wed, 21 Oct 99999 07:28:00 GMT", NeitherNumberNorDate),
        ("é, 21 Oct 2026 07:28:00 GMT", NotText),
        ("12\u{0}0", NotText),
        ("\u{661}\u{662}", NotText),
    ];
    for (value, reason) in cases {
        assert_eq!(read(value), Err(reason), "{value:?}");
    }
}

/// Our clock may be wrong, and so may the server's: its own `Date` cancels both.
#[test]
fn a_date_is_measured_against_the_answers_own_date() {
    let value = "Wed, 21 Oct 2026 07:28:30 GMT";
    let wrong = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let right = httpdate::parse_http_date(DATE).unwrap() + Duration::from_secs(10);
    let wait = |date, received| {
        Reader::new()
            .read(value, date, received)
            .map(|hint| hint.wait.as_secs())
    };
    assert_eq!(wait(Some(DATE), Some(wrong)), Ok(30));
    assert_eq!(wait(None, Some(right)), Ok(20));
    assert_eq!(wait(Some("yesterday"), Some(right)), Ok(20));
    assert_eq!(wait(None, None), Err(Unreadable::NoClock));
    assert_eq!(wait(Some("yesterday"), None), Err(Unreadable::NoClock));
}

proptest! {
    #[test]
    fn any_bytes_give_a_bounded_wait_or_a_reason(
        value: Vec<u8>, date: Option<Vec<u8>>, received: Option<u64>, max: Duration, millis: bool
    ) {
        let (value, date) = (String::from_utf8_lossy(&value), date.as_deref().map(String::from_utf8_lossy));
        check(&value, date.as_deref(), received, max, millis)?;
    }

    #[test]
    fn anything_like_a_number_or_a_date_gives_a_bounded_wait_or_a_reason(
        value in "[-+]?[0-9.]{0,40}|(Mon|Wed|Sunday),? ?[0-9]{1,2}[ -](Jan|Feb|Dec)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2}( GMT)?",
        received: Option<u64>, max: Duration, millis: bool
    ) {
        check(&value, Some(DATE), received, max, millis)?;
    }

    #[test]
    fn a_span_of_seconds_is_what_it_says(seconds in 0_u32..600_000, thousandths in 0_u32..1_000) {
        let hint = read(&format!("{seconds}.{thousandths:03}"));
        let wait = Duration::from_millis(u64::from(seconds) * 1_000 + u64::from(thousandths));
        let error = hint.map(|hint| hint.wait.abs_diff(wait));
        prop_assert!(error.is_ok_and(|error| error < Duration::from_micros(1)), "{error:?}");
    }
}

fn check(
    value: &str,
    date: Option<&str>,
    received: Option<u64>,
    max: Duration,
    millis: bool,
) -> Result<(), TestCaseError> {
    let received =
        received.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let mut reader = Reader::new().max(max);
    if millis {
        reader = reader.millis();
    }
    if let Ok(hint) = reader.read(value, date, received) {
        prop_assert!(hint.wait <= max);
        prop_assert!(!hint.bounded || hint.wait == max);
    }
    Ok(())
}
