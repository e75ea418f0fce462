//! What is inside of seals, as somebody writes it who has the key: payloads of entries, profiles, invitations, this device's own secrets.

use ashore_engine::crypto::{Key, MAX_PLAIN_BYTES, open_payload, plan_payload, seal};
use ashore_engine::group::{DataPayload, Invitation, ProfilePayload, Secrets, opening_key};
use ashore_engine::rng::Rng;
use ashore_protocol::codec;
use ashore_protocol::invite::InviteCode;
use ashore_protocol::{DeviceId, GroupId};

/// How many ways there are to read the bytes.
pub const KINDS: u8 = 6;

/// The associated data of a sealed invitation, as docs/protocol.md says.
pub const INVITATION: &[u8] = b"ashore 1 invitation";
/// That of a device's secrets.
pub const SECRETS: &[u8] = b"ashore 1 device secrets";
/// The context of the key under which device names are sealed.
pub const PROFILE: &str = "ashore 2026-11 device profile v1";

const DEVICE: DeviceId = DeviceId([7; 32]);
const GROUP: GroupId = GroupId([1; 32]);

/// The first byte says what the others are.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let (key, code, rng) = (Key::new([1; 32]), InviteCode::from_random([2; 10]), &mut Rng::seeded([3; 32]));
    match kind % KINDS {
        0 => {
            if let Ok(payload) = codec::decode::<DataPayload>(bytes) {
                let again = codec::decode::<DataPayload>(&codec::encode(&payload));
                assert_eq!(again.as_ref(), Ok(&payload), "a payload reads back");
                payload.changes.iter().for_each(|change| assert!(change.size() <= 3 * bytes.len() + 32));
            }
        }
        1 => {
            if let Ok(plain) = open_payload(&key, b"header", &seal(&key, b"header", bytes, rng)) {
                assert!(plain.len() <= MAX_PLAIN_BYTES, "what a payload inflates to is bounded");
            }
        }
        2 => {
            if let Ok(invitation) = Invitation::open(&code, &seal(&opening_key(&code), INVITATION, bytes, rng)) {
                assert!(Invitation::open(&code, &invitation.seal(&code, rng)) == Ok(invitation));
            }
        }
        3 => {
            if let Ok(secrets) = Secrets::open(&key, GROUP, &seal(&key, SECRETS, bytes, rng)) {
                let again =
                    Secrets::open(&key, GROUP, &secrets.seal(&key, rng)).ok().map(|again| again.device.device_id());
                assert_eq!(again, Some(secrets.device.device_id()));
            }
        }
        4 => {
            let header = DEVICE.as_bytes();
            let _ = ProfilePayload::open(&key, &DEVICE, &plan_payload(bytes).seal(&key.derive(PROFILE), header, rng));
        }
        _ => {
            assert!(Secrets::open(&key, GROUP, bytes).is_err(), "nobody guesses a seal");
            assert!(Invitation::open(&code, bytes).is_err());
            assert!(open_payload(&key, b"header", bytes).is_err());
            assert_eq!(ProfilePayload::open(&key, &DEVICE, bytes), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names above are copies: were they other names, the seals would never open and nothing behind them would be tried.
    #[test]
    fn the_seals_of_this_target_open() {
        let (key, code, rng) = (Key::new([1; 32]), InviteCode::from_random([2; 10]), &mut Rng::seeded([3; 32]));
        let profile = codec::encode(&ProfilePayload::of("tablet"));
        let sealed = plan_payload(&profile).seal(&key.derive(PROFILE), DEVICE.as_bytes(), rng);
        assert_eq!(ProfilePayload::open(&key, &DEVICE, &sealed).map(|profile| profile.name), Some("tablet".into()));
        for (kind, plain) in crate::seeds::sealed_plain() {
            match kind {
                2 => assert!(Invitation::open(&code, &seal(&opening_key(&code), INVITATION, &plain, rng)).is_ok()),
                3 => assert!(Secrets::open(&key, GROUP, &seal(&key, SECRETS, &plain, rng)).is_ok()),
                _ => {}
            }
        }
    }
}
