//! The hot paths. Each sets its stage, then has one thing counted, and looks at what came of it.

use crate::counted::counted;
use crate::world::World;
use ashore_engine::api::{
    Command, Durability, IndexField, IndexSpec, Reply, TextAnswer, TextAsk, TextEdit, TextSplice, Write, WriteResult,
};
use ashore_protocol::frame::{ClientFrame, Received, RelayFrame};

const MANY: usize = 1_000;

/// A name for the table, and the work.
pub(crate) const ALL: [(&str, fn()); 16] = [
    ("create", create),
    ("update-field", update_field),
    ("get", get),
    ("put-many", put_many),
    ("find-by-index", find_by_index),
    ("scan", scan),
    ("search", search),
    ("live", live),
    ("type", type_keys),
    ("tick-items", tick_items),
    ("put-shared", put_shared),
    ("put-many-shared", put_many_shared),
    ("receive-many", receive_many),
    ("receive-entries", receive_entries),
    ("open", open),
    ("frames", frames),
];

/// 20 documents, a call each.
fn create() {
    let mut world = World::alone();
    world.put(0, 0..20, document);
    world.count(0, |world| (20..40).for_each(|id| world.put(0, id..id + 1, document)));
}

/// One field of 20 documents, a call each.
fn update_field() {
    let mut world = World::alone();
    world.put(0, 0..40, document);
    let changed = |id| document(id).replace("Document", "Changed");
    world.count(0, |world| (0..20).for_each(|id| world.put(0, id..id + 1, changed)));
}

/// 100 documents, a call each.
fn get() {
    let mut world = World::alone();
    world.put(0, 0..100, document);
    world.count(0, |world| (0..100).for_each(|id| get_one(world, id)));
}

/// 1,000 documents in one call.
fn put_many() {
    let mut world = World::alone();
    world.put(0, 0..20, document);
    world.count(0, |world| world.put(0, 20..20 + MANY, document));
}

/// 20 of 1,000 documents: a range in an index, in its order.
fn find_by_index() {
    let mut world = World::alone();
    let field = IndexField { path: "due".into(), descending: false, weight: None };
    let spec = IndexSpec { name: "due".into(), fields: vec![field], unique: false, sparse: false, text: None };
    world.ask(0, Command::DeclareIndexes { collection: "notes".into(), indexes: vec![spec] });
    world.put(0, 0..MANY, document);
    world.count(0, |world| {
        for at in 0..5 {
            let from = due(at * 17);
            let query = format!(r#"{{"filter":{{"due":{{"$gte":{from}}}}},"sort":[["due",1]],"limit":20}}"#);
            assert_eq!(found(world, query), 20);
        }
    });
}

/// 20 of 1,000 documents, each of which has to be looked at.
fn scan() {
    let mut world = World::alone();
    world.put(0, 0..MANY, document);
    let query = r#"{"filter":{"group":"g7"},"sort":[["n",-1]],"limit":20}"#;
    world.count(0, |world| assert_eq!(found(world, query.into()), MANY / 100));
}

/// Two words in 300 documents, the best 20, five times.
fn search() {
    let mut world = World::alone();
    let field = |path: &str| IndexField { path: path.into(), descending: false, weight: None };
    let fields = vec![field("title"), field("body")];
    let spec = IndexSpec { name: "words".into(), fields, unique: false, sparse: false, text: Some(true) };
    world.ask(0, Command::DeclareIndexes { collection: "notes".into(), indexes: vec![spec] });
    world.put(0, 0..300, document);
    world.count(0, |world| {
        for at in 0..5 {
            let (collection, text) = ("notes".into(), format!("document w{}", at * 31));
            let (offset, limit) = (0, 20);
            let search = Command::Search {
                collection,
                text,
                index: None,
                filter: None,
                prefix: false,
                any: true,
                offset,
                limit,
            };
            let Reply::Hits { ids, .. } = world.ask(0, search) else { panic!("another reply") };
            assert_eq!(ids.len(), 20);
        }
    });
}

/// 20 changes of what a live query of 20 among 300 documents shows, and their patches.
fn live() {
    let mut world = World::alone();
    world.put(0, 0..300, document);
    let query = r#"{"filter":{"done":true},"sort":[["n",1]],"limit":20}"#.into();
    world.ask(0, Command::Watch { watch: 1, collection: "notes".into(), query, id: None });
    world.take_patch(0);
    world.count(0, |world| {
        for id in (0..60).step_by(3) {
            world.put(0, id..id + 1, |id| document(id).replace("Document", "Changed"));
            world.take_patch(0);
        }
    });
}

/// 50 keys in a text of some 2,000 characters, a call each.
fn type_keys() {
    let mut world = World::alone();
    world.put(0, 0..1, |_| format!(r#"{{"body":"{}"}}"#, "the tide took the rope ".repeat(90)));
    let (collection, id, path) = ("notes".to_owned(), "d000000".to_owned(), "body".to_owned());
    let read = Command::Text { collection, id, path, ask: TextAsk::Read {} };
    let Reply::Text { answer: TextAnswer::Read { version, .. } } = world.ask(0, read) else { panic!("another reply") };
    // The first makes a text of the string.
    let base = key(&mut world, version, 0);
    world.count(0, |world| drop((1..51).fold(base, |base, at| key(world, base, at * 7))));
}

/// A field of five of 2,000 items of one document, a call each.
fn tick_items() {
    let mut world = World::alone();
    let item = |at: usize| format!(r#"{{"text":"Item {at}","done":false}}"#);
    let items: Vec<String> = (0..2 * MANY).map(item).collect();
    world.put(0, 0..1, |_| format!(r#"{{"items":[{}]}}"#, items.join(",")));
    tick(&mut world, 7);
    world.count(0, |world| (1..6).for_each(|at| tick(world, at * 300)));
}

fn tick(world: &mut World, at: usize) {
    let (collection, ids) = ("notes".to_owned(), vec!["d000000".to_owned()]);
    let writes =
        vec![Write::Modify { collection, ids, modifiers: format!(r#"{{"$set":{{"items.{at}.done":true}}}}"#) }];
    match world.ask(0, Command::Write { writes, durability: Durability::Relaxed, split: false }) {
        Reply::Written { results, .. } => assert!(matches!(&results[..], [WriteResult::Modified { .. }])),
        other => panic!("{other:?}"),
    }
}

fn key(world: &mut World, base: String, at: u32) -> String {
    let (collection, id, path) = ("notes".to_owned(), "d000000".to_owned(), "body".to_owned());
    let edits = vec![TextEdit::Splice(TextSplice { at, delete: 0, insert: "x".into() })];
    let writes = vec![Write::Text { collection, id, path, base, edits }];
    match world.ask(0, Command::Write { writes, durability: Durability::Relaxed, split: false }) {
        Reply::Written { results, .. } => match &results[..] {
            [WriteResult::Text { version, .. }] => version.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// 20 documents of a group, a call and so an entry each: sealed, signed, sent and acknowledged.
fn put_shared() {
    let mut world = World::founded();
    world.put(0, 0..20, document);
    let end = world.settle();
    world.count(0, |world| {
        (20..40).for_each(|id| world.put(0, id..id + 1, document));
        assert_eq!(world.settle(), end + 20);
    });
}

/// 1,000 documents of a group in one call, sealed in few entries.
fn put_many_shared() {
    let mut world = World::founded();
    world.put(0, 0..20, document);
    let end = world.settle();
    world.count(0, |world| {
        world.put(0, 20..20 + MANY, document);
        assert!(world.settle() > end);
    });
}

/// 1,000 documents that another device wrote in one call.
fn receive_many() {
    let mut world = World::pair();
    world.cut_off(1, true);
    world.put(0, 0..MANY, document);
    receive(world, MANY);
}

/// 100 documents that another device wrote in a call each.
fn receive_entries() {
    let mut world = World::pair();
    world.cut_off(1, true);
    (0..100).for_each(|id| world.put(0, id..id + 1, document));
    receive(world, 100);
}

/// What waits for the second device comes to it.
fn receive(mut world: World, documents: usize) {
    world.settle();
    world.cut_off(1, false);
    world.count(1, |world| {
        world.settle();
    });
    let count = Command::Count { collection: "notes".into(), query: "{}".into(), within: None };
    let Reply::Count { count, .. } = world.ask(1, count) else { panic!("another reply") };
    assert_eq!(count, documents as u64);
}

/// A database of 1,000 documents, and one of them.
fn open() {
    let mut world = World::alone();
    world.put(0, 0..MANY, document);
    world.count(0, |world| {
        world.reopen(0);
        get_one(world, 500);
    });
}

/// Every frame that crosses when 100 documents are written and read by another device, decoded and encoded again, ten times.
fn frames() {
    let mut world = World::pair();
    (0..50).for_each(|id| world.put(0, id..id + 1, document));
    world.put(0, 50..100, document);
    world.settle();
    let (sent, received) = (world.sent, world.received);
    counted(&mut || {
        for _ in 0..10 {
            for frame in &sent {
                let Ok(Received::Frame(said)) = ClientFrame::decode(frame) else { panic!("a frame of ours") };
                assert_eq!(said.encode(), *frame);
            }
            for frame in &received {
                let Ok(Received::Frame(said)) = RelayFrame::decode(frame) else { panic!("a frame of the relay's") };
                assert_eq!(said.encode(), *frame);
            }
        }
    });
}

fn get_one(world: &mut World, id: usize) {
    let get = Command::Get { collection: "notes".into(), ids: vec![format!("d{id:06}")] };
    let Reply::Documents { documents, .. } = world.ask(0, get) else { panic!("another reply") };
    assert!(documents.contains(&format!("\"n\":{id},")), "{documents}");
}

fn found(world: &mut World, query: String) -> usize {
    let command = Command::Find { collection: "notes".into(), query, after: None, page: 1_000, within: None };
    let Reply::Found { ids, .. } = world.ask(0, command) else { panic!("another reply") };
    ids.len()
}

/// About 300 bytes of JSON.
fn document(id: usize) -> String {
    let body: Vec<String> = (0..30).map(|at| format!("w{}", (id * 31 + at * at * 17) % 5_000)).collect();
    let (group, done) = (id % 100, id.is_multiple_of(3));
    format!(
        r#"{{"title":"Document number {id}","body":"{}","n":{id},"group":"g{group}","done":{done},"tags":["a","b{}"],"due":{}}}"#,
        body.join(" "),
        id % 10,
        due(id)
    )
}

fn due(id: usize) -> usize {
    1_700_000_000_000 + id * 7_919 % MANY * 60_000
}
