//! What everybody holds when a traced story ends badly: the relay's log, and each device's entries, those set aside, and its outbox.

use super::Story;
use crate::group::DataPayload;
use crate::machine::Machine;
use ashore_protocol::codec::decode;
use ashore_protocol::header::{Entry, EntryKind};

impl Story {
    /// Prints it, an entry to a line.
    pub(super) fn dump(&self) {
        let groups: Vec<_> =
            self.network.devices.iter().filter_map(|device| device.status.as_ref()?.group.clone()).collect();
        let group = groups.first().and_then(|group| group.parse().ok());
        let log = group.map(|group| self.network.relay.entries(&group)).unwrap_or_default();
        eprintln!("relay:");
        log.iter().for_each(|entry| self.dump_entry(entry, ""));
        for (index, device) in self.network.devices.iter().enumerate() {
            eprintln!("device {index}: {:?}", device.status);
            let disk = device.disk();
            disk.with_prefix(b"e").for_each(|(_, entry)| self.dump_entry(entry, ""));
            for (_, row) in disk.with_prefix(b"q") {
                if let Some((reason, entry)) = Machine::set_aside(row) {
                    self.dump_entry(&entry, reason);
                }
            }
            eprintln!("  {} in the outbox", disk.with_prefix(b"o").count());
        }
    }

    fn dump_entry(&self, bytes: &[u8], reason: &str) {
        let Ok(Ok(entry)) = Entry::decode(bytes).map(Entry::verified_before) else { return };
        let parents: Vec<_> = entry.parents().iter().map(|parent| parent.short()).collect();
        let content = match entry.kind() {
            EntryKind::Data => {
                let plain = self.network.devices.iter().find_map(|device| device.machine.as_ref()?.plaintext(bytes));
                let payload = plain.and_then(|plain| decode::<DataPayload>(&plain).ok());
                let changes = payload.iter().flat_map(|payload| &payload.changes);
                changes.map(|change| format!("{}/{} ", change.collection, change.id)).collect()
            }
            _ => format!("{:.200}", format!("{:?}", entry.control())),
        };
        eprintln!(
            "  {} by {} {:?} on {parents:?} {content} {reason}",
            entry.id().short(),
            entry.author().short(),
            entry.epoch()
        );
    }
}
