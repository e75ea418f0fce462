//! Who is in the group: the commands that change it, and what follows when a control entry has changed it.

use super::Machine;
use super::documents::Stop;
use super::invites::sync_disabled;
use super::sync::{Group, Wait};
use super::task::Task;
use crate::api::{Device, DisconnectReason, ErrorCode, Event, Failure, InviteInfo, Reply};
use crate::group::InviteNote;
use ashore_protocol::control::{Control, Role};
use ashore_protocol::frame::ClientFrame;
use ashore_protocol::gather::sorted_by;
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{DeviceId, EntryId};
use ashore_protocol::membership::Refusal;

use super::link::Stage;

impl Machine {
    /// What follows from a control entry that was taken in, whether it stands or not.
    pub(super) fn take_control(&mut self, entry: &VerifiedEntry) {
        self.take_keys(entry);
        self.note_taken_away(entry);
        self.batch.membership_changed = true;
        let takes_away =
            matches!(entry.control(), Some(Control::Remove { .. } | Control::Role { .. } | Control::Leave));
        if let Some(group) = self.sync.group.as_mut().filter(|_| takes_away) {
            group.upkeep.somebody_went = true;
        }
        self.look_at_membership();
    }

    /// Brings everything that rests on the membership in line with it.
    pub(super) fn look_at_membership(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let epoch = group.newest_key().map(|(epoch, _)| epoch);
        if let Some(epoch) = epoch.filter(|epoch| *epoch != group.state.epoch) {
            group.state.epoch = epoch;
            self.batch.group_changed = true;
        }
        self.look_at_what_was_kept_aside();
        // What waits here and may be sent now is of no use to others without what it names.
        let group = self.sync.group.as_ref().filter(|group| group.membership.may_write(&group.me()));
        let own = group.iter().flat_map(|group| group.outbox.values().filter(|waiting| waiting.author.is_none()));
        let named: Vec<_> = own.flat_map(|waiting| waiting.parents.iter().copied()).collect();
        self.take_up_what_was_put_aside(&named);
        self.look_at_needs();
        if self.is_removed() {
            self.stop_after_removal();
        } else if self.sync.told_fault == Some(ErrorCode::GroupRemoved) {
            self.forget_faults();
            self.go_on_with_refill();
        }
    }

    /// Whether this device was removed by somebody else.
    pub(super) fn is_removed(&self) -> bool {
        self.sync.group.as_ref().is_some_and(|group| group.is_removed() && !group.has_left())
    }

    /// Sync ends with what the relay has now. Everything stays here, and so does what was not sent.
    fn stop_after_removal(&mut self) {
        if self.sync.told_fault == Some(ErrorCode::GroupRemoved) {
            return;
        }
        let failure = removed();
        self.fail_waiters(&failure, |wait| !matches!(wait, Wait::Join));
        self.note_fault(failure);
        // What comes after it in the log may undo it: that is read first.
        self.sync.looking_in.under_way = self.sync.link.is_some();
    }

    /// What has to be done because of who this device is in its group.
    pub(super) fn member_task(&self) -> Option<Task> {
        let group = self.sync.group.as_ref()?;
        let idle = self.committing.is_none() && self.batch.rows.is_empty();
        let is_gone = idle && group.is_removed() && group.has_left() && !group.is_leaving();
        is_gone.then_some(Task::Depart)
    }

    /// The relay has this device's word that it leaves: the group is forgotten here too.
    pub(super) fn depart(&mut self) {
        self.sync.settings.enabled = false;
        self.end_link(DisconnectReason::Disabled);
        self.forget_faults();
        self.fail_waiters(&sync_disabled(), |_| true);
        self.forget_group();
        self.batch.membership_changed = true;
    }

    /// Fails unless this device is a member with at least this role.
    pub(super) fn need_role(&self, needed: Role) -> Result<&Group, Failure> {
        let group = self.sync.group.as_ref().ok_or_else(sync_disabled)?;
        match group.membership.member(&group.me()) {
            Some(member) if member.role >= needed => Ok(group),
            Some(member) => {
                let (is, needs) = (role_name(member.role), role_name(needed));
                Err(Failure::new(ErrorCode::GroupNotAllowed, format!("this device is a {is}; that takes a {needs}")))
            }
            None if group.is_removed() => Err(removed()),
            None => Err(Failure::new(ErrorCode::GroupNotAllowed, "the group has not been read yet")),
        }
    }

    /// Whether what this device writes may not reach anybody, because it only reads in its group.
    pub(super) fn only_reads(&self) -> bool {
        let member = self.sync.group.as_ref().and_then(|group| group.membership.member(&group.me()));
        member.is_some_and(|member| member.role == Role::Reader)
    }

    /// The member of this id that is not this device.
    fn other_member(&self, id: &str) -> Result<(DeviceId, Role), Failure> {
        let (device, role) = self.member_by_id(id)?;
        if self.sync.group.as_ref().is_some_and(|group| group.me() == device) {
            return Err(Failure::new(ErrorCode::RequestInvalid, "that is this device itself"));
        }
        Ok((device, role))
    }

    fn member_by_id(&self, id: &str) -> Result<(DeviceId, Role), Failure> {
        let group = self.sync.group.as_ref().ok_or_else(sync_disabled)?;
        let device: Option<DeviceId> = id.parse().ok();
        let member = device.and_then(|device| Some((device, group.membership.member(&device)?.role)));
        member.ok_or_else(|| Failure::new(ErrorCode::RequestInvalid, "no member of the group has this id"))
    }

    /// Removes a member and begins an epoch that is closed to it, in one entry.
    pub(super) fn remove_device(&mut self, id: &str) -> Result<(), Failure> {
        self.need_role(Role::Admin)?;
        let (device, _) = self.other_member(id)?;
        self.sign_rotation(Some(device), |rotation| Control::Remove { device, rotation: Some(rotation) })
    }

    pub(super) fn change_role(&mut self, id: &str, role: &str) -> Result<(), Failure> {
        self.need_role(Role::Admin)?;
        let role = parse_role(role)?;
        let (device, before) = self.member_by_id(id)?;
        if role == before {
            return Ok(());
        }
        self.sign_control(&Control::Role { device, role }).map(drop)
    }

    /// Makes another device an admin, then steps down to a writer.
    pub(super) fn hand_over(&mut self, id: &str) -> Result<(), Failure> {
        let me = self.need_role(Role::Admin)?.me();
        let (device, role) = self.other_member(id)?;
        if role != Role::Admin {
            self.sign_control(&Control::Role { device, role: Role::Admin })?;
        }
        self.sign_control(&Control::Role { device: me, role: Role::Writer }).map(drop)
    }

    pub(super) fn leave(&mut self) -> Result<(), Failure> {
        self.need_role(Role::Reader)?;
        if !self.sync.settings.enabled {
            return Err(sync_disabled());
        }
        self.sign_control(&Control::Leave).map(drop)
    }

    pub(super) fn rotate_keys(&mut self) -> Result<(), Failure> {
        self.need_role(Role::Admin)?;
        self.sign_rotation(None, |rotation| Control::Rotate { rotation })
    }

    /// The invites that this device knows of, the latest last.
    pub(super) fn invites(&self) -> Reply {
        let Some(group) = &self.sync.group else { return Reply::Invites { invites: vec![] } };
        let place = |id: &EntryId| group.controls.iter().position(|(_, known, _)| known == id);
        let invites: Vec<_> = group.membership.invites().filter(|(_, invite)| !invite.recovers).collect();
        let invites = sorted_by(invites, |(a, _), (b, _)| place(a).cmp(&place(b)));
        let invites = invites.into_iter().map(|(id, invite)| InviteInfo {
            id: id.to_string(),
            role: role_name(invite.role).to_owned(),
            expires_at: invite.expires_at.as_ms(),
            invited_by: invite.invited_by.to_string(),
            open: !invite.closed && group.uses_left(id, invite) > 0 && invite.expires_at > self.now,
            uses_left: Some(group.uses_left(id, invite)),
            approval: group.marks.contains_key(id).then_some(true),
        });
        Reply::Invites { invites: invites.collect() }
    }

    /// Closes an invite: nobody joins by it any more, and the relay is told to hand it out no more.
    pub(super) fn revoke_invite(&mut self, id: &str) -> Result<(), Failure> {
        let group = self.need_role(Role::Admin)?;
        let unknown = || Failure::new(ErrorCode::InviteNotFound, "no invite of this group has this id");
        let invite: EntryId = id.parse().map_err(|_| unknown())?;
        let known = group.membership.invite_in(&invite).filter(|invite| !invite.recovers).ok_or_else(unknown)?;
        if known.closed {
            return Ok(());
        }
        let entry = group.control(&invite).ok_or_else(unknown)?;
        let note = match entry.control() {
            Some(Control::Invite { sealed, .. }) => {
                group.secrets.epochs.of(entry.epoch()).find_map(|key| InviteNote::open(key, sealed))
            }
            _ => None,
        };
        self.sign_control(&Control::Revoke { invite })?;
        self.sync.withdrawn.extend(note.filter(|note| note.marks.is_none()).map(|note| note.place));
        Ok(())
    }

    /// Tells the relay which invitations it is to hand out no more. Who takes one before that is refused when it joins.
    pub(super) fn withdraw_invitations(&mut self) {
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return };
        if link.stage != Stage::Open || self.committing.is_some() || !self.batch.rows.is_empty() {
            return;
        }
        let group = group.state.group;
        let places = std::mem::take(&mut self.sync.withdrawn);
        let frames: Vec<_> = places
            .into_iter()
            .map(|place| {
                let request = link.request();
                link.withdrawals.insert(request);
                ClientFrame::RevokeInvite { request, group, place }
            })
            .collect();
        for frame in frames {
            self.send_now(&frame);
        }
    }

    /// Tells everybody who is in the group, if that changed.
    pub(super) fn tell_membership(&mut self) {
        if std::mem::take(&mut self.batch.membership_changed) {
            let devices = self.devices();
            self.batch.event(Event::Membership { devices });
        }
    }

    /// The members, in the order in which they were admitted.
    pub(super) fn devices(&self) -> Vec<Device> {
        let Some(group) = &self.sync.group else { return vec![] };
        let me = group.me();
        let members = sorted_by(group.membership.members().collect(), |(a, one), (b, other)| {
            (one.joined_at, a).cmp(&(other.joined_at, b))
        });
        let devices = members.into_iter().map(|(device, member)| Device {
            id: device.to_string(),
            name: group.names.get(&member.named_by).cloned().unwrap_or_default(),
            role: role_name(member.role).to_owned(),
            me: *device == me,
            admitted_at: Some(member.joined_at.as_ms()),
            last_heard_at: group.seen.of(device).filter(|_| *device != me).map(|heard| heard.at),
        });
        devices.collect()
    }
}

/// A write of a device that only reads in its group: refused at once, so that nothing waits for ever.
pub(super) fn may_not_write() -> Stop {
    let message = "this device is a reader: what it writes would reach nobody";
    Failure::new(ErrorCode::GroupNotAllowed, message).into()
}

pub(super) fn removed() -> Failure {
    let message = "this device was removed from the group; documents stay here, and what was not sent waits";
    Failure::new(ErrorCode::GroupRemoved, message)
}

/// What a refusal of one's own control entry means to the caller.
pub(super) fn refused(refusal: &Refusal) -> Failure {
    let code = match refusal {
        Refusal::LastAdmin => ErrorCode::GroupLastAdmin,
        Refusal::Removed => ErrorCode::GroupRemoved,
        _ => ErrorCode::GroupNotAllowed,
    };
    Failure::new(code, format!("this device may not do that: {refusal}"))
}

pub(super) fn parse_role(role: &str) -> Result<Role, Failure> {
    match role {
        "admin" => Ok(Role::Admin),
        "writer" => Ok(Role::Writer),
        "reader" => Ok(Role::Reader),
        _ => Err(Failure::new(ErrorCode::RequestInvalid, "a role is admin, writer or reader")),
    }
}

pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Writer => "writer",
        Role::Reader => "reader",
    }
}
