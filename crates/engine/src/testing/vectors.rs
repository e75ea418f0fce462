//! Fixed inputs and what is derived from them, as text: the same on every host, for ever.

use crate::crypto::password::{PasswordEnvelope, PasswordParams};
use crate::crypto::{Key, plan_payload};
use crate::group::{DATA_CONTEXT, ProfilePayload, opening_key};
use crate::rng::Rng;
use ashore_protocol::ids::DeviceId;
use ashore_protocol::invite::InviteCode;
use ashore_protocol::sign::{Domain, SigningKey};
use data_encoding::HEXLOWER;

/// One line per derivation: its name and what comes of it, sealed bytes where the key itself must not be shown.
pub fn derivations() -> String {
    let code = InviteCode::from_random([9; 10]);
    let epoch = Key::new([1; 32]);
    let mut rng = Rng::seeded([4; 32]);
    let profile = ProfilePayload { name: "alice".into() };
    let signature = SigningKey::from_seed(&[2; 32]).sign(Domain::Entry, b"words");
    let lines = [
        ("invite code", code.to_string()),
        ("invite place", code.place().to_string()),
        ("sealed for the invite", hex(&plan_payload(b"words").seal(&opening_key(&code), b"header", &mut rng))),
        ("sealed data", hex(&plan_payload(b"words").seal(&epoch.derive(DATA_CONTEXT), b"header", &mut rng))),
        ("sealed profile", hex(&profile.seal(&epoch, &DeviceId([3; 32]), &mut rng))),
        ("signed entry", hex(&signature.0)),
        ("sealed with a password", hex(&password_envelope())),
    ];
    lines.map(|(name, value)| format!("{name}: {value}\n")).concat()
}

/// Accents in it, so that what is derived from is pinned too.
fn password_envelope() -> Vec<u8> {
    let mut rng = Rng::seeded([5; 32]);
    let envelope = PasswordEnvelope::seal("Gr\u{fc}ne Wiese 7", "vectors", b"words", PasswordParams::LEAST, &mut rng);
    envelope.map(|envelope| envelope.to_bytes()).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
