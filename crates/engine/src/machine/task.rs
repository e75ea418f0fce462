//! What waits to be done, in order. A task that lacks rows is put back and runs again when they are here.

use super::input::ConnectionId;
use crate::api::Command;
use crate::store::{Key, Range, Rows};
use ashore_protocol::frame::Item;
use ashore_protocol::ids::LogId;
use std::collections::VecDeque;

/// A scan that was asked for, and its answer once it is here.
pub(super) type ScanSlot = Option<(Range, Rows)>;

/// One thing to do.
#[allow(clippy::large_enum_variant, reason = "nearly all are commands, the large one")]
pub(super) enum Task {
    /// Reads what the store knows about settings, group and clients.
    Open(OpenTask),
    Command(CommandTask),
    /// Entries of the relay's log, in order.
    Receive(ReceiveTask),
    /// Sends what waits in the outbox.
    Send,
    /// Puts documents into entries that were here before the group.
    Announce(ScanSlot),
    /// Whether there is anything to announce.
    LookForDocuments(ScanSlot),
    /// Puts every entry into the outbox again, for a relay that lost its log.
    Refill(RefillTask),
    /// Tries quarantined entries again.
    Retry,
    /// Deletes rows of groups that were left.
    Sweep(SweepTask),
    /// A step of building an index, or of deleting the rows of one that was dropped.
    Index(ScanSlot),
    /// Reads what a live query needs from the store.
    Watch(WatchTask),
    /// A step of bringing documents to what their collection is declared to be.
    Adopt(ScanSlot),
    /// A step of putting documents into entries whole for which the outbox had no room.
    CatchUp(ScanSlot),
    /// Takes the joined group in place of the present one.
    Switch,
    /// A step of making a snapshot.
    Snapshot(ScanSlot),
    /// Control entries that came for a snapshot.
    TakeControls(super::snapshot::TakeControls),
    /// A part of a snapshot that came.
    TakePart(super::snapshot::TakePart),
    /// A step of letting deleted documents vanish.
    Vanish(ScanSlot),
    /// Sees to what the group needs.
    Upkeep,
    /// Forgets the group that this device has left.
    Depart,
    /// Lets in a device whose request an admin has approved.
    Admit,
    /// Takes the group that admitted this device in place of the present one.
    TakeAdmission(super::asking::TakeAdmission),
    /// A step of finding what a peer lacks.
    PeerServe(super::channels::Serving),
    /// The next of it.
    PeerPage(super::channels::Peer),
    /// Whether a peer has something that is not here.
    PeerLook(super::channels::Peer),
    /// Entries that came from a peer.
    PeerTake(super::channels::TakeEntries),
}

/// Opening in steps: first what names the group, then the group's rows.
#[derive(Default)]
pub(super) struct OpenTask {
    pub(super) scan: ScanSlot,
    pub(super) step: u8,
}

pub(super) struct CommandTask {
    pub(super) client: String,
    pub(super) id: u64,
    pub(super) command: Command,
    pub(super) scan: ScanSlot,
    pub(super) continue_after: Option<Key>,
    /// How far a query is.
    pub(super) finding: Option<Box<super::find::Finding>>,
    /// How far a search is.
    pub(super) searching: Option<Box<super::search::Searching>>,
    /// What an update or a delete by filter has found.
    pub(super) matched: Option<super::find::Matched>,
    pub(super) conflicts: super::indexes::ConflictSearch,
}

pub(super) struct ReceiveTask {
    pub(super) connection: ConnectionId,
    pub(super) log: LogId,
    pub(super) items: VecDeque<Item>,
    /// It is a page, and the relay says whether more follow; `None` for what was pushed.
    pub(super) page: Option<bool>,
    /// The entry at the front, verified and opened; kept while its documents are loaded.
    pub(super) front: Option<super::receive::Front>,
}

pub(super) struct WatchTask {
    pub(super) client: String,
    pub(super) watch: u64,
    pub(super) scan: ScanSlot,
    /// How far the reading of its documents is.
    pub(super) finding: Option<Box<super::find::Finding>>,
}

#[derive(Default)]
pub(super) struct RefillTask {
    pub(super) scan: ScanSlot,
}

#[derive(Default)]
pub(super) struct SweepTask {
    pub(super) scan: ScanSlot,
    pub(super) tag: usize,
}
