//! Searches of a running engine: whatever was written, merged, deleted and crashed, the answer is that of looking at every document.

use ashore_engine::api::{
    Command, Durability, ErrorCode, Failure, IdRange, IndexField, IndexInfo, IndexSpec, Outcome, Reply, Write,
};
use ashore_engine::document::{Value, json};
use ashore_engine::index::{self, IndexState, TextIndex};
use ashore_engine::query::{Filter, Path};
use ashore_engine::search::{Hit, Search, run};
use ashore_engine::store::StoreBatch;
use ashore_engine::store::keys::definitions_key;
use ashore_engine::testing::{Network, indexes};

const NOTES: &str = "notes";
const WEIGHTS: [(&str, u32); 2] = [("title", 3), ("said.text", 1)];

/// One device, or two that share everything whenever they are not cut off.
struct World {
    network: Network,
    marks: u64,
}

/// The answer to a search.
#[derive(Debug)]
struct Answer {
    hits: Vec<Hit>,
    documents: Vec<Value>,
    terms: Vec<String>,
    more: bool,
    complete: bool,
}

/// What is asked besides the text.
#[derive(Clone, Copy, Debug)]
struct Options<'f> {
    prefix: bool,
    any: bool,
    filter: Option<&'f str>,
    offset: u32,
    limit: u32,
}

const PLAIN: Options<'static> = Options { prefix: true, any: false, filter: None, offset: 0, limit: 0 };

impl World {
    fn new(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        Self { network, marks: 0 }
    }

    fn of_two(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.network.add_device("bob");
        let relay = Some("ws://relay.test/v1/ws".to_owned());
        world.ok(0, Command::EnableSync { relay: relay.clone(), device_name: None });
        let reply = world.ok(0, Command::CreateInvite { ttl_seconds: 600, link_base: None, role: None, uses: None });
        let Reply::Invite { short_code, .. } = reply else { panic!("{reply:?}") };
        world.ok(1, Command::JoinInvite { invite: short_code, relay, device_name: None });
        world
    }

    fn ask(&mut self, who: usize, command: Command) -> u64 {
        self.marks += 1;
        self.network.ask(who, command, self.marks);
        self.marks
    }

    fn answer(&mut self, who: usize, mark: u64) -> Outcome {
        loop {
            let answers = &mut self.network.devices[who].answers;
            if let Some(at) = answers.iter().position(|(call, _)| call.mark == mark) {
                return answers.remove(at).1;
            }
            assert!(self.network.step(), "an answer comes");
        }
    }

    fn call(&mut self, who: usize, command: Command) -> Result<Reply, Failure> {
        let mark = self.ask(who, command);
        match self.answer(who, mark) {
            Outcome::Ok(reply) => Ok(reply),
            Outcome::Failed(failure) => Err(failure),
        }
    }

    fn ok(&mut self, who: usize, command: Command) -> Reply {
        self.call(who, command).unwrap_or_else(|failure| panic!("{failure}"))
    }

    fn declare(&mut self, who: usize) -> Vec<IndexInfo> {
        let indexes = vec![by_kind(), words_index()];
        match self.ok(who, Command::DeclareIndexes { collection: NOTES.into(), indexes }) {
            Reply::Indexes { indexes } => indexes,
            other => panic!("{other:?}"),
        }
    }

    fn until_built(&mut self) {
        while self.network.devices.iter().any(|device| indexes::unfinished(device.disk()) > 0) {
            assert!(self.network.step(), "the indexes are built without anybody asking");
        }
    }

    fn put(&mut self, who: usize, documents: &[(&str, &str)]) {
        let documents: Vec<_> = documents.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
        self.ok(who, put(&documents));
    }

    /// All documents of a device and the answer to a search, of the same moment.
    fn moment(&mut self, who: usize, text: &str, options: Options<'_>) -> (Vec<(String, Value)>, Answer) {
        let all = self.ask(who, Command::Scan { collection: NOTES.into(), range: IdRange::default() });
        let found = self.ask(who, search(text, options));
        let Outcome::Ok(Reply::Documents { ids, documents, more: false, .. }) = self.answer(who, all) else { panic!() };
        let all = ids.into_iter().zip(json::parse_many(&documents).unwrap()).collect();
        match self.answer(who, found) {
            Outcome::Ok(reply) => (all, answer(reply)),
            Outcome::Failed(failure) => panic!("{failure}"),
        }
    }

    fn search(&mut self, text: &str, options: Options<'_>) -> Answer {
        answer(self.ok(0, search(text, options)))
    }

    fn found(&mut self, text: &str) -> Vec<String> {
        self.search(text, PLAIN).hits.into_iter().map(|hit| hit.id).collect()
    }

    fn random(&mut self, below: u64) -> u64 {
        self.network.rng.below(below)
    }

    /// A few words, some much rarer than others.
    fn text(&mut self, most: u64) -> String {
        const WORDS: [&str; 12] =
            ["a", "an", "and", "oat", "oats", "milk", "Café", "cafe", "東京", "new", "york", "new york"];
        let count = self.random(most + 1);
        (0..count).map(|_| WORDS[self.random(12).min(self.random(12)) as usize]).collect::<Vec<_>>().join(" ")
    }

    fn document(&mut self) -> String {
        let (title, kind) = (self.text(4), self.random(3));
        let said: Vec<_> = (0..self.random(3)).map(|_| serde_json::json!({"text": self.text(8)})).collect();
        serde_json::json!({"title": title, "kind": kind, "said": said}).to_string()
    }

    /// Some writes of one device, not waited for.
    fn change(&mut self, who: usize) {
        let documents: Vec<_> =
            (0..1 + self.random(8)).map(|_| (format!("n{}", self.random(30)), self.document())).collect();
        self.ask(who, put(&documents));
        if self.random(3) == 0 {
            let ids = vec![format!("n{}", self.random(30))];
            let writes = vec![Write::Delete { collection: NOTES.into(), ids }];
            self.ask(who, Command::Write { writes, durability: Durability::Relaxed, split: false });
        }
    }

    fn query(&mut self) -> String {
        let mut text = self.text(3);
        match self.random(8) {
            0 => text = format!("\"{text}\""),
            1 => text = format!("{text} -{}", self.text(1)),
            2 => text = format!("{text} -\"new york\""),
            3 => text.push_str(" mil"),
            4 => text = format!("{text}/{}", self.text(2)),
            _ => {}
        }
        text
    }
}

fn by_kind() -> IndexSpec {
    let fields = vec![IndexField { path: "kind".into(), descending: false, weight: None }];
    IndexSpec { name: "kind".into(), fields, unique: false, sparse: false, text: None }
}

fn words_index() -> IndexSpec {
    let field = |(path, weight): (&str, u32)| {
        let weight = Some(weight).filter(|weight| *weight != 1);
        IndexField { path: path.into(), descending: false, weight }
    };
    let fields = WEIGHTS.into_iter().map(field).collect();
    IndexSpec { name: "words".into(), fields, unique: false, sparse: false, text: Some(true) }
}

fn put(documents: &[(String, String)]) -> Command {
    let ids = documents.iter().map(|(id, _)| id.clone()).collect();
    let texts: Vec<_> = documents.iter().map(|(_, text)| text.as_str()).collect();
    let documents_text = format!("[{}]", texts.join(","));
    let bases = vec![None; documents.len()];
    let write = Write::Put { collection: NOTES.into(), ids, documents: documents_text, bases };
    Command::Write { writes: vec![write], durability: Durability::Relaxed, split: true }
}

fn search(text: &str, options: Options<'_>) -> Command {
    let Options { prefix, any, filter, offset, limit } = options;
    let filter = filter.map(str::to_owned);
    Command::Search { collection: NOTES.into(), text: text.into(), index: None, filter, prefix, any, offset, limit }
}

fn answer(reply: Reply) -> Answer {
    let Reply::Hits { ids, documents, versions, scores, terms, matched, corrupt, more, complete, .. } = reply else {
        panic!("{reply:?}")
    };
    assert_eq!((ids.len(), ids.len(), ids.len(), 0), (versions.len(), scores.len(), matched.len(), corrupt.len()));
    let bits = |places: Vec<u32>| places.into_iter().fold(0, |bits, at| bits | 1 << at);
    let hits = ids.into_iter().zip(scores).zip(matched);
    let hits = hits.map(|((id, score), matched)| Hit { id, score, terms: bits(matched) }).collect();
    Answer { hits, documents: json::parse_many(&documents).unwrap(), terms, more, complete }
}

/// The answer of looking at every document.
fn expected(all: &[(String, Value)], text: &str, options: Options<'_>) -> (Vec<Hit>, bool) {
    let fields = WEIGHTS.map(|(path, weight)| (Path::parse(path).unwrap(), weight));
    let search = Search::parse(text, options.prefix, !options.any).unwrap();
    let filter = options.filter.map(|filter| Filter::parse(&json::parse_one(filter).unwrap()).unwrap());
    let document = |id: &str| &all.iter().find(|(known, _)| known == id).unwrap().1;
    let fits = |hit: &Hit| filter.as_ref().is_none_or(|filter| filter.matches(document(&hit.id)));
    let hits: Vec<Hit> = run(&search, all, &fields).into_iter().filter(fits).collect();
    let limit = if options.limit == 0 { 1_000 } else { options.limit as usize };
    let more = hits.len() > options.offset as usize + limit;
    (hits.into_iter().skip(options.offset as usize).take(limit).collect(), more)
}

#[test]
fn every_search_is_answered_as_by_looking_at_every_document() {
    let (mut compared, mut met, mut unready) = (0, 0, 0);
    for seed in 0..60 {
        let two = seed % 2 == 0;
        let mut world = if two { World::of_two(seed) } else { World::new(seed) };
        let devices = world.network.devices.len();
        for who in 0..devices {
            if world.random(2) == 0 {
                world.declare(who);
            }
        }
        for _ in 0..12 {
            let who = world.random(devices as u64) as usize;
            world.change(who);
            for _ in 0..world.random(40) {
                world.network.step();
            }
            match world.random(8) {
                0 => {
                    let power_lost = world.network.chance(2);
                    world.network.crash(who, power_lost);
                    indexes::check(world.network.devices[who].disk()).unwrap();
                    world.network.open(who);
                }
                1 => {
                    let cut = world.network.chance(2);
                    world.network.cut_off(who, cut);
                }
                _ => {}
            }
            let who = world.random(devices as u64) as usize;
            let infos = world.declare(who);
            for _ in 0..4 {
                let text = world.query();
                let filter = (world.random(4) == 0).then_some(r#"{"kind":{"$gt":0}}"#);
                let (prefix, any) = (world.random(2) == 0, world.random(2) == 0);
                let (offset, limit) = (world.random(3) as u32, [0, 1, 3][world.random(3) as usize]);
                let options = Options { prefix, any, filter, offset, limit };
                let (all, answer) = world.moment(who, &text, options);
                if !answer.complete {
                    assert!(!infos[1].ready || infos[1].documents == 0);
                    unready += 1;
                    continue;
                }
                let (hits, more) = expected(&all, &text, options);
                assert_eq!((&answer.hits, answer.more), (&hits, more), "seed {seed}: {text:?} {options:?}");
                let shown: Vec<_> =
                    hits.iter().map(|hit| &all.iter().find(|(id, _)| *id == hit.id).unwrap().1).collect();
                assert_eq!(answer.documents.iter().collect::<Vec<_>>(), shown);
                compared += 1;
                met += hits.len();
            }
        }
        world.until_built();
        for device in &world.network.devices {
            indexes::check(device.disk()).unwrap();
        }
    }
    assert!(compared >= 2_000 && met > 5_000, "{compared} compared, {met} found, {unready} while building");
}

#[test]
fn a_search_says_what_is_missing_or_wrong() {
    let mut world = World::new(1);
    let failed = |world: &mut World, command| world.call(0, command).unwrap_err();
    assert_eq!(failed(&mut world, search("oat", PLAIN)).code, ErrorCode::IndexMissing);
    world.declare(0);
    let Command::Search { collection, text, filter, prefix, any, offset, limit, .. } = search("oat", PLAIN) else {
        panic!()
    };
    let index = Some("kind".to_owned());
    let failure = failed(&mut world, Command::Search { collection, text, index, filter, prefix, any, offset, limit });
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (ErrorCode::IndexMissing, "there is no index of words `kind`")
    );
    let failure = failed(&mut world, search(&"x".repeat(5_000), PLAIN));
    assert_eq!((failure.code, failure.query.unwrap().path.as_str()), (ErrorCode::QueryInvalid, "text"));
    let filter = Some(r#"{"a":{"$after":1}}"#);
    assert_eq!(failed(&mut world, search("oat", Options { filter, ..PLAIN })).code, ErrorCode::QueryInvalid);
    let found = world.search(" — ", PLAIN);
    assert_eq!((found.hits.len(), found.terms.len(), found.complete), (0, 0, true));
}

#[test]
fn wrong_declarations_of_words_are_refused() {
    let mut world = World::new(2);
    let mut refused = |spec: IndexSpec| {
        let failure =
            world.call(0, Command::DeclareIndexes { collection: NOTES.into(), indexes: vec![spec] }).unwrap_err();
        assert_eq!(failure.code, ErrorCode::IndexInvalid);
        failure.message
    };
    let of_words = "the index `words` is of words: it cannot be unique, sparse or descending";
    assert_eq!(refused(IndexSpec { unique: true, ..words_index() }), of_words);
    assert_eq!(refused(IndexSpec { sparse: true, ..words_index() }), of_words);
    let field = |weight, descending| vec![IndexField { path: "title".into(), descending, weight }];
    assert_eq!(refused(IndexSpec { fields: field(None, true), ..words_index() }), of_words);
    assert!(
        refused(IndexSpec { fields: field(Some(0), false), ..words_index() }).contains("a weight that is not 1 to 100")
    );
    let not = "the index `kind` is not of words: its fields have no weights";
    assert_eq!(refused(IndexSpec { fields: field(Some(2), false), ..by_kind() }), not);
}

#[test]
fn a_search_while_the_index_is_built_says_so_and_finds_what_is_there() {
    let mut world = World::new(3);
    for from in (0..4_000).step_by(1_000) {
        let documents: Vec<_> =
            (from..from + 1_000).map(|n| (format!("n{n:04}"), format!(r#"{{"title":"oat milk {n}"}}"#))).collect();
        world.ok(0, put(&documents));
    }
    world.declare(0);
    let (mut partly, mut last) = (false, 0);
    loop {
        let found = world.search("milk", Options { limit: 1_000, ..PLAIN });
        assert!(found.hits.len() >= last);
        last = found.hits.len();
        partly |= !found.complete && last > 0;
        if found.complete {
            break;
        }
    }
    assert!(partly, "it was seen while it was built");
    assert_eq!(last, 1_000);
    assert_eq!(world.found("3999"), ["n3999"]);
}

#[test]
fn hostile_texts_are_kept_and_found_and_forgotten() {
    let mut world = World::new(4);
    world.declare(0);
    world.until_built();
    let rows = |world: &World| world.network.devices[0].disk().with_prefix(b"y").count();
    let empty = rows(&world);
    let distinct: String = (0..100_000).map(|n| format!("w{n} ")).collect();
    world.put(
        0,
        &[
            ("one", &format!(r#"{{"title":"{}"}}"#, "x".repeat(900_000))),
            ("many", &format!(r#"{{"title":"{distinct}"}}"#)),
            ("marks", &format!(r#"{{"title":"a{}"}}"#, "\u{301}".repeat(400_000))),
            ("none", r#"{"title":"","said":[{"text":"—"}]}"#),
        ],
    );
    assert_eq!(world.found("xxx"), ["one"]);
    assert_eq!(world.found("\"w0 w1 w2\""), ["many"]);
    assert_eq!(world.found("w99999"), Vec::<String>::new(), "the first 10,000 words count");
    assert_eq!(world.found("á"), ["marks"]);
    indexes::check(world.network.devices[0].disk()).unwrap();
    let ids = ["one", "many", "marks", "none"].map(str::to_owned).to_vec();
    let writes = vec![Write::Delete { collection: NOTES.into(), ids }];
    world.ok(0, Command::Write { writes, durability: Durability::Relaxed, split: true });
    assert_eq!(rows(&world), empty, "not a row is left");
    assert_eq!(world.found("xxx"), Vec::<String>::new());
}

#[test]
fn a_collaborative_text_is_searched_like_a_string() {
    let mut world = World::new(7);
    world.declare(0);
    world.put(0, &[("a", r#"{"title":{"$ashore":["text","Oat milk"]}}"#), ("b", r#"{"title":"Rye"}"#)]);
    world.until_built();
    assert_eq!(world.found("milk"), ["a"]);
    world.put(0, &[("a", r#"{"title":{"$ashore":["text","Rye milk"]}}"#)]);
    assert_eq!(world.found("rye"), ["b", "a"]);
    indexes::check(world.network.devices[0].disk()).unwrap();
}

#[test]
fn an_index_of_other_rules_for_words_is_built_again() {
    let mut world = World::new(5);
    world.put(0, &[("a", r#"{"title":"Oat milk"}"#), ("b", r#"{"title":"Rye"}"#)]);
    world.declare(0);
    world.until_built();
    world.network.crash(0, false);
    let defined = indexes::defined(world.network.devices[0].disk()).unwrap();
    let mut all: Vec<_> = defined.into_iter().map(|(_, index)| index).collect();
    let number = all[1].number;
    all[1].text = Some(TextIndex { version: 0, ..all[1].text.unwrap() });
    let mut older = StoreBatch::new();
    older.put(definitions_key(NOTES), index::encode(&all));
    world.network.overwrite(0, older);
    world.network.open(0);
    world.put(0, &[("c", r#"{"title":"Oat bread"}"#)]);
    world.until_built();
    assert_eq!(world.found("oat"), ["a", "c"]);
    let defined = indexes::defined(world.network.devices[0].disk()).unwrap();
    assert!(defined.iter().all(|(_, index)| index.number != number && index.state == IndexState::Ready));
    indexes::check(world.network.devices[0].disk()).unwrap();
}

#[test]
fn a_row_that_cannot_be_read_is_told_and_the_index_built_again() {
    let mut world = World::new(6);
    world.put(0, &[("a", r#"{"title":"Oat milk"}"#), ("b", r#"{"title":"Oat bread"}"#)]);
    world.declare(0);
    world.until_built();
    world.network.crash(0, false);
    let disk = world.network.devices[0].disk();
    let (row, _) = disk.with_prefix(b"y").find(|(row, _)| row.windows(4).any(|bytes| bytes == b"oat\0")).unwrap();
    let mut damage = StoreBatch::new();
    damage.put(row.clone(), "\u{ff}");
    world.network.overwrite(0, damage);
    world.network.open(0);
    let found = world.search("oat", PLAIN);
    assert_eq!((found.hits.len(), found.complete), (1, false));
    world.until_built();
    let found = world.search("oat", PLAIN);
    assert_eq!((found.hits.len(), found.complete), (2, true));
    indexes::check(world.network.devices[0].disk()).unwrap();
}
