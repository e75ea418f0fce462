//! Groups that change while everything else happens: devices are removed, demoted, leave, and come back as new ones; keys change; admins act against one
//! another at the same time; a year passes.
//!
//! Afterwards all members see the same members in the same roles and the same documents; what a member that may write had acknowledged is in them; what is sealed once
//! everybody has heard opens for members and for nobody who was removed; a reader's write is refused.

use super::{Broken, CANARY, Story, edits};
use crate::api;
use crate::api::{Command, Durability, ErrorCode, SyncState, SyncStatus, Write};
use crate::machine::Machine;
use crate::testing::{Device, RELAY, indexes};
use ashore_protocol::GroupId;
use ashore_protocol::header::{Entry, EntryKind};
use std::collections::BTreeSet;

const DAY_MS: u64 = 24 * 3_600_000;
/// Longer than the wait before an admin begins an epoch that is needed.
const UPKEEP_MS: u64 = 40_000;
/// How long everything may take until all is in step, once nothing goes wrong any more.
const HEALING_MS: u64 = 3_600_000;
/// In at most so many steps.
const MAX_STEPS: usize = 200_000;

/// What a story of a changing group remembers.
#[derive(Default)]
pub(super) struct Members {
    /// Nobody opens this device for now.
    pub(super) away: Option<usize>,
    /// Codes of invites that nobody has used.
    codes: Vec<String>,
    /// What devices were answered about who is in the group, by mark.
    pub(super) lists: std::collections::BTreeMap<u64, Vec<api::Device>>,
    /// What calls ended in, by mark.
    pub(super) failed: std::collections::BTreeMap<u64, ErrorCode>,
}

/// Whether a call changes who is in the group, or its key.
pub(super) fn changes_group(command: &Command) -> bool {
    use Command as C;
    matches!(
        command,
        C::RemoveDevice { .. }
            | C::ChangeRole { .. }
            | C::HandOver { .. }
            | C::LeaveGroup {}
            | C::RotateKeys {}
            | C::JoinInvite { .. }
    )
}

/// By its own word, or by the relay's: that has dropped the log in which the removal stands, or does not know it because its admission came to nothing.
pub(super) fn is_removed(status: &SyncStatus) -> bool {
    let refused = fails_by(status, ErrorCode::GroupNotAMember) && !status.connected;
    status.removed || fails_by(status, ErrorCode::GroupRemoved) || refused
}

fn fails_by(status: &SyncStatus, code: ErrorCode) -> bool {
    status.last_error.as_ref().is_some_and(|error| error.code == code)
}

/// How calls may end while the group changes around them.
pub(super) fn is_expected(code: ErrorCode) -> bool {
    use ErrorCode as E;
    matches!(
        code,
        E::GroupNotAllowed
            | E::GroupLastAdmin
            | E::GroupRemoved
            | E::GroupNotAMember
            | E::GroupAlreadyJoined
            | E::RequestInvalid
            | E::SyncDisabled
            | E::RelayRefused
            | E::InviteNotFound
            | E::InviteUsed
            | E::InviteExpired
            | E::InviteRevoked
            | E::InviteLockedOut
            // Until another device makes one, when the author of the last may not write any more.
            | E::SnapshotUnusable
    )
}

impl Story {
    pub(super) fn is_away(&self, index: usize) -> bool {
        self.members.away == Some(index) || self.is_lost(index)
    }

    fn count(&self) -> u64 {
        self.pages.len() as u64
    }

    pub(super) fn someone(&mut self) -> usize {
        self.network.rng.below(self.count()) as usize
    }

    pub(super) fn ask(&mut self, index: usize, command: Command) -> u64 {
        let mark = self.mark();
        if self.network.trace {
            eprintln!("{} asks {mark}: {command:?}", index);
        }
        self.network.ask(index, command, mark);
        mark
    }

    pub(super) fn status(&self, index: usize) -> Option<&SyncStatus> {
        self.network.devices[index].status.as_ref()
    }

    /// The id that a device has in the group, as far as it is known.
    pub(super) fn id(&self, index: usize) -> Option<String> {
        match self.is_lost(index) {
            true => self.ways.ids.get(&index).cloned(),
            false => self.status(index)?.device.clone(),
        }
    }

    pub(super) fn is_member(&self, index: usize) -> bool {
        let is_in = |status: &SyncStatus| status.enabled && status.group.is_some() && !is_removed(status);
        self.status(index).is_some_and(|status| is_in(status) && !self.is_elsewhere(status) && !self.is_lost(index))
    }

    /// Something that changes the group, or nothing.
    pub(super) fn change_group(&mut self, index: usize) -> Result<(), Broken> {
        match self.network.rng.below(36) {
            0 | 1 => self.remove(index),
            2 | 3 => self.change_role(index),
            4 => drop(self.ask(index, Command::RotateKeys {})),
            5 => self.hand_over(index),
            6 => drop(self.ask(index, Command::LeaveGroup {})),
            7 | 8 => self.two_at_once()?,
            9..=12 => self.invite_somebody(index),
            13..=17 => self.come_back(),
            18 => self.let_time_pass(),
            _ => return Ok(()),
        }
        // In the middle of whatever that began.
        if self.network.rng.below(3) == 0 {
            for _ in 0..self.network.rng.below(12) {
                self.step()?;
            }
            self.crash(index);
        }
        Ok(())
    }

    fn remove(&mut self, by: usize) {
        let whom = self.someone();
        if let Some(device) = self.id(whom).filter(|_| whom != by) {
            self.ask(by, Command::RemoveDevice { device });
        }
    }

    fn change_role(&mut self, by: usize) {
        let whom = self.someone();
        let role = ["admin", "writer", "reader"][self.network.rng.below(3) as usize];
        if let Some(device) = self.id(whom) {
            self.ask(by, Command::ChangeRole { device, role: role.into() });
        }
    }

    fn hand_over(&mut self, by: usize) {
        let whom = self.someone();
        if let Some(device) = self.id(whom).filter(|_| whom != by) {
            self.ask(by, Command::HandOver { device });
        }
    }

    /// Two that do not hear of each other act at the same time, perhaps against each other.
    fn two_at_once(&mut self) -> Result<(), Broken> {
        let (one, other) = (self.someone_living(), self.someone_living());
        for index in [one, other] {
            self.network.cut_off(index, true);
        }
        for (by, against) in [(one, other), (other, one)] {
            match self.network.rng.below(4) {
                0 => self.change_role(by),
                1 => drop(self.ask(by, Command::RotateKeys {})),
                2 => self.remove(by),
                _ => {
                    if let Some(device) = self.id(against).filter(|_| against != by) {
                        self.ask(by, Command::RemoveDevice { device });
                    }
                }
            }
            self.edit(by);
        }
        for _ in 0..self.network.rng.below(80) {
            self.step()?;
        }
        let first = if self.network.rng.below(2) == 0 { [one, other] } else { [other, one] };
        for index in first {
            self.network.cut_off(index, false);
            for _ in 0..self.network.rng.below(120) {
                self.step()?;
            }
        }
        Ok(())
    }

    fn invite_somebody(&mut self, by: usize) {
        let role = ["admin", "admin", "writer", "reader"][self.network.rng.below(4) as usize];
        self.ask(by, Command::CreateInvite { ttl_seconds: 600, link_base: None, role: Some(role.into()), uses: None });
    }

    /// A device that is in no group any more forgets the one it was in, or joins again with a code that is there.
    fn come_back(&mut self) {
        self.members.codes.append(&mut self.invites);
        let index = self.someone_living();
        let Some(status) = self.status(index).cloned() else { return };
        if is_removed(&status) {
            self.ask(index, Command::DisableSync { forget: true });
            self.joined.remove(&index);
        } else if status.group.is_none()
            && let Some(code) = self.members.codes.pop()
        {
            self.join_with(index, code);
        }
    }

    fn join_with(&mut self, index: usize, invite: String) -> u64 {
        let device_name = Some(format!("{CANARY} {index}"));
        self.ask(index, Command::JoinInvite { invite, relay: Some(RELAY.into()), device_name })
    }

    /// Everybody closes the app. Much later all but one open it again.
    fn let_time_pass(&mut self) {
        for index in self.living() {
            self.crash(index);
        }
        if self.network.trace {
            eprintln!("time passes");
        }
        let days = [1, 8, 100, 365][self.network.rng.below(4) as usize];
        self.network.run_ms(days * DAY_MS);
        self.network.tidy_relay();
        let away = self.someone();
        self.members.away = (self.network.rng.below(2) == 0).then_some(away);
        for index in self.living().into_iter().filter(|index| self.members.away != Some(*index)) {
            self.network.open(index);
        }
    }

    /// Everything works again, everybody is back, and comes to rest.
    pub(super) fn heal_group(&mut self) -> Result<(), Broken> {
        self.members.away = None;
        self.mend();
        self.come_to_rest()?;
        // Who was removed hears when the app starts that this came to nothing.
        for index in 0..self.pages.len() {
            if self.status(index).is_some_and(is_removed) {
                self.crash(index);
                self.network.open(index);
            }
        }
        self.come_to_rest()?;
        if self.ways.on {
            self.settle_ways()?;
        }
        if self.network.rng.below(2) == 0 {
            for index in self.living() {
                self.return_to_group(index)?;
            }
            self.come_to_rest()?;
        }
        Ok(())
    }

    /// Twice with a pause: what the group needs is seen to by admins after a while.
    pub(super) fn come_to_rest(&mut self) -> Result<(), Broken> {
        for _ in 0..2 {
            self.run_until_calm()?;
            let end = self.network.now().plus_ms(UPKEEP_MS);
            while self.network.now() < end && self.step()? {}
        }
        self.run_until_calm()
    }

    pub(super) fn run_until_calm(&mut self) -> Result<(), Broken> {
        let end = self.network.now().plus_ms(HEALING_MS);
        for _ in 0..MAX_STEPS {
            if self.living().into_iter().all(|index| self.is_calm(index)) && self.same_places() {
                return Ok(());
            }
            if self.network.now() >= end || !self.step()? {
                break;
            }
        }
        if !self.group_members().is_empty() && self.some_admin()?.is_none() {
            // Without an admin nobody is given a key.
            return Ok(());
        }
        if self.ways.on && self.nobody_has_it() {
            return Ok(());
        }
        let one = |device: &Device| format!("{:?} {:?}", device.status, device.asked);
        let states: Vec<_> = self.network.devices.iter().map(one).collect();
        self.broken(format!("the group does not come to rest:\n{}", states.join("\n")))
    }

    fn is_calm(&self, index: usize) -> bool {
        let device = &self.network.devices[index];
        let Some(status) = &device.status else { return false };
        let settled = match status.state {
            SyncState::Synced => true,
            // A reader that was a writer keeps what it had not sent.
            SyncState::Failed => {
                is_removed(status) || (fails_by(status, ErrorCode::GroupNotAllowed) && status.cursor == status.head)
            }
            SyncState::Offline => status.group.is_none() || is_removed(status),
            SyncState::Pending => false,
        };
        // Who is in another group, or asks to be let in, is where it should be.
        let settled = settled || self.ways.on && !self.is_member(index);
        settled && device.asked.is_empty() && indexes::unfinished(device.disk()) == 0
    }

    fn same_places(&self) -> bool {
        self.are_at_the_head((0..self.pages.len()).filter(|index| self.is_member(*index)))
    }

    /// The members, by the word of each device.
    pub(super) fn group_members(&self) -> Vec<usize> {
        (0..self.pages.len()).filter(|index| self.is_member(*index)).collect()
    }

    /// Asks and waits; the mark, by which what came of it is found.
    pub(super) fn ask_and_wait(&mut self, index: usize, command: Command) -> Result<u64, Broken> {
        let mark = self.ask(index, command);
        self.wait_for(index, mark)?;
        Ok(mark)
    }

    pub(super) fn wait_for(&mut self, index: usize, mark: u64) -> Result<(), Broken> {
        self.steps_until(|story| story.is_answered(index, mark))?;
        // What is answered at once comes without a step.
        self.settle_answers()?;
        match self.is_answered(index, mark) {
            true => Ok(()),
            false => self.broken(format!("device {index} was not answered: {:?}", self.status(index))),
        }
    }

    /// Ids and roles, as a device sees them.
    pub(super) fn seen_by(&mut self, index: usize) -> Result<Vec<(String, String)>, Broken> {
        let mark = self.ask_and_wait(index, Command::Devices {})?;
        let Some(devices) = self.members.lists.remove(&mark) else {
            return self.broken(format!("device {index} does not say who is in the group"));
        };
        let mut seen: Vec<_> = devices.into_iter().map(|device| (device.id, device.role)).collect();
        seen.sort();
        Ok(seen)
    }

    pub(super) fn role_of(&mut self, index: usize) -> Result<Option<String>, Broken> {
        let id = self.id(index);
        let seen = self.seen_by(index)?;
        Ok(seen.into_iter().find(|(device, _)| Some(device) == id.as_ref()).map(|(_, role)| role))
    }

    pub(super) fn some_admin(&mut self) -> Result<Option<usize>, Broken> {
        for index in self.group_members() {
            if self.role_of(index)?.as_deref() == Some("admin") {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// None of the devices that are here is an admin. That may be: the rule keeps the last admin, and the last may be one that left (which did not count, because others
    /// stepped down at the same time) and has forgotten the group. Then nobody can be invited; what must not be is a list without an admin.
    fn check_who_leads(&mut self) -> Result<(), Broken> {
        let Some(member) = self.group_members().first().copied() else { return Ok(()) };
        match self.seen_by(member)?.iter().any(|(_, role)| role == "admin") || self.was_read_by_nobody_left() {
            true => Ok(()),
            false => self.broken("a group of members without an admin"),
        }
    }

    /// Whether whoever is still in the group has never read it, and the relay, which lost it, was given it by nobody again: those who had it have left.
    fn was_read_by_nobody_left(&self) -> bool {
        let has_key =
            |index: &usize| self.network.devices[*index].machine.as_ref().is_some_and(Machine::has_present_key);
        let group = |index: usize| -> Option<GroupId> {
            self.status(index).and_then(|status| status.group.as_ref()?.parse().ok())
        };
        let members = self.group_members();
        let groups: Vec<GroupId> = members.iter().filter_map(|index| group(*index)).collect();
        !members.iter().any(has_key) && groups.iter().all(|group| self.network.relay.entries(group).is_empty())
    }

    /// Who is in no group is invited again; several times, as people would.
    fn return_to_group(&mut self, index: usize) -> Result<(), Broken> {
        if self.is_member(index) || self.ways.on && self.nobody_has_it() {
            return Ok(());
        }
        let Some(admin) = self.some_admin()? else { return self.check_who_leads() };
        if self.status(index).is_some_and(|status| status.group.is_some()) {
            self.ask_and_wait(index, Command::DisableSync { forget: true })?;
        }
        self.joined.remove(&index);
        for _ in 0..5 {
            let invite =
                Command::CreateInvite { ttl_seconds: 600, link_base: None, role: Some("writer".into()), uses: None };
            self.invites.clear();
            self.ask_and_wait(admin, invite)?;
            let Some(code) = self.invites.pop() else { continue };
            let mark = self.join_with(index, code);
            self.wait_for(index, mark)?;
            if self.joined.contains(&index) {
                return Ok(());
            }
        }
        self.broken(format!("device {index} did not come back: {:?} {:?}", self.status(index), self.members.failed))
    }

    /// What must be so of who is in the group and of what they can read and write. Answers the members, who all may write in the end.
    pub(super) fn check_group(&mut self) -> Result<Vec<usize>, Broken> {
        let members = self.group_members();
        let Some(first) = members.first().copied().filter(|_| !self.ways.on || !self.nobody_has_it()) else {
            return Ok(vec![]);
        };
        let seen = self.seen_by(first)?;
        if !seen.iter().any(|(_, role)| role == "admin") {
            if self.was_read_by_nobody_left() {
                return Ok(vec![]);
            }
            return self.broken(format!("nobody is an admin: {seen:?}"));
        }
        let mut writers = Vec::new();
        for index in members.clone() {
            let other = self.seen_by(index)?;
            if other != seen {
                return self.broken(format!("devices {first} and {index} see other members: {seen:?} {other:?}"));
            }
            let id = self.id(index).unwrap_or_default();
            match seen.iter().find(|(device, _)| *device == id) {
                Some((_, role)) if role != "reader" => writers.push(index),
                Some(_) => {}
                None => return self.broken(format!("device {index} does not know that it is no member: {seen:?}")),
            }
        }
        if self.some_admin()?.is_none() {
            // What readers had not sent waits for an admin that is not here, and so does who lacks the present key.
            let synced = |index: &usize| self.status(*index).is_some_and(|status| status.state == SyncState::Synced);
            return Ok(writers.into_iter().filter(synced).collect());
        }
        self.check_who_reads(&members, &writers, &seen)?;
        self.let_all_write(&members, &writers)?;
        Ok(members)
    }

    /// What readers had not sent is delivered once they may write.
    fn let_all_write(&mut self, members: &[usize], writers: &[usize]) -> Result<(), Broken> {
        let Some(admin) = self.some_admin()? else { return Ok(()) };
        for index in members.iter().filter(|index| !writers.contains(index)) {
            let device = self.id(*index).unwrap_or_default();
            self.ask_and_wait(admin, Command::ChangeRole { device, role: "writer".into() })?;
        }
        self.come_to_rest()
    }

    /// Everybody writes once more: readers are refused, and what is sealed now opens for members only.
    fn check_who_reads(
        &mut self,
        members: &[usize],
        writers: &[usize],
        seen: &[(String, String)],
    ) -> Result<(), Broken> {
        let Some(group) = self.status(members[0]).and_then(|status| status.group.as_ref()?.parse().ok()) else {
            return self.broken("a member that is in no group");
        };
        let mut before: BTreeSet<_> = self.network.relay.entries(&group).into_iter().collect();
        // What somebody has already may come into the log only now.
        for device in &self.network.devices {
            let kept = |row: &[u8]| Some(crate::machine::Machine::set_aside(row)?.1);
            before.extend(device.disk().with_prefix(b"e").map(|(_, entry)| entry.to_vec()));
            before.extend(device.disk().with_prefix(b"q").filter_map(|(_, row)| kept(row)));
        }
        for index in members.iter().copied() {
            let mark = self.mark();
            let name = edits::some("last", mark);
            let write = Write::Put {
                collection: name.0.clone(),
                ids: vec![name.1.clone()],
                documents: format!("[{{\"{}\":{{}}}}]", edits::field(mark)),
                bases: vec![None],
            };
            let (may, durability) = (writers.contains(&index), Durability::Strict);
            self.expect(index, mark, durability, vec![name]);
            self.network.ask(index, Command::Write { writes: vec![write], durability, split: false }, mark);
            self.wait_for(index, mark)?;
            match self.members.failed.get(&mark) {
                None if may => {}
                Some(ErrorCode::GroupNotAllowed) if !may => {}
                other => return self.broken(format!("device {index}, may write: {may}, was answered {other:?}")),
            }
        }
        self.run_until_calm()?;
        // One that was removed by what a relay lost with its disk may be the only one that knows: the others count it in.
        let is_listed = |index: &usize| seen.iter().any(|(device, _)| Some(device) == self.id(*index).as_ref());
        let outside = (0..self.pages.len()).filter(|index| !members.contains(index) && !is_listed(index));
        let outside: Vec<_> = outside.collect();
        self.look_into_lost(&outside);
        for entry in self.network.relay.entries(&group).into_iter().filter(|entry| !before.contains(entry)) {
            if !Entry::decode(&entry).is_ok_and(|entry| entry.header().kind == EntryKind::Data) {
                continue;
            }
            if let Some(index) = outside.iter().find(|index| self.network.opens(**index, &entry)) {
                return self.broken(format!("device {index} is no member and opens what was sealed after that"));
            }
            if let Some(index) = members.iter().find(|index| !self.network.opens(**index, &entry)) {
                return self.broken(format!("device {index} is a member and does not open what is sealed now"));
            }
        }
        Ok(())
    }
}
