//! The other ways into a group, and out of the world: devices ask to be let in and are approved, rejected or think better of it; a password or 24 words are left
//! for the day when all devices are lost; and devices are lost, some or all.
//!
//! Afterwards, beside what must be so of every group that changes: whoever asks is shown to the admins by the same words, and comes in when one of them says so and
//! not otherwise; every member sees the same invites with the same uses left, and the same recoveries; an open recovery brings a new device in as an admin, with all
//! that the relay had; a closed one brings nobody in.

use super::asking::Asks;
use super::recovering::Left;
use super::{Broken, CANARY, Page, Story};
use crate::api::{Command, ErrorCode, Event, Outcome, Reply};
use crate::testing::{Call, RELAY};
use std::collections::{BTreeMap, BTreeSet};

/// At most so many devices take part in a story.
const MOST_DEVICES: usize = 8;

/// What such a story remembers.
#[derive(Default)]
pub(super) struct Ways {
    /// Devices ask, come back and are lost.
    pub(super) on: bool,
    /// The group that the story is about.
    pub(super) group: Option<String>,
    /// Devices that are gone for good.
    pub(super) lost: BTreeSet<usize>,
    /// As whom each device was in the group last.
    pub(super) ids: BTreeMap<usize, String>,
    /// Writes of a device that were acknowledged since it was last in step with the relay.
    pub(super) unsent: BTreeMap<usize, BTreeSet<u64>>,
    /// Who has been in step since the relay last lost its disk.
    pub(super) in_step: BTreeSet<usize>,
    /// All devices were lost once.
    pub(super) lost_all: bool,
    pub(super) asks: Asks,
    /// What was left for the loss of all devices, by the recovery's id.
    pub(super) left: BTreeMap<String, Left>,
    /// The mark of the latest call that set a password.
    pub(super) last_password: u64,
    /// Answers that are looked at by whoever asked, by mark.
    pub(super) replies: BTreeMap<u64, Reply>,
    pub(super) recovered: usize,
    /// Devices that came in because an admin said so, by the ids that they asked with.
    pub(super) admitted: BTreeSet<String>,
}

/// How calls may end while devices ask and come back.
pub(super) fn is_expected(code: ErrorCode) -> bool {
    use ErrorCode as E;
    matches!(
        code,
        E::JoinRequestMissing
            | E::JoinRequestTooMany
            | E::RecoveryBadPassword
            | E::RecoveryNotFound
            | E::RecoveryClosed
            | E::RecoveryBadLocator
            | E::RecoveryTooManyAttempts
    )
}

impl Story {
    /// The devices that are not lost.
    pub(super) fn living(&self) -> Vec<usize> {
        (0..self.pages.len()).filter(|index| !self.is_lost(*index)).collect()
    }

    pub(super) fn someone_living(&mut self) -> usize {
        let living = self.living();
        living[self.network.rng.below(living.len() as u64) as usize]
    }

    /// Which group the story is about: the one that the first device founded.
    pub(super) fn note_group(&mut self) {
        self.ways.group = self.status(0).and_then(|status| status.group.clone());
    }

    /// Whether a device is in another group than the one that the story is about.
    pub(super) fn is_elsewhere(&self, status: &crate::api::SyncStatus) -> bool {
        self.ways.on && status.group != self.ways.group
    }

    /// One more device, with a page that may have written something before it comes into the group.
    pub(super) fn add_device(&mut self) -> usize {
        let index = self.network.add_device(&format!("{CANARY}-device-{}", self.pages.len()));
        self.pages.push(Page::default());
        for _ in 0..self.network.rng.below(3) {
            self.edit(index);
        }
        index
    }

    /// Something of all that, or nothing.
    pub(super) fn go_ways(&mut self, index: usize) -> Result<(), Broken> {
        match self.network.rng.below(34) {
            0 => self.set_password(index),
            1 | 2 => drop(self.ask(index, Command::CreateRecoveryPhrase {})),
            3 => self.remove_recovery(index),
            4 | 5 => self.make_ticket(index),
            6..=8 => self.make_approval_invite(index),
            9..=12 => self.ask_to_join(),
            13..=17 => self.decide(index),
            18 => self.withdraw(),
            19 => self.remove_who_approves()?,
            20 => self.revoke_invite(index),
            21 | 22 if self.pages.len() < MOST_DEVICES => self.found_elsewhere(),
            23 => self.lose_one(index),
            24 => return self.lose_all(),
            _ => return Ok(()),
        }
        // In the middle of whatever that began.
        if self.network.rng.below(3) == 0 {
            for _ in 0..self.network.rng.below(25) {
                self.step()?;
            }
            let index = self.someone_living();
            self.crash(index);
        }
        Ok(())
    }

    /// A new device, perhaps with a group that it has alone.
    fn found_elsewhere(&mut self) {
        let index = self.add_device();
        if self.network.rng.below(3) == 0 {
            let (relay, device_name) = (Some(RELAY.into()), Some(format!("{CANARY} {index}")));
            self.ask(index, Command::EnableSync { relay, device_name });
        }
    }

    /// Once everything works again and is at rest: who leads if nobody does, and who still asks.
    pub(super) fn settle_ways(&mut self) -> Result<(), Broken> {
        if self.some_admin()?.is_none() && !self.usable().is_empty() {
            self.bring_back()?;
            self.come_to_rest()?;
        }
        self.adopt_from_lost()?;
        self.remove_lost_admins()?;
        self.come_to_rest()?;
        self.settle_requests()?;
        self.come_to_rest()?;
        self.check_invites()?;
        self.check_recoveries()?;
        self.come_to_rest()
    }

    pub(super) fn note_events(&mut self, index: usize, events: Vec<Event>) {
        for event in events {
            if let Event::OwnRequest { request } = event {
                self.note_own_request(index, request);
            }
        }
    }

    pub(super) fn note_answer(&mut self, index: usize, call: &Call, outcome: &Outcome) {
        let Outcome::Ok(reply) = outcome else { return };
        let of_group = |link: &str| self.ways.group.as_ref().is_some_and(|group| link.contains(group));
        match reply {
            // Who has a group alone makes such links, too.
            Reply::Ticket { link, .. } | Reply::ApprovalInvite { link, .. } if !of_group(link) => {}
            Reply::Ticket { link, .. } => self.ways.asks.tickets.push(link.clone()),
            Reply::ApprovalInvite { id, link, .. } => {
                self.ways.asks.links.push(link.clone());
                self.ways.asks.invites.push(id.clone());
            }
            Reply::Recovery { id, locator, words } => {
                self.note_recovery(index, id, locator.as_ref(), words.as_ref(), call);
            }
            Reply::OwnRequest { request } => self.note_own_request(index, request.clone()),
            _ => {}
        }
        if matches!(reply, Reply::Requests { .. } | Reply::Recoveries { .. } | Reply::Invites { .. }) {
            self.ways.replies.insert(call.mark, reply.clone());
        }
    }

    /// Asks and waits for an answer that is no failure; `None` when there was none.
    pub(super) fn reply_to(&mut self, index: usize, command: Command) -> Result<Option<Reply>, Broken> {
        let mark = self.ask_and_wait(index, command)?;
        Ok(self.ways.replies.remove(&mark))
    }
}
