//! The words of a text, as Unicode's rules divide it (UAX #29), in the form in which they are compared.

use unicode_normalization::char::decompose_canonical;
use unicode_segmentation::UnicodeSegmentation;

use super::MAX_WORD_BYTES;

/// The words of a text in order, folded: small letters, without the accents of Latin, Greek and Cyrillic script, canonically
/// decomposed. At most [`MAX_WORD_BYTES`] of each.
///
/// What has no letter or digit is no word. In scripts without spaces each ideograph, and each letter of Hiragana or Thai, is a
/// word of its own; several that stand together are found as a phrase.
///
/// ```
/// use ashore_engine::search::words;
/// let found = |text| words(text).collect::<Vec<_>>();
/// assert_eq!(found("The CAFÉ — it’s 3.5 km!"), ["the", "cafe", "it's", "3.5", "km"]);
/// assert_eq!(found("東京 Straße"), ["東", "京", "strasse"]);
/// ```
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.unicode_words().map(fold).filter(|word| !word.is_empty())
}

fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len().min(MAX_WORD_BYTES));
    for char in word.chars().flat_map(char::to_lowercase) {
        let mut fits = true;
        if char.is_ascii() {
            fits = push(&mut folded, char);
        } else {
            decompose_canonical(char, |part| fits = fits && push(&mut folded, part));
        }
        if !fits {
            break;
        }
    }
    folded
}

/// Appends a letter as it is compared; `false` when it does not fit any more.
fn push(folded: &mut String, char: char) -> bool {
    let mut bytes = [0; 4];
    let text = match char {
        // Accents; NUL ends words in the keys of rows.
        '\u{300}'..='\u{36f}' | '\0' => "",
        'ß' => "ss",
        'ς' => "σ",
        '’' => "'",
        char => char.encode_utf8(&mut bytes),
    };
    let fits = folded.len() + text.len() <= MAX_WORD_BYTES;
    if fits {
        folded.push_str(text);
    }
    fits
}
