//! What other exchanges say of the same pair.

use std::collections::BTreeMap;

use robust_market::{Exchange, Symbol, Timestamp};
use rust_decimal::Decimal;

use crate::Finite64;
use crate::finite::seconds;

/// Exchanges that are compared for one pair.
const MEMBERS_MAX: usize = 8;
/// Pairs that are remembered; the one that was not updated for longest is forgotten first.
const GROUPS_MAX: usize = 4_096;
/// A price further than this from the median of the others is suspicious, however close they are to each other
/// (CF Benchmarks excludes a venue by the same kind of limit).
const LIMIT_MIN: f64 = 0.0085;
/// The same across quote currencies, where a basis is only estimated.
const ACROSS_MIN: f64 = 0.02;
/// A value is compared while it is younger than this many times its usual distance.
const FRESH_CADENCES: f64 = 3.0;
/// Weight of a new observation in the slow average of a basis.
const BASIS_WEIGHT: f64 = 0.01;
/// So many times the limit is an error.
pub(crate) const ERROR_LIMITS: f64 = 3.0;
/// Moves of the pair in other dollars that are looked at.
const CLASS_MAX: usize = 4;
/// Observations before a basis is believed.
const BASIS_ENOUGH: u32 = 30;

/// Quote currencies that are meant to be worth one dollar. Their pairs are never mixed, and only compared over a basis.
const DOLLARS: [&str; 8] = [
    "USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "PYUSD", "USD1",
];

/// The newest price of each pair on each exchange, and who stands apart.
///
/// Each exchange is compared with the median of the *others*, never with a mean that holds itself. One that was too far away is
/// suspected until it has come back to half of the limit, so that it does not flicker. One that agreed when it spoke last is not blamed for
/// a move that the others have had no word to say about since. All moving together is no fault. Pairs in
/// `USD`, `USDT`, `USDC` are separate markets: across them a slowly followed basis is taken out, and nothing heavier
/// than a warning is said, because a stablecoin may lose its peg.
///
/// ```
/// use robust_market::{Exchange, Timestamp, decimal};
/// use robust_quality::Consensus;
///
/// let mut consensus = Consensus::default();
/// let symbol = "BTC/USDT".parse()?;
/// let now = Timestamp::from_secs(1_700_000_000).ok_or("out of range")?;
/// for (exchange, price) in [("binance", "36500"), ("kucoin", "36501"), ("htx", "38400")] {
///     consensus.update(&exchange.parse()?, &symbol, decimal::parse(price)?, None, now);
/// }
/// let peers = consensus.peers(&Exchange::HTX, &symbol, now).ok_or("no peers")?;
/// assert_eq!(peers.count(), 2);
/// assert!(peers.distance(decimal::parse("38400")?).is_some_and(|far| far > peers.limit()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Consensus {
    groups: BTreeMap<Symbol, Group>,
}

#[derive(Debug, Clone, Default)]
struct Group {
    members: Vec<Member>,
    updated: Option<Timestamp>,
    /// The same base in other dollars, named once.
    siblings: Vec<Symbol>,
    /// Distance to the same base in another dollar, with the number of observations.
    bases: Vec<(Symbol, f64, u32)>,
}

#[derive(Debug, Clone)]
struct Member {
    exchange: Exchange,
    ln: f64,
    half_spread: f64,
    at: Timestamp,
    /// The price before, and when it came.
    before: Option<(f64, Timestamp)>,
    /// Usual distance of its updates, in seconds.
    cadence: f64,
    suspected: bool,
}

impl Member {
    fn is_fresh(&self, now: Timestamp) -> bool {
        seconds(self.at, now).abs() <= (self.cadence * FRESH_CADENCES).max(3.0)
    }
}

/// What the other exchanges say of one pair now: the view of one exchange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peers {
    prices: [f64; MEMBERS_MAX],
    count: usize,
    limit: f64,
    suspected: bool,
    across: Option<(f64, f64)>,
    /// The last price of this exchange, where none of the others has said anything since: they do not know what happened after it.
    unheard: Option<f64>,
    /// What the pair in other dollars did since then, a move of ln(price) each; nothing where others were heard.
    class_moves: [f64; CLASS_MAX],
    class: usize,
}

impl Peers {
    /// How many others are fresh.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The distance in ln(price), about a share of the price, above which a price is suspicious; three times as much is an error.
    #[must_use]
    pub const fn limit(&self) -> f64 {
        self.limit
    }

    /// Whether this exchange was too far away and has not come back to half of the limit yet.
    #[must_use]
    pub const fn suspected(&self) -> bool {
        self.suspected
    }

    /// How far a price is from the median of the others, in ln(price); `None` with fewer than two of them.
    #[must_use]
    pub fn distance(&self, price: Decimal) -> Option<f64> {
        self.apart(Finite64::ln(price)?.get())
    }

    pub(crate) fn apart(&self, ln: f64) -> Option<f64> {
        let prices = self.prices.get(..self.count)?;
        (self.count >= 2).then_some(())?;
        Some((ln - median(prices)?).abs())
    }

    /// How far a price is from what the pair in other dollars makes one expect, and the limit of that; only where fewer than two
    /// exchanges quote the pair itself.
    pub(crate) fn apart_across(&self, ln: f64) -> Option<(f64, f64)> {
        let (expected, limit) = self.across.filter(|_| self.count < 2)?;
        Some(((ln - expected).abs(), limit))
    }

    /// Whether this exchange agreed with the others when it spoke last, and none of them has spoken since: that it is apart now is news
    /// that they cannot know yet, and no word against it.
    pub(crate) fn is_news(&self) -> bool {
        let agreed = |before| self.apart(before).is_some_and(|apart| apart <= self.limit);
        !self.suspected && self.unheard.is_some_and(agreed)
    }

    /// Whether the pair in another dollar made the same move since this exchange spoke last, while nobody else has spoken of the pair
    /// itself: a whole class of pairs that moves together is the market.
    pub(crate) fn class_moved(&self, step: f64, limit: f64) -> bool {
        let moves = self.class_moves.get(..self.class).unwrap_or_default();
        moves.iter().any(|other| (other - step).abs() <= limit)
    }

    /// How many others are within `limit` of a price.
    pub(crate) fn near(&self, ln: f64, limit: f64) -> usize {
        let prices = self.prices.get(..self.count).unwrap_or_default();
        let near = |price: &&f64| (**price - ln).abs() <= limit;
        prices.iter().filter(near).count()
    }
}

impl Consensus {
    /// Notes the newest price of an exchange, its spread as a share of the price where it is known, and when it came.
    pub fn update(
        &mut self,
        exchange: &Exchange,
        symbol: &Symbol,
        price: Decimal,
        spread: Option<f64>,
        at: Timestamp,
    ) {
        let Some(ln) = Finite64::ln(price) else {
            return;
        };
        self.make_room(symbol);
        let half_spread = spread
            .filter(|s| s.is_finite())
            .unwrap_or(0.0)
            .clamp(0.0, 1.0)
            / 2.0;
        let group = self.groups.entry(symbol.clone()).or_insert_with(|| Group {
            siblings: Self::siblings(symbol).collect(),
            ..Group::default()
        });
        group.updated = group.updated.max(Some(at));
        group.note(exchange, ln.get(), half_spread, at);
        self.follow_bases(symbol, at);
    }

    /// What the others say of a pair, as `exchange` must see it; `None` where nobody else is fresh.
    #[must_use]
    pub fn peers(&self, exchange: &Exchange, symbol: &Symbol, now: Timestamp) -> Option<Peers> {
        let group = self.groups.get(symbol);
        let own = group.and_then(|group| group.members.iter().find(|m| m.exchange == *exchange));
        let mut peers = group.map_or(Peers::NONE, |group| group.view(exchange, now));
        peers.suspected = own.is_some_and(|member| member.suspected);
        peers.across = self.expected_across(symbol, now);
        if let Some((own, group)) = own.zip(group) {
            peers.unheard = group.is_unheard(own, now).then_some(own.ln);
            if peers.unheard.is_some() {
                self.class_moves(group, own, now, &mut peers);
            }
        }
        (peers.count > 0 || peers.across.is_some()).then_some(peers)
    }

    /// Pairs that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    fn make_room(&mut self, symbol: &Symbol) {
        if self.groups.len() < GROUPS_MAX || self.groups.contains_key(symbol) {
            return;
        }
        let oldest = self.groups.iter().min_by_key(|(_, group)| group.updated);
        if let Some(oldest) = oldest.map(|(symbol, _)| symbol.clone()) {
            self.groups.remove(&oldest);
        }
    }

    /// The same base in other dollars.
    fn siblings(symbol: &Symbol) -> impl Iterator<Item = Symbol> + '_ {
        let own = symbol.quote();
        let dollars: &[&str] = if DOLLARS.contains(&own) {
            &DOLLARS
        } else {
            &[]
        };
        dollars
            .iter()
            .filter(move |quote| **quote != own)
            .filter_map(|quote| Symbol::new(symbol.base(), quote).ok())
    }

    fn follow_bases(&mut self, symbol: &Symbol, now: Timestamp) {
        let Some(group) = self.groups.get_mut(symbol) else {
            return;
        };
        let Some(own) = group.centre(now) else {
            return;
        };
        // Taken out while the group is changed, and put back.
        let siblings = std::mem::take(&mut group.siblings);
        for sibling in &siblings {
            let Some(other) = self.groups.get(sibling).and_then(|g| g.centre(now)) else {
                continue;
            };
            let basis = own - other;
            let Some(group) = self.groups.get_mut(symbol) else {
                return;
            };
            match group.bases.iter_mut().find(|(known, ..)| known == sibling) {
                Some((_, average, seen)) => {
                    *average += (basis - *average) * BASIS_WEIGHT.max(1.0 / f64::from(*seen + 1));
                    *seen = seen.saturating_add(1).min(1_000_000);
                }
                None => group.bases.push((sibling.clone(), basis, 1)),
            }
        }
        if let Some(group) = self.groups.get_mut(symbol) {
            group.siblings = siblings;
        }
    }

    /// What the pair in other dollars did since a member spoke.
    fn class_moves(&self, group: &Group, own: &Member, now: Timestamp, peers: &mut Peers) {
        let siblings = group.bases.iter();
        let others = siblings.filter_map(|(sibling, ..)| self.groups.get(sibling));
        let members = others.flat_map(|group| &group.members);
        let moved = members.filter(|m| m.at > own.at && m.is_fresh(now));
        let moves = moved.filter_map(|m| m.before.map(|(before, _)| m.ln - before));
        for (slot, step) in peers.class_moves.iter_mut().zip(moves) {
            *slot = step;
            peers.class += 1;
        }
    }

    fn expected_across(&self, symbol: &Symbol, now: Timestamp) -> Option<(f64, f64)> {
        let group = self.groups.get(symbol)?;
        group.bases.iter().find_map(|(sibling, basis, seen)| {
            let other = self.groups.get(sibling)?;
            let enough = *seen >= BASIS_ENOUGH;
            let fresh = other.members.iter().filter(|m| m.is_fresh(now)).count();
            let centre = other.centre(now).filter(|_| enough && fresh >= 2)?;
            Some((centre + basis, ACROSS_MIN))
        })
    }
}

impl Peers {
    const NONE: Self = Self {
        prices: [0.0; MEMBERS_MAX],
        count: 0,
        limit: LIMIT_MIN,
        suspected: false,
        across: None,
        unheard: None,
        class_moves: [0.0; CLASS_MAX],
        class: 0,
    };
}

impl Group {
    fn note(&mut self, exchange: &Exchange, ln: f64, half_spread: f64, at: Timestamp) {
        match self.members.iter_mut().find(|m| m.exchange == *exchange) {
            // What is older than the last one says nothing of now.
            Some(member) if at < member.at => return,
            Some(member) => {
                let gap = seconds(member.at, at).clamp(0.0, 3_600.0);
                member.cadence += (gap - member.cadence) * 0.1;
                member.before = Some((member.ln, member.at));
                (member.ln, member.half_spread, member.at) = (ln, half_spread, at);
            }
            None => {
                if self.members.len() >= MEMBERS_MAX {
                    let oldest = self.members.iter().enumerate().min_by_key(|(_, m)| m.at);
                    if let Some(place) = oldest.map(|(place, _)| place) {
                        self.members.swap_remove(place);
                    }
                }
                self.members.push(Member {
                    exchange: exchange.clone(),
                    ln,
                    half_spread,
                    at,
                    before: None,
                    cadence: 10.0,
                    suspected: false,
                });
            }
        }
        // Leaving takes the whole limit, coming back takes half of it; nobody leaves by news that the others cannot know yet.
        let mut view = self.view(exchange, at);
        let own = self.members.iter().find(|m| m.exchange == *exchange);
        if let Some(own) = own {
            let before = own.before.map(|(ln, at)| Member {
                ln,
                at,
                ..own.clone()
            });
            view.suspected = own.suspected;
            view.unheard = before.and_then(|m| self.is_unheard(&m, at).then_some(m.ln));
        }
        if let (Some(apart), Some(member)) = (
            view.apart(ln),
            self.members.iter_mut().find(|m| m.exchange == *exchange),
        ) {
            let limit = if member.suspected {
                view.limit / 2.0
            } else {
                view.limit
            };
            let certain = ERROR_LIMITS * view.limit;
            member.suspected = apart > limit && !(view.is_news() && apart <= certain);
        }
    }

    /// Whether some others are fresh, and none of them has said anything since this member did.
    fn is_unheard(&self, own: &Member, now: Timestamp) -> bool {
        let others = self.members.iter().filter(|m| m.exchange != own.exchange);
        let mut fresh = others.filter(|m| m.is_fresh(now)).peekable();
        fresh.peek().is_some() && fresh.all(|other| other.at <= own.at)
    }

    fn view(&self, exchange: &Exchange, now: Timestamp) -> Peers {
        let mut peers = Peers::NONE;
        let (mut own, mut widest) = (0.0, 0.0_f64);
        for member in &self.members {
            if member.exchange == *exchange {
                own = member.half_spread;
                continue;
            }
            if !member.is_fresh(now) {
                continue;
            }
            if let Some(slot) = peers.prices.get_mut(peers.count) {
                *slot = member.ln;
                peers.count += 1;
                widest = widest.max(member.half_spread);
            }
        }
        let prices = peers.prices.get(..peers.count).unwrap_or_default();
        // Where the others disagree nobody can be told to be wrong: of two, their scatter is half of their distance.
        let scatter = median(prices)
            .and_then(|centre| {
                let mut far = [0.0; MEMBERS_MAX];
                for (slot, price) in far.iter_mut().zip(prices) {
                    *slot = (price - centre).abs();
                }
                median(far.get(..peers.count)?)
            })
            .unwrap_or(0.0);
        peers.limit = LIMIT_MIN.max(6.0 * scatter).max(own + widest);
        peers
    }

    fn centre(&self, now: Timestamp) -> Option<f64> {
        let mut prices = [0.0; MEMBERS_MAX];
        let mut count = 0;
        let fresh = self.members.iter().filter(|member| member.is_fresh(now));
        for (slot, member) in prices.iter_mut().zip(fresh) {
            *slot = member.ln;
            count += 1;
        }
        median(prices.get(..count)?)
    }
}

/// The middle of at most [`MEMBERS_MAX`] values.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = [f64::INFINITY; MEMBERS_MAX];
    for (slot, value) in sorted.iter_mut().zip(values) {
        *slot = *value;
    }
    let last = values.len().min(MEMBERS_MAX).checked_sub(1)?;
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (*sorted.get(last / 2)?, *sorted.get(last.div_ceil(2))?);
    Some(low + (high - low) / 2.0)
}

#[cfg(test)]
mod tests;
