//! `rdm jobs`: when jobs will run, and what they ask, before anything is asked.

use comfy_table::{Table, presets};
use robust_data_manager::{
    DataManager, JobOutlook, Moment, Outlook, Plan, SourceOutlook, WindowOutlook,
};
use serde::Serialize;

use crate::args::JobsArgs;
use crate::exit::{Failure, count, print};
use crate::{json, settings};

/// What is printed as JSON.
#[derive(Serialize)]
struct Told<'a> {
    /// Where the jobs come from.
    of: &'a str,
    #[serde(flatten)]
    outlook: &'a Outlook,
}

pub(crate) async fn run(args: &JobsArgs) -> Result<(), Failure> {
    let (of, manager, jobs, marks) = match &args.config {
        Some(file) => {
            let named = |error: &dyn std::fmt::Display| settings::named(file, error);
            let mut config = settings::load_whole("--config", file)?;
            let marks = config.journal_marks().map_err(|error| named(&error))?;
            // It is only read: another process may be using it.
            config.journal = None;
            let manager = DataManager::builder().config(config).start();
            let manager = manager.map_err(|error| named(&error))?;
            let jobs = manager.configured_jobs().map_err(|error| named(&error))?;
            if jobs.is_empty() {
                return Err(named(
                    &"jobs = []: nothing to run; add a [[jobs]], or plan = \"default\"",
                ));
            }
            (file.display().to_string(), manager, jobs, marks)
        }
        None => {
            let plan = args.plan.clone().unwrap_or_else(Plan::default_plan);
            let builder = plan
                .exchanges()
                .into_iter()
                .fold(DataManager::builder(), |builder, name| {
                    builder.exchange(name)
                });
            let manager = builder.start().map_err(Failure::data)?;
            let jobs = plan.jobs().map_err(Failure::data)?;
            (format!("plan {}", plan.name()), manager, jobs, Vec::new())
        }
    };
    let outlook = manager
        .outlook_after(&jobs, args.next, &marks)
        .map_err(|error| match &args.config {
            Some(file) => settings::named(file, &error),
            None => Failure::data(error),
        })?;
    if args.json {
        let told = Told {
            of: &of,
            outlook: &outlook,
        };
        print(&json::text(&told).map_err(Failure::data)?);
    } else {
        print(&text(&of, &outlook));
    }
    let worst = outlook
        .sources
        .iter()
        .max_by(|(_, one), (_, other)| one.load_percent.total_cmp(&other.load_percent));
    match worst.filter(|_| !outlook.feasible) {
        Some((exchange, source)) => Err(Failure::Usage(format!(
            "jobs: {exchange} would be asked {:.0} % of what it allows; lengthen periods, or leave jobs away",
            source.load_percent
        ))),
        None => Ok(()),
    }
}

fn text(of: &str, outlook: &Outlook) -> String {
    let mut text = format!(
        "{of}: {}, {} in {} from {}\n\n",
        count(outlook.jobs.len() as u64, "job", "jobs"),
        count(outlook.runs, "run", "runs"),
        humantime::format_duration(std::time::Duration::from_secs(outlook.span_s)),
        outlook.from
    );
    // One that nothing comes due at in this time can be asked too much all the same.
    let asked = |source: &SourceOutlook| source.runs > 0 || source.load_percent > 0.0;
    let asked = outlook.sources.iter().filter(|(_, source)| asked(source));
    let rows = asked.flat_map(|(exchange, source)| load(exchange.as_str(), source));
    text.push_str(&table(
        &[
            "source",
            "runs",
            "requests/min",
            "load",
            "limit",
            "asked of it",
            "longest wait",
        ],
        rows,
    ));
    text.push_str("\n\n");
    text.push_str(&table(
        &["job", "when", "prio", "timeout", "load", "asks next"],
        outlook.jobs.iter().map(job),
    ));
    if outlook.clock_changes > 0 {
        text.push_str(&format!(
            "\n\n{} hit by a clock change:\n",
            count(outlook.clock_changes, "run is", "runs are")
        ));
        text.push_str(&table(
            &["job", "at", "its wall time"],
            outlook.changed.iter().map(change),
        ));
        let more = outlook
            .clock_changes
            .saturating_sub(outlook.changed.len() as u64);
        if more > 0 {
            text.push_str(&format!("\nand {more} more"));
        }
    } else {
        text.push_str("\n\nno run is hit by a clock change");
    }
    text
}

/// The load of one exchange: a line, and one for each limit beyond the first.
fn load(exchange: &str, source: &SourceOutlook) -> Vec<Vec<String>> {
    let first = [
        exchange.to_owned(),
        source.runs.to_string(),
        format!("{:.1}", source.requests_per_minute),
        format!("{:.1} %", source.load_percent),
    ];
    let wait = source.longest_wait_ms.unwrap_or(0);
    let mut rows = Vec::new();
    for (index, window) in source.windows.iter().enumerate() {
        let mut row: Vec<String> = if index == 0 {
            first.to_vec()
        } else {
            vec![String::new(); first.len()]
        };
        row.push(limit(window));
        row.push(format!("{} = {:.1} %", window.asked, window.load_percent));
        row.push(if index == 0 {
            format!("{:.1} s", wait as f64 / 1e3)
        } else {
            String::new()
        });
        rows.push(row);
    }
    rows
}

fn limit(window: &WindowOutlook) -> String {
    let per = std::time::Duration::from_millis(window.per_ms);
    format!("{} {} per {per:?}", window.limit, window.name)
}

fn job(job: &JobOutlook) -> Vec<String> {
    let percent = |load: f64| format!("{load:.1} %");
    let next = job.next.first().map_or_else(
        || if job.enabled { "–" } else { "not enabled" }.to_owned(),
        |next| next.asks_at.as_ref().unwrap_or(&next.at).clone(),
    );
    let seconds = |ms: u64| format!("{} s", ms as f64 / 1e3);
    let mut timeout = seconds(job.timeout_ms);
    if let Some(longer) = job.escalated_ms {
        timeout.push_str(&format!(", then {}", seconds(longer)));
    }
    vec![
        job.name.clone(),
        job.when.clone(),
        job.priority.to_string(),
        timeout,
        job.load_percent.map_or_else(|| "–".to_owned(), percent),
        next,
    ]
}

fn change(moment: &Moment) -> Vec<String> {
    let what = match moment.clock_change {
        Some("shifted") => "is left out; it comes at the change",
        Some("left_out") => "is left out; it does not come",
        Some(_) => "is shown twice",
        None => "",
    };
    vec![moment.job.clone(), moment.at.clone(), what.to_owned()]
}

fn table(titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(titles);
    for row in rows {
        table.add_row(row);
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}
