//! Devices that meet on a channel, without the relay: what they share, with whom, and that all end with the same documents.

use crate::world::{ALICE, BOB, CAROL, World};
use ashore_engine::api::{
    AddressInfo, AddressKind, AddressState, Command, ErrorCode, Event, Failure, Reply, SyncState,
};
use ashore_protocol::ids::{EntryId, GroupId, PeerSession};
use ashore_protocol::peer::{self, PeerFrame};

const KITCHEN: &str = "channel:kitchen";

fn configure(world: &mut World, device: usize, channels: &[&str]) -> Result<Reply, Failure> {
    let channels = Some(channels.iter().map(ToString::to_string).collect());
    world.call(device, Command::ConfigureSync { auto: None, interval_ms: None, relays: None, channels })
}

/// Devices with these roles that all know the kitchen and have met there.
fn in_the_kitchen(roles: &[&str], seed: u64) -> World {
    let mut world = World::of(roles, seed);
    for device in 0..roles.len() {
        configure(&mut world, device, &[KITCHEN]).unwrap();
    }
    world.run(3_000);
    world
}

fn addresses(world: &mut World, device: usize) -> Vec<AddressInfo> {
    match world.call(device, Command::Addresses {}).unwrap() {
        Reply::Addresses { addresses } => addresses,
        other => panic!("{other:?}"),
    }
}

fn group(world: &World) -> GroupId {
    world.network.devices[ALICE].status.as_ref().unwrap().group.clone().unwrap().parse().unwrap()
}

/// What the relay's log holds.
fn entries(world: &World) -> Vec<Vec<u8>> {
    world.network.relay.entries(&group(world))
}

/// Whom a device meets in the kitchen, by their places.
fn met(world: &mut World, device: usize) -> Vec<usize> {
    let channel = addresses(world, device).into_iter().find(|address| address.address == KITCHEN).unwrap();
    let places = |id: &String| (0..world.network.devices.len()).find(|place| world.id(*place) == *id).unwrap();
    let mut met: Vec<usize> = channel.peers.iter().map(places).collect();
    met.sort_unstable();
    met
}

fn pending(world: &World, device: usize) -> u64 {
    world.network.devices[device].status.as_ref().unwrap().pending
}

/// How often a device told of a change by others to this note.
fn told_of(world: &World, device: usize, id: &str) -> usize {
    let told = |event: &Event| match event {
        Event::Changed { changes, .. } => {
            changes.iter().any(|change| change.remote && change.ids.iter().any(|each| each == id))
        }
        _ => false,
    };
    world.network.devices[device].events.iter().filter(|event| told(event)).count()
}

#[test]
fn devices_share_what_they_write_while_the_relay_is_down_and_it_gets_all_of_it_once() {
    let mut world = in_the_kitchen(&["admin", "writer", "writer"], 1);
    assert_eq!(met(&mut world, ALICE), [BOB, CAROL]);
    let before = world.head();
    world.network.stop_relay();
    world.network.trace = std::env::var_os("ASHORE_TRACE").is_some();
    for n in 0..20 {
        world.put(ALICE, &format!("a{n}"), n);
        world.put(BOB, &format!("b{n}"), n);
    }
    world.run(5_000);
    for device in [ALICE, BOB, CAROL] {
        for n in 0..20 {
            assert!(world.get(device, &format!("a{n}")).is_some(), "{device} has a{n}");
            assert!(world.get(device, &format!("b{n}")).is_some(), "{device} has b{n}");
        }
    }
    assert_eq!(told_of(&world, CAROL, "a7"), 1);
    assert_ne!(world.network.devices[ALICE].status.as_ref().unwrap().state, SyncState::Synced);
    world.network.start_relay();
    world.settle();
    // Each entry stands once, whoever gave it.
    assert!(world.head() - before <= 40);
    let ids = entries(&world);
    let once: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(once.len(), ids.len());
    assert_eq!(told_of(&world, CAROL, "a7"), 1, "what came by the channel is no change when it comes by the relay");
    assert_eq!(pending(&world, CAROL), 0);
}

#[test]
fn what_both_ways_bring_is_applied_once() {
    let mut world = in_the_kitchen(&["admin", "writer"], 2);
    let before = world.head();
    for n in 0..100 {
        world.put(ALICE, &format!("a{n}"), n);
        world.put(BOB, &format!("b{n}"), n);
        world.run(50);
    }
    world.settle();
    for n in 0..100 {
        assert_eq!(told_of(&world, BOB, &format!("a{n}")), 1);
        assert_eq!(told_of(&world, ALICE, &format!("b{n}")), 1);
        assert_eq!(world.changes(ALICE, &format!("b{n}")).len(), 1);
    }
    assert_eq!(world.head() - before, 200, "each entry stands once in the log");
}

#[test]
fn who_lost_its_network_hears_by_way_of_another() {
    let mut world = in_the_kitchen(&["admin", "writer", "writer"], 3);
    world.cut(CAROL, true);
    world.put(ALICE, "n1", 1);
    world.run(3_000);
    assert!(world.get(CAROL, "n1").is_some());
    world.put(CAROL, "n2", 2);
    // Carol's own way to the relay is cut: the others carry it there.
    world.settle_but(CAROL);
    world.run(20_000);
    assert_eq!(entries(&world).len() as u64, world.head());
    assert!(world.get(ALICE, "n2").is_some());
    world.cut(CAROL, false);
    world.settle();
    assert_eq!(pending(&world, CAROL), 0);
}

#[test]
fn a_long_absence_is_made_up_for_without_sending_what_is_there() {
    let mut world = in_the_kitchen(&["admin", "writer"], 4);
    for n in 0..300 {
        world.put(ALICE, &format!("old{n}"), n);
    }
    world.settle();
    configure(&mut world, BOB, &[]).unwrap();
    world.network.stop_relay();
    for n in 0..500 {
        world.put(ALICE, &format!("new{n}"), n);
        if n % 50 == 0 {
            world.put(BOB, &format!("mine{n}"), n);
        }
    }
    world.run(1_000);
    assert!(world.get(BOB, "new1").is_none());
    let said = world.network.channel_bytes;
    configure(&mut world, BOB, &[KITCHEN]).unwrap();
    world.run(60_000);
    for n in 0..500 {
        assert!(world.get(BOB, &format!("new{n}")).is_some(), "new{n}");
    }
    assert!(world.get(ALICE, "mine450").is_some());
    // 510 entries of about 400 bytes; the 300 from before would be half as much again.
    let said = world.network.channel_bytes - said;
    assert!(said < 510 * 520, "{said} bytes");
    world.network.start_relay();
    world.settle();
}

#[test]
fn a_frame_that_was_lost_delays_and_loses_nothing() {
    let mut world = in_the_kitchen(&["admin", "writer", "writer"], 5);
    world.network.stop_relay();
    world.network.faults.channel_loses = 3;
    for n in 0..30 {
        world.put(n % 3, &format!("n{n}"), 1);
        world.run(500);
    }
    world.run(300_000);
    world.network.faults.channel_loses = 0;
    world.run(120_000);
    for device in [ALICE, BOB, CAROL] {
        assert!((0..30).all(|n| world.get(device, &format!("n{n}")).is_some()), "{device}");
    }
}

#[test]
fn a_reader_gives_and_takes_nothing() {
    let mut world = in_the_kitchen(&["admin", "reader", "writer"], 6);
    world.put(ALICE, "n1", 1);
    world.settle();
    world.cut(BOB, true);
    world.put(ALICE, "n2", 2);
    world.run(30_000);
    assert!(world.get(CAROL, "n2").is_some());
    // What it would take it could not vouch for if its author were removed at the same time.
    assert!(world.get(BOB, "n2").is_none());
    world.cut(BOB, false);
    world.settle();
    assert!(world.get(BOB, "n2").is_some());
    // A writer that comes back gets it from the reader when nobody else is there.
    world.network.crash(CAROL, false);
    world.put(ALICE, "n3", 3);
    world.settle_but(CAROL);
    world.network.stop_relay();
    world.network.crash(ALICE, false);
    world.network.open(CAROL);
    world.run(60_000);
    assert!(world.get(CAROL, "n3").is_some());
}

#[test]
fn a_removed_device_is_told_nothing_once_the_others_know() {
    let mut world = in_the_kitchen(&["admin", "writer", "writer"], 7);
    world.cut(CAROL, true);
    world.remove(ALICE, CAROL);
    world.settle_but(CAROL);
    world.put(ALICE, "secret", 1);
    world.put(CAROL, "late", 1);
    world.run(60_000);
    assert!(world.get(CAROL, "secret").is_none());
    assert!(world.get(BOB, "late").is_none() && world.get(ALICE, "late").is_none());
    assert_eq!(met(&mut world, ALICE), [BOB]);
}

#[test]
fn what_a_device_gave_before_it_was_removed_stands_everywhere_once_somebody_has_taken_it() {
    let mut world = in_the_kitchen(&["admin", "writer", "writer", "writer"], 8);
    let dora = 3;
    // Carol reaches Bob only, by the channel; Alice and Dora are not there.
    configure(&mut world, ALICE, &[]).unwrap();
    configure(&mut world, dora, &[]).unwrap();
    world.cut(CAROL, true);
    world.cut(BOB, true);
    world.put(CAROL, "last", 1);
    world.run(3_000);
    assert!(world.get(BOB, "last").is_some());
    world.remove(ALICE, CAROL);
    world.run(3_000);
    world.cut(BOB, false);
    world.settle_but(CAROL);
    world.run(30_000);
    for device in [ALICE, BOB, dora] {
        assert!(world.get(device, "last").is_some(), "{device}");
    }
    assert_eq!(pending(&world, BOB), 0);
}

#[test]
fn a_stranger_who_knows_the_group_gets_nothing_and_gives_nothing() {
    let mut world = in_the_kitchen(&["admin", "writer"], 9);
    let group = group(&world);
    let (from, nonce) = (PeerSession([7; 16]), [8; 32]);
    let hello = PeerFrame::Hello { from, to: None, nonce, tag: peer::tag(group, &nonce) };
    world.network.overhear(ALICE);
    world.network.say_as_stranger(ALICE, &hello.encode());
    world.run(1_000);
    let said = world.network.overheard();
    let to_stranger = |frame: &PeerFrame| frame.to() == Some(from);
    let hello_back = said.iter().find_map(|frame| match frame {
        PeerFrame::Hello { from: alice, nonce, .. } if to_stranger(frame) => Some((*alice, *nonce)),
        _ => None,
    });
    let (alice, theirs) = hello_back.expect("a hello is answered");
    // It proves to be a device, which is no member.
    let key = ashore_protocol::SigningKey::from_seed(&[9; 32]);
    let proof = peer::PeerProof { group, from, to: alice, nonce: theirs };
    let proof = PeerFrame::Proof { from, to: alice, device: key.device_id(), signature: proof.sign(&key) };
    // And it says to be Bob, with another's signature.
    let bob: ashore_protocol::DeviceId = world.id(BOB).parse().unwrap();
    let forged = match proof.clone() {
        PeerFrame::Proof { from, to, signature, .. } => PeerFrame::Proof { from, to, device: bob, signature },
        _ => unreachable!(),
    };
    let want = PeerFrame::Want { from, to: alice, ids: vec![EntryId([1; 32])], have: vec![] };
    let tips = PeerFrame::Tips { from, to: alice, tips: vec![EntryId([1; 32])] };
    for frame in [proof, forged, want, tips, PeerFrame::Next { from, to: alice }] {
        world.network.say_as_stranger(ALICE, &frame.encode());
        world.run(500);
    }
    world.put(ALICE, "n", 1);
    world.run(30_000);
    let said = world.network.overheard();
    let served =
        |frame: &&PeerFrame| to_stranger(frame) && !matches!(frame, PeerFrame::Hello { .. } | PeerFrame::Proof { .. });
    assert_eq!(said.iter().filter(served).count(), 0);
    assert_eq!(met(&mut world, ALICE), [BOB]);
}

#[test]
fn a_member_that_gives_what_is_forged_is_heard_no_more_and_the_relay_goes_on() {
    let mut world = in_the_kitchen(&["admin", "writer"], 10);
    world.network.twist_channel = Some(Box::new(|frame| match frame {
        PeerFrame::Entries { from, to, entries, more } => {
            let entries = entries
                .into_iter()
                .map(|mut entry| {
                    let last = entry.0.len() - 1;
                    entry.0[last] ^= 1;
                    entry
                })
                .collect();
            PeerFrame::Entries { from, to, entries, more }
        }
        other => other,
    }));
    world.put(BOB, "n", 1);
    world.run(100);
    world.settle();
    // It came by the relay, which nobody blames.
    assert!(world.get(ALICE, "n").is_some());
    assert_eq!(met(&mut world, ALICE), Vec::<usize>::new());
    let blamed =
        |event: &Event| matches!(event, Event::Error { failure } if failure.code == ErrorCode::RelayMisbehaved);
    assert!(!world.network.devices[ALICE].events.iter().any(blamed));
}

#[test]
fn garbage_on_a_channel_changes_nothing() {
    let mut world = in_the_kitchen(&["admin", "writer"], 11);
    for length in 0..200 {
        let noise: Vec<u8> = (0..length).map(|_| world.random(256) as u8).collect();
        world.network.say_as_stranger(ALICE, &noise);
    }
    for number in 0..9_u8 {
        world.network.say_as_stranger(ALICE, &[0x82, number, 0x50]);
    }
    world.put(BOB, "n", 1);
    world.settle();
    assert!(world.get(ALICE, "n").is_some());
    assert_eq!(met(&mut world, ALICE), [BOB]);
}

#[test]
fn channels_are_listed_beside_relays_and_are_still_known_after_a_restart() {
    let mut world = in_the_kitchen(&["admin", "writer"], 12);
    world.network.crash(BOB, false);
    world.network.open(BOB);
    world.run(5_000);
    let listed = addresses(&mut world, BOB);
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[0].kind, listed[0].state), (AddressKind::Relay, AddressState::Open));
    assert_eq!((listed[1].kind, listed[1].state), (AddressKind::Channel, AddressState::Open));
    assert_eq!(listed[1].peers, [world.id(ALICE)]);
    world.network.crash(ALICE, true);
    world.run(70_000);
    assert!(addresses(&mut world, BOB)[1].peers.is_empty(), "who says nothing is not there");
    world.call(BOB, Command::DisableSync { forget: false }).unwrap();
    assert!(addresses(&mut world, BOB).iter().all(|address| address.state == AddressState::Closed));
}

#[test]
fn addresses_of_channels_are_checked() {
    let mut world = World::of(&["admin"], 13);
    let long = format!("channel:{}", "x".repeat(65));
    let bad = [vec!["kitchen"], vec!["channel:"], vec!["channel:a b"], vec![long.as_str()], vec![KITCHEN, KITCHEN]];
    let many: Vec<String> = (0..5).map(|n| format!("channel:{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for channels in bad.into_iter().chain([many]) {
        assert_eq!(configure(&mut world, ALICE, &channels).unwrap_err().code, ErrorCode::RequestInvalid);
    }
}
