//! A disk and a store that fail on purpose: for tests of this crate, of hosts and of the simulator.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::packed::{BlobFailure, BlobName, BlobOp, Blobs};
use super::{Durability, Range, Rows, Store, StoreBatch, StoreFailure};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and the answer is a failure.
    BeforeEffect,
    /// It is done, and the answer is a failure all the same.
    AfterEffect,
    /// Nothing is done: the disk is full.
    Quota,
    /// Nothing is done: the connection is closed.
    Closed,
    /// Nothing is done: another handle has taken over.
    Superseded,
    /// The process ends before it is done; every later operation fails until [`Faults::heal`].
    CrashBefore,
    /// The process ends just after it is done, without an answer.
    CrashAfter,
}

/// Which operation fails, counted from now: 1 is the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The nth operation of any kind.
    Operation(u64),
    /// The nth commit.
    Commit(u64),
}

/// Controls the faults of the stores and disks it was given to. Clones are the same control.
#[derive(Debug, Clone, Default)]
pub struct Faults(Rc<Control>);

#[derive(Debug, Default)]
struct Control {
    operations: Cell<u64>,
    commits: Cell<u64>,
    armed: RefCell<Vec<(When, Fault)>>,
    crashed: Cell<bool>,
    yields: Cell<bool>,
}

impl Faults {
    /// No faults yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one operation fail.
    pub fn arm(&self, when: When, fault: Fault) {
        let when = match when {
            When::Operation(n) => When::Operation(self.0.operations.get() + n),
            When::Commit(n) => When::Commit(self.0.commits.get() + n),
        };
        self.0.armed.borrow_mut().push((when, fault));
    }

    /// Ends a crash and forgets what is armed.
    pub fn heal(&self) {
        self.0.crashed.set(false);
        self.0.armed.borrow_mut().clear();
    }

    /// Whether a crash has happened.
    pub fn is_crashed(&self) -> bool {
        self.0.crashed.get()
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.0.operations.get()
    }

    /// Lets every operation give way to others once before it begins, as a real disk does.
    pub fn yield_before_operations(&self, yields: bool) {
        self.0.yields.set(yields);
    }

    async fn begin(&self, is_commit: bool) -> Option<Fault> {
        if self.0.yields.get() {
            yield_once().await;
        }
        let operation = count(&self.0.operations);
        let commit = if is_commit { Some(count(&self.0.commits)) } else { None };
        if self.0.crashed.get() {
            return Some(Fault::Closed);
        }
        let due = |when: &When| match when {
            When::Operation(n) => *n == operation,
            When::Commit(n) => Some(*n) == commit,
        };
        let fault = self.0.armed.borrow().iter().find(|(when, _)| due(when)).map(|(_, fault)| *fault);
        if matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter)) {
            self.0.crashed.set(true);
        }
        fault
    }
}

fn count(counter: &Cell<u64>) -> u64 {
    counter.set(counter.get() + 1);
    counter.get()
}

/// Lets other futures of the task run once.
pub async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What a fault does to an operation.
enum Effect<F> {
    /// Nothing is done; this is the answer.
    Refuse(F),
    /// It is done; if it succeeds, this is the answer.
    DoAndFail(F),
}

fn blob_effect(fault: Fault) -> Effect<BlobFailure> {
    let injected = || BlobFailure::Failed("an injected fault".into());
    match fault {
        Fault::BeforeEffect => Effect::Refuse(injected()),
        Fault::AfterEffect => Effect::DoAndFail(injected()),
        Fault::Quota => Effect::Refuse(BlobFailure::Quota),
        Fault::Closed | Fault::CrashBefore => Effect::Refuse(BlobFailure::Closed),
        Fault::Superseded => Effect::Refuse(BlobFailure::Exists(BlobName::Segment(0))),
        Fault::CrashAfter => Effect::DoAndFail(BlobFailure::Closed),
    }
}

fn store_effect(fault: Fault) -> Effect<StoreFailure> {
    match blob_effect(fault) {
        Effect::Refuse(failure) => Effect::Refuse(failure.into()),
        Effect::DoAndFail(failure) => Effect::DoAndFail(failure.into()),
    }
}

/// Blobs that fail when told to. Can also hold back relaxed commits, to lose them in a [`FaultyBlobs::crash`].
#[derive(Debug, Clone)]
pub struct FaultyBlobs<B> {
    inner: B,
    faults: Faults,
    tail: Option<Rc<RefCell<Tail>>>,
}

/// Relaxed commits that have not reached the disk.
#[derive(Debug, Default)]
struct Tail {
    commits: VecDeque<Vec<BlobOp>>,
}

impl<B: Blobs> FaultyBlobs<B> {
    /// Fails as `faults` says, and otherwise does what `inner` does.
    pub fn new(inner: B, faults: Faults) -> Self {
        Self { inner, faults, tail: None }
    }

    /// As [`Self::new`], and keeps relaxed commits in memory until a strict one.
    pub fn holding_back(inner: B, faults: Faults) -> Self {
        Self { inner, faults, tail: Some(Rc::default()) }
    }

    /// Relaxed commits held back.
    pub fn unsynced(&self) -> usize {
        self.tail.as_ref().map_or(0, |tail| tail.borrow().commits.len())
    }

    /// Cuts the power: of the commits held back only the first `kept` reach the disk.
    pub async fn crash(&self, kept: usize) -> Result<(), BlobFailure> {
        if let Some(tail) = &self.tail {
            tail.borrow_mut().commits.truncate(kept);
        }
        self.sync().await
    }

    async fn sync(&self) -> Result<(), BlobFailure> {
        let Some(tail) = &self.tail else { return Ok(()) };
        loop {
            let Some(ops) = tail.borrow_mut().commits.pop_front() else { return Ok(()) };
            self.inner.commit(ops, Durability::Strict).await?;
        }
    }

    /// What the commits held back say of each blob; `None` is a deleted one.
    fn held_back(&self, on_disk: &BTreeSet<BlobName>) -> BTreeMap<BlobName, Option<Vec<u8>>> {
        let mut held = BTreeMap::new();
        let Some(tail) = &self.tail else { return held };
        for op in tail.borrow().commits.iter().flatten() {
            match op {
                BlobOp::Add(name, bytes) | BlobOp::Put(name, bytes) => {
                    held.insert(*name, Some(bytes.clone()));
                }
                BlobOp::Delete(name) => {
                    held.insert(*name, None);
                }
                BlobOp::DeleteSegments(from, to) => {
                    let known: Vec<BlobName> = on_disk.iter().chain(held.keys()).copied().collect();
                    for name in known {
                        if matches!(name, BlobName::Segment(number) if (*from..*to).contains(&number)) {
                            held.insert(name, None);
                        }
                    }
                }
            }
        }
        held
    }

    async fn on_disk(&self) -> Result<BTreeSet<BlobName>, BlobFailure> {
        Ok(self.inner.names().await?.into_iter().collect())
    }

    async fn all_names(&self) -> Result<BTreeSet<BlobName>, BlobFailure> {
        let mut names = self.on_disk().await?;
        for (name, bytes) in self.held_back(&names) {
            if bytes.is_some() {
                names.insert(name)
            } else {
                names.remove(&name)
            };
        }
        Ok(names)
    }

    async fn hold_back(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        let Some(tail) = &self.tail else { return self.inner.commit(ops, durability).await };
        let names = self.all_names().await?;
        let conflict = ops.iter().find_map(|op| match op {
            BlobOp::Add(name, _) => names.contains(name).then_some(*name),
            _ => None,
        });
        if let Some(name) = conflict {
            return Err(BlobFailure::Exists(name));
        }
        tail.borrow_mut().commits.push_back(ops);
        if durability == Durability::Strict { self.sync().await } else { Ok(()) }
    }

    async fn read<T>(&self, result: impl Future<Output = Result<T, BlobFailure>>) -> Result<T, BlobFailure> {
        match self.faults.begin(false).await.map(blob_effect) {
            None => result.await,
            Some(Effect::Refuse(failure) | Effect::DoAndFail(failure)) => Err(failure),
        }
    }
}

impl<B: Blobs> Blobs for FaultyBlobs<B> {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        self.read(async { Ok(self.all_names().await?.into_iter().collect()) }).await
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        self.read(async {
            if self.unsynced() == 0 {
                return self.inner.get(names).await;
            }
            let held = self.held_back(&self.on_disk().await?);
            let found = self.inner.get(names).await?;
            Ok(names.iter().zip(found).map(|(name, found)| held.get(name).cloned().unwrap_or(found)).collect())
        })
        .await
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        self.read(async {
            let mut found: BTreeMap<u64, Vec<u8>> = self.inner.segments(first).await?.into_iter().collect();
            for (name, bytes) in self.held_back(&self.on_disk().await?) {
                let BlobName::Segment(number) = name else { continue };
                match bytes {
                    Some(bytes) if number >= first => found.insert(number, bytes),
                    _ => found.remove(&number),
                };
            }
            Ok(found.into_iter().collect())
        })
        .await
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        match self.faults.begin(true).await.map(blob_effect) {
            None => self.hold_back(ops, durability).await,
            Some(Effect::Refuse(failure)) => Err(failure),
            Some(Effect::DoAndFail(failure)) => {
                self.hold_back(ops, durability).await?;
                Err(failure)
            }
        }
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// A store that fails when told to, and keeps the promise that a failed commit poisons the handle.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    faults: Faults,
    ended: RefCell<Option<StoreFailure>>,
}

impl<S: Store> FaultyStore<S> {
    /// Fails as `faults` says, and otherwise does what `inner` does.
    pub fn new(inner: S, faults: Faults) -> Self {
        Self { inner, faults, ended: RefCell::new(None) }
    }

    /// The store below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn check(&self) -> Result<(), StoreFailure> {
        self.ended.borrow().clone().map_or(Ok(()), Err)
    }

    fn end(&self, failure: StoreFailure) -> StoreFailure {
        let after = match &failure {
            StoreFailure::TooLarge { .. } => return failure,
            StoreFailure::Superseded | StoreFailure::Poisoned { .. } => failure.clone(),
            other => StoreFailure::Poisoned { reason: other.to_string() },
        };
        *self.ended.borrow_mut() = Some(after);
        failure
    }
}

impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        self.check()?;
        match self.faults.begin(false).await.map(store_effect) {
            None => self.inner.load(ranges).await,
            Some(Effect::Refuse(failure) | Effect::DoAndFail(failure)) => Err(failure),
        }
    }

    async fn commit(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure> {
        self.check()?;
        batch.check_limits()?;
        let outcome = match self.faults.begin(true).await.map(store_effect) {
            None => self.inner.commit(batch, durability).await,
            Some(Effect::Refuse(failure)) => Err(failure),
            Some(Effect::DoAndFail(failure)) => self.inner.commit(batch, durability).await.and(Err(failure)),
        };
        outcome.map_err(|failure| self.end(failure))
    }

    async fn commit_later(&self, batch: StoreBatch) -> Result<(), StoreFailure> {
        self.check()?;
        batch.check_limits()?;
        let outcome = match self.faults.begin(true).await.map(store_effect) {
            None => self.inner.commit_later(batch).await,
            Some(Effect::Refuse(failure)) => Err(failure),
            Some(Effect::DoAndFail(failure)) => self.inner.commit_later(batch).await.and(Err(failure)),
        };
        outcome.map_err(|failure| self.end(failure))
    }

    async fn flush(&self) -> Result<(), StoreFailure> {
        self.check()?;
        self.inner.flush().await.map_err(|failure| self.end(failure))
    }

    async fn maintain(&self) -> Result<bool, StoreFailure> {
        self.check()?;
        match self.faults.begin(false).await.map(store_effect) {
            None => self.inner.maintain().await,
            Some(Effect::Refuse(failure) | Effect::DoAndFail(failure)) => Err(failure),
        }
    }

    fn presses(&self) -> bool {
        self.inner.presses()
    }

    async fn close(&self) {
        *self.ended.borrow_mut() = Some(StoreFailure::Closed);
        self.inner.close().await;
    }
}
