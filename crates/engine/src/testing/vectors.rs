//! Fixed inputs and what is derived from them, as text: the same on every host, for ever.

use crate::crypto::password::{PasswordEnvelope, PasswordParams};
use crate::crypto::phrase::RecoveryWords;
use crate::crypto::{KemSecret, Key, plan_payload};
use crate::group::{
    DATA_CONTEXT, EpochKeys, ProfilePayload, RecoveryAccess, RecoveryKind, RecoveryKit, RecoveryLocator, RecoveryNote,
    Wrapping, opening_key,
};
use crate::rng::Rng;
use ashore_protocol::envelope::PasswordHint;
use ashore_protocol::ids::{DeviceId, EntryId, Epoch, GroupId};
use ashore_protocol::invite::InviteCode;
use ashore_protocol::sign::{Domain, SigningKey};
use data_encoding::HEXLOWER;

/// One line per derivation: its name and what comes of it, sealed bytes where the key itself must not be shown.
pub fn derivations() -> String {
    let code = InviteCode::from_random([9; 10]);
    let epoch = Key::new([1; 32]);
    let mut rng = Rng::seeded([4; 32]);
    let profile = ProfilePayload::of("alice");
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
        + &wraps(&epoch).unwrap_or_default()
        + &recoveries(&epoch).unwrap_or_default()
}

/// Places, tokens and sealed envelopes of a password and of 24 words. Tokens are shown: what they are made from is here too.
fn recoveries(epoch: &Key) -> Option<String> {
    let mut rng = Rng::seeded([5; 32]);
    let PasswordParams { memory_kib, passes } = PasswordParams::LEAST;
    let hint = PasswordHint { memory_kib, passes, salt: [7; 16] };
    let code = RecoveryLocator::parse("144G-J289-144G-J289").ok()?;
    let name = RecoveryLocator::parse(" Gr\u{fc}n@Wiese.example ").ok()?;
    let words = RecoveryWords::from_random([0x7f; 32]);
    let with_password = RecoveryAccess::with_password(&name, hint, "Gr\u{fc}ne Wiese 7").ok()?;
    let with_words = RecoveryAccess::with_words(&words);
    let kit = RecoveryKit {
        group: GroupId([1; 32]),
        recovery: EntryId([2; 32]),
        invite_seed: [3; 32],
        kem_seed: [4; 32],
        epoch: 5,
        epoch_key: [6; 32],
        begun_by: EntryId([7; 32]),
    };
    let note = RecoveryNote { kind: RecoveryKind::Phrase, place: with_words.place(), locator: None };
    let mut all = format!("recovery words: {}\n", words.to_text().as_str());
    all += &format!("recovery place of a code: {}\n", code.place());
    all += &format!("recovery note: {}\n", hex(&note.seal(epoch, &mut rng)));
    for (what, access) in [("password", with_password), ("words", with_words)] {
        let (place, token) = (access.place(), access.token());
        all += &format!("recovery place of {what}: {place}\n");
        all += &format!("recovery token of {what}: {}\n", hex(&token.0));
        all += &format!("recovery verifier of {what}: {}\n", hex(&token.verifier().0));
        all += &format!("recovery envelope of {what}: {}\n", hex(&access.seal(&kit, &mut rng)));
    }
    Some(all)
}

/// A device's key for wrapping, an epoch's key wrapped for it, and earlier keys sealed under that.
fn wraps(epoch: &Key) -> Option<String> {
    let mut rng = Rng::seeded([5; 32]);
    let secret = KemSecret::from_seed(&[6; 32]).ok()?;
    let public = secret.public()?;
    let place = Wrapping { group: GroupId([7; 32]), epoch: Epoch(1), author: DeviceId([3; 32]) };
    let to = DeviceId([8; 32]).into();
    let wrapped = place.wrap(to, &public, epoch, &mut rng).ok()?;
    let mut earlier = EpochKeys::default();
    earlier.insert(Epoch(0), EntryId([7; 32]), Key::new([9; 32]));
    let sealed = place.seal_earlier(epoch, &earlier, &mut rng);
    let unwraps = place.unwrap(to, &secret, &wrapped).is_ok_and(|key| key == *epoch);
    let opens = place.open_earlier(epoch, &sealed).is_some_and(|keys| keys.len() == 1);
    let lines = [
        ("kem key", hex(public.as_bytes())),
        ("wrapped epoch key", hex(&wrapped)),
        ("sealed earlier keys", hex(&sealed)),
        ("wrapped and sealed open", (unwraps && opens).to_string()),
    ];
    Some(lines.map(|(name, value)| format!("{name}: {value}\n")).concat())
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
