//! An engine that breaks: the program goes on, calls are answered by the next engine, and nothing acknowledged is lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::wait_for;
use ashore_native::api::Event;
use ashore_native::{Database, ErrorCode, Options};
use folder::Folder;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Instant;

#[test]
fn an_engine_that_breaks_a_hundred_times_is_replaced_a_hundred_times() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = Database::open(Options::at(folder.path("notes.ashore")).secrets_in_files()).await.unwrap();
        let notes = database.collection::<Value>("notes").strict();
        let mut events = database.events();
        let mut times = Vec::new();
        for n in 0..100_u32 {
            notes.put(format!("before {n}"), &json!({ "n": n })).await.unwrap();
            database.engine().break_now().unwrap();
            let began = Instant::now();
            // The engine that is asked breaks over it; the next one answers, once.
            notes.put(format!("through {n}"), &json!({ "n": n })).await.unwrap();
            times.push(began.elapsed());
            let broke = loop {
                if let Event::Error { failure } = events.next().await.unwrap() {
                    break failure;
                }
            };
            assert_eq!(broke.code, ErrorCode::HostDead);
        }
        let ids = notes.list().await.unwrap();
        assert_eq!(ids.len(), 200);
        database.close().await;
        times.sort();
        println!("100 recoveries, from the break to the next answer: p50 {:?}, p99 {:?}", times[50], times[99]);
    });
}

#[test]
fn an_unlocked_database_and_its_watches_come_through_a_break() {
    wait_for(async {
        let folder = Folder::fresh();
        let options = Options::at(folder.path("notes.ashore")).secrets_in_files().passphrase("eleven grey herons");
        let database = Database::open(options).await.unwrap();
        let notes = database.collection::<Value>("notes");
        notes.put("n1", &json!({ "n": 1 })).await.unwrap();
        let mut watch = notes.all().watch().unwrap();
        assert_eq!(watch.next().await.unwrap().unwrap().len(), 1);
        database.engine().break_now().unwrap();
        notes.put("n2", &json!({ "n": 2 })).await.unwrap();
        while watch.next().await.unwrap().unwrap().len() < 2 {}
        database.close().await;
    });
}

#[test]
fn a_call_that_breaks_two_engines_fails_and_the_next_one_is_answered() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = Database::open(Options::at(folder.path("notes.ashore")).secrets_in_files()).await.unwrap();
        let engine = database.engine();
        let notes = database.collection::<Value>("notes");
        notes.put("n1", &json!({ "n": 1 })).await.unwrap();
        engine.break_every(true);
        engine.break_now().unwrap();
        let failure = notes.put("n2", &json!({ "n": 2 })).await.unwrap_err();
        assert_eq!((failure.code, failure.retry), (ErrorCode::HostDead, true));
        engine.break_every(false);
        notes.put("n3", &json!({ "n": 3 })).await.unwrap();
        assert!(notes.list().await.unwrap().contains(&"n1".to_owned()));
        database.close().await;
    });
}
