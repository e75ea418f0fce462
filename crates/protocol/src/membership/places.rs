//! A set of small numbers, one bit each: places in the order of entries, or among what was done about one device.

/// It grows with what is put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(Vec<u64>);

impl Places {
    pub(super) fn insert(&mut self, place: usize) {
        if place / 64 >= self.0.len() {
            self.0.resize(place / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(super) fn contains(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.extend_behind(0, other);
    }

    /// Puts in those of another, each higher by so many words of 64.
    fn extend_behind(&mut self, words: usize, other: &Self) {
        if self.0.len() < words + other.0.len() {
            self.0.resize(words + other.0.len(), 0);
        }
        self.0.iter_mut().skip(words).zip(&other.0).for_each(|(word, more)| *word |= more);
    }

    /// Takes out what is in the other.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, less)| *word &= !less);
    }

    /// What is in both.
    pub(super) fn both(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one & other).collect())
    }

    /// Takes out the highest.
    pub(super) fn pop_last(&mut self) -> Option<usize> {
        while let Some(word) = self.0.last_mut() {
            if let Some(bit) = word.checked_ilog2() {
                *word &= !(1 << bit);
                return Some((self.0.len() - 1) * 64 + bit as usize);
            }
            self.0.pop();
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate();
        words.flat_map(|(at, word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit))
    }

    pub(super) fn first(&self) -> Option<usize> {
        let (at, word) = self.0.iter().enumerate().find(|(_, word)| **word != 0)?;
        Some(at * 64 + word.trailing_zeros() as usize)
    }

    /// The highest that is in both.
    pub(super) fn last_in_both(&self, other: &Self) -> Option<usize> {
        let both = self.0.iter().zip(&other.0).map(|(one, other)| one & other);
        let (at, word) = both.enumerate().rev().find(|(_, word)| *word != 0)?;
        Some(at * 64 + word.ilog2() as usize)
    }

    /// Whether something is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }

    /// Takes out this one and all that are higher.
    pub(super) fn cut(&mut self, from: usize) {
        self.0.truncate(from / 64 + 1);
        if let Some(word) = self.0.get_mut(from / 64) {
            *word &= (1 << (from % 64)) - 1;
        }
    }

    /// Takes out all. The room for them stays.
    pub(super) fn zero(&mut self) {
        self.0.fill(0);
    }
}

/// Places that lie together, or are few: nothing is kept for those before the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    skipped_words: usize,
    places: Places,
}

impl Run {
    pub(super) fn new(ascending: impl Iterator<Item = usize>) -> Self {
        let mut run = Self::default();
        ascending.for_each(|place| run.push(place));
        run
    }

    /// Puts in one that is higher than all.
    pub(super) fn push(&mut self, place: usize) {
        if self.is_empty() {
            self.skipped_words = place / 64;
        }
        self.places.insert(place - self.skipped_words * 64);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.0.is_empty()
    }

    /// Whether something is in both.
    pub(super) fn meets(&self, other: &Places) -> bool {
        let others = other.0.iter().skip(self.skipped_words);
        self.places.0.iter().zip(others).any(|(one, other)| one & other != 0)
    }

    pub(super) fn contains(&self, place: usize) -> bool {
        place.checked_sub(self.skipped_words * 64).is_some_and(|place| self.places.contains(place))
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.places.0.iter().zip(self.skipped_words..);
        words.flat_map(|(word, at)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit))
    }

    /// Whether something is in both and not in the third.
    pub(super) fn meets_outside(&self, other: &Places, third: &Places) -> bool {
        let others = other.0.iter().skip(self.skipped_words);
        let rest = third.0.iter().chain(std::iter::repeat(&0)).skip(self.skipped_words);
        self.places.0.iter().zip(others).zip(rest).any(|((one, other), third)| one & other & !third != 0)
    }

    /// Takes out what is in the other.
    pub(super) fn subtract(&mut self, other: &Places) {
        let others = other.0.iter().skip(self.skipped_words);
        self.places.0.iter_mut().zip(others).for_each(|(word, less)| *word &= !less);
        let empty = self.places.0.iter().take_while(|word| **word == 0).count();
        self.places.0.drain(..empty);
        self.skipped_words += empty;
    }

    pub(super) fn clear(&mut self) {
        self.places.0.clear();
    }

    /// Those that are in neither of the others.
    pub(super) fn outside(&self, one: &Places, other: &Places) -> Self {
        let words = |of: &Places, at: usize| of.0.get(at).copied().unwrap_or_default();
        let left = self.places.0.iter().zip(self.skipped_words..);
        let mut left =
            left.map(|(word, at)| (at, word & !words(one, at) & !words(other, at))).skip_while(|(_, word)| *word == 0);
        let Some((skipped_words, first)) = left.next() else { return Self::default() };
        let mut words: Vec<u64> = std::iter::once(first).chain(left.map(|(_, word)| word)).collect();
        words.truncate(words.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1));
        words.shrink_to_fit();
        Self { skipped_words, places: Places(words) }
    }

    pub(super) fn add_to(&self, other: &mut Places) {
        other.extend_behind(self.skipped_words, &self.places);
    }
}
