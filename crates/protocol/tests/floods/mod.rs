//! Floods: control entries that hostile admins write against one another, so that the rule has much to settle.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, dead_code)]

use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::keys::{KEM_KEY_BYTES, KemKey, Rotation};
use ashore_protocol::{DeviceId, EntryId, Epoch, SigningKey, Timestamp, VerifiedEntry};

/// About so many entries of one kind of flood.
pub(crate) type Flood = fn(usize) -> Vec<VerifiedEntry>;

/// Every kind, by name.
pub(crate) const ALL: [(&str, Flood); 11] = [
    ("two admins change each other's role, in two chains", each_others_roles),
    ("the only two admins change each other's role, in two chains", only_admins),
    ("two admins remove each other, in two fans", fans),
    ("pairs of admins remove each other", pairs),
    ("two admins demote each other and are raised again, level by level", ladder),
    ("revocations by the senior of three admins in a circle", circle),
    ("a wide fan of roles of one device, which goes on behind it", merged_fan),
    ("joins beside changes", joins),
    ("rotations at the same time", rotations),
    ("a role given and taken, each change hit by another admin", flips),
    ("three admins write at the same time, each naming what all wrote before", braid),
];

struct Story {
    all: Vec<VerifiedEntry>,
    keys: Vec<SigningKey>,
}

fn key(number: u32) -> SigningKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    SigningKey::from_seed(&seed)
}

impl Story {
    /// A group with so many admins, each admitted by the founder.
    fn new(admins: usize) -> (Self, EntryId) {
        let control =
            Control::Genesis { created_at: Timestamp::from_ms(1), nonce: [1; 16], sealed: Bytes::default(), kem: None };
        let keys: Vec<SigningKey> = (0..admins as u32).map(key).collect();
        let genesis = control.sign(&keys[0], None, [], Epoch(0)).unwrap();
        let mut last = genesis.id();
        let mut story = Self { all: vec![genesis], keys };
        for number in 1..admins {
            let kem = KemKey::from_slice(&[1; KEM_KEY_BYTES]).unwrap();
            let (device, admitted_at) = (story.device(number), Timestamp::from_ms(2));
            let (sealed, share) = (Bytes::default(), Bytes::default());
            let admit = Control::Admit { device, role: Role::Admin, admitted_at, kem, sealed, share };
            last = story.write(0, &admit, &[last]);
        }
        (story, last)
    }

    fn device(&self, number: usize) -> DeviceId {
        self.keys[number].device_id()
    }

    fn write(&mut self, by: usize, control: &Control, parents: &[EntryId]) -> EntryId {
        let group = self.all[0].group();
        let entry = control.sign(&self.keys[by], Some(group), parents.iter().copied(), Epoch(0)).unwrap();
        self.all.push(entry);
        self.all[self.all.len() - 1].id()
    }

    fn role(&mut self, by: usize, whom: usize, role: Role, parents: &[EntryId]) -> EntryId {
        let device = self.device(whom);
        self.write(by, &Control::Role { device, role }, parents)
    }

    fn remove(&mut self, by: usize, whom: usize, parents: &[EntryId]) -> EntryId {
        let device = self.device(whom);
        self.write(by, &Control::Remove { device, rotation: None }, parents)
    }

    fn invite(&mut self, by: usize, number: u32, uses: u32, parents: &[EntryId]) -> EntryId {
        let (invite_key, expires_at) = (key(number).invite_key(), Timestamp::from_ms(1_000));
        let control = Control::Invite { invite_key, role: Role::Admin, expires_at, uses, sealed: Bytes::default() };
        self.write(by, &control, parents)
    }

    /// A new device joins by an invite, whose secret is the key of this number.
    fn join(&mut self, invite: EntryId, secret: u32, number: u32) -> EntryId {
        let (group, joined_at, device) = (self.all[0].group(), Timestamp::from_ms(5), key(number).device_id());
        let proof = JoinProof { group, device, invite, joined_at }.sign(&key(secret));
        let control = Control::Join { invite, joined_at, proof, sealed: Bytes::default(), kem: None };
        self.keys.push(key(number));
        self.write(self.keys.len() - 1, &control, &[invite])
    }

    /// Entries without effect that name all of these, and the last of which has all in its past.
    fn merge(&mut self, by: usize, ids: &[EntryId]) -> EntryId {
        let mut last = ids[0];
        for some in ids[1..].chunks(31) {
            let parents: Vec<EntryId> = some.iter().copied().chain([last]).collect();
            last = self.write(by, &Control::Name { sealed: Bytes::default(), kem: None }, &parents);
        }
        last
    }
}

/// A number in an invite's secret, far from the devices'.
const SECRETS: u32 = 1_000_000;

/// By turns: each of two admins in a chain of its own.
pub(crate) fn each_others_roles(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(3);
    let mut parents = [last; 2];
    for time in 0..size / 2 {
        let role = if time % 2 == 0 { Role::Writer } else { Role::Reader };
        parents =
            [(1, 2, parents[0]), (2, 1, parents[1])].map(|(by, whom, parent)| story.role(by, whom, role, &[parent]));
    }
    story.all
}

/// By turns: the founder and the one other admin.
pub(crate) fn only_admins(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(2);
    let mut parents = [last; 2];
    for time in 0..size / 2 {
        let role = if time % 2 == 0 { Role::Writer } else { Role::Reader };
        parents =
            [(0, 1, parents[0]), (1, 0, parents[1])].map(|(by, whom, parent)| story.role(by, whom, role, &[parent]));
    }
    story.all
}

fn fans(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(3);
    for (by, whom) in [(1, 2), (2, 1)] {
        for number in 0..size / 4 {
            // Names of no entry make each removal another.
            let far = EntryId([number as u8, (number >> 8) as u8, by as u8, 3].repeat(8).try_into().unwrap());
            story.remove(by, whom, &[last, far]);
            story.role(by, whom, Role::Reader, &[last, far]);
        }
    }
    story.all
}

fn pairs(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(size / 4 * 2 + 1);
    for pair in 0..size / 4 {
        story.remove(2 * pair + 1, 2 * pair + 2, &[last]);
        story.remove(2 * pair + 2, 2 * pair + 1, &[last]);
    }
    story.all
}

fn ladder(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(3);
    let mut parents = vec![last];
    for _ in 0..size / 4 {
        let down = [(1, 2), (2, 1)].map(|(by, whom)| story.role(by, whom, Role::Writer, &parents));
        parents = [1, 2].map(|whom| story.role(0, whom, Role::Admin, &down)).to_vec();
    }
    story.all
}

fn circle(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, mut last) = Story::new(4);
    let invites: Vec<EntryId> = (0..size as u32 / 3)
        .map(|number| {
            last = story.invite(0, SECRETS + number, 1, &[last]);
            last
        })
        .collect();
    for (number, invite) in invites.iter().enumerate() {
        story.join(*invite, SECRETS + number as u32, 10_000 + number as u32);
        story.write(1, &Control::Revoke { invite: *invite }, &[last]);
    }
    story.role(2, 1, Role::Writer, &[last]);
    story.role(3, 2, Role::Writer, &[last]);
    story.role(2, 3, Role::Writer, &[last]);
    story.all
}

fn merged_fan(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(4);
    let fan: Vec<EntryId> = (0..size / 2)
        .map(|number| {
            let far = EntryId([number as u8, (number >> 8) as u8, 5, 6].repeat(8).try_into().unwrap());
            story.role(1, 2, Role::Admin, &[last, far])
        })
        .collect();
    let mut merged = story.merge(1, &fan[..size / 4]);
    for more in &fan[size / 4..] {
        merged = story.role(2, 3, Role::Admin, &[merged, *more]);
    }
    for _ in 0..size / 8 {
        merged = story.role(2, 1, Role::Admin, &[merged]);
    }
    for number in 0..size / 8 {
        let far = EntryId([number as u8, (number >> 8) as u8, 7, 6].repeat(8).try_into().unwrap());
        story.role(3, 2, Role::Writer, &[last, far]);
    }
    story.all
}

fn joins(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(3);
    let invite = story.invite(1, SECRETS, size as u32, &[last]);
    let mut parent = invite;
    for number in 0..size as u32 / 2 {
        story.join(invite, SECRETS, 10_000 + number);
        parent = story.role(1, 2, Role::Writer, &[parent]);
    }
    story.all
}

fn rotations(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(3);
    let mut parents = [last; 2];
    for epoch in 1..=size as u32 / 2 {
        let rotation = Rotation { epoch: Epoch(epoch), wraps: Vec::new(), previous: Bytes::default() };
        let rotate = Control::Rotate { rotation };
        parents = [(1, parents[0]), (2, parents[1])].map(|(by, parent)| story.write(by, &rotate, &[parent]));
    }
    story.all
}

/// Device 4 is an admin by turns; who says so is demoted at the same time, so that one change after another is settled; meanwhile 4 writes.
fn flips(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(5);
    let (mut parents, mut said) = (vec![last], Vec::new());
    for time in 0..size / 8 {
        let role = if time % 2 == 0 { Role::Writer } else { Role::Admin };
        let change = story.role(2, 4, role, &parents);
        let demotes = story.role(1, 2, Role::Writer, &parents);
        let back = story.role(2, 1, Role::Writer, &parents);
        said.push(change);
        parents = [1, 2].map(|whom| story.role(0, whom, Role::Admin, &[change, demotes, back])).to_vec();
    }
    let merged = story.merge(0, &parents);
    let mut last = merged;
    for _ in 0..size * 3 / 8 {
        last = story.role(4, 3, Role::Admin, &[last]);
    }
    story.all
}

fn braid(size: usize) -> Vec<VerifiedEntry> {
    let (mut story, last) = Story::new(4);
    let mut parents = vec![last];
    for _ in 0..size / 3 {
        parents = [(1, 2), (2, 3), (3, 1)].map(|(by, whom)| story.role(by, whom, Role::Admin, &parents)).to_vec();
    }
    story.all
}
