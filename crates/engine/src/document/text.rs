//! Differences between two texts, as the splices that make one of the other.

use std::hash::Hash;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Interner};

/// How many pairs of parts are compared at most, about a second's work: what is left then is replaced as a whole.
const BUDGET: u64 = 1 << 29;

/// One change of a text. Positions count UTF-16 code units, as JavaScript does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Where.
    pub at: usize,
    /// So many units are taken out there.
    pub delete: usize,
    /// This is put in their place.
    pub insert: String,
}

/// A position outside of a text, or inside of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such place in the text")]
pub struct OutOfRange;

impl Splice {
    /// Makes the change; none when it does not fit.
    pub fn apply(&self, text: &mut String) -> Result<(), OutOfRange> {
        let end = self.at.checked_add(self.delete).ok_or(OutOfRange)?;
        let (start, end) = byte_at(text, self.at).zip(byte_at(text, end)).ok_or(OutOfRange)?;
        text.replace_range(start..end, &self.insert);
        Ok(())
    }
}

/// The byte at which a unit of a text begins, or the text's end; none outside of it and inside of a character.
pub fn byte_at(text: &str, unit: usize) -> Option<usize> {
    if text.is_ascii() {
        return (unit <= text.len()).then_some(unit);
    }
    let mut left = unit;
    for (byte, character) in text.char_indices() {
        if left == 0 {
            return Some(byte);
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

/// What makes `new` of `old`, in rising order, all positions in `old`: apply them from the last to the first. No splice begins
/// or ends inside a character.
///
/// Characters are compared; where there are too many for that, words and lines first, so that any two texts are compared in
/// bounded time.
///
/// ```
/// use ashore_engine::document::text::{Splice, difference};
/// assert_eq!(difference("🏖 milk", "🏖 oat milk!"), [
///     Splice { at: 3, delete: 0, insert: "oat ".into() },
///     Splice { at: 7, delete: 0, insert: "!".into() },
/// ]);
/// ```
pub fn difference(old: &str, new: &str) -> Vec<Splice> {
    let mut comparing = Comparing { budget: BUDGET, splices: Vec::new() };
    comparing.parts(0, old, new, &[Grain::Characters, Grain::Words, Grain::Lines]);
    comparing.splices
}

/// The length of a text as JavaScript counts it.
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// What a text is cut into.
#[derive(Clone, Copy)]
enum Grain {
    Characters,
    Words,
    Lines,
}

struct Comparing {
    budget: u64,
    splices: Vec<Splice>,
}

impl Comparing {
    /// Compares two parts that begin at `at` by the finest of these grains that the budget allows.
    fn parts(&mut self, at: usize, old: &str, new: &str, grains: &[Grain]) {
        let prefix = common(old.chars(), new.chars());
        let (same, old) = old.split_at(prefix);
        let new = new.split_at(prefix).1;
        let suffix = common(old.chars().rev(), new.chars().rev());
        let (old, new) = (old.split_at(old.len() - suffix).0, new.split_at(new.len() - suffix).0);
        let at = at + units(same);
        if old.is_empty() && new.is_empty() {
            return;
        }
        if !old.is_empty() && !new.is_empty() {
            for (finer, grain) in grains.iter().enumerate() {
                let (before, after) = (grain.cut(old), grain.cut(new));
                let pairs = before.len() as u64 * after.len() as u64;
                if pairs <= self.budget {
                    self.budget -= pairs;
                    return self.hunks(at, &before, &after, grains.get(..finer).unwrap_or_default());
                }
            }
        }
        self.splices.push(Splice { at, delete: units(old), insert: new.to_owned() });
    }

    fn hunks(&mut self, start: usize, before: &[&str], after: &[&str], finer: &[Grain]) {
        let (mut at, mut counted) = (start, 0);
        for hunk in edit_script(before, after) {
            let (old, new) = (as_range(hunk.before), as_range(hunk.after));
            at += before.get(counted..old.start).unwrap_or_default().iter().map(|part| units(part)).sum::<usize>();
            counted = old.end;
            let old = before.get(old).unwrap_or_default().concat();
            let new = after.get(new).unwrap_or_default().concat();
            let length = units(&old);
            if finer.is_empty() {
                self.splices.push(Splice { at, delete: length, insert: new });
            } else {
                self.parts(at, &old, &new, finer);
            }
            at += length;
        }
    }
}

impl Grain {
    fn cut(self, text: &str) -> Vec<&str> {
        match self {
            Self::Characters => text.split_inclusive(|_| true).collect(),
            Self::Words => text.split_inclusive(|character: char| !character.is_alphanumeric()).collect(),
            Self::Lines => text.split_inclusive('\n').collect(),
        }
    }
}

/// The bytes of the characters with which both begin.
fn common(old: impl Iterator<Item = char>, new: impl Iterator<Item = char>) -> usize {
    old.zip(new).take_while(|(old, new)| old == new).map(|(old, _)| old.len_utf8()).sum()
}

/// Where two sequences differ: `imara-diff`, which interns what it compares. With what both begin and end it is not troubled: it would leave that out
/// as well, but intern it first.
pub(super) fn edit_script<T: Hash + Eq>(old: &[T], new: &[T]) -> Vec<Hunk> {
    let before = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.get(before..).unwrap_or_default(), new.get(before..).unwrap_or_default());
    let after = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (without_last(old, after), without_last(new, after));
    let mut input =
        InternedInput { before: Vec::new(), after: Vec::new(), interner: Interner::new(old.len() + new.len()) };
    input.update_before(old.iter());
    input.update_after(new.iter());
    let before = u32::try_from(before).unwrap_or(u32::MAX);
    let moved = |range: std::ops::Range<u32>| range.start.saturating_add(before)..range.end.saturating_add(before);
    let difference = Diff::compute(Algorithm::Myers, &input);
    difference.hunks().map(|hunk| Hunk { before: moved(hunk.before), after: moved(hunk.after) }).collect()
}

fn without_last<T>(items: &[T], count: usize) -> &[T] {
    items.get(..items.len().saturating_sub(count)).unwrap_or_default()
}

pub(super) fn as_range(range: std::ops::Range<u32>) -> std::ops::Range<usize> {
    range.start as usize..range.end as usize
}
