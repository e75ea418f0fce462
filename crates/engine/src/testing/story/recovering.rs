//! What is left for the day when all devices are lost, that day, and coming back.

use super::{Broken, CANARY, Story};
use crate::api::{Command, ErrorCode, Passphrase, RecoveryInfo, Reply};
use crate::testing::{Call, Faults, RELAY};
use ashore_protocol::ids::EntryId;
use ashore_protocol::keys::Recipient;

/// How long being in step may take for who came back.
const PATIENCE_MS: u64 = 3_600_000;
const MAX_STEPS: usize = 100_000;
/// Longer than anybody who guesses has to wait.
const GUESSING_MS: u64 = 120_000;

/// A password or a phrase.
#[derive(Clone)]
pub(super) struct Left {
    locator: Option<String>,
    secret: Passphrase,
    /// Who made it, and when: the mark of the call.
    by: usize,
    mark: u64,
    /// How often it had been closed when its envelope was known to lie at the relay. What closed it may have come to nothing.
    revoked: usize,
    /// The relay has said that its envelope lies there, and has not lost its disk since.
    pub(super) lies: bool,
}

impl Story {
    pub(super) fn set_password(&mut self, by: usize) {
        let password = format!("four words of {} hers", self.next_mark);
        let locator = match self.network.rng.below(3) {
            0 => Some(format!("{CANARY}-{}@example.org", self.network.rng.below(2))),
            _ => None,
        };
        let password = Passphrase::new(password.as_str());
        self.ways.last_password = self.ask(by, Command::SetPassword { password, locator });
    }

    /// Somebody thinks of the day when all devices are lost, if nobody has.
    pub(super) fn leave_something(&mut self) -> Result<(), Broken> {
        if self.usable().is_empty() {
            self.members.away = None;
            self.network.start_relay();
            for index in self.group_members() {
                self.network.cut_off(index, false);
                self.ask_and_wait(index, Command::CreateRecoveryPhrase {})?;
            }
        }
        Ok(())
    }

    pub(super) fn note_recovery(
        &mut self,
        by: usize,
        id: &str,
        locator: Option<&String>,
        words: Option<&Passphrase>,
        call: &Call,
    ) {
        let secret = match &call.command {
            Command::SetPassword { password, .. } => Some(password),
            _ => words,
        };
        // Who has a group alone may leave something for that.
        let here = self.status(by).is_some_and(|status| !self.is_elsewhere(status));
        if let Some(secret) = secret.cloned().filter(|_| here) {
            let left = Left { locator: locator.cloned(), secret, by, mark: call.mark, revoked: 0, lies: true };
            self.ways.left.insert(id.to_owned(), left);
        }
    }

    pub(super) fn remove_recovery(&mut self, by: usize) {
        let ids: Vec<String> = self.ways.left.keys().cloned().collect();
        if let Some(recovery) = self.some_of(&ids) {
            self.ask(by, Command::RemoveRecovery { recovery });
        }
    }

    /// What must bring the group back if all devices were lost now: open, its envelope at the relay, given the present key; and what the relay has is all there was.
    pub(super) fn usable(&self) -> Vec<Left> {
        let Some(membership) = self.membership_at_relay() else { return vec![] };
        if !self.is_whole_at_relay(&membership) {
            return vec![];
        }
        let lack = membership.without_key();
        let revoked = self.revoked_at_relay();
        let left = self.ways.left.iter().filter(|(id, left)| {
            let Ok(id) = id.parse::<EntryId>() else { return false };
            let open = membership.invite_in(&id).is_some_and(|invite| invite.recovers && !invite.closed);
            // Another that was set later may lie in the same place.
            let is_last = left.locator.is_none() || left.mark == self.ways.last_password;
            let lies = left.lies && is_last && revoked.get(&id).copied().unwrap_or_default() == left.revoked;
            lies && open && !lack.contains_key(&Recipient::from(id))
        });
        left.map(|(_, left)| left.clone()).collect()
    }

    /// All devices are lost: from one moment to the next, or when everything had come to rest. Once in a story.
    pub(super) fn lose_all(&mut self) -> Result<(), Broken> {
        if self.ways.lost_all || self.usable().is_empty() {
            return Ok(());
        }
        if self.network.rng.below(3) == 0 || !self.keys_are_settled() {
            self.members.away = None;
            self.mend();
            self.come_to_rest()?;
            self.note_envelopes();
        }
        let Some(membership) = self.membership_at_relay().filter(|_| !self.usable().is_empty()) else { return Ok(()) };
        let may_write = |index: &usize| {
            let id = self.ways.ids.get(index).and_then(|id| id.parse().ok());
            id.is_some_and(|id| membership.may_write(&id))
        };
        let writers: Vec<usize> = (0..self.pages.len()).filter(may_write).collect();
        self.ways.lost_all = true;
        for index in self.living() {
            self.lose(index);
        }
        let mut demanded = self.acknowledged_by_lost();
        demanded.retain(|mark| writers.contains(&self.writes[mark].device));
        let back = self.bring_back()?;
        if self.role_of(back)?.as_deref() != Some("admin") {
            let seen = self.seen_by(back)?;
            return self.broken(format!("device {back} came back by a recovery and is no admin: {seen:?}"));
        }
        let missing = self.missing_on(back, &demanded);
        if !missing.is_empty() {
            return self.broken(format!("device {back} came back by a recovery and lacks the writes {missing:?}"));
        }
        // They are in its documents now, whatever becomes of those who wrote them.
        for mark in demanded {
            if let Some(written) = self.writes.get_mut(&mark) {
                written.device = back;
            }
        }
        self.network.faults = self.random_faults();
        Ok(())
    }

    /// Somebody who gives keys knows all that the relay has, and finds none missing: who comes back reads everything. Just after two new keys were made at the
    /// same time, or one while a recovery was made, that is not so.
    pub(super) fn keys_are_settled(&self) -> bool {
        let members = self.group_members();
        let status = |index: &usize| self.status(*index).map(|status| (status.cursor, status.head));
        let head = members.iter().filter_map(status).map(|(_, head)| head).max();
        members.iter().any(|index| {
            let machine = self.network.devices[*index].machine.as_ref();
            let settled = machine.is_some_and(crate::machine::Machine::sees_no_key_missing);
            settled && status(index).map(|(cursor, _)| cursor) == head
        })
    }

    /// The envelopes of devices that are here lie at the relay, once everything has come to rest.
    fn note_envelopes(&mut self) {
        let (lost, revoked) = (self.ways.lost.clone(), self.revoked_at_relay());
        for (id, left) in self.ways.left.iter_mut().filter(|(_, left)| !lost.contains(&left.by)) {
            let revoked = id.parse().ok().and_then(|id: EntryId| revoked.get(&id).copied());
            (left.lies, left.revoked) = (true, revoked.unwrap_or_default());
        }
    }

    /// A new device comes back by something that was left; answers it once it is in step.
    pub(super) fn bring_back(&mut self) -> Result<usize, Broken> {
        let usable = self.usable();
        let Some(left) = self.some_of(&usable) else { return self.broken("nothing is left to come back by") };
        self.network.start_relay();
        let index = self.add_device();
        for _ in 0..8 {
            self.recover(index, &left)?;
            if self.is_member(index) {
                break;
            }
            self.run_for(GUESSING_MS)?;
        }
        self.network.faults = Faults::default();
        self.network.start_relay();
        self.network.cut_off(index, false);
        self.network.skew_clock(index, 0);
        let end = self.network.now().plus_ms(PATIENCE_MS);
        for _ in 0..MAX_STEPS {
            let is_in_step = !self.ways.unsent.contains_key(&index) && self.is_in_step(index);
            if is_in_step {
                self.ways.recovered += 1;
                return Ok(index);
            }
            if self.network.now() >= end || !self.step()? {
                break;
            }
        }
        self.broken(format!("device {index} does not come back: {:?} {:?}", self.status(index), self.members.failed))
    }

    fn is_in_step(&self, index: usize) -> bool {
        let synced = |status: &crate::api::SyncStatus| status.state == crate::api::SyncState::Synced;
        self.is_member(index) && self.status(index).is_some_and(synced)
    }

    fn recover(&mut self, index: usize, left: &Left) -> Result<u64, Broken> {
        let (relay, device_name) = (Some(RELAY.into()), Some(format!("{CANARY} {index}")));
        let (locator, secret) = (left.locator.clone(), left.secret.clone());
        self.ask_and_wait(index, Command::Recover { relay, device_name, locator, secret })
    }

    /// Every member sees the same recoveries. One that is open brings a device in; one that is closed brings nobody in.
    pub(super) fn check_recoveries(&mut self) -> Result<(), Broken> {
        let mut first: Option<(usize, Vec<RecoveryInfo>)> = None;
        for index in self.group_members() {
            let Some(Reply::Recoveries { mut recoveries }) = self.reply_to(index, Command::Recoveries {})? else {
                return self.broken(format!("device {index} does not say which recoveries there are"));
            };
            recoveries.sort_by(|one, other| one.id.cmp(&other.id));
            match &first {
                Some((one, seen)) if *seen != recoveries => {
                    let what = format!("devices {one} and {index} see other recoveries: {seen:?}, {recoveries:?}");
                    return self.broken(what);
                }
                Some(_) => {}
                None => first = Some((index, recoveries)),
            }
        }
        let Some((_, open)) = first else { return Ok(()) };
        self.note_envelopes();
        if self.network.rng.below(4) == 0 && !self.usable().is_empty() {
            self.bring_back()?;
        }
        let is_open = |id: &String| open.iter().any(|recovery| recovery.id == *id);
        let closed = self.ways.left.iter().filter(|(id, _)| !is_open(id)).map(|(_, left)| left.clone());
        let closed: Vec<Left> = closed.collect();
        match self.some_of(&closed) {
            Some(left) if self.network.rng.below(2) == 0 => self.come_by_what_is_closed(&left),
            _ => Ok(()),
        }
    }

    fn come_by_what_is_closed(&mut self, left: &Left) -> Result<(), Broken> {
        let index = self.add_device();
        let mark = self.recover(index, left)?;
        use ErrorCode as E;
        match self.members.failed.get(&mark) {
            Some(E::RecoveryBadPassword | E::RecoveryNotFound | E::RecoveryClosed) => Ok(()),
            other => self.broken(format!("device {index} came with what is closed and was answered {other:?}")),
        }
    }
}
