//! One encrypted file, sealed page after page: what an export is.
//!
//! ```text
//! file   = "ashore export\n" version:u8(1) bytes:u16 envelope digest:32 chunk+
//! chunk  = bytes:u32 sealed                           ; numbers with the big end first
//! ```
//!
//! The envelope holds the file's key, sealed with a passphrase (see [`super::password`]); the digest is BLAKE3 of everything before
//! it, so that damage is told from a wrong passphrase. Chunks follow the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár,
//! 2015): each is sealed with its place and whether it is the last, so that none can be left out, moved, doubled or cut off.
//! Here both stand in the associated data of XChaCha20-Poly1305 with a random nonce, together with the digest.

use super::password::{PasswordEnvelope, PasswordError, PasswordParams};
use super::{Key, OpenError, open, seal};
use crate::rng::Rng;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

const MAGIC: &[u8; 14] = b"ashore export\n";
/// The format that this version writes, and the newest that it reads.
pub const FILE_VERSION: u8 = 1;
const DIGEST_BYTES: usize = 32;
/// What the envelope holds.
const PURPOSE: &str = "export";
const CHUNK_CONTEXT: &[u8] = b"ashore 1 export chunk";
/// The largest chunk once it is opened: one document is never divided.
pub const MAX_CHUNK_BYTES: usize = 64 << 20;
const LEVEL: u8 = 4;

const STORED: u8 = 0;
const DEFLATED: u8 = 1;

/// Why bytes are not the beginning of a file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Something else.
    #[error("this is no export")]
    Foreign,
    /// Written by a later Ashore.
    #[error("an export of format {0}, which this version does not know")]
    Newer(u8),
    /// It ends before its first chunk.
    #[error("the file is cut off")]
    Truncated,
    /// Its digest is another.
    #[error("the beginning of the file was changed")]
    Damaged,
    /// The passphrase is not taken, or is another.
    #[error(transparent)]
    Passphrase(#[from] PasswordError),
}

/// Why a chunk does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// It is whole, and more must follow.
    #[error("the file is cut off")]
    Truncated,
    /// It was changed, or belongs elsewhere.
    #[error("a part of the file was changed")]
    Damaged,
}

impl From<OpenError> for ChunkError {
    fn from(_: OpenError) -> Self {
        Self::Damaged
    }
}

/// What opens and seals the chunks of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileKey {
    key: Key,
    file: [u8; DIGEST_BYTES],
}

impl FileKey {
    /// The beginning of a new file, and the key of what follows.
    pub fn begin(passphrase: &str, params: PasswordParams, rng: &mut Rng) -> Result<(Vec<u8>, Self), PasswordError> {
        let key = Key::random(rng);
        let envelope = PasswordEnvelope::seal(passphrase, PURPOSE, key.expose(), params, rng)?.to_bytes();
        let bytes = u16::try_from(envelope.len()).map_err(|_| PasswordError::Malformed)?;
        let mut head = [&MAGIC[..], &[FILE_VERSION], &bytes.to_be_bytes(), &envelope].concat();
        let file = *blake3::hash(&head).as_bytes();
        head.extend_from_slice(&file);
        Ok((head, Self { key, file }))
    }

    /// Reads the beginning of a file; answers how many bytes that took.
    pub fn open(bytes: &[u8], passphrase: &str) -> Result<(usize, Self), HeadError> {
        let rest = match bytes.strip_prefix(MAGIC) {
            Some(rest) => rest,
            None if !bytes.is_empty() && MAGIC.starts_with(bytes) => return Err(HeadError::Truncated),
            None => return Err(HeadError::Foreign),
        };
        let (version, rest) = rest.split_first().ok_or(HeadError::Truncated)?;
        if *version > FILE_VERSION {
            return Err(HeadError::Newer(*version));
        }
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(HeadError::Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (envelope, rest) = rest.split_at_checked(length).ok_or(HeadError::Truncated)?;
        let (digest, rest) = rest.split_first_chunk::<DIGEST_BYTES>().ok_or(HeadError::Truncated)?;
        let taken = bytes.len() - rest.len();
        let hashed = bytes.get(..taken - DIGEST_BYTES).unwrap_or_default();
        if blake3::hash(hashed).as_bytes() != digest || *version == 0 {
            return Err(HeadError::Damaged);
        }
        let envelope = PasswordEnvelope::from_bytes(envelope)?;
        let key = envelope.open(passphrase, PURPOSE)?;
        let key = Key::new(key[..].try_into().map_err(|_| HeadError::Damaged)?);
        Ok((taken, Self { key, file: *digest }))
    }

    /// Which file this is.
    pub fn file(&self) -> [u8; DIGEST_BYTES] {
        self.file
    }

    /// Key and file as bytes, for whoever goes on later.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(self.key.expose().iter().chain(&self.file)).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// What [`FileKey::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, file) = bytes.split_first_chunk::<32>()?;
        Some(Self { key: Key::new(*key), file: file.try_into().ok()? })
    }

    /// The chunk at this place, with its length.
    pub fn seal_chunk(&self, index: u64, last: bool, plain: &[u8], rng: &mut Rng) -> Vec<u8> {
        let deflated = compress_to_vec(plain, LEVEL);
        let framed = match deflated.len() < plain.len() {
            true => [&[DEFLATED][..], &deflated].concat(),
            false => [&[STORED][..], plain].concat(),
        };
        let sealed = seal(&self.key, &self.associated(index, last), &framed, rng);
        [&(sealed.len() as u32).to_be_bytes()[..], &sealed].concat()
    }

    /// Opens the chunk at this place, without its length. `last`: nothing follows it in the file.
    pub fn open_chunk(&self, index: u64, last: bool, sealed: &[u8]) -> Result<Vec<u8>, ChunkError> {
        let opened = open(&self.key, &self.associated(index, last), sealed);
        let Ok(framed) = opened else {
            let cut = last && open(&self.key, &self.associated(index, false), sealed).is_ok();
            return Err(if cut { ChunkError::Truncated } else { ChunkError::Damaged });
        };
        match framed.split_first() {
            Some((&STORED, plain)) => Ok(plain.to_vec()),
            Some((&DEFLATED, deflated)) => {
                decompress_to_vec_with_limit(deflated, MAX_CHUNK_BYTES).map_err(|_| ChunkError::Damaged)
            }
            _ => Err(ChunkError::Damaged),
        }
    }

    fn associated(&self, index: u64, last: bool) -> Vec<u8> {
        [CHUNK_CONTEXT, &self.file, &index.to_be_bytes(), &[u8::from(last)]].concat()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const PASSPHRASE: &str = "correct horse battery";

    fn begun() -> (Vec<u8>, FileKey, Rng) {
        let mut rng = Rng::seeded([5; 32]);
        let (head, key) = FileKey::begin(PASSPHRASE, PasswordParams::LEAST, &mut rng).unwrap();
        (head, key, rng)
    }

    #[test]
    fn a_file_opens_with_its_passphrase_and_every_byte_of_its_beginning_counts() {
        let (head, key, _) = begun();
        let longer = [&head[..], b"chunks"].concat();
        assert_eq!(FileKey::open(&longer, PASSPHRASE), Ok((head.len(), key)));
        let wrong = FileKey::open(&longer, "correct horse batterz");
        assert_eq!(wrong, Err(HeadError::Passphrase(PasswordError::WrongPassword)));
        for cut in 0..head.len() {
            let error = FileKey::open(&head[..cut], PASSPHRASE).unwrap_err();
            assert_eq!(error, if cut == 0 { HeadError::Foreign } else { HeadError::Truncated });
        }
        for at in 0..head.len() {
            let mut changed = longer.clone();
            changed[at] ^= 1;
            let error = FileKey::open(&changed, PASSPHRASE).unwrap_err();
            assert_ne!(error, HeadError::Passphrase(PasswordError::WrongPassword), "byte {at}");
        }
        let mut newer = head;
        newer[MAGIC.len()] = 9;
        assert_eq!(FileKey::open(&newer, PASSPHRASE), Err(HeadError::Newer(9)));
    }

    #[test]
    fn a_chunk_opens_in_its_place_only() {
        let (_, key, mut rng) = begun();
        let sealed = key.seal_chunk(3, false, &[7; 1_000], &mut rng);
        let sealed = &sealed[4..];
        assert!(sealed.len() < 100, "it is compressed");
        assert_eq!(key.open_chunk(3, false, sealed).unwrap(), [7; 1_000]);
        assert_eq!(key.open_chunk(2, false, sealed), Err(ChunkError::Damaged));
        assert_eq!(key.open_chunk(3, true, sealed), Err(ChunkError::Truncated));
        let other = FileKey { file: [0; 32], ..key.clone() };
        assert_eq!(other.open_chunk(3, false, sealed), Err(ChunkError::Damaged));
        assert_eq!(FileKey::from_bytes(&key.to_bytes()), Some(key));
    }
}
