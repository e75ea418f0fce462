//! Checks and repairs: damage of every kind of row is found, and what can be healed is healed.

use ashore_engine::api::{
    Command, Durability, Failure, Finding, FindingCode, HealthCounts, IdRange, IndexField, IndexSpec, Mended, Remedy,
    Reply, Write,
};
use ashore_engine::rng::Rng;
use ashore_engine::store::{Durability as OnDisk, Key, StoreBatch};
use ashore_engine::testing::{Network, indexes};
use std::collections::BTreeMap;

const ALICE: usize = 0;
const BOB: usize = 1;
/// Notes sync, diaries keep a field here, drafts stay here.
const COLLECTIONS: [&str; 3] = ["notes", "diaries", "drafts"];

struct World {
    network: Network,
}

/// Every document of a device, by collection and id; deleted ones have none.
type Contents = BTreeMap<(String, String), String>;

impl World {
    fn alone(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        let mut world = Self { network };
        world.declare(ALICE);
        world
    }

    fn of_two(seed: u64) -> Self {
        let mut world = Self::alone(seed);
        world.network.add_device("bob");
        world.network.found(ALICE);
        world.network.join(BOB, ALICE, "admin");
        world.declare(BOB);
        world.in_step();
        world
    }

    fn in_step(&mut self) {
        self.network.settle_all();
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(device, command)
    }

    fn declare(&mut self, device: usize) {
        let field = |path: &str| IndexField { path: path.into(), descending: false, weight: None };
        let index = |name: &str, path: &str, text: Option<bool>| IndexSpec {
            name: name.into(),
            fields: vec![field(path)],
            unique: false,
            sparse: false,
            text,
        };
        for collection in COLLECTIONS {
            let declare = Command::DeclareCollection {
                collection: collection.into(),
                local: collection == "drafts",
                local_fields: if collection == "diaries" { vec!["secret".into()] } else { vec![] },
                sync_fields: None,
                sync_deletes: true,
            };
            self.call(device, declare).unwrap();
            let indexes = vec![index("by-n", "n", None), index("words", "title", Some(true))];
            self.call(device, Command::DeclareIndexes { collection: collection.into(), indexes }).unwrap();
        }
    }

    fn put(&mut self, device: usize, collection: &str, id: &str, document: &str) {
        let put = Write::Put {
            collection: collection.into(),
            ids: vec![id.into()],
            documents: format!("[{document}]"),
            bases: vec![None],
        };
        self.call(device, Command::Write { writes: vec![put], durability: Durability::Strict, split: false }).unwrap();
    }

    fn delete(&mut self, device: usize, collection: &str, id: &str) {
        let delete = Write::Delete { collection: collection.into(), ids: vec![id.into()] };
        let write = Command::Write { writes: vec![delete], durability: Durability::Strict, split: false };
        self.call(device, write).unwrap();
    }

    /// Documents of all collections, edited, some deleted.
    fn fill(&mut self, device: usize, rng: &mut Rng, documents: u64) {
        for n in 0..documents {
            let collection = COLLECTIONS[rng.below(3) as usize];
            let id = format!("{device}-{n}");
            for edit in 0..1 + rng.below(4) {
                let document = format!(r#"{{"n":{n},"title":"word{} common","edit":{edit},"secret":"s{n}"}}"#, n % 5);
                self.put(device, collection, &id, &document);
            }
            if rng.below(6) == 0 {
                self.delete(device, collection, &id);
            }
        }
    }

    fn contents(&mut self, device: usize) -> Contents {
        let mut all = Contents::new();
        for collection in COLLECTIONS {
            let scan = Command::Scan { collection: collection.into(), range: IdRange::default() };
            let Reply::Documents { ids, documents, corrupt, .. } = self.call(device, scan).unwrap() else { panic!() };
            assert_eq!(corrupt, Vec::<String>::new(), "{collection}");
            let documents: Vec<serde_json::Value> = serde_json::from_str(&documents).unwrap();
            let named = ids.into_iter().zip(documents);
            all.extend(named.map(|(id, document)| ((collection.to_owned(), id), document.to_string())));
        }
        all
    }

    fn check(&mut self, device: usize) -> (HealthCounts, Vec<Finding>) {
        let (mut all, mut counts, mut after) = (Vec::new(), HealthCounts::default(), None);
        loop {
            let reply = self.call(device, Command::Check { after }).unwrap();
            let Reply::Checked { counts: page, findings, next, .. } = reply else { panic!("{reply:?}") };
            counts.rows += page.rows;
            counts.documents += page.documents;
            counts.entries += page.entries;
            counts.index_rows += page.index_rows;
            all.extend(findings);
            after = next;
            if after.is_none() {
                return (counts, all);
            }
        }
    }

    fn repair(&mut self, device: usize) -> Vec<Mended> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let reply = self.call(device, Command::Repair { after }).unwrap();
            let Reply::Repaired { mended, next, waits, .. } = reply else { panic!("{reply:?}") };
            all.extend(mended);
            after = next;
            if waits {
                let _ = self.call(device, Command::SyncNow { timeout_ms: 30_000 });
            }
            if after.is_none() {
                return all;
            }
        }
    }

    /// The device stops, these rows become unreadable (or other bytes, whose checksum is right), and it is opened again.
    fn damage(&mut self, device: usize, keys: &[Key], rng: &mut Rng) {
        self.network.crash(device, false);
        let disk = self.network.disk_of(device).unwrap();
        for key in keys {
            if rng.below(3) == 0 {
                let mut batch = StoreBatch::new();
                batch.put(key.clone(), &b"nonsense"[..]);
                disk.commit(batch, OnDisk::Strict);
            } else {
                disk.damage(key);
            }
        }
        self.network.open(device);
        self.declare(device);
    }

    /// So many rows of these kinds.
    fn some_keys(&self, device: usize, tags: &[u8], count: usize, rng: &mut Rng) -> Vec<Key> {
        let disk = self.network.devices[device].disk();
        let all: Vec<Key> = disk.keys().filter(|key| tags.contains(&key[0])).cloned().collect();
        let mut keys: Vec<Key> = (0..count).map(|_| all[rng.below(all.len() as u64) as usize].clone()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

fn rng(seed: u64) -> Rng {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Rng::seeded(bytes)
}

fn is_lost(mended: &[Mended]) -> bool {
    mended.iter().any(|mended| mended.remedy == Remedy::Lost)
}

#[test]
fn nothing_is_wrong_with_what_was_never_damaged() {
    for seed in 0..6 {
        let mut rng = rng(seed);
        let mut world = World::of_two(seed);
        world.fill(ALICE, &mut rng, 25);
        world.fill(BOB, &mut rng, 25);
        let (_, early) = world.check(ALICE);
        assert_eq!(early, [], "while things are on their way");
        world.in_step();
        for device in [ALICE, BOB] {
            let before: Vec<Key> = world.network.devices[device].disk().keys().cloned().collect();
            let (counts, findings) = world.check(device);
            assert_eq!(findings, []);
            let of = |tag: &[u8]| before.iter().filter(|key| key.starts_with(tag)).count() as u64;
            assert_eq!((counts.documents, counts.entries, counts.index_rows), (of(b"v"), of(b"e"), of(b"y")));
            assert_eq!(counts.rows, before.len() as u64, "each row was looked at once");
        }
    }
}

/// What a row's damage is called.
fn is_about(finding: &Finding, tag: u8) -> bool {
    let codes: &[FindingCode] = match tag {
        b'v' => &[FindingCode::DocumentUnreadable],
        b'a' => &[FindingCode::DocumentChangesBroken],
        b'y' => &[FindingCode::IndexWrong, FindingCode::IndexStray],
        b'e' => &[FindingCode::EntryUnreadable],
        b'i' => &[FindingCode::EntryIndexWrong],
        b'k' => &[FindingCode::ControlWrong],
        b'o' => &[FindingCode::OutboxWrong],
        _ => &[FindingCode::RowUnreadable],
    };
    codes.contains(&finding.code)
}

#[test]
fn damage_of_any_row_is_found() {
    let mut world = World::of_two(3);
    let mut rng = rng(3);
    world.fill(ALICE, &mut rng, 8);
    world.in_step();
    for tag in *b"vayeik" {
        for _ in 0..4 {
            let mut world = World::of_two(3);
            world.fill(ALICE, &mut self::rng(3), 8);
            world.in_step();
            let keys = world.some_keys(ALICE, &[tag], 1, &mut rng);
            world.network.crash(ALICE, false);
            world.network.disk_of(ALICE).unwrap().damage(&keys[0]);
            world.network.open(ALICE);
            let (_, findings) = world.check(ALICE);
            assert!(findings.iter().any(|finding| is_about(finding, tag)), "{}: {findings:?}", char::from(tag));
        }
    }
}

#[test]
fn with_a_relay_what_was_sent_comes_back_unless_a_document_is_broken_twice() {
    for seed in 0..40 {
        let mut rng = rng(seed);
        let mut world = World::of_two(seed);
        world.fill(ALICE, &mut rng, 12);
        world.fill(BOB, &mut rng, 12);
        world.in_step();
        let before = world.contents(ALICE);
        let keys = world.some_keys(ALICE, b"vayeikoc", 1 + rng.below(30) as usize, &mut rng);
        world.damage(ALICE, &keys, &mut rng);
        let (_, findings) = world.check(ALICE);
        assert!(!findings.is_empty(), "seed {seed}: {keys:?}");
        let mended = world.repair(ALICE);
        world.in_step();
        let (_, left) = world.check(ALICE);
        assert_eq!(left, [], "seed {seed}: {mended:?}");
        let changes_damaged = |collection: &str, id: &str| {
            let range = ashore_engine::store::keys::chunk_range(collection, id);
            keys.iter().any(|key| range.contains(key))
        };
        let after = world.contents(ALICE);
        for ((collection, id), document) in &before {
            let now = after.get(&(collection.clone(), id.clone()));
            let row_damaged = keys.contains(&ashore_engine::store::keys::value_key(collection, id));
            // Its row and its changes: entries that came again out of order may leave it older than it was.
            let twice = row_damaged && changes_damaged(collection, id);
            if twice && collection != "drafts" {
                assert!(now.is_some() || is_lost(&mended), "seed {seed}: {collection}/{id}");
                continue;
            }
            if collection == "notes" || !row_damaged {
                assert_eq!(now, Some(document), "seed {seed}: {collection}/{id}: {mended:?}");
            } else if collection == "diaries" {
                let (was, now): (serde_json::Value, serde_json::Value) =
                    (serde_json::from_str(document).unwrap(), serde_json::from_str(now.unwrap()).unwrap());
                assert_eq!((&was["n"], &was["title"], &was["edit"]), (&now["n"], &now["title"], &now["edit"]));
                assert!(is_lost(&mended), "what stayed here is gone, and it is said");
            } else {
                assert!(now.is_none() && is_lost(&mended), "what never left is gone, and it is said");
            }
        }
        indexes::check(world.network.devices[ALICE].disk()).unwrap();
        world.put(ALICE, "notes", "after", r#"{"n":1}"#);
        world.put(BOB, "notes", "after", r#"{"title":"x"}"#);
        world.in_step();
        let notes = |contents: Contents| -> Contents {
            contents
                .into_iter()
                .filter(|((collection, id), _)| collection == "notes" && !changes_damaged(collection, id))
                .collect()
        };
        assert_eq!(notes(world.contents(ALICE)), notes(world.contents(BOB)), "seed {seed}");
        let (_, findings) = world.check(BOB);
        assert_eq!(findings, [], "seed {seed}");
    }
}

#[test]
fn alone_a_document_survives_unless_its_row_and_its_changes_are_both_broken() {
    for seed in 0..40 {
        let mut rng = rng(seed);
        let mut world = World::alone(seed);
        world.fill(ALICE, &mut rng, 25);
        let before = world.contents(ALICE);
        let keys = world.some_keys(ALICE, b"vayc", 1 + rng.below(25) as usize, &mut rng);
        world.damage(ALICE, &keys, &mut rng);
        let mended = world.repair(ALICE);
        let (_, left) = world.check(ALICE);
        assert_eq!(left, [], "seed {seed}: {mended:?}");
        let after = world.contents(ALICE);
        for ((collection, id), document) in &before {
            let row = keys.contains(&ashore_engine::store::keys::value_key(collection, id));
            if !row {
                let now = after.get(&(collection.clone(), id.clone()));
                assert_eq!(now, Some(document), "seed {seed}: {collection}/{id}: {mended:?}");
            }
        }
        let chunks = |collection: &str, id: &str| {
            let range = ashore_engine::store::keys::chunk_range(collection, id);
            keys.iter().any(|key| range.contains(key))
        };
        for ((collection, id), document) in before.iter().filter(|((collection, _), _)| collection == "notes") {
            if !chunks(collection, id) {
                assert_eq!(after.get(&(collection.clone(), id.clone())), Some(document), "seed {seed}");
            }
        }
        indexes::check(world.network.devices[ALICE].disk()).unwrap();
    }
}

#[test]
fn an_unsent_entry_that_was_lost_goes_again_in_another() {
    for seed in 0..20 {
        let mut rng = rng(seed);
        let mut world = World::of_two(seed);
        world.fill(ALICE, &mut rng, 5);
        world.in_step();
        world.network.cut_off(ALICE, true);
        world.fill(ALICE, &mut rng, 10);
        let before = world.contents(ALICE);
        let outbox: Vec<Key> =
            world.network.devices[ALICE].disk().with_prefix(b"o").map(|(key, _)| key.clone()).collect();
        let picked = &outbox[rng.below(outbox.len() as u64) as usize];
        let entry: Key = [b"e", &picked[1..]].concat().into();
        world.damage(ALICE, &[entry], &mut rng);
        world.repair(ALICE);
        world.put(ALICE, "notes", "later", r#"{"n":9}"#);
        world.network.cut_off(ALICE, false);
        world.in_step();
        let (_, left) = world.check(ALICE);
        assert_eq!(left, [], "seed {seed}");
        let after = world.contents(BOB);
        for ((collection, id), document) in before.iter().filter(|((collection, _), _)| collection == "notes") {
            assert_eq!(after.get(&(collection.clone(), id.clone())), Some(document), "seed {seed}: {id}");
        }
        assert!(after.contains_key(&("notes".to_owned(), "later".to_owned())));
    }
}

#[test]
fn a_lost_part_of_the_storage_is_said_once_and_filled_again_from_the_relay() {
    for seed in 0..20 {
        let mut rng = rng(seed);
        let mut world = World::of_two(seed);
        world.fill(BOB, &mut rng, 30);
        world.in_step();
        let before = world.contents(ALICE);
        let tag = b"aeiv"[seed as usize % 4];
        let keys: Vec<Key> =
            world.network.devices[ALICE].disk().with_prefix(&[tag]).map(|(key, _)| key.clone()).collect();
        let first = rng.below(keys.len() as u64 - 10) as usize;
        let (start, last) = (&keys[first], &keys[first + rng.below(10) as usize]);
        world.network.crash(ALICE, false);
        world.network.disk_of(ALICE).unwrap().lose(start, last);
        world.network.open(ALICE);
        world.declare(ALICE);
        let (_, findings) = world.check(ALICE);
        assert!(findings.iter().any(|finding| finding.code == FindingCode::StoreLost), "seed {seed}: {findings:?}");
        let mended = world.repair(ALICE);
        world.in_step();
        let (_, left) = world.check(ALICE);
        assert_eq!(left, [], "seed {seed}: {mended:?}");
        let after = world.contents(ALICE);
        for ((collection, id), document) in before.iter().filter(|((collection, _), _)| collection == "notes") {
            assert_eq!(after.get(&(collection.clone(), id.clone())), Some(document), "seed {seed}: {id}: {mended:?}");
        }
    }
}

#[test]
fn a_repair_that_is_cut_off_at_any_step_is_harmless() {
    for seed in 0..30 {
        let mut rng = rng(seed);
        let mut world = World::of_two(seed);
        world.fill(ALICE, &mut rng, 15);
        world.in_step();
        let before = world.contents(ALICE);
        let keys = world.some_keys(ALICE, b"aeik", 12, &mut rng);
        world.damage(ALICE, &keys, &mut rng);
        for _ in 0..3 {
            let mut after = None;
            for _ in 0..rng.below(14) {
                let reply = world.call(ALICE, Command::Repair { after }).unwrap();
                let Reply::Repaired { next, .. } = reply else { panic!("{reply:?}") };
                after = next;
                if after.is_none() {
                    break;
                }
            }
            world.network.begin(ALICE, Command::Repair { after });
            for _ in 0..rng.below(6) {
                world.network.step();
            }
            let power_lost = rng.below(2) == 0;
            world.network.crash(ALICE, power_lost);
            world.network.open(ALICE);
            world.declare(ALICE);
        }
        world.repair(ALICE);
        world.in_step();
        let (_, left) = world.check(ALICE);
        assert_eq!(left, [], "seed {seed}");
        let after = world.contents(ALICE);
        for ((collection, id), document) in &before {
            assert_eq!(after.get(&(collection.clone(), id.clone())), Some(document), "seed {seed}: {collection}/{id}");
        }
    }
}
