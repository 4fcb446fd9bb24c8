//! What the clock changes of a year do to a few cron expressions, and what a day brings.
//!
//! `cargo run -p robust-scheduler --example calendar`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::{Duration, SystemTime};

use robust_scheduler::{ClockChange, Cron, Job, Scheduler, SimClock, Source, Zone};

/// 2027-03-27 12:00 UTC: the clocks of Amsterdam go forward in the coming night.
const EVE: Duration = Duration::from_secs(1_806_148_800);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let amsterdam = Zone::named("Europe/Amsterdam")?;
    let eve = SystemTime::UNIX_EPOCH + EVE;
    for text in [
        "30 2 * * *",
        "*/30 1-3 * * *",
        "0 9 L * *",
        "0 0 18 ? * FRI#2 2027",
    ] {
        let cron = Cron::parse(text)?.zone(amsterdam.clone());
        println!("{text:<22} is {cron}");
        for next in cron.preview(eve, 4) {
            let note = match next.change {
                Some(ClockChange::Shifted) => "  (that hour is left out)",
                Some(ClockChange::Doubled) => "  (that hour comes twice)",
                _ => "",
            };
            println!("    {}{note}", next.local);
        }
    }

    let scheduler = Scheduler::builder().clock(SimClock::at(eve)).start();
    scheduler.source(Source::new("exchange").budget(60, Duration::from_secs(60)));
    let nothing = |_| async { Ok(()) };
    let daily = Cron::parse("30 2 * * *")?.zone(amsterdam);
    scheduler
        .add_all([
            Job::every("ticker", Duration::from_secs(5))
                .source("exchange")
                .handler(nothing),
            Job::aligned("candle", Duration::from_secs(60))
                .source("exchange")
                .cost(30)
                .handler(nothing),
            Job::cron("report", daily).handler(nothing),
        ])
        .map_err(|(_, error)| error)?;
    let day = scheduler.forecast(Duration::from_secs(86_400));
    println!(
        "a day brings {} runs, {} moved by a clock change",
        day.runs, day.clock_changes
    );
    for (source, load) in &day.sources {
        println!(
            "    {:<10} {} runs, {:.0} % of its budget, longest wait {:?}",
            source.as_deref().unwrap_or("-"),
            load.runs,
            load.load_percent.unwrap_or(0.0),
            load.longest_wait.unwrap_or_default()
        );
    }
    Ok(())
}
