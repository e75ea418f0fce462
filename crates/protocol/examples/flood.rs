//! How long the members of a group are worked out when its admins flood it with control entries against one another:
//! `cargo run --release -p ashore-protocol --example flood [entries at most] [kinds whose names contain this]`
//! and, where they come one by one, `... --example flood 8000 "change each other" arrive`
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "../tests/floods/mod.rs"]
mod floods;

use ashore_protocol::VerifiedEntry;
use ashore_protocol::membership::Membership;
use std::time::Instant;

fn main() {
    let mut args = std::env::args().skip(1);
    let most = args.next().and_then(|most| most.parse().ok()).unwrap_or(8_000);
    let only = args.next().unwrap_or_default();
    let tell = if args.next().is_some() { arrive } else { resolve };
    for (what, flood) in floods::ALL.into_iter().filter(|(what, _)| what.contains(&only)) {
        for size in [1_000, 2_000, 4_000, 8_000].into_iter().filter(|size| *size <= most) {
            tell(what, &flood(size));
        }
    }
}

fn resolve(what: &str, all: &[VerifiedEntry]) {
    let began = Instant::now();
    let resolved = Membership::resolve(all[0].group(), all);
    let (took, members) = (began.elapsed(), resolved.membership.members().count());
    println!("{what}: {} entries, {members} members, {} ms", all.len(), took.as_millis());
}

/// One after another, as they were written: how a device hears of it that is connected all the time. Then as a relay does, which tries each on a copy.
fn arrive(what: &str, all: &[VerifiedEntry]) {
    let mut membership = Membership::new(all[0].group());
    let began = Instant::now();
    for entry in all {
        let _ = membership.take_in(entry);
    }
    let (took, settlings) = (began.elapsed().as_millis(), membership.settlings());
    let mut tried = Membership::new(all[0].group());
    let began = Instant::now();
    for entry in all {
        let mut trial = tried.clone();
        let _ = trial.take_in(entry);
        tried = trial;
    }
    let on_copies = began.elapsed().as_millis();
    println!("{what}: {} one by one, {took} ms, settled {settlings} times; on copies {on_copies} ms", all.len());
}
