//! Several relays: which one is followed, where this device stands at the others, and when it goes back to the first.
//!
//! Relays know nothing of each other, and each has a log and cursors of its own. So when a device leaves one, it writes down from
//! where on that relay lacks entries, and gives them to it when it follows it again. All devices prefer the first of
//! the addresses: so they meet there.

use super::link::Stage;
use super::opening::start_again;
use super::{Machine, keys};
use crate::api::{DisconnectReason, ErrorCode, Failure};
use crate::group::RelayPlace;
use ashore_protocol::codec::encode;

/// So many failures in a row, and the next relay is tried.
const PATIENCE: u32 = 2;
/// Who follows another relay than the first looks whether that is back after this long.
const RETURN_MS: u64 = 600_000;
/// Something was under way when that was due: it is looked at again after this long.
const RETURN_LATER_MS: u64 = 5_000;
/// Most relays of one database.
const MAX_RELAYS: usize = 8;

impl Machine {
    /// Takes over which relays there are, in the order in which they are preferred.
    pub(super) fn set_relays(&mut self, relays: Vec<String>) -> Result<(), Failure> {
        if relays.is_empty() || relays.len() > MAX_RELAYS {
            return Err(Failure::new(ErrorCode::RequestInvalid, "there are one to eight relays"));
        }
        for (index, address) in relays.iter().enumerate() {
            super::commands::check_address(address)?;
            if relays.iter().take(index).any(|before| before == address) {
                return Err(Failure::new(ErrorCode::RequestInvalid, "a relay is named twice"));
            }
        }
        let before = self.sync.settings.relays();
        for address in relays.iter().filter(|address| !before.contains(address)) {
            self.forget_place(address);
        }
        let stays = self.sync.settings.relay.as_ref().is_some_and(|current| relays.contains(current));
        let first = relays.first().cloned().filter(|_| !stays);
        self.sync.settings.relays = Some(relays);
        self.sync.turn_to = None;
        match first {
            Some(first) => self.move_to_relay(first),
            None => self.write_settings(),
        }
        Ok(())
    }

    /// Follows this relay from now on as if it were new. Where this device stood at the one before is forgotten.
    pub(super) fn move_to_relay(&mut self, address: String) {
        self.end_link(DisconnectReason::Disabled);
        self.sync.turn_to = None;
        let before = self.sync.settings.relay.replace(address.clone());
        if let Some(before) = before {
            self.forget_place(&before);
            if let Some(group) = &mut self.sync.group {
                group.places.remove(&address);
                group.place = start_again();
                self.write_place();
            }
        }
        self.write_settings();
    }

    fn forget_place(&mut self, address: &str) {
        let Some(group) = &mut self.sync.group else { return };
        group.places.remove(address);
        let key = keys::relay(group.state.generation, address);
        self.rows.write(&mut self.batch.rows, key, None);
    }

    /// A connection failed: another relay is due when this one failed again and again. Whoever joins stays where the invitation is, and
    /// whoever takes a request back where that lies.
    pub(super) fn consider_next_relay(&mut self) {
        let (asks, takes_back) = (self.sync.asks(), self.sync.takes_back());
        let settled = (self.sync.group.is_some() || asks) && self.sync.joining.is_none() && !takes_back;
        if !settled || self.sync.offline || self.sync.attempts < PATIENCE {
            return;
        }
        let relays = self.sync.settings.relays();
        let at = relays.iter().position(|address| Some(address) == self.sync.settings.relay.as_ref());
        let next = at.map_or(0, |at| at + 1) % relays.len().max(1);
        self.sync.turn_to = relays.into_iter().nth(next).filter(|_| at != Some(next));
    }

    /// Who follows another relay than the first leaves it, once in a while and when nothing is under way, to look whether the first is back.
    pub(super) fn return_to_first_relay(&mut self) {
        let preferred = self.sync.settings.preferred_relay().filter(|_| self.sync.link.is_some());
        let Some(first) = preferred else {
            self.sync.return_at = None;
            return;
        };
        let latest = self.now.plus_ms(RETURN_MS);
        let due = self.sync.return_at.map_or(latest, |at| at.min(latest));
        self.sync.return_at = Some(due);
        if due > self.now {
            return;
        }
        let group_rests = || {
            let in_step = self.sync.link.as_ref().is_some_and(super::link::Link::is_idle);
            in_step && self.sync.group.as_ref().is_some_and(|group| group.outbox.is_empty())
        };
        // Admins go back to the first, so who asks them does too.
        let only_waits = || self.sync.link.as_ref().is_some_and(|link| link.stage == Stage::Waiting);
        let rests = if self.sync.asks() { only_waits() } else { group_rests() };
        if !rests || !self.sync.waiters.is_empty() {
            self.sync.return_at = Some(self.now.plus_ms(RETURN_LATER_MS));
            return;
        }
        let first = first.clone();
        self.sync.return_at = None;
        self.end_link(DisconnectReason::Lost);
        self.sync.turn_to = Some(first);
        // If it is not back, its next neighbour is tried after one failure.
        self.sync.attempts = PATIENCE - 1;
        self.sync.retry_at = None;
    }

    /// Turns to the relay that is due, if everything is committed; `false`: later.
    pub(super) fn turn_to_relay(&mut self) -> bool {
        let Some(address) = self.sync.turn_to.clone() else { return true };
        if self.committing.is_some() || !self.batch.rows.is_empty() {
            return false;
        }
        self.sync.turn_to = None;
        let Some(left) = self.sync.settings.relay.replace(address.clone()) else { return true };
        if let Some(group) = &mut self.sync.group {
            let place = RelayPlace { refill_from: Some(group.lacking_at_relay()), ..group.place.clone() };
            let key = keys::relay(group.state.generation, &left);
            self.rows.write(&mut self.batch.rows, key, Some(encode(&place).into()));
            group.places.insert(left, place);
            group.place = group.places.remove(&address).unwrap_or_else(start_again);
            group.stored = group.place.clone();
            self.write_place();
        }
        self.write_settings();
        true
    }
}

impl super::sync::Group {
    /// The first local sequence number of which the relay may not have the entry.
    fn lacking_at_relay(&self) -> u64 {
        let unsent = self.outbox.keys().next().copied();
        let refill = self.place.refill_from;
        [unsent, refill].into_iter().flatten().fold(self.state.next_sequence, u64::min)
    }
}
