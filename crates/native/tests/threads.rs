//! What is closed leaves no thread, however its engines came to their ends. Alone in its process: it counts all threads there are, as Linux tells of them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod folder;

use ashore_engine::store::conformance::wait_for;
use ashore_native::{Database, Options};
use folder::Folder;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const ROUNDS: usize = 60;
/// A thread that was told to end may be scheduled late.
const LONGEST: Duration = Duration::from_secs(60);

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn until_threads_are(count: usize) {
    let began = Instant::now();
    while threads() != count {
        assert!(began.elapsed() < LONGEST, "{} threads instead of {count}", threads());
        std::thread::yield_now();
    }
}

#[test]
fn databases_that_were_closed_leave_no_thread() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/v1/ws", silent.local_addr().unwrap());
    let before = threads();
    wait_for(async {
        let folder = Folder::fresh();
        for round in 0..ROUNDS {
            let options = Options::at(folder.path("notes.ashore")).secrets_in_files();
            let database = Database::open(options).await.unwrap();
            if round == 0 {
                database.sync().enable(&address, "here").await.unwrap();
            }
            let notes = database.collection::<Value>("notes");
            notes.put("n1", &json!({ "round": round })).await.unwrap();
            if round % 3 == 1 {
                database.engine().break_now().unwrap();
                notes.put("n2", &json!({ "round": round })).await.unwrap();
            }
            if round % 3 == 2 {
                database.engine().restart();
                notes.put("n2", &json!({ "round": round })).await.unwrap();
            }
            assert!(threads() > before, "an engine has a thread of its own");
            database.engine().close_after(Duration::ZERO).await;
            until_threads_are(before);
        }
    });
}
