//! Four simulated exchanges on loopback, on a thread of their own, and the weather over them.

use std::borrow::Cow;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use fastrand::Rng;
use http::HeaderMap;
use robust_connectors::{
    Binance, Charge, Charges, Connector, Context as Moment, Credentials, EncodeError, Htx, Kraken,
    KuCoin, RateWindow, Reply, SymbolTable, Usages, Verdict, WireRequest,
};
use robust_market::{Decoded, Exchange, Kind, Payload, Request};
use robust_sim::{Fault, Server, Sim};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// What each exchange would allow a second; more than is ever asked.
const LIMIT: u32 = 100_000;

/// Dropped, the exchanges are gone.
pub(super) struct Exchanges {
    all: Vec<(Arc<dyn Connector>, String, Sim)>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Exchanges {
    pub(super) fn start(seed: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for the exchanges")?;
        let mut all = Vec::new();
        let mut servers: Vec<Server> = Vec::new();
        for connector in connectors() {
            let sim = Sim::builder(connector.exchange())
                .seed(seed)
                .unlimited()
                .build()?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let server = runtime.block_on(sim.listen(address))?;
            all.push((connector, server.base_url(), sim));
            servers.push(server);
        }
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            // Ended either way, by a word or by the end of who would say it.
            let _ = runtime.block_on(stopped);
            drop(servers);
        });
        Ok(Self {
            all,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Who speaks to each of them, and where it listens.
    pub(super) fn all(&self) -> impl Iterator<Item = (Arc<dyn Connector>, String)> {
        let all = self.all.iter();
        all.map(|(connector, address, _)| (Arc::clone(connector), address.clone()))
    }

    /// Another fault, or none, at each exchange until `end`: now for one to four seconds, now for some milliseconds only, so that one
    /// attempt fails and the next does not. How often it changed.
    pub(super) fn weather(
        &self,
        seed: u64,
        end: Instant,
    ) -> impl Future<Output = u64> + Send + use<> {
        let sims: Vec<Sim> = self.all.iter().map(|(.., sim)| sim.clone()).collect();
        let mut rng = Rng::with_seed(seed ^ 0x57ea_73e5);
        async move {
            let now = Instant::now();
            let mut next: Vec<(Instant, u8, Sim)> =
                sims.into_iter().map(|sim| (now, 0, sim)).collect();
            let mut changes = 0;
            loop {
                let Some((at, gusts, sim)) = next.iter_mut().min_by_key(|(at, ..)| *at) else {
                    return changes;
                };
                if *at >= end {
                    return changes;
                }
                sleep_until(*at).await;
                sim.set_fault(fault(&mut rng));
                changes += 1;
                *at += Duration::from_millis(if *gusts > 0 {
                    *gusts -= 1;
                    rng.u64(3..60)
                } else {
                    *gusts = rng.u8(0..100);
                    rng.u64(1_000..4_000)
                });
            }
        }
    }

    /// No fault any more.
    pub(super) fn calm(&self) {
        for (.., sim) in &self.all {
            sim.set_fault(None);
        }
    }
}

impl Drop for Exchanges {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there was already printed.
            let _ = thread.join();
        }
    }
}

/// Three times in five all is well.
fn fault(rng: &mut Rng) -> Option<Fault> {
    let seconds = |rng: &mut Rng| Duration::from_secs(rng.u64(1..4));
    Some(match rng.u8(0..30) {
        0 => Fault::Refuse,
        1 => Fault::Reset,
        2 => Fault::Hang,
        3 | 4 => Fault::Latency {
            by: Duration::from_millis(rng.u64(1..700)),
        },
        5 => Fault::Status {
            code: rng.u16(500..505),
        },
        6 => Fault::RateLimited {
            retry_after: seconds(rng),
        },
        7 => Fault::Ban {
            retry_after: seconds(rng),
        },
        8 => Fault::Truncated,
        9 => Fault::Html,
        10 => Fault::Garbage,
        11 => Fault::Stale,
        _ => return None,
    })
}

fn connectors() -> [Arc<dyn Connector>; 4] {
    [
        Arc::new(Unlimited(Kraken)),
        Arc::new(Unlimited(Binance)),
        Arc::new(Unlimited(KuCoin)),
        Arc::new(Unlimited(Htx)),
    ]
}

/// A connector that knows no limits.
#[derive(Debug)]
struct Unlimited<C>(C);

impl<C: Connector> Connector for Unlimited<C> {
    fn exchange(&self) -> Exchange {
        self.0.exchange()
    }

    fn base_url(&self) -> &'static str {
        self.0.base_url()
    }

    fn supports(&self, kind: Kind) -> bool {
        self.0.supports(kind)
    }

    fn windows(&self) -> Vec<RateWindow> {
        vec![RateWindow {
            name: "all",
            limit: LIMIT,
            per: Duration::from_secs(1),
            keyed: false,
        }]
    }

    fn cost(&self, _: &Request) -> Charges {
        Charges::from_elem(
            Charge {
                window: 0,
                key: 0,
                units: 1,
            },
            1,
        )
    }

    fn symbols(&self) -> SymbolTable {
        self.0.symbols()
    }

    fn encode(&self, request: &Request, moment: &Moment<'_>) -> Result<WireRequest, EncodeError> {
        self.0.encode(request, moment)
    }

    fn needs_signature(&self, request: &Request) -> bool {
        self.0.needs_signature(request)
    }

    fn sign(
        &self,
        request: WireRequest,
        credentials: &Credentials,
        moment: &Moment<'_>,
    ) -> Result<WireRequest, EncodeError> {
        self.0.sign(request, credentials, moment)
    }

    fn decode(
        &self,
        request: &Request,
        moment: &Moment<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        self.0.decode(request, moment, reply)
    }

    /// What the headers count belongs to windows that are not there.
    fn usage(&self, _: &HeaderMap) -> Usages {
        Usages::new()
    }

    fn asset_code<'a>(&self, id: &'a str) -> Cow<'a, str> {
        self.0.asset_code(id)
    }
}
