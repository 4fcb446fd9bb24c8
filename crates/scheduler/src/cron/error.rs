//! Why a cron expression is refused.

use super::Dialect;

/// Why a cron expression is refused, in words that say what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// There are not 5, 6 or 7 fields.
    #[error(
        "a cron expression has 5 fields (minute first), 6 (second first) or 7 (year last), not {found}: {text:?}"
    )]
    Fields {
        /// The fields found.
        found: usize,
        /// The expression.
        text: String,
    },
    /// A blank beside a sign that joins values: the fields would be counted otherwise than they are
    /// meant.
    #[error(
        "{field:?} begins or ends with a sign that joins values; write no blanks there, as in 5,10 or 9-17 or */5"
    )]
    Torn {
        /// The piece.
        field: String,
    },
    /// A field that is none.
    #[error(
        "{field:?} is no {name} field, which is *, a value or a range as 1-5, each with or without a step as /2, or a list of these"
    )]
    Field {
        /// The field's name.
        name: &'static str,
        /// What it holds.
        field: String,
    },
    /// A weekday is a number and it is not said whose numbers they are: 1 is Monday for Unix and
    /// Sunday for Quartz.
    #[error(
        "{field:?} does not say whether 1 is Monday (Dialect::Unix) or Sunday (Dialect::Quartz); name the dialect or write MON..SUN"
    )]
    WhoseWeekdays {
        /// The weekday field.
        field: String,
    },
    /// Both the day of the month and the day of the week are restricted, and it is not said
    /// whether both must fit or either.
    #[error(
        "{days:?} and {weekdays:?} are both restricted; say DayMatch::Both or DayMatch::Either"
    )]
    WhichDays {
        /// The day-of-month field.
        days: String,
        /// The weekday field.
        weekdays: String,
    },
    /// A step that never takes a second step.
    #[error(
        "the step of {field:?} is 0 or larger than the {name} field, which has {values} values"
    )]
    Step {
        /// The field's name.
        name: &'static str,
        /// What it holds.
        field: String,
        /// How many values the field has.
        values: u32,
    },
    /// A weekday that is none.
    #[error("{field:?} is no weekday list in the {dialect:?} dialect")]
    Weekday {
        /// The weekday field.
        field: String,
        /// Whose numbers were assumed.
        dialect: Dialect,
    },
    /// A rule with `L`, `W` or `#` that cannot be read.
    #[error("cannot read the rule {field:?}; known are L, L-3, LW, 15W, FRI#2 and FRIL")]
    Rule {
        /// The field.
        field: String,
    },
    /// The parser refuses it.
    #[error("{text:?} is no cron expression: {why}")]
    Syntax {
        /// The expression, as it was handed to the parser.
        text: String,
        /// The parser's words.
        why: String,
    },
    /// It matches no moment between 1970 and 2100.
    #[error("{text:?} never comes")]
    Never {
        /// The expression.
        text: String,
    },
}
