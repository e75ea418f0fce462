//! What the machine knows about sync: the app's settings, the group, the connection, and who waits for what.

use super::batch::{Effect, Waiting};
use super::link::Link;
use crate::api::{ErrorCode, Failure, SyncStatus};
use crate::group::{Announced, GroupState, JoiningState, RelayPlace, Secrets, SyncSettings};
use crate::time::Timestamp;
use ashore_protocol::control::Control;
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{DeviceId, EntryId};
use ashore_protocol::invite::InviteCode;
use ashore_protocol::membership::Membership;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Everything about sync.
#[derive(Default)]
pub(super) struct Sync {
    pub(super) settings: SyncSettings,
    pub(super) group: Option<Group>,
    pub(super) joining: Option<Joining>,
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
}

/// The group of this database, as this device knows it.
pub(super) struct Group {
    pub(super) state: GroupState,
    pub(super) secrets: Secrets,
    pub(super) membership: Membership,
    pub(super) names: BTreeMap<DeviceId, String>,
    /// Control entries in the order in which they were stored: sequence number, id, bytes.
    pub(super) controls: Vec<(u64, EntryId, Vec<u8>)>,
    pub(super) control_tips: BTreeSet<EntryId>,
    /// Committed entries that the relay has not acknowledged, by sequence number.
    pub(super) outbox: BTreeMap<u64, Waiting>,
    /// Entries that are kept but could not be opened or applied.
    pub(super) quarantine: BTreeMap<EntryId, Kept>,
    pub(super) retry: VecDeque<EntryId>,
    /// Applied, perhaps not committed yet; and committed.
    pub(super) place: RelayPlace,
    pub(super) stored: RelayPlace,
    pub(super) announced: Announced,
    /// A step of announcing was written and is not committed yet.
    pub(super) announcing: bool,
    /// Committed: some documents wait to be put into entries whole, because the outbox was full.
    pub(super) behind: bool,
    /// How far the pass over these documents is, and whether one more came to wait since it began.
    pub(super) caught_up_through: Option<crate::store::Key>,
    pub(super) more_behind: bool,
    pub(super) snapshots: super::snapshot::Snapshots,
}

/// A quarantined entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) author: DeviceId,
    pub(super) reason: KeptReason,
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
}

impl KeptReason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MissingParent => "missing-parent",
            Self::MissingKey => "missing-key",
            Self::MissingChange => "missing-change",
            Self::DoesNotOpen => "does-not-open",
            Self::DoesNotApply => "does-not-apply",
        }
    }

    /// Something that comes later may help.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::MissingParent | Self::MissingKey | Self::MissingChange)
    }
}

/// A join under way.
pub(super) enum Joining {
    /// The invitation is to be fetched.
    Taking { code: InviteCode, secrets: Secrets },
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
}

/// An invite that is being made.
pub(super) struct PendingInvite {
    pub(super) code: InviteCode,
    pub(super) entry: EntryId,
    pub(super) sealed: Vec<u8>,
    pub(super) expires_at: Timestamp,
    pub(super) link_base: Option<String>,
    /// Sent on this connection, with this request.
    pub(super) request: Option<(u64, ashore_protocol::frame::RequestId)>,
}

impl Sync {
    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let waiters = self.waiters.iter().map(|waiter| waiter.deadline).min();
        let link = self.link.as_ref().map(Link::deadline);
        let retry = if self.link.is_none() && self.wants_connection() { self.retry_at } else { None };
        let safety = self.safety_at.filter(|_| self.asks_for_safety());
        let snapshot = self.group.as_ref().filter(|_| self.link.is_some()).and_then(|group| group.snapshots.deadline());
        [waiters, link, retry, safety, snapshot].into_iter().flatten().min()
    }

    /// Whether the relay is asked for news from time to time.
    pub(super) fn asks_for_safety(&self) -> bool {
        self.settings.enabled && self.settings.is_auto() && self.group.is_some()
    }

    /// Whether there should be a connection.
    pub(super) fn wants_connection(&self) -> bool {
        let asked = |waiter: &Waiter| matches!(waiter.what, Wait::Now { .. } | Wait::Invite { .. } | Wait::Snapshot);
        let now = self.settings.is_auto() || self.waiters.iter().any(asked);
        let something = (self.settings.enabled && self.group.is_some() && now) || self.joining.is_some();
        something && self.settings.relay.is_some()
    }

    pub(super) fn take_effect(&mut self, effect: Effect) {
        match (effect, &mut self.group) {
            (Effect::Pulled(entries), _) => self.pulled += entries,
            (Effect::Waits(sequence, waiting), Some(group)) => drop(group.outbox.insert(sequence, waiting)),
            (Effect::Acknowledged(sequences), Some(group)) => {
                for sequence in sequences {
                    if group.outbox.remove(&sequence).is_some() {
                        self.pushed += 1;
                    }
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
            controls: Vec::new(),
            control_tips: BTreeSet::new(),
            outbox: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            retry: VecDeque::new(),
            place: RelayPlace::default(),
            stored: RelayPlace::default(),
            announced,
            announcing: false,
            behind,
            caught_up_through: None,
            more_behind: false,
            snapshots: super::snapshot::Snapshots::default(),
        }
    }

    /// Takes note of a control entry that stands in the group.
    pub(super) fn note_control(&mut self, sequence: u64, entry: &VerifiedEntry) {
        for parent in entry.parents() {
            self.control_tips.remove(parent);
        }
        self.control_tips.insert(entry.id());
        self.controls.push((sequence, entry.id(), entry.encoded().to_vec()));
        let sealed = match entry.control() {
            Some(Control::Genesis { sealed, .. } | Control::Join { sealed, .. } | Control::Name { sealed, .. }) => {
                sealed
            }
            Some(_) | None => return,
        };
        let key = self.secrets.epochs.get(&entry.epoch().0);
        let author = entry.author();
        let profile = key.and_then(|key| crate::group::ProfilePayload::open(key, &author, sealed));
        if let Some(profile) = profile {
            self.names.insert(author, profile.name);
        }
    }

    /// The parents of the next entry: the tips, and for control entries the last control entries too.
    pub(super) fn parents(&self, control: bool) -> BTreeSet<EntryId> {
        let mut parents = BTreeSet::new();
        if control {
            parents.extend(self.control_tips.iter().take(ashore_protocol::limits::MAX_PARENTS / 2));
        }
        let room = ashore_protocol::limits::MAX_PARENTS - parents.len();
        parents.extend(self.state.tips.iter().take(room));
        parents
    }

    /// An entry stands: its parents are tips no more, and it is one.
    pub(super) fn note_tip(&mut self, entry: &VerifiedEntry) {
        let parents: BTreeSet<&EntryId> = entry.parents().iter().collect();
        self.state.tips.retain(|tip| !parents.contains(tip));
        self.state.tips.push(entry.id());
        self.state.tips.sort_unstable();
    }
}
