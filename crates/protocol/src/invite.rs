//! Invite codes: 80 random bits that people can read out, and the link that carries one.
//!
//! Two separate hashes of the code say where the relay keeps the sealed invitation ([`InviteCode::place`]) and give the
//! key that opens it, which the engine derives ([`InviteCode::derive`]). Neither tells the other or the code.

use crate::hash;
use crate::ids::InvitePlace;
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// How long an invite is open unless told otherwise: 10 minutes.
pub const DEFAULT_INVITE_MS: u64 = 10 * 60_000;

/// The context of the hash that gives the place.
pub const PLACE_CONTEXT: &str = "ashore 2026 invite place v1";

/// The context of the hash that gives the opening key.
pub const KEY_CONTEXT: &str = "ashore 2026 invite key v1";

/// Crockford's base32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_CHARS: usize = 16;
const FRAGMENT: &str = "#join=";

/// An invite code, `XXXX-XXXX-XXXX-XXXX`. It is a secret while the invite is open: `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct InviteCode([u8; 10]);

/// The text is not an invite code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseCodeError {
    /// A character that no code has.
    #[error("an invite code has letters and digits only, {0:?} is neither")]
    Character(char),
    /// Too short or too long.
    #[error("an invite code has 16 letters and digits, these are {0}")]
    Length(usize),
}

impl InviteCode {
    /// The code of 80 random bits.
    pub const fn from_random(bits: [u8; 10]) -> Self {
        Self(bits)
    }

    /// Where a relay keeps the sealed invitation.
    pub fn place(&self) -> InvitePlace {
        InvitePlace(self.derive(PLACE_CONTEXT))
    }

    /// 32 bytes for another context: the engine takes the opening key from [`KEY_CONTEXT`].
    pub fn derive(&self, context: &str) -> [u8; 32] {
        hash::derive(context, &self.0)
    }

    /// The link that opens an app at `base` and joins. The code is in the fragment, which no browser sends to a server.
    pub fn link(&self, base: &str) -> String {
        let base = base.split('#').next().unwrap_or_default();
        format!("{base}{FRAGMENT}{self}")
    }

    /// Finds the code in what a person pasted or a camera read: a code, or a link with one.
    pub fn parse(text: &str) -> Result<Self, ParseCodeError> {
        match text.split_once(FRAGMENT) {
            Some((_, rest)) => rest.split('&').next().unwrap_or_default().parse(),
            None => text.parse(),
        }
    }
}

impl FromStr for InviteCode {
    type Err = ParseCodeError;

    /// Forgiving: either case, O for 0, I and L for 1, spaces and hyphens anywhere or nowhere.
    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        let mut bits: u128 = 0;
        let mut count = 0;
        for character in text.chars().filter(|c| !c.is_whitespace() && !is_hyphen(*c)) {
            let value = value_of(character).ok_or(ParseCodeError::Character(character))?;
            bits = (bits << 5) | u128::from(value);
            count += 1;
        }
        if count != CODE_CHARS {
            return Err(ParseCodeError::Length(count));
        }
        let [_, _, _, _, _, _, code @ ..] = bits.to_be_bytes();
        Ok(Self(code))
    }
}

/// Phones and word processors replace the plain hyphen by these.
fn is_hyphen(character: char) -> bool {
    matches!(character, '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn value_of(character: char) -> Option<u8> {
    let plain = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let index = ALPHABET.iter().position(|&letter| char::from(letter) == plain)?;
    u8::try_from(index).ok()
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wide = [0; 16];
        for (to, from) in wide.iter_mut().skip(6).zip(self.0) {
            *to = from;
        }
        let bits = u128::from_be_bytes(wide);
        for place in 0..CODE_CHARS {
            if place > 0 && place % 4 == 0 {
                f.write_str("-")?;
            }
            let value = (bits >> (5 * (CODE_CHARS - 1 - place))) & 31;
            let letter = ALPHABET.get(value as usize).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_four_groups_of_four() {
        let code = InviteCode::from_random([0xff; 10]);
        assert_eq!(code.to_string(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(InviteCode::from_random([0; 10]).to_string(), "0000-0000-0000-0000");
    }

    #[test]
    fn what_people_mistype_is_forgiven() {
        let code: InviteCode = "0123-1100-ABCD-WXYZ".parse().unwrap();
        for text in [
            "o123-iLoO-abcd-wxyz",
            " 0123 1100 ABCD WXYZ\n",
            "01231100abcdwxyz",
            "0123\u{2013}1100\u{2013}ABCD\u{2013}WXYZ",
        ] {
            assert_eq!(text.parse::<InviteCode>().unwrap(), code, "{text}");
        }
        assert_eq!("0123-1100-ABCD-WXYU".parse::<InviteCode>(), Err(ParseCodeError::Character('U')));
        assert_eq!("0123".parse::<InviteCode>(), Err(ParseCodeError::Length(4)));
    }

    #[test]
    fn a_link_carries_the_code_in_its_fragment() {
        let code = InviteCode::from_random(*b"0123456789");
        let link = code.link("https://app.example/lists?a=1#old");
        assert!(link.starts_with("https://app.example/lists?a=1#join="));
        assert_eq!(InviteCode::parse(&link).unwrap(), code);
        assert_eq!(InviteCode::parse(&format!("{link}&from=qr")).unwrap(), code);
    }

    #[test]
    fn place_and_key_say_nothing_of_each_other() {
        let code = InviteCode::from_random([3; 10]);
        assert_ne!(code.place().0, code.derive(KEY_CONTEXT));
        assert!(!format!("{code:?}").contains(&code.to_string()));
    }

    proptest! {
        #[test]
        fn every_code_parses_from_what_it_prints(bits: [u8; 10]) {
            let code = InviteCode::from_random(bits);
            prop_assert_eq!(code.to_string().parse::<InviteCode>().unwrap(), code);
        }

        #[test]
        fn any_text_is_a_code_or_an_error(text in "\\PC*") {
            let _ = InviteCode::parse(&text);
        }
    }
}
