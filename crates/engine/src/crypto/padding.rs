//! Padmé padding: sizes are rounded up so that they tell little about the content, at most 12 % larger.
//!
//! Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PoPETs 2019, §4.

/// The smallest padded size: short payloads all look alike.
const SMALLEST: usize = 64;

/// The size to which `size` bytes are padded.
///
/// ```
/// assert_eq!(ashore_engine::crypto::padded_size(1), 64);
/// assert_eq!(ashore_engine::crypto::padded_size(1_000), 1_024);
/// assert_eq!(ashore_engine::crypto::padded_size(100_000), 100_352);
/// ```
pub fn padded_size(size: usize) -> usize {
    if size <= SMALLEST {
        return SMALLEST;
    }
    let exponent = size.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - mantissa_bits)) - 1;
    (size + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::padded_size;

    #[test]
    fn padding_never_shrinks_and_costs_at_most_an_eighth() {
        for size in (0..70_000).chain([1 << 20, (1 << 20) + 1]) {
            let padded = padded_size(size);
            assert!(padded >= size);
            assert!(padded <= 64 || padded <= size + size / 8, "{size} became {padded}");
        }
    }
}
