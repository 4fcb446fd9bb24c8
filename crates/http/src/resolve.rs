//! From a host name to the addresses that may be connected to.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use futures_util::FutureExt;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use crate::dns::{Knowledge, Names, RESPITE};
use crate::reach::Reach;
use crate::stats::Counters;

/// The future of a [`Resolve`].
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Asks for the addresses of a host name. What it answers is cached, so it need not cache anything itself.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of the name, the best first. No address is a failure like an error.
    ///
    /// All who need the name wait for one future. A caller gives up before its connect timeout; the future goes on, and is dropped when it
    /// has not ended after 30 s (or the connect timeout, if that is longer). A failure stands for one second.
    fn resolve(&self, name: &str) -> Resolving;
}

/// The system's resolver: `getaddrinfo` on a thread for blocking work.
#[derive(Debug, Clone)]
pub(crate) struct System(pub(crate) GaiResolver);

impl Resolve for System {
    fn resolve(&self, name: &str) -> Resolving {
        let mut system = self.0.clone();
        let name = name.parse::<Name>();
        Box::pin(async move {
            let name = name.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            Ok(system.call(name).await?.map(|found| found.ip()).collect())
        })
    }
}

/// Why a name led to no address. A type of its own, so that it can be told from a refused connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("the name could not be resolved")]
    Failed(#[source] Arc<io::Error>),
    #[error("no address of the name may be connected to")]
    Refused,
}

/// A resolver behind a cache, and the rules for addresses behind that.
///
/// Two names are answered without asking (RFC 6761): `localhost` is always loopback (§6.3), whatever a hosts file or a
/// search domain says: plain text is allowed to it because of that. `.invalid` never exists (§6.4).
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

/// What the resolver said, for all who wait for it.
type Answer = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// One question to the resolver. Everybody who needs the name in the meantime waits for this one and takes its answer, a failure like any
/// other: twenty new connections ask once. It goes on when nobody waits any more, so a resolver that hangs is not asked again by each
/// caller, of which each would cost the system's resolver a thread.
#[derive(Debug, Clone)]
struct Question {
    name: Box<str>,
    answer: futures_util::future::Shared<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    /// Until when nobody asks anew.
    until: Instant,
    /// Whether it was counted as a failure; the same one for all clones.
    failed: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Shared {
    resolve: Arc<dyn Resolve>,
    reach: Arc<Reach>,
    names: Arc<Mutex<Names>>,
    questions: Mutex<Vec<Question>>,
    patience: Duration,
    counters: Arc<Counters>,
}

/// With an old answer at hand a resolver that is slow is waited for no longer than this.
const STALE_PATIENCE: Duration = Duration::from_millis(500);

/// A question that is open for longer is lost, and asked again. `getaddrinfo` gives up by itself after 30 s: three servers, each asked twice
/// for 5 s (resolv.conf(5)).
const LOST: Duration = Duration::from_secs(30);

impl Resolver {
    pub(crate) fn new(
        resolve: Arc<dyn Resolve>,
        reach: Arc<Reach>,
        names: Names,
        connect_timeout: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                resolve,
                reach,
                names: Arc::new(Mutex::new(names)),
                questions: Mutex::default(),
                // some of the connect timeout is left, so that the error is told from a slow connection
                patience: connect_timeout / 4 * 3,
                counters,
            }),
        }
    }

    /// A connection to an address of this name was made.
    pub(crate) fn worked(&self, name: &str, address: IpAddr) {
        lock(&self.shared.names).prefer(name, address);
    }

    /// No connection to any address of this name could be made.
    pub(crate) fn failed(&self, name: &str) {
        lock(&self.shared.names).doubt(name, Instant::now());
    }
}

impl Shared {
    async fn lookup(&self, name: &str) -> Result<Vec<SocketAddr>, LookupError> {
        let by_name = is_localhost(name);
        let found = if by_name {
            Arc::from([
                IpAddr::from(Ipv4Addr::LOCALHOST),
                IpAddr::from(Ipv6Addr::LOCALHOST),
            ])
        } else if ends_with_label(name, "invalid") {
            return Err(LookupError::Failed(Arc::new(
                io::ErrorKind::NotFound.into(),
            )));
        } else {
            self.addresses(name).await?
        };
        // the connector fills in the port
        let allowed: Vec<_> = found
            .iter()
            .filter(|address| self.reach.allows(**address, by_name))
            .map(|address| SocketAddr::new(*address, 0))
            .collect();
        if allowed.is_empty() {
            return Err(LookupError::Refused);
        }
        Ok(allowed)
    }

    async fn addresses(&self, name: &str) -> Result<Arc<[IpAddr]>, LookupError> {
        let known = lock(&self.names).get(name, Instant::now());
        let (patience, stale) = match known {
            Knowledge::Fresh(addresses) => return Ok(addresses),
            Knowledge::Stale(addresses) => (self.patience.min(STALE_PATIENCE), Some(addresses)),
            Knowledge::None => (self.patience, None),
        };
        let question = self.ask(name);
        let answer = timeout(patience, question.answer.clone()).await;
        let now = Instant::now();
        let failure = match answer {
            Ok(Ok(found)) => {
                self.answered(&question, now);
                return Ok(found);
            }
            Ok(Err(failure)) => {
                // with an old answer at hand the name is left alone by that
                let respite = if stale.is_some() { now } else { now + RESPITE };
                self.answered(&question, respite);
                failure
            }
            // it stays open: whoever comes next waits for the same answer
            Err(_elapsed) => Arc::new(io::ErrorKind::TimedOut.into()),
        };
        let first = !question.failed.swap(true, Ordering::Relaxed);
        if first {
            self.counters.lookups_failed.add();
        }
        let stale = stale.ok_or(LookupError::Failed(failure))?;
        lock(&self.names).excuse(name, now);
        if first {
            self.counters.lookups_stale.add();
        }
        Ok(stale)
    }

    /// The question that is open for this name, or was answered with a failure a moment ago; else a new one.
    fn ask(&self, name: &str) -> Question {
        let now = Instant::now();
        // dropped after the lock: it is not our code that ends there
        let _over: Vec<_>;
        let mut questions = lock(&self.questions);
        _over = questions
            .extract_if(.., |question| question.until <= now)
            .collect();
        if let Some(open) = questions.iter().find(|question| *question.name == *name) {
            return open.clone();
        }
        self.counters.lookups.add();
        let new = Question {
            name: name.into(),
            answer: self.answer(name).boxed().shared(),
            until: now + LOST.max(self.patience),
            failed: Arc::default(),
        };
        questions.push(new.clone());
        new
    }

    /// Asks the resolver, and learns what it says.
    fn answer(&self, name: &str) -> impl Future<Output = Answer> + Send + use<> {
        let (resolve, names) = (Arc::clone(&self.resolve), Arc::clone(&self.names));
        let name: Box<str> = name.into();
        async move {
            let asked = async { resolve.resolve(&name).await };
            // a panic would be everybody's who waits for this answer or comes later
            let failure = match AssertUnwindSafe(asked).catch_unwind().await {
                Ok(Ok(found)) if !found.is_empty() => {
                    let found: Arc<[IpAddr]> = found.into();
                    lock(&names).learn(&name, Arc::clone(&found), Instant::now());
                    return Ok(found);
                }
                Ok(Ok(_none)) => io::ErrorKind::NotFound.into(),
                Ok(Err(error)) => error,
                Err(_panic) => io::Error::other("the resolver panicked"),
            };
            Err(Arc::new(failure))
        }
    }

    /// This question has its answer, and the next one who needs the name asks anew from then on.
    fn answered(&self, question: &Question, again: Instant) {
        let mut questions = lock(&self.questions);
        let same = |other: &&mut Question| Arc::ptr_eq(&other.failed, &question.failed);
        if let Some(open) = questions.iter_mut().find(same) {
            open.until = open.until.min(again);
        }
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(shared.lookup(name.as_str()).await?.into_iter()) })
    }
}

/// Whether the name is `localhost` or a name below it.
pub(crate) fn is_localhost(name: &str) -> bool {
    ends_with_label(name, "localhost")
}

fn ends_with_label(name: &str, label: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case(label)
}

/// No code that can panic runs under these locks, so a poisoned one holds a whole value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Answers by script, after a while; the last answer is repeated.
    #[derive(Debug)]
    struct Scripted {
        answers: Vec<Result<Vec<IpAddr>, io::ErrorKind>>,
        takes: Duration,
        asked: AtomicUsize,
    }

    impl Scripted {
        fn new(answers: Vec<Result<Vec<IpAddr>, io::ErrorKind>>, takes: Duration) -> Arc<Self> {
            let asked = AtomicUsize::new(0);
            Arc::new(Self {
                answers,
                takes,
                asked,
            })
        }
    }

    impl Resolve for Scripted {
        fn resolve(&self, _: &str) -> Resolving {
            let turn = self.asked.fetch_add(1, Ordering::SeqCst);
            let answer = self.answers[turn.min(self.answers.len() - 1)].clone();
            let takes = self.takes;
            Box::pin(async move {
                tokio::time::sleep(takes).await;
                answer.map_err(io::Error::from)
            })
        }
    }

    fn over(scripted: &Arc<Scripted>, reach: Reach) -> (Resolver, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        let names = Names::new(Duration::from_secs(60), Duration::from_secs(600));
        let resolve = Arc::clone(scripted) as Arc<dyn Resolve>;
        let timeout = Duration::from_secs(4);
        (
            Resolver::new(
                resolve,
                Arc::new(reach),
                names,
                timeout,
                Arc::clone(&counters),
            ),
            counters,
        )
    }

    async fn ask(resolver: &Resolver, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let found = resolver.clone().call(name.parse().unwrap()).await?;
        Ok(found.map(|address| address.ip()).collect())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn localhost_is_a_whole_label() {
        for (name, expected) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("api.localhost", true),
            ("notlocalhost", false),
            ("localhost.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_localhost(name), expected, "{name:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn special_names_are_answered_without_asking() {
        let scripted = Scripted::new(vec![Ok(vec![ip("8.8.8.8")])], Duration::ZERO);
        let (resolver, _) = over(&scripted, Reach::default());
        let addresses = ask(&resolver, "a.localhost").await.unwrap();
        assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback));
        assert!(ask(&resolver, "api.invalid").await.is_err());
        assert_eq!(scripted.asked.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_who_need_a_name_ask_once_and_nobody_asks_while_the_answer_is_fresh() {
        let scripted = Scripted::new(vec![Ok(vec![ip("8.8.8.8")])], Duration::from_secs(1));
        let (resolver, counters) = over(&scripted, Reach::default());
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let resolver = resolver.clone();
            calls.spawn(async move { ask(&resolver, "a.example").await.unwrap() });
        }
        assert!(
            calls
                .join_all()
                .await
                .iter()
                .all(|found| *found == [ip("8.8.8.8")])
        );
        tokio::time::advance(Duration::from_secs(58)).await;
        ask(&resolver, "a.example").await.unwrap();
        assert_eq!(scripted.asked.load(Ordering::SeqCst), 1);
        tokio::time::advance(Duration::from_secs(3)).await;
        ask(&resolver, "a.example").await.unwrap();
        assert_eq!(
            (
                scripted.asked.load(Ordering::SeqCst),
                counters.read().lookups
            ),
            (2, 2)
        );
        assert!(resolver.shared.questions.lock().unwrap().len() <= 1);
    }

    /// Row 3 of the fault table, the resolver's side: failing, empty or slow, the last good answer stands in for 10 minutes.
    #[tokio::test(start_paused = true)]
    async fn last_good_answer_stands_in_while_the_resolver_fails() {
        for (broken, takes) in [
            (Err(io::ErrorKind::NotFound), Duration::ZERO),
            (Ok(Vec::new()), Duration::ZERO),
            (Ok(vec![ip("9.9.9.9")]), Duration::from_secs(2)),
        ] {
            let answers = vec![Ok(vec![ip("8.8.8.8")]), broken];
            let scripted = Scripted::new(answers, takes);
            let (resolver, counters) = over(&scripted, Reach::default());
            ask(&resolver, "a.example").await.unwrap();
            tokio::time::advance(Duration::from_secs(61)).await;
            for _ in 0..10 {
                let start = Instant::now();
                assert_eq!(ask(&resolver, "a.example").await.unwrap(), [ip("8.8.8.8")]);
                assert!(start.elapsed() <= STALE_PATIENCE);
            }
            assert!(
                scripted.asked.load(Ordering::SeqCst) == 2,
                "a broken resolver is left alone for a moment"
            );
            tokio::time::advance(Duration::from_secs(595)).await;
            assert_eq!(ask(&resolver, "a.example").await.unwrap(), [ip("8.8.8.8")]);
            assert!(counters.read().lookups_stale >= 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_never_answers_is_given_up_before_the_connect_timeout() {
        let scripted = Scripted::new(vec![Ok(vec![ip("8.8.8.8")])], Duration::from_secs(3_600));
        let (resolver, counters) = over(&scripted, Reach::default());
        let start = Instant::now();
        let error = ask(&resolver, "a.example").await.unwrap_err();
        assert!(
            matches!(error, LookupError::Failed(_)) && start.elapsed() == Duration::from_secs(3)
        );
        assert_eq!(counters.read().lookups_failed, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_may_not_be_connected_to_are_left_out() {
        let mixed = vec![
            ip("127.0.0.1"),
            ip("8.8.8.8"),
            ip("169.254.169.254"),
            ip("::ffff:10.0.0.1"),
        ];
        let scripted = Scripted::new(vec![Ok(mixed)], Duration::ZERO);
        let (resolver, _) = over(&scripted, Reach::default());
        assert_eq!(ask(&resolver, "a.example").await.unwrap(), [ip("8.8.8.8")]);

        let private = Scripted::new(vec![Ok(vec![ip("10.0.0.1")])], Duration::ZERO);
        let (resolver, _) = over(&private, Reach::default());
        assert!(matches!(
            ask(&resolver, "a.example").await,
            Err(LookupError::Refused)
        ));
        let (resolver, _) = over(
            &private,
            Reach {
                private: true,
                ..Reach::default()
            },
        );
        assert_eq!(ask(&resolver, "a.example").await.unwrap(), [ip("10.0.0.1")]);
    }
}
