//! How good the answers of one source have been: which markets are in doubt now, and the scores of the last day.

use std::collections::{BTreeMap, VecDeque};

use robust_market::{
    Acceptance, Interval, Issue, Kind, Report, Request, Severity, Symbol, Timestamp,
};
use serde::{Serialize, Serializer};

use crate::status::share;

/// Questions that are remembered for each source; a writer who needs room forgets an eighth, the longest unasked first.
const QUESTIONS_MAX: usize = 4_096;
/// Hours of scores that are kept.
const HOURS: usize = 24;
const HOUR_MS: i64 = 3_600_000;
/// Markets in doubt that a status lists; the others are counted.
const LISTED_MAX: usize = 100;

/// What is judged time after time: one kind of data of one market, or of the same markets. Questions about the past are apart
/// from those about the present, so that a gap of last year does not make today's bars flicker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    kind: Kind,
    symbols: Vec<Symbol>,
    interval: Option<Interval>,
    past: bool,
}

impl Question {
    pub(crate) fn of(request: &Request) -> Self {
        let (interval, past) = match request {
            Request::Candles {
                interval, since, ..
            } => (Some(*interval), since.is_some()),
            Request::Trades { since, .. } => (None, since.is_some()),
            _ => (None, false),
        };
        Self {
            kind: request.kind(),
            symbols: request.symbols().to_vec(),
            interval,
            past,
        }
    }
}

/// How the last answers to one question were.
#[derive(Debug, Clone)]
struct Standing {
    acceptance: Acceptance,
    /// When the first answer of this acceptance came, and how many have come since.
    since: Timestamp,
    answers: u64,
    /// When the newest came.
    at: Timestamp,
    score: f64,
    worst: Option<(&'static str, String)>,
}

/// What is known of one source.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    questions: BTreeMap<Question, Standing>,
    hours: VecDeque<Hour>,
    counts: [u64; 4],
    /// The scores of all payloads together.
    sum: f64,
    critical_issues: u64,
}

/// The scores of one hour.
#[derive(Debug, Clone)]
struct Hour {
    number: i64,
    judged: u64,
    sum: f64,
    worst: f64,
    doubtful: u64,
}

impl Standings {
    /// Notes a verdict; gives the acceptance of the answer before, if there was one.
    pub(crate) fn note(
        &mut self,
        question: Question,
        report: &Report,
        now: Timestamp,
    ) -> Option<Acceptance> {
        let worst = || {
            let heaviest = report.issues.first();
            heaviest.map(|issue| (issue.rule, issue.message.clone()))
        };
        if let Some(known) = self.questions.get_mut(&question) {
            let before = known.acceptance;
            if before == report.acceptance {
                known.answers += 1;
            } else {
                (known.acceptance, known.since, known.answers) = (report.acceptance, now, 1);
            }
            (known.at, known.score, known.worst) = (now, report.overall.get(), worst());
            return Some(before);
        }
        if self.questions.len() >= QUESTIONS_MAX {
            self.forget();
        }
        let standing = Standing {
            acceptance: report.acceptance,
            since: now,
            answers: 1,
            at: now,
            score: report.overall.get(),
            worst: worst(),
        };
        self.questions.insert(question, standing);
        None
    }

    /// Counts one fetched payload.
    pub(crate) fn count(&mut self, report: &Report, now: Timestamp) {
        if let Some(count) = self.counts.get_mut(report.acceptance as usize) {
            *count += 1;
        }
        self.sum += report.overall.get();
        let is_critical = |issue: &&Issue| issue.severity == Severity::Critical;
        self.critical_issues += report.issues.iter().filter(is_critical).count() as u64;
        let number = now.as_ms().div_euclid(HOUR_MS);
        // A clock that was set back writes to the newest hour.
        if self.hours.back().is_none_or(|hour| hour.number < number) {
            if self.hours.len() >= HOURS {
                self.hours.pop_front();
            }
            self.hours.push_back(Hour {
                number,
                judged: 0,
                sum: 0.0,
                worst: 100.0,
                doubtful: 0,
            });
        }
        if let Some(hour) = self.hours.back_mut() {
            let score = report.overall.get();
            hour.judged += 1;
            hour.sum += score;
            hour.worst = hour.worst.min(score);
            hour.doubtful += u64::from(report.acceptance <= Acceptance::Quarantine);
        }
    }

    fn forget(&mut self) {
        let mut times: Vec<_> = self.questions.values().map(|known| known.at).collect();
        times.sort_unstable();
        if let Some(oldest) = times.get(QUESTIONS_MAX / 8).copied() {
            self.questions.retain(|_, known| known.at > oldest);
        }
        if self.questions.len() >= QUESTIONS_MAX {
            // All of one moment: nobody is older.
            self.questions.clear();
        }
    }

    /// What an operator sees of it.
    pub(crate) fn status(&self, now: Timestamp) -> QualityStatus {
        let [rejected, quarantined, with_exclusions, accepted] = self.counts;
        let doubtful = || {
            let all = self.questions.iter();
            all.filter(|(_, known)| known.acceptance <= Acceptance::Quarantine)
        };
        let quarantine: Vec<_> = doubtful().take(LISTED_MAX).map(Doubt::of).collect();
        let oldest = now.as_ms().div_euclid(HOUR_MS) - HOURS as i64;
        let hours = self.hours.iter().filter(|hour| hour.number > oldest);
        let judged = self.counts.iter().sum();
        QualityStatus {
            judged,
            accepted,
            with_exclusions,
            quarantined,
            rejected,
            success_rate: share(accepted + with_exclusions, judged),
            mean: (judged > 0).then(|| mean(self.sum, judged)),
            critical_issues: self.critical_issues,
            quarantine_more: doubtful().count() - quarantine.len(),
            quarantine,
            trend: hours.map(HourScores::of).collect(),
        }
    }
}

/// How good the answers of one source have been.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct QualityStatus {
    /// Fetched payloads that were judged, since the start.
    pub judged: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Of these, accepted but for some records.
    pub with_exclusions: u64,
    /// Of these, quarantined.
    pub quarantined: u64,
    /// Of these, rejected.
    pub rejected: u64,
    /// The share of those that were accepted, with exclusions or without, 0 to 1.
    pub success_rate: Option<f64>,
    /// Mean of their scores, 0 to 100.
    pub mean: Option<f64>,
    /// Issues of severity Critical in them.
    pub critical_issues: u64,
    /// What is in doubt now: the newest answer was quarantined or rejected. At most 100.
    pub quarantine: Vec<Doubt>,
    /// How many more are in doubt than are listed.
    pub quarantine_more: usize,
    /// The scores of the last 24 hours of the clock, oldest first; hours without an answer are left out.
    pub trend: Vec<HourScores>,
}

/// A market whose newest answer was quarantined or rejected.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Doubt {
    /// The kind of data.
    pub kind: Kind,
    /// The pairs.
    pub symbols: Vec<Symbol>,
    /// Length of a bar, for candles.
    #[serde(serialize_with = "name")]
    pub interval: Option<Interval>,
    /// Whether the question was about the past.
    pub past: bool,
    /// `quarantine` or `reject`.
    pub acceptance: Acceptance,
    /// The score of the newest answer.
    pub score: f64,
    /// When it began, in milliseconds since 1970.
    pub since_ms: i64,
    /// Answers in a row with this acceptance.
    pub answers: u64,
    /// The rule of the heaviest objection.
    pub rule: Option<&'static str>,
    /// What it says.
    pub message: Option<String>,
}

/// The scores of one hour of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HourScores {
    /// Its begin, in milliseconds since 1970.
    pub from_ms: i64,
    /// Payloads that were judged.
    pub judged: u64,
    /// Mean of their scores.
    pub mean: f64,
    /// Least of their scores.
    pub worst: f64,
    /// How many were quarantined or rejected.
    pub doubtful: u64,
}

fn name<S: Serializer>(interval: &Option<Interval>, serializer: S) -> Result<S::Ok, S::Error> {
    interval
        .map(|interval| interval.to_string())
        .serialize(serializer)
}

/// Mean of so many scores, to three places.
#[expect(clippy::cast_precision_loss, reason = "nobody judges 2^53 answers")]
fn mean(sum: f64, count: u64) -> f64 {
    (sum / count.max(1) as f64 * 1e3).round() / 1e3
}

impl Doubt {
    fn of((question, known): (&Question, &Standing)) -> Self {
        let worst = known.worst.clone();
        Self {
            kind: question.kind,
            symbols: question.symbols.clone(),
            interval: question.interval,
            past: question.past,
            acceptance: known.acceptance,
            score: known.score,
            since_ms: known.since.as_ms(),
            answers: known.answers,
            rule: worst.as_ref().map(|(rule, _)| *rule),
            message: worst.map(|(_, message)| message),
        }
    }
}

impl HourScores {
    fn of(hour: &Hour) -> Self {
        Self {
            from_ms: hour.number * HOUR_MS,
            judged: hour.judged,
            mean: mean(hour.sum, hour.judged),
            worst: hour.worst,
            doubtful: hour.doubtful,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use robust_market::Score;

    use super::*;

    fn report(score: f64, acceptance: Acceptance) -> Report {
        let issue = Issue {
            rule: "A.outlier",
            dimension: robust_market::Dimension::Accuracy,
            severity: Severity::Warning,
            index: None,
            field: None,
            message: "far".to_owned(),
        };
        let issues = if acceptance == Acceptance::Accept {
            Vec::new()
        } else {
            vec![issue]
        };
        Report::new(Score::new(score), [None; 6], acceptance, Vec::new(), issues)
    }

    fn ticker(name: &str) -> Question {
        Question::of(&Request::Ticker {
            symbol: name.parse().unwrap(),
        })
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_market_is_in_doubt_from_its_first_doubtful_answer_to_the_next_good_one() {
        let mut standings = Standings::default();
        let at = |second: i64| Timestamp::from_secs(1_700_000_000 + second).unwrap();
        let (good, doubt) = (
            report(99.0, Acceptance::Accept),
            report(70.0, Acceptance::Quarantine),
        );
        assert_eq!(standings.note(ticker("A/USD"), &good, at(0)), None);
        assert_eq!(
            standings.note(ticker("A/USD"), &doubt, at(1)),
            Some(Acceptance::Accept)
        );
        assert_eq!(
            standings.note(ticker("A/USD"), &doubt, at(2)),
            Some(Acceptance::Quarantine)
        );
        standings.note(ticker("B/USD"), &good, at(2));
        let status = standings.status(at(3));
        let [market] = &status.quarantine[..] else {
            panic!("{status:?}")
        };
        assert_eq!(market.symbols, ["A/USD".parse::<Symbol>().unwrap()]);
        assert_eq!((market.since_ms, market.answers), (at(1).as_ms(), 2));
        assert_eq!((market.rule, market.score), (Some("A.outlier"), 70.0));
        assert_eq!(
            standings.note(ticker("A/USD"), &good, at(4)),
            Some(Acceptance::Quarantine)
        );
        assert!(standings.status(at(5)).quarantine.is_empty());
    }

    #[test]
    fn the_trend_holds_24_hours_of_the_clock_and_no_more() {
        let mut standings = Standings::default();
        let begin = Timestamp::from_secs(1_700_000_000).unwrap();
        for hour in 0..100_u64 {
            let now = begin.saturating_add(Duration::from_secs(3_600 * hour));
            standings.count(&report(90.0, Acceptance::Accept), now);
            standings.count(&report(60.0, Acceptance::Quarantine), now);
            assert!(standings.hours.len() <= HOURS);
        }
        let now = begin.saturating_add(Duration::from_secs(3_600 * 99));
        let status = standings.status(now);
        assert_eq!(status.trend.len(), 24);
        let last = status.trend.last().copied().unwrap();
        assert_eq!((last.judged, last.doubtful), (2, 1));
        assert_eq!((last.mean, last.worst), (75.0, 60.0));
        assert_eq!(
            (status.judged, status.accepted, status.quarantined),
            (200, 100, 100)
        );
        // Old hours fall out of the trend also when nothing comes any more.
        let later = standings.status(now.saturating_add(DAY / 2));
        assert_eq!(later.trend.len(), 12);
        assert!(standings.status(now.saturating_add(DAY)).trend.is_empty());
    }

    #[test]
    fn questions_are_bounded_and_the_longest_unasked_are_forgotten() {
        let mut standings = Standings::default();
        let good = report(99.0, Acceptance::Accept);
        for n in 0..20_000 {
            let now = Timestamp::from_ms(1_700_000_000_000 + n).unwrap();
            standings.note(ticker(&format!("C{n}/USD")), &good, now);
            assert!(standings.questions.len() <= QUESTIONS_MAX);
        }
        assert!(standings.questions.contains_key(&ticker("C19999/USD")));
        assert!(!standings.questions.contains_key(&ticker("C0/USD")));
        let same = Timestamp::from_ms(1_700_000_000_000).unwrap();
        let mut standings = Standings::default();
        for n in 0..20_000 {
            standings.note(ticker(&format!("C{n}/USD")), &good, same);
            assert!(standings.questions.len() <= QUESTIONS_MAX);
        }
    }
}
