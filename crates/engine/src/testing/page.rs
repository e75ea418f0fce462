//! What tests ask of a device's page and wait for: calls, groups that are founded and joined, devices that come into step.
//!
//! ```
//! use ashore_engine::testing::Network;
//!
//! let mut network = Network::group_of(1, &["alice", "bob"]);
//! network.put(0, "notes", "n1", "{}").expect("it is written");
//! network.settle(&[0, 1]);
//! assert_eq!(network.get(1, "notes", "n1"), "{}");
//! ```

#![expect(clippy::indexing_slicing, clippy::panic, reason = "this is test code: what it asserts may end the test")]

use super::Network;
use crate::api::{Command, Durability, Failure, Outcome, Reply, SyncState, Write, WriteResult};
use ashore_protocol::ids::{DeviceId, GroupId};

/// The relay that every device is told of.
pub const RELAY: &str = "ws://relay.test/v1/ws";

/// How long an answer may take, and being in step: an hour of the world's time.
const PATIENCE_MS: u64 = 3_600_000;

impl Network {
    /// One group in step: the first device founds it, the others join one after another as admins.
    pub fn group_of(seed: u64, names: &[&str]) -> Self {
        let mut network = Self::seeded(seed);
        for (device, name) in names.iter().enumerate() {
            network.add_device(name);
            match device {
                0 => network.found(0),
                _ => network.join(device, 0, "admin"),
            }
            network.settle(&(0..=device).collect::<Vec<_>>());
        }
        network
    }

    /// Asks, and runs the world until the answer is there.
    pub fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        let mark = self.begin(device, command);
        let end = self.now().plus_ms(PATIENCE_MS);
        loop {
            if let Some(answer) = self.answer(device, mark) {
                return answer;
            }
            assert!(self.now() < end && self.step(), "no answer to a call of device {device}");
        }
    }

    /// The same, of what must succeed.
    pub fn ok(&mut self, device: usize, command: Command) -> Reply {
        self.call(device, command).unwrap_or_else(|failure| panic!("device {device} was answered {failure}"))
    }

    /// Asks and does not wait; answers the mark to look for.
    pub fn begin(&mut self, device: usize, command: Command) -> u64 {
        let mark = self.next_mark();
        self.ask(device, command, mark);
        mark
    }

    /// The answer to what was asked with this mark, if it is there.
    pub fn answer(&mut self, device: usize, mark: u64) -> Option<Result<Reply, Failure>> {
        let answers = &mut self.devices[device].answers;
        let at = answers.iter().position(|(call, _)| call.mark == mark)?;
        Some(match answers.remove(at).1 {
            Outcome::Ok(reply) => Ok(reply),
            Outcome::Failed(failure) => Err(failure),
        })
    }

    /// A device founds a group.
    pub fn found(&mut self, device: usize) {
        let device_name = Some(self.devices[device].name.clone());
        self.ok(device, Command::EnableSync { relay: Some(RELAY.into()), device_name });
    }

    /// An invite for ten minutes: its id and its code.
    pub fn invite(&mut self, by: usize, role: &str) -> Result<(String, String), Failure> {
        let invite = Command::CreateInvite { ttl_seconds: 600, link_base: None, role: Some(role.into()), uses: None };
        match self.call(by, invite)? {
            Reply::Invite { id, short_code, .. } => Ok((id, short_code)),
            other => panic!("{other:?}"),
        }
    }

    /// A device joins with an invite's code.
    pub fn join_by(&mut self, device: usize, code: &str) -> Result<Reply, Failure> {
        let device_name = Some(self.devices[device].name.clone());
        self.call(device, Command::JoinInvite { invite: code.into(), relay: Some(RELAY.into()), device_name })
    }

    /// A device is invited by another in this role, and joins.
    pub fn join(&mut self, device: usize, by: usize, role: &str) {
        let (_, code) = self.invite(by, role).unwrap_or_else(|failure| panic!("no invite: {failure}"));
        self.join_by(device, &code).unwrap_or_else(|failure| panic!("device {device} did not join: {failure}"));
    }

    /// Whether these devices say that they are synced, at the same place of the log.
    pub fn are_in_step(&self, devices: &[usize]) -> bool {
        let status = |device: &usize| self.devices[*device].status.as_ref();
        let cursor = |device| status(device).filter(|status| status.state == SyncState::Synced).map(|s| s.cursor);
        let mut cursors = devices.iter().map(cursor);
        let first = cursors.next().flatten();
        first.is_some() && cursors.all(|cursor| cursor == first)
    }

    /// Runs until these devices are in step.
    pub fn settle(&mut self, devices: &[usize]) {
        let came = self.run_until(PATIENCE_MS, |network| network.are_in_step(devices));
        let statuses: Vec<_> = devices.iter().map(|device| &self.devices[*device].status).collect();
        assert!(came, "devices {devices:?} are not in step: {statuses:#?}");
    }

    /// The same, for everybody.
    pub fn settle_all(&mut self) {
        self.settle(&(0..self.devices.len()).collect::<Vec<_>>());
    }

    /// Writes a document, given as JSON, over what is there; answers its version.
    pub fn put(&mut self, device: usize, collection: &str, id: &str, document: &str) -> Result<String, Failure> {
        let documents = format!("[{document}]");
        let write = Write::Put { collection: collection.into(), ids: vec![id.into()], documents, bases: vec![None] };
        let command = Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false };
        match self.call(device, command)? {
            Reply::Written { mut results, .. } => match results.pop() {
                Some(WriteResult::Put { mut versions }) => Ok(versions.pop().unwrap_or_default()),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// A document as JSON; `null` when there is none.
    pub fn get(&mut self, device: usize, collection: &str, id: &str) -> String {
        match self.ok(device, Command::Get { collection: collection.into(), ids: vec![id.into()] }) {
            Reply::Documents { documents, .. } => documents[1..documents.len() - 1].to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// The entries that a device keeps aside, and why.
    pub fn quarantined(&mut self, device: usize) -> Vec<(String, String)> {
        match self.ok(device, Command::Quarantine {}) {
            Reply::Quarantine { entries } => entries.into_iter().map(|each| (each.entry, each.reason)).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The group that a device is in.
    pub fn group(&self, device: usize) -> GroupId {
        let group = self.devices[device].status.as_ref().and_then(|status| status.group.as_ref()?.parse().ok());
        group.unwrap_or_else(|| panic!("device {device} is in no group"))
    }

    /// A device's id in its group.
    pub fn id(&self, device: usize) -> DeviceId {
        let id = self.devices[device].status.as_ref().and_then(|status| status.device.as_ref()?.parse().ok());
        id.unwrap_or_else(|| panic!("device {device} is in no group"))
    }
}
