//! Appending: all entries of a frame or none, each judged by the group's rules as they are after the one before it.

use super::prepare::PreparedEntry;
use super::store::{LogInfo, LogStore, NewEntry, StoredSnapshot};
use super::{ConnectionId, Fresh, Group, Mailbox, News, Note, Problem, Refused};
use crate::control::Control;
use crate::frame::{FailureCode, Placed, RelayFrame, RequestId};
use crate::hash::log_prefix;
use crate::header::{EntryKind, VerifiedEntry};
use crate::ids::{Cursor, DeviceId, EntryId, GroupId, LogId, LogPrefix, Timestamp};
use crate::membership::{Membership, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// An append that may be stored.
struct Plan {
    /// In the order of the frame: where each stands that the log has, and will stand otherwise.
    placed: Vec<Placed>,
    fresh: Vec<VerifiedEntry>,
    /// The members after it, if it changes them.
    membership: Option<Membership>,
    /// The snapshot that is finished by it.
    snapshot: Option<StoredSnapshot>,
    now: Timestamp,
}

impl<S: LogStore> Mailbox<S> {
    pub(super) fn append(
        &mut self,
        conn: ConnectionId,
        device: DeviceId,
        now: Timestamp,
        request: RequestId,
        group_id: GroupId,
        entries: Vec<PreparedEntry>,
    ) -> Result<(), Problem<S::Error>> {
        let known = self.group(group_id)?.map(|group| group.info);
        let info = match known {
            Some(info) => info,
            None => self.unknown_group(conn, now, group_id, &entries)?,
        };
        let begins = known.is_none();
        if begins {
            let empty = Group { info, membership: Membership::new(group_id), wanted: None, used: self.uses };
            self.cache(group_id, empty);
        }
        let planned =
            self.find_wanted(group_id, &entries).and_then(|()| self.plan(device, group_id, info, entries, now));
        let plan = match planned {
            Ok(plan) => plan,
            Err(problem) => {
                if begins {
                    self.groups.remove(&group_id);
                }
                return Err(problem);
            }
        };
        if begins {
            self.store.create_group(&group_id, info.log, now).map_err(Problem::Store)?;
            let peer = self.connections.get(&conn).and_then(|connection| connection.peer);
            self.admission.began_group(peer, now);
            self.note(conn, Note::GroupCreated(group_id));
        }
        let count = plan.fresh.len();
        let (finishes, changes_members) = (plan.snapshot.is_some(), plan.membership.is_some());
        let placed = self.store_plan(group_id, plan)?;
        if changes_members {
            self.settle_requests(group_id, now)?;
        }
        if finishes {
            self.drop_surplus_snapshots(group_id)?;
        }
        self.send(conn, &RelayFrame::Appended { request, group: group_id, log: info.log, placed });
        if count > 0 {
            self.note(conn, Note::Appended(group_id, count));
        }
        Ok(())
    }

    /// A log begins with its genesis, and not too often from one address.
    fn unknown_group(
        &mut self,
        conn: ConnectionId,
        now: Timestamp,
        group: GroupId,
        entries: &[PreparedEntry],
    ) -> Result<LogInfo, Problem<S::Error>> {
        let founds = matches!(entries.first(), Some(Ok(entry)) if entry.id() == EntryId::from(group));
        if !founds {
            return Err(FailureCode::UnknownGroup.into());
        }
        let peer = self.connections.get(&conn).and_then(|connection| connection.peer);
        self.admission.may_begin_group(peer, now).map_err(|wait| {
            let code = FailureCode::TooManyAttempts;
            Problem::Refused(Refused { code, entry: None, retry_after_ms: Some(wait.0), close: false })
        })?;
        let log: LogId = self.new_log_id(group);
        Ok(LogInfo { log, head: Cursor::ZERO, bytes: 0, floor: Cursor::ZERO, places_since: now })
    }

    /// Judges the frame as a whole. Whoever sends it must be a member, at the latest by what is in it.
    fn plan(
        &self,
        device: DeviceId,
        group_id: GroupId,
        info: LogInfo,
        entries: Vec<PreparedEntry>,
        now: Timestamp,
    ) -> Result<Plan, Problem<S::Error>> {
        let Some(group) = self.groups.get(&group_id) else { return Err(FailureCode::Unavailable.into()) };
        let mut changed: Option<Membership> = None;
        let (placed, alone) = (Vec::with_capacity(entries.len()), entries.len() == 1);
        let mut plan = Plan { placed, fresh: Vec::new(), membership: None, snapshot: None, now };
        let mut in_frame: BTreeMap<EntryId, Cursor> = BTreeMap::new();
        let named: BTreeSet<EntryId> = entries.iter().flatten().flat_map(|entry| entry.parents().to_vec()).collect();
        let (mut cursor, mut bytes) = (info.head, info.bytes);
        for entry in entries {
            let is_member = changed.as_ref().unwrap_or(&group.membership).may_read(&device);
            let entry = match entry {
                Ok(entry) => *entry,
                Err((code, id)) if is_member => return Err(Problem::entry(code, Some(id))),
                Err(_) => return Err(FailureCode::NotAMember.into()),
            };
            let id = entry.id();
            let stands = match in_frame.get(&id) {
                Some(cursor) => Some(*cursor),
                None => self.store.cursor_of(&group_id, &id).map_err(Problem::Store)?,
            };
            if let Some(cursor) = stands {
                plan.placed.push(Placed { id, cursor });
                continue;
            }
            match judge(&group.membership, &mut changed, &entry) {
                Err(refusal)
                    if entry.kind() == EntryKind::Data
                        && refusal.passes_when_wanted()
                        && group.is_vouched_for(changed.as_ref().unwrap_or(&group.membership), &id, &plan.fresh) => {}
                // What comes behind it in this frame may build on it too: it is a control entry, which needs all that it names.
                Err(refusal)
                    if entry.kind().is_control() && refusal.may_pass() && (group.wants(&id) || named.contains(&id)) =>
                {
                    keep(&group.membership, &mut changed, &entry)
                        .map_err(|refusal| refused(refusal, &entry, &device))?;
                }
                judged => judged.map_err(|refusal| refused(refusal, &entry, &device))?,
            }
            if let Some(manifest) = entry.manifest() {
                plan.snapshot = Some(self.fitting_snapshot(group_id, info, &entry, manifest, alone, now)?);
            }
            cursor = cursor.next();
            bytes += entry.encoded().len() as u64;
            in_frame.insert(id, cursor);
            plan.placed.push(Placed { id, cursor });
            plan.fresh.push(entry);
        }
        // One that leaves by what it sends was a member before.
        let is_member = changed.as_ref().unwrap_or(&group.membership).may_read(&device);
        if !is_member && !group.membership.may_read(&device) {
            return Err(FailureCode::NotAMember.into());
        }
        if bytes > self.config.limits.max_group_bytes && !plan.fresh.is_empty() {
            return Err(FailureCode::QuotaExceeded.into());
        }
        plan.membership = changed;
        Ok(plan)
    }

    /// Stores what was planned, and hands it to those who follow the log.
    fn store_plan(&mut self, group_id: GroupId, plan: Plan) -> Result<Vec<Placed>, Problem<S::Error>> {
        let Some(group) = self.groups.get_mut(&group_id) else { return Err(FailureCode::Unavailable.into()) };
        let Plan { placed, fresh, membership, snapshot, now } = plan;
        if let Some(membership) = &membership {
            group.membership = membership.clone();
        }
        if fresh.is_empty() {
            return Ok(placed);
        }
        let mut prefix = self.store.prefix_at(&group_id, group.info.head).map_err(Problem::Store)?;
        let row = |entry| row(entry, now, *prefix.insert(log_prefix(prefix.as_ref(), &entry.id())));
        let rows: Vec<NewEntry<'_>> = fresh.iter().map(row).collect();
        let head = self.store.append(&group_id, &rows).map_err(Problem::Store)?;
        if let Some(snapshot) = &snapshot {
            self.store.finish_snapshot(&group_id, snapshot).map_err(Problem::Store)?;
        }
        self.note_wanted(group_id, &fresh)?;
        let Some(group) = self.groups.get_mut(&group_id) else { return Err(FailureCode::Unavailable.into()) };
        let mut cursor = group.info.head;
        let log = group.info.log;
        let news = self.fresh.entry(group_id).or_insert_with(|| News { log, entries: Vec::new(), membership: None });
        news.membership = membership.or(news.membership.take());
        for entry in fresh {
            cursor = cursor.next();
            group.info.bytes += entry.encoded().len() as u64;
            let (id, author) = (entry.id(), entry.author());
            news.entries.push(Fresh { cursor, id, author, bytes: entry.into_encoded().into() });
        }
        debug_assert_eq!(cursor, head, "the store gives the cursors after its head");
        group.info.head = head;
        Ok(placed)
    }
}

fn row(entry: &VerifiedEntry, now: Timestamp, prefix: LogPrefix) -> NewEntry<'_> {
    let is_control = entry.kind().is_control();
    NewEntry { id: entry.id(), prefix, author: entry.author(), is_control, bytes: entry.encoded(), appended_at: now }
}

/// Controls are tried on a copy of the members, so that a frame that is refused changes nothing.
fn judge(known: &Membership, changed: &mut Option<Membership>, entry: &VerifiedEntry) -> Result<(), Refusal> {
    if entry.kind().is_control() {
        return changed.get_or_insert_with(|| known.clone()).apply(entry).map(drop);
    }
    changed.as_ref().unwrap_or(known).may_stand(entry)
}

/// Takes in a control entry that does not stand: something in the log builds on it, and would wait for it for ever.
fn keep(known: &Membership, changed: &mut Option<Membership>, entry: &VerifiedEntry) -> Result<(), Refusal> {
    let members = changed.get_or_insert_with(|| known.clone());
    match members.take_in(entry) {
        Err(refusal) if !members.has_taken_in(&entry.id()) => Err(refusal),
        _ => Ok(()),
    }
}

/// What the sender is told. Somebody else's entry that may not stand is told by its id.
fn refused<E>(refusal: Refusal, entry: &VerifiedEntry, sender: &DeviceId) -> Problem<E> {
    let own = entry.author() == *sender;
    let code = match refusal {
        Refusal::InviteUsed => FailureCode::InviteUsed,
        Refusal::InviteExpired => FailureCode::InviteExpired,
        Refusal::InviteClosed => FailureCode::InviteRevoked,
        Refusal::RoleForbids => FailureCode::RoleForbids,
        Refusal::NotAMember if own => return FailureCode::NotAMember.into(),
        Refusal::NotAMember => FailureCode::NotAMember,
        Refusal::Removed => FailureCode::Removed,
        // All admins have left, so nobody stands for the invite.
        Refusal::LastAdmin if matches!(entry.control(), Some(Control::Join { .. })) => FailureCode::InviteRevoked,
        Refusal::Voided | Refusal::UnknownDevice | Refusal::LastAdmin | Refusal::BadRotation => FailureCode::Superseded,
        Refusal::TooMany => FailureCode::QuotaExceeded,
        Refusal::OtherGroup
        | Refusal::NotControl
        | Refusal::UnknownInvite
        | Refusal::UnknownEpoch
        | Refusal::InviteNotAParent
        | Refusal::BadProof
        | Refusal::AlreadyAMember
        | Refusal::NoUses => FailureCode::BadEntry,
    };
    Problem::entry(code, Some(entry.id()))
}
