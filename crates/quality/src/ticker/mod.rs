//! Rules for tickers, one or many.

mod list;
mod record;

use robust_market::{Acceptance, Decoded, Defect, Dimension, Payload, Report, Ticker};

use crate::profile::TickerField as F;
use crate::tally::Tally;
use crate::{Context, SymbolState, defects, timeliness};
use record::Record;

pub(crate) use list::list;

/// Judges one ticker against its own past.
pub(crate) fn single(
    ticker: &Ticker,
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Report {
    let mut tally = Tally::single();
    let faults: Vec<&Defect> = decoded.defects.iter().collect();
    let mut record = Record::new(&mut tally, ticker, 0, false, &faults, context);
    record.judge(context.request.symbols());
    let (expected, present) = (record.expected, record.found);
    let (time, sequence) = (record.time, record.sequence);
    record.regress(time, sequence, state);
    tally.own_share(Dimension::Completeness, present, expected);
    defects::unexplained(&mut tally, &decoded.excluded);
    timeliness::event(&mut tally, time, context);
    if time.is_none() && ticker.time.is_none() && !context.profile.expected.contains(F::Time) {
        timeliness::no_event_time(&mut tally);
    }
    let report = tally.finish();
    if report.acceptance >= Acceptance::AcceptWithExclusions {
        state.accept(time, sequence);
    }
    report
}
