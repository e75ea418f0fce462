//! What is held of a watched answer: the places of its first documents, never the documents, and which of them its client lacks.

use super::ranked::{Place, Ranked};
use ashore_protocol::gather::Gather;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// More documents than this that have left are not named one by one: the client is told everything anew.
const MAX_GONE: usize = if cfg!(test) { 6 } else { 10_000 };

/// The first places of an answer, from the first match on, whatever the offset is.
///
/// A change is asked for where its document was and where it is; the ranks tell which places that brings into the part that
/// is shown, and which it pushes out.
pub(super) struct Window {
    held: Ranked,
    /// Every match up to this one is held; without it, every match is.
    edge: Option<Place>,
    /// The ranks that are shown.
    shown: Range<usize>,
    /// So many behind what is shown are held too, so that few changes need the store.
    reserve: usize,
    /// What the client does not have as it is now. `true`: it has nothing under that id, not even an older one.
    lacking: BTreeMap<Place, bool>,
    /// What the client may have and is shown no more.
    gone: BTreeSet<String>,
    /// The client is to forget what it has.
    anew: bool,
    /// What is shown has changed since that was asked.
    changed: bool,
}

/// The next that a client is told.
pub(super) struct Part {
    /// It forgets what it has.
    pub(super) anew: bool,
    /// What goes first.
    pub(super) removed: Vec<String>,
    /// Then these come, in order, each to the place where it stands from then on.
    pub(super) places: Vec<(Place, u32)>,
    /// There is more to tell before the client shows anything.
    pub(super) more: bool,
}

impl Window {
    pub(super) fn new(offset: usize, end: usize) -> Self {
        let (held, lacking, gone) = (Ranked::default(), BTreeMap::new(), BTreeSet::new());
        Self { held, edge: None, shown: offset.min(end)..end, reserve: 0, lacking, gone, anew: true, changed: true }
    }

    /// Takes the answer's first places, read from the store: all there are, or at least as many as are shown and kept.
    pub(super) fn fill(&mut self, places: Vec<Place>, all: bool, reserve: usize) {
        self.held = Ranked::default();
        self.held.append(places);
        self.reserve = reserve;
        self.edge = if all { None } else { self.held.last().cloned() };
        self.tell_anew();
    }

    /// Takes the places that follow the edge.
    pub(super) fn extend(&mut self, places: Vec<Place>, all: bool, reserve: usize) {
        let from = self.held.len();
        self.edge = if all { None } else { places.last().cloned().or(self.edge.take()) };
        self.held.append(places);
        self.reserve = reserve;
        let shown = from.max(self.shown.start)..self.shown.end;
        let entered: Vec<Place> = self.held.range(shown).cloned().collect();
        entered.into_iter().for_each(|place| self.entered(place));
    }

    /// A document that stood at one place of the whole answer stands at another.
    pub(super) fn change(&mut self, before: Option<&Place>, after: Option<Place>) {
        if let Some(before) = before {
            self.remove(before);
        }
        if let Some(after) = after {
            self.insert(after);
        }
        self.trim();
    }

    /// The place of the last match that is held, when there may be more behind it.
    pub(super) fn edge(&self) -> Option<&Place> {
        self.edge.as_ref()
    }

    /// How many more it should hold, soon.
    pub(super) fn wants(&self) -> usize {
        let (low, high) =
            (self.shown.end.saturating_add(self.reserve / 2), self.shown.end.saturating_add(self.reserve));
        if self.edge.is_some() && self.held.len() < low { high.saturating_sub(self.held.len()).max(1) } else { 0 }
    }

    /// What is shown is not all here.
    pub(super) fn is_short(&self) -> bool {
        self.edge.is_some() && self.held.len() < self.shown.end
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// About how much memory it takes.
    pub(super) fn byte_len(&self) -> usize {
        self.held.byte_len()
    }

    /// The rank at which what is shown ends, if there is a limit.
    pub(super) fn end(&self) -> Option<usize> {
        Some(self.shown.end).filter(|end| *end < usize::MAX)
    }

    /// Whether what is shown has changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// There is something to tell.
    pub(super) fn has_news(&self) -> bool {
        self.anew || !self.lacking.is_empty() || !self.gone.is_empty()
    }

    /// What the client lacks, in order.
    pub(super) fn lacking(&self) -> impl Iterator<Item = &Place> {
        self.lacking.keys()
    }

    /// The first `count` of what it lacks, and everything that it has to lose: from here on the client is taken to know it.
    ///
    /// What comes later stands behind all that is told now. So the ranks are true for a client that has none of it, and what
    /// it has of it goes first.
    pub(super) fn take(&mut self, count: usize) -> Part {
        let mut removed: Vec<String> = std::mem::take(&mut self.gone).into_iter().collect();
        let mut places = Vec::with_capacity(count.min(self.lacking.len()));
        while places.len() < count
            && let Some((place, _)) = self.lacking.pop_first()
        {
            if let Some(rank) = self.held.rank(&place) {
                let at = u32::try_from(rank.saturating_sub(self.shown.start)).unwrap_or(u32::MAX);
                places.push((place, at));
            }
        }
        let (anew, more) = (std::mem::take(&mut self.anew), !self.lacking.is_empty());
        for (place, unknown) in &mut self.lacking {
            if !std::mem::replace(unknown, true) {
                removed.push(place.id().to_owned());
            }
        }
        Part { anew, removed, places, more }
    }

    fn insert(&mut self, place: Place) {
        if self.edge.as_ref().is_some_and(|edge| place > *edge) {
            return;
        }
        let Some(rank) = self.held.insert(place.clone()) else { return };
        if self.shown.is_empty() || rank >= self.shown.end {
            return;
        }
        if rank >= self.shown.start {
            self.entered(place);
        } else if let Some(first) = self.held.get(self.shown.start).cloned() {
            self.entered(first);
        }
        if let Some(pushed) = self.held.get(self.shown.end).cloned() {
            self.left(&pushed);
        }
    }

    fn remove(&mut self, place: &Place) {
        let Some(rank) = self.held.remove(place) else { return };
        if self.shown.is_empty() || rank >= self.shown.end {
            return;
        }
        if rank >= self.shown.start {
            self.left(place);
        } else if let Some(pulled) = self.held.get(self.shown.start - 1).cloned() {
            self.left(&pulled);
        }
        if let Some(last) = self.held.get(self.shown.end - 1).cloned() {
            self.entered(last);
        }
    }

    fn entered(&mut self, place: Place) {
        self.changed = true;
        self.gone.remove(place.id());
        self.lacking.insert(place, false);
    }

    fn left(&mut self, place: &Place) {
        self.changed = true;
        self.lacking.remove(place);
        self.gone.insert(place.id().to_owned());
        if self.gone.len() > MAX_GONE {
            self.tell_anew();
        }
    }

    fn tell_anew(&mut self) {
        self.anew = true;
        self.gone.clear();
        self.lacking = self.held.range(self.shown.clone()).map(|place| (place.clone(), true)).gather();
    }

    /// Lets go of what is far behind the part that is shown.
    fn trim(&mut self) {
        let most = self.shown.end.saturating_add(self.reserve.saturating_mul(2));
        if self.held.len() > most {
            self.held.truncate(self.shown.end + self.reserve);
            self.edge = self.held.last().cloned();
        }
    }
}
