//! A program that is killed while it writes: on reopening each batch is there whole or not at all, everything acknowledged is there, and what
//! waits to be sent is what was written.
//!
//! 30 kills in the ordinary run; `ASHORE_KILLS=1000` does more, `ASHORE_SEED=7` does others. The moments come from a seed that is printed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;
mod relay;

use ashore_engine::store::conformance::{Dice, wait_for};
use ashore_native::{Database, ErrorCode, Options};
use folder::Folder;
use futures_util::future::join_all;
use relay::Relay;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATH: &str = "ASHORE_TEST_WRITER_PATH";
const FIRST: &str = "ASHORE_TEST_WRITER_FIRST";
const KIND: &str = "ASHORE_TEST_WRITER_KIND";
/// Documents that one batch makes, beside the one of its lane that it changes.
const BATCH: u32 = 4;
/// Batches that are written at once, each in a lane.
const AT_ONCE: u32 = 4;
/// After so many kills the relay takes what waits, and another device gets it.
const ROUND: u32 = 10;
const LONG: Duration = Duration::from_secs(120);

/// How the database is written.
#[derive(Clone, Copy)]
struct Kind {
    sealed: bool,
    strict: bool,
}

impl Kind {
    fn name(self) -> String {
        let protection = if self.sealed { "encrypted" } else { "plain" };
        format!("{protection} {}", if self.strict { "strict" } else { "relaxed" })
    }

    fn options(self, path: &Path) -> Options {
        let options = Options::at(path).secrets_in_files();
        if self.sealed { options.encrypted() } else { options }
    }
}

/// A program that another test is just starting holds everything that is open here, until it is another program.
async fn open(kind: Kind, path: &Path) -> Database {
    loop {
        match Database::open(kind.options(path)).await {
            Err(failure) if failure.code == ErrorCode::StoreLocked => {}
            opened => return opened.unwrap(),
        }
    }
}

/// Pushes and pulls. An attempt that began while the relay was away may end afterwards.
async fn sync(device: &Database) {
    for _ in 0..100 {
        match device.sync().now_within(LONG).await {
            Err(failure) if failure.code == ErrorCode::RelayUnreachable => {}
            synced => {
                synced.unwrap();
                return;
            }
        }
    }
    panic!("the relay is there, and cannot be reached");
}

fn id(batch: u32, part: u32) -> String {
    format!("batch {batch:08} part {part}")
}

fn lane(batch: u32) -> String {
    format!("lane {}", batch % AT_ONCE)
}

/// The process that is killed: writes batches for ever and says which are acknowledged.
#[test]
#[ignore = "it is the process that another test starts and kills"]
fn writer() {
    let setting = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("only another test starts it"));
    let kind = Kind { sealed: setting(KIND).contains("encrypted"), strict: setting(KIND).contains("strict") };
    let (path, first) = (setting(PATH), setting(FIRST).parse::<u32>().unwrap());
    wait_for(async {
        let database = open(kind, Path::new(&path)).await;
        println!("\nopen");
        for round in 0.. {
            let batches = (0..AT_ONCE).map(|n| first + round * AT_ONCE + n);
            join_all(batches.map(|batch| {
                let mut writes = database.transaction();
                for part in 0..BATCH {
                    writes.put("log", id(batch, part), &json!({ "batch": batch, "of": "x".repeat(200) })).unwrap();
                }
                writes.put("log", lane(batch), &json!({ "batch": batch })).unwrap();
                async move {
                    if kind.strict { writes.commit_strict().await } else { writes.commit().await }.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {batch}").unwrap();
                    out.flush().unwrap();
                }
            }))
            .await;
        }
    });
}

/// When a writer is killed: so many acknowledgements after it opened, and a moment later.
struct Moment {
    acknowledgements: u64,
    spins: u64,
}

/// Runs the writer until that moment, kills it, and answers which batches it said were acknowledged.
fn write_until_killed(path: &Path, kind: Kind, first: u32, moment: &Moment) -> BTreeSet<u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["writer", "--exact", "--ignored", "--nocapture"])
        .env(PATH, path)
        .env(FIRST, first.to_string())
        .env(KIND, kind.name())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "open"), "the writer did not open the database");
    let mut said = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u32>().ok());
    let mut acknowledged: BTreeSet<u32> = said.by_ref().take(moment.acknowledgements as usize).collect();
    for _ in 0..moment.spins {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said until then; a line that was cut off by the kill was not said.
    acknowledged.extend(said);
    acknowledged
}

/// The device whose program is killed, another one of its group, and their relay.
struct World {
    folder: Folder,
    kind: Kind,
    seed: u64,
    relay: Relay,
    bob: Database,
    dice: Dice,
    /// The number of the next batch.
    next: u32,
    /// Batches that are there since everything was sent last.
    there: BTreeSet<u32>,
    acknowledged: usize,
}

impl World {
    async fn begin(kind: Kind, seed: u64) -> Self {
        let (folder, relay) = (Folder::fresh(), Relay::start());
        let alice = Database::open(kind.options(&folder.path("log.ashore"))).await.unwrap();
        alice.sync().enable(&relay.address(), "Alice").await.unwrap();
        let invite = alice.sync().create_invite().await.unwrap();
        let bob = Database::open(Options::in_memory()).await.unwrap();
        bob.sync().join_invite(&invite.short_code, &relay.address(), "Bob").await.unwrap();
        alice.sync().now_within(LONG).await.unwrap();
        alice.close().await;
        let (dice, there) = (Dice::seeded(seed), BTreeSet::new());
        Self { folder, kind, seed, relay, bob, dice, next: 0, there, acknowledged: 0 }
    }

    async fn open(&self) -> Database {
        open(self.kind, &self.folder.path("log.ashore")).await
    }

    /// Kills the writer so often, with the relay or without; then everything is sent, and both devices have the same.
    async fn round(&mut self, kills: u32, with_relay: bool) {
        if !with_relay {
            self.relay.stop();
        }
        let alice = self.open().await;
        let before = alice.sync().fetch_status().await.unwrap().pending;
        alice.close().await;
        for _ in 0..kills {
            self.kill().await;
            let alice = self.open().await;
            let pending = alice.sync().fetch_status().await.unwrap().pending;
            self.look(&alice).await;
            if !with_relay {
                let written = self.there.len() as u64 * u64::from(BATCH + 1);
                assert_eq!(pending, before + written, "{self:?}: what waits is what was written");
            }
            alice.close().await;
        }
        if !with_relay {
            self.relay.start_again();
        }
        let alice = self.open().await;
        self.both_have_the_same(&alice).await;
        // What was looked at need not be read again and again.
        let mut all = alice.transaction();
        alice.collection::<Value>("log").list().await.unwrap().iter().for_each(|id| all.delete("log", id));
        all.commit().await.unwrap();
        self.there.clear();
        self.both_have_the_same(&alice).await;
        alice.close().await;
    }

    async fn kill(&mut self) {
        let moment = Moment { acknowledgements: self.dice.roll(30), spins: self.dice.roll(100_000) };
        let acknowledged = write_until_killed(&self.folder.path("log.ashore"), self.kind, self.next, &moment);
        self.acknowledged += acknowledged.len();
        self.there.extend(acknowledged);
    }

    /// Every batch is whole, what was acknowledged is there, and each lane says its last batch.
    async fn look(&mut self, alice: &Database) {
        let rows: BTreeMap<String, Value> = alice.collection("log").all().rows().await.unwrap().into_iter().collect();
        let mut parts = BTreeMap::<u32, u32>::new();
        let mut lanes = BTreeMap::<String, u32>::new();
        for (key, document) in rows.iter().filter(|(key, _)| key.starts_with("batch")) {
            let batch: u32 = key[6..14].parse().unwrap();
            assert_eq!(document["batch"], json!(batch), "{self:?}: {key} has what was written");
            *parts.entry(batch).or_default() += 1;
            lanes.insert(lane(batch), batch);
        }
        assert!(parts.values().all(|parts| *parts == BATCH), "{self:?}: a batch is torn");
        let found: BTreeSet<u32> = parts.into_keys().collect();
        let lost: Vec<&u32> = self.there.difference(&found).collect();
        assert!(lost.is_empty(), "{self:?}: {lost:?} were acknowledged or read before, and are gone");
        for (lane, batch) in &lanes {
            assert_eq!(rows[lane]["batch"], json!(batch), "{self:?}: {lane} is of its last batch");
        }
        let mut findings = Vec::new();
        alice.check(|page| findings.extend(page.found.clone())).await.unwrap();
        assert!(findings.is_empty(), "{self:?}: {findings:?}");
        self.next = found.last().map_or(self.next, |last| last + 1);
        self.there = found;
    }

    async fn both_have_the_same(&self, alice: &Database) {
        sync(alice).await;
        assert_eq!(alice.sync().fetch_status().await.unwrap().pending, 0);
        sync(&self.bob).await;
        let [hers, his] = [alice, &self.bob].map(|device| device.collection::<Value>("log").all());
        let (hers, his) = (hers.rows().await.unwrap(), his.rows().await.unwrap());
        let lanes = self.there.iter().map(|batch| lane(*batch)).collect::<BTreeSet<_>>().len();
        assert_eq!(hers.len(), self.there.len() * BATCH as usize + lanes, "{self:?}");
        assert!(hers == his, "{self:?}: the other device has {} of {} documents", his.len(), hers.len());
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, seed {}, before batch {}", self.kind.name(), self.seed, self.next)
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// A part of the kills that were asked for; every third round the relay is there, so that kills fall between sending and what follows of it.
fn kill_and_look(kind: Kind, part: u32) {
    let kills = (setting("ASHORE_KILLS", 30) as u32).div_ceil(part);
    let seed = setting("ASHORE_SEED", 1);
    wait_for(async {
        let mut world = World::begin(kind, seed).await;
        let mut left = kills;
        for round in 0.. {
            let now = left.min(ROUND);
            world.round(now, round % 3 == 2).await;
            left -= now;
            if left == 0 {
                break;
            }
        }
        assert!(world.acknowledged > 0, "the writer was always killed before it wrote");
        println!(
            "{kills} kills, {}, seed {seed}: {} batches were acknowledged, none lost, none torn, all sent",
            kind.name(),
            world.acknowledged
        );
    });
}

#[test]
fn a_program_that_is_killed_while_it_writes_loses_nothing_acknowledged_and_tears_nothing() {
    kill_and_look(Kind { sealed: false, strict: true }, 1);
}

#[test]
fn a_program_that_is_killed_while_it_writes_relaxed_loses_nothing_acknowledged() {
    kill_and_look(Kind { sealed: false, strict: false }, 3);
}

#[test]
fn a_program_that_is_killed_while_it_writes_an_encrypted_database_loses_nothing() {
    kill_and_look(Kind { sealed: true, strict: true }, 3);
}

#[test]
fn a_program_that_is_killed_while_it_writes_an_encrypted_database_relaxed_loses_nothing() {
    kill_and_look(Kind { sealed: true, strict: false }, 3);
}

#[test]
fn a_database_whose_program_was_killed_can_be_opened_at_once() {
    let folder = Folder::fresh();
    let (path, kind) = (folder.path("log.ashore"), Kind { sealed: false, strict: true });
    write_until_killed(&path, kind, 0, &Moment { acknowledgements: 0, spins: 0 });
    wait_for(async {
        open(kind, &path).await.close().await;
    });
}
