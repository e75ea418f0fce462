//! The rows in which a device remembers its group.

use ashore_protocol::codec::Bytes;
use ashore_protocol::ids::{Cursor, DeviceId, EntryId, Epoch, GroupId, LogId, LogPrefix, Timestamp};
use minicbor::{Decode, Encode};

/// What the app decided about sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SyncSettings {
    /// Sync runs whenever there is a network.
    #[n(0)]
    pub enabled: bool,
    /// The relay's WebSocket address.
    #[n(1)]
    pub relay: Option<String>,
    /// What others see this device as.
    #[n(2)]
    pub device_name: String,
    /// When everything was last in step.
    #[n(3)]
    pub last_synced_at: Option<Timestamp>,
    /// `false`: connects only when the app asks for sync now. `true` unless the app said otherwise.
    #[n(4)]
    pub auto: Option<bool>,
    /// How often the relay is asked for news though nothing happened, in milliseconds; five minutes unless the app said
    /// otherwise.
    #[n(5)]
    pub interval_ms: Option<u64>,
    /// All relays, the preferred one first, when there are several; `relay` is the one that is followed.
    #[n(6)]
    pub relays: Option<Vec<String>>,
    /// This device is in no group, but knows that a recovery lies at the relay.
    #[n(7)]
    pub remote: Option<bool>,
    /// Channels on which this device meets others of its group.
    #[n(8)]
    pub channels: Option<Vec<String>>,
}

/// How often the relay is asked for news though nothing happened, in milliseconds.
const DEFAULT_INTERVAL_MS: u64 = 300_000;

impl SyncSettings {
    /// The addresses of all relays, the preferred one first.
    pub fn relays(&self) -> Vec<String> {
        let one = || self.relay.iter().cloned().collect();
        self.relays.clone().unwrap_or_else(one)
    }

    /// Another relay than this one is preferred to it; `None`: the preferred one is followed.
    pub fn preferred_relay(&self) -> Option<&String> {
        let first = self.relays.as_ref()?.first();
        first.filter(|first| self.relay.as_ref() != Some(first))
    }

    /// Whether sync runs by itself.
    pub fn is_auto(&self) -> bool {
        self.auto.unwrap_or(true)
    }

    /// How often the relay is asked for news though nothing happened, in milliseconds.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms.unwrap_or(DEFAULT_INTERVAL_MS)
    }
}

/// This device's place in its group.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct GroupState {
    /// Which group.
    #[n(0)]
    pub group: GroupId,
    /// Rows of this group are kept under this number; those of earlier numbers are litter.
    #[n(1)]
    pub generation: u64,
    /// The epoch in which new entries are sealed.
    #[n(2)]
    pub epoch: Epoch,
    /// [`super::Secrets`], sealed.
    #[n(3)]
    pub secrets: Bytes,
    /// Which documents the group has been told of.
    #[n(4)]
    pub announced: Announced,
    /// The entries that no entry here names as parent, sorted.
    #[n(5)]
    pub tips: Vec<EntryId>,
    /// The next local sequence number.
    #[n(6)]
    pub next_sequence: u64,
    /// Our own join, until it has come by in the log: a relay that lost it is given it again.
    #[n(7)]
    pub join: Option<Bytes>,
    /// The outbox was full: some documents wait to be put into entries whole. Their rows say which.
    #[n(8)]
    pub behind: Option<bool>,
    /// Entries that began epochs of which only some have the key, and whose documents this device has put into entries again for the others.
    #[n(9)]
    pub told_anew: Option<Vec<EntryId>>,
    /// The next local sequence number when documents had last been put into entries whole: nobody has seen a document who has seen less.
    #[n(10)]
    pub announced_at: Option<u64>,
    /// Entries that could not stand and that the relay was not given: if they stand after all, it is.
    #[n(11)]
    pub put_aside: Option<Vec<PutAside>>,
}

/// An entry that waits for what others do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PutAside {
    /// Its local sequence number.
    #[n(0)]
    pub sequence: u64,
    /// It is a control entry of this device's own, and the log has not shown it.
    #[n(1)]
    pub is_new: bool,
    /// Which entry it is.
    #[n(2)]
    pub id: EntryId,
    /// Its size, encoded.
    #[n(3)]
    pub bytes: u64,
    /// Who wrote it, if it was another device.
    #[n(4)]
    pub author: Option<DeviceId>,
    /// What it names as its parents, where that matters.
    #[n(5)]
    pub parents: Option<Vec<EntryId>>,
}

/// Where a device stands in one relay's log of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RelayPlace {
    /// The log that the cursor belongs to; `None` when the relay was never followed.
    #[n(0)]
    pub log: Option<LogId>,
    /// Every entry up to here is stored.
    #[n(1)]
    pub cursor: Cursor,
    /// All that the log held up to the cursor; `None` at its start.
    #[n(2)]
    pub prefix: Option<LogPrefix>,
    /// The relay lost its log or is a new one: every entry from this local sequence number on goes into the outbox again.
    #[n(3)]
    pub refill_from: Option<u64>,
}

/// How far the documents that were there before the group have been put into entries, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Announced {
    /// All documents up to and including this key; none for the empty key.
    #[n(0)]
    Through(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// All of them: every new change goes into an entry at once.
    #[n(1)]
    All,
}

impl Announced {
    /// Whether the document at this key travels change by change.
    pub fn covers(&self, key: &[u8]) -> bool {
        match self {
            Self::Through(last) => key <= last.as_slice() && !last.is_empty(),
            Self::All => true,
        }
    }
}

/// A join that the relay has not acknowledged yet; the present group stays until it has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct JoiningState {
    /// The state that becomes the present one.
    #[n(0)]
    pub next: GroupState,
    /// The join entry, as it goes to the relay.
    #[n(1)]
    pub join: Bytes,
}
