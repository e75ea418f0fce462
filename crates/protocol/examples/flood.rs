//! How long the members of a group are worked out when its admins flood it with removals. `cargo run --release -p ashore-protocol --example flood`
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, Role};
use ashore_protocol::keys::{KEM_KEY_BYTES, KemKey};
use ashore_protocol::membership::Membership;
use ashore_protocol::{DeviceId, EntryId, Epoch, SigningKey, Timestamp, VerifiedEntry};
use std::time::Instant;

fn key(number: u32) -> SigningKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    SigningKey::from_seed(&seed)
}

fn device(number: u32) -> DeviceId {
    key(number).device_id()
}

/// A group with so many admins, and the entry that admitted the last.
fn group(admins: u32) -> (Vec<VerifiedEntry>, EntryId) {
    let genesis =
        Control::Genesis { created_at: Timestamp::from_ms(1), nonce: [1; 16], sealed: Bytes::default(), kem: None };
    let mut all = vec![genesis.sign(&key(0), None, [], Epoch(0)).unwrap()];
    for number in 1..admins {
        let kem = KemKey::from_slice(&[1; KEM_KEY_BYTES]).unwrap();
        let (device, admitted_at) = (device(number), Timestamp::from_ms(2));
        let sealed = Bytes::default();
        let admit =
            Control::Admit { device, role: Role::Admin, admitted_at, kem, sealed: sealed.clone(), share: sealed };
        let (group, last) = (all[0].group(), all.last().unwrap().id());
        all.push(admit.sign(&key(0), Some(group), [last], Epoch(0)).unwrap());
    }
    let last = all.last().unwrap().id();
    (all, last)
}

/// Each of these devices changes the role of the other, so many times, knowing of nothing else.
fn against_each_other(all: &mut Vec<VerifiedEntry>, last: EntryId, (one, other): (u32, u32), times: u32) {
    let group = all[0].group();
    for (by, whom) in [(one, other), (other, one)] {
        let mut parent = last;
        for time in 0..times {
            let role = if time % 2 == 0 { Role::Writer } else { Role::Reader };
            let entry =
                Control::Role { device: device(whom), role }.sign(&key(by), Some(group), [parent], Epoch(0)).unwrap();
            parent = entry.id();
            all.push(entry);
        }
    }
}

fn measure(what: &str, all: &[VerifiedEntry]) {
    let began = Instant::now();
    let resolved = Membership::resolve(all[0].group(), all);
    let (took, members) = (began.elapsed(), resolved.membership.members().count());
    println!("{what}: {} entries, {members} members, {} ms", all.len(), took.as_millis());
}

fn main() {
    for times in [250, 500, 1_000, 2_000] {
        let (mut all, last) = group(3);
        against_each_other(&mut all, last, (1, 2), times);
        measure(&format!("two admins change each other's role {times} times"), &all);
    }
    for pairs in [25, 50, 100, 200] {
        let (mut all, last) = group(2 * pairs + 1);
        for pair in 0..pairs {
            against_each_other(&mut all, last, (2 * pair + 1, 2 * pair + 2), 1);
        }
        measure(&format!("{pairs} pairs of admins against each other"), &all);
    }
}
