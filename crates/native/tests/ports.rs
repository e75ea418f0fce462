//! A client listens nowhere. Alone in its program, so that no other test's sockets are in it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::wait_for;
use ashore_native::{Database, Options};
use folder::Folder;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::TcpListener;

/// TCP sockets on which this program listens, and UDP sockets that it has.
fn open_ports() -> usize {
    let own: BTreeSet<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|file| std::fs::read_link(file.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let listens = |table: &str, state: &str| {
        let lines = std::fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
        let of = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        lines.lines().skip(1).map(of).filter(|words| words[3] == state && own.contains(&words[9])).count()
    };
    listens("tcp", "0A") + listens("tcp6", "0A") + listens("udp", "07") + listens("udp6", "07")
}

#[test]
fn a_database_that_syncs_listens_on_no_port() {
    wait_for(async {
        let folder = Folder::fresh();
        let database = Database::open(Options::at(folder.path("notes.ashore")).secrets_in_files()).await.unwrap();
        let notes = database.collection::<serde_json::Value>("notes");
        let _watch = notes.all().watch().unwrap();
        notes.put("n1", &json!({ "title": "Milk" })).await.unwrap();
        // Something takes the connection and says nothing.
        let relay = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(open_ports(), 1, "this test's own is seen");
        let address = format!("ws://{}/v1/ws", relay.local_addr().unwrap());
        database.sync().enable(&address, "Alice").await.unwrap();
        let _connected = relay.accept().unwrap();
        notes.put("n2", &json!({ "title": "Bread" })).await.unwrap();
        assert_eq!(open_ports(), 1, "and nobody else's");
        drop(relay);
        assert_eq!(open_ports(), 0);
        database.close().await;
    });
}
