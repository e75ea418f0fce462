//! The relay as its operator and its devices meet it: a process, a port, a log, a disk.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use ashore_protocol::frame::{FailureCode, Item, RelayFrame};
use common::*;
use std::process::Stdio;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn port_0_is_printed_and_a_probe_reaches_it() {
    let relay = start(&directory("probe"), &[]);
    let probe = program().args(["probe", &relay.url()]).output().unwrap();
    assert!(probe.status.success(), "{probe:?}");
    let found: serde_json::Value = serde_json::from_slice(&probe.stdout).unwrap();
    assert_eq!((found["status"].as_str(), found["protocol"].as_u64()), (Some("ok"), Some(1)));
    let (head, body) = relay.http("/health", "").await;
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(head.starts_with("http/1.1 200"));
    assert_eq!((health["status"].as_str(), health["version"].as_str()), (Some("ok"), Some(env!("CARGO_PKG_VERSION"))));
    let url = relay.url();
    relay.kill();
    assert!(!program().args(["probe", &url]).output().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_is_there_after_a_kill_in_the_middle_of_pushes() {
    let data = directory("kill");
    let (alice, mut relay) = (key(1), start(&data, &[]));
    let genesis = found(&alice);
    let group = genesis.group();
    assert_eq!(relay.connect(&alice).await.append(group, &[&genesis]).await, Some(vec![1]));
    let mut acknowledged = Vec::new();
    for round in 0..3u8 {
        let (sender, mut acks) = tokio::sync::mpsc::unbounded_channel();
        let pushers: Vec<_> = (0..8u8)
            .map(|n| tokio::spawn(push(relay.host.clone(), alice.clone(), [round, n], sender.clone())))
            .collect();
        drop(sender);
        for _ in 0..200 {
            acknowledged.push(acks.recv().await.unwrap());
        }
        relay.kill();
        while let Some(ack) = acks.recv().await {
            acknowledged.push(ack);
        }
        for pusher in pushers {
            pusher.await.unwrap();
        }
        relay = start(&data, &[]);
    }
    let log = relay.connect(&alice).await.read_all(group).await;
    assert!(log.iter().map(|(cursor, _)| *cursor).eq(1..=log.len() as u64), "no gap");
    for (cursor, bytes) in &acknowledged {
        assert_eq!(&log[*cursor as usize - 1].1, bytes, "at the cursor that was acknowledged");
    }
    assert!(acknowledged.len() >= 600);
}

/// Appends one entry after another until the relay is gone; hands on what was acknowledged.
async fn push(
    host: String,
    key: ashore_protocol::SigningKey,
    name: [u8; 2],
    acks: tokio::sync::mpsc::UnboundedSender<(u64, Vec<u8>)>,
) {
    let group = found(&key).group();
    let mut device = Device::connect(&host, &key).await;
    for n in 0u32.. {
        let entry = write(&key, group, [name.as_slice(), &n.to_be_bytes()].concat());
        let Some(cursors) = device.append(group, &[&entry]).await else { return };
        acks.send((cursors[0], entry.into_encoded())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_pushers_leave_no_gap_for_a_tailing_reader() {
    const PUSHERS: u64 = 50;
    const EACH: u64 = 40;
    let relay = start(&directory("tail"), &[]);
    let (alice, bob) = (key(1), key(2));
    let genesis = found(&alice);
    let group = genesis.group();
    let [invite, join] = admit(&alice, &bob, group);
    relay.connect(&alice).await.append(group, &[&genesis, &invite]).await.unwrap();
    let mut reader = relay.connect(&bob).await;
    reader.append(group, &[&join]).await.unwrap();
    assert!(matches!(reader.ask(&open(group)).await, Some(RelayFrame::Opened { .. })));
    let started = Instant::now();
    let pushers: Vec<_> = (0..PUSHERS)
        .map(|n| {
            let (host, alice) = (relay.host.clone(), alice.clone());
            tokio::spawn(async move {
                let mut device = Device::connect(&host, &alice).await;
                for m in 0..EACH {
                    device.append(group, &[&write(&alice, group, vec![n as u8, m as u8])]).await.unwrap();
                }
            })
        })
        .collect();
    let mut next = 1;
    while next <= 3 + PUSHERS * EACH {
        let items = match reader.next().await.unwrap() {
            RelayFrame::Page { items, more: false, .. } | RelayFrame::Live { items, .. } => items,
            other => panic!("{other:?}"),
        };
        for item in items {
            assert_eq!(item.cursor().get(), next);
            assert_eq!(matches!(item, Item::Own { .. }), next == 3, "only the join is the reader's own");
            next += 1;
        }
    }
    println!("{} pushes by {PUSHERS} connections, one at a time each: {:?}", PUSHERS * EACH, started.elapsed());
    for pusher in pushers {
        pusher.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_served_nothing() {
    let relay = start(&directory("stranger"), &[]);
    let (alice, stranger) = (key(1), key(9));
    let genesis = found(&alice);
    let group = genesis.group();
    relay.connect(&alice).await.append(group, &[&genesis]).await.unwrap();
    let mut device = relay.connect(&stranger).await;
    for frame in [open(group), append(group, &[&genesis]), append(group, &[&write(&stranger, group, vec![1])])] {
        let answer = device.ask(&frame).await;
        assert!(matches!(answer, Some(RelayFrame::Failed { code: FailureCode::NotAMember, .. })), "{answer:?}");
    }
    assert_eq!(relay.connect(&alice).await.read_all(group).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_ends_the_connection() {
    let relay = start(&directory("text"), &[]);
    let mut device = relay.connect(&key(1)).await;
    device.send_text("hello").await;
    assert!(matches!(device.next().await, Some(RelayFrame::Failed { code: FailureCode::BadFrame, request: None, .. })));
    assert_eq!(device.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_loses_nothing_that_was_acknowledged() {
    let data = directory("stop");
    let (alice, relay) = (key(1), start(&data, &[]));
    let genesis = found(&alice);
    let group = genesis.group();
    let mut idle = relay.connect(&alice).await;
    idle.append(group, &[&genesis]).await.unwrap();
    let (sender, mut acks) = tokio::sync::mpsc::unbounded_channel();
    let pusher = tokio::spawn(push(relay.host.clone(), alice.clone(), [0, 0], sender));
    let mut acknowledged = vec![acks.recv().await.unwrap()];
    relay.terminate();
    while let Some(ack) = acks.recv().await {
        acknowledged.push(ack);
    }
    pusher.await.unwrap();
    let goodbye = idle.next().await;
    assert!(
        matches!(goodbye, Some(RelayFrame::Failed { code: FailureCode::ShuttingDown, retry: true, .. })),
        "{goodbye:?}"
    );
    assert_eq!(idle.next().await, None);
    assert_eq!(relay.wait().code(), Some(0));
    let relay = start(&data, &[]);
    let log = relay.connect(&alice).await.read_all(group).await;
    for (cursor, bytes) in &acknowledged {
        assert_eq!(&log[*cursor as usize - 1].1, bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_json_and_hold_no_payload() {
    let data = directory("log");
    let relay = start(&data, &["--log-level", "trace", "--log-format", "json"]);
    let alice = key(1);
    let genesis = found(&alice);
    let group = genesis.group();
    let mut device = relay.connect(&alice).await;
    let canary = write(&alice, group, b"quetzalcoatlus".to_vec());
    device.append(group, &[&genesis, &canary]).await.unwrap();
    let path = relay.log.clone();
    relay.terminate();
    assert_eq!(relay.wait().code(), Some(0));
    let log = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"] == "group created" && line["group"] == group.short()));
    assert!(!log.contains("quetzalcoatlus") && !log.contains(&group.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_served_with_their_types_and_navigations_get_the_app() {
    let (data, pages) = (directory("pages"), directory("site"));
    std::fs::create_dir_all(pages.join("assets")).unwrap();
    std::fs::write(pages.join("index.html"), "<title>the app</title>").unwrap();
    std::fs::write(pages.join("assets/engine-1a2b3c4d.wasm"), b"\0asm").unwrap();
    std::fs::write(pages.join("sw.js"), "self").unwrap();
    let relay = start(&data, &["--pages", pages.to_str().unwrap()]);
    let html = "accept: text/html\r\n";
    let (head, body) = relay.http("/", html).await;
    assert!(head.contains("content-type: text/html") && head.contains("cache-control: no-cache"), "{head}");
    assert_eq!(body, "<title>the app</title>");
    let (head, _) = relay.http("/assets/engine-1a2b3c4d.wasm", "").await;
    assert!(head.contains("content-type: application/wasm") && head.contains("immutable"), "{head}");
    let (head, _) = relay.http("/sw.js", "").await;
    assert!(head.contains("javascript") && head.contains("cache-control: no-cache"), "{head}");
    let (head, body) = relay.http("/lists/42", html).await;
    assert!(head.starts_with("http/1.1 200") && body.contains("the app"), "{head}");
    for (path, headers) in [("/lists/42", ""), ("/assets/gone.js", html), ("/../relay.sqlite", html)] {
        let (head, _) = relay.http(path, headers).await;
        assert!(head.starts_with("http/1.1 4"), "{path}: {head}");
        assert!(!head.contains("immutable"));
    }
    let (head, _) = relay.http("/health", html).await;
    assert!(head.contains("application/json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_allowed_origins_connect() {
    let relay = start(&directory("origin"), &["--origin", "https://app.example"]);
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (head, _) = relay.http("/v1/ws", &format!("{upgrade}origin: https://evil.example\r\n")).await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
    relay.connect(&key(1)).await;
}

#[test]
fn a_second_relay_on_the_same_data_does_not_start() {
    let data = directory("twice");
    let _relay = start(&data, &[]);
    let second = program().args(["--port", "0", "--data"]).arg(&data).stdin(Stdio::null()).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("locked"), "{second:?}");
}

#[test]
fn flags_override_the_environment_which_overrides_the_file_which_overrides_defaults() {
    let file = directory("config").join("relay.toml");
    std::fs::write(&file, "port = 1001\nheartbeat_seconds = 11\nlog_level = \"warn\"\norigins = [\"https://file\"]\n")
        .unwrap();
    let settings = |with_file: bool, environment: &[(&str, &str)], flags: &[&str]| {
        let mut command = program();
        command.envs(environment.iter().copied()).arg("config").args(flags);
        if with_file {
            command.arg("--config").arg(&file);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let environment = [("ASHORE_RELAY_PORT", "1002"), ("ASHORE_RELAY_LOG_LEVEL", "error")];
    let matrix = [
        (settings(false, &[], &[]), 7420, "info", 30),
        (settings(true, &[], &[]), 1001, "warn", 11),
        (settings(false, &environment, &[]), 1002, "error", 30),
        (settings(true, &environment, &[]), 1002, "error", 11),
        (settings(true, &environment, &["--port", "1003"]), 1003, "error", 11),
        (settings(true, &environment, &["--log-level", "debug", "--heartbeat-seconds", "5"]), 1002, "debug", 5),
        (settings(false, &[], &["-v"]), 7420, "debug", 30),
    ];
    for (settings, port, level, heartbeat) in matrix {
        assert_eq!(settings["port"], port, "{settings}");
        assert_eq!(settings["log_level"], level, "{settings}");
        assert_eq!(settings["heartbeat_seconds"], heartbeat, "{settings}");
        assert_eq!(settings["bind"], "127.0.0.1");
    }
    let origins = settings(true, &[("ASHORE_RELAY_ORIGINS", "[\"https://env\"]")], &[]);
    assert_eq!(origins["origins"][0], "https://env");
    assert_eq!(settings(true, &[], &["--origin", "https://flag"])["origins"][0], "https://flag");
}

#[test]
fn a_setting_that_nobody_knows_is_refused() {
    let file = directory("typo").join("relay.toml");
    std::fs::write(&file, "prot = 1\n").unwrap();
    let output = program().arg("config").arg("--config").arg(&file).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("prot"), "{output:?}");
    let output = program().arg("config").args(["--config", "/nowhere.toml"]).output().unwrap();
    assert!(!output.status.success());
}
