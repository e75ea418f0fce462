//! This device's secrets in one group: its signing seed, the secret that keys are wrapped for, and the epoch keys it was given. Sealed
//! wherever they are stored.

use super::{EpochKeys, RecoverySecret};
use crate::crypto::{KemSecret, Key, open, seal};
use crate::rng::Rng;
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::ids::{EntryId, Epoch, GroupId};
use ashore_protocol::sign::SigningKey;
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop};

const PURPOSE: &[u8] = b"ashore 1 device secrets";

/// The stored secrets do not open with this device's local secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this device's keys do not open: the secret that wraps them is another")]
pub struct SecretsError;

/// What only this device holds. Nothing returns it through an API.
#[derive(Clone)]
pub struct Secrets {
    /// Signs entries and answers relays' challenges.
    pub device: SigningKey,
    /// Unwraps the group's keys; devices of the first version have none until they make one.
    pub kem: Option<KemSecret>,
    /// The group's keys that this device was given.
    pub epochs: EpochKeys,
    /// The recovery by which this device came in, until it has the group's present key.
    pub recovery: Option<RecoverySecret>,
}

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(array)]
struct Stored {
    #[cbor(n(0), with = "minicbor::bytes")]
    seed: [u8; 32],
    #[n(1)]
    epochs: Vec<StoredEpoch>,
    #[n(2)]
    kem: Option<StoredSeed>,
    #[n(3)]
    recovery: Option<StoredRecovery>,
}

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(array)]
struct StoredRecovery {
    #[cbor(n(0), with = "minicbor::bytes")]
    entry: [u8; 32],
    #[cbor(n(1), with = "minicbor::bytes")]
    kem_seed: [u8; 32],
}

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(transparent)]
struct StoredSeed(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]);

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(array)]
struct StoredEpoch {
    #[n(0)]
    epoch: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    key: [u8; 32],
    /// The entry that began it; `None` for the first epoch of a group, which its genesis began.
    #[n(2)]
    begun_by: Option<StoredSeed>,
}

impl Secrets {
    /// A new device without any group's key.
    pub fn generate(rng: &mut Rng) -> Self {
        let device = SigningKey::from_seed(&rng.bytes());
        Self { device, kem: KemSecret::random(rng).ok(), epochs: EpochKeys::default(), recovery: None }
    }

    /// The secrets, sealed with this device's local secret.
    pub fn seal(&self, local: &Key, rng: &mut Rng) -> Vec<u8> {
        let stored = |(epoch, begun_by, key): (Epoch, &EntryId, &Key)| StoredEpoch {
            epoch: epoch.0,
            key: *key.expose(),
            begun_by: Some(StoredSeed(begun_by.0)),
        };
        let epochs = self.epochs.iter().map(stored).collect();
        let kem = self.kem.as_ref().map(|kem| StoredSeed(*kem.to_seed()));
        let recovery = self.recovery.as_ref();
        let recovery = recovery.map(|own| StoredRecovery { entry: own.entry.0, kem_seed: *own.secret.to_seed() });
        let mut plain = encode(&Stored { seed: *self.device.to_seed(), epochs, kem, recovery });
        let sealed = seal(local, PURPOSE, &plain, rng);
        plain.zeroize();
        sealed
    }

    /// Opens what [`Secrets::seal`] made in this group, and what versions before it made: those had one key, begun by the genesis.
    pub fn open(local: &Key, group: GroupId, sealed: &[u8]) -> Result<Self, SecretsError> {
        let mut plain = open(local, PURPOSE, sealed).map_err(|_| SecretsError)?;
        let stored = decode::<Stored>(&plain).map_err(|_| SecretsError);
        plain.zeroize();
        let stored = stored?;
        let mut epochs = EpochKeys::default();
        for each in &stored.epochs {
            let begun_by = each.begun_by.as_ref().map_or(EntryId::from(group), |id| EntryId(id.0));
            epochs.insert(Epoch(each.epoch), begun_by, Key::new(each.key));
        }
        let kem = stored.kem.as_ref().and_then(|seed| KemSecret::from_seed(&seed.0).ok());
        let recovery = stored.recovery.as_ref().and_then(|own| {
            let secret = KemSecret::from_seed(&own.kem_seed).ok()?;
            Some(RecoverySecret { entry: EntryId(own.entry), secret })
        });
        Ok(Self { device: SigningKey::from_seed(&stored.seed), kem, epochs, recovery })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GROUP: GroupId = GroupId([6; 32]);

    #[test]
    fn secrets_open_only_with_the_local_secret_that_sealed_them() {
        let mut rng = Rng::seeded([4; 32]);
        let (local, other) = (Key::random(&mut rng), Key::random(&mut rng));
        let mut secrets = Secrets::generate(&mut rng);
        secrets.epochs.insert(Epoch(0), EntryId::from(GROUP), Key::random(&mut rng));
        secrets.epochs.insert(Epoch(1), EntryId([7; 32]), Key::random(&mut rng));
        let recovery = KemSecret::random(&mut rng).unwrap();
        secrets.recovery = Some(RecoverySecret { entry: EntryId([8; 32]), secret: recovery.clone() });
        let sealed = secrets.seal(&local, &mut rng);
        let opened = Secrets::open(&local, GROUP, &sealed).unwrap();
        let own = opened.recovery.unwrap();
        assert_eq!((own.entry, own.secret.public()), (EntryId([8; 32]), recovery.public()));
        assert_eq!(opened.device.device_id(), secrets.device.device_id());
        assert_eq!(opened.epochs, secrets.epochs);
        assert_eq!(opened.kem.unwrap().public(), secrets.kem.as_ref().unwrap().public());
        assert!(Secrets::open(&other, GROUP, &sealed).is_err());
        for seed in [secrets.device.to_seed().to_vec(), secrets.kem.unwrap().to_seed().to_vec()] {
            assert!(!sealed.windows(32).any(|window| window == &seed[..]));
        }
    }

    /// As the first version wrote them: a seed, and one key by the number of its epoch.
    #[test]
    fn secrets_of_the_first_version_open_and_their_key_is_the_geneses() {
        #[derive(Encode)]
        #[cbor(array)]
        struct First(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32], #[n(1)] Vec<FirstEpoch>);
        #[derive(Encode)]
        #[cbor(array)]
        struct FirstEpoch(#[n(0)] u32, #[cbor(n(1), with = "minicbor::bytes")] [u8; 32]);
        let mut rng = Rng::seeded([5; 32]);
        let local = Key::random(&mut rng);
        let sealed = seal(&local, PURPOSE, &encode(&First([1; 32], vec![FirstEpoch(0, [2; 32])])), &mut rng);
        let opened = Secrets::open(&local, GROUP, &sealed).unwrap();
        assert_eq!(*opened.device.to_seed(), [1; 32]);
        assert!(opened.kem.is_none());
        assert_eq!(opened.epochs.get(Epoch(0), &EntryId::from(GROUP)), Some(&Key::new([2; 32])));
    }
}
