//! Two devices on real files and a real relay over real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;
mod relay;

use ashore_engine::store::conformance::wait_for;
use ashore_native::api::{Event, SyncState};
use ashore_native::{Database, ErrorCode, InviteOptions, Options};
use folder::Folder;
use futures_util::StreamExt;
use relay::Relay;
use serde_json::{Value, json};
use std::time::Duration;

async fn open(folder: &Folder, name: &str) -> Database {
    Database::open(Options::at(folder.path(name)).secrets_in_files()).await.unwrap()
}

#[test]
fn two_devices_pair_by_invite_through_a_real_relay_and_converge() {
    let relay = Relay::start();
    wait_for(async {
        let folder = Folder::fresh();
        let [alice, bob] = [open(&folder, "alice.ashore").await, open(&folder, "bob.ashore").await];
        let [hers, his] = [&alice, &bob].map(|device| device.collection::<Value>("notes"));
        hers.put("n1", &json!({ "title": "Milk", "done": false })).await.unwrap();
        alice.sync().enable(&relay.address(), "Alice's computer").await.unwrap();
        let invite = alice.sync().create_invite().await.unwrap();
        bob.sync().join_invite(&invite.short_code, &relay.address(), "Bob's computer").await.unwrap();
        bob.sync().now().await.unwrap();
        assert_eq!(his.get("n1").await.unwrap(), Some(json!({ "title": "Milk", "done": false })));

        // Edits of different fields on both sides; the live one is heard without asking.
        let mut watch = hers.all().watch().unwrap();
        his.modify("n1", &json!({ "$set": { "done": true } })).await.unwrap();
        while watch.next().await.unwrap().unwrap()[0].1["done"] != json!(true) {}
        hers.modify("n1", &json!({ "$set": { "title": "Oat milk" } })).await.unwrap();
        his.put("n2", &json!({ "title": "Bread" })).await.unwrap();
        for device in [&alice, &bob, &alice] {
            assert_eq!(device.flush(Duration::from_secs(30)).await.unwrap(), 0);
            device.sync().now().await.unwrap();
        }
        bob.sync().now().await.unwrap();
        let all =
            [("n1".into(), json!({ "title": "Oat milk", "done": true })), ("n2".into(), json!({ "title": "Bread" }))];
        assert_eq!(hers.all().rows().await.unwrap(), all);
        assert_eq!(his.all().rows().await.unwrap(), all);
        assert_eq!(alice.sync().devices().await.unwrap().len(), 2);
        assert_eq!(alice.sync().fetch_status().await.unwrap().state, SyncState::Synced);

        // Opened again, both go on by themselves.
        alice.close().await;
        bob.close().await;
        let [alice, bob] = [open(&folder, "alice.ashore").await, open(&folder, "bob.ashore").await];
        let [hers, his] = [&alice, &bob].map(|device| device.collection::<Value>("notes"));
        hers.put("n3", &json!({ "title": "Eggs" })).await.unwrap();
        let mut watch = his.all().watch().unwrap();
        while watch.next().await.unwrap().unwrap().len() < 3 {}
        alice.close().await;
        bob.close().await;
    });
}

#[test]
fn an_edit_made_while_the_relay_is_away_arrives_when_it_is_back() {
    let mut relay = Relay::start();
    wait_for(async {
        let folder = Folder::fresh();
        let [alice, bob] = [open(&folder, "alice.ashore").await, open(&folder, "bob.ashore").await];
        alice.sync().enable(&relay.address(), "Alice").await.unwrap();
        let invite = alice.sync().create_invite().await.unwrap();
        bob.sync().join_invite(&invite.short_code, &relay.address(), "Bob").await.unwrap();
        bob.sync().now().await.unwrap();
        let mut events = alice.events();
        relay.stop();
        while !matches!(events.next().await.unwrap(), Event::Disconnected { .. }) {}
        alice.collection::<Value>("notes").put("n1", &json!({ "title": "Milk" })).await.unwrap();
        assert!(alice.sync().fetch_status().await.unwrap().pending > 0);
        relay.start_again();
        let mut watch = bob.collection::<Value>("notes").all().watch().unwrap();
        while watch.next().await.unwrap().unwrap().is_empty() {}
        alice.close().await;
        bob.close().await;
    });
}

#[test]
fn a_relay_that_is_not_there_is_a_typed_failure() {
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        // Nothing listens on the port of a relay that has gone.
        let address = Relay::start().address();
        let mut events = database.events();
        database.sync().enable(&address, "Alice").await.unwrap();
        let failure = loop {
            if let Event::Error { failure } = events.next().await.unwrap() {
                break failure;
            }
        };
        assert_eq!((failure.code, failure.retry), (ErrorCode::RelayUnreachable, true));
        assert_eq!(database.sync().fetch_status().await.unwrap().last_error, Some(failure));
        database.close().await;
    });
}

#[test]
fn members_are_invited_with_a_role_which_is_changed_and_removed() {
    let relay = Relay::start();
    wait_for(async {
        let folder = Folder::fresh();
        let names = ["alice.ashore", "bob.ashore", "carol.ashore"];
        let [alice, bob, carol] =
            [open(&folder, names[0]).await, open(&folder, names[1]).await, open(&folder, names[2]).await];
        alice.sync().enable(&relay.address(), "Alice").await.unwrap();
        let options = InviteOptions { role: "reader".into(), uses: 2, ..InviteOptions::default() };
        let invite = alice.sync().create_invite_with(options).await.unwrap();
        for (device, name) in [(&bob, "Bob"), (&carol, "Carol")] {
            device.sync().join_invite(&invite.short_code, &relay.address(), name).await.unwrap();
            let ready = device.sync().ready(Duration::from_secs(30)).await.unwrap();
            assert!(ready.group.is_some());
        }
        alice.sync().now().await.unwrap();
        let used = alice.sync().invites().await.unwrap();
        assert_eq!(used.iter().map(|known| (&known.id, known.open)).collect::<Vec<_>>(), [(&invite.id, false)]);
        let refused = bob.collection("notes").put("n1", &json!({})).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::GroupNotAllowed);

        let his = alice.sync().devices().await.unwrap().into_iter().find(|member| member.name == "Bob").unwrap().id;
        let members = alice.sync().change_role(&his, "writer").await.unwrap();
        assert_eq!(members.iter().map(|member| &*member.role).collect::<Vec<_>>(), ["admin", "writer", "reader"]);
        alice.sync().now().await.unwrap();
        bob.sync().now().await.unwrap();
        bob.collection("notes").put("n1", &json!({})).await.unwrap();
        bob.sync().now().await.unwrap();
        alice.sync().now_within(Duration::from_secs(30)).await.unwrap();
        assert_eq!(alice.collection("notes").get("n1").await.unwrap(), Some(json!({})));
        assert_eq!(bob.sync().rename_device("Bob's laptop").await.unwrap()[1].name, "Bob's laptop");
        carol.sync().leave().await.unwrap();
        carol.flush(Duration::from_secs(30)).await.ok();
        assert_eq!(alice.sync().remove_device(&his).await.unwrap().iter().filter(|member| member.id == his).count(), 0);
        alice.sync().now().await.unwrap();
        assert_eq!(alice.sync().devices().await.unwrap().len(), 1);
    });
}

#[test]
fn a_link_that_needs_approval_asks_and_an_admin_lets_in_or_says_no() {
    let relay = Relay::start();
    wait_for(async {
        let folder = Folder::fresh();
        let names = ["alice.ashore", "bob.ashore", "carol.ashore"];
        let [alice, bob, carol] =
            [open(&folder, names[0]).await, open(&folder, names[1]).await, open(&folder, names[2]).await];
        alice.collection("notes").put("n1", &json!({ "title": "Milk" })).await.unwrap();
        alice.sync().enable(&relay.address(), "Alice").await.unwrap();
        alice.sync().now().await.unwrap();
        let mut events = alice.events();
        let options = InviteOptions { role: "writer".into(), uses: 2, ..InviteOptions::default() };
        let invite = alice.sync().create_approval_invite(options).await.unwrap();
        let joined = bob.sync().join_invite(&invite.link, &relay.address(), "Bob").await.unwrap();
        let asked = joined.request.expect("it asks");
        let hers = carol.sync().request_to_join(&invite.link, None, "Carol").await.unwrap();

        let mut waiting = vec![];
        while waiting.len() < 2 {
            if let Event::Requests { requests } = events.next().await.unwrap() {
                waiting = requests;
            }
        }
        let his = waiting.iter().find(|request| request.name == "Bob").unwrap();
        assert_eq!((&his.words, &his.device, his.invite.as_ref()), (&asked.words, &asked.device, Some(&invite.id)));
        assert_eq!(alice.sync().approve(&asked.device, "writer").await.unwrap().len(), 2);
        assert!(alice.sync().reject(&hers.device).await.unwrap().is_empty());
        assert!(alice.sync().requests().await.unwrap().is_empty());

        assert_eq!(bob.sync().admitted().await.unwrap(), joined.group);
        bob.sync().ready(Duration::from_secs(30)).await.unwrap();
        assert_eq!(bob.collection("notes").get("n1").await.unwrap(), Some(json!({ "title": "Milk" })));
        assert_eq!(carol.sync().admitted().await.unwrap_err().code, ErrorCode::JoinRequestRejected);
        carol.sync().withdraw_request().await.unwrap();
        assert_eq!(carol.sync().admitted().await.unwrap_err().code, ErrorCode::JoinRequestMissing);
        let ticket = alice.sync().create_ticket(Some("https://example.org/notes".into())).await.unwrap();
        assert!(ticket.link.starts_with("https://example.org/notes#"));
    });
}
