//! What callers hear when the store under the engine fails: the real loop over a store that fails on purpose.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ashore_engine::api::{
    Call, Calls, Command, Durability, ErrorCode, Event, IdRange, LogLevel, News, Outcome, Reply, Write,
};
use ashore_engine::driver::{Clock, Connection, Transport, TransportEvent, drive};
use ashore_engine::log::{Log, Note};
use ashore_engine::machine::{Machine, MachineOptions};
use ashore_engine::store::conformance::{Disk, block_on, packed_in_memory};
use ashore_engine::store::faults::{Fault, Faults, FaultyStore, When, yield_once};
use ashore_engine::store::{Durability as HowDurable, Range, Rows, Store, StoreBatch, StoreFailure};
use ashore_engine::time::Timestamp;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::future::{FutureExt, LocalBoxFuture, join, pending};
use futures_util::stream::StreamExt;

/// No relay can be reached from here.
struct NoNetwork;

impl Transport for NoNetwork {
    type Connection = Self;

    fn connect(&self, _: &str, _: UnboundedSender<TransportEvent>) -> Self {
        Self
    }
}

impl Connection for NoNetwork {
    fn send(&self, _: Vec<u8>) {}
}

const BEGINNING: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// Time goes on where somebody waits for a little of it; longer waits do not end.
#[derive(Clone)]
struct Waited {
    ms: Rc<Cell<u64>>,
    patience_ms: u64,
}

impl Waited {
    fn for_ms(patience_ms: u64) -> Self {
        Self { ms: Rc::default(), patience_ms }
    }
}

impl Clock for Waited {
    fn now(&self) -> Timestamp {
        BEGINNING.plus_ms(self.ms.get())
    }

    fn sleep_until(&self, deadline: Timestamp) -> LocalBoxFuture<'static, ()> {
        let (clock, left_ms) = (self.clone(), deadline.ms_since(self.now()));
        async move {
            if left_ms > clock.patience_ms {
                return pending().await;
            }
            clock.yield_now().await;
            clock.ms.set(clock.ms.get() + left_ms);
        }
        .boxed_local()
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        yield_once().boxed_local()
    }
}

/// The page: asks, and reads what comes until it is the answer.
struct Page {
    name: &'static str,
    calls: UnboundedSender<Calls>,
    news: UnboundedReceiver<News>,
    asked: Cell<u64>,
}

impl Page {
    async fn ask(&mut self, command: Command) -> (Outcome, Vec<Event>) {
        let id = self.asked.get() + 1;
        self.asked.set(id);
        let calls = vec![Call { id, command }];
        self.calls.unbounded_send(Calls { client: self.name.into(), received: id - 1, calls }).unwrap();
        let mut events = Vec::new();
        loop {
            let mut news = self.news.next().await.expect("the engine is there");
            events.append(&mut news.events);
            if let Some(answer) = news.answers.pop() {
                assert_eq!(answer.id, id);
                return (answer.outcome, events);
            }
        }
    }

    async fn put(&mut self, id: &str) -> Outcome {
        self.put_document(id, "{}").await
    }

    async fn put_document(&mut self, id: &str, document: &str) -> Outcome {
        let (ids, bases) = (vec![id.to_owned()], vec![None]);
        let write = Write::Put { collection: "notes".into(), ids, documents: format!("[{document}]"), bases };
        self.ask(Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false }).await.0
    }

    /// Asks nothing for a while.
    async fn lets_it_tidy_up(&self) {
        for _ in 0..100 {
            yield_once().await;
        }
    }

    async fn list(&mut self) -> (Outcome, Vec<Event>) {
        self.ask(Command::List { collection: "notes".into(), range: IdRange::default() }).await
    }
}

/// An engine over that disk, with what may go wrong in its store, while the page of that name talks to it.
async fn engine<D: Disk>(disk: &D, faults: &Faults, name: &'static str, talk: impl AsyncFnOnce(&mut Page))
where
    D::Store: 'static,
{
    engine_noting(disk, faults, (name, Waited::for_ms(100)), |_| {}, talk).await;
}

/// The same by that clock, and what it notes.
async fn engine_noting<D: Disk>(
    disk: &D,
    faults: &Faults,
    (name, clock): (&'static str, Waited),
    note: impl Fn(Note<'_>) + 'static,
    talk: impl AsyncFnOnce(&mut Page),
) where
    D::Store: 'static,
{
    let store = Rc::new(FaultyStore::new(disk.open().await.unwrap(), faults.clone()));
    let options = MachineOptions { seed: [1; 32], local_secret: [2; 32], opening: BEGINNING };
    let (calls, asked) = unbounded();
    let (deliver, news) = unbounded();
    let mut page = Page { name, calls, news, asked: Cell::new(0) };
    let run = drive(
        Machine::new(options),
        store,
        NoNetwork,
        clock,
        asked,
        move |_, news| {
            let _ = deliver.unbounded_send(news);
        },
        Box::new(note),
    );
    join(run, async move { talk(&mut page).await }).await;
}

fn ids(outcome: Outcome) -> Vec<String> {
    match outcome {
        Outcome::Ok(Reply::Ids { ids, .. }) => ids,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_over_a_store_that_fails_rejects_with_store_failed() {
    block_on(async {
        let (disk, faults) = (packed_in_memory(), Faults::new());
        engine(&disk, &faults, "first", async |page| {
            assert!(matches!(page.put("n1").await, Outcome::Ok(_)));
            assert_eq!(ids(page.list().await.0), ["n1"]);
            page.lets_it_tidy_up().await;
            faults.arm(When::Operation(1), Fault::BeforeEffect);
            let (outcome, _) = page.list().await;
            let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
            assert_eq!((failure.code, failure.retry), (ErrorCode::StoreFailed, true), "{failure}");
        })
        .await;
        faults.heal();
        engine(&disk, &faults, "next", async |page| assert_eq!(ids(page.list().await.0), ["n1"])).await;
    });
}

#[test]
fn a_failing_store_is_told_once_however_many_calls_wait() {
    block_on(async {
        let (disk, faults) = (packed_in_memory(), Faults::new());
        engine(&disk, &faults, "first", async |page| {
            assert!(matches!(page.put("n1").await, Outcome::Ok(_)));
            page.lets_it_tidy_up().await;
            faults.arm(When::Operation(1), Fault::BeforeEffect);
            let list =
                |id| Call { id, command: Command::List { collection: "notes".into(), range: IdRange::default() } };
            let calls = (10..20).map(list).collect();
            page.calls.unbounded_send(Calls { client: page.name.into(), received: 1, calls }).unwrap();
            let (mut failed, mut told) = (0, 0);
            while let Some(news) = page.news.next().await {
                for answer in news.answers {
                    let Outcome::Failed(failure) = answer.outcome else { panic!("{:?}", answer.outcome) };
                    assert_eq!(failure.code, ErrorCode::StoreFailed, "{failure}");
                    failed += 1;
                }
                told += news.events.iter().filter(|event| matches!(event, Event::Error { .. })).count();
            }
            assert_eq!((failed, told), (10, 1));
        })
        .await;
    });
}

#[test]
fn a_store_is_tidied_up_after_few_large_writes_as_after_many_small_ones() {
    let rounds = |writes: usize, bytes: usize| {
        let log = Rc::new(RefCell::new(Log::new(0)));
        log.borrow_mut().set_level(LogLevel::Debug);
        let noted = Rc::clone(&log);
        let note = move |note: Note<'_>| drop(noted.borrow_mut().note(BEGINNING, note));
        block_on(async {
            let page = ("first", Waited::for_ms(100));
            engine_noting(&packed_in_memory(), &Faults::new(), page, note, async |page| {
                let document = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
                for write in 0..writes {
                    assert!(matches!(page.put_document(&format!("n{write}"), &document).await, Outcome::Ok(_)));
                    page.lets_it_tidy_up().await;
                }
            })
            .await;
        });
        let entries = log.borrow().recent(LogLevel::Debug);
        entries.iter().filter(|entry| entry.message == "it is tidied up").count()
    };
    // The first commit is always followed by one.
    assert_eq!(rounds(10, 100), 1);
    assert!(rounds(20, 100) > 1);
    assert!(rounds(10, 900_000) > 1);
}

/// A store that has very much to tidy up, none of which has to wait for a disk. A commit takes 30 ms by its clock.
struct Untidy<S> {
    store: S,
    clock: Waited,
    left: Rc<Cell<u32>>,
    presses: Rc<Cell<bool>>,
}

impl<S: Store> Store for Untidy<S> {
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        self.store.load(ranges).await
    }

    async fn commit(&self, batch: StoreBatch, durability: HowDurable) -> Result<(), StoreFailure> {
        self.clock.ms.set(self.clock.ms.get() + 30);
        self.store.commit(batch, durability).await
    }

    async fn maintain(&self) -> Result<bool, StoreFailure> {
        self.left.set(self.left.get().saturating_sub(1));
        Ok(self.left.get() > 0)
    }

    fn presses(&self) -> bool {
        self.presses.get()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

struct UntidyDisk<D> {
    disk: D,
    clock: Waited,
    left: Rc<Cell<u32>>,
    presses: Rc<Cell<bool>>,
}

fn untidy(clock: Waited) -> UntidyDisk<impl Disk> {
    let left = Rc::new(Cell::new(100_000));
    UntidyDisk { disk: packed_in_memory(), clock, left, presses: Rc::default() }
}

impl<D: Disk> Disk for UntidyDisk<D> {
    type Store = Untidy<D::Store>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        let store = self.disk.open().await?;
        let (left, presses) = (Rc::clone(&self.left), Rc::clone(&self.presses));
        Ok(Untidy { store, clock: self.clock.clone(), left, presses })
    }
}

#[test]
fn whoever_asks_does_not_wait_until_all_is_tidied_up() {
    block_on(async {
        let disk = untidy(Waited::for_ms(0));
        engine(&disk, &Faults::new(), "first", async |page| {
            for n in 0..20 {
                assert!(matches!(page.put(&format!("n{n}")).await, Outcome::Ok(_)));
            }
            assert!((1..100_000).contains(&disk.left.get()), "{} steps are left", disk.left.get());
        })
        .await;
    });
}

#[test]
fn who_asks_one_thing_after_another_waits_for_no_tidying_unless_it_presses() {
    block_on(async {
        // Between an answer and the next call no time goes by: it is never quiet.
        let clock = Waited::for_ms(0);
        let disk = untidy(clock.clone());
        let page = ("first", clock);
        engine_noting(
            &disk,
            &Faults::new(),
            page,
            |_| {},
            async |page| {
                for n in 0..500 {
                    assert!(matches!(page.put(&format!("n{n}")).await, Outcome::Ok(_)));
                }
                assert_eq!(disk.left.get(), 100_000);
                disk.presses.set(true);
                for n in 500..600 {
                    assert!(matches!(page.put(&format!("n{n}")).await, Outcome::Ok(_)));
                }
                assert!((1..100_000).contains(&disk.left.get()), "{} steps are left", disk.left.get());
            },
        )
        .await;
    });
}
