//! How long the members of a group are worked out when its admins flood it with control entries against one another:
//! `cargo run --release -p ashore-protocol --example flood [entries at most]`
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "../tests/floods/mod.rs"]
mod floods;

use ashore_protocol::VerifiedEntry;
use ashore_protocol::membership::Membership;
use std::time::Instant;

fn main() {
    let only = std::env::args().nth(2);
    let most = std::env::args().nth(1).and_then(|most| most.parse().ok()).unwrap_or(8_000);
    for (what, flood) in
        floods::ALL.into_iter().filter(|(what, _)| only.as_ref().is_none_or(|only| what.contains(only)))
    {
        for size in [1_000, 2_000, 4_000, 8_000] {
            if size <= most {
                resolve(what, &flood(size));
            }
        }
    }
    for size in [500, 1_000, 2_000, 4_000, 8_000] {
        if size <= most && only.as_ref().is_none_or(|only| only == "arrive") {
            arrive(&floods::each_others_roles(size));
        }
    }
}

fn resolve(what: &str, all: &[VerifiedEntry]) {
    let began = Instant::now();
    let resolved = Membership::resolve(all[0].group(), all);
    let (took, members) = (began.elapsed(), resolved.membership.members().count());
    println!("{what}: {} entries, {members} members, {} ms", all.len(), took.as_millis());
}

/// One after another, by turns of the two admins: how a device or a relay hears of it that is connected all the time.
fn arrive(all: &[VerifiedEntry]) {
    let mut membership = Membership::new(all[0].group());
    let began = Instant::now();
    for entry in all {
        let _ = membership.take_in(entry);
    }
    println!("{} entries that arrive one by one: {} ms", all.len(), began.elapsed().as_millis());
}
