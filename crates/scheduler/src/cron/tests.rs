//! What expressions mean, and which are refused.

use super::*;

fn refused(text: &str) -> CronError {
    Cron::parse(text).unwrap_err()
}

#[test]
fn five_six_and_seven_fields_are_told_apart_and_echoed() {
    let table = [
        ("*/5 * * * *", "0 */5 * * * * *, UTC"),
        ("*/10 * * * * *", "*/10 * * * * * *, UTC"),
        (
            "0 0 12 * * MON-FRI 2030",
            "0 0 12 * * MON,TUE,WED,THU,FRI 2030, UTC",
        ),
        ("0 0 * * 0", "0 0 0 * * SUN *, UTC"),
        ("0 0 * * 7", "0 0 0 * * SUN *, UTC"),
        ("0 0 * * 5-7", "0 0 0 * * SUN,FRI,SAT *, UTC"),
        ("0 0 * * SAT-SUN", "0 0 0 * * SUN,SAT *, UTC"),
        ("0 0 * * */2", "0 0 0 * * SUN,TUE,THU,SAT *, UTC"),
        ("0 0 * * 1/2", "0 0 0 * * MON,WED,FRI *, UTC"),
        ("@weekly", "0 0 0 * * SUN *, UTC"),
        ("  0  0 L * ? ", "0 0 0 L * * *, UTC"),
    ];
    for (text, normal) in table {
        assert_eq!(Cron::parse(text).unwrap().to_string(), normal, "{text}");
    }
    let quartz = Syntax::default().dialect(Dialect::Quartz);
    assert_eq!(
        quartz.parse("0 0 0 ? * 2-6").unwrap().to_string(),
        "0 0 0 ? * MON,TUE,WED,THU,FRI *, UTC"
    );
}

#[test]
fn what_can_be_meant_in_two_ways_is_refused_with_the_way_out() {
    use CronError as E;
    assert!(matches!(refused("* * * *"), E::Fields { found: 4, .. }));
    assert!(matches!(refused("******"), E::Fields { found: 1, .. }));
    assert!(matches!(refused("@every 5m"), E::Fields { found: 2, .. }));
    assert!(matches!(refused("0 0 0 * * 1"), E::WhoseWeekdays { .. }));
    assert!(matches!(refused("0 0 1 * MON"), E::WhichDays { .. }));
    assert!(matches!(
        refused("*/60 * * * *"),
        E::Step { name: "minute", .. }
    ));
    assert!(matches!(refused("*/0 * * * *"), E::Step { .. }));
    assert!(matches!(refused("0 0 * * FRI-MON"), E::Weekday { .. }));
    assert!(matches!(refused("0 0 * * 8"), E::Weekday { .. }));
    assert!(matches!(refused("0 0 L,1-3 * *"), E::Rule { .. }));
    assert!(matches!(refused("0 0 * * FRI#6"), E::Rule { .. }));
    assert!(matches!(refused("61 * * * *"), E::Syntax { .. }));
    assert!(matches!(refused("0 0 31 2 *"), E::Never { .. }));
    assert!(matches!(refused("0 0 L-30 2 *"), E::Never { .. }));
    assert!(
        refused("0 0 0 * * 1")
            .to_string()
            .contains("name the dialect or write MON..SUN")
    );
}

#[test]
fn a_blank_beside_a_sign_never_moves_the_fields() {
    let torn = [
        ("-1 * * * *", "-1"),
        ("1 -5 * * *", "-5"),
        ("5, 7 * * *", "5,"),
        ("5, 10 * * * *", "5,"),
        ("5 ,10 * * * *", ",10"),
        ("5 /2 * * *", "/2"),
        ("*/ 5 * * *", "*/"),
        ("*/ 5 * * * *", "*/"),
        ("0 0 1 -5 *", "-5"),
        ("0 9 -17 * * *", "-17"),
        ("0 9 - 17 * * *", "-"),
        ("5- 10 * * * *", "5-"),
        ("0 12 */ 2 * *", "*/"),
        ("0 0 1 1-\t3 *", "1-"),
        ("*/ 30 * * * * *", "*/"),
        ("0 0 * * 5 #2", "#2"),
        // The parser would see five fields and then two in one.
        ("*/ 5* * * * *", "*/"),
    ];
    for (text, piece) in torn {
        let field = piece.to_owned();
        assert_eq!(refused(text), CronError::Torn { field }, "{text}");
    }
    assert!(refused("*/ 5 * * * *").to_string().contains("no blanks"));
}

#[test]
fn what_is_no_field_is_named_with_what_a_field_is() {
    let table = [
        ("0 0 0* * *", "0*", "day-of-month"),
        ("0 0 * JAN* *", "JAN*", "month"),
        ("? * * * *", "?", "minute"),
        ("+5 * * * *", "+5", "minute"),
        ("1,,2 * * * *", "1,,2", "minute"),
        ("*/5/5 * * * *", "*/5/5", "minute"),
        ("* 1-2-3 * * *", "1-2-3", "hour"),
        ("0 0 0 1 1 ? *-2030", "*-2030", "year"),
        ("＊ * * * *", "＊", "minute"),
    ];
    for (text, field, name) in table {
        let field = field.to_owned();
        assert_eq!(refused(text), CronError::Field { name, field }, "{text}");
    }
    // Steps of years as of all others.
    for year in ["*/0", "2020/0", "*/200", "*/131"] {
        let step = refused(&format!("0 0 0 1 1 ? {year}"));
        assert!(
            matches!(step, CronError::Step { name: "year", .. }),
            "{step}"
        );
    }
    assert!(Cron::parse("0 0 0 1 1 ? 2030/5").is_ok());
}

#[test]
fn a_refusal_of_the_parser_has_words() {
    let table = [
        ("60 * * * *", "less than 59"),
        ("22-2 * * * *", "Invalid range"),
        ("0 0 0 1 1 ? 2101", "\"2101\" is outside its field"),
        ("0 0 0 1 1 ? 1969", "\"1969\" is outside its field"),
        (
            "99999999999 * * * *",
            "\"99999999999\" is outside its field",
        ),
        (
            "1-5/99999999999 * * * *",
            "\"1-5/99999999999\" is outside its field",
        ),
    ];
    for (text, words) in table {
        let CronError::Syntax { why, .. } = refused(text) else {
            panic!("{text}: {:?}", refused(text));
        };
        assert!(why.contains(words), "{text}: {why}");
    }
}

/// The next moments in Amsterdam, as its clocks show them.
fn shown(cron: Cron, after: &str, count: usize) -> Vec<String> {
    let after = chrono::DateTime::parse_from_rfc3339(after).unwrap();
    let after = system(after.timestamp() * SECOND);
    let cron = cron.zone(Zone::named("Europe/Amsterdam").unwrap());
    let list = cron.preview(after, count);
    list.into_iter()
        .map(|next| {
            let mark = match next.change {
                Some(ClockChange::Shifted) => " shifted",
                Some(ClockChange::Doubled) => " doubled",
                Some(ClockChange::LeftOut) => " left out",
                None => "",
            };
            format!("{}{mark}", next.local.get(5..).unwrap())
        })
        .collect()
}

#[test]
fn a_time_of_day_comes_once_a_day_and_a_repeating_one_follows_the_clock() {
    let daily = || Cron::parse("30 2 * * *").unwrap();
    let (spring, autumn) = ("2027-03-27T12:00:00+01:00", "2027-10-30T12:00:00+02:00");
    assert_eq!(
        shown(daily(), spring, 2),
        ["03-28T03:00:00+02:00 shifted", "03-29T02:30:00+02:00"]
    );
    assert_eq!(
        shown(daily().gap(Gap::Skip), spring, 1),
        ["03-29T02:30:00+02:00"]
    );
    assert_eq!(
        shown(daily(), autumn, 2),
        ["10-31T02:30:00+02:00 doubled", "11-01T02:30:00+01:00"]
    );
    assert_eq!(
        shown(daily().fold(Fold::Second), autumn, 1),
        ["10-31T02:30:00+01:00 doubled"]
    );
    let half_hourly = Cron::parse("*/30 * * * *").unwrap();
    assert_eq!(
        shown(half_hourly.clone(), "2027-10-31T01:59:00+02:00", 5),
        [
            "10-31T02:00:00+02:00 doubled",
            "10-31T02:30:00+02:00 doubled",
            "10-31T02:00:00+01:00 doubled",
            "10-31T02:30:00+01:00 doubled",
            "10-31T03:00:00+01:00"
        ]
    );
    // A job that is added in the second half of the repeated hour gets no time in the past.
    assert_eq!(
        shown(half_hourly.clone(), "2027-10-31T02:10:00+01:00", 1),
        ["10-31T02:30:00+01:00 doubled"]
    );
    assert_eq!(
        shown(half_hourly, "2027-03-28T01:45:00+01:00", 1),
        ["03-28T03:00:00+02:00"]
    );
}

#[test]
fn rules_about_days_and_either_day_are_followed() {
    let after = "2027-12-31T23:59:59+00:00";
    let either = Syntax::default()
        .days(DayMatch::Either)
        .parse("0 0 15 * FRI")
        .unwrap();
    assert_eq!(
        shown(either, after, 3),
        [
            "01-07T00:00:00+01:00",
            "01-14T00:00:00+01:00",
            "01-15T00:00:00+01:00"
        ]
    );
    let both = Syntax::default()
        .days(DayMatch::Both)
        .parse("0 0 13 * FRI")
        .unwrap();
    assert_eq!(shown(both, after, 1), ["10-13T00:00:00+02:00"]);
    let last = Cron::parse("0 0 L * *").unwrap();
    assert_eq!(
        shown(last, after, 2),
        ["01-31T00:00:00+01:00", "02-29T00:00:00+01:00"]
    );
    let second_friday = Cron::parse("0 0 * * 5#2").unwrap();
    assert_eq!(
        shown(second_friday, after, 2),
        ["01-14T00:00:00+01:00", "02-11T00:00:00+01:00"]
    );
}

#[test]
fn after_the_last_year_nothing_comes() {
    let cron = Cron::parse("0 0 0 1 1 ? 2030").unwrap();
    let (before, after) = (
        system(1_893_455_999 * SECOND),
        system(1_893_456_000 * SECOND),
    );
    assert_eq!(cron.next_after(before), Some(after));
    assert_eq!(cron.next_after(after), None);
    let yearly = Cron::parse("@yearly")
        .unwrap()
        .zone(Zone::named("America/New_York").unwrap());
    // 2030 to 2100: the turn of the year comes five hours later there.
    assert_eq!(yearly.preview(after, 200).len(), 71);
}
