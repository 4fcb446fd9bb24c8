//! Rules for tickers, one or many.

pub(crate) mod accuracy;
mod list;
mod record;

use robust_market::{Acceptance, Decoded, Dimension, Payload, Report, Severity, Ticker};

use crate::engine::Outcome;
use crate::rules::{U_CONFLICT, U_REPLAY};
use crate::seen::{Fingerprint, Met};
use crate::tally::{Place, Tally};
use crate::timeliness::SourceTime;
use crate::{Context, Provenance, SymbolState, defects, provenance, seen, timeliness};
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
    let faults = &decoded.defects;
    let learned = state.seen.presence.expected();
    let mut record = Record::new(&mut tally, ticker, 0, false, context, learned);
    record.judge(context.request.symbols(), faults.iter());
    let (expected, found, present) = (record.expected, record.found, record.present);
    let (time, sequence) = (record.time, record.sequence);
    let prices = record.prices();
    let change = record.change();
    let content = seen::content(ticker);
    let fingerprint = seen::ticker(ticker, content);
    let replay = state.seen.answers.met(fingerprint);
    let older = time < state.last_time() || sequence < state.last_sequence();
    if replay != Met::Before || !older {
        record.regress(time, sequence, state);
    }
    tally.own_share(Dimension::Completeness, found, expected);
    defects::unexplained(&mut tally, &decoded.excluded);
    unique(&mut tally, ticker, replay, older, context, state);
    let clock = SourceTime::of(context, &state.seen.clock);
    timeliness::event(&mut tally, time, &clock, context);
    // That an exchange never says when it was is known of it, and no news of an answer.
    if time.is_none() && ticker.time.is_none() && !context.profile.is_declared() {
        timeliness::no_event_time(&mut tally);
    }
    provenance::judge(&mut tally, context.provenance, Some(ticker.symbol.as_str()));
    // What another rule refuses must not enter the history, not even as something that waits.
    let sound_but_for_price = {
        let before = tally.is_sound();
        let weighed = accuracy::judge(&mut tally, (ticker, content), prices, context, state);
        weighed.filter(|_| before)
    };
    if let Some(change) = change.filter(|_| tally.is_clean()) {
        change.object(&mut tally);
    }
    let others = tally.is_sound_but_for(&crate::rules::A_OUTLIER);
    let report = tally.finish(context.config);
    state.release(0);
    if let Some(weighed) = sound_but_for_price.filter(|_| others) {
        if let Outcome::Level { released } = weighed.outcome {
            state.release(released);
        }
        state.seen.engine.learn(&weighed);
    }
    if let Some(time) = time {
        state.seen.clock.observe(time, context.received);
    }
    if report.acceptance >= Acceptance::AcceptWithExclusions {
        state.accept(time, sequence);
        state.seen.answers.learn(fingerprint);
        state.seen.presence.learn(present);
        if sequence.is_some() {
            state.seen.last_content = Some(quote(ticker));
        }
    }
    report
}

/// What a sequence number counts: the best quote.
fn quote(ticker: &Ticker) -> u64 {
    [ticker.bid, ticker.ask, ticker.bid_size, ticker.ask_size]
        .into_iter()
        .fold(Fingerprint::new(), Fingerprint::optional)
        .get()
}

fn unique(
    tally: &mut Tally,
    ticker: &Ticker,
    replay: Met,
    older: bool,
    context: &Context<'_>,
    state: &SymbolState,
) {
    let place = Place {
        field: Some("sequence"),
        ..Place::row(0)
    };
    let pushed = context
        .provenance
        .as_ref()
        .is_some_and(Provenance::is_stream);
    let unknown = context.provenance.is_none();
    let counted = ticker.sequence.is_some();
    if counted || ticker.time.is_some() {
        tally.checked(
            Dimension::Uniqueness,
            usize::from(state.last_time().is_some()),
        );
    }
    let severity = match replay {
        Met::Never => None,
        // Polled twice within one update: what caches of exchanges do.
        Met::Last if pushed || (unknown && counted) => Some(Severity::Warning),
        Met::Before if older => Some(Severity::Warning),
        Met::Last | Met::Before => Some(Severity::Info),
    };
    if let Some(severity) = severity {
        tally.object(&U_REPLAY, severity, place, || {
            "this very answer was here before".to_owned()
        });
    } else if counted
        && ticker.sequence == state.last_sequence()
        && state
            .seen
            .last_content
            .is_some_and(|known| known != quote(ticker))
    {
        tally.object(&U_CONFLICT, Severity::Error, place, || {
            "the sequence number of the last answer with another quote".to_owned()
        });
    }
}
