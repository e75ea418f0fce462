//! What is measured in programs of its own: this one, started again.

use super::{document, id, millis, percentiles};
use ashore_engine::store::conformance::wait_for;
use ashore_native::{Database, Options};
use ashore_relay::config::{Config, Flags};
use ashore_relay::server;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SYNCED: u32 = 10_000;
const BREAKS: u32 = 100;
const LONG: Duration = Duration::from_secs(300);

/// Whether this is one of the other programs; it has done its work then.
pub(crate) fn is_another() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--idle", path] => idle(path),
        ["--relay", data] => relay(data),
        _ => return false,
    }
    true
}

fn another(words: [&str; 2]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Resident memory of this program in megabytes, where the system tells it.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0
}

/// Opens a database and says what memory it takes: before, with it open, after one document was read, after all were.
fn idle(path: &str) {
    let before = resident();
    wait_for(async {
        let database = Database::open(Options::at(path).secrets_in_files()).await.unwrap();
        let documents = database.collection::<Value>("documents");
        let open = resident();
        documents.get(&id(77)).await.unwrap().unwrap();
        let read = resident();
        assert!(documents.all().count().await.unwrap() > 0);
        println!("{before:.1} | {open:.1} | {read:.1} | {:.1}", resident());
        database.close().await;
    });
}

/// What programs that do nothing but hold a database take.
pub(crate) fn memory(folder: &Path) {
    println!("| memory in MB | before it is opened | open | one document read | all were counted |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for documents in [10_000, 100_000] {
        for sealed in [false, true] {
            let protection = if sealed { "encrypted" } else { "plain" };
            let path = folder.join(format!("idle-{documents}-{protection}.ashore"));
            fill(&path, sealed, documents);
            let mut idle = another(["--idle", path.to_str().unwrap()]);
            let mut said = String::new();
            idle.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            idle.wait().unwrap();
            println!("| {documents} documents, {protection} | {} |", said.trim());
        }
    }
}

fn fill(path: &Path, sealed: bool, documents: u32) {
    wait_for(async {
        let options = Options::at(path).secrets_in_files();
        let database = Database::open(if sealed { options.encrypted() } else { options }).await.unwrap();
        let all = database.collection::<Value>("documents");
        for first in (0..documents).step_by(10_000) {
            all.put_many((first..first + 10_000).map(|n| (id(n), document(n)))).await.unwrap();
        }
        database.close().await;
    });
}

fn relay(data: &str) {
    let flags = Flags { data: Some(data.into()), port: Some(0), ..Flags::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(server::run(Config::load(&flags).unwrap())).unwrap();
}

/// A device that has nothing joins a group with 10,000 documents, through a relay that is a program of its own.
pub(crate) fn first_sync(folder: &Path) {
    let mut relay = another(["--relay", folder.join("relay").to_str().unwrap()]);
    let lines = BufReader::new(relay.stdout.take().unwrap()).lines();
    let mut addresses = lines.map_while(Result::ok).filter_map(|line| {
        let (_, address) = line.split_once("listening on http://")?;
        Some(format!("ws://{}/v1/ws", address.trim()))
    });
    let address = addresses.next().unwrap();
    let path = folder.join("synced.ashore");
    fill(&path, false, SYNCED);
    wait_for(async {
        let alice = Database::open(Options::at(path).secrets_in_files()).await.unwrap();
        let began = Instant::now();
        alice.sync().enable(&address, "Alice").await.unwrap();
        alice.sync().now_within(LONG).await.unwrap();
        println!("first sync of {SYNCED}, the device that has them: {}", millis(began.elapsed()));
        for sealed in [false, true] {
            let code = alice.sync().create_invite().await.unwrap().short_code;
            let options = Options::at(folder.join(format!("fresh-{sealed}.ashore"))).secrets_in_files();
            let began = Instant::now();
            let bob = Database::open(if sealed { options.encrypted() } else { options }).await.unwrap();
            bob.sync().join_invite(&code, &address, "Bob").await.unwrap();
            let joined = began.elapsed();
            bob.sync().ready(LONG).await.unwrap();
            let ready = began.elapsed();
            assert_eq!(bob.collection::<Value>("documents").all().count().await.unwrap(), u64::from(SYNCED));
            let times = [joined, ready].map(millis).join(" / ");
            println!(
                "first sync of {SYNCED}, a fresh device, encrypted: {sealed}: joined / has everything, durable: {times}"
            );
            bob.close().await;
        }
        alice.close().await;
    });
    relay.kill().unwrap();
    relay.wait().unwrap();
}

/// From the break to the answer of the next call.
pub(crate) fn recoveries(folder: &Path) {
    // A hundred times the same words.
    std::panic::set_hook(Box::new(|_| {}));
    for name in ["idle-10000-plain.ashore", "idle-10000-encrypted.ashore"] {
        wait_for(async {
            let database = Database::open(Options::at(folder.join(name)).secrets_in_files()).await.unwrap();
            let documents = database.collection::<Value>("documents").strict();
            let mut times = Vec::new();
            for n in 0..BREAKS {
                documents.put("last", &json!({ "n": n })).await.unwrap();
                database.engine().break_now().unwrap();
                let began = Instant::now();
                documents.put("last", &json!({ "n": n, "again": true })).await.unwrap();
                times.push(began.elapsed());
            }
            database.close().await;
            let told = percentiles("", times).told;
            println!("{BREAKS} recoveries, {name}: p50 / p99: {told}");
        });
    }
}
