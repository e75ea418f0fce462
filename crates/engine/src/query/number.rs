//! Numbers of all three forms by their exact mathematical value, also where an f64 counts in steps of more than one.

/// From here on an f64 no longer tells neighbouring integers apart: 2^53.
const FIRST_COARSE: f64 = 9_007_199_254_740_992.0;

/// A number as the greatest f64 that is not above it, and what is left to it. Ordered as the numbers are; -0 is 0.
///
/// A NaN, which no document holds, is below every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Exact {
    floor: u64,
    /// At most 2,047: the f64s below 2^64 are at most 2,048 apart.
    rest: u16,
}

impl Exact {
    pub(super) fn float(number: f64) -> Self {
        Self { floor: ordered_bits(number), rest: 0 }
    }

    pub(super) fn unsigned(number: u64) -> Self {
        Self::integer(i128::from(number))
    }

    pub(super) fn signed(number: i64) -> Self {
        Self::integer(i128::from(number))
    }

    fn integer(number: i128) -> Self {
        let near = number as f64;
        let floor = if near as i128 > number { near.next_down() } else { near };
        Self { floor: ordered_bits(floor), rest: (number - floor as i128) as u16 }
    }

    /// Eight bytes, and two more where a rest is possible: so the first eight say how many there are.
    pub(super) fn append(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.floor.to_be_bytes());
        if has_rest(self.floor) {
            out.extend_from_slice(&self.rest.to_be_bytes());
        }
    }
}

/// How many bytes [`Exact::append`] wrote, by the first eight of them.
pub(super) fn appended_bytes(first: [u8; 8]) -> usize {
    if has_rest(u64::from_be_bytes(first)) { 10 } else { 8 }
}

fn has_rest(floor: u64) -> bool {
    floor >= ordered_bits(FIRST_COARSE) || floor <= ordered_bits(-FIRST_COARSE)
}

/// The bits of an f64 so that they are ordered as the numbers are.
fn ordered_bits(number: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    if number.is_nan() {
        return 0;
    }
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}
