//! The keys of epochs in the machine: making the next one, taking those that control entries bring, and giving them to members that lack them.

use super::Machine;
use super::batch::Effect;
use super::invites::internal;
use super::outbox::rotation_in;
use super::sync::{Group, KeptReason};
use crate::api::{ErrorCode, Event, Failure};
use crate::crypto::{KemSecret, Key};
use crate::group::{Announced, MAX_EARLIER, ProfilePayload, Wrapping};
use ashore_protocol::control::{Control, Role};
use ashore_protocol::gather::Gather;
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{DeviceId, EntryId, Epoch};
use ashore_protocol::keys::{KemKey, MAX_WRAPS, Recipient, Rotation, Wrap};
use std::collections::BTreeSet;

impl Group {
    pub(super) fn wrapping(&self, epoch: Epoch, author: DeviceId) -> Wrapping {
        Wrapping { group: self.state.group, epoch, author }
    }

    /// The newest key that is here and its epoch: names are sealed under it.
    pub(super) fn newest_key(&self) -> Option<(Epoch, Key)> {
        let sealing = self.sealing().map(|(epoch, key)| (epoch, key.clone()));
        sealing.or_else(|| self.secrets.epochs.iter().next_back().map(|(epoch, _, key)| (epoch, key.clone())))
    }

    /// Why an entry of this epoch does not open with the keys that are here.
    pub(super) fn why_not_opened(&self, epoch: Epoch) -> KeptReason {
        let none = self.secrets.epochs.of(epoch).next().is_none();
        let begun_by = self.begun.get(&epoch.0);
        let lacks = begun_by.is_some_and(|by| by.iter().any(|id| self.secrets.epochs.get(epoch, id).is_none()));
        if none || lacks { KeptReason::MissingKey } else { KeptReason::DoesNotOpen }
    }

    /// Takes the keys that a control entry brings; `true` if there are new ones. It need not stand: keys open what was sealed, they allow nothing.
    fn take_keys(&mut self, entry: &VerifiedEntry) -> bool {
        let Some(control) = entry.control() else { return false };
        let me = Recipient::from(self.me());
        // Who came back by a recovery also reads what is wrapped for that.
        let recovery = self.secrets.recovery.as_ref().map(|recovery| Recipient::from(recovery.entry));
        let mut news = false;
        if let Some(rotation) = rotation_in(control) {
            for to in [Some(me), recovery].into_iter().flatten() {
                let wrap = rotation.wrap_for(to);
                let key = wrap.and_then(|wrap| self.unwrap(to, rotation.epoch, entry.author(), &wrap.sealed));
                if let Some(key) = key {
                    news |= self.secrets.epochs.insert(rotation.epoch, entry.id(), key);
                }
            }
        }
        match control {
            Control::Share { to, epoch, rotation, sealed } if *to == me || Some(*to) == recovery => {
                if let Some(key) = self.unwrap(*to, *epoch, entry.author(), sealed) {
                    news |= self.secrets.epochs.insert_unknown(*epoch, *rotation, key);
                }
            }
            Control::Admit { device, share, .. } if Recipient::from(*device) == me => {
                if let Some(key) = self.unwrap(me, entry.epoch(), entry.author(), share) {
                    // The first epoch of a group was begun by its genesis alone. Which entry began a later one is found by what its key opens.
                    let begun_by = if entry.epoch() == Epoch(0) { self.state.group.into() } else { entry.id() };
                    news |= self.secrets.epochs.insert_unknown(entry.epoch(), begun_by, key);
                }
            }
            _ => {}
        }
        let earlier = rotation_in(control).is_some_and(|rotation| self.take_earlier(entry, rotation));
        news | earlier | (news && self.take_all_earlier())
    }

    fn unwrap(&self, to: Recipient, epoch: Epoch, author: DeviceId, sealed: &[u8]) -> Option<Key> {
        let recovery = self.secrets.recovery.as_ref().filter(|recovery| Recipient::from(recovery.entry) == to);
        let secret = recovery.map(|recovery| &recovery.secret).or(self.secrets.kem.as_ref())?;
        self.wrapping(epoch, author).unwrap(to, secret, sealed).ok()
    }

    /// The keys that went with those that are here.
    fn take_all_earlier(&mut self) -> bool {
        let rotations: Vec<EntryId> = self.membership.rotations().map(|rotation| rotation.entry).collect();
        let mut news = false;
        for id in rotations.into_iter().rev() {
            let entry = if self.upkeep.carried.contains_key(&id) { None } else { self.control(&id) };
            if let Some(entry) = entry
                && let Some(rotation) = entry.control().and_then(rotation_in)
            {
                news |= self.take_earlier(&entry, rotation);
            }
        }
        news
    }

    /// The keys that went with this one. A key of which only the epoch's number was known is found to be this one's by that it opens them.
    fn take_earlier(&mut self, entry: &VerifiedEntry, rotation: &Rotation) -> bool {
        let place = self.wrapping(rotation.epoch, entry.author());
        let own = self.secrets.epochs.get(rotation.epoch, &entry.id());
        let candidates: Vec<Key> = own.into_iter().chain(self.secrets.epochs.of(rotation.epoch)).cloned().collect();
        let opened = |key: Key| place.open_earlier(&key, &rotation.previous).map(|earlier| (key, earlier));
        let Some((key, earlier)) = candidates.into_iter().find_map(opened) else { return false };
        let carried = earlier.iter().map(|(_, begun_by, _)| *begun_by).gather();
        self.upkeep.carried.insert(entry.id(), carried);
        let mut news = self.secrets.epochs.insert_unknown(rotation.epoch, entry.id(), key);
        for (epoch, begun_by, key) in earlier {
            news |= self.secrets.epochs.insert_unknown(epoch, begun_by, key);
        }
        news
    }

    /// Works out which keys the newest rotation carries, if that is not known yet.
    pub(super) fn look_at_newest(&mut self) {
        let newest = self.membership.rotation().map(|rotation| rotation.entry);
        let unknown = newest.filter(|id| !self.upkeep.carried.contains_key(id));
        let Some(entry) = unknown.and_then(|id| self.control(&id)) else { return };
        match entry.control().and_then(rotation_in) {
            Some(rotation) => drop(self.take_earlier(&entry, rotation)),
            // The genesis: nothing went before it.
            None => drop(self.upkeep.carried.insert(entry.id(), BTreeSet::new())),
        }
    }

    /// Whether there is a key here that does not go with the newest: of a rotation made at the same time. Whoever comes later could not read
    /// what was sealed under it.
    pub(super) fn newest_lacks_keys(&self) -> bool {
        !self.lacking_in_newest().is_empty()
    }

    /// The epochs of these keys, by the entries that began them.
    fn lacking_in_newest(&self) -> Vec<EntryId> {
        let Some(newest) = self.membership.rotation().map(|rotation| rotation.entry) else { return vec![] };
        let Some(carried) = self.upkeep.carried.get(&newest).filter(|carried| carried.len() < MAX_EARLIER) else {
            return vec![];
        };
        let begins = |id: &EntryId| {
            !matches!(self.control(id).as_ref().and_then(VerifiedEntry::control), Some(Control::Admit { .. }))
        };
        let lacks = |id: &EntryId| *id != newest && !carried.contains(id) && begins(id);
        self.secrets.epochs.iter().map(|(_, begun_by, _)| *begun_by).filter(lacks).collect()
    }

    /// Of these, those that no admin was given: nobody who may would ever hand them on. What was sealed under them has to go into entries again, by who
    /// can read it and may write.
    pub(super) fn untold_epochs(&self) -> Vec<EntryId> {
        let told = self.state.told_anew.as_deref().unwrap_or_default();
        let untold = self.lacking_in_newest().into_iter().filter(|id| !told.contains(id));
        untold.filter(|id| !self.an_admin_was_given(id)).collect()
    }

    /// Whether the present key is not here and no admin has it: nobody will ever give it to this device.
    pub(super) fn nobody_gives_key(&self) -> bool {
        let Some(rotation) = self.membership.rotation() else { return false };
        let has = |device: &DeviceId| rotation.known_to.contains(&Recipient::from(*device));
        let given = self.membership.members().any(|(device, member)| member.role == Role::Admin && has(device));
        self.sealing().is_none() && !given
    }

    fn an_admin_was_given(&self, begun_by: &EntryId) -> bool {
        let Some(entry) = self.control(begun_by) else { return false };
        let wraps = entry.control().and_then(rotation_in).map(|rotation| rotation.wraps.as_slice());
        let given = |device: &DeviceId| {
            let to = Recipient::from(*device);
            *device == entry.author() || wraps.unwrap_or_default().iter().any(|wrap| wrap.to == to)
        };
        self.membership.members().any(|(device, member)| member.role == Role::Admin && given(device))
    }
}

impl Machine {
    /// Takes the keys that a control entry brings, and tries again what waited for one.
    pub(super) fn take_keys(&mut self, entry: &VerifiedEntry) {
        let Some(group) = &mut self.sync.group else { return };
        if !group.take_keys(entry) {
            return;
        }
        let unnamed: Vec<EntryId> =
            group.controls.iter().map(|(_, id, _)| *id).filter(|id| !group.names.contains_key(id)).collect();
        for control in unnamed.iter().filter_map(|id| group.control(id)).collect::<Vec<_>>() {
            group.open_name(&control);
        }
        let may_open =
            |reason| matches!(reason, KeptReason::MissingKey | KeptReason::Vouched | KeptReason::DoesNotOpen);
        let waiting = group.quarantine.iter().filter(|(_, kept)| may_open(kept.reason)).map(|(id, _)| *id);
        let waiting: Vec<_> = waiting.filter(|id| !group.retry.contains(id)).collect();
        group.retry.extend(waiting);
        self.store_secrets();
    }

    /// Keys that others rely on must not go with the power.
    pub(super) fn store_secrets(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        group.state.secrets = group.secrets.seal(&self.local, &mut self.rng).into();
        self.batch.group_changed = true;
        self.batch.strict = true;
    }

    /// The next epoch for everybody but `without`, and its key.
    fn next_epoch(&mut self, without: Option<DeviceId>) -> Result<(Rotation, Key), Failure> {
        let group = self.sync.group.as_mut().ok_or_else(super::invites::sync_disabled)?;
        let mut recipients: Vec<(Recipient, KemKey)> =
            group.membership.recipients().into_iter().map(|(to, kem)| (to, kem.clone())).collect();
        recipients.retain(|(to, _)| Some(*to) != without.map(Recipient::from));
        if recipients.len() > MAX_WRAPS {
            let message = format!("a group that changes its key has at most {MAX_WRAPS} members");
            return Err(Failure::new(ErrorCode::GroupNotAllowed, message));
        }
        let last = group.membership.rotations().map(|rotation| rotation.epoch.0).max().unwrap_or(0);
        let epoch = Epoch(last.saturating_add(1));
        let place = group.wrapping(epoch, group.me());
        let key = Key::random(&mut self.rng);
        let mut wraps = Vec::with_capacity(recipients.len());
        for (to, kem) in recipients {
            match place.wrap(to, &kem, &key, &mut self.rng) {
                Ok(sealed) => wraps.push(Wrap { to, sealed: sealed.into() }),
                // Its key is none: whoever published it gets no key of the group.
                Err(_) => drop(group.upkeep.without_hope.insert(to)),
            }
        }
        let previous = place.seal_earlier(&key, &group.secrets.epochs, &mut self.rng).into();
        Ok((Rotation { epoch, wraps, previous }, key))
    }

    /// Signs a control entry that begins the next epoch; its key is in the same batch.
    pub(super) fn sign_rotation(
        &mut self,
        without: Option<DeviceId>,
        control: impl FnOnce(Rotation) -> Control,
    ) -> Result<(), Failure> {
        self.seal_draft();
        let (rotation, key) = self.next_epoch(without)?;
        let epoch = rotation.epoch;
        self.sign_control_with(&control(rotation), |group, entry| {
            group.secrets.epochs.insert(epoch, entry.id(), key);
        })?;
        self.store_secrets();
        Ok(())
    }

    /// Says of devices that left or stepped down by themselves what they said: from then on nothing counts that they do as if they had not.
    pub(super) fn confirm_giving_up(&mut self) {
        let Some(group) = &self.sync.group else { return };
        let me = group.me();
        let gave_up = group.membership.to_confirm().into_iter().filter(|(device, _)| *device != me);
        for (device, role) in gave_up.collect::<Vec<_>>() {
            let said = match role {
                None => {
                    self.sign_rotation(Some(device), |rotation| Control::Remove { device, rotation: Some(rotation) })
                }
                Some(role) => self.sign_control(&Control::Role { device, role }).map(drop),
            };
            if let Err(failure) = said {
                self.tell(Event::Error { failure });
            }
        }
    }

    /// Somebody who knows the present key is not a member any more.
    pub(super) fn rotate_for_need(&mut self) {
        if let Err(failure) = self.sign_rotation(None, |rotation| Control::Rotate { rotation }) {
            self.tell(Event::Error { failure });
        }
    }

    /// Puts all documents into entries again, under the present key: some were sealed under one that the others will never have.
    pub(super) fn tell_anew(&mut self) {
        self.seal_draft();
        let Some(group) = &mut self.sync.group else { return };
        let untold = group.untold_epochs();
        group.state.told_anew.get_or_insert_default().extend(untold);
        let announced = Announced::Through(vec![]);
        group.state.announced = announced.clone();
        self.batch.group_changed = true;
        self.batch.effects.push(Effect::Announced(announced));
    }

    /// Gives the present key to members that lack it.
    pub(super) fn share_key(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let Some(rotation) = group.membership.rotation() else { return };
        let (epoch, begun_by) = (rotation.epoch, rotation.entry);
        let Some(key) = group.secrets.epochs.get(epoch, &begun_by).cloned() else { return };
        let place = group.wrapping(epoch, group.me());
        let lack: Vec<(Recipient, KemKey)> =
            group.membership.without_key().into_iter().map(|(to, kem)| (to, kem.clone())).collect();
        for (to, kem) in lack {
            let sealed = place.wrap(to, &kem, &key, &mut self.rng);
            let shared = match sealed {
                Ok(sealed) => {
                    let sealed = sealed.into();
                    self.sign_control(&Control::Share { to, epoch, rotation: begun_by, sealed }).map(drop)
                }
                Err(error) => Err(internal(&error)),
            };
            if let Some(group) = self.sync.group.as_mut().filter(|_| shared.is_err()) {
                group.upkeep.without_hope.insert(to);
            }
        }
    }

    /// A device of the first version makes the key that others wrap for it, and publishes it with its name.
    pub(super) fn publish_key(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        if group.secrets.kem.is_none() {
            group.secrets.kem = KemSecret::random(&mut self.rng).ok();
        }
        let (device, kem) = (group.me(), group.secrets.kem.as_ref().and_then(KemSecret::public));
        let Some((_, key)) = group.newest_key() else { return };
        self.store_secrets();
        let profile = ProfilePayload::of(self.sync.settings.device_name.clone());
        let sealed = profile.seal(&key, &device, &mut self.rng).into();
        if let Err(failure) = self.sign_control(&Control::Name { sealed, kem }) {
            self.tell(Event::Error { failure });
        }
    }
}
