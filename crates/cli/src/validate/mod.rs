//! `rdm validate`: the verdict on captured data.

mod bars;
mod chart;
mod form;
mod input;
mod parts;
mod report;
mod timeline;

use std::sync::Arc;

use robust_data_manager::market::{Acceptance, Clock, Report, SystemClock};
use robust_data_manager::{QualitySettings, Validator};

use crate::args::ValidateArgs;
use crate::exit::{Failure, note, print};
use form::Answer;

/// One answer with its verdict.
pub(crate) type Verdict = (Answer, Arc<Report>);

pub(crate) fn run(args: &ValidateArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let name = input::name(&args.file);
    let text = input::read(&args.file)?;
    let new = || Validator::new(args.exchange.clone(), &QualitySettings::default());
    let mut validator = new().map_err(Failure::usage)?;
    if let (Some(symbol), Some(id)) = (&args.symbol, &args.id) {
        validator.listed(symbol, id);
    }
    let captured = form::read(args, &name, &text, &validator, now)?;
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(captured.answers.len());
    for answer in captured.answers {
        let report = validator.judge(
            &answer.request,
            &answer.decoded,
            answer.received,
            answer.received,
        );
        if let Some(report) = report {
            verdicts.push((answer, report));
        }
    }
    let worst = verdicts.iter().map(|(_, report)| report.acceptance).min();
    let Some(worst) = worst else {
        return Err(Failure::Usage(format!("{name}: nothing to judge")));
    };
    if let Some(path) = &args.svg {
        let second = new().map_err(Failure::usage)?;
        let timeline = timeline::of(&verdicts, &second);
        let drawn = chart::draw(&report::headline(args, &verdicts), &timeline);
        let drawn =
            drawn.map_err(|error| Failure::data(format!("--svg: cannot be drawn: {error}")))?;
        input::write("--svg", path, &drawn)?;
    }
    if args.json {
        let json = report::json(args, &name, captured.form, captured.skipped, &verdicts);
        print(&json.map_err(Failure::data)?);
    } else {
        print(&report::text(args, &verdicts));
        for line in &captured.notes {
            print(&format!("note        {line}"));
        }
    }
    if captured.skipped > 0 {
        note(&format!(
            "rdm: {name}: {} samples of other kinds, exchanges or pairs were left out",
            captured.skipped
        ));
    }
    if worst == Acceptance::Reject {
        let rejected = verdicts
            .iter()
            .filter(|(_, report)| report.acceptance == worst);
        let (count, all) = (rejected.count(), verdicts.len());
        let what = if all == 1 {
            "rejected".to_owned()
        } else {
            format!("{count} of {all} answers rejected")
        };
        return Err(Failure::Data(format!("{name}: {what}")));
    }
    Ok(())
}
