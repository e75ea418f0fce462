//! When a device syncs, as the app sets it; what a write makes of what is to be sent; and that what waits for that is bounded.

use ashore_engine::api::{
    Command, DisconnectReason, DocumentState, Durability, ErrorCode, Event, Failure, Reply, SyncSettings, SyncState,
    TextEdit, Write,
};
use ashore_engine::testing::Network;

const ALICE: usize = 0;
const BOB: usize = 1;
const DEFAULT: SyncSettings =
    SyncSettings { auto: true, interval_ms: 300_000, relays: Vec::new(), channels: Vec::new() };

struct World {
    network: Network,
}

impl World {
    fn of_two(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        network.add_device("bob");
        let mut world = Self { network };
        world.network.found(ALICE);
        world.network.join(BOB, ALICE, "admin");
        world.settle();
        world
    }

    fn settle(&mut self) {
        self.network.settle_all();
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(device, command)
    }

    fn put(&mut self, device: usize, ids: &[String], text: &str) {
        let documents = format!("[{}]", vec![text; ids.len()].join(","));
        let write =
            Write::Put { collection: "notes".into(), ids: ids.to_vec(), documents, bases: vec![None; ids.len()] };
        self.call(device, Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false })
            .unwrap();
    }

    fn all(&mut self, device: usize) -> (Vec<String>, String) {
        let range = ashore_engine::api::IdRange::default();
        match self.call(device, Command::Scan { collection: "notes".into(), range }).unwrap() {
            Reply::Documents { ids, documents, more: false, .. } => (ids, documents),
            other => panic!("{other:?}"),
        }
    }

    fn configure(&mut self, auto: Option<bool>, interval_ms: Option<u64>) -> Result<SyncSettings, Failure> {
        match self.call(ALICE, Command::ConfigureSync { auto, interval_ms, relays: None, channels: None })? {
            Reply::SyncSettings { settings } => Ok(settings),
            other => panic!("{other:?}"),
        }
    }

    fn outbox(&mut self, device: usize) -> u32 {
        match self.call(device, Command::Diagnostics {}).unwrap() {
            Reply::Diagnostics { diagnostics } => diagnostics.outbox,
            other => panic!("{other:?}"),
        }
    }

    /// How often Alice was connected and disconnected since last asked.
    fn connections(&mut self) -> (usize, usize) {
        let events = std::mem::take(&mut self.network.devices[ALICE].events);
        let connected = events.iter().filter(|event| matches!(event, Event::Connected { .. })).count();
        let ended = |event: &&Event| matches!(event, Event::Disconnected { reason: DisconnectReason::Disabled });
        (connected, events.iter().filter(ended).count())
    }

    fn frames(&self) -> u64 {
        self.network.devices[ALICE].frames_sent
    }
}

fn id(n: usize) -> String {
    format!("n{n:04}")
}

#[test]
fn the_defaults_are_readable_and_what_is_set_is_stored() {
    let mut world = World::of_two(1);
    assert_eq!(world.configure(None, None).unwrap(), DEFAULT);
    let set = SyncSettings { auto: false, interval_ms: 60_000, relays: vec![], channels: vec![] };
    assert_eq!(world.configure(Some(false), Some(60_000)).unwrap(), set);
    world.network.crash(ALICE, false);
    world.network.open(ALICE);
    assert_eq!(world.configure(None, None).unwrap(), set);
    for wrong in [0, 999, 32 * 24 * 3_600_000] {
        assert_eq!(world.configure(Some(true), Some(wrong)).unwrap_err().code, ErrorCode::RequestInvalid);
    }
    assert_eq!(world.configure(None, None).unwrap(), set, "a wrong interval sets nothing");
}

#[test]
fn sync_that_is_not_automatic_makes_no_traffic_until_it_is_asked_for() {
    let mut world = World::of_two(2);
    world.configure(Some(false), None).unwrap();
    world.connections();
    let before = world.frames();
    world.put(ALICE, &[id(1)], "{}");
    world.call(ALICE, Command::Hint { hint: ashore_engine::api::Hint::Foreground }).unwrap();
    world.network.run_ms(7_200_000);
    assert_eq!((world.frames(), world.connections()), (before, (0, 0)));
    let status = world.network.devices[ALICE].status.clone().unwrap();
    assert_eq!((status.state, status.pending, status.retry_at), (SyncState::Offline, 1, None));
    world.put(BOB, &[id(2)], "{}");
    world.network.run_ms(5_000);
    let reply = world.call(ALICE, Command::SyncNow { timeout_ms: 30_000 }).unwrap();
    assert_eq!(reply, Reply::Synced { pushed: 1, pulled: 1 });
    assert_eq!(world.connections(), (1, 1), "and the connection ends when it is done");
    let after = world.frames();
    world.network.run_ms(7_200_000);
    assert_eq!(world.frames(), after);
    assert_eq!(world.configure(Some(true), None).unwrap(), DEFAULT);
    world.settle();
    assert_eq!(world.connections(), (1, 0), "it is honoured at once");
}

#[test]
fn the_relay_is_asked_for_news_at_the_interval_that_is_set() {
    let mut world = World::of_two(3);
    // Pings keep a connection alive every 20 seconds; what is counted is questions for news.
    let asked = |world: &mut World, ms: u64| {
        let before = world.network.devices[ALICE].pulls_sent;
        world.network.run_ms(ms);
        world.network.devices[ALICE].pulls_sent - before
    };
    asked(&mut world, 300_000);
    assert_eq!(asked(&mut world, 3_000_000), 10, "every five minutes unless told otherwise");
    world.configure(None, Some(60_000)).unwrap();
    assert_eq!(asked(&mut world, 600_000), 10, "a change is honoured at once");
    world.configure(None, Some(3_600_000)).unwrap();
    assert_eq!(asked(&mut world, 3_000_000), 0);
}

#[test]
fn fifty_thousand_offline_edits_wait_in_a_bounded_outbox_and_all_arrive() {
    let mut world = World::of_two(4);
    let cap = 500;
    world.network.cut_off(ALICE, true);
    world.network.bound_outbox(ALICE, cap);
    let (documents, at_once) = (1_000, 10);
    for edit in 0..50_000 / at_once {
        let ids: Vec<String> = (0..at_once).map(|n| id((edit * at_once + n) % documents)).collect();
        world.put(ALICE, &ids, &format!(r#"{{"edit":{edit}}}"#));
    }
    let waiting = world.outbox(ALICE) as usize;
    assert!(waiting >= cap && waiting <= cap + 1, "{waiting}");
    let state = world.call(ALICE, Command::DocumentStatus { collection: "notes".into(), id: id(7) }).unwrap();
    let waits = [DocumentState::Offline, DocumentState::Failed].map(|state| Reply::DocumentStatus { state });
    assert!(waits.contains(&state), "{state:?}");
    world.network.crash(ALICE, false);
    world.network.open(ALICE);
    world.network.cut_off(ALICE, false);
    world.settle();
    let all = world.all(ALICE);
    assert_eq!(all.0.len(), documents);
    assert_eq!(world.all(BOB), all);
    assert_eq!(world.outbox(ALICE), 0);
    // And from then on change by change again.
    world.put(ALICE, &[id(7)], r#"{"edit":"last"}"#);
    world.put(BOB, &[id(8)], r#"{"edit":"last"}"#);
    world.settle();
    assert_eq!(world.all(BOB), world.all(ALICE));
}

#[test]
fn edits_while_the_outbox_is_full_and_while_it_empties_all_arrive() {
    for seed in 10..40 {
        let mut world = World::of_two(seed);
        for device in [ALICE, BOB] {
            world.network.bound_outbox(device, 3);
        }
        for round in 0..40 {
            let device = usize::from(world.network.chance(2));
            match round % 8 {
                3 => world.network.cut_off(device, true),
                7 => world.network.cut_off(device, false),
                5 if world.network.chance(2) => {
                    world.network.crash(device, false);
                    world.network.open(device);
                    world.network.bound_outbox(device, 3);
                }
                _ => {}
            }
            let ids: Vec<String> = (0..3).map(|n| id((round * 7 + n * 3) % 9)).collect();
            world.put(device, &ids, &format!(r#"{{"round":{round}}}"#));
            if world.network.chance(3) {
                world.network.run_ms(200);
            }
        }
        for device in [ALICE, BOB] {
            world.network.cut_off(device, false);
        }
        world.settle();
        assert_eq!(world.all(BOB), world.all(ALICE), "seed {seed}");
    }
}

fn modify(ids: Vec<String>) -> Write {
    Write::Modify { collection: "notes".into(), ids, modifiers: r#"{"$inc":{"n":1}}"#.into() }
}

/// Every kind of write there is, one after another; none is repeated.
fn all_ways_to_write(versions: &[String]) -> Vec<Command> {
    let notes = || "notes".to_owned();
    let relaxed = Durability::Relaxed;
    let many: Vec<String> = (0..50).map(id).collect();
    let put = |ids: Vec<String>, text: &str| Write::Put {
        collection: notes(),
        documents: format!("[{}]", vec![text; ids.len()].join(",")),
        bases: vec![None; ids.len()],
        ids,
    };
    let text = |text: &str| format!(r#"{{"body":{{"$ashore":["text","{text}"]}}}}"#);
    let migrated = format!("[{}]", r#"{"$version":2,"first":"Ada"}"#);
    let writes = vec![
        vec![put(vec![id(900)], r#"{"n":1}"#)],
        vec![put(many.clone(), r#"{"n":1}"#)],
        vec![modify(vec![id(1)])],
        vec![
            put(vec![id(2)], r#"{"n":9}"#),
            modify(vec![id(3)]),
            Write::Delete { collection: notes(), ids: vec![id(4)] },
        ],
        vec![Write::Delete { collection: notes(), ids: vec![id(5), id(6)] }],
        vec![Write::Revert { collection: notes(), ids: vec![id(1)], versions: vec![vec![]], redo: false }],
        vec![put(vec![id(901)], &text("milk"))],
        vec![Write::Migrate {
            collection: notes(),
            ids: vec![id(800)],
            documents: migrated,
            bases: vec![Some(versions[0].clone())],
        }],
        vec![Write::Text {
            collection: notes(),
            id: id(801),
            path: "body".into(),
            base: versions[1].clone(),
            edits: vec![TextEdit::Update { text: "oat milk".into() }],
        }],
    ];
    let mut commands: Vec<_> =
        writes.into_iter().map(|writes| Command::Write { writes, durability: relaxed, split: false }).collect();
    commands.push(Command::UpdateMany {
        collection: notes(),
        query: r#"{"filter":{"n":1}}"#.into(),
        modifiers: r#"{"$inc":{"n":1}}"#.into(),
        durability: relaxed,
    });
    commands.push(Command::DeleteMany {
        collection: notes(),
        query: r#"{"filter":{"n":2}}"#.into(),
        durability: relaxed,
    });
    commands
}

#[test]
fn each_way_to_write_makes_one_record_of_what_is_to_be_sent() {
    let mut world = World::of_two(6);
    world.put(ALICE, &[id(800)], r#"{"name":"Ada"}"#);
    world.put(ALICE, &[id(801)], r#"{"body":"milk"}"#);
    world.settle();
    let get = Command::Get { collection: "notes".into(), ids: vec![id(800), id(801)] };
    let Reply::Documents { versions, .. } = world.call(ALICE, get).unwrap() else { panic!("another reply") };
    world.network.cut_off(ALICE, true);
    for (at, command) in all_ways_to_write(&versions).into_iter().enumerate() {
        let what = format!("{command:?}");
        world.call(ALICE, command).unwrap();
        assert_eq!(world.outbox(ALICE) as usize, at + 1, "after {what}");
    }
    let waiting = world.outbox(ALICE);
    let nothing = Write::Delete { collection: "notes".into(), ids: vec![id(7_000)] };
    for write in [nothing, modify(vec![id(7_000)])] {
        world
            .call(ALICE, Command::Write { writes: vec![write], durability: Durability::Strict, split: false })
            .unwrap();
        assert_eq!(world.outbox(ALICE), waiting, "what changes nothing is not sent");
    }
    world.network.cut_off(ALICE, false);
    world.settle();
    assert_eq!(world.outbox(ALICE), 0);
    assert_eq!(world.all(ALICE), world.all(BOB));
}

#[test]
fn what_arrived_is_never_sent_back() {
    let mut world = World::of_two(7);
    let entries = |world: &World| world.network.devices.iter().map(|device| device.status.clone().unwrap().head).max();
    let before = entries(&world).unwrap();
    for n in 0..100 {
        world.put(ALICE, &[id(n)], r#"{"by":"alice"}"#);
        world.put(BOB, &[id(50 + n)], r#"{"by":"bob"}"#);
    }
    world.settle();
    assert_eq!(entries(&world).unwrap() - before, 200, "an entry for each write and no other");
    world.network.run_ms(7_200_000);
    assert_eq!(
        entries(&world).unwrap() - before,
        202,
        "and none afterwards but each device's word of what it has seen"
    );
    assert_eq!(world.all(ALICE), world.all(BOB));
}
