//! What a connector has to keep, and where it does not.

use std::fmt;

macro_rules! rules {
    ($($(#[doc = $statement:literal])+ $rule:ident => $remedy:literal,)+) => {
        /// One promise of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $statement])+ $rule,)+
        }

        impl Rule {
            /// Every rule, in the order in which they are looked at.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)+];

            /// What an author does who broke it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$rule => $remedy,)+
                }
            }
        }
    };
}

rules! {
    /// The exchange's name keeps to the grammar of [`Exchange`](robust_market::Exchange).
    Name => "use lower case letters, digits, `-` and `_`, such as \"okx\"",
    /// Every base URL is `https://` and an authority, the first is `base_url`, and none is a test host.
    BaseUrl => "write https://host without a path; paths belong into encode",
    /// There is at least one window, each has a name of its own and lets something through.
    Windows => "write down the exchange's documented limits, with their source",
    /// Every request costs something, the same each time, in windows that exist and that it fits into.
    Costs => "charge every kind in windows(); a key only where the window is keyed",
    /// Listed pairs are found by their name and by the exchange's own name, and those are not empty.
    Symbols => "list each pair and each of the exchange's names once",
    /// Kinds that are supported are encoded, kinds that are not say so.
    Support => "let supports() and encode() agree; refuse with EncodeError::Unsupported",
    /// A target starts with a slash, has no blanks, and its parameters are `name=value`, each once.
    Target => "percent-encode every value; join with ? once and & afterwards",
    /// An unlisted pair is refused with the nearest listed one.
    UnlistedSymbol => "look pairs up with SymbolTable::require",
    /// Numbers beyond the exchange's limits are encoded or refused.
    OddNumbers => "check limits and use saturating or checked arithmetic on times",
    /// What `many` and `paging` promise can be encoded.
    Series => "let many() and paging() name what encode() takes",
    /// The same arguments give the same result.
    Deterministic => "read no clock, no random number and no hash order",
    /// Nothing that a server sends makes it panic.
    Panic => "use get() and checked arithmetic, and no unwrap, on anything from the wire",
    /// A status without a word of the exchange has its class.
    Status => "fall back on Reply::by_status when the body says nothing",
    /// Pages, empty bodies, garbage and other JSON are no data.
    NoData => "check the envelope first; fall back on Reply::malformed",
    /// A cut-off answer is no data.
    Truncated => "parse the whole body before using a part of it",
    /// `Retry-After` is read as seconds and as a date, and garbage in it is ignored.
    RetryAfter => "put Reply::retry_after into every verdict",
    /// Garbage in headers is no usage, and a usage names a window that exists.
    Usage => "parse headers with ok() and leave out what is no number",
    /// A case itself is sound: JSON, headers and status can be used.
    Case => "correct the case",
    /// A case's request is encoded to its target.
    CaseTarget => "compare path and parameters with the exchange's documentation",
    /// A case's answer is what the case says.
    CaseAnswer => "compare the decoding with the exchange's documentation",
    /// A sound answer has no defect.
    CaseClean => "read each field as the type that the exchange documents",
    /// A value of another type becomes a defect.
    WrongType => "note a Defect for a field that cannot be read, and leave only that field out",
    /// A broken record costs no other record, and is counted itself.
    LostRecord => "read each record on its own, from RawValue, when the list as a whole fails",
    /// Decimals keep every digit.
    Exact => "read numbers as text with robust_market::decimal::parse, never as a float",
    /// Bars and trades come oldest first.
    Order => "reverse rows that the exchange sends newest first",
    /// The newest bar is not closed before its end, and long after only the newest may be open.
    Closed => "derive `closed` from the bar's end and Context::now",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One place where a connector breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breach {
    /// The rule.
    pub rule: Rule,
    /// What was asked or handed in.
    pub input: String,
    /// What came of it.
    pub found: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, input, found } = self;
        write!(f, "{rule}: {input}: {found}; {}", rule.remedy())
    }
}

/// The most breaches of one rule that are listed: the first says what is wrong, the hundredth says nothing more.
const LISTED: usize = 8;

/// The breaches that have been found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    breaches: Vec<Breach>,
}

impl Found {
    pub(super) fn add(&mut self, rule: Rule, input: impl Into<String>, found: impl Into<String>) {
        if self
            .breaches
            .iter()
            .filter(|other| other.rule == rule)
            .count()
            < LISTED
        {
            self.breaches.push(Breach {
                rule,
                input: cut(input.into()),
                found: cut(found.into()),
            });
        }
    }

    pub(super) fn into_breaches(self) -> Vec<Breach> {
        self.breaches
    }
}

/// A text that fits on a screen.
fn cut(text: String) -> String {
    const SHOWN: usize = 400;
    if text.chars().count() <= SHOWN {
        return text;
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}…")
}
