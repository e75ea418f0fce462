//! What changing a group costs natively: a removal with its new key in groups of several sizes, and the entries that come of it. Run with `--release`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use ashore_engine::crypto::{KemSecret, Key};
use ashore_engine::group::{EpochKeys, Wrapping};
use ashore_engine::rng::Rng;
use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::ids::{EntryId, Epoch, GroupId, Timestamp};
use ashore_protocol::keys::{Recipient, Rotation, Wrap};
use ashore_protocol::{Membership, SigningKey, VerifiedEntry};
use std::time::{Duration, Instant};

const ROUNDS: u32 = 9;

struct Device {
    key: SigningKey,
    secret: KemSecret,
}

impl Device {
    fn new(rng: &mut Rng) -> Self {
        Self { key: SigningKey::from_seed(&rng.bytes()), secret: KemSecret::random(rng).unwrap() }
    }
}

fn main() {
    println!(
        "{:>8} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "members", "entry, B", "made", "judged", "one unwraps", "all joined"
    );
    for members in [2, 20, 200] {
        measure(members);
    }
}

fn measure(members: usize) {
    let mut rng = Rng::seeded([7; 32]);
    let devices: Vec<Device> = (0..members).map(|_| Device::new(&mut rng)).collect();
    let (founder, last) = (devices.first().unwrap(), devices.last().unwrap());
    let begun = Instant::now();
    let membership = found(&devices, &mut rng);
    let joined = begun.elapsed();
    let place = Wrapping { group: membership.group(), epoch: Epoch(1), author: founder.key.device_id() };
    let (mut made, mut judged, mut unwrapped, mut bytes) = (vec![], vec![], vec![], 0);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let entry = remove(&membership, &place, founder, last, &mut rng);
        made.push(begun.elapsed());
        bytes = entry.encoded().len();
        let received = VerifiedEntry::decode(entry.encoded());
        let begun = Instant::now();
        assert!(membership.clone().apply(&received.unwrap()).is_ok());
        judged.push(begun.elapsed());
        let Some(Control::Remove { rotation: Some(rotation), .. }) = entry.control() else { unreachable!() };
        let begun = Instant::now();
        let me = Recipient::from(founder.key.device_id());
        let wrap = rotation.wrap_for(me).unwrap();
        place.unwrap(me, &founder.secret, &wrap.sealed).unwrap();
        unwrapped.push(begun.elapsed());
    }
    let [made, judged, unwrapped] = [made, judged, unwrapped].map(median);
    println!("{members:>8} {bytes:>12} {made:>12.2?} {judged:>12.2?} {unwrapped:>12.2?} {joined:>12.2?}");
}

/// A group of these devices; the first founds it and invites the others.
fn found(devices: &[Device], rng: &mut Rng) -> Membership {
    let (founder, others) = devices.split_first().unwrap();
    let (at, kem) = (Timestamp::from_ms(1), founder.secret.public());
    let genesis = Control::Genesis { created_at: at, nonce: rng.bytes(), sealed: Bytes::default(), kem };
    let genesis = genesis.sign(&founder.key, None, [], Epoch(0)).unwrap();
    let group = genesis.group();
    let mut membership = Membership::new(group);
    membership.apply(&genesis).unwrap();
    for device in others {
        let secret = SigningKey::from_seed(&rng.bytes());
        let (invite_key, role, expires_at) = (secret.invite_key(), Role::Writer, Timestamp::from_ms(9));
        let invite = Control::Invite { invite_key, role, expires_at, uses: 1, sealed: Bytes::default() };
        let invite = sign(&invite, &founder.key, group, &membership);
        membership.apply(&invite).unwrap();
        let claim = JoinProof { group, device: device.key.device_id(), invite: invite.id(), joined_at: at };
        let (proof, kem) = (claim.sign(&secret), device.secret.public());
        let join = Control::Join { invite: invite.id(), joined_at: at, proof, sealed: Bytes::default(), kem };
        membership.apply(&join.sign(&device.key, Some(group), [invite.id()], Epoch(0)).unwrap()).unwrap();
    }
    membership
}

fn sign(control: &Control, by: &SigningKey, group: GroupId, membership: &Membership) -> VerifiedEntry {
    let tips: Vec<EntryId> = membership.tips().copied().collect();
    control.sign(by, Some(group), tips, Epoch(0)).unwrap()
}

fn remove(membership: &Membership, place: &Wrapping, by: &Device, who: &Device, rng: &mut Rng) -> VerifiedEntry {
    let (key, gone) = (Key::random(rng), Recipient::from(who.key.device_id()));
    let left = membership.recipients().into_iter().filter(|(to, _)| *to != gone);
    let wraps: Vec<Wrap> =
        left.map(|(to, kem)| Wrap { to, sealed: place.wrap(to, kem, &key, rng).unwrap().into() }).collect();
    let mut earlier = EpochKeys::default();
    earlier.insert(Epoch(0), EntryId(*membership.group().as_bytes()), Key::random(rng));
    let previous = place.seal_earlier(&key, &earlier, rng).into();
    let rotation = Some(Rotation { epoch: place.epoch, wraps, previous });
    let control = Control::Remove { device: who.key.device_id(), rotation };
    sign(&control, &by.key, membership.group(), membership)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
