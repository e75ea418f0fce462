//! Where an engine stands, what becomes of one that hangs, how it ends when there is no time, and what is logged of all that.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::wait_for;
use ashore_native::api::{Command, Event, LogLevel, Reply};
use ashore_native::{Database, Engine, EngineState, ErrorCode, Options};
use folder::Folder;
use futures_util::StreamExt;
use futures_util::future::{FutureExt, join};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::{Duration, Instant};

fn options(folder: &Folder) -> Options {
    Options::at(folder.path("notes.ashore")).secrets_in_files()
}

async fn open(folder: &Folder) -> Database {
    Database::open(options(folder)).await.unwrap()
}

/// The engine that was left behind lets go of the file once it has noticed.
async fn open_when_let_go(folder: &Folder) -> Database {
    loop {
        match Database::open(options(folder)).await {
            Err(failure) if failure.code == ErrorCode::StoreLocked => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// Looks at an engine as one would who looks once a second for ten seconds.
fn look_for_ten_seconds(engine: &Engine) {
    for second in 0..=10 {
        drop(engine.check_as_if(Duration::from_secs(second)));
    }
}

#[test]
fn an_engine_that_hangs_is_left_behind_and_the_next_one_answers() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = open(&folder).await;
        let (engine, notes) = (database.engine(), database.collection::<Value>("notes"));
        notes.put("n1", &json!({ "n": 1 })).await.unwrap();
        let hangs = engine.hang().unwrap();
        let (written, ()) = join(notes.put("n2", &json!({ "n": 2 })), async {
            assert_eq!(engine.status().state, EngineState::Running);
            assert!(engine.check().now_or_never().is_none(), "it gives no sign of life");
            look_for_ten_seconds(&engine);
        })
        .await;
        written.unwrap();
        let status = engine.status();
        assert_eq!((status.state, status.restarts), (EngineState::Running, 1));
        assert_eq!(status.last_failure.unwrap().code, ErrorCode::HostDead);
        // It wakes up, and writes nothing over what its successor writes.
        drop(hangs);
        notes.put("n3", &json!({ "n": 3 })).await.unwrap();
        engine.check().await.unwrap();
        let mut ids = notes.list().await.unwrap();
        ids.sort();
        assert_eq!(ids, ["n1", "n2", "n3"]);
        database.close().await;
        let database = open_when_let_go(&folder).await;
        assert_eq!(database.collection::<Value>("notes").list().await.unwrap().len(), 3);
    });
}

#[test]
fn a_restart_leaves_an_engine_behind_and_the_database_unlocked() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = Database::open(options(&folder).passphrase("eleven grey herons")).await.unwrap();
        let (engine, notes) = (database.engine(), database.collection::<Value>("notes"));
        notes.put("n1", &json!({ "n": 1 })).await.unwrap();
        let hangs = engine.hang().unwrap();
        let (written, ()) = join(notes.put("n2", &json!({ "n": 2 })), async { engine.restart() }).await;
        written.unwrap();
        drop(hangs);
        engine.restart();
        assert_eq!(engine.status().state, EngineState::Failed);
        engine.restart();
        let mut ids = notes.list().await.unwrap();
        ids.sort();
        assert_eq!(ids, ["n1", "n2"]);
        assert_eq!((engine.status().state, engine.status().restarts), (EngineState::Running, 2));
        database.close().await;
        engine.restart();
        assert_eq!(engine.status().state, EngineState::Closed);
    });
}

#[test]
fn an_engine_that_lives_is_never_replaced() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let engine = database.engine();
        for second in 0..100 {
            engine.check_as_if(Duration::from_secs(second)).await.unwrap();
        }
        assert_eq!((engine.status().state, engine.status().restarts), (EngineState::Running, 0));
        assert!(engine.status().last_seen.is_some());
    });
}

#[test]
fn its_state_is_said_from_the_beginning_to_the_end() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = open(&folder).await;
        let engine = database.engine();
        assert_eq!(engine.status().state, EngineState::Running);
        let mut events = database.events();
        engine.break_now().unwrap();
        database.collection::<Value>("notes").put("n1", &json!({})).await.unwrap();
        while !matches!(events.next().await.unwrap(), Event::Error { .. }) {}
        let status = engine.status();
        assert_eq!((status.state, status.restarts), (EngineState::Running, 1));
        database.close().await;
        assert_eq!(engine.status().state, EngineState::Closed);
        assert_eq!(database.start().unwrap_err().code, ErrorCode::DatabaseClosed);
        assert!(engine.check().await.is_err());
    });
}

#[test]
fn closing_waits_for_a_relay_that_says_nothing_as_long_as_it_was_told_and_loses_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/v1/ws", silent.local_addr().unwrap());
    wait_for(async {
        let folder = Folder::fresh();
        let database = open(&folder).await;
        database.sync().enable(&address, "here").await.unwrap();
        database.collection::<Value>("notes").put("n1", &json!({})).await.unwrap();
        assert!(database.pause().await.unwrap() > 0);
        let began = Instant::now();
        database.engine().close_after(Duration::from_millis(300)).await;
        assert!(began.elapsed() >= Duration::from_millis(300), "it gave up before its time");
        let database = open(&folder).await;
        assert!(database.sync().fetch_status().await.unwrap().pending > 0);
        assert_eq!(database.collection::<Value>("notes").list().await.unwrap(), ["n1"]);
    });
}

#[test]
fn an_engine_that_is_being_closed_says_so_until_it_is() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let engine = database.engine();
        let hangs = engine.hang().unwrap();
        let mut closing = Box::pin(engine.close_after(Duration::from_millis(500)));
        assert!((&mut closing).now_or_never().is_none());
        assert_eq!(engine.status().state, EngineState::Stopping);
        drop(hangs);
        closing.await;
        assert_eq!(engine.status().state, EngineState::Closed);
    });
}

#[test]
fn the_log_says_what_happened_and_nothing_of_what_was_written() {
    const CANARY: &str = "cormorant";
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/{CANARY}", silent.local_addr().unwrap());
    wait_for(async {
        let folder = Folder::fresh();
        let options = Options::at(folder.path("cormorant.ashore")).secrets_in_files();
        let database = Database::open(options.passphrase("cormorant on a grey sea")).await.unwrap();
        let engine = database.engine();
        engine.set_log_level(LogLevel::Trace);
        let mut events = database.events();
        let watch = Command::WatchLogs { level: LogLevel::Trace };
        assert!(matches!(database.call(watch).await.unwrap(), Reply::Logs { .. }));
        let birds = database.collection::<Value>(CANARY);
        birds.put(CANARY, &json!({ "cormorant": CANARY })).await.unwrap();
        database.sync().enable(&address, CANARY).await.unwrap();
        assert!(birds.find(json!({ "$cormorant": CANARY })).rows().await.is_err());
        engine.break_now().unwrap();
        birds.put(CANARY, &json!({ "cormorant": 1 })).await.unwrap();
        database.lock().await.unwrap();
        assert!(birds.get(CANARY).await.is_err());
        let told = engine.logs(LogLevel::Trace);
        let said: Vec<String> = told.iter().map(|entry| format!("{}: {}", entry.area, entry.message)).collect();
        for wanted in [
            "engine: it runs",
            "engine: it has ended by itself",
            "store: rows are committed",
            "calls: a call failed",
            "relay: a connection is opened",
            "keys: the database is locked",
        ] {
            assert!(said.iter().any(|line| line == wanted), "{wanted} is missing: {said:#?}");
        }
        let died = told.iter().find(|entry| entry.message == "it has ended by itself").unwrap();
        assert_eq!((died.level, died.code), (LogLevel::Error, Some(ErrorCode::HostDead)));
        let live = loop {
            if let Event::Logged { entries } = events.next().await.unwrap() {
                break entries;
            }
        };
        assert!(!live.is_empty());
        let text = format!("{told:?} {live:?}");
        assert!(!text.contains(CANARY), "{text}");
        database.close().await;
    });
}

#[test]
fn whoever_comes_to_the_front_is_heard_by_an_engine_that_runs() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let engine = database.engine();
        engine.set_log_level(LogLevel::Trace);
        let came = || engine.logs(LogLevel::Trace).iter().filter(|entry| entry.message == "calls came").count();
        database.call(Command::Status {}).await.unwrap();
        let before = came();
        database.resume();
        // Its messages are taken in their order.
        engine.check().await.unwrap();
        database.call(Command::Status {}).await.unwrap();
        assert_eq!(came(), before + 2);
    });
}
