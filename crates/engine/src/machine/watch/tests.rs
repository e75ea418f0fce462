//! Random queries, watched while random documents change here and on another device: what the patches make of a client's rows
//! is at any time what a fresh query answers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::api::{Command, Durability, Event, IdRange, IndexField, IndexSpec, Outcome, Patch, Reply, SyncState, Write};
use crate::document::{DocumentId, Value, json};
use crate::machine::find::parse_query;
use crate::query::tests::arbitrary::{PATHS, document, filter, path};
use crate::testing::Network;
use proptest::prelude::*;

const RELAY: &str = "ws://relay.test/v1/ws";
const COLLECTION: &str = "notes";
/// Documents that there may be.
const IDS: usize = 40;

/// One watched answer, as a page keeps it.
#[derive(Default)]
struct Rows {
    query: String,
    watch: u64,
    rows: Vec<(String, String, Value)>,
    /// More belongs to what came last.
    holding: bool,
    /// Numbers of patches that are not yet said to be taken.
    untaken: Vec<u64>,
    skipped: u64,
}

impl Rows {
    fn apply(&mut self, patch: Patch) {
        if patch.anew {
            self.rows.clear();
        }
        let comes = |id: &String| patch.ids.contains(id) || patch.removed.contains(id);
        self.rows.retain(|(id, ..)| !comes(id));
        let documents = json::parse_many(&patch.documents).unwrap();
        let rows = patch.ids.into_iter().zip(patch.versions).zip(documents);
        for (((id, version), document), at) in rows.zip(patch.places) {
            assert!(at as usize <= self.rows.len(), "{id} comes to {at} of {}", self.rows.len());
            self.rows.insert(at as usize, (id, version, document));
        }
        assert!(patch.corrupt.is_empty());
        self.holding = patch.more;
        self.skipped += patch.skipped;
        self.untaken.push(patch.number);
    }
}

/// Alice, who watches, and perhaps Bob, who writes too.
struct World {
    network: Network,
    watched: Vec<Rows>,
    next_watch: u64,
    /// Patches that came.
    heard: usize,
    may_end: bool,
    ended: Vec<(u64, String)>,
}

impl World {
    fn new(seed: u64, with_bob: bool) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        let mut world =
            Self { network, watched: Vec::new(), next_watch: 0, heard: 0, may_end: false, ended: Vec::new() };
        if with_bob {
            world.network.add_device("bob");
            world.ok(0, Command::EnableSync { relay: Some(RELAY.into()), device_name: None });
            let invite =
                world.ok(0, Command::CreateInvite { ttl_seconds: 600, link_base: None, role: None, uses: None });
            let Reply::Invite { short_code: invite, .. } = invite else { panic!("{invite:?}") };
            world.ok(1, Command::JoinInvite { invite, relay: Some(RELAY.into()), device_name: None });
        }
        world
    }

    fn ok(&mut self, device: usize, command: Command) -> Reply {
        match self.ask(device, command) {
            Outcome::Ok(reply) => reply,
            Outcome::Failed(failure) => panic!("{failure}"),
        }
    }

    fn ask(&mut self, device: usize, command: Command) -> Outcome {
        self.network.devices[device].answers.clear();
        self.network.ask(device, command, 1);
        let mark = |network: &Network| network.devices[device].answers.iter().any(|(call, _)| call.mark == 1);
        assert!(self.network.run_until(600_000, mark), "no answer");
        self.hear();
        let at = self.network.devices[device].answers.iter().position(|(call, _)| call.mark == 1).unwrap();
        self.network.devices[device].answers.remove(at).1
    }

    /// Takes in what came for what is watched.
    fn hear(&mut self) {
        for event in std::mem::take(&mut self.network.devices[0].events) {
            match event {
                Event::Patch { patch } => {
                    self.heard += 1;
                    if let Some(rows) = self.watched.iter_mut().find(|rows| rows.watch == patch.watch) {
                        rows.apply(patch);
                    }
                }
                Event::Unwatched { watch, failure } if self.may_end => {
                    self.ended.push((watch, failure.code.as_str().to_owned()));
                }
                Event::Unwatched { failure, .. } => panic!("{failure}"),
                _ => {}
            }
        }
    }

    fn watch(&mut self, query: &str) {
        self.next_watch += 1;
        let watch = self.next_watch;
        self.watched.push(Rows { query: query.to_owned(), watch, ..Rows::default() });
        let (query, collection) = (query.to_owned(), COLLECTION.to_owned());
        self.ok(0, Command::Watch { watch, collection, query, id: None });
    }

    /// Says that everything was taken in, until nothing more comes.
    fn take_all(&mut self) {
        loop {
            // What has to be read again for a window that has become short is read now.
            self.network.run_ms(50);
            self.hear();
            let mut taken = Vec::new();
            for rows in &mut self.watched {
                taken.extend(std::mem::take(&mut rows.untaken).into_iter().map(|patch| (rows.watch, patch)));
            }
            if taken.is_empty() {
                return;
            }
            for (watch, patch) in taken {
                self.ok(0, Command::WatchTaken { watch, patch });
            }
        }
    }

    /// Everything that anybody wrote is here.
    fn meet(&mut self) {
        if self.network.devices.len() < 2 {
            return;
        }
        let met = |network: &Network| {
            let synced = |at: usize| network.devices[at].status.clone().is_some_and(|s| s.state == SyncState::Synced);
            let head = |at: usize| network.devices[at].status.as_ref().map(|status| status.head);
            synced(0) && synced(1) && head(0) == head(1)
        };
        // What an engine said before it died is old news: the world goes on a while first.
        self.network.run_ms(60_000);
        assert!(self.network.run_until(600_000, met), "they do not meet");
    }

    fn documents(&mut self) -> Vec<(DocumentId, Value)> {
        let scan = Command::Scan { collection: COLLECTION.into(), range: IdRange::default() };
        let Reply::Documents { ids, documents, .. } = self.ok(0, scan) else { panic!() };
        let ids = ids.iter().map(|id| DocumentId::parse(id).unwrap());
        ids.zip(json::parse_many(&documents).unwrap()).collect()
    }

    /// Every answer that claims to be whole is what a fresh query says.
    fn check(&mut self, everything: bool) -> Result<(), TestCaseError> {
        let documents = self.documents();
        for rows in &self.watched {
            prop_assert!(!everything || !rows.holding, "{} is not whole", rows.query);
            if rows.holding {
                continue;
            }
            let wanted = parse_query(&rows.query).unwrap().run(documents.iter().cloned());
            let wanted: Vec<_> = wanted.into_iter().map(|(id, value)| (id.to_string(), value)).collect();
            let shown: Vec<_> = rows.rows.iter().map(|(id, _, value)| (id.clone(), value.clone())).collect();
            prop_assert_eq!(
                shown,
                wanted,
                "{} {}",
                rows.query,
                if everything { "when all is told" } else { "with the answer" }
            );
        }
        Ok(())
    }

    fn write(&mut self, device: usize, writes: Vec<Write>) {
        self.ok(device, Command::Write { writes, durability: Durability::Relaxed, split: true });
    }
}

fn put(documents: &[(usize, Value)]) -> Write {
    let ids = documents.iter().map(|(at, _)| name(*at)).collect();
    let texts: Vec<String> = documents.iter().map(|(_, value)| text(value)).collect();
    let bases = vec![None; documents.len()];
    Write::Put { collection: COLLECTION.into(), ids, documents: format!("[{}]", texts.join(",")), bases }
}

fn delete(at: &[usize]) -> Write {
    Write::Delete { collection: COLLECTION.into(), ids: at.iter().map(|at| name(*at)).collect() }
}

fn name(at: usize) -> String {
    format!("id{at:02}")
}

fn text(value: &Value) -> String {
    let mut text = String::new();
    json::write_value(value, &mut text).unwrap();
    text
}

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Put(usize, usize, Value),
    PutMany(usize, Vec<(usize, Value)>),
    Delete(usize, usize),
    DeleteMany(usize, usize, usize),
    /// Alice's page says nothing for a while.
    Slow(bool),
    /// Alice's engine dies and another takes over.
    Crash,
    Index(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2usize, 0..IDS, document()).prop_map(|(device, at, value)| Step::Put(device, at, value)),
        6 => (0..2usize, 0..IDS).prop_map(|(device, at)| Step::Delete(device, at)),
        2 => (0..2usize, proptest::collection::vec((0..IDS, document()), 1..20))
            .prop_map(|(device, documents)| Step::PutMany(device, documents)),
        1 => (0..2usize, 0..IDS, 1..IDS).prop_map(|(device, from, count)| Step::DeleteMany(device, from, count)),
        2 => any::<bool>().prop_map(Step::Slow),
        1 => Just(Step::Crash),
        1 => any::<bool>().prop_map(Step::Index),
    ]
}

fn query() -> impl Strategy<Value = String> {
    let filter = prop_oneof![2 => filter(), 1 => Just(Value::empty())];
    let by = (proptest::sample::subsequence(PATHS.to_vec(), 0..3), any::<[bool; 3]>());
    let limit = prop_oneof![1 => Just(None), 3 => (0..8usize).prop_map(Some)];
    let offset = prop_oneof![2 => Just(0), 1 => 0..6usize];
    (filter, by, offset, limit, proptest::option::weighted(0.2, path())).prop_map(
        |(filter, (by, down), offset, limit, select)| {
            let by: Vec<String> =
                by.iter().zip(down).map(|(path, down)| format!("[{path:?},{}]", if down { -1 } else { 1 })).collect();
            let limit = limit.map_or(String::new(), |limit| format!(",\"limit\":{limit}"));
            let select = select.map_or(String::new(), |path| format!(",\"select\":[{path:?}]"));
            let (filter, by) = (text(&filter), by.join(","));
            format!("{{\"filter\":{filter},\"sort\":[{by}],\"offset\":{offset}{limit}{select}}}")
        },
    )
}

impl World {
    fn take_step(&mut self, step: Step, slow: &mut bool) {
        let devices = self.network.devices.len();
        match step {
            Step::Put(device, at, value) => self.write(device % devices, vec![put(&[(at, value)])]),
            Step::PutMany(device, documents) => self.write(device % devices, vec![put(&documents)]),
            Step::Delete(device, at) => self.write(device % devices, vec![delete(&[at])]),
            Step::DeleteMany(device, from, count) => {
                let all: Vec<usize> = (from..IDS.min(from + count)).collect();
                self.write(device % devices, vec![delete(&all)]);
            }
            Step::Slow(now) => *slow = now,
            Step::Crash => {
                self.network.crash(0, false);
                self.network.open(0);
                let watched: Vec<String> = self.watched.drain(..).map(|rows| rows.query).collect();
                watched.iter().for_each(|query| self.watch(query));
            }
            Step::Index(some) => {
                let field = |path: &str| IndexField { path: path.to_owned(), descending: false, weight: None };
                let (name, fields) = ("a,b".to_owned(), vec![field("a"), field("b")]);
                let index = IndexSpec { name, fields, unique: false, sparse: false, text: None };
                let indexes = if some { vec![index] } else { vec![] };
                self.ok(0, Command::DeclareIndexes { collection: COLLECTION.into(), indexes });
            }
        }
    }
}

/// Ten documents, `id00` with `{"n":0}` to `id09`.
fn ten() -> World {
    let mut world = World::new(1, false);
    let documents: Vec<_> = (0..10).map(|n| (n as usize, number(n))).collect();
    world.write(0, vec![put(&documents)]);
    world
}

fn number(n: u64) -> Value {
    Value::Map([("n".to_owned(), Value::Uint(n))].into())
}

fn ids(rows: &Rows) -> Vec<&str> {
    rows.rows.iter().map(|(id, ..)| id.as_str()).collect()
}

fn loads(world: &mut World) -> u64 {
    match world.ok(0, Command::Diagnostics {}) {
        Reply::Diagnostics { diagnostics } => diagnostics.loads,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_that_no_filter_matches_is_neither_told_nor_read_for() {
    let mut world = ten();
    world.watch(r#"{"filter":{"n":{"$lt":5}},"sort":[["n",1]],"limit":2}"#);
    world.take_all();
    world.write(0, vec![put(&[(20, number(20)), (21, number(1))])]);
    world.take_all();
    let (before, heard) = (loads(&mut world), world.heard);
    for n in 0..20 {
        world.write(0, vec![put(&[(20, number(30 + n))])]);
        world.write(0, vec![put(&[(21, number(3 + n % 2))])]);
    }
    assert_eq!((loads(&mut world), world.heard), (before, heard), "out of the filter, or behind the limit");
    world.write(0, vec![put(&[(21, number(0))])]);
    assert_eq!(world.heard, heard + 1);
    assert_eq!(ids(&world.watched[0]), ["id00", "id21"]);
}

#[test]
fn who_takes_nothing_in_gets_the_newest_at_once() {
    let mut world = World::new(2, true);
    world.watch("{}");
    world.take_all();
    for n in 0..12 {
        world.write(1, vec![put(&[(n % 3, number(n as u64))])]);
        world.meet();
    }
    world.hear();
    assert_eq!(world.watched[0].untaken.len(), 2, "no more than two are under way");
    world.take_all();
    assert_eq!(
        world.watched[0].skipped, 9,
        "twelve moments, of which two were told by themselves and one with all the rest"
    );
    world.check(true).unwrap();
}

#[test]
fn a_client_that_is_forgotten_is_told_nothing() {
    let mut world = ten();
    world.watch("{}");
    world.take_all();
    world.ok(0, Command::ForgetClient { client: "page".into() });
    let heard = world.heard;
    world.write(0, vec![put(&[(1, number(7))])]);
    world.network.run_ms(1_000);
    world.hear();
    assert_eq!(world.heard, heard);
}

#[test]
fn what_is_not_watched_any_more_is_not_told() {
    let mut world = ten();
    world.watch("{}");
    world.take_all();
    let watch = world.watched[0].watch;
    world.ok(0, Command::Unwatch { watch });
    let heard = world.heard;
    world.write(0, vec![put(&[(1, number(7))])]);
    world.hear();
    assert_eq!(world.heard, heard);
}

#[test]
fn a_watched_document_is_told_whatever_it_holds() {
    let mut world = ten();
    world.watched.push(Rows { query: "{}".into(), watch: 77, ..Rows::default() });
    let (collection, query) = (COLLECTION.to_owned(), "{}".to_owned());
    world.ok(0, Command::Watch { watch: 77, collection, query, id: Some("id03".into()) });
    world.take_all();
    let heard = world.heard;
    assert_eq!(ids(&world.watched[0]), ["id03"]);
    world.write(0, vec![put(&[(4, number(40))]), delete(&[5])]);
    assert_eq!(world.heard, heard, "others do not matter");
    world.write(0, vec![put(&[(3, number(30))])]);
    assert_eq!(world.watched[0].rows[0].2, number(30));
    world.write(0, vec![delete(&[3])]);
    assert!(world.watched[0].rows.is_empty() && !world.watched[0].holding);
}

#[test]
fn too_many_watches_are_refused() {
    let mut world = ten();
    for _ in 0..super::MAX_WATCHES {
        world.watch(r#"{"filter":{"n":99}}"#);
    }
    let watch = Command::Watch { watch: 5_000, collection: COLLECTION.into(), query: "{}".into(), id: None };
    let Outcome::Failed(failure) = world.ask(0, watch) else { panic!("it was not refused") };
    assert_eq!(failure.code.as_str(), "query.too-large");
}

#[test]
fn an_answer_that_grows_too_large_is_told_and_ended() {
    let mut world = ten();
    world.watch(r#"{"filter":{"n":{"$gt":4}}}"#);
    world.watch(r#"{"sort":[["n",1]],"limit":3}"#);
    world.take_all();
    let many: Vec<_> = (0..super::MAX_WATCHED).map(|n| (100 + n, number(5))).collect();
    world.may_end = true;
    world.write(0, vec![put(&many)]);
    world.take_all();
    assert_eq!(world.ended, [(1, "query.too-large".to_owned())]);
    world.write(0, vec![put(&[(2, number(100))])]);
    assert_eq!(ids(&world.watched[1]), ["id00", "id01", "id03"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn live_results_are_what_a_fresh_query_answers(
        seed in any::<u64>(),
        first in proptest::collection::vec((0..IDS, document()), 0..40),
        queries in proptest::collection::vec(query(), 1..6),
        steps in proptest::collection::vec(step(), 100..140),
        with_bob in any::<bool>(),
    ) {
        let mut world = World::new(seed, with_bob);
        world.write(0, vec![put(&first)]);
        for query in &queries {
            world.watch(query);
        }
        let mut slow = false;
        for step in steps {
            let own = matches!(step, Step::Put(0, ..) | Step::PutMany(0, ..) | Step::Delete(0, _) | Step::DeleteMany(0, ..));
            world.take_step(step, &mut slow);
            if own {
                // Alice was answered: what her page shows as whole has what she wrote.
                world.check(false)?;
            }
            world.meet();
            if !slow {
                world.take_all();
                world.check(true)?;
            }
        }
        world.take_all();
        world.check(true)?;
    }
}
