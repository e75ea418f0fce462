//! What the machine knows about sync: the app's settings, the group, the connection, and who waits for what.

use super::asking::Asking;
use super::batch::Effect;
use super::link::Link;
use super::looking_in::LookingIn;
use super::recover::RecoverBy;
use super::requests::{Deciding, Requests};
use super::waiting::Outbox;
use crate::api::{ErrorCode, Failure, Reply, SyncStatus};
use crate::crypto::Key;
use crate::group::{Announced, GroupState, JoiningState, PutAside, RelayPlace, Secrets, StoredEnvelope, SyncSettings};
use crate::time::Timestamp;
use ashore_protocol::control::Control;
use ashore_protocol::header::{Entry, Header, VerifiedEntry};
use ashore_protocol::ids::{DeviceId, EntryId, EnvelopePlace, Epoch, InviteKey, InvitePlace};
use ashore_protocol::invite::InviteCode;
use ashore_protocol::limits::MAX_PARENTS;
use ashore_protocol::membership::Membership;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Everything about sync.
#[derive(Default)]
pub(super) struct Sync {
    pub(super) settings: SyncSettings,
    pub(super) group: Option<Group>,
    pub(super) joining: Option<Joining>,
    /// What this device has asked for.
    pub(super) asking: Option<Asking>,
    pub(super) link: Option<Link>,
    pub(super) next_connection: u64,
    /// The host said that there is no network.
    pub(super) offline: bool,
    /// Attempts to connect that failed in a row.
    pub(super) attempts: u32,
    /// The relay refused us or misbehaved: being welcome is no success until a connection lasts.
    pub(super) distrusted: bool,
    pub(super) retry_at: Option<Timestamp>,
    /// How long the wait until then is, in milliseconds.
    pub(super) wait_ms: u64,
    pub(super) last_error: Option<Failure>,
    /// What everybody was told of last that has not passed since.
    pub(super) told_fault: Option<ErrorCode>,
    pub(super) told: Option<SyncStatus>,
    pub(super) waiters: Vec<Waiter>,
    /// Entries acknowledged and entries of others stored since the machine was opened.
    pub(super) pushed: u64,
    pub(super) pulled: u64,
    /// Rows of groups before this generation may be there and are litter.
    pub(super) sweep_below: Option<u64>,
    /// When the relay is asked for news though nothing happened.
    pub(super) safety_at: Option<Timestamp>,
    /// The relay that is followed from the next connection on.
    pub(super) turn_to: Option<String>,
    /// When everything was in step, as the settings' row has it.
    pub(super) kept_synced_at: Option<Timestamp>,
    /// When it is looked whether the first relay is back.
    pub(super) return_at: Option<Timestamp>,
    pub(super) looking_in: LookingIn,
    /// Invitations to be withdrawn at the relay.
    pub(super) withdrawn: Vec<InvitePlace>,
    /// Envelopes to be taken away at the relay.
    pub(super) dropped: Vec<EnvelopePlace>,
}

/// The group of this database, as this device knows it.
pub(super) struct Group {
    pub(super) state: GroupState,
    pub(super) secrets: Secrets,
    pub(super) membership: Membership,
    /// Opened names, by the control entry that carries them.
    pub(super) names: BTreeMap<EntryId, String>,
    /// Invites that need approval, and by what the marks of requests that came with them are checked.
    pub(super) marks: BTreeMap<EntryId, InviteKey>,
    /// By which of them a device was let in, by the entry that did it.
    pub(super) came_with: BTreeMap<EntryId, EntryId>,
    /// Control entries in the order in which they were stored: sequence number, id, bytes.
    pub(super) controls: Vec<(u64, EntryId, Vec<u8>)>,
    /// Which control entries name an entry as a parent.
    pub(super) named_by: BTreeMap<EntryId, Vec<EntryId>>,
    /// Which control entries began an epoch of this number, standing or not.
    pub(super) begun: BTreeMap<u32, Vec<EntryId>>,
    pub(super) upkeep: super::upkeep::Upkeep,
    /// Committed entries that the relay has not acknowledged, by sequence number.
    pub(super) outbox: Outbox,
    /// Entries of the outbox that came from peers, and until when whoever wrote them may send them.
    pub(super) carried: BTreeMap<u64, Timestamp>,
    /// Those of them that the relay did not take, and those that this device has vouched for.
    pub(super) orphans: BTreeSet<u64>,
    pub(super) vouched: BTreeSet<u64>,
    /// Entries that are kept but could not be opened or applied.
    pub(super) quarantine: BTreeMap<EntryId, Kept>,
    pub(super) retry: VecDeque<EntryId>,
    /// Batches that are not stored yet and hold what came of a snapshot or of entries that were aside: no place in the log tells of them.
    pub(super) settling: u32,
    /// Applied, perhaps not committed yet; and committed.
    pub(super) place: RelayPlace,
    pub(super) stored: RelayPlace,
    /// Where it stands at the other relays that it followed before.
    pub(super) places: BTreeMap<String, RelayPlace>,
    pub(super) announced: Announced,
    /// A step of announcing was written and is not committed yet.
    pub(super) announcing: bool,
    /// Committed: some documents wait to be put into entries whole, because the outbox was full.
    pub(super) behind: bool,
    /// How far the pass over these documents is, and whether one more came to wait since it began.
    pub(super) caught_up_through: Option<crate::store::Key>,
    pub(super) more_behind: bool,
    pub(super) snapshots: super::snapshot::Snapshots,
    pub(super) seen: super::seen::Seen,
    pub(super) requests: Requests,
    /// The envelopes of recoveries that this device made.
    pub(super) envelopes: Vec<StoredEnvelope>,
    /// What control entries say of recoveries may be something else than when that was looked at last.
    pub(super) recoveries_changed: bool,
}

/// A quarantined entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) author: DeviceId,
    pub(super) reason: KeptReason,
    pub(super) parents: Vec<EntryId>,
    /// Of the whole entry.
    pub(super) bytes: usize,
}

impl Kept {
    /// Of an entry with this header and so many bytes.
    pub(super) fn new(header: &Header, bytes: usize, reason: KeptReason) -> Self {
        Self { author: header.author, reason, parents: header.parents.clone(), bytes }
    }
}

/// Why an entry is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub(super) enum KeptReason {
    #[n(0)]
    MissingParent,
    #[n(1)]
    MissingKey,
    #[n(2)]
    MissingChange,
    #[n(3)]
    DoesNotOpen,
    #[n(4)]
    DoesNotApply,
    /// Its author may not write any more, and nothing that stands builds on it.
    #[n(5)]
    AuthorRemoved,
    /// Its author may not write any more, but something that stands builds on it: it waits for what it needs.
    #[n(6)]
    Vouched,
    /// Merging it makes Automerge panic, or ended an engine.
    #[n(9)]
    Crashes,
}

impl KeptReason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MissingParent => "missing-parent",
            Self::MissingKey => "missing-key",
            Self::MissingChange => "missing-change",
            Self::DoesNotOpen => "does-not-open",
            Self::DoesNotApply => "does-not-apply",
            Self::AuthorRemoved => "author-removed",
            Self::Vouched => "vouched-for",
            Self::Crashes => "crashes",
        }
    }

    /// Something that comes later may help.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::MissingParent | Self::MissingKey | Self::MissingChange | Self::Vouched)
    }

    /// What this version cannot do with it another may.
    pub(super) fn may_pass_by_an_update(self) -> bool {
        matches!(self, Self::DoesNotOpen | Self::DoesNotApply | Self::Crashes)
    }
}

/// A join under way.
pub(super) enum Joining {
    /// The invitation is to be fetched.
    Taking { code: InviteCode, secrets: Secrets },
    /// The envelope of a recovery is to be fetched.
    Recovering { by: RecoverBy, secrets: Secrets },
    /// The join waits for the relay's acknowledgement; it is in the store.
    Appending { state: JoiningState },
}

/// A call that waits for something to happen.
pub(super) struct Waiter {
    pub(super) client: String,
    pub(super) call: u64,
    pub(super) deadline: Timestamp,
    pub(super) what: Wait,
}

/// What a call waits for.
pub(super) enum Wait {
    /// Nothing is left to send.
    Flush,
    /// Everything is sent, and the relay has said since that there is nothing more.
    Now { pushed: u64, pulled: u64, asked: bool },
    /// The invitation lies at the relay.
    Invite { invite: Box<PendingInvite> },
    /// The relay has taken the join.
    Join,
    /// A snapshot is at the relay.
    Snapshot,
    /// Everything of the group was here once.
    Ready,
    /// The relay says which requests to join there are; asked on this connection, with this request.
    Requests { deciding: Deciding, request: Option<(u64, ashore_protocol::frame::RequestId)> },
    /// The envelope of a recovery lies at the relay.
    Envelope { recovery: EntryId, reply: Box<Reply> },
}

/// An invite that is being made.
pub(super) struct PendingInvite {
    pub(super) code: InviteCode,
    pub(super) entry: EntryId,
    pub(super) sealed: Vec<u8>,
    pub(super) expires_at: Timestamp,
    pub(super) uses: u32,
    pub(super) link_base: Option<String>,
    /// Sent on this connection, with this request.
    pub(super) request: Option<(u64, ashore_protocol::frame::RequestId)>,
}

impl Sync {
    /// Whether this device's request waits, and is not taken back.
    pub(super) fn asks(&self) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.is_active() && !asking.is_taken_back())
    }

    /// Whether a request is taken back, which the relay does not know yet.
    pub(super) fn takes_back(&self) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.is_active() && asking.is_taken_back())
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let waiters = self.waiters.iter().map(|waiter| waiter.deadline).min();
        let link = self.link.as_ref().map(Link::deadline);
        let retry = if self.link.is_none() && self.wants_connection() { self.retry_at } else { None };
        let safety = self.safety_at.filter(|_| self.asks_for_safety());
        let snapshot = self.group.as_ref().filter(|_| self.link.is_some()).and_then(|group| group.snapshots.deadline());
        let seen = self.group.as_ref().filter(|_| self.link.is_some()).and_then(|group| group.seen.deadline());
        let upkeep = self.group.as_ref().and_then(|group| group.upkeep.due_at);
        let back = self.return_at.filter(|_| self.link.is_some());
        let look_in = self.looking_in.due_at.filter(|_| !self.looking_in.under_way);
        [waiters, link, retry, safety, snapshot, seen, upkeep, back, look_in].into_iter().flatten().min()
    }

    /// Whether the relay is asked for news from time to time.
    pub(super) fn asks_for_safety(&self) -> bool {
        self.settings.enabled && self.settings.is_auto() && self.group.as_ref().is_some_and(|group| !group.is_removed())
    }

    /// Whether there should be a connection.
    pub(super) fn wants_connection(&self) -> bool {
        let asked = |waiter: &Waiter| {
            let what = &waiter.what;
            let here = matches!(what, Wait::Now { .. } | Wait::Invite { .. } | Wait::Snapshot);
            here || matches!(what, Wait::Requests { .. } | Wait::Envelope { .. })
        };
        let now = self.settings.is_auto() || self.waiters.iter().any(asked);
        let looks_in = self.looking_in.under_way;
        let follows = self.group.as_ref().is_some_and(|group| looks_in || !group.is_removed() || group.has_left());
        let joins = self.joining.is_some() || self.asking.as_ref().is_some_and(Asking::is_active);
        let something = (self.settings.enabled && follows && now) || joins;
        something && self.settings.relay.is_some()
    }

    pub(super) fn take_effect(&mut self, effect: Effect) {
        match (effect, &mut self.group) {
            (Effect::Pulled(entries), _) => self.pulled += entries,
            (Effect::Waits(sequence, waiting), Some(group)) => group.outbox.insert(sequence, waiting),
            (Effect::Acknowledged(sequences), Some(group)) => {
                for sequence in sequences {
                    self.pushed += u64::from(group.outbox.remove(sequence));
                }
            }
            (Effect::Dropped(sequences), Some(group)) => {
                for sequence in sequences {
                    group.outbox.remove(sequence);
                }
            }
            (Effect::Stored(place), Some(group)) => group.stored = place,
            (Effect::Announced(announced), Some(group)) => {
                group.announced = announced;
                group.announcing = false;
            }
            (Effect::Behind(behind), Some(group)) => {
                group.behind = behind;
                group.announcing = false;
            }
            (Effect::Switched, _) => self.attempts = 0,
            (Effect::Settled, Some(group)) => group.settling = group.settling.saturating_sub(1),
            (_, None) => {}
        }
    }

    /// Every call that waits for something, which will not happen any more.
    pub(super) fn take_waiting_calls(&mut self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.waiters).into_iter().map(|waiter| (waiter.client, waiter.call)).collect()
    }
}

impl Group {
    pub(super) fn new(state: GroupState, secrets: Secrets) -> Self {
        let membership = Membership::new(state.group);
        let announced = state.announced.clone();
        let behind = state.behind == Some(true);
        Self {
            state,
            secrets,
            membership,
            names: BTreeMap::new(),
            marks: BTreeMap::new(),
            came_with: BTreeMap::new(),
            controls: Vec::new(),
            named_by: BTreeMap::new(),
            begun: BTreeMap::new(),
            upkeep: super::upkeep::Upkeep::default(),
            outbox: Outbox::default(),
            carried: BTreeMap::new(),
            orphans: BTreeSet::new(),
            vouched: BTreeSet::new(),
            quarantine: BTreeMap::new(),
            retry: VecDeque::new(),
            settling: 0,
            place: RelayPlace::default(),
            stored: RelayPlace::default(),
            places: BTreeMap::new(),
            announced,
            announcing: false,
            behind,
            caught_up_through: None,
            more_behind: false,
            snapshots: super::snapshot::Snapshots::default(),
            seen: super::seen::Seen::default(),
            requests: Requests::default(),
            envelopes: Vec::new(),
            recoveries_changed: true,
        }
    }

    /// This device.
    pub(super) fn me(&self) -> DeviceId {
        self.secrets.device.device_id()
    }

    /// Whether this device was a member and is none any more.
    pub(super) fn is_removed(&self) -> bool {
        let me = self.me();
        self.membership.member(&me).is_none() && self.membership.has_heard_of(&me)
    }

    /// Whether this database is or was shared with others: it has to forget the group before it comes into another.
    pub(super) fn is_shared(&self) -> bool {
        self.membership.members().count() > 1 || self.is_removed()
    }

    /// Whether this device leaves by its own word, which the relay does not have yet.
    pub(super) fn is_leaving(&self) -> bool {
        let by = self.membership.gone(&self.me()).map(|gone| gone.by);
        by.is_some_and(|by| self.outbox.values().any(|waiting| waiting.id == by))
    }

    /// Whether this device has left by its own word.
    pub(super) fn has_left(&self) -> bool {
        let me = self.me();
        let by = self.membership.gone(&me).map(|gone| gone.by);
        by.and_then(|by| self.control(&by)).is_some_and(|entry| entry.author() == me)
    }

    /// The epoch in which new entries are sealed, and its key; `None` while this device lacks it.
    pub(super) fn sealing(&self) -> Option<(Epoch, &Key)> {
        let rotation = self.membership.rotation()?;
        Some((rotation.epoch, self.secrets.epochs.get(rotation.epoch, &rotation.entry)?))
    }

    /// Whether changes may go into entries now: this device may write, and has the key of the present epoch.
    pub(super) fn may_seal(&self) -> bool {
        self.membership.may_write(&self.me()) && self.sealing().is_some()
    }

    /// What a device goes by, or went by when it was a member.
    pub(super) fn name_of(&self, device: &DeviceId) -> Option<&String> {
        let gone = || self.membership.gone(device).map(|gone| &gone.member);
        self.names.get(&self.membership.member(device).or_else(gone)?.named_by)
    }

    /// A control entry that is here.
    pub(super) fn control(&self, id: &EntryId) -> Option<VerifiedEntry> {
        let (_, _, bytes) = self.controls.iter().find(|(_, known, _)| known == id)?;
        Entry::decode(bytes).and_then(Entry::verified_before).ok()
    }

    /// Takes note of a control entry that was taken in, whether it stands or not.
    pub(super) fn note_control(&mut self, sequence: u64, entry: &VerifiedEntry) {
        for parent in entry.parents() {
            self.named_by.entry(*parent).or_default().push(entry.id());
        }
        if let Some(rotation) = entry.control().and_then(super::outbox::rotation_in) {
            self.begun.entry(rotation.epoch.0).or_default().push(entry.id());
        }
        self.controls.push((sequence, entry.id(), entry.encoded().to_vec()));
        self.recoveries_changed = true;
        self.open_name(entry);
    }

    /// As if this device had not said it.
    pub(super) fn take_back(&mut self, put: &PutAside) {
        self.controls.retain(|(sequence, _, _)| *sequence != put.sequence);
        for by in self.named_by.values_mut().chain(self.begun.values_mut()) {
            by.retain(|id| *id != put.id);
        }
        self.names.remove(&put.id);
        self.state.tips.retain(|tip| *tip != put.id);
        let entries = self.controls.iter().map(|(_, _, bytes)| Entry::decode(bytes).and_then(Entry::verified_before));
        let entries: Vec<VerifiedEntry> = entries.filter_map(Result::ok).collect();
        self.membership = Membership::resolve(self.state.group, entries.iter()).membership;
    }

    /// Opens the name or the note in a control entry, if there is one and its key is here.
    pub(super) fn open_name(&mut self, entry: &VerifiedEntry) {
        let (device, sealed) = match entry.control() {
            Some(Control::Genesis { sealed, .. } | Control::Join { sealed, .. } | Control::Name { sealed, .. }) => {
                (entry.author(), sealed)
            }
            Some(Control::Admit { device, sealed, .. }) => (*device, sealed),
            Some(Control::Invite { sealed, .. }) => return self.note_marks(entry, sealed),
            Some(_) | None => return,
        };
        let opened = |key| crate::group::ProfilePayload::open(key, &device, sealed);
        if let Some(profile) = self.secrets.epochs.of(entry.epoch()).find_map(opened) {
            self.names.insert(entry.id(), profile.name);
            self.came_with.extend(profile.invite.map(|invite| (entry.id(), invite)));
        }
    }

    /// The parents of the next entry: the tips, and for control entries the last control entries too.
    pub(super) fn parents(&self, control: bool) -> BTreeSet<EntryId> {
        let mut parents = BTreeSet::new();
        if control {
            parents.extend(self.membership.tips().take(MAX_PARENTS * 3 / 4));
        }
        let room = MAX_PARENTS - parents.len();
        parents.extend(self.state.tips.iter().take(room));
        parents
    }

    /// An entry stands: its parents are tips no more, and it is one. Data stays a tip until data builds on it: what a control entry stands for may come to
    /// nothing, and then who wrote on would not have named what they had seen.
    pub(super) fn note_tip(&mut self, entry: &VerifiedEntry) {
        let is_control = entry.kind().is_control();
        let covers =
            |tip: &EntryId| entry.parents().contains(tip) && (!is_control || self.membership.has_taken_in(tip));
        self.state.tips.retain(|tip| !covers(tip) && *tip != entry.id());
        self.state.tips.push(entry.id());
        self.state.tips.sort_unstable();
    }
}
