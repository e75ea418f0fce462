//! What each entry that takes something away voids: what its author could not know of, and needs what it takes.

use super::act::Act;
use super::order::Ordered;
use super::places::{Places, Run};
use crate::control::Role;
use crate::ids::{DeviceId, EntryId};
use std::collections::BTreeMap;

/// By the place of what takes something away, worked out when it is asked for, once.
pub(super) struct Hits<'o> {
    ordered: &'o Ordered,
    /// What has each entry in its past.
    futures: Vec<Places>,
    by_device: BTreeMap<DeviceId, Uses>,
    by_invite: BTreeMap<EntryId, Run>,
    known: Vec<Option<Run>>,
}

/// What uses a role of a device: what it wrote, and the joins by its invites.
#[derive(Default)]
struct Uses {
    /// Any role.
    all: Run,
    /// That of an admin.
    as_admin: Run,
}

impl<'o> Hits<'o> {
    pub(super) fn new(ordered: &'o Ordered) -> Self {
        let (futures, known) = (ordered.futures(), vec![None; ordered.nodes.len()]);
        let mut hits = Self { ordered, futures, by_device: BTreeMap::new(), by_invite: BTreeMap::new(), known };
        for (place, node) in ordered.nodes.iter().enumerate() {
            let (user, needed) = match &node.act {
                Act::Join { invite, .. } => {
                    hits.by_invite.entry(*invite).or_default().push(place);
                    (ordered.node(invite).map(|invite| invite.author), Some(Role::Admin))
                }
                act => (Some(node.author), act.needs()),
            };
            if let (Some(user), Some(needed)) = (user, needed) {
                hits.by_device.entry(user).or_default().push(place, needed);
            }
        }
        hits
    }

    /// Puts what the entry at `taking` voids to those places.
    pub(super) fn add_to(&mut self, places: &mut Places, taking: usize) {
        if let Some(None) = self.known.get(taking) {
            let mut hit = Some(self.hit_by(taking).unwrap_or_default());
            self.known.get_mut(taking).into_iter().for_each(|known| *known = hit.take());
        }
        self.known.get(taking).and_then(Option::as_ref).into_iter().for_each(|hit| hit.add_to(places));
    }

    fn hit_by(&self, taking: usize) -> Option<Run> {
        let taker = self.ordered.nodes.get(taking)?;
        let touched = match &taker.act {
            // A device that gives up something itself voids nothing: it may have forgotten what it did, as one restored from a backup has.
            Act::Remove { device, .. } if *device != taker.author => &self.by_device.get(device)?.all,
            Act::Role { device, role } if *device != taker.author => self.by_device.get(device)?.above(*role)?,
            Act::Revoke { invite } => self.by_invite.get(invite)?,
            _ => return None,
        };
        Some(touched.outside(self.ordered.pasts.get(taking)?, self.futures.get(taking)?))
    }
}

impl Uses {
    fn push(&mut self, place: usize, needed: Role) {
        self.all.push(place);
        if needed > Role::Reader {
            self.as_admin.push(place);
        }
    }

    /// What needs more than this role. Nothing needs that of a writer.
    fn above(&self, left: Role) -> Option<&Run> {
        (left < Role::Admin).then_some(&self.as_admin)
    }
}
