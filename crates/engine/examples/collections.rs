//! How long questions and writes take in a collection of 100,000 documents of about 300 bytes, natively, on the packed store with
//! its blobs in memory: `cargo run --release -p ashore-engine --example collections`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, clippy::panic, missing_docs)]

use ashore_engine::api::{
    Call, Calls, Command, Durability, Event, FileBytes, IndexField, IndexSpec, News, Outcome, Passphrase, Reply, Write,
};
use ashore_engine::machine::{Input, Machine, MachineOptions, Output};
use ashore_engine::store::Store;
use ashore_engine::store::conformance::block_on;
use ashore_engine::store::memory::MemoryBlobs;
use ashore_engine::store::packed::{Packed, PackedOptions};
use ashore_engine::time::Timestamp;
use std::time::{Duration, Instant};

const DOCUMENTS: usize = 100_000;
const PAGE: &str = "page";
const PASSPHRASE: &str = "four words that nobody guesses";

/// A host: a machine, its store, and the one page that asks.
struct Host {
    machine: Machine,
    store: Packed<MemoryBlobs>,
    now: Timestamp,
    asked: u64,
    awaited: u64,
    answer: Option<Outcome>,
    patches: usize,
}

impl Host {
    fn new() -> Self {
        let now = Timestamp::from_ms(1_700_000_000_000);
        let (store, _) = block_on(Packed::open(MemoryBlobs::new(), PackedOptions::default())).unwrap();
        let machine = Machine::new(MachineOptions { seed: [1; 32], local_secret: [2; 32], opening: now });
        Self { machine, store, now, asked: 0, awaited: 0, answer: None, patches: 0 }
    }

    fn ask(&mut self, command: Command) -> Reply {
        self.send(command);
        self.awaited = self.asked;
        loop {
            self.run();
            match self.answer.take() {
                Some(Outcome::Ok(reply)) => return reply,
                Some(Outcome::Failed(failure)) => panic!("{failure}"),
                None => self.tick(),
            }
        }
    }

    fn send(&mut self, command: Command) {
        self.asked += 1;
        let calls = vec![Call { id: self.asked, command }];
        self.machine.handle(
            self.now,
            Input::Calls(Calls { client: PAGE.into(), received: self.awaited.saturating_sub(1), calls }),
        );
    }

    fn tick(&mut self) {
        self.now = self.machine.deadline().expect("something is under way").max(self.now);
        self.machine.handle(self.now, Input::Tick);
    }

    /// Does what the machine wants done, until it wants nothing.
    fn run(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Load { load, ranges } => {
                    let result = block_on(self.store.load(&ranges));
                    self.machine.handle(self.now, Input::Loaded { load, result });
                }
                Output::Commit { commit, batch, durability, .. } => {
                    let result = block_on(self.store.commit(batch, durability));
                    self.machine.handle(self.now, Input::Committed { commit, result });
                    while block_on(self.store.maintain()).unwrap() {}
                }
                Output::Deliver { news, .. } => self.take(news),
                Output::Connect { .. } | Output::Send { .. } | Output::Disconnect { .. } | Output::Stop => {}
            }
        }
    }

    fn take(&mut self, news: News) {
        for event in news.events {
            if let Event::Patch { patch } = event {
                self.patches += 1;
                let (watch, patch) = (patch.watch, patch.number);
                self.send(Command::WatchTaken { watch, patch });
            }
        }
        if let Some(answer) = news.answers.into_iter().find(|answer| answer.id == self.awaited) {
            self.answer = Some(answer.outcome);
        }
    }

    fn put(&mut self, collection: &str, ids: impl Iterator<Item = usize>, document: impl Fn(usize) -> String) {
        let ids: Vec<usize> = ids.collect();
        let documents: Vec<String> = ids.iter().map(|id| document(*id)).collect();
        let write = Write::Put {
            collection: collection.into(),
            ids: ids.iter().map(|id| format!("d{id:06}")).collect(),
            documents: format!("[{}]", documents.join(",")),
            bases: vec![None; ids.len()],
        };
        self.ask(Command::Write { writes: vec![write], durability: Durability::Relaxed, split: true });
    }

    fn find(&mut self, query: &str) -> usize {
        let (mut found, mut after) = (0, None);
        loop {
            let query = query.to_owned();
            let command =
                Command::Find { collection: "q".into(), query, after: after.take(), page: 1_000, within: None };
            let Reply::Found { ids, next, .. } = self.ask(command) else { panic!("another reply") };
            found += ids.len();
            match next {
                Some(next) => after = Some(next),
                None => return found,
            }
        }
    }

    fn count(&mut self, query: &str) -> u64 {
        let command = Command::Count { collection: "q".into(), query: query.into(), within: None };
        let Reply::Count { count, .. } = self.ask(command) else { panic!("another reply") };
        count
    }

    fn search(&mut self, text: &str, prefix: bool) -> usize {
        let (collection, text) = ("q".to_owned(), text.to_owned());
        let command =
            Command::Search { collection, text, index: None, filter: None, prefix, any: false, offset: 0, limit: 20 };
        let Reply::Hits { ids, .. } = self.ask(command) else { panic!("another reply") };
        ids.len()
    }

    /// Declares these indexes and waits until they are built.
    fn index(&mut self, collection: &str, indexes: Vec<IndexSpec>) -> Duration {
        let started = Instant::now();
        let mut command = Command::DeclareIndexes { collection: collection.into(), indexes };
        loop {
            let Reply::Indexes { indexes } = self.ask(command) else { panic!("another reply") };
            if indexes.iter().all(|index| index.ready) {
                return started.elapsed();
            }
            self.tick_if_due();
            command = Command::Indexes { collection: collection.into() };
        }
    }

    fn tick_if_due(&mut self) {
        if self.machine.deadline().is_some() {
            self.tick();
            self.run();
        }
    }
}

fn main() {
    let mut host = Host::new();
    let started = Instant::now();
    for from in (0..DOCUMENTS).step_by(10_000) {
        host.put("q", from..from + 10_000, document);
    }
    say("putMany of 100,000, in tens of thousands", started.elapsed(), DOCUMENTS);
    repeat(&mut host, "scan: equality", 5, |host, at| host.find(&format!(r#"{{"filter":{{"group":"g{at}"}}}}"#)));
    repeat(&mut host, "scan: count", 5, |host, _| host.count(r#"{"filter":{"done":true}}"#) as usize);
    repeat(&mut host, "scan: sort, limit 20", 5, |host, _| host.find(r#"{"sort":[["due",1]],"limit":20}"#));
    let took = host.index("q", vec![on(&["group"]), on(&["due"]), words()]);
    say("two indexes and one of words built", took, 0);
    repeat(&mut host, "index: equality", 20, |host, at| host.find(&format!(r#"{{"filter":{{"group":"g{at}"}}}}"#)));
    repeat(&mut host, "index: range, sort, limit 20", 20, |host, at| {
        let due = 1_700_000_000_000_usize + at * 60_000_000;
        host.find(&format!(r#"{{"filter":{{"due":{{"$gte":{due}}}}},"sort":[["due",1]],"limit":20}}"#))
    });
    repeat(&mut host, "index: count", 20, |host, at| {
        host.count(&format!(r#"{{"filter":{{"group":"g{at}"}}}}"#)) as usize
    });
    repeat(&mut host, "search: one word, of 600 documents", 20, |host, at| host.search(&word(at), false));
    repeat(&mut host, "search: two words", 20, |host, at| {
        host.search(&format!("{} {}", word(at), word(at + 17)), false)
    });
    repeat(&mut host, "search: a word of all documents", 5, |host, _| host.search("document", false));
    repeat(&mut host, "search: the beginning of words", 10, |host, at| host.search(&format!("w1{at}"), true));
    watch(&mut host, "filter, sort, limit 20", r#"{"filter":{"done":false},"sort":[["due",1]],"limit":20}"#);
    watch(&mut host, "1,000 documents", r#"{"filter":{"group":"g7"}}"#);
    watch(&mut host, "100,000 documents", "{}");
    let indexes = [on(&["group"]), on(&["due"]), on(&["done", "n"]), on(&["tags"])];
    for many in [0, 1, 4] {
        let mut host = Host::new();
        host.index("m", indexes[..many].to_vec());
        repeat(&mut host, &format!("putMany of 10,000, {many} indexes"), 3, |host, round| {
            host.put("m", round * 10_000..(round + 1) * 10_000, document);
            10_000
        });
    }
    healing();
}

/// A check of all documents and one index, the file that they are exported to, and a database made of it.
fn healing() {
    let mut host = Host::new();
    host.index("m", vec![on(&["group"])]);
    for from in (0..DOCUMENTS).step_by(10_000) {
        host.put("m", from..from + 10_000, document);
    }
    let (started, mut after, mut rows) = (Instant::now(), None, 0);
    loop {
        let Reply::Checked { counts, findings, next, .. } = host.ask(Command::Check { after }) else { panic!() };
        assert_eq!(findings, []);
        rows += counts.rows as usize;
        after = next;
        if after.is_none() {
            break;
        }
    }
    say("check: rows", started.elapsed(), rows);
    let started = Instant::now();
    let begin = Command::Export { passphrase: Some(Passphrase::new(PASSPHRASE)), after: None };
    let Reply::Exported { bytes: head, mut next, .. } = host.ask(begin) else { panic!() };
    let mut chunks = Vec::new();
    while let Some(after) = next.take() {
        let command = Command::Export { passphrase: None, after: Some(after) };
        let Reply::Exported { bytes, next: more, .. } = host.ask(command) else { panic!() };
        chunks.push(FileBytes(bytes.0[4..].to_vec()));
        next = more;
    }
    say("export: bytes", started.elapsed(), chunks.iter().map(|chunk| chunk.0.len()).sum());
    let (mut host, started) = (Host::new(), Instant::now());
    let (passphrase, after) = (Some(Passphrase::new(PASSPHRASE)), None);
    let begin = Command::Import { passphrase, after, bytes: head, last: false, dry: true };
    let Reply::Imported { next: begun, .. } = host.ask(begin) else { panic!() };
    for dry in [true, false] {
        let mut after = begun.clone();
        for (at, bytes) in chunks.iter().enumerate() {
            let (bytes, last) = (bytes.clone(), at + 1 == chunks.len());
            let command = Command::Import { passphrase: None, after, bytes, last, dry };
            let Reply::Imported { next, .. } = host.ask(command) else { panic!() };
            after = next;
        }
    }
    say("import: documents", started.elapsed(), DOCUMENTS);
}

/// The first result of a live query, and its patches after a change of one document.
fn watch(host: &mut Host, name: &str, query: &str) {
    let (seen, started) = (host.patches, Instant::now());
    host.ask(Command::Watch { watch: 1, collection: "q".into(), query: query.into(), id: None });
    host.run();
    say(&format!("live, {name}: the first result"), started.elapsed(), host.patches - seen);
    repeat(host, &format!("live, {name}: a put and its patch"), 50, |host, round| {
        let seen = host.patches;
        host.put("q", 7..8, |_| format!(r#"{{"title":"Document","group":"g7","done":false,"due":1,"n":{round}}}"#));
        while host.patches == seen {
            host.tick();
            host.run();
        }
        host.patches - seen
    });
    host.ask(Command::Unwatch { watch: 1 });
}

fn repeat(host: &mut Host, name: &str, times: usize, mut run: impl FnMut(&mut Host, usize) -> usize) {
    let mut took = Vec::new();
    let mut found = 0;
    for at in 0..times {
        let started = Instant::now();
        found = run(host, at);
        took.push(started.elapsed());
    }
    took.sort_unstable();
    say(name, took[times / 2], found);
}

fn say(name: &str, took: Duration, found: usize) {
    println!("{name:45} {:>10.2} ms  ({found})", took.as_secs_f64() * 1_000.0);
}

fn document(id: usize) -> String {
    let body: Vec<String> = (0..30).map(|at| word(id * 31 + at * at * 17)).collect();
    let (group, done, due) = (id % 100, id.is_multiple_of(3), 1_700_000_000_000 + id * 7_919 % DOCUMENTS * 60_000);
    format!(
        r#"{{"title":"Document number {id}","body":"{}","n":{id},"group":"g{group}","done":{done},"tags":["a","b{}"],"due":{due}}}"#,
        body.join(" "),
        id % 10
    )
}

fn word(number: usize) -> String {
    format!("w{}", number % 5_000)
}

fn on(paths: &[&str]) -> IndexSpec {
    let field = |path: &&str| IndexField { path: (*path).to_owned(), descending: false, weight: None };
    IndexSpec {
        name: paths.join(","),
        fields: paths.iter().map(field).collect(),
        unique: false,
        sparse: false,
        text: None,
    }
}

fn words() -> IndexSpec {
    IndexSpec { name: "words".into(), text: Some(true), ..on(&["title", "body"]) }
}
