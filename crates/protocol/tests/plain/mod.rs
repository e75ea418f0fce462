//! The rule of membership in plain words, without a thought for speed: what the library is compared with.
//!
//! Every look judges all entries anew, and what an entry sees of a device is searched for among all that was done about it.
#![allow(unreachable_pub)]

mod act;
mod order;
mod settle;
mod state;

use act::Node;
use ashore_protocol::control::Role;
use ashore_protocol::membership::{Gone, Member, OpenInvite, Refusal, RotationInfo};
use ashore_protocol::{DeviceId, EntryId, GroupId, VerifiedEntry};
use state::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the rule makes of a set of entries.
pub struct Resolution {
    state: State,
    pub refused: BTreeMap<EntryId, Refusal>,
}

pub fn resolve(group: GroupId, entries: &[VerifiedEntry]) -> Resolution {
    let controls = entries.iter().filter(|entry| entry.kind().is_control() && entry.group() == group);
    let nodes: BTreeMap<EntryId, Arc<Node>> =
        controls.filter_map(|entry| Some((entry.id(), Arc::new(Node::new(entry).ok()?)))).collect();
    settle::settle(group, &nodes)
}

impl Resolution {
    pub fn members(&self) -> &BTreeMap<DeviceId, Member> {
        &self.state.members
    }

    pub fn gone(&self) -> &BTreeMap<DeviceId, Gone> {
        &self.state.gone
    }

    pub fn invites(&self) -> &BTreeMap<EntryId, OpenInvite> {
        &self.state.invites
    }

    pub fn rotation(&self) -> Option<&RotationInfo> {
        self.state.rotation()
    }

    pub fn rotations(&self) -> impl Iterator<Item = &RotationInfo> {
        self.state.rotations()
    }

    pub fn has_applied(&self, entry: &EntryId) -> bool {
        self.state.standing.contains(entry)
    }

    pub fn to_confirm(&self) -> BTreeMap<DeviceId, Option<Role>> {
        self.state.to_confirm().map(|(device, role)| (*device, role)).collect()
    }

    pub fn recoveries(&self) -> Vec<EntryId> {
        self.state.recoveries().map(|(id, _)| *id).collect()
    }
}
