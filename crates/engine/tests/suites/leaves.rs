//! What leaves a device: collections that stay, fields that stay, fields that alone travel, deletes that do not.

use ashore_engine::api::{
    Command, DocumentState, Durability, ErrorCode, Event, Failure, IdRange, IndexField, IndexSpec, Reply, TextAnswer,
    TextAsk, TextEdit, TextSplice, Write, WriteResult,
};
use ashore_engine::testing::{Network, indexes};

const ALICE: usize = 0;
const BOB: usize = 1;

struct World {
    network: Network,
}

/// What an app declares.
#[derive(Clone, Copy, Default)]
struct Says<'a> {
    local: bool,
    stays: &'a [&'a str],
    travels: Option<&'a [&'a str]>,
    keeps_deletes: bool,
}

const ACCOUNTS: Says<'_> = Says { local: false, stays: &["password"], travels: None, keeps_deletes: false };
const ITEMS: Says<'_> =
    Says { local: false, stays: &[], travels: Some(&["is_read", "is_starred"]), keeps_deletes: true };
const LOCAL: Says<'_> = Says { local: true, stays: &[], travels: None, keeps_deletes: false };

impl World {
    fn alone(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        Self { network }
    }

    /// Two devices of one group.
    fn of_two(seed: u64) -> Self {
        let mut world = Self::alone(seed);
        world.network.add_device("bob");
        world.pair();
        world
    }

    fn enable(&mut self) {
        self.network.found(ALICE);
    }

    fn pair(&mut self) {
        self.enable();
        self.network.join(BOB, ALICE, "admin");
        self.settle();
    }

    fn settle(&mut self) {
        for device in 0..self.network.devices.len() {
            self.network.cut_off(device, false);
        }
        self.network.settle_all();
        self.check();
    }

    fn check(&self) {
        for device in &self.network.devices {
            indexes::check(device.disk()).unwrap();
        }
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(device, command)
    }

    fn declare(&mut self, device: usize, collection: &str, says: Says<'_>) {
        self.try_declare(device, collection, says).unwrap();
    }

    fn try_declare(&mut self, device: usize, collection: &str, says: Says<'_>) -> Result<Reply, Failure> {
        let owned = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect();
        self.call(
            device,
            Command::DeclareCollection {
                collection: collection.into(),
                local: says.local,
                local_fields: owned(says.stays),
                sync_fields: says.travels.map(owned),
                sync_deletes: !says.keeps_deletes,
            },
        )
    }

    fn put(&mut self, device: usize, collection: &str, id: &str, text: &str) -> String {
        self.put_at(device, collection, id, text, None)
    }

    fn put_at(&mut self, device: usize, collection: &str, id: &str, text: &str, base: Option<&str>) -> String {
        let write = Write::Put {
            collection: collection.into(),
            ids: vec![id.into()],
            documents: format!("[{text}]"),
            bases: vec![base.map(str::to_owned)],
        };
        let reply =
            self.call(device, Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false });
        let Reply::Written { results, .. } = reply.unwrap() else { panic!() };
        let ashore_engine::api::WriteResult::Put { versions } = &results[0] else { panic!("{results:?}") };
        versions[0].clone()
    }

    fn delete(&mut self, device: usize, collection: &str, id: &str) -> bool {
        let writes = vec![Write::Delete { collection: collection.into(), ids: vec![id.into()] }];
        let reply = self.call(device, Command::Write { writes, durability: Durability::Relaxed, split: false });
        let Reply::Written { results, .. } = reply.unwrap() else { panic!() };
        let ashore_engine::api::WriteResult::Deleted { existed } = &results[0] else { panic!("{results:?}") };
        existed[0]
    }

    /// The document's text and version.
    fn read(&mut self, device: usize, collection: &str, id: &str) -> (String, String) {
        let reply = self.call(device, Command::Get { collection: collection.into(), ids: vec![id.into()] });
        let Reply::Documents { documents, versions, corrupt, .. } = reply.unwrap() else { panic!() };
        assert!(corrupt.is_empty());
        (documents.trim_matches(['[', ']']).to_owned(), versions[0].clone())
    }

    fn get(&mut self, device: usize, collection: &str, id: &str) -> String {
        self.read(device, collection, id).0
    }

    fn ids(&mut self, device: usize, command: Command) -> Vec<String> {
        match self.call(device, command).unwrap() {
            Reply::Ids { ids, more: false } => ids,
            other => panic!("{other:?}"),
        }
    }

    fn parked(&mut self, device: usize, collection: &str) -> Vec<String> {
        self.ids(device, Command::Parked { collection: collection.into(), range: IdRange::default() })
    }

    fn list(&mut self, device: usize, collection: &str) -> Vec<String> {
        self.ids(device, Command::List { collection: collection.into(), range: IdRange::default() })
    }

    fn count(&mut self, device: usize, collection: &str, filter: &str) -> u64 {
        let query = format!(r#"{{"filter":{filter}}}"#);
        match self.call(device, Command::Count { collection: collection.into(), query, within: None }).unwrap() {
            Reply::Count { count, .. } => count,
            other => panic!("{other:?}"),
        }
    }

    fn restart(&mut self, device: usize) {
        self.network.crash(device, false);
        self.network.open(device);
    }

    /// Nothing with these words was or will be sealed, and nothing the relay has holds them.
    fn never_left(&self, words: &[&str]) {
        let payloads: Vec<_> =
            (0..self.network.devices.len()).flat_map(|device| self.network.payloads(device)).collect();
        for word in words {
            let holds = |bytes: &Vec<u8>| bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!payloads.iter().any(holds), "`{word}` is in an entry before it is sealed");
            assert!(!self.network.relay.contains_bytes(word.as_bytes()), "`{word}` is at the relay");
        }
    }

    /// Some entry has these words, so that their absence elsewhere says something.
    fn left(&self, word: &str) -> bool {
        let holds = |bytes: &Vec<u8>| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        self.network.payloads(ALICE).iter().any(holds)
    }
}

#[test]
fn local_fields_are_read_here_and_never_leave() {
    let mut world = World::of_two(1);
    for device in [ALICE, BOB] {
        world.declare(device, "accounts", ACCOUNTS);
    }
    world.put(ALICE, "accounts", "a", r#"{"name":"work account","password":"correct-horse"}"#);
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"work account","password":"correct-horse"}"#);
    world.settle();
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"work account"}"#);
    world.put(BOB, "accounts", "a", r#"{"name":"work account","password":"battery-staple","color":"green"}"#);
    world.settle();
    assert_eq!(
        world.get(ALICE, "accounts", "a"),
        r#"{"color":"green","name":"work account","password":"correct-horse"}"#
    );
    assert_eq!(world.count(ALICE, "accounts", r#"{"password":"correct-horse"}"#), 1);
    world.restart(ALICE);
    assert_eq!(
        world.get(ALICE, "accounts", "a"),
        r#"{"color":"green","name":"work account","password":"correct-horse"}"#
    );
    world.settle();
    assert!(world.left("work account"));
    world.never_left(&["correct-horse", "battery-staple", "password"]);
}

#[test]
fn a_put_of_local_fields_alone_makes_no_entry() {
    let mut world = World::of_two(2);
    world.declare(ALICE, "accounts", ACCOUNTS);
    let first = world.put(ALICE, "accounts", "a", r#"{"name":"a","password":"one"}"#);
    world.settle();
    let entries = world.network.payloads(ALICE).len();
    world.network.devices[ALICE].events.clear();
    let second = world.put_at(ALICE, "accounts", "a", r#"{"name":"a","password":"two"}"#, Some(&first));
    assert_ne!(first, second);
    let told = world.network.devices[ALICE].events.iter().any(|event| matches!(event, Event::Changed { .. }));
    assert!(told, "whoever shows it is told");
    world.settle();
    assert_eq!(world.network.payloads(ALICE).len(), entries);
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"a","password":"two"}"#);
    world.put_at(ALICE, "accounts", "a", r#"{"name":"b","password":"two"}"#, Some(&second));
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"b","password":"two"}"#);
}

#[test]
fn a_caller_changes_of_the_local_part_what_it_changed() {
    let mut world = World::alone(3);
    world.declare(ALICE, "accounts", Says { stays: &["password", "token", "pin"], ..Says::default() });
    world.put(ALICE, "accounts", "a", r#"{"name":"a","password":"one","token":"t1","pin":1}"#);
    let (_, seen) = world.read(ALICE, "accounts", "a");
    // Another tab changes the password and removes the pin; this one has not read that.
    world.put_at(ALICE, "accounts", "a", r#"{"name":"a","password":"two","token":"t1"}"#, Some(&seen));
    world.put_at(ALICE, "accounts", "a", r#"{"name":"b","password":"one","token":"t2","pin":1}"#, Some(&seen));
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"b","password":"two","token":"t2"}"#);
    // Who says nothing of what it read puts the whole document.
    world.put(ALICE, "accounts", "a", r#"{"name":"c"}"#);
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"c"}"#);
}

#[test]
fn a_local_collection_works_before_and_after_sync_and_nothing_of_it_leaves() {
    let mut world = World::alone(4);
    world.network.add_device("bob");
    world.declare(ALICE, "drafts", LOCAL);
    world.put(ALICE, "drafts", "d1", r#"{"text":"unspeakable-before"}"#);
    world.pair();
    let pending = |world: &World| world.network.devices[ALICE].status.clone().unwrap().pending;
    let entries = world.network.payloads(ALICE).len();
    world.network.cut_off(ALICE, true);
    world.put(ALICE, "drafts", "d2", r#"{"text":"unspeakable-after"}"#);
    world.put(ALICE, "drafts", "d1", r#"{"text":"unspeakable-changed"}"#);
    assert!(world.delete(ALICE, "drafts", "d2"));
    assert!(!world.delete(ALICE, "drafts", "d2"));
    assert_eq!(pending(&world), 0);
    let state = world.call(ALICE, Command::DocumentStatus { collection: "drafts".into(), id: "d1".into() }).unwrap();
    assert_eq!(state, Reply::DocumentStatus { state: DocumentState::Local });
    world.settle();
    assert_eq!(world.network.payloads(ALICE).len(), entries);
    assert_eq!(world.list(ALICE, "drafts"), ["d1"]);
    assert_eq!(world.list(BOB, "drafts"), [""; 0]);
    world.restart(ALICE);
    assert_eq!(world.get(ALICE, "drafts", "d1"), r#"{"text":"unspeakable-changed"}"#);
    world.never_left(&["unspeakable", "drafts"]);
}

#[test]
fn one_transaction_over_several_kinds_carries_only_what_travels() {
    let mut world = World::of_two(5);
    world.declare(ALICE, "drafts", LOCAL);
    world.declare(ALICE, "accounts", ACCOUNTS);
    let put = |collection: &str, text: &str| Write::Put {
        collection: collection.into(),
        ids: vec!["x".into()],
        documents: format!("[{text}]"),
        bases: vec![None],
    };
    let writes = vec![
        put("drafts", r#"{"text":"stays-whole"}"#),
        put("accounts", r#"{"name":"travels","password":"stays-too"}"#),
        put("notes", r#"{"title":"travels-too"}"#),
    ];
    let before = world.network.payloads(ALICE).len();
    world.call(ALICE, Command::Write { writes, durability: Durability::Relaxed, split: false }).unwrap();
    world.settle();
    assert_eq!(world.network.payloads(ALICE).len(), before + 1);
    assert_eq!(world.get(BOB, "notes", "x"), r#"{"title":"travels-too"}"#);
    assert_eq!(world.get(BOB, "accounts", "x"), r#"{"name":"travels"}"#);
    assert_eq!(world.get(BOB, "drafts", "x"), "null");
    world.never_left(&["stays-whole", "stays-too"]);
}

#[test]
fn flags_that_arrive_before_their_document_are_parked_and_applied_later() {
    let mut world = World::of_two(6);
    for device in [ALICE, BOB] {
        world.declare(device, "items", ITEMS);
    }
    let by_read = IndexField { path: "is_read".into(), descending: false, weight: None };
    let index = IndexSpec { name: "by-read".into(), fields: vec![by_read], unique: false, sparse: false, text: None };
    world.call(BOB, Command::DeclareIndexes { collection: "items".into(), indexes: vec![index] }).unwrap();
    let entries = world.network.payloads(ALICE).len();
    world.put(ALICE, "items", "i1", r#"{"title":"secret-headline","is_read":false,"is_starred":false}"#);
    world.settle();
    assert_eq!(world.network.payloads(ALICE).len(), entries, "fetched content is not news to anybody");
    world.put(ALICE, "items", "i1", r#"{"title":"secret-headline","is_read":true,"is_starred":false}"#);
    world.settle();
    assert_eq!(world.get(BOB, "items", "i1"), "null");
    assert_eq!(world.list(BOB, "items"), [""; 0]);
    assert_eq!(world.count(BOB, "items", r#"{"is_read":true}"#), 0);
    assert_eq!(world.parked(BOB, "items"), ["i1"]);
    world.restart(BOB);
    world.settle();
    assert_eq!(world.parked(BOB, "items"), ["i1"]);
    // Bob fetches the content, which knows nothing of flags.
    let entries = world.network.payloads(BOB).len();
    world.put_at(BOB, "items", "i1", r#"{"title":"secret-headline","is_read":false,"is_starred":false}"#, Some(""));
    assert_eq!(world.get(BOB, "items", "i1"), r#"{"is_read":true,"is_starred":false,"title":"secret-headline"}"#);
    assert_eq!(world.count(BOB, "items", r#"{"is_read":true}"#), 1);
    assert_eq!(world.parked(BOB, "items"), [""; 0]);
    world.settle();
    assert_eq!(world.network.payloads(BOB).len(), entries);
    let (_, version) = world.read(BOB, "items", "i1");
    world.put_at(BOB, "items", "i1", r#"{"title":"secret-headline","is_read":true,"is_starred":true}"#, Some(&version));
    world.settle();
    assert_eq!(world.get(ALICE, "items", "i1"), r#"{"is_read":true,"is_starred":true,"title":"secret-headline"}"#);
    world.never_left(&["secret-headline", "title"]);
    assert!(world.left("is_starred"));
}

#[test]
fn what_arrived_before_the_declaration_is_parked_by_it() {
    let mut world = World::of_two(14);
    world.declare(ALICE, "items", ITEMS);
    world.put(ALICE, "items", "i1", r#"{"title":"t","is_read":false}"#);
    world.put(ALICE, "items", "i1", r#"{"title":"t","is_read":true}"#);
    world.settle();
    assert_eq!(world.get(BOB, "items", "i1"), r#"{"is_read":true}"#, "nobody told Bob's device what this is");
    world.declare(BOB, "items", ITEMS);
    assert_eq!(world.get(BOB, "items", "i1"), "null");
    assert_eq!(world.parked(BOB, "items"), ["i1"]);
    world.put_at(BOB, "items", "i1", r#"{"title":"t","is_read":false}"#, Some(""));
    assert_eq!(world.get(BOB, "items", "i1"), r#"{"is_read":true,"title":"t"}"#);
}

#[test]
fn deletes_that_do_not_travel_drop_the_content_here_and_keep_the_flags() {
    let mut world = World::of_two(7);
    for device in [ALICE, BOB] {
        world.declare(device, "items", ITEMS);
        world.put(device, "items", "i1", r#"{"title":"t","is_read":false}"#);
    }
    world.put(ALICE, "items", "i1", r#"{"title":"t","is_read":true}"#);
    world.settle();
    assert!(world.delete(BOB, "items", "i1"));
    world.settle();
    assert_eq!(world.get(BOB, "items", "i1"), "null");
    assert_eq!(world.get(ALICE, "items", "i1"), r#"{"is_read":true,"title":"t"}"#);
    world.put(BOB, "items", "i1", r#"{"title":"fetched again","is_read":false}"#);
    assert_eq!(world.get(BOB, "items", "i1"), r#"{"is_read":true,"title":"fetched again"}"#);
    // And of whole documents, where the deletes of others are ignored.
    world.declare(ALICE, "notes", Says { keeps_deletes: true, ..Says::default() });
    world.put(ALICE, "notes", "n", r#"{"title":"n","pinned":true}"#);
    world.settle();
    assert!(world.delete(BOB, "notes", "n"));
    world.settle();
    assert_eq!(world.get(ALICE, "notes", "n"), r#"{"pinned":true,"title":"n"}"#);
    assert!(world.delete(ALICE, "notes", "n"));
    assert_eq!(world.get(ALICE, "notes", "n"), "null");
    world.put(ALICE, "notes", "n", r#"{"title":"again"}"#);
    assert_eq!(world.get(ALICE, "notes", "n"), r#"{"pinned":true,"title":"again"}"#);
}

#[test]
fn what_was_local_before_the_group_is_not_in_what_is_announced() {
    let mut world = World::alone(8);
    world.network.add_device("bob");
    world.put(ALICE, "accounts", "a", r#"{"name":"announced","password":"written-by-an-older-app"}"#);
    world.put(ALICE, "accounts", "b", r#"{"name":"deleted","password":"in-a-tombstone"}"#);
    world.delete(ALICE, "accounts", "b");
    let (_, seen) = world.read(ALICE, "accounts", "a");
    world.declare(ALICE, "accounts", ACCOUNTS);
    world.pair();
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"announced"}"#);
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"announced","password":"written-by-an-older-app"}"#);
    // Who had read it before it was made anew can still put it.
    world.put_at(ALICE, "accounts", "a", r#"{"name":"changed","password":"written-by-an-older-app"}"#, Some(&seen));
    world.settle();
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"changed"}"#);
    world.never_left(&["written-by-an-older-app", "in-a-tombstone"]);
}

#[test]
fn devices_that_declare_a_collection_differently_keep_their_own() {
    let mut world = World::of_two(9);
    // Bob's app is older: everything travels.
    world.put(BOB, "accounts", "a", r#"{"name":"a","password":"bobs"}"#);
    world.settle();
    world.declare(ALICE, "accounts", ACCOUNTS);
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"a","password":"bobs"}"#, "what was shown stays");
    world.put(ALICE, "accounts", "a", r#"{"name":"a","password":"alices"}"#);
    world.put(BOB, "accounts", "a", r#"{"name":"a","password":"bobs-second"}"#);
    world.settle();
    world.put(ALICE, "accounts", "a", r#"{"name":"b","password":"alices"}"#);
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"b","password":"alices"}"#);
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"b","password":"bobs-second"}"#, "and of Bob's too");
    // Bob creates another: his password is not Alice's.
    world.put(BOB, "accounts", "b", r#"{"name":"b","password":"bobs-third"}"#);
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "b"), r#"{"name":"b"}"#);
    world.put(ALICE, "accounts", "b", r#"{"name":"c"}"#);
    world.settle();
    assert_eq!(world.get(BOB, "accounts", "b"), r#"{"name":"c","password":"bobs-third"}"#);
    // The upgrade reaches Bob: nothing he sees is lost.
    world.declare(BOB, "accounts", ACCOUNTS);
    world.settle();
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"b","password":"bobs-second"}"#);
    world.never_left(&["alices"]);
}

#[test]
fn a_field_that_is_local_no_more_travels_from_then_on() {
    let mut world = World::of_two(10);
    world.declare(ALICE, "accounts", Says { stays: &["password", "note"], ..Says::default() });
    for n in 0..1_200 {
        world.put(ALICE, "accounts", &format!("a{n:04}"), r#"{"name":"a","note":"mine","password":"p"}"#);
    }
    world.settle();
    assert_eq!(world.get(BOB, "accounts", "a0007"), r#"{"name":"a"}"#);
    world.declare(ALICE, "accounts", ACCOUNTS);
    assert!(world.network.run_until(600_000, |network| {
        let rows = network.devices[ALICE].disk().with_prefix(b"w");
        rows.map(|(_, row)| ashore_engine::collection::Declarations::decode(row).unwrap())
            .all(|row| row.adopting.is_none())
    }));
    world.settle();
    for id in ["a0000", "a0007", "a1199"] {
        assert_eq!(world.get(BOB, "accounts", id), r#"{"name":"a","note":"mine"}"#);
        assert_eq!(world.get(ALICE, "accounts", id), r#"{"name":"a","note":"mine","password":"p"}"#);
    }
    // And a collection that was local.
    world.declare(ALICE, "drafts", LOCAL);
    world.put(ALICE, "drafts", "d", r#"{"text":"now public"}"#);
    world.declare(ALICE, "drafts", Says::default());
    world.settle();
    world.network.run_ms(5_000);
    world.settle();
    assert_eq!(world.get(BOB, "drafts", "d"), r#"{"text":"now public"}"#);
    world.put(ALICE, "drafts", "d", r#"{"text":"changed"}"#);
    world.settle();
    assert_eq!(world.get(BOB, "drafts", "d"), r#"{"text":"changed"}"#);
}

#[test]
fn others_do_not_reach_into_a_local_collection() {
    let mut world = World::of_two(11);
    world.declare(ALICE, "settings", LOCAL);
    world.put(ALICE, "settings", "s", r#"{"theme":"dark"}"#);
    world.put(BOB, "settings", "s", r#"{"theme":"light","size":12}"#);
    world.put(BOB, "settings", "t", r#"{"theme":"light"}"#);
    world.settle();
    assert_eq!(world.get(ALICE, "settings", "s"), r#"{"theme":"dark"}"#);
    assert_eq!(world.list(ALICE, "settings"), ["s"]);
    world.delete(BOB, "settings", "s");
    world.settle();
    assert_eq!(world.get(ALICE, "settings", "s"), r#"{"theme":"dark"}"#);
    world.put(ALICE, "settings", "t", r#"{"theme":"mine"}"#);
    world.settle();
    assert_eq!(world.get(BOB, "settings", "t"), r#"{"theme":"light"}"#);
}

#[test]
fn a_delete_and_an_edit_at_once_keep_the_local_fields() {
    let mut world = World::of_two(12);
    for device in [ALICE, BOB] {
        world.declare(device, "accounts", ACCOUNTS);
    }
    world.put(ALICE, "accounts", "a", r#"{"name":"a","password":"p"}"#);
    world.settle();
    world.network.cut_off(ALICE, true);
    world.network.cut_off(BOB, true);
    world.delete(BOB, "accounts", "a");
    world.put(ALICE, "accounts", "a", r#"{"name":"b","password":"p"}"#);
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"b","password":"p"}"#);
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"b"}"#);
    world.delete(BOB, "accounts", "a");
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "a"), "null");
    world.put(ALICE, "accounts", "a", r#"{"name":"again"}"#);
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"again"}"#, "a new document has the new fields");
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"again"}"#);
}

#[test]
fn a_declaration_that_cannot_be_is_refused_and_one_that_is_lost_lets_nothing_leave() {
    let mut world = World::of_two(13);
    let both = Says { stays: &["a"], travels: Some(&["b"]), ..Says::default() };
    let many: Vec<String> = (0..65).map(|n| format!("f{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for says in [both, Says { stays: &["a..b"], ..Says::default() }, Says { stays: &many, ..Says::default() }] {
        let failure = world.try_declare(ALICE, "accounts", says).unwrap_err();
        assert_eq!((failure.code, failure.collection.as_deref()), (ErrorCode::CollectionInvalid, Some("accounts")));
    }
    let write = Write::Delete { collection: "accounts".into(), ids: vec!["b".into()] };
    let write = Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false };
    let failure = world.call(ALICE, write).unwrap_err();
    assert_eq!(failure.code, ErrorCode::CollectionInvalid, "a call behind it does not run as if nothing were declared");
    world.declare(ALICE, "accounts", ACCOUNTS);
    world.put(ALICE, "accounts", "a", r#"{"name":"a","password":"lost-and-found"}"#);
    world.settle();
    world.network.crash(ALICE, false);
    let mut damage = ashore_engine::store::StoreBatch::new();
    damage.put(ashore_engine::store::keys::declarations_key("accounts"), "not what was put");
    world.network.overwrite(ALICE, damage);
    world.network.open(ALICE);
    let write = Write::Put {
        collection: "accounts".into(),
        ids: vec!["b".into()],
        documents: r#"[{"name":"b","password":"would-leave"}]"#.into(),
        bases: vec![None],
    };
    let write = Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false };
    assert_eq!(world.call(ALICE, write.clone()).unwrap_err().code, ErrorCode::StoreCorrupt);
    world.declare(ALICE, "accounts", ACCOUNTS);
    world.call(ALICE, write).unwrap();
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"a","password":"lost-and-found"}"#);
    assert_eq!(world.get(BOB, "accounts", "b"), r#"{"name":"b"}"#);
    world.never_left(&["lost-and-found", "would-leave"]);
}

/// What an app knows of one device: the parts that stay there.
#[derive(Default)]
struct Own {
    passwords: std::collections::BTreeMap<String, String>,
    drafts: std::collections::BTreeMap<String, String>,
    items: std::collections::BTreeMap<String, String>,
}

/// Random edits of three kinds of collections on three devices that are cut off, crash and lose frames: at the end all agree
/// on what travels, and each has its own of what stays.
fn story(seed: u64) {
    let mut world = World::alone(seed);
    for name in ["bob", "carol"] {
        world.network.add_device(name);
    }
    let devices = world.network.devices.len();
    let mut own: Vec<Own> = (0..devices).map(|_| Own::default()).collect();
    for device in 0..devices {
        world.declare(device, "accounts", ACCOUNTS);
        world.declare(device, "items", ITEMS);
        world.declare(device, "drafts", LOCAL);
    }
    let before = world.network.rng.below(6);
    for step in 0..before {
        edit(&mut world, &mut own, step, seed);
    }
    world.enable();
    for device in 1..devices {
        world.network.join(device, ALICE, "admin");
    }
    for step in 10..60 {
        let device = world.network.rng.below(devices as u64) as usize;
        match world.network.rng.below(12) {
            0 => world.network.cut_off(device, true),
            1 | 2 => world.network.cut_off(device, false),
            3 => world.restart(device),
            4 => world.network.run_ms(300),
            _ => edit(&mut world, &mut own, step, seed),
        }
    }
    world.settle();
    for (device, own) in own.iter().enumerate() {
        for id in 0..4 {
            let id = format!("d{id}");
            let synced = |text: String| -> serde_json::Value {
                let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
                if let Some(fields) = value.as_object_mut() {
                    let password = fields.remove("password").map(|word| word.as_str().unwrap().to_owned());
                    assert_eq!(
                        password.as_ref(),
                        own.passwords.get(&id),
                        "seed {seed}: device {device} has its own {id}"
                    );
                }
                value
            };
            let here = synced(world.get(device, "accounts", &id));
            let there: serde_json::Value = serde_json::from_str(&world.get(ALICE, "accounts", &id)).unwrap();
            assert_eq!(here["name"], there["name"], "seed {seed}: all agree on {id}");
            let draft = own.drafts.get(&id).map_or("null".to_owned(), |word| format!(r#"{{"text":"{word}"}}"#));
            assert_eq!(world.get(device, "drafts", &id), draft, "seed {seed}");
            let item: serde_json::Value = serde_json::from_str(&world.get(device, "items", &id)).unwrap();
            assert_eq!(item["title"].as_str(), own.items.get(&id).map(String::as_str), "seed {seed}");
        }
    }
    world.never_left(&["secretword", "draftword", "itemword"]);
}

fn edit(world: &mut World, own: &mut [Own], step: u64, seed: u64) {
    let device = world.network.rng.below(own.len() as u64) as usize;
    let id = format!("d{}", world.network.rng.below(4));
    let word = format!("{step}x{seed}");
    match world.network.rng.below(7) {
        0 | 1 => {
            let secret = format!("secretword{word}");
            world.put(device, "accounts", &id, &format!(r#"{{"name":"name{word}","password":"{secret}"}}"#));
            own[device].passwords.insert(id, secret);
        }
        2 => {
            // As an app does: it reads, changes one field and puts the whole.
            let (text, version) = world.read(device, "accounts", &id);
            if let Ok(serde_json::Value::Object(mut account)) = serde_json::from_str(&text) {
                account.insert("name".into(), format!("name{word}").into());
                let text = serde_json::Value::Object(account).to_string();
                world.put_at(device, "accounts", &id, &text, Some(&version));
            }
        }
        3 => {
            let draft = format!("draftword{word}");
            world.put(device, "drafts", &id, &format!(r#"{{"text":"{draft}"}}"#));
            own[device].drafts.insert(id, draft);
        }
        4 => {
            world.delete(device, "drafts", &id);
            own[device].drafts.remove(&id);
        }
        5 => {
            let title = format!("itemword{word}");
            let (text, version) = world.read(device, "items", &id);
            let mut item: serde_json::Value = serde_json::from_str(&text).unwrap();
            if item.is_null() {
                item = serde_json::json!({ "is_read": false, "is_starred": 0 });
            }
            item["title"] = title.clone().into();
            item["is_starred"] = step.into();
            world.put_at(device, "items", &id, &item.to_string(), Some(&version));
            own[device].items.insert(id, title);
        }
        _ => {
            world.delete(device, "items", &id);
            own[device].items.remove(&id);
        }
    }
}

#[test]
fn in_every_story_all_agree_on_what_travels_and_each_keeps_what_stays() {
    for seed in 100..160 {
        story(seed);
    }
}

impl World {
    fn write(&mut self, device: usize, write: Write) -> Result<WriteResult, Failure> {
        let command = Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false };
        match self.call(device, command)? {
            Reply::Written { mut results, .. } => Ok(results.remove(0)),
            other => panic!("{other:?}"),
        }
    }

    /// Takes back, or does again, what this device did last; answers whether there was anything.
    fn revert(&mut self, device: usize, collection: &str, id: &str, redo: bool) -> bool {
        let (collection, ids) = (collection.to_owned(), vec![id.to_owned()]);
        match self.write(device, Write::Revert { collection, ids, versions: vec![vec![]], redo }).unwrap() {
            WriteResult::Reverted { reverted } => reverted[0],
            other => panic!("{other:?}"),
        }
    }

    fn text(&mut self, device: usize, id: &str) -> Result<(String, String), Failure> {
        let (collection, path) = ("accounts".to_owned(), "note".to_owned());
        match self.call(device, Command::Text { collection, id: id.into(), path, ask: TextAsk::Read {} })? {
            Reply::Text { answer: TextAnswer::Read { text, version } } => Ok((text, version)),
            other => panic!("{other:?}"),
        }
    }

    fn splice(&mut self, device: usize, id: &str, base: &str, at: u32, insert: &str) -> Result<WriteResult, Failure> {
        let edits = vec![TextEdit::Splice(TextSplice { at, delete: 0, insert: insert.into() })];
        let (collection, path) = ("accounts".to_owned(), "note".to_owned());
        self.write(device, Write::Text { collection, id: id.into(), path, base: base.into(), edits })
    }
}

#[test]
fn undo_takes_back_what_travels_and_leaves_what_stays() {
    let mut world = World::of_two(31);
    for device in [ALICE, BOB] {
        world.declare(device, "accounts", ACCOUNTS);
    }
    world.put(ALICE, "accounts", "a", r#"{"name":"Home","password":"hunter2"}"#);
    world.put(ALICE, "accounts", "a", r#"{"name":"Work","password":"hunter3"}"#);
    assert!(world.revert(ALICE, "accounts", "a", false));
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"Home","password":"hunter3"}"#);
    assert!(world.revert(ALICE, "accounts", "a", true));
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"Work","password":"hunter3"}"#);
    world.settle();
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"Work"}"#);
    assert!(!world.revert(BOB, "accounts", "a", false), "nothing of it is his");

    assert!(world.delete(ALICE, "accounts", "a"));
    assert!(world.revert(ALICE, "accounts", "a", false));
    world.settle();
    assert_eq!(world.get(ALICE, "accounts", "a"), r#"{"name":"Work"}"#);
    assert_eq!(world.get(BOB, "accounts", "a"), r#"{"name":"Work"}"#);
    world.never_left(&["hunter"]);
}

#[test]
fn what_is_typed_travels_and_leaves_what_stays() {
    let mut world = World::of_two(32);
    for device in [ALICE, BOB] {
        world.declare(device, "accounts", ACCOUNTS);
    }
    world.put(ALICE, "accounts", "a", r#"{"note":{"$ashore":["text","milk"]},"password":"hunter2"}"#);
    world.settle();
    world.put(BOB, "accounts", "a", r#"{"note":{"$ashore":["text","milk"]},"password":"hunter9"}"#);
    let (text, version) = world.text(BOB, "a").unwrap();
    assert_eq!(text, "milk");
    world.network.cut_off(ALICE, true);
    world.splice(BOB, "a", &version, 4, " 2 l").unwrap();
    let (_, version) = world.text(ALICE, "a").unwrap();
    world.splice(ALICE, "a", &version, 0, "oat ").unwrap();
    world.settle();
    for (device, password) in [(ALICE, "hunter2"), (BOB, "hunter9")] {
        let wanted = format!(r#"{{"note":{{"$ashore":["text","oat milk 2 l"]}},"password":"{password}"}}"#);
        assert_eq!(world.get(device, "accounts", "a"), wanted);
    }

    // Once it is declared to stay, nothing that is typed into it leaves, and there is no text to type into.
    world.declare(ALICE, "accounts", Says { stays: &["password", "note"], ..ACCOUNTS });
    let (_, version) = world.read(ALICE, "accounts", "a");
    assert_eq!(world.splice(ALICE, "a", &version, 0, "hunter's ").unwrap_err().code, ErrorCode::TextMissing);
    world.settle();
    let (left, shown) = (world.network.payloads(ALICE).len(), world.get(ALICE, "accounts", "a"));
    assert!(!world.revert(ALICE, "accounts", "a", false), "an undo would let it leave again");
    world.settle();
    assert_eq!((world.network.payloads(ALICE).len(), world.get(ALICE, "accounts", "a")), (left, shown));
    world.never_left(&["hunter"]);
}

#[test]
fn undo_does_not_bring_back_what_was_dropped_here() {
    let mut world = World::of_two(33);
    world.declare(ALICE, "items", ITEMS);
    world.put(ALICE, "items", "i", r#"{"title":"Fetched","is_read":false}"#);
    world.put(ALICE, "items", "i", r#"{"title":"Fetched","is_read":true}"#);
    world.put(ALICE, "items", "i", r#"{"title":"Fetched","is_read":true,"is_starred":true}"#);
    assert!(world.delete(ALICE, "items", "i"));
    assert_eq!(world.parked(ALICE, "items"), ["i"]);
    assert!(world.revert(ALICE, "items", "i", false), "it takes back the star");
    assert_eq!(world.get(ALICE, "items", "i"), "null");
    assert_eq!(world.parked(ALICE, "items"), ["i"]);
    world.check();
}
