//! Indexes as an app meets them: declared, built in the background, kept with every write, dropped; over a simulated disk.

use ashore_engine::api::{
    Command, Durability, ErrorCode, Event, Failure, IndexField, IndexInfo, IndexSpec, Outcome, Reply, SyncState, Write,
};
use ashore_engine::index::IndexState;
use ashore_engine::store::StoreBatch;
use ashore_engine::store::keys::definitions_key;
use ashore_engine::testing::{Network, indexes};

const ALICE: usize = 0;
const BOB: usize = 1;

/// Devices, and the answers of the page of one.
struct World {
    network: Network,
    marks: u64,
    /// Who asks.
    who: usize,
    /// What is on the disks may be wrong for now.
    damaged: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        Self { network, marks: 0, who: ALICE, damaged: false }
    }

    /// Two devices that share everything whenever neither is cut off.
    fn of_two(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.network.add_device("bob");
        let relay = Some("ws://relay.test/v1/ws".to_owned());
        world.call(Command::EnableSync { relay: relay.clone(), device_name: None }).unwrap();
        let reply =
            world.call(Command::CreateInvite { ttl_seconds: 600, link_base: None, role: None, uses: None }).unwrap();
        let Reply::Invite { short_code, .. } = reply else { panic!("{reply:?}") };
        world.who = BOB;
        world.call(Command::JoinInvite { invite: short_code, relay, device_name: None }).unwrap();
        world.who = ALICE;
        world
    }

    /// Both have everything.
    fn until_in_step(&mut self) {
        for device in [ALICE, BOB] {
            self.network.cut_off(device, false);
        }
        let in_step = |network: &Network| {
            let status = |device: usize| network.devices[device].status.clone().unwrap();
            status(ALICE).state == SyncState::Synced
                && status(BOB).state == SyncState::Synced
                && status(ALICE).cursor == status(BOB).cursor
        };
        assert!(self.network.run_until(600_000, in_step));
        self.until_built();
    }

    fn conflicts(&mut self) -> Vec<Vec<String>> {
        let command = Command::IndexConflicts { collection: "notes".into(), index: "unique".into() };
        match self.call(command).unwrap() {
            Reply::IndexConflicts { conflicts, more: false } => conflicts.into_iter().map(|each| each.ids).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The documents of which the device was told that they are in conflict.
    fn told(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.network.devices[self.who].events);
        let id = |event| match event {
            Event::Error { failure } if failure.code == ErrorCode::IndexConflict => failure.id,
            _ => None,
        };
        events.into_iter().filter_map(id).collect()
    }

    fn ask(&mut self, command: Command) -> u64 {
        self.marks += 1;
        self.network.ask(self.who, command, self.marks);
        self.marks
    }

    /// The answer to a call, and what is on the disk is right at every step until it is there.
    fn answer(&mut self, mark: u64) -> Outcome {
        loop {
            let answers = &mut self.network.devices[self.who].answers;
            if let Some(at) = answers.iter().position(|(call, _)| call.mark == mark) {
                return answers.remove(at).1;
            }
            assert!(self.network.step(), "an answer comes");
            self.check_at_times();
        }
    }

    fn call(&mut self, command: Command) -> Result<Reply, Failure> {
        let mark = self.ask(command);
        match self.answer(mark) {
            Outcome::Ok(reply) => Ok(reply),
            Outcome::Failed(failure) => Err(failure),
        }
    }

    /// The definitions of the notes' indexes become unreadable while the machine is down.
    fn damage_definitions(&mut self) {
        self.network.crash(ALICE, false);
        let mut damage = StoreBatch::new();
        damage.put(definitions_key("notes"), "not what was put");
        self.network.overwrite(ALICE, damage);
        self.network.open(ALICE);
        self.damaged = true;
    }

    fn check_at_times(&self) {
        if self.network.steps.is_multiple_of(16) && !self.damaged {
            self.check();
        }
    }

    fn check(&self) {
        for device in &self.network.devices {
            indexes::check(device.disk()).unwrap();
        }
    }

    fn declare(&mut self, indexes: Vec<IndexSpec>) -> Vec<IndexInfo> {
        listed(self.call(Command::DeclareIndexes { collection: "notes".into(), indexes }))
    }

    fn list(&mut self) -> Vec<IndexInfo> {
        listed(self.call(Command::Indexes { collection: "notes".into() }))
    }

    fn put(&mut self, documents: &[(&str, &str)]) -> Result<Reply, Failure> {
        let write = put(documents.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())));
        self.call(write)
    }

    fn delete(&mut self, id: &str) {
        let writes = vec![Write::Delete { collection: "notes".into(), ids: vec![id.into()] }];
        self.call(Command::Write { writes, durability: Durability::Relaxed, split: false }).unwrap();
    }

    /// So many notes with a number, a text and tags.
    fn fill(&mut self, count: usize) {
        for from in (0..count).step_by(1_000) {
            let notes = from..count.min(from + 1_000);
            let write = put(notes.map(|n| {
                let text = format!(r#"{{"n":{},"title":"note {n}","tags":["t{}","t{}"]}}"#, n % 7, n % 5, n % 3);
                (format!("n{n:05}"), text)
            }));
            self.call(write).unwrap();
        }
    }

    fn until_built(&mut self) {
        while self.network.devices.iter().any(|device| indexes::unfinished(device.disk()) > 0) {
            assert!(self.network.step(), "the indexes are built without anybody asking");
            self.check_at_times();
        }
    }

    /// Rows of indexes on the disk.
    fn rows(&self) -> usize {
        self.network.devices[ALICE].disk().with_prefix(b"y").count()
    }
}

fn put(documents: impl Iterator<Item = (String, String)>) -> Command {
    let (ids, texts): (Vec<_>, Vec<_>) = documents.unzip();
    let bases = vec![None; ids.len()];
    let documents = format!("[{}]", texts.join(","));
    let write = Write::Put { collection: "notes".into(), ids, documents, bases };
    Command::Write { writes: vec![write], durability: Durability::Relaxed, split: true }
}

fn listed(reply: Result<Reply, Failure>) -> Vec<IndexInfo> {
    match reply.unwrap() {
        Reply::Indexes { indexes } => indexes,
        other => panic!("{other:?}"),
    }
}

fn spec(name: &str, paths: &[&str]) -> IndexSpec {
    let field = |path: &&str| IndexField {
        path: path.trim_start_matches('-').into(),
        descending: path.starts_with('-'),
        weight: None,
    };
    IndexSpec { name: name.into(), fields: paths.iter().map(field).collect(), unique: false, sparse: false, text: None }
}

#[test]
fn an_index_of_an_empty_collection_is_ready_at_once_and_kept_with_every_write() {
    let mut world = World::new(1);
    let told = world.declare(vec![spec("by-n", &["n"])]);
    assert_eq!((told.len(), &told[0].spec), (1, &spec("by-n", &["n"])));
    world.until_built();
    assert!(world.list()[0].ready);
    world.put(&[("a", r#"{"n":1}"#), ("b", r#"{"n":[2,3]}"#), ("c", "{}")]).unwrap();
    assert_eq!(world.rows(), 4);
    world.put(&[("b", r#"{"n":2}"#)]).unwrap();
    assert_eq!(world.rows(), 3);
    world.put(&[("b", r#"{"n":2,"title":"unchanged where it counts"}"#)]).unwrap();
    world.delete("a");
    assert_eq!(world.rows(), 2);
    world.put(&[("a", r#"{"n":9}"#)]).unwrap();
    assert_eq!(world.rows(), 3);
}

#[test]
fn an_index_is_built_in_steps_while_calls_are_answered() {
    let mut world = World::new(2);
    world.fill(5_000);
    let told = world.declare(vec![spec("by-n", &["-n", "title"]), spec("by-tag", &["tags"])]);
    assert!(!told[0].ready);
    let mut progress = vec![];
    loop {
        let index = world.list().remove(0);
        if index.ready {
            break;
        }
        progress.push(index.documents);
        // One note before the place up to which it is built, one behind.
        let n = progress.len();
        world.put(&[("n00000", &format!(r#"{{"n":{n}}}"#)), ("n04999", &format!(r#"{{"n":{n},"tags":[]}}"#))]).unwrap();
    }
    assert!(progress.is_sorted() && progress.len() > 1, "{progress:?}");
    world.until_built();
    world.check();
    world.list();
    let steps: Vec<IndexInfo> = world.network.devices[ALICE]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Indexes { collection, indexes } if collection == "notes" => indexes.first().cloned(),
            _ => None,
        })
        .collect();
    assert!(steps.is_sorted_by_key(|index| index.documents) && steps.len() >= 5);
    assert_eq!(steps.iter().map(|index| index.ready).rposition(|ready| !ready), Some(steps.len() - 2));
    assert_eq!(world.list().iter().map(|index| index.documents).collect::<Vec<_>>(), [5_000, 5_000]);
}

#[test]
fn a_declaration_keeps_what_is_the_same_and_drops_what_is_not_named() {
    let mut world = World::new(3);
    world.fill(1_500);
    world.declare(vec![spec("a", &["n"]), spec("b", &["title"])]);
    world.until_built();
    let number = |world: &World, name: &str| {
        let all = indexes::defined(world.network.devices[ALICE].disk()).unwrap();
        all.into_iter().find(|(_, index)| index.name == name).map(|(_, index)| index.number)
    };
    let (a, b) = (number(&world, "a"), number(&world, "b"));
    let told = world.declare(vec![spec("b", &["-title"]), spec("a", &["n"]), spec("c", &["tags"])]);
    let names: Vec<_> = told.iter().map(|index| (index.spec.name.as_str(), index.ready)).collect();
    assert_eq!(names, [("b", false), ("a", true), ("c", false)]);
    world.until_built();
    assert_eq!(number(&world, "a"), a);
    assert_ne!(number(&world, "b"), b);
    assert!(world.declare(vec![]).is_empty());
    world.until_built();
    assert_eq!(world.rows(), 0);
    assert_eq!(indexes::defined(world.network.devices[ALICE].disk()).unwrap(), []);
}

#[test]
fn a_crash_while_an_index_is_built_repeats_nothing_wrong_and_skips_nothing() {
    for seed in 0..12 {
        let mut world = World::new(100 + seed);
        world.fill(3_000);
        world.declare(vec![spec("a", &["n"])]);
        world.until_built();
        world.declare(vec![spec("b", &["tags", "n"])]);
        for _ in 0..20 {
            for _ in 0..world.network.rng.below(6) {
                world.network.step();
            }
            let power_lost = world.network.chance(2);
            world.network.crash(ALICE, power_lost);
            world.check();
            world.network.open(ALICE);
            let id = format!("n{:05}", world.network.rng.below(3_000));
            let mark = world.ask(put([(id, r#"{"n":1}"#.to_owned())].into_iter()));
            if world.network.chance(2) {
                world.answer(mark);
            }
        }
        world.until_built();
        // A power cut may have taken the declaration.
        world.declare(vec![spec("b", &["tags", "n"])]);
        world.until_built();
        assert!(world.list()[0].ready);
        world.check();
    }
}

#[test]
fn a_document_kept_apart_and_an_array_are_noted_in_the_definition() {
    let mut world = World::new(4);
    world.declare(vec![spec("by-n", &["n"])]);
    world.put(&[("a", r#"{"n":1}"#)]).unwrap();
    world.until_built();
    let noted = |world: &World| {
        let (_, index) = indexes::defined(world.network.devices[ALICE].disk()).unwrap().remove(0);
        (index.multi(), index.apart, index.state == IndexState::Ready)
    };
    assert_eq!(noted(&world), (false, false, true));
    world.put(&[("b", r#"{"n":[1]}"#)]).unwrap();
    assert_eq!(noted(&world), (true, false, true));
    world.put(&[("c", &format!(r#"{{"n":"{}"}}"#, "x".repeat(2_000)))]).unwrap();
    assert_eq!(noted(&world), (true, true, true));
    world.put(&[("c", r#"{"n":1}"#)]).unwrap();
    assert_eq!(noted(&world), (true, true, true), "it stays noted");
}

#[test]
fn wrong_declarations_change_nothing() {
    let mut world = World::new(5);
    world.declare(vec![spec("a", &["n"])]);
    let mut refused = |collection: &str, indexes: Vec<IndexSpec>| {
        let failure = world.call(Command::DeclareIndexes { collection: collection.into(), indexes }).unwrap_err();
        (failure.code, failure.message)
    };
    let many: Vec<_> = (0..33).map(|n| spec(&format!("i{n}"), &["n"])).collect();
    for (indexes, message) in [
        (vec![spec("b", &[])], "the index `b` has 0 fields, of 1 to 8"),
        (vec![spec("b", &["n"]), spec("b", &["m"])], "two indexes are named `b`"),
        (vec![spec("", &["n"])], "the name of an index has 1 to 256 bytes"),
        (many, "a collection has at most 32 indexes"),
    ] {
        assert_eq!(refused("notes", indexes), (ErrorCode::IndexInvalid, message.to_owned()));
    }
    assert_eq!(refused("", vec![]).0, ErrorCode::DocumentInvalidCollection);
    assert_eq!(world.list().len(), 1);
}

#[test]
fn definitions_that_cannot_be_read_take_their_rows_with_them() {
    let mut world = World::new(21);
    world.fill(6_000);
    world.declare(vec![spec("a", &["n"]), spec("b", &["tags"])]);
    let things = Command::DeclareIndexes { collection: "things".into(), indexes: vec![spec("c", &["n"])] };
    world.call(things).unwrap();
    world.until_built();
    assert!(world.rows() > 12_000);
    world.damage_definitions();
    assert!(world.list().is_empty());
    let event = |event: &Event| match event {
        Event::Error { failure } => failure.code == ErrorCode::StoreCorrupt,
        _ => false,
    };
    assert_eq!(world.network.devices[ALICE].events.iter().filter(|each| event(each)).count(), 1);
    // Written meanwhile, and crashed in the middle of tidying: nothing stays behind.
    world.put(&[("n00000", r#"{"n":100}"#)]).unwrap();
    world.network.crash(ALICE, false);
    assert!(world.rows() > 0);
    world.network.open(ALICE);
    while world.rows() > 0 {
        assert!(world.network.step(), "the rows are deleted without anybody asking");
    }
    world.network.run_ms(100);
    world.damaged = false;
    world.check();
    world.declare(vec![spec("a", &["n"])]);
    world.until_built();
    assert_eq!(world.rows(), 6_000);
}

#[test]
fn an_index_declared_again_at_once_is_built_while_old_rows_are_deleted() {
    let mut world = World::new(22);
    world.fill(3_000);
    world.declare(vec![spec("a", &["n"])]);
    world.until_built();
    world.damage_definitions();
    world.declare(vec![spec("a", &["n"])]);
    world.until_built();
    world.network.run_ms(1_000);
    world.check();
    assert_eq!(world.rows(), 3_000);
}

#[test]
fn an_index_is_built_again_when_a_batch_is_too_full_for_its_rows() {
    let mut world = World::new(23);
    world.declare(vec![spec("a", &["n"])]);
    world.until_built();
    let number = |world: &World| indexes::defined(world.network.devices[ALICE].disk()).unwrap()[0].1.number;
    let before = number(&world);
    let text = "x".repeat(900_000);
    let large = put((0..24).map(|n| (format!("n{n:02}"), format!(r#"{{"n":{n},"text":"{text}"}}"#))));
    world.call(large).unwrap();
    world.until_built();
    world.check();
    assert_ne!(number(&world), before);
    assert_eq!(world.rows(), 24);
}

fn unique(paths: &[&str]) -> IndexSpec {
    IndexSpec { unique: true, sparse: true, ..spec("unique", paths) }
}

fn assert_duplicate(result: Result<Reply, Failure>, id: &str, other: &str) {
    let failure = result.unwrap_err();
    assert_eq!((failure.code, failure.id.as_deref()), (ErrorCode::IndexDuplicate, Some(id)), "{failure}");
    assert_eq!(failure.message, format!("the document `{other}` has the same values in the unique index `unique`"));
}

#[test]
fn a_write_that_breaks_a_unique_index_fails_whole() {
    let mut world = World::new(6);
    world.declare(vec![unique(&["email"])]);
    world.until_built();
    world.put(&[("a", r#"{"email":"x"}"#), ("b", "{}"), ("c", r#"{"email":null}"#)]).unwrap();
    assert_duplicate(world.put(&[("d", "{}"), ("e", r#"{"email":["y","x"]}"#)]), "e", "a");
    assert_eq!(world.rows(), 1);
    assert_duplicate(world.put(&[("d", r#"{"email":1}"#), ("e", r#"{"email":1.0}"#)]), "e", "d");
    assert_duplicate(world.put(&[("b", r#"{"email":"x"}"#)]), "b", "a");
    // The same again, another value, and a value that was given up are all fine.
    world.put(&[("a", r#"{"email":"x","name":"A"}"#)]).unwrap();
    world.put(&[("a", r#"{"email":"y"}"#), ("b", r#"{"email":"x"}"#)]).unwrap();
    world.delete("a");
    world.put(&[("d", r#"{"email":"y"}"#)]).unwrap();
    assert_duplicate(world.put(&[("a", r#"{"email":"y"}"#)]), "a", "d");
    let failure = world.put(&[("e", &format!(r#"{{"email":"{}"}}"#, "x".repeat(2_000)))]).unwrap_err();
    assert_eq!((failure.code, failure.id.as_deref()), (ErrorCode::DocumentTooLarge, Some("e")));
    assert_eq!(world.conflicts(), Vec::<Vec<String>>::new());
}

#[test]
fn values_change_places_in_one_write() {
    let mut world = World::new(7);
    world.declare(vec![unique(&["n"])]);
    world.put(&[("a", r#"{"n":1}"#), ("b", r#"{"n":2}"#)]).unwrap();
    world.until_built();
    world.put(&[("a", r#"{"n":2}"#), ("b", r#"{"n":1}"#)]).unwrap();
    assert_duplicate(world.put(&[("a", r#"{"n":1}"#)]), "a", "b");
    assert_eq!((world.conflicts().len(), world.told().len()), (0, 0));
}

#[test]
fn of_many_puts_at_once_the_first_keeps_a_value() {
    let mut world = World::new(8);
    world.declare(vec![unique(&["n"])]);
    world.until_built();
    let marks: Vec<u64> =
        (0..40).map(|at| world.ask(put([(format!("n{at}"), format!(r#"{{"n":{}}}"#, at % 10))].into_iter()))).collect();
    let fine: Vec<bool> = marks.into_iter().map(|mark| matches!(world.answer(mark), Outcome::Ok(_))).collect();
    assert_eq!(fine, (0..40).map(|at| at < 10).collect::<Vec<_>>());
    assert_eq!(world.rows(), 10);
}

#[test]
fn without_sparse_null_is_a_value_like_others() {
    let mut world = World::new(9);
    world.declare(vec![IndexSpec { sparse: false, ..unique(&["n", "m"]) }]);
    world.until_built();
    world.put(&[("a", "{}"), ("b", r#"{"n":1}"#)]).unwrap();
    assert_duplicate(world.put(&[("c", r#"{"m":null}"#)]), "c", "a");
    assert_duplicate(world.put(&[("c", r#"{"n":1}"#)]), "c", "b");
}

#[test]
fn what_devices_wrote_apart_is_kept_and_told_and_settled_by_a_write() {
    for seed in 10..20 {
        let mut world = World::of_two(seed);
        for who in [ALICE, BOB] {
            world.who = who;
            world.declare(vec![unique(&["email"])]);
        }
        world.until_in_step();
        for (who, id) in [(ALICE, "a"), (BOB, "b")] {
            world.network.cut_off(who, true);
            world.who = who;
            world.put(&[(id, r#"{"email":"x"}"#), (&format!("{id}1"), &format!(r#"{{"email":"{id}"}}"#))]).unwrap();
            world.told();
        }
        world.until_in_step();
        for (who, other) in [(ALICE, "b"), (BOB, "a")] {
            world.who = who;
            assert_eq!(world.told(), [other]);
            assert_eq!(world.conflicts(), [["a", "b"]]);
            assert_eq!(world.rows(), 4);
        }
        assert_duplicate(world.put(&[("c", r#"{"email":"x"}"#)]), "c", "a");
        world.put(&[("b", r#"{"email":"x","name":"may be edited"}"#)]).unwrap();
        world.put(&[("b", r#"{"email":"z"}"#)]).unwrap();
        world.until_in_step();
        for who in [ALICE, BOB] {
            world.who = who;
            assert_eq!((world.conflicts(), world.told()), (vec![], vec![]));
        }
    }
}

#[test]
fn building_a_unique_index_tells_of_what_is_there_twice() {
    let mut world = World::new(20);
    world.fill(2_500);
    world.declare(vec![unique(&["title"])]);
    world.until_built();
    assert_eq!(world.told().len(), 0);
    world.declare(vec![unique(&["n"])]);
    world.until_built();
    assert!(!world.told().is_empty());
    let conflicts = world.conflicts();
    assert_eq!(conflicts.len(), 7);
    assert_eq!(conflicts.iter().map(Vec::len).sum::<usize>(), 2_500);
    let asked = Command::IndexConflicts { collection: "notes".into(), index: "none".into() };
    assert_eq!(world.call(asked).unwrap_err().code, ErrorCode::IndexInvalid);
}
