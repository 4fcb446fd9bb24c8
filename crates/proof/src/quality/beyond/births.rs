//! Where a value comes from, and what a generator makes.

use fastrand::Rng;
use robust_market::{Candle, Decoded, Dimension, Origin, Payload, Report, Severity};
use robust_quality::{Context, Provenance, SymbolState, judge};
use rust_decimal::Decimal;

use super::{Due, Kind};
use crate::quality::catalogue::Data;
use crate::quality::draw::normal;
use crate::quality::made::{self, Length, Style};
use crate::quality::scene::Feed;
use crate::quality::{PRESETS, Preset};

/// Bars of the series that a generator stands in for.
const BARS: usize = 600;

/// The kinds of births.
pub(super) fn kinds(n: u32, seeds: &[u64]) -> Vec<Kind> {
    let kind = |id, what| Kind::new(id, Due::Found, Dimension::Accuracy, what);
    let mut unknown = kind("S01", "nobody says where a value was born");
    let mut test = kind("S02", "a value of a test system");
    let mut expired = kind("S03", "a cached value past its time, presented as live");
    let mut drawn = kind(
        "S04",
        "600 bars of a random walk with volumes of even chance in place of the market's",
    );
    for seed in seeds {
        let mut rng = Rng::with_seed(*seed);
        for nth in 0..n as usize {
            let preset = &PRESETS[nth % PRESETS.len()];
            let style = Style::ALL[nth % Style::ALL.len()];
            if let Ok(feed) = made::feed_of(Data::Ticker, preset, style, rng.u64(..), SHORT) {
                births(&feed, &mut rng, [&mut unknown, &mut test, &mut expired]);
            }
            let calm = [&PRESETS[0], &PRESETS[1], &PRESETS[4]][nth % 3];
            walk(calm, &mut rng, &mut drawn);
        }
    }
    vec![unknown, test, expired, drawn]
}

const SHORT: Length = Length {
    pages: 1,
    seconds: 10,
    minutes: 10,
    levels: 5,
};

fn births(feed: &Feed, rng: &mut Rng, [unknown, test, expired]: [&mut Kind; 3]) {
    let Some(shot) = feed.shots.last() else {
        return;
    };
    let report = |provenance| -> Option<Report> {
        let mut context = Context::new(
            &feed.source.request,
            feed.source.profile,
            shot.received,
            shot.now,
        );
        context.provenance = Some(provenance);
        judge(&shot.decoded, &context, &mut SymbolState::new())
    };
    let found = |provenance| {
        report(provenance).is_some_and(|report| {
            report.issues.iter().any(|issue| {
                issue.severity >= Severity::Error && issue.dimension == Dimension::Accuracy
            })
        })
    };
    let hosts = ["api.binance.com", "api.kraken.com", "api.huobi.pro"];
    let mut sound = Provenance::of(Origin::Rest);
    sound.host = Some(hosts[rng.usize(0..hosts.len())]);
    if let Some(report) = report(sound) {
        unknown.sound(&report);
    }
    let mut born = sound;
    born.origin = None;
    unknown.found.add(found(born));
    let hosts = [
        "testnet.binance.vision",
        "api.sandbox.kraken.com",
        "127.0.0.1:9999",
        "openapi-sandbox.kucoin.com",
    ];
    let mut born = sound;
    born.host = Some(hosts[rng.usize(0..hosts.len())]);
    test.found.add(found(born));
    let mut born = sound;
    born.expired = true;
    expired.found.add(found(born));
}

/// A liquid market, and what a generator makes of its first price.
fn walk(preset: &Preset, rng: &mut Rng, drawn: &mut Kind) {
    let length = Length { pages: 3, ..SHORT };
    let Ok(mut feed) = made::feed_of(Data::Candles, preset, Style::Binance, rng.u64(..), length)
    else {
        return;
    };
    let Some(mut shot) = feed.shots.pop() else {
        return;
    };
    let Payload::Candles(mut series) = shot.decoded.value else {
        return;
    };
    let earlier: Vec<Candle> = feed
        .shots
        .iter()
        .filter_map(|shot| match &shot.decoded.value {
            Payload::Candles(page) => Some(page.rows.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    series.rows.splice(0..0, earlier);
    series.rows.drain(..series.rows.len().saturating_sub(BARS));
    series.rows.iter_mut().for_each(|row| row.closed = true);
    if let Some(last) = series.rows.last() {
        shot.received = last.time.saturating_add(series.interval.duration() * 3 / 2);
        shot.now = shot.received;
    }
    if let robust_market::Request::Candles { limit, .. } = &mut feed.source.request {
        *limit = Some(BARS as u32);
    }
    let speaks = |series| {
        let decoded = Decoded::clean(Payload::Candles(series));
        let context = Context::new(
            &feed.source.request,
            feed.source.profile,
            shot.received,
            shot.now,
        );
        judge(&decoded, &context, &mut SymbolState::new())
            .map(|report| report.issues.iter().any(|issue| issue.rule == "A.drawn"))
    };
    if let Some(speaks) = speaks(series.clone()) {
        drawn.blamed.add(speaks);
    }
    let places = feed.source.grid.price;
    let mut price = series.rows[0].open;
    for row in &mut series.rows {
        row.open = price;
        (row.high, row.low) = (price, price);
        for _ in 0..8 {
            let step = 1.0 + preset.volatility / 8.0_f64.sqrt() * normal(rng);
            price = Decimal::from_f64_retain(step)
                .and_then(|step| price.checked_mul(step.round_dp(9)))
                .map_or(price, |price| price.round_dp(places));
            row.high = row.high.max(price);
            row.low = row.low.min(price);
        }
        row.close = price;
        row.volume = Decimal::new(rng.i64(100_000..9_900_000), feed.source.grid.size);
        row.quote_volume = row.volume.checked_mul((row.high + row.low) / Decimal::TWO);
        row.count = row.count.map(|_| rng.u64(1..200));
    }
    if let Some(speaks) = speaks(series) {
        drawn.found.add(speaks);
    }
}
