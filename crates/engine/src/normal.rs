//! Unicode's canonical forms of a text (UAX #15), from the characters' own properties.
//!
//! `unicode-normalization` has both as iterators, and they take the tables of the compatibility forms with them: 60 KB that
//! nothing here reads and pages would download.

use unicode_normalization::char::{canonical_combining_class, compose, decompose_canonical};
use zeroize::Zeroizing;

/// The canonical decomposition, NFD.
pub(crate) fn decomposed(text: &str) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::with_capacity(MOST_TIMES * text.len()));
    form.extend(parts(text).iter().map(|(_, part)| part));
    form
}

/// The canonical composition, NFC.
pub(crate) fn composed(text: &str) -> String {
    let mut form: Vec<char> = Vec::new();
    // Where the last character stands that others may join, and the class of the last one after it that could not.
    let mut base = None;
    let mut blocking = None;
    for &(class, part) in parts(text).iter() {
        let free = blocking.is_none_or(|blocking| blocking < class);
        if let Some(base) = base.and_then(|base: usize| form.get_mut(base)).filter(|_| free)
            && let Some(joined) = compose(*base, part)
        {
            *base = joined;
            continue;
        }
        if class == 0 {
            base = Some(form.len());
            blocking = None;
        } else {
            blocking = Some(class);
        }
        form.push(part);
    }
    form.into_iter().collect()
}

/// How many times as long as a text its decomposition is at most, in bytes and in characters.
const MOST_TIMES: usize = 4;

/// What a text is made of, marks in their canonical order, each with its combining class. Passwords pass here: it is wiped, and
/// there is room for all of it, so that no copy is left behind when it grows.
fn parts(text: &str) -> Zeroizing<Vec<(u8, char)>> {
    let mut parts = Zeroizing::new(Vec::with_capacity(MOST_TIMES * text.len()));
    for char in text.chars() {
        decompose_canonical(char, |part| parts.push((canonical_combining_class(part), part)));
    }
    for marks in parts.split_mut(|(class, _)| *class == 0) {
        if !marks.is_sorted_by_key(|(class, _)| *class) {
            sort(marks);
        }
    }
    parts
}

/// Marks in the order of their classes, those of one class as they were typed. Others' texts come here: however many there
/// are, each is looked at once for each class.
fn sort(marks: &mut [(u8, char)]) {
    let typed = Zeroizing::new(marks.to_vec());
    let sorted = (0..=u8::MAX).flat_map(|class| typed.iter().filter(move |(of, _)| *of == class));
    for (place, mark) in marks.iter_mut().zip(sorted) {
        *place = *mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    fn assert_same(text: &str) {
        assert_eq!(*decomposed(text), text.nfd().collect::<String>(), "{text:?}");
        assert_eq!(composed(text), text.nfc().collect::<String>(), "{text:?}");
        assert!(decomposed(text).len() <= MOST_TIMES * text.len(), "{text:?}");
    }

    /// Alone, and between a letter and marks of several classes. Behind these planes nothing has another form.
    #[test]
    fn every_character_has_the_forms_that_unicode_says() {
        for char in char::MIN..='\u{2ffff}' {
            assert_same(&format!("{char}"));
            assert_same(&format!("o\u{328}{char}\u{301}\u{323}{char}"));
        }
    }

    #[test]
    fn marks_are_ordered_and_joined_and_blocked_as_unicode_says() {
        assert_eq!(*decomposed("Å\u{323}"), "A\u{323}\u{30a}");
        assert_eq!(composed("A\u{323}\u{30a}"), "Ạ\u{30a}");
        assert_eq!(composed("\u{1100}\u{1161}\u{11a8}"), "각");
        assert_eq!(composed("a\u{300}\u{300}"), "à\u{300}");
        assert_eq!(composed("\u{301}a\u{301}"), "\u{301}á");
        assert_same(&"\u{301}\u{323}".repeat(20_000));
    }

    proptest! {
        #[test]
        fn any_text_has_the_forms_that_unicode_says(
            text in "\\PC*",
            marks in proptest::collection::vec(proptest::sample::select(vec![
                'a', 'o', 'S', '\u{300}', '\u{301}', '\u{323}', '\u{327}', '\u{328}', '\u{345}', '\u{34f}', '\u{3b1}',
                '\u{1100}', '\u{1161}', '\u{11a8}', '\u{ac00}', '\u{1e0a}', '\u{1ebf}', '\u{9cb}', '\u{9c7}', '\u{9be}',
                '\u{115b9}', '\u{115af}', '\u{f71}', '\u{f72}', '\u{f74}', '\u{212b}', '\u{fb1d}', '\u{5b0}',
            ]), 0..12),
        ) {
            assert_same(&text);
            assert_same(&marks.into_iter().collect::<String>());
        }
    }
}
