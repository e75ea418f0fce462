//! The secret that seals this device's keys in its store: 32 random bytes, kept encrypted under a WebCrypto key that cannot be extracted.
//!
//! Both lie in one record beside the blobs. A copy of the browser's files is of no use without the browser that made the key, and no byte of the secret is
//! ever a JavaScript value.

use crate::failure::{from_blobs, unsupported};
use crate::store::IndexedDb;
use ashore_engine::api::{ErrorCode, Failure};
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

/// The one key record of a database.
const RECORD: &str = "local-secret";
const NONCE_BYTES: usize = 12;

/// 32 bytes from the environment's source of randomness.
pub(crate) fn random_secret() -> Result<[u8; 32], Failure> {
    let mut secret = [0u8; 32];
    fill(&mut secret)?;
    Ok(secret)
}

/// The secret of this database on this device; made at the first opening.
pub(crate) async fn local_secret(database: &IndexedDb) -> Result<[u8; 32], Failure> {
    let subtle = subtle()?;
    if let Some(record) = load(database).await? {
        return open(&subtle, &record).await;
    }
    let secret = random_secret()?;
    let record = seal(&subtle, &secret).await?;
    match database.add_key_record(RECORD, &record).await {
        Ok(true) => Ok(secret),
        // Another tab was quicker: its secret is the one.
        Ok(false) => match load(database).await? {
            Some(record) => open(&subtle, &record).await,
            None => Err(damaged()),
        },
        Err(failure) => Err(from_blobs(&failure)),
    }
}

async fn load(database: &IndexedDb) -> Result<Option<JsValue>, Failure> {
    database.load_key_record(RECORD).await.map_err(|failure| from_blobs(&failure))
}

/// `{ key: CryptoKey, nonce: Uint8Array, sealed: Uint8Array }`.
async fn seal(subtle: &SubtleCrypto, secret: &[u8; 32]) -> Result<JsValue, Failure> {
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let algorithm = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    let key: CryptoKey = done(subtle.generate_key_with_object(&algorithm, false, &usages)).await?.unchecked_into();
    let mut nonce = [0u8; NONCE_BYTES];
    fill(&mut nonce)?;
    let sealed = done(subtle.encrypt_with_object_and_u8_array(&aes_gcm(&nonce), &key, secret)).await?;
    let record = object(&[
        ("key", key.into()),
        ("nonce", Uint8Array::from(nonce.as_slice()).into()),
        ("sealed", Uint8Array::new(&sealed).into()),
    ]);
    Ok(record.into())
}

async fn open(subtle: &SubtleCrypto, record: &JsValue) -> Result<[u8; 32], Failure> {
    let key: CryptoKey = field(record, "key")?.dyn_into().map_err(|_| damaged())?;
    let nonce = bytes(record, "nonce")?;
    let sealed = bytes(record, "sealed")?;
    let opened = subtle.decrypt_with_object_and_u8_array(&aes_gcm(&nonce), &key, &sealed);
    let secret = done(opened).await.map_err(|_| damaged())?;
    let secret = Uint8Array::new(&secret);
    let copied = secret.to_vec();
    // The only trace of the secret outside of this module's memory.
    secret.fill(0, 0, secret.length());
    copied.try_into().map_err(|_| damaged())
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
        // A plain object takes every property.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
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

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|_| unsupported("This environment has no source of randomness."))
}

fn damaged() -> Failure {
    Failure::new(ErrorCode::StoreCorrupt, "The record that opens this device's keys is damaged.")
}
