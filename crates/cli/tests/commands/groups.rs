//! Two and more devices over a real relay.

use crate::relay::Relay;
use crate::tool::{Running, Tool};
use ashore_native::api::{Command, Event, Reply};
use ashore_native::{Database, Options};
use futures_util::StreamExt;
use serde_json::{Value, json};

fn on(relay: &Relay) -> Tool {
    let tool = beside(relay);
    tool.run(&["init"]).ok();
    tool
}

/// A fresh device, whose database is made by joining.
fn beside(relay: &Relay) -> Tool {
    // Whatever is written is at the relay when the command ends, however slow this computer is.
    Tool::new().with("ASHORE_RELAY", &relay.address()).with("ASHORE_FLUSH_MS", "600000")
}

/// An invite that waits, and its code.
fn invite(tool: &Tool, more: &[&str]) -> (Running, String) {
    let mut inviting = tool.start(&[&["invite"], more].concat());
    let code = inviting.line()["shortCode"].as_str().unwrap().to_owned();
    (inviting, code)
}

fn titles(tool: &Tool) -> Vec<Value> {
    tool.run(&["find", "notes"]).ok().into_iter().map(|line| line["value"]["title"].clone()).collect()
}

fn put(tool: &Tool, id: &str, title: &str) {
    tool.run(&["put", "notes", id, &json!({ "title": title }).to_string()]).ok();
}

#[test]
fn two_devices_pair_and_each_shows_what_both_wrote() {
    let relay = Relay::start();
    let (alice, bob) = (on(&relay), beside(&relay));
    put(&alice, "n1", "Milk");
    let (mut inviting, code) = invite(&alice, &["--device-name", "Alice"]);
    let joined = bob.run(&["join", &code, "--device-name", "Bob"]).ok();
    assert!(joined[0]["joined"].is_string(), "{joined:?}");
    assert_eq!(joined[1]["status"]["state"], json!("synced"));
    assert_eq!(inviting.line()["joined"]["name"], json!("Bob"));
    assert_eq!(inviting.end().code, Some(0));
    assert_eq!(titles(&bob), ["Milk"]);

    put(&bob, "n2", "Bread");
    put(&alice, "n3", "Eggs");
    for device in [&bob, &alice, &bob] {
        assert_eq!(device.run(&["sync"]).ok()[0]["status"]["state"], json!("synced"));
    }
    assert_eq!((titles(&alice), titles(&bob)), (vec!["Milk".into(), "Bread".into(), "Eggs".into()], titles(&alice)));

    // A code opens once, and a database is in one group.
    beside(&relay).run(&["join", &code]).failed(6, "invite.used");
    bob.run(&["join", &code]).failed(6, "group.already-joined");
    beside(&relay).run(&["join", "no code"]).failed(6, "invite.bad-code");
}

#[test]
fn a_watch_tells_what_another_device_writes() {
    let relay = Relay::start();
    let (alice, bob) = (on(&relay), beside(&relay));
    let (inviting, code) = invite(&alice, &[]);
    bob.run(&["join", &code]).ok();
    assert_eq!(inviting.end().code, Some(0));
    put(&alice, "n0", "Salt");
    // It has left with the command that wrote it.
    assert_eq!(alice.run(&["sync", "--status"]).ok()[0]["status"]["pending"], json!(0));
    alice.run(&["delete", "notes", "n0"]).ok();
    bob.run(&["sync"]).ok();
    let mut watch = bob.start(&["watch", "notes"]);
    assert_eq!(watch.line(), json!({ "event": "ready", "count": 0 }));
    put(&alice, "n1", "Milk");
    assert_eq!(watch.line(), json!({ "event": "added", "id": "n1", "value": { "title": "Milk" } }));
    put(&alice, "n1", "Oat milk");
    assert_eq!(watch.line(), json!({ "event": "changed", "id": "n1", "value": { "title": "Oat milk" } }));
    alice.run(&["delete", "notes", "n1"]).ok();
    assert_eq!(watch.line(), json!({ "event": "removed", "id": "n1" }));
}

#[test]
fn a_backup_stays_a_reader_and_keeps_a_copy() {
    let relay = Relay::start();
    let (alice, copy) = (on(&relay), beside(&relay));
    put(&alice, "n1", "Milk");
    copy.run(&["backup", "--once"]).failed(2, "cli.usage");
    let invited = alice.run(&["invite", "--role", "reader", "--no-wait"]).ok();
    // What `invite` prints may be piped to whoever joins.
    let said = copy.run_with(&["backup", "-", "--once"], &format!("{}\n", invited[0])).ok();
    assert!(said[0]["joined"].is_string() && said[1]["synced"].as_u64() > Some(0), "{said:?}");
    assert_eq!(titles(&copy), ["Milk"]);
    copy.run(&["put", "notes", "n9", "{}"]).failed(6, "group.not-allowed");
    copy.run(&["invite"]).failed(6, "group.not-allowed");

    put(&alice, "n2", "Bread");
    // As a service is started again, with the code of the first day.
    let mut backup = copy.start(&["backup", invited[0]["shortCode"].as_str().unwrap()]);
    let mut changed = backup.line()["changed"].as_u64().unwrap();
    put(&alice, "n3", "Eggs");
    // One came while nobody kept the copy, one comes now.
    while changed < 2 {
        changed += backup.line()["changed"].as_u64().unwrap();
    }
    #[cfg(unix)]
    {
        backup.interrupt();
        assert_eq!(backup.end().code, Some(0));
        assert_eq!(titles(&copy), ["Milk", "Bread", "Eggs"]);
    }
}

#[test]
fn a_backup_by_an_invite_for_writers_leaves_the_group_again() {
    let relay = Relay::start();
    let (alice, copy) = (on(&relay), beside(&relay));
    let (inviting, code) = invite(&alice, &["--role", "writer"]);
    copy.run(&["backup", &code, "--once"]).failed(6, "cli.not-a-reader");
    drop(inviting);
    alice.run(&["sync"]).ok();
    assert_eq!(alice.run(&["devices"]).ok().len(), 1);
    // Nothing of it is left.
    copy.run(&["backup"]).failed(2, "cli.usage");
}

#[test]
fn devices_are_listed_renamed_given_a_role_and_removed() {
    let relay = Relay::start();
    let (alice, bob) = (on(&relay), beside(&relay));
    let (inviting, code) = invite(&alice, &["--device-name", "Alice", "--uses", "2"]);
    bob.run(&["join", &code, "--device-name", "Bob"]).ok();
    drop(inviting);
    let members = bob.run(&["devices"]).ok();
    assert_eq!(members.iter().map(|member| &member["name"]).collect::<Vec<_>>(), ["Alice", "Bob"]);
    assert_eq!([&members[0]["me"], &members[1]["me"]], [&json!(false), &json!(true)]);
    assert_eq!(alice.run(&["devices", "--rename", "Kitchen"]).ok()[0]["name"], json!("Kitchen"));
    alice.run(&["sync"]).ok();
    assert_eq!(alice.run(&["devices", "--role", "Bob", "reader"]).ok()[1]["role"], json!("reader"));
    alice.run(&["devices", "--role", "Bob", "king"]).failed(2, "request.invalid");
    alice.run(&["devices", "--remove", "Carol"]).failed(2, "cli.usage");
    bob.run(&["sync"]).ok();
    bob.run(&["devices", "--remove", "Kitchen"]).failed(6, "group.not-allowed");
    assert_eq!(alice.run(&["devices", "--remove", "Bob"]).ok().len(), 1);
    bob.run(&["sync", "--timeout", "600"]).failed(6, "group.removed");
    bob.run(&["backup"]).failed(6, "group.removed");
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_an_invite_waits_ends_with_130_and_the_code_stays_open() {
    let relay = Relay::start();
    let (alice, bob) = (on(&relay), beside(&relay));
    let (inviting, code) = invite(&alice, &[]);
    inviting.interrupt();
    assert_eq!(inviting.end().code, Some(130));
    bob.run(&["join", &code]).ok();
    let (inviting, _) = invite(&alice, &["--ttl", "3"]);
    let nobody = inviting.end();
    nobody.failed(5, "request.timed-out");
    // Whoever joined by another invite before is not said to have joined by this one.
    assert_eq!(nobody.stdout, "");
}

#[test]
fn a_relay_that_is_away_ends_with_5_and_what_was_written_goes_later() {
    let mut relay = Relay::start();
    let alice = on(&relay);
    alice.run(&["sync"]).ok();
    relay.stop();
    let now = ["--flush-ms", "0"];
    alice.run(&[&now[..], &["put", "notes", "n1", "{}"]].concat()).ok();
    let away = alice.run(&[&now[..], &["sync", "--timeout", "5"]].concat());
    assert!(away.code == Some(5) && away.stderr.contains("ashore: "), "{away:?}");
    let status = alice.run(&[&now[..], &["sync", "--status"]].concat()).ok();
    let status = &status[0]["status"];
    assert_eq!((&status["connected"], &status["pending"]), (&json!(false), &json!(1)));
    assert_ne!(status["state"], json!("synced"));
    relay.start_again();
    assert_eq!(alice.run(&["sync"]).ok()[0]["status"]["pending"], json!(0));
    assert_eq!(alice.run(&["sync", "--off"]).ok()[0]["status"]["enabled"], json!(false));

    let nowhere = Tool::initialised();
    nowhere.run(&["sync"]).failed(5, "relay.invalid-address");
    nowhere.run(&["sync", "--relay", "https://example.org"]).failed(5, "relay.invalid-address");
}

#[test]
fn a_link_that_needs_approval_asks_and_joins_when_an_admin_says_yes() {
    let relay = Relay::start();
    let bob = beside(&relay);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The admin is a Rust program: this one.
        let alice = Database::open(Options::at(bob.path("alice")).secrets_in_files()).await.unwrap();
        alice.sync().enable(&relay.address(), "Alice").await.unwrap();
        let mut events = alice.events();
        for yes in [false, true] {
            let asked = Command::CreateApprovalInvite { ttl_seconds: 600, link_base: None, role: None, uses: None };
            let Reply::ApprovalInvite { link, .. } = alice.call(asked).await.unwrap() else { panic!("no invite") };
            // Whoever is tired of waiting comes again.
            bob.run(&["join", &link, "--device-name", "Bob", "--timeout", "0"]).failed(5, "request.timed-out");
            let mut joining = bob.start(&["join", &link, "--timeout", "600"]);
            let words = joining.line()["asked"]["words"].clone();
            let request = loop {
                let Event::Requests { requests } = events.next().await.unwrap() else { continue };
                if let Some(request) = requests.into_iter().find(|request| json!(request.words) == words) {
                    break request;
                }
            };
            assert_eq!(request.name, "Bob");
            let device = request.device;
            if yes {
                let approve = Command::ApproveRequest { device, role: "reader".into() };
                alice.call(approve).await.unwrap();
                assert!(joining.line()["joined"].is_string());
                assert_eq!(joining.line()["status"]["state"], json!("synced"));
                assert_eq!(joining.end().code, Some(0));
            } else {
                alice.call(Command::RejectRequest { device }).await.unwrap();
                joining.end().failed(6, "join-request.rejected");
            }
        }
        assert_eq!(alice.sync().devices().await.unwrap().len(), 2);
        alice.close().await;
    });
}
