//! Who runs the engine: of all processes on a database the one that has the lease.
//!
//! A candidate watches the lease, and takes it when it is free, or when its holder has not renewed it for the
//! whole lease time by the candidate's own clock. Then it runs an engine over a [`FencedStore`], and renews
//! the lease beside it, until it is asked to stop or has lost the lease. Each term has an engine of its own:
//! nothing that one remembers is carried into the next.
//!
//! Safety does not rest on any clock, only on the fence: a candidate that takes over too early, or a holder
//! that wakes up late, costs the work in hand and nothing else. Time is counted in waits rather than read,
//! so that a clock that is set does not matter at all. Whatever is ready is polled in a fixed order, so that
//! a simulated run can be repeated.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};

use super::tick::Engine;
use crate::ports::clock::Clock;
use crate::ports::store::{Lease, Store, StoreError, transact};
use crate::settlement::engine::fenced_store::{FencedStore, FencingToken};
use crate::settlement::high_water_mark::HighWaterMark;
use crate::settlement::{EngineError, Outside, Settings};

/// How often a candidate looks at the lease within the lease time.
const LOOKS_PER_LEASE: u32 = 15;
/// How often a holder renews the lease within the lease time: some renewals may fail.
const RENEWALS_PER_LEASE: u32 = 5;
/// How long a tick in hand may take when the process is asked to stop. What it was about goes on from
/// storage afterwards.
const STOP_SECONDS_MAX: u64 = 10;

/// A process that runs the engine when it is its turn.
pub struct Candidate {
    outside: Outside,
    settings: Settings,
    holder: String,
    mark: Arc<HighWaterMark>,
}

/// What a candidate remembers of the lease between two looks.
#[derive(Debug, Default)]
pub struct Watched {
    seen: Option<(i64, i64)>,
    /// Looks in a row that found it as the one before.
    unchanged: u32,
}

impl Watched {
    /// True if it has not been renewed for the lease time.
    fn is_abandoned(&mut self, lease: &Lease) -> bool {
        let now = (lease.token, lease.renewal);
        self.unchanged = if self.seen == Some(now) { self.unchanged + 1 } else { 0 };
        self.seen = Some(now);
        self.unchanged >= LOOKS_PER_LEASE
    }
}

/// What a look at the lease came to.
pub enum Look {
    /// The lease was taken.
    Taken(Box<Leadership>),
    /// Somebody has it.
    Held(Lease),
}

/// One term: from taking the lease until it is released or lost.
pub struct Leadership {
    /// The engine of this term. What it writes is refused once the lease is lost.
    pub engine: Engine,
    /// The lease as it was before it was taken.
    pub before: Lease,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    renewal_pause: Duration,
    fencing: Arc<FencingToken>,
    mark: Arc<HighWaterMark>,
}

/// How a term ended without an error.
enum LeadershipEnd {
    /// The process was told to stop.
    Stopped,
    /// Another process has the lease, or it could not be renewed.
    LeaseLost,
    /// The database is older than this process has seen it: the next engine begins from what is stored, and
    /// looks back at the ledger first.
    WentBack,
}

impl Candidate {
    /// A candidate; `kind` says what it is, such as `serve`, and its name in the lease begins with it.
    pub fn new(outside: Outside, settings: Settings, kind: &str) -> Self {
        let holder = format!("{kind}-{:016x}", outside.entropy.u64());
        Self { outside, settings, holder, mark: Arc::default() }
    }

    /// Its name in the lease; no other process has it.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// The pause between two looks.
    pub fn look_pause(&self) -> Duration {
        self.settings.lease() / LOOKS_PER_LEASE
    }

    /// Runs the engine whenever this process has the lease, until `stop` resolves. A tick in hand is finished
    /// first, within ten seconds, and the lease released.
    ///
    /// # Errors
    /// Only what [`EngineError::stops_the_engine`]; everything else is reported and tried again. To lose the
    /// lease is no error.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        let stop = stop.boxed().shared();
        let mut watched = Watched::default();
        let mut standing_by = None;
        while stop.clone().now_or_never().is_none() {
            match self.look(&mut watched).await {
                Ok(Look::Taken(term)) => {
                    (watched, standing_by) = (Watched::default(), None);
                    if stop.clone().now_or_never().is_some() {
                        term.release().await;
                        break;
                    }
                    match term.run(stop.clone()).await? {
                        LeadershipEnd::Stopped => return Ok(()),
                        LeadershipEnd::LeaseLost | LeadershipEnd::WentBack => continue,
                    }
                }
                Ok(Look::Held(lease)) => {
                    if standing_by.replace(lease.token) != Some(lease.token) {
                        tracing::info!(holder = lease.holder, token = lease.token, "engine stands by");
                    }
                }
                Err(error) => tracing::warn!(%error, "the engine's lease cannot be looked at"),
            }
            select(stop.clone(), self.outside.clock.sleep(self.look_pause())).await;
        }
        Ok(())
    }

    /// Looks at the lease, and takes it if nobody has it, or if whoever has it did not renew it for the lease
    /// time. To be called again after [`Self::look_pause`].
    ///
    /// # Errors
    /// The store's. The lease may then have been taken; the next look finds out.
    pub async fn look(&self, watched: &mut Watched) -> Result<Look, StoreError> {
        let lease = self.lease().await?;
        self.mark.stands_by(&lease);
        let free = match &lease.holder {
            None => true,
            // Taken by a transaction whose commit was not answered, or not released by an earlier term.
            Some(holder) if *holder == self.holder => true,
            Some(_) => watched.is_abandoned(&lease),
        };
        if !free {
            return Ok(Look::Held(lease));
        }
        let (seen, holder, now) = (lease.clone(), self.holder.clone(), self.outside.clock.now());
        let taken: Result<Option<Lease>, StoreError> = transact(&self.outside.store, move |tx| {
            let (seen, holder) = (seen.clone(), holder.clone());
            Box::pin(async move { tx.take_lease(&seen, &holder, now).await })
        })
        .await;
        match taken? {
            Some(taken) => Ok(Look::Taken(Box::new(self.term(&taken, lease)))),
            None => Ok(Look::Held(self.lease().await?)),
        }
    }

    async fn lease(&self) -> Result<Lease, StoreError> {
        let mut tx = self.outside.store.begin_read().await?;
        let lease = tx.lease().await?;
        tx.rollback().await?;
        Ok(lease)
    }

    fn term(&self, taken: &Lease, before: Lease) -> Leadership {
        self.mark.takes(taken);
        let fencing = Arc::new(FencingToken::new(taken.token, self.holder.clone()));
        let store = Arc::clone(&self.outside.store);
        let (inner, mark) = (Arc::clone(&store), Arc::clone(&self.mark));
        let fenced = FencedStore { inner, fencing: Arc::clone(&fencing), mark: Arc::clone(&mark) };
        let outside = Outside { store: Arc::new(fenced), ..self.outside.clone() };
        Leadership {
            engine: Engine::under(outside, self.settings.clone(), Arc::clone(&mark)),
            before,
            store,
            clock: Arc::clone(&self.outside.clock),
            renewal_pause: self.settings.lease() / RENEWALS_PER_LEASE,
            fencing,
            mark,
        }
    }
}

impl Leadership {
    /// Its token.
    pub fn token(&self) -> i64 {
        self.fencing.token()
    }

    /// Runs the engine until `stop`, and releases the lease, or until the lease is lost, or the database
    /// went back.
    async fn run(self, stop: impl Future<Output = ()> + Clone + Send) -> Result<LeadershipEnd, EngineError> {
        self.engine.say_what_is_found(self.token(), &self.before).await;
        let told = stop.clone();
        let late = async {
            told.await;
            self.clock.sleep(Duration::from_secs(STOP_SECONDS_MAX)).await;
        };
        let (late, lost) = (pin!(late), pin!(self.lost()));
        let ends = select(late, lost);
        let outcome = match select(pin!(self.engine.run(stop)), ends).await {
            Either::Left((Ok(()), _)) => Ok(LeadershipEnd::Stopped),
            Either::Left((Err(EngineError::Store(StoreError::WentBack { .. })), _)) => {
                Ok(LeadershipEnd::WentBack)
            }
            Either::Left((Err(error), _)) => Err(error),
            Either::Right((Either::Left(_), _)) => {
                tracing::warn!("the tick in hand was cut off");
                Ok(LeadershipEnd::Stopped)
            }
            Either::Right((Either::Right(_), _)) => Ok(LeadershipEnd::LeaseLost),
        };
        match outcome {
            Ok(LeadershipEnd::LeaseLost) => {
                self.fencing.end();
                tracing::warn!(
                    token = self.token(),
                    "the engine's lease is lost; what was in hand is left to whoever has it"
                );
            }
            Ok(LeadershipEnd::Stopped | LeadershipEnd::WentBack) | Err(_) => self.release().await,
        }
        outcome
    }

    /// Does `work` and renews the lease meanwhile; `None` if the lease was lost before it was done.
    pub async fn while_held<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), pin!(self.lost())).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => {
                self.fencing.end();
                None
            }
        }
    }

    /// Renews the lease again and again; resolves when it is lost, or could not be renewed for
    /// the lease time.
    async fn lost(&self) {
        let mut missed = 0;
        loop {
            match select(pin!(self.renew()), pin!(self.fencing.refused())).await {
                Either::Left((Ok(true), _)) => missed = 0,
                Either::Left((Ok(false), _)) | Either::Right(_) => return,
                Either::Left((Err(error), _)) => {
                    missed += 1;
                    tracing::warn!(%error, missed, "the engine's lease was not renewed");
                    if missed >= RENEWALS_PER_LEASE {
                        return;
                    }
                }
            }
            let pause = self.clock.sleep(self.renewal_pause);
            if let Either::Right(_) = select(pause, pin!(self.fencing.refused())).await {
                return;
            }
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        let (fencing, now, seen) = (Arc::clone(&self.fencing), self.clock.now(), self.mark.lease());
        let renewed: Option<Lease> = transact(&self.store, move |tx| {
            let fencing = Arc::clone(&fencing);
            Box::pin(async move { tx.renew_lease(fencing.token(), fencing.holder(), now).await })
        })
        .await?;
        if let Some(lease) = &renewed {
            self.mark.read(&seen, lease)?;
        }
        Ok(renewed.is_some())
    }

    /// Ends the term: nothing is written under it any more, and the next candidate need not wait.
    pub async fn release(&self) {
        self.fencing.end();
        let fencing = Arc::clone(&self.fencing);
        let released: Result<bool, StoreError> = transact(&self.store, move |tx| {
            let fencing = Arc::clone(&fencing);
            Box::pin(async move { tx.release_lease(fencing.token(), fencing.holder()).await })
        })
        .await;
        match released {
            Ok(true) => tracing::info!(token = self.token(), "the engine's lease is released"),
            Ok(false) => tracing::info!(token = self.token(), "the engine's lease had been taken over"),
            Err(error) => tracing::warn!(%error, "the engine's lease was not released, and runs out"),
        }
    }
}
