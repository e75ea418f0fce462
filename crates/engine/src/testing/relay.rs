//! The relay: the real mailbox over memory, which a crash or a backup can be simulated with.

use crate::rng::Rng;
use crate::time::Timestamp;
use ashore_protocol::ids::{GroupId, LogId};
use ashore_protocol::mailbox::{ConnectionId, LogStore, Mailbox, MailboxConfig, MemoryLogStore, Output, Retention};

/// A relay that may be down.
pub struct Relay {
    mailbox: Mailbox<MemoryLogStore>,
    retention: Retention,
    backup: Option<MemoryLogStore>,
    /// Whether it runs.
    pub up: bool,
}

impl Relay {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let retention = Retention::default();
        Self { mailbox: mailbox(MemoryLogStore::new(), &retention, rng), retention, backup: None, up: true }
    }

    pub(super) fn connected(&mut self, connection: u64, nonce: [u8; 32], now: Timestamp) {
        self.mailbox.connected(ConnectionId(connection), None, nonce, now);
        let _ = self.mailbox.commit();
    }

    /// A frame came; a store that refuses to commit makes the mailbox close every connection.
    pub(super) fn received(&mut self, connection: u64, now: Timestamp, frame: &[u8], disk_fails: bool) {
        if disk_fails {
            self.mailbox.store_mut().fail_commits(1);
        }
        self.mailbox.received(ConnectionId(connection), now, frame);
        let _ = self.mailbox.commit();
    }

    pub(super) fn flushed(&mut self, connection: u64, bytes: usize) {
        self.mailbox.flushed(ConnectionId(connection), bytes);
    }

    pub(super) fn disconnected(&mut self, connection: u64) {
        self.mailbox.disconnected(ConnectionId(connection));
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.mailbox.poll()
    }

    /// Starts again with what was committed.
    pub(super) fn restart(&mut self, rng: &mut Rng) {
        let store = self.mailbox.store().clone();
        self.mailbox = mailbox(store, &self.retention, rng);
        self.up = true;
    }

    pub(super) fn lose_disk(&mut self, rng: &mut Rng) {
        self.mailbox = mailbox(MemoryLogStore::new(), &self.retention, rng);
    }

    pub(super) fn back_up(&mut self) {
        self.backup = Some(self.mailbox.store().clone());
    }

    pub(super) fn restore(&mut self, rng: &mut Rng) {
        if let Some(backup) = self.backup.clone() {
            self.mailbox = mailbox(backup, &self.retention, rng);
        }
    }

    /// The entries it keeps of a group, in the order of its log.
    pub fn entries(&self, group: &GroupId) -> Vec<Vec<u8>> {
        self.mailbox.store().entries(group)
    }

    /// The log in which it keeps a group's entries.
    pub fn log(&self, group: &GroupId) -> Option<LogId> {
        self.mailbox.store().group(group).ok()?.map(|info| info.log)
    }

    /// Where a group's log ends.
    pub fn head(&self, group: &GroupId) -> Option<u64> {
        self.mailbox.store().group(group).ok()?.map(|info| info.head.get())
    }

    /// From the next start on it forgets what a snapshot covers at once, whoever may lack it.
    pub fn forgets_at_once(&mut self) {
        self.retention = Retention { keep_ms: 0, active_ms: 0, replaced_ms: 0, every_ms: 0, ..Retention::default() };
        self.mailbox.retain(self.retention.clone());
    }

    /// Forgets what it may at this time, in as many steps as that takes; answers how many entries went.
    pub(super) fn tidy(&mut self, now: Timestamp) -> u32 {
        let mut entries = 0;
        loop {
            let tidied = self.mailbox.tidy(now);
            let _ = self.mailbox.commit();
            entries += tidied.entries;
            if !tidied.more {
                return entries;
            }
        }
    }

    /// Bytes that it keeps of a group: of entries, and of snapshots.
    pub fn kept(&self, group: &GroupId) -> (u64, u64) {
        let store = self.mailbox.store();
        let entries = store.group(group).ok().flatten().map_or(0, |info| info.bytes);
        let snapshots = store.snapshots(group).unwrap_or_default();
        (entries, snapshots.iter().map(|snapshot| snapshot.bytes + snapshot.entry.0.len() as u64).sum())
    }

    /// Up to where it has dropped entries of a group.
    pub fn floor(&self, group: &GroupId) -> u64 {
        self.mailbox.store().group(group).ok().flatten().map_or(0, |info| info.floor.get())
    }

    /// The encoded entries of the finished snapshots that it keeps of a group, newest first.
    pub fn snapshots(&self, group: &GroupId) -> Vec<Vec<u8>> {
        let snapshots = self.mailbox.store().snapshots(group).unwrap_or_default();
        snapshots.into_iter().map(|snapshot| snapshot.entry.0).collect()
    }

    /// Whether these bytes occur anywhere in what it stores.
    pub fn contains_bytes(&self, needle: &[u8]) -> bool {
        self.mailbox.store().contains_bytes(needle)
    }
}

fn mailbox(store: MemoryLogStore, retention: &Retention, rng: &mut Rng) -> Mailbox<MemoryLogStore> {
    let config = MailboxConfig { retention: retention.clone(), ..MailboxConfig::default() };
    Mailbox::new(store, config, rng.bytes())
}
