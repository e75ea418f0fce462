//! CRC-32 as zip has it, over rows and parts of blobs.
//!
//! Natively by `crc32fast`, with the processor's own instructions. In WebAssembly by the same tables that it would use there
//! ("slicing by 16"), worked out when they are first needed: they are 16 KB of noise, which pages would download.

#[cfg(not(target_arch = "wasm32"))]
pub(super) use crc32fast::hash;

/// The checksum of these bytes.
#[cfg(target_arch = "wasm32")]
pub(super) fn hash(bytes: &[u8]) -> u32 {
    static TABLES: std::sync::LazyLock<Box<Tables>> = std::sync::LazyLock::new(tables);
    sliced(&TABLES, bytes)
}

/// Puts one byte right, if that is all that is wrong with bytes that had this checksum.
///
/// A wrong byte changes the checksum by what depends on nothing but the byte and its distance from the end, and each step away from the end can be taken
/// back: so place after place is asked whether one byte there would explain the difference.
pub(super) fn mend(bytes: &mut [u8], expected: u32) -> bool {
    let effects = single();
    // All bytes have effects with different first bytes.
    let mut by_first = [0; 256];
    for (byte, effect) in (0..=u8::MAX).zip(&effects) {
        if let Some(place) = by_first.get_mut((effect >> 24) as usize) {
            *place = byte;
        }
    }
    let mut difference = hash(bytes) ^ expected;
    for place in bytes.iter_mut().rev() {
        let Some(byte) = by_first.get((difference >> 24) as usize).copied() else { return false };
        let effect = at(&effects, byte);
        if effect == difference {
            *place ^= byte;
            return true;
        }
        difference = ((difference ^ effect) << 8) | u32::from(byte);
    }
    false
}

/// What a byte does to the checksum in the last place.
fn single() -> [u32; 256] {
    let mut effects = [0; 256];
    for (byte, effect) in (0..).zip(&mut effects) {
        *effect = (0..8).fold(byte, |effect: u32, _| (effect >> 1) ^ if effect & 1 == 1 { POLYNOMIAL } else { 0 });
    }
    effects
}

/// What a byte does to the checksum, for each place that it can have among the last 16.
#[cfg(any(test, target_arch = "wasm32"))]
type Tables = [[u32; 256]; 16];

/// The polynomial, its bits in reverse.
const POLYNOMIAL: u32 = 0xedb8_8320;

#[cfg(any(test, target_arch = "wasm32"))]
fn tables() -> Box<Tables> {
    let mut tables = Box::new([[0; 256]; 16]);
    let single = single();
    let mut before = single;
    for table in tables.iter_mut() {
        *table = before;
        before = before.map(|row| (row >> 8) ^ at(&single, row as u8));
    }
    tables
}

#[cfg(any(test, target_arch = "wasm32"))]
fn sliced(tables: &Tables, bytes: &[u8]) -> u32 {
    let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15] = tables;
    let (blocks, rest) = bytes.as_chunks::<16>();
    let mut crc = !0u32;
    for [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] in blocks {
        let [a, b, c, d] = (u32::from_le_bytes([*a, *b, *c, *d]) ^ crc).to_le_bytes();
        crc = (at(t15, a) ^ at(t14, b) ^ at(t13, c) ^ at(t12, d))
            ^ (at(t11, *e) ^ at(t10, *f) ^ at(t9, *g) ^ at(t8, *h))
            ^ (at(t7, *i) ^ at(t6, *j) ^ at(t5, *k) ^ at(t4, *l))
            ^ (at(t3, *m) ^ at(t2, *n) ^ at(t1, *o) ^ at(t0, *p));
    }
    !rest.iter().fold(crc, |crc, byte| (crc >> 8) ^ at(t0, crc as u8 ^ byte))
}

#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "there are 256 places, and a byte names one of them")]
fn at(table: &[u32; 256], byte: u8) -> u32 {
    table[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_check_value_comes_out() {
        assert_eq!(sliced(&tables(), b"123456789"), 0xcbf4_3926);
        assert_eq!(hash(b"123456789"), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn browsers_and_native_hosts_agree(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(sliced(&tables(), &bytes), hash(&bytes));
        }

        #[test]
        fn one_wrong_byte_is_put_right(
            bytes in proptest::collection::vec(any::<u8>(), 1..5_000),
            at in any::<prop::sample::Index>(),
            wrong in 1..=u8::MAX,
        ) {
            let (mut spoiled, checksum) = (bytes.clone(), hash(&bytes));
            spoiled[at.index(bytes.len())] ^= wrong;
            prop_assert!(mend(&mut spoiled, checksum));
            prop_assert_eq!(spoiled, bytes);
        }
    }
}
