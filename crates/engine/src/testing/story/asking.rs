//! Joining by request: tickets and invites that need approval, devices that ask with them, admins that decide, and both that think better of it.

use super::{Broken, CANARY, Story};
use crate::api::{Command, InviteInfo, JoinRequestInfo, OwnRequest, OwnRequestState, Reply};
use std::collections::BTreeMap;

/// How long it may take until a device hears how its request was decided.
const HEARING_MS: u64 = 600_000;

/// What a story remembers of requests.
#[derive(Default)]
pub(super) struct Asks {
    pub(super) tickets: Vec<String>,
    /// Of invites that need approval.
    pub(super) links: Vec<String>,
    /// Their ids.
    pub(super) invites: Vec<String>,
    /// What each device has asked for, as it was told last.
    own: BTreeMap<usize, OwnRequest>,
}

impl Story {
    pub(super) fn note_own_request(&mut self, index: usize, request: Option<OwnRequest>) {
        let Some(request) = request else {
            self.ways.asks.own.remove(&index);
            return;
        };
        if request.state == OwnRequestState::Admitted {
            self.ways.admitted.insert(request.device.clone());
        }
        self.ways.asks.own.insert(index, request);
    }

    pub(super) fn some_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() {
            return None;
        }
        all.get(self.network.rng.below(all.len() as u64) as usize).cloned()
    }

    fn some_role(&mut self) -> String {
        ["admin", "writer", "writer", "reader"][self.network.rng.below(4) as usize].to_owned()
    }

    pub(super) fn make_ticket(&mut self, by: usize) {
        self.ask(by, Command::CreateTicket { link_base: None });
    }

    pub(super) fn make_approval_invite(&mut self, by: usize) {
        let (role, uses) = (Some(self.some_role()), Some(1 + self.network.rng.below(3) as u32));
        let ttl_seconds = [600, 20 * 86_400][self.network.rng.below(2) as usize];
        self.ask(by, Command::CreateApprovalInvite { ttl_seconds, link_base: None, role, uses });
    }

    pub(super) fn revoke_invite(&mut self, by: usize) {
        let invites = self.ways.asks.invites.clone();
        if let Some(invite) = self.some_of(&invites) {
            self.ask(by, Command::RevokeInvite { invite });
        }
    }

    /// A device that is not in the group asks, with a ticket or with an invite that needs approval.
    pub(super) fn ask_to_join(&mut self) {
        let outside: Vec<usize> = self.living().into_iter().filter(|index| !self.is_member(*index)).collect();
        let Some(index) = self.some_of(&outside) else { return };
        let (tickets, links) = (self.ways.asks.tickets.clone(), self.ways.asks.links.clone());
        if self.network.rng.below(2) == 0
            && let Some(invite) = self.some_of(&links)
        {
            let device_name = Some(format!("{CANARY} {index}"));
            self.ask(index, Command::JoinInvite { invite, relay: None, device_name });
        } else if let Some(ticket) = self.some_of(&tickets) {
            let role = (self.network.rng.below(2) == 0).then(|| self.some_role());
            self.ask_with(index, ticket, role);
        }
    }

    fn ask_with(&mut self, index: usize, ticket: String, role: Option<String>) {
        let device_name = Some(format!("{CANARY} {index}"));
        self.ask(index, Command::RequestToJoin { ticket, role, relay: None, device_name });
    }

    /// Of a device that asks: the id with which it does.
    fn some_asker(&mut self) -> Option<String> {
        let pending = |own: &&OwnRequest| own.state == OwnRequestState::Pending;
        let ids: Vec<String> = self.ways.asks.own.values().filter(pending).map(|own| own.device.clone()).collect();
        self.some_of(&ids)
    }

    /// Somebody says yes or no to one of those who ask, and perhaps both, or somebody else the other.
    pub(super) fn decide(&mut self, by: usize) {
        let Some(device) = self.some_asker() else { return };
        for by in [by, self.someone_living()] {
            match self.network.rng.below(5) {
                0..=2 => {
                    let role = self.some_role();
                    self.ask(by, Command::ApproveRequest { device: device.clone(), role });
                }
                3 => drop(self.ask(by, Command::RejectRequest { device: device.clone() })),
                _ => {}
            }
            if self.network.rng.below(3) != 0 {
                return;
            }
        }
    }

    pub(super) fn withdraw(&mut self) {
        let asking: Vec<usize> = self.ways.asks.own.keys().copied().filter(|index| !self.is_lost(*index)).collect();
        if let Some(index) = self.some_of(&asking) {
            self.ask(index, Command::WithdrawRequest {});
        }
    }

    /// Somebody approves while another, who does not hear of it, removes or demotes that one.
    pub(super) fn remove_who_approves(&mut self) -> Result<(), Broken> {
        let (approves, removes) = (self.someone_living(), self.someone_living());
        let (Some(asker), Some(device)) = (self.some_asker(), self.id(approves)) else { return Ok(()) };
        self.network.cut_off(removes, true);
        match self.network.rng.below(3) {
            0 => self.ask(removes, Command::ChangeRole { device, role: "reader".into() }),
            _ => self.ask(removes, Command::RemoveDevice { device }),
        };
        let role = self.some_role();
        self.ask(approves, Command::ApproveRequest { device: asker, role });
        for _ in 0..self.network.rng.below(120) {
            self.step()?;
        }
        let cut = self.network.rng.below(3) == 0;
        self.network.cut_off(approves, cut);
        self.network.cut_off(removes, false);
        for _ in 0..self.network.rng.below(120) {
            self.step()?;
        }
        self.network.cut_off(approves, false);
        Ok(())
    }

    /// What a device has asked for, by its own word.
    fn own_request(&mut self, index: usize) -> Result<Option<OwnRequest>, Broken> {
        self.ask_and_wait(index, Command::OwnRequest {})?;
        Ok(self.ways.asks.own.get(&index).cloned())
    }

    /// Who still asks is decided about; without an admin it takes its request back.
    pub(super) fn settle_requests(&mut self) -> Result<(), Broken> {
        for index in self.living() {
            let Some(own) = self.own_request(index)? else { continue };
            if own.state != OwnRequestState::Pending {
                continue;
            }
            match self.some_admin()? {
                Some(admin) => self.settle_request(index, &own, admin)?,
                None => drop(self.ask_and_wait(index, Command::WithdrawRequest {})?),
            }
        }
        Ok(())
    }

    fn settle_request(&mut self, index: usize, own: &OwnRequest, admin: usize) -> Result<(), Broken> {
        let reply = self.reply_to(admin, Command::Requests {})?;
        let Some(Reply::Requests { requests }) = reply else {
            return self.broken(format!("admin {admin} is not told who asks: {reply:?}"));
        };
        let Some(shown) = requests.iter().find(|request| request.device == own.device) else {
            return self
                .broken(format!("device {index} asks and admin {admin} is not shown it: {own:?}, {requests:?}"));
        };
        let JoinRequestInfo { words, .. } = shown;
        if *words != own.words {
            return self.broken(format!("device {index} and admin {admin} show other words: {own:?}, {shown:?}"));
        }
        let device = own.device.clone();
        let (command, came_to) = match self.network.rng.below(3) {
            0 => (Command::RejectRequest { device }, OwnRequestState::Rejected),
            _ => (Command::ApproveRequest { device, role: self.some_role() }, OwnRequestState::Admitted),
        };
        let mark = self.ask_and_wait(admin, command)?;
        if let Some(code) = self.members.failed.get(&mark) {
            return self.broken(format!("admin {admin} cannot decide about device {index}: {code:?}"));
        }
        let end = self.network.now().plus_ms(HEARING_MS);
        while self.ways.asks.own.get(&index).is_none_or(|own| own.state != came_to) {
            if self.network.now() >= end || !self.step()? {
                let own = self.ways.asks.own.get(&index);
                return self.broken(format!("device {index} does not hear how it was decided: {own:?}"));
            }
        }
        match came_to == OwnRequestState::Admitted && !self.is_member(index) {
            true => self.broken(format!("device {index} was let in and is not in: {:?}", self.status(index))),
            false => Ok(()),
        }
    }

    /// Every member sees the same invites, as open as each other's. Whether one needed approval is sealed: of one that nobody comes in by any more the key may be
    /// lost, with the admin that made it.
    pub(super) fn check_invites(&mut self) -> Result<(), Broken> {
        let mut first: Option<(usize, Vec<InviteInfo>)> = None;
        for index in self.group_members() {
            let Some(Reply::Invites { mut invites }) = self.reply_to(index, Command::Invites {})? else {
                return self.broken(format!("device {index} does not say which invites there are"));
            };
            invites.sort_by(|one, other| one.id.cmp(&other.id));
            invites.iter_mut().filter(|invite| !invite.open).for_each(|invite| invite.approval = None);
            match &first {
                Some((one, seen)) if *seen != invites => {
                    return self.broken(format!("devices {one} and {index} see other invites: {seen:?}, {invites:?}"));
                }
                Some(_) => {}
                None => first = Some((index, invites)),
            }
        }
        Ok(())
    }
}
