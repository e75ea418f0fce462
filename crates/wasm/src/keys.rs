//! The secret of a database on this device, 32 random bytes, and what keeps it: the platform or a passphrase.
//!
//! The secret seals this device's keys in the store and, when the database is encrypted, the key of its blobs is derived from it. It lies in one record
//! beside the blobs, whose forms docs/protocol.md states: encrypted under a WebCrypto key that cannot be extracted, or in a password envelope. No byte of
//! it is ever a JavaScript value, but while WebCrypto hands it over.
//!
//! A **spare** lets other tabs, and this one's next worker, go on with an unlocked database without the passphrase: the secret under a WebCrypto key that
//! cannot be extracted and is stored nowhere. It names the record's `session`, which every lock replaces: an older spare opens nothing.

use crate::disk::Disk;
use crate::failure::{from_blobs, unsupported};
use ashore_engine::api::{ErrorCode, Failure, Passphrase};
use ashore_engine::crypto::password::{PasswordEnvelope, PasswordError, PasswordParams};
use ashore_engine::rng::Rng;
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};
use zeroize::Zeroizing;

/// The secret. It is wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;
/// Which unlocking it is.
pub(crate) type Session = [u8; 16];

const NONCE_BYTES: usize = 12;
/// What a database's passphrase seals, and not another password's envelope.
const PURPOSE: &str = "database passphrase";

/// The key record of a database.
pub(crate) enum Record {
    /// The platform keeps the secret; blobs are plain.
    Plain(JsValue),
    /// The platform keeps the secret; blobs are sealed.
    Platform(JsValue),
    /// A passphrase keeps the secret; blobs are sealed.
    Passphrase(Locked),
    /// There is no secret any more.
    Wiped,
}

/// A secret that a passphrase keeps.
pub(crate) struct Locked {
    pub(crate) envelope: PasswordEnvelope,
    pub(crate) session: Session,
}

/// 32 bytes from the environment's source of randomness.
pub(crate) fn random_secret() -> Result<Secret, Failure> {
    let mut secret = Zeroizing::new([0u8; 32]);
    fill(&mut *secret)?;
    Ok(secret)
}

impl Record {
    /// What is kept; `None` before the first opening.
    pub(crate) async fn load(disk: &Disk) -> Result<Option<Self>, Failure> {
        let record = disk.load_record().await.map_err(|failure| from_blobs(&failure))?;
        record.map(Self::parse).transpose()
    }

    fn parse(record: JsValue) -> Result<Self, Failure> {
        let protection = field(&record, "protection")?;
        match protection.as_string().as_deref() {
            None if protection.is_undefined() => Ok(Self::Plain(record)),
            Some("platform") => Ok(Self::Platform(record)),
            Some("passphrase") => Locked::parse(&record).map(Self::Passphrase),
            Some("wiped") => Ok(Self::Wiped),
            _ => Err(Failure::new(
                ErrorCode::StoreNewerFormat,
                "The keys are kept in a way that is newer than this engine.",
            )),
        }
    }

    /// Makes a secret that the platform keeps, for plain or for sealed blobs. `None`: another tab was quicker.
    pub(crate) async fn create(disk: &Disk, sealed: bool) -> Result<Option<Secret>, Failure> {
        let secret = random_secret()?;
        let record = wrap(&subtle()?, &secret).await?;
        if sealed {
            set(&record, "protection", "platform".into());
        }
        let kept = disk.add_record(&record).await.map_err(|failure| from_blobs(&failure))?;
        Ok(kept.then_some(secret))
    }

    /// What the platform keeps.
    pub(crate) async fn unwrap(record: &JsValue) -> Result<Secret, Failure> {
        unwrap(&subtle()?, record).await
    }

    /// There is no secret from now on.
    pub(crate) async fn wipe(disk: &Disk) -> Result<(), Failure> {
        let record = object(&[("protection", "wiped".into())]);
        disk.put_record(&record).await.map_err(|failure| from_blobs(&failure))
    }
}

impl Locked {
    /// Makes a secret that this passphrase keeps. `None`: another tab was quicker.
    pub(crate) async fn create(disk: &Disk, passphrase: &Passphrase) -> Result<Option<(Secret, Self)>, Failure> {
        let secret = random_secret()?;
        let locked = Self::seal(&secret, passphrase, random()?)?;
        let kept = disk.add_record(&locked.record()).await.map_err(|failure| from_blobs(&failure))?;
        Ok(kept.then_some((secret, locked)))
    }

    fn seal(secret: &Secret, passphrase: &Passphrase, session: Session) -> Result<Self, Failure> {
        let mut rng = Rng::seeded(random()?);
        let params = PasswordParams::default();
        let envelope = PasswordEnvelope::seal(passphrase.expose(), PURPOSE, &**secret, params, &mut rng);
        Ok(Self { envelope: envelope.map_err(from_password)?, session })
    }

    fn parse(record: &JsValue) -> Result<Self, Failure> {
        let envelope = PasswordEnvelope::from_bytes(&bytes(record, "envelope")?).map_err(from_password)?;
        let session = bytes(record, "session")?.try_into().map_err(|_| damaged())?;
        Ok(Self { envelope, session })
    }

    fn record(&self) -> JsValue {
        object(&[
            ("protection", "passphrase".into()),
            ("envelope", Uint8Array::from(&self.envelope.to_bytes()[..]).into()),
            ("session", Uint8Array::from(&self.session[..]).into()),
        ])
        .into()
    }

    /// The secret, for the right passphrase. Takes about a second, in which this thread does nothing else.
    pub(crate) fn open(&self, passphrase: &Passphrase) -> Result<Secret, Failure> {
        let opened = self.envelope.open(passphrase.expose(), PURPOSE).map_err(from_password)?;
        let secret: [u8; 32] = opened.as_slice().try_into().map_err(|_| damaged())?;
        Ok(Zeroizing::new(secret))
    }

    /// The same secret under another passphrase.
    pub(crate) async fn change(&self, disk: &Disk, secret: &Secret, new: &Passphrase) -> Result<(), Failure> {
        let changed = Self::seal(secret, new, self.session)?;
        self.replace(disk, &changed).await
    }

    /// Deriving takes long: when another tab took over meanwhile and locked or wiped, what it wrote stays.
    async fn replace(&self, disk: &Disk, next: &Self) -> Result<(), Failure> {
        let still = |record: &JsValue| bytes(record, "session").is_ok_and(|session| session == self.session);
        match disk.replace_record(&next.record(), still).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::new(ErrorCode::HostSuperseded, "Another tab has taken over.")),
            Err(failure) => Err(from_blobs(&failure)),
        }
    }

    /// Makes every spare useless.
    pub(crate) async fn end_session(&self, disk: &Disk) -> Result<(), Failure> {
        let next = Self { session: random()?, envelope: self.envelope.clone() };
        self.replace(disk, &next).await
    }

    /// A spare for whoever runs the engine next, as long as nobody locks.
    pub(crate) async fn spare(&self, secret: &Secret) -> Result<JsValue, Failure> {
        let spare = wrap(&subtle()?, secret).await?;
        set(&spare, "session", Uint8Array::from(&self.session[..]).into());
        Ok(spare)
    }

    /// What the spare holds, if it is of this session.
    pub(crate) async fn redeem(&self, spare: &JsValue) -> Option<Secret> {
        let session = spare.is_object().then(|| bytes(spare, "session").ok()).flatten()?;
        if session != self.session {
            return None;
        }
        unwrap(&subtle().ok()?, spare).await.ok()
    }
}

/// `{ key: CryptoKey, nonce: Uint8Array, sealed: Uint8Array }`.
async fn wrap(subtle: &SubtleCrypto, secret: &Secret) -> Result<JsValue, Failure> {
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let algorithm = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    let key: CryptoKey = done(subtle.generate_key_with_object(&algorithm, false, &usages)).await?.unchecked_into();
    let nonce: [u8; NONCE_BYTES] = random()?;
    let sealed = done(subtle.encrypt_with_object_and_u8_array(&aes_gcm(&nonce), &key, &**secret)).await?;
    let record = object(&[
        ("key", key.into()),
        ("nonce", Uint8Array::from(nonce.as_slice()).into()),
        ("sealed", Uint8Array::new(&sealed).into()),
    ]);
    Ok(record.into())
}

async fn unwrap(subtle: &SubtleCrypto, record: &JsValue) -> Result<Secret, Failure> {
    let key: CryptoKey = field(record, "key")?.dyn_into().map_err(|_| damaged())?;
    let nonce = bytes(record, "nonce")?;
    let sealed = bytes(record, "sealed")?;
    let opened = subtle.decrypt_with_object_and_u8_array(&aes_gcm(&nonce), &key, &sealed);
    let opened = Uint8Array::new(&done(opened).await.map_err(|_| damaged())?);
    let mut secret = Zeroizing::new([0u8; 32]);
    let whole = opened.length() as usize == secret.len();
    if whole {
        opened.copy_to(&mut *secret);
    }
    // The only trace of the secret outside of this module's memory.
    opened.fill(0, 0, opened.length());
    if whole { Ok(secret) } else { Err(damaged()) }
}

fn from_password(error: PasswordError) -> Failure {
    let code = match error {
        PasswordError::WrongPassword => ErrorCode::KeyBadPassphrase,
        PasswordError::WeakPassword(_) => ErrorCode::KeyWeakPassphrase,
        PasswordError::NewerFormat(_) => ErrorCode::StoreNewerFormat,
        PasswordError::Malformed | PasswordError::ParametersOutOfBounds(_) => ErrorCode::StoreCorrupt,
    };
    Failure::new(code, error.to_string())
}

fn subtle() -> Result<SubtleCrypto, Failure> {
    let missing = || {
        unsupported("This environment has no WebCrypto, which keeps this device's keys; pages need https or localhost.")
    };
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(|_| missing())?;
    let subtle = Reflect::get(&crypto.unchecked_into::<Crypto>(), &"subtle".into()).map_err(|_| missing())?;
    if subtle.is_undefined() { Err(missing()) } else { Ok(subtle.unchecked_into()) }
}

fn aes_gcm(nonce: &[u8]) -> Object {
    object(&[("name", "AES-GCM".into()), ("iv", Uint8Array::from(nonce).into())])
}

fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        set(&object, name, value.clone());
    }
    object
}

fn set(object: &JsValue, name: &str, value: JsValue) {
    // A plain object takes every property.
    let _ = Reflect::set(object, &JsValue::from_str(name), &value);
}

fn field(record: &JsValue, name: &str) -> Result<JsValue, Failure> {
    Reflect::get(record, &JsValue::from_str(name)).map_err(|_| damaged())
}

fn bytes(record: &JsValue, name: &str) -> Result<Vec<u8>, Failure> {
    let value = field(record, name)?;
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).ok_or_else(damaged)
}

async fn done(promise: Result<Promise, JsValue>) -> Result<JsValue, Failure> {
    let refused = |_| unsupported("This environment's WebCrypto refuses AES-GCM.");
    JsFuture::from(promise.map_err(refused)?).await.map_err(refused)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0u8; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|_| unsupported("This environment has no source of randomness."))
}

fn damaged() -> Failure {
    Failure::new(ErrorCode::StoreCorrupt, "The record that opens this device's keys is damaged.")
}
