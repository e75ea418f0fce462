//! A document's past as an app meets it: whose a change is, conflicts, and undo that survives whatever happens to the device.

use ashore_engine::api::{Command, Durability, ErrorCode, Failure, HistoryChange, Reply, Write, WriteResult};
use ashore_engine::testing::Network;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;

struct World {
    network: Network,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        for name in ["alice", "bob", "carol"] {
            network.add_device(name);
        }
        Self { network }
    }

    fn found(&mut self) {
        let relay = Some("ws://relay.test/v1/ws".to_owned());
        self.call(ALICE, Command::EnableSync { relay, device_name: Some("Alice's".into()) }).unwrap();
    }

    fn join(&mut self, host: usize, who: usize, name: &str) {
        let invite = Command::CreateInvite { ttl_seconds: 600, link_base: None, role: None, uses: None };
        let Reply::Invite { short_code, .. } = self.call(host, invite).unwrap() else { panic!() };
        let relay = Some("ws://relay.test/v1/ws".to_owned());
        let join = Command::JoinInvite { invite: short_code, relay, device_name: Some(name.into()) };
        self.call(who, join).unwrap();
        self.in_step(&[host, who]);
    }

    fn in_step(&mut self, devices: &[usize]) {
        self.network.settle(devices);
    }

    fn call(&mut self, who: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(who, command)
    }

    fn write(&mut self, who: usize, write: Write) -> Result<WriteResult, Failure> {
        let command = Command::Write { writes: vec![write], durability: Durability::Strict, split: false };
        match self.call(who, command)? {
            Reply::Written { mut results, .. } => Ok(results.remove(0)),
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, who: usize, document: &str) {
        let (collection, ids, documents) = ("notes".into(), vec!["n1".into()], format!("[{document}]"));
        self.write(who, Write::Put { collection, ids, documents, bases: vec![None] }).unwrap();
    }

    fn revert(&mut self, who: usize, redo: bool) -> Result<bool, Failure> {
        let (collection, ids) = ("notes".into(), vec!["n1".into()]);
        match self.write(who, Write::Revert { collection, ids, versions: vec![vec![]], redo })? {
            WriteResult::Reverted { reverted } => Ok(reverted[0]),
            other => panic!("{other:?}"),
        }
    }

    fn get(&mut self, who: usize) -> String {
        match self.call(who, Command::Get { collection: "notes".into(), ids: vec!["n1".into()] }).unwrap() {
            Reply::Documents { documents, .. } => documents,
            other => panic!("{other:?}"),
        }
    }

    fn history(&mut self, who: usize) -> Vec<HistoryChange> {
        let command = Command::History { collection: "notes".into(), id: "n1".into(), before: None, limit: 0 };
        match self.call(who, command).unwrap() {
            Reply::History { changes, more: false } => changes,
            other => panic!("{other:?}"),
        }
    }

    /// Of each change, the oldest first, whose it is.
    fn writers(&mut self, who: usize) -> Vec<String> {
        let name = |change: &HistoryChange| match (&change.by.name, change.by.mine) {
            (Some(name), true) => format!("{name}, me"),
            (Some(name), false) => name.clone(),
            (None, true) => "me".to_owned(),
            (None, false) => "?".to_owned(),
        };
        self.history(who).iter().rev().map(name).collect()
    }

    fn reopen(&mut self, who: usize) {
        self.network.crash(who, false);
        self.network.open(who);
    }
}

#[test]
fn whose_a_change_is_is_known_on_all_devices_and_after_reopening() {
    let mut world = World::new(1);
    world.put(ALICE, r#"{"a":1}"#);
    assert_eq!(world.writers(ALICE), ["me"]);
    world.reopen(ALICE);
    world.put(ALICE, r#"{"a":2}"#);
    assert_eq!(world.writers(ALICE), ["me", "me"], "in a group or not");
    world.found();
    world.join(ALICE, BOB, "Bob's");
    world.put(BOB, r#"{"a":3}"#);
    world.in_step(&[ALICE, BOB]);
    world.reopen(BOB);
    world.in_step(&[ALICE, BOB]);
    world.put(BOB, r#"{"a":4}"#);
    world.in_step(&[ALICE, BOB]);
    assert_eq!(world.writers(ALICE), ["Alice's, me", "Alice's, me", "Bob's", "Bob's"]);
    world.reopen(ALICE);
    world.in_step(&[ALICE, BOB]);
    assert_eq!(world.writers(ALICE), ["Alice's, me", "Alice's, me", "Bob's", "Bob's"]);
    assert_eq!(world.writers(BOB), ["Alice's", "Alice's", "Bob's, me", "Bob's, me"]);
    world.join(ALICE, CAROL, "Carol's");
    assert_eq!(world.writers(CAROL), ["Alice's", "Alice's", "Bob's", "Bob's"]);
}

#[test]
fn what_a_member_took_along_from_elsewhere_is_nobodys_but_its_own() {
    let mut world = World::new(2);
    world.put(ALICE, r#"{"a":1}"#);
    world.found();
    world.join(ALICE, BOB, "Bob's");
    world.put(BOB, r#"{"a":2}"#);
    world.in_step(&[ALICE, BOB]);
    world.call(BOB, Command::DisableSync { forget: true }).unwrap();
    assert_eq!(world.writers(BOB), ["?", "me"]);
    let relay = Some("ws://relay.test/v1/ws".to_owned());
    world.call(BOB, Command::EnableSync { relay, device_name: Some("Bob's".into()) }).unwrap();
    world.join(BOB, CAROL, "Carol's");
    assert_eq!(world.writers(CAROL), ["?", "Bob's"]);
}

#[test]
fn undo_and_redo_travel_and_survive_a_crash() {
    let mut world = World::new(3);
    world.put(ALICE, r#"{"a":1,"b":1}"#);
    world.found();
    world.join(ALICE, BOB, "Bob's");
    world.put(ALICE, r#"{"a":2,"b":1}"#);
    world.in_step(&[ALICE, BOB]);
    world.put(BOB, r#"{"a":2,"b":2}"#);
    world.in_step(&[ALICE, BOB]);
    world.reopen(ALICE);
    assert_eq!(world.revert(ALICE, false), Ok(true));
    world.reopen(ALICE);
    world.in_step(&[ALICE, BOB]);
    for who in [ALICE, BOB] {
        assert_eq!(world.get(who), r#"[{"a":1,"b":2}]"#);
    }
    assert_eq!(world.revert(ALICE, true), Ok(true));
    assert_eq!(world.revert(BOB, true), Ok(false), "it was not his");
    assert_eq!(world.revert(BOB, false), Ok(true));
    world.in_step(&[ALICE, BOB]);
    for who in [ALICE, BOB] {
        assert_eq!(world.get(who), r#"[{"a":2,"b":1}]"#);
    }
}

#[test]
fn versions_that_are_none_are_refused_and_nothing_is_written() {
    let mut world = World::new(4);
    world.put(ALICE, r#"{"a":1}"#);
    for versions in [vec![vec!["no version".to_owned()]], vec![vec!["AAECAwQFBgc".to_owned()]]] {
        let (collection, ids) = ("notes".to_owned(), vec!["n1".to_owned()]);
        let failure = world.write(ALICE, Write::Revert { collection, ids, versions, redo: false }).unwrap_err();
        assert_eq!(failure.code, ErrorCode::DocumentUnknownVersion);
    }
    let write = Write::Revert { collection: "notes".into(), ids: vec!["n1".into()], versions: vec![], redo: false };
    assert_eq!(world.write(ALICE, write).unwrap_err().code, ErrorCode::RequestInvalid);
    assert_eq!(world.get(ALICE), r#"[{"a":1}]"#);
}
