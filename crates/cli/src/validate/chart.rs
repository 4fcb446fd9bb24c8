//! Scores and issues over time, as a picture.

use std::collections::BTreeMap;

use chrono::DateTime;
use plotters::coord::Shift;
use plotters::prelude::*;
use robust_data_manager::market::{Acceptance, Dimension, Severity};

use super::timeline::{Mark, Timeline};

const WIDTH: u32 = 1_000;
const HEIGHT: u32 = 660;
/// Points along the time axis; what falls on one is drawn as its worst.
const POINTS: f64 = 1_000.0;

const INK: RGBColor = RGBColor(0x33, 0x3a, 0x44);
const FAINT: RGBColor = RGBColor(0xe3, 0xe6, 0xea);
const LINE: RGBColor = RGBColor(0x2b, 0x6c, 0xb0);
/// Apart in hue and in darkness, so that they differ without colours too.
const SEVERITIES: [(Severity, &str, RGBColor, i32); 4] = [
    (Severity::Info, "info", RGBColor(0x9a, 0xa5, 0xb1), 3),
    (Severity::Warning, "warning", RGBColor(0xe0, 0x9f, 0x1f), 4),
    (Severity::Error, "error", RGBColor(0xd6, 0x45, 0x27), 5),
    (
        Severity::Critical,
        "critical",
        RGBColor(0x7b, 0x1f, 0x4b),
        6,
    ),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws three panels over one time axis: the price, the score, and the issues by dimension.
pub(crate) fn draw(title: &str, timeline: &Timeline) -> Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.margin(8, 8, 8, 24);
        let style = ("sans-serif", 20).into_font().color(&INK);
        let root = root.titled(title, style)?;
        let range = range(timeline);
        let lanes = if timeline.prices.is_empty() {
            let (scores, marks) = root.split_vertically(270);
            scored(&scores, timeline, &range)?;
            marks
        } else {
            let (prices, rest) = root.split_vertically(190);
            let (scores, marks) = rest.split_vertically(190);
            priced(&prices, timeline, &range)?;
            scored(&scores, timeline, &range)?;
            marks
        };
        let (lanes, words) = lanes.split_vertically(lanes.dim_in_pixel().1.saturating_sub(24));
        marked(&lanes, timeline, &range)?;
        legend(&words)?;
        root.present()?;
    }
    Ok(svg)
}

/// From the first to the last moment, never empty.
fn range(timeline: &Timeline) -> std::ops::Range<f64> {
    let prices = timeline.prices.iter().map(|(at, _)| *at);
    let scores = timeline.scores.iter().map(|(at, ..)| *at);
    let marks = timeline.marks.iter().map(|mark| mark.at);
    let (first, last) = prices
        .chain(scores)
        .chain(marks)
        .fold((f64::MAX, f64::MIN), |(first, last), at| {
            (first.min(at), last.max(at))
        });
    if first > last {
        return 0.0..1_000.0;
    }
    let edge = ((last - first) * 0.01).max(500.0);
    first - edge..last + edge
}

/// The column of pixels of a moment.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a whole number below the number of points"
)]
fn column(at: f64, range: &std::ops::Range<f64>) -> i64 {
    ((at - range.start) / (range.end - range.start) * POINTS).floor() as i64
}

fn priced(area: &Area<'_>, timeline: &Timeline, range: &std::ops::Range<f64>) -> Drawn {
    // Of each column the lowest and the highest, in the order of time: no spike is lost.
    let mut columns: BTreeMap<i64, [(f64, f64); 2]> = BTreeMap::new();
    for point in &timeline.prices {
        let known = columns.entry(column(point.0, range)).or_insert([*point; 2]);
        let [low, high] = known;
        if point.1 < low.1 {
            *low = *point;
        }
        if point.1 > high.1 {
            *high = *point;
        }
    }
    let mut points: Vec<(f64, f64)> = columns.into_values().flatten().collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (low, high) = points
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), (_, price)| {
            (low.min(*price), high.max(*price))
        });
    let room = match high - low {
        0.0 if high == 0.0 => 1.0,
        span => (span * 0.06).max(high.abs() * 1e-6),
    };
    let mut chart = ChartBuilder::on(area)
        .caption("price", caption())
        .x_label_area_size(4)
        .y_label_area_size(84)
        .margin_right(12)
        .build_cartesian_2d(range.clone(), low - room..high + room)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_labels(5)
        .y_label_formatter(&|price| short(*price))
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(label())
        .draw()?;
    chart.draw_series(LineSeries::new(points, LINE))?;
    Ok(())
}

fn scored(area: &Area<'_>, timeline: &Timeline, range: &std::ops::Range<f64>) -> Drawn {
    let mut columns: BTreeMap<i64, (f64, f64, Acceptance)> = BTreeMap::new();
    for point in &timeline.scores {
        let known = columns.entry(column(point.0, range)).or_insert(*point);
        if point.1 < known.1 {
            *known = *point;
        }
    }
    let mut chart = ChartBuilder::on(area)
        .caption(format!("score of {}", timeline.scored), caption())
        .x_label_area_size(4)
        .y_label_area_size(84)
        .margin_right(12)
        .build_cartesian_2d(range.clone(), 0.0..104.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_labels(5)
        .y_label_formatter(&|score| format!("{score:.0}"))
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(label())
        .draw()?;
    let line = columns.values().map(|(at, score, _)| (*at, *score));
    chart.draw_series(LineSeries::new(line, INK))?;
    // A dot for each accepted one would hide the line of a long series.
    let few = columns.len() <= 80;
    for (at, score, acceptance) in columns.into_values() {
        let (color, size) = match acceptance {
            Acceptance::Accept if few => (LINE, 3),
            Acceptance::Accept => continue,
            Acceptance::AcceptWithExclusions => (color(Severity::Warning), 4),
            Acceptance::Quarantine => (color(Severity::Error), 4),
            Acceptance::Reject => (color(Severity::Critical), 5),
        };
        chart.draw_series([Circle::new((at, score), size, color.filled())])?;
    }
    Ok(())
}

fn marked(area: &Area<'_>, timeline: &Timeline, range: &std::ops::Range<f64>) -> Drawn {
    let mut worst: BTreeMap<(i64, Dimension), Mark> = BTreeMap::new();
    for mark in &timeline.marks {
        let place = (column(mark.at, range), mark.dimension);
        let known = worst.entry(place).or_insert(*mark);
        if mark.severity > known.severity {
            *known = *mark;
        }
    }
    let lanes = Dimension::ALL.len();
    let span = range.end - range.start;
    let mut chart = ChartBuilder::on(area)
        .caption("issues", caption())
        .x_label_area_size(28)
        .y_label_area_size(84)
        .margin_right(12)
        .build_cartesian_2d(range.clone(), (0..lanes).into_segmented())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .set_tick_mark_size(LabelAreaPosition::Left, 6)
        .x_labels(8)
        .y_labels(lanes)
        .x_label_formatter(&|at| moment(*at, span))
        .y_label_formatter(&|lane| lane_name(lane))
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(label())
        .draw()?;
    for lane in 0..lanes {
        let ends = [range.start, range.end].map(|at| (at, SegmentValue::CenterOf(lane)));
        chart.draw_series(LineSeries::new(ends, FAINT))?;
    }
    for (severity, _, color, size) in SEVERITIES {
        let marks = worst.values().filter(|mark| mark.severity == severity);
        chart.draw_series(marks.map(|mark| {
            // The first dimension is the upmost lane.
            let lane = lanes - 1 - mark.dimension as usize;
            Circle::new(
                (mark.at, SegmentValue::CenterOf(lane)),
                size,
                color.filled(),
            )
        }))?;
    }
    Ok(())
}

/// What the dots mean, in a line of its own: over the lanes it would hide some.
fn legend(area: &Area<'_>) -> Drawn {
    for ((_, name, color, size), x) in SEVERITIES.into_iter().zip((90..).step_by(90)) {
        area.draw(&Circle::new((x, 12), size, color.filled()))?;
        area.draw(&Text::new(name, (x + 10, 7), label()))?;
    }
    Ok(())
}

fn color(severity: Severity) -> RGBColor {
    let [info, warning, error, critical] = SEVERITIES.map(|(_, _, color, _)| color);
    match severity {
        Severity::Info => info,
        Severity::Warning => warning,
        Severity::Error => error,
        Severity::Critical => critical,
    }
}

fn lane_name(lane: &SegmentValue<usize>) -> String {
    let (SegmentValue::CenterOf(lane) | SegmentValue::Exact(lane)) = lane else {
        return String::new();
    };
    let dimension = Dimension::ALL.iter().rev().nth(*lane);
    dimension.map_or_else(String::new, |dimension| dimension.as_str().to_owned())
}

fn caption() -> TextStyle<'static> {
    ("sans-serif", 15).into_font().color(&INK)
}

fn label() -> TextStyle<'static> {
    ("sans-serif", 12).into_font().color(&INK)
}

/// A price with as many digits as tell it from its neighbours on the axis.
fn short(price: f64) -> String {
    if price.abs() >= 1_000.0 {
        format!("{price:.0}")
    } else if price.abs() >= 1.0 {
        format!("{price:.2}")
    } else {
        format!("{price:.3e}")
    }
}

/// A time with what changes from label to label.
#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds since 1970 fit"
)]
fn moment(at: f64, span: f64) -> String {
    const DAY: f64 = 86_400_000.0;
    let Some(time) = DateTime::from_timestamp_millis(at as i64) else {
        return String::new();
    };
    let form = if span < 600_000.0 {
        "%H:%M:%S"
    } else if span < 10.0 * DAY {
        "%d %b %H:%M"
    } else if span < 400.0 * DAY {
        "%d %b %Y"
    } else {
        "%b %Y"
    };
    time.format(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(prices: &[(f64, f64)], scores: &[(f64, f64)]) -> String {
        let timeline = Timeline {
            prices: prices.to_vec(),
            scores: scores
                .iter()
                .map(|(at, score)| (*at, *score, Acceptance::Accept))
                .collect(),
            marks: scores
                .iter()
                .map(|(at, _)| Mark {
                    at: *at,
                    dimension: Dimension::Uniqueness,
                    severity: Severity::Critical,
                })
                .collect(),
            scored: "each".to_owned(),
        };
        draw("<a & b>", &timeline).unwrap()
    }

    #[test]
    fn no_price_and_no_time_is_too_odd_to_be_drawn() {
        for prices in [
            &[][..],
            &[(0.0, 0.0)],
            &[(0.0, 0.0), (1e12, 0.0)],
            &[(1.0, 1e28), (2.0, 1e-28)],
            &[(1.0, -5.0), (1.0, 5.0)],
            &[(-9e15, 3.0), (9e15, 3.0)],
            &[(1.0, 36_500.1), (2.0, 36_500.1)],
        ] {
            for scores in [&[][..], &[(5.0, 0.0)], &[(-9e15, 100.0), (9e15, 49.0)]] {
                let svg = drawn(prices, scores);
                assert!(svg.ends_with("</svg>\n"), "{svg:.100}");
                // A label that is no number; "info" is a word of the legend.
                let odd = svg
                    .lines()
                    .any(|line| ["NaN", "inf", "-inf"].contains(&line.trim()));
                assert!(!odd, "{prices:?} {scores:?}");
                assert!(svg.contains("&lt;a &amp; b&gt;"), "foreign text is escaped");
            }
        }
    }

    #[test]
    fn a_long_course_is_drawn_with_bounded_size_and_keeps_its_spike() {
        let prices: Vec<(f64, f64)> = (0..200_000_i32)
            .map(|nth| (f64::from(nth), if nth == 77_777 { 10.0 } else { 1.0 }))
            .collect();
        let scores: Vec<(f64, f64)> = (0..200_000_i32)
            .map(|nth| (f64::from(nth), 100.0))
            .collect();
        let svg = drawn(&prices, &scores);
        assert!(svg.len() < 400_000, "{}", svg.len());
        let flat = drawn(&[(0.0, 1.0), (199_999.0, 1.0)], &scores);
        assert!(svg.len() > flat.len());
    }
}
