//! Sealing, composed from reviewed crates: XChaCha20-Poly1305 for secrecy, BLAKE3 for deriving keys, HPKE for keys that are
//! meant for one device, Argon2id for keys from passwords.

pub mod file;
mod key;
mod padding;
pub mod password;
mod payload;
mod sealed_box;
pub mod phrase;
mod words;
mod wrap;

pub use key::{Key, OpenError, open, seal, sealed_size};
pub use padding::padded_size;
pub use payload::{MAX_PLAIN_BYTES, PayloadError, SealedPlan, open_payload, plan_payload};
pub use sealed_box::{BOX_KEY_BYTES, BoxSecret, seal_in_box};
pub use words::{WORDS, words};
pub use wrap::{KemSecret, WRAPPED_BYTES, WrapError, unwrap_key, wrap_key};
