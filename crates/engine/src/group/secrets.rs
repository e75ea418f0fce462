//! This device's secrets in one group: its signing seed and the epoch keys it was given. Sealed wherever they are stored.

use crate::crypto::{Key, open, seal};
use crate::rng::Rng;
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::sign::SigningKey;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
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
    /// The group's key of each epoch that this device was given.
    pub epochs: BTreeMap<u32, Key>,
}

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(array)]
struct Stored {
    #[cbor(n(0), with = "minicbor::bytes")]
    seed: [u8; 32],
    #[n(1)]
    epochs: Vec<StoredEpoch>,
}

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(array)]
struct StoredEpoch {
    #[n(0)]
    epoch: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    key: [u8; 32],
}

impl Secrets {
    /// A new device without any group's key.
    pub fn generate(rng: &mut Rng) -> Self {
        Self { device: SigningKey::from_seed(&rng.bytes()), epochs: BTreeMap::new() }
    }

    /// The secrets, sealed with this device's local secret.
    pub fn seal(&self, local: &Key, rng: &mut Rng) -> Vec<u8> {
        let epochs = self.epochs.iter().map(|(epoch, key)| StoredEpoch { epoch: *epoch, key: *key.expose() }).collect();
        let mut plain = encode(&Stored { seed: *self.device.to_seed(), epochs });
        let sealed = seal(local, PURPOSE, &plain, rng);
        plain.zeroize();
        sealed
    }

    /// Opens what [`Secrets::seal`] made.
    pub fn open(local: &Key, sealed: &[u8]) -> Result<Self, SecretsError> {
        let mut plain = open(local, PURPOSE, sealed).map_err(|_| SecretsError)?;
        let stored = decode::<Stored>(&plain).map_err(|_| SecretsError);
        plain.zeroize();
        let stored = stored?;
        Ok(Self {
            device: SigningKey::from_seed(&stored.seed),
            epochs: stored.epochs.iter().map(|each| (each.epoch, Key::new(each.key))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn secrets_open_only_with_the_local_secret_that_sealed_them() {
        let mut rng = Rng::seeded([4; 32]);
        let (local, other) = (Key::random(&mut rng), Key::random(&mut rng));
        let mut secrets = Secrets::generate(&mut rng);
        secrets.epochs.insert(0, Key::random(&mut rng));
        let sealed = secrets.seal(&local, &mut rng);
        let opened = Secrets::open(&local, &sealed).unwrap();
        assert_eq!(opened.device.device_id(), secrets.device.device_id());
        assert_eq!(opened.epochs, secrets.epochs);
        assert!(Secrets::open(&other, &sealed).is_err());
        let seed = secrets.device.to_seed();
        assert!(!sealed.windows(32).any(|window| window == &seed[..]));
    }
}
