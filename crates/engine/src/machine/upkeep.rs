//! What a group needs that nobody asked for: an admin's word for what a device gave up by itself, a new epoch when somebody who left knows the present key, keys for members that lack them, and
//! a word for entries that others cannot take without one.
//!
//! Any device that may does it, once it is in step and after a random wait, if it is still needed then: so that not all do it at once. If two do all the
//! same, the rule makes one group of it.

use super::Machine;
use super::rows::Missing;
use super::task::Task;
use crate::time::Timestamp;
use ashore_protocol::ids::EntryId;
use ashore_protocol::keys::Recipient;
use std::collections::{BTreeMap, BTreeSet};

/// The wait, in milliseconds: at least this long, and this much more at random.
const FIRST_MS: u64 = 2_000;
const MORE_MS: u64 = 8_000;

/// What a group needs, as far as this device can help.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// When it is seen to.
    pub(super) due_at: Option<Timestamp>,
    pub(super) needs: Needs,
    /// Recipients whose keys are none: nothing can be wrapped for them.
    pub(super) without_hope: BTreeSet<Recipient>,
    /// Rotations of which the earlier keys are known: the entries that began the epochs of those.
    pub(super) carried: BTreeMap<EntryId, BTreeSet<EntryId>>,
    /// Somebody lost the right to write since it was last looked whether an entry wants vouching.
    pub(super) somebody_went: bool,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// A device left or stepped down by itself: that alone does not void what it writes as if it had not.
    pub(super) confirming: bool,
    pub(super) rotation: bool,
    pub(super) share: bool,
    pub(super) own_key: bool,
    pub(super) vouching: bool,
    /// What was sealed under a key that no admin was given has to be said again.
    pub(super) telling_anew: bool,
}

impl Machine {
    /// Works out anew what the group needs.
    pub(super) fn look_at_needs(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let me = group.me();
        let leads = group.membership.may_admit(&me);
        let may_seal = group.may_seal();
        if leads || may_seal {
            group.look_at_newest();
        }
        let has_key = group.sealing().is_some();
        let hopeless = &group.upkeep.without_hope;
        group.upkeep.needs = Needs {
            confirming: leads && group.membership.to_confirm().keys().any(|device| *device != me),
            rotation: leads
                && (group.membership.needs_rotation() || group.newest_lacks_keys() || group.nobody_gives_key()),
            share: leads && has_key && group.membership.without_key().keys().any(|to| !hopeless.contains(to)),
            own_key: group.membership.member(&me).is_some_and(|member| member.kem.is_none()),
            vouching: group.upkeep.somebody_went && may_seal,
            telling_anew: !leads && may_seal && !group.untold_epochs().is_empty(),
        };
    }

    /// Sets the time at which the group is seen to, and does it when it has come.
    pub(super) fn plan_upkeep(&mut self) {
        // Without the present key nothing leaves this device before it has begun another epoch.
        let keyless = self.sync.group.as_ref().is_some_and(|group| group.upkeep.needs.rotation && !group.may_seal());
        let in_step = self.in_step() || (keyless && self.has_read_all());
        let Some(group) = &mut self.sync.group else { return };
        if group.upkeep.needs == Needs::default() || !in_step {
            group.upkeep.due_at = None;
            return;
        }
        match group.upkeep.due_at {
            None => {
                let wait = FIRST_MS + self.rng.below(MORE_MS + 1);
                group.upkeep.due_at = Some(self.now.plus_ms(wait));
            }
            Some(at) if at <= self.now => {
                group.upkeep.due_at = None;
                self.tasks.push_back(Task::Upkeep);
            }
            // A clock that was set back must not make the wait longer.
            Some(at) => group.upkeep.due_at = Some(at.min(self.now.plus_ms(FIRST_MS + MORE_MS))),
        }
    }

    /// Sees to what the group needs now.
    pub(super) fn see_to_group(&mut self) -> Result<(), Missing> {
        self.look_at_needs();
        let Some(needs) = self.sync.group.as_ref().map(|group| group.upkeep.needs) else { return Ok(()) };
        let vouching = needs.vouching && self.tips_want_vouching()?;
        if needs.own_key {
            self.publish_key();
        }
        if needs.confirming {
            self.confirm_giving_up();
            self.look_at_needs();
        }
        let needs =
            self.sync.group.as_ref().map_or(needs, |group| Needs { vouching: needs.vouching, ..group.upkeep.needs });
        if needs.rotation {
            self.rotate_for_need();
        } else if needs.share {
            self.share_key();
        }
        if needs.telling_anew {
            self.tell_anew();
        }
        if vouching {
            self.vouch();
        }
        if let Some(group) = self.sync.group.as_mut().filter(|_| needs.vouching) {
            group.upkeep.somebody_went = false;
        }
        self.look_at_needs();
        Ok(())
    }
}
