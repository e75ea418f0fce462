//! Devices of one group that tests speak to by their place: alice founds it, the others join with a role each.

use ashore_engine::api::{Command, Durability, Failure, Outcome, Reply, SyncState, Write, WriteResult};
use ashore_engine::testing::Network;

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;
pub(crate) const CAROL: usize = 2;
pub(crate) const RELAY: &str = "ws://relay.test/v1/ws";

pub(crate) struct World {
    pub(crate) network: Network,
    roles: Vec<String>,
    marks: u64,
}

impl World {
    /// Devices with these roles, all in step; the first is the admin that founds the group.
    pub(crate) fn of(roles: &[&str], seed: u64) -> Self {
        let mut world =
            Self { network: Network::seeded(seed), roles: roles.iter().map(ToString::to_string).collect(), marks: 0 };
        for (device, role) in roles.iter().enumerate() {
            world.network.add_device("device");
            match device {
                ALICE => {
                    let enable = Command::EnableSync { relay: Some(RELAY.into()), device_name: Some("alice".into()) };
                    world.call(ALICE, enable).unwrap();
                }
                _ => world.join(device, role),
            }
        }
        world.settle();
        world
    }

    /// One device without a group.
    pub(crate) fn alone(seed: u64) -> Self {
        let mut world = Self { network: Network::seeded(seed), roles: vec!["admin".into()], marks: 0 };
        world.network.add_device("device");
        world
    }

    pub(crate) fn may_write(&self, device: usize) -> bool {
        self.roles[device] != "reader"
    }

    /// Opens every device that is down.
    pub(crate) fn reopen_all(&mut self) {
        for device in 0..self.network.devices.len() {
            if !self.network.devices[device].is_up() {
                self.network.open(device);
            }
        }
    }

    pub(crate) fn join(&mut self, device: usize, role: &str) {
        let invite = Command::CreateInvite { ttl_seconds: 600, link_base: None, role: Some(role.into()), uses: None };
        let Reply::Invite { short_code, .. } = self.call(ALICE, invite).unwrap() else { panic!() };
        let device_name = Some(format!("device {device}"));
        self.call(device, Command::JoinInvite { invite: short_code, relay: Some(RELAY.into()), device_name }).unwrap();
    }

    pub(crate) fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.marks += 1;
        let mark = self.marks;
        self.network.ask(device, command, mark);
        loop {
            let answers = &mut self.network.devices[device].answers;
            if let Some(at) = answers.iter().position(|(call, _)| call.mark == mark) {
                return match answers.remove(at).1 {
                    Outcome::Ok(reply) => Ok(reply),
                    Outcome::Failed(failure) => Err(failure),
                };
            }
            assert!(self.network.step(), "an answer comes");
        }
    }

    fn is_settled(network: &Network, but: Option<usize>) -> bool {
        let others = network.devices.iter().enumerate().filter(|(device, _)| Some(*device) != but);
        let mut states = others.map(|(_, device)| device.status.as_ref());
        states.all(|status| {
            status.is_some_and(|status| status.state == SyncState::Synced && status.cursor == status.head)
        })
    }

    /// Until everybody is in step.
    pub(crate) fn settle(&mut self) {
        self.network.run_ms(2_000);
        assert!(self.network.run_until(3_600_000, |network| Self::is_settled(network, None)));
    }

    /// Until everybody but one is in step.
    pub(crate) fn settle_but(&mut self, but: usize) {
        self.network.run_ms(2_000);
        assert!(self.network.run_until(3_600_000, |network| Self::is_settled(network, Some(but))));
    }

    /// For a while, or until everybody is in step.
    pub(crate) fn settle_what_can(&mut self) {
        self.network.run_until(20_000, |network| Self::is_settled(network, None));
    }

    pub(crate) fn run(&mut self, ms: u64) {
        self.network.run_ms(ms);
    }

    pub(crate) fn cut(&mut self, device: usize, cut: bool) {
        self.network.cut_off(device, cut);
    }

    pub(crate) fn random(&mut self, below: u64) -> usize {
        usize::try_from(self.network.rng.below(below)).unwrap()
    }

    /// The end of the relay's log, as alice knows it.
    pub(crate) fn head(&self) -> u64 {
        self.network.devices[ALICE].status.as_ref().unwrap().head
    }

    pub(crate) fn id(&self, device: usize) -> String {
        self.network.devices[device].status.as_ref().unwrap().device.clone().unwrap()
    }

    pub(crate) fn remove(&mut self, by: usize, whom: usize) {
        let device = self.id(whom);
        self.call(by, Command::RemoveDevice { device }).unwrap();
    }

    pub(crate) fn write(&mut self, device: usize, write: Write) -> Result<Vec<WriteResult>, Failure> {
        let command = Command::Write { writes: vec![write], durability: Durability::Strict, split: false };
        self.call(device, command).map(|reply| match reply {
            Reply::Written { results, .. } => results,
            reply => panic!("{reply:?}"),
        })
    }

    /// Puts a note that holds this number.
    pub(crate) fn put(&mut self, device: usize, id: &str, number: i64) {
        self.put_json(device, id, &format!(r#"{{"n":{number}}}"#));
    }

    pub(crate) fn put_json(&mut self, device: usize, id: &str, json: &str) {
        let put = Write::Put {
            collection: "notes".into(),
            ids: vec![id.into()],
            documents: format!("[{json}]"),
            bases: vec![None],
        };
        self.write(device, put).unwrap();
    }

    pub(crate) fn delete(&mut self, device: usize, id: &str) {
        self.write(device, Write::Delete { collection: "notes".into(), ids: vec![id.into()] }).unwrap();
    }

    /// A note as a device shows it.
    pub(crate) fn get(&mut self, device: usize, id: &str) -> Option<serde_json::Value> {
        let get = Command::Get { collection: "notes".into(), ids: vec![id.into()] };
        let Reply::Documents { documents, .. } = self.call(device, get).unwrap() else { panic!() };
        let documents: Vec<serde_json::Value> = serde_json::from_str(&documents).unwrap();
        documents.into_iter().next().filter(|document| !document.is_null())
    }

    /// The versions that a note had on a device.
    pub(crate) fn changes(&mut self, device: usize, id: &str) -> Vec<String> {
        let history = Command::History { collection: "notes".into(), id: id.into(), before: None, limit: 0 };
        match self.call(device, history) {
            Ok(Reply::History { changes, .. }) => changes.into_iter().map(|change| change.version).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn ask_seen(&mut self, device: usize, collection: &str, id: &str) -> Reply {
        self.call(device, Command::SeenBy { collection: collection.into(), id: id.into() }).unwrap()
    }

    /// Who has seen a note as it is on this device; whether that is everybody.
    pub(crate) fn seen_by(&mut self, device: usize, id: &str) -> (Vec<usize>, bool) {
        let Reply::SeenBy { devices, everyone } = self.ask_seen(device, "notes", id) else { panic!() };
        let place = |id: &String| (0..self.network.devices.len()).find(|device| self.id(*device) == *id).unwrap();
        let mut places: Vec<usize> = devices.iter().map(place).collect();
        places.sort_unstable();
        (places, everyone)
    }

    /// A device that was added later, in this role once it has joined.
    pub(crate) fn add_role(&mut self, role: &str) {
        self.roles.push(role.into());
    }

    pub(crate) fn declare_local_fields(&mut self, device: usize, collection: &str, fields: &[&str]) {
        let declare = serde_json::json!({ "declareCollection": {
            "collection": collection, "local": false, "localFields": fields, "syncDeletes": true
        } });
        let command: Command = serde_json::from_value(declare).unwrap();
        self.call(device, command).unwrap();
    }

    pub(crate) fn declare_local(&mut self, device: usize, collection: &str) {
        let declare = serde_json::json!({ "declareCollection": { "collection": collection, "local": true, "syncDeletes": true } });
        let command: Command = serde_json::from_value(declare).unwrap();
        self.call(device, command).unwrap();
    }

    /// A check of a device's database finds nothing.
    pub(crate) fn check_is_healthy(&mut self, device: usize) {
        let mut after = None;
        loop {
            let Reply::Checked { findings, next, .. } = self.call(device, Command::Check { after }).unwrap() else {
                panic!()
            };
            let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
            assert!(findings.is_empty(), "device {device}: {codes:?} {findings:?}");
            match next {
                None => return,
                next => after = next,
            }
        }
    }
}
