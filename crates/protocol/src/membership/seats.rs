//! What was done about each device, and what an entry sees of it: only what is in its past counts.
//!
//! Events of one seat are numbered in causal order, so that sets of them are small. Which of them an entry can see does not change; which
//! of them stand does, and only where it did is a look taken again.

use super::act::{Act, Node};
use super::order::Ordered;
use super::places::{Places, Run};
use crate::control::Role;
use crate::gather::sorted_by;
use crate::ids::DeviceId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that entries of this group may do about one device.
#[derive(Default)]
pub(super) struct Seat {
    events: Vec<Event>,
    /// Those by which it is gone, a reader, a writer.
    ends: Places,
    readers: Places,
    writers: Places,
    now: Now,
}

struct Event {
    place: usize,
    /// Those that its author knew of.
    past: Arc<Places>,
}

/// What a seat is, as far as entries were judged.
#[derive(Default)]
struct Now {
    standing: Places,
    /// Those that stood at the look before, and those of them and of the others for which it is different now.
    stood: Places,
    changed: Vec<usize>,
    /// Those that none of the others has in its past.
    last: Run,
    role: Option<Role>,
    is_gone: bool,
}

/// What one entry sees of one seat.
pub(super) struct View {
    pub(super) seat: usize,
    seen: Arc<Places>,
    /// What of this said at the last look what the device is, and what that was.
    pub(super) grounds: Run,
    role: Option<Role>,
}

/// What becomes of the numbers of members and admins.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) members: usize,
    pub(super) admins: usize,
}

impl Count {
    /// Members have an admin.
    pub(super) fn is_led(self) -> bool {
        self.members == 0 || self.admins > 0
    }

    pub(super) fn without(self, role: Option<Role>) -> Self {
        let (member, admin) = (role.is_some(), role == Some(Role::Admin));
        Self { members: self.members - usize::from(member), admins: self.admins - usize::from(admin) }
    }

    pub(super) fn with(self, role: Option<Role>) -> Self {
        let (member, admin) = (role.is_some(), role == Some(Role::Admin));
        Self { members: self.members + usize::from(member), admins: self.admins + usize::from(admin) }
    }
}

impl Seat {
    /// Begins another look: nothing stands yet.
    pub(super) fn reset(&mut self) {
        let Now { standing, stood, changed, last, role, is_gone } = &mut self.now;
        std::mem::swap(standing, stood);
        standing.zero();
        last.clear();
        changed.clear();
        (*role, *is_gone) = (None, false);
    }

    /// Whether it was never anything but an admin since it was admitted.
    fn is_steady(&self) -> bool {
        let standing = &self.now.standing;
        let others = [&self.ends, &self.readers, &self.writers];
        standing.first().is_some() && !others.into_iter().any(|some| some.meets(standing))
    }

    /// The place of the first thing done about it that stands.
    pub(super) fn admitted_at(&self) -> usize {
        let first = self.now.standing.first().and_then(|event| self.events.get(event));
        first.map_or(usize::MAX, |event| event.place)
    }

    /// How many members and admins there are when an event stands.
    pub(super) fn count_with(&self, event: usize, before: Count) -> Count {
        before.without(self.now.role).with(self.role_with(event))
    }

    fn role_with(&self, number: usize) -> Option<Role> {
        if self.now.is_gone || self.ends.contains(number) {
            return None;
        }
        let event = self.events.get(number);
        let is_left = |some: &Places| event.is_some_and(|event| self.now.last.meets_outside(some, &event.past));
        Some(match () {
            () if self.readers.contains(number) || is_left(&self.readers) => Role::Reader,
            () if self.writers.contains(number) || is_left(&self.writers) => Role::Writer,
            () => Role::Admin,
        })
    }

    /// Lets an event stand.
    pub(super) fn stand(&mut self, number: usize) {
        (self.now.role, self.now.is_gone) = (self.role_with(number), self.now.is_gone || self.ends.contains(number));
        if let Some(event) = self.events.get(number) {
            self.now.last.subtract(&event.past);
        }
        self.now.last.push(number);
        self.now.standing.insert(number);
        if !self.now.stood.contains(number) {
            self.now.changed.push(number);
        }
    }

    /// An event does not stand.
    pub(super) fn fall(&mut self, number: usize) {
        if self.now.stood.contains(number) {
            self.now.changed.push(number);
        }
    }

    /// What the device is, as an entry sees it: by the last things that it knows of. `steps` counts them.
    pub(super) fn role_in(&self, view: &mut View, steps: &mut u64) -> Option<Role> {
        if self.now.changed.iter().any(|event| view.seen.contains(*event) && self.matters(*event, &view.grounds)) {
            let mut left = view.seen.both(&self.now.standing);
            let mut grounds = Vec::new();
            while let Some(last) = left.pop_last() {
                grounds.push(last);
                if let Some(event) = self.events.get(last) {
                    left.subtract(&event.past);
                }
            }
            *steps += grounds.len() as u64;
            view.grounds = Run::new(grounds.into_iter().rev());
            view.role = self.role_by(&view.grounds);
        }
        view.role
    }

    /// Whether grounds are others because of an event that was judged otherwise: it was one, or none of them has it in its past.
    fn matters(&self, event: usize, grounds: &Run) -> bool {
        let knows = |ground: usize| self.events.get(ground).is_some_and(|ground| ground.past.contains(event));
        if self.now.standing.contains(event) { !grounds.iter().any(knows) } else { grounds.contains(event) }
    }

    /// Of things done at the same time the one that gives least counts; who is gone is gone.
    fn role_by(&self, grounds: &Run) -> Option<Role> {
        if grounds.is_empty() || grounds.meets(&self.ends) {
            return None;
        }
        Some(match () {
            () if grounds.meets(&self.readers) => Role::Reader,
            () if grounds.meets(&self.writers) => Role::Writer,
            () => Role::Admin,
        })
    }
}

/// The seats of all devices that some entry is by or about.
pub(super) struct Seats {
    numbers: BTreeMap<DeviceId, usize>,
    pub(super) seats: Vec<Seat>,
    /// What each entry is to do about a device, by place: the seat and the number of the event.
    pub(super) events: Vec<Option<(usize, usize)>>,
}

impl Seats {
    pub(super) fn new(ordered: &Ordered) -> Self {
        let mut seats = Self { numbers: BTreeMap::new(), seats: Vec::new(), events: Vec::new() };
        for (place, node) in ordered.nodes.iter().enumerate() {
            let event = done_by(ordered, node).map(|(device, role)| seats.add(ordered, place, device, role));
            seats.events.push(event);
        }
        seats
    }

    fn add(&mut self, ordered: &Ordered, place: usize, device: DeviceId, role: Option<Role>) -> (usize, usize) {
        let number = self.number(device);
        let past = Arc::new(self.seen(ordered, number, place));
        let Some(seat) = self.seats.get_mut(number) else { return (number, 0) };
        let event = seat.events.len();
        seat.events.push(Event { place, past });
        match role {
            None => seat.ends.insert(event),
            Some(Role::Reader) => seat.readers.insert(event),
            Some(Role::Writer) => seat.writers.insert(event),
            Some(Role::Admin) => {}
        }
        (number, event)
    }

    pub(super) fn number(&mut self, device: DeviceId) -> usize {
        let next = self.seats.len();
        let number = *self.numbers.entry(device).or_insert(next);
        if number == next {
            self.seats.push(Seat::default());
        }
        number
    }

    /// The events of a seat that the entry at this place has in its past.
    fn seen(&self, ordered: &Ordered, seat: usize, place: usize) -> Places {
        let mut seen = Places::default();
        if let (Some(seat), Some(past)) = (self.seats.get(seat), ordered.pasts.get(place)) {
            let before = seat.events.iter().enumerate().take_while(|(_, event)| event.place < place);
            let known = before.filter(|(_, event)| past.contains(event.place));
            known.for_each(|(number, _)| seen.insert(number));
        }
        seen
    }

    /// What the entry at this place sees of a device.
    pub(super) fn view(&mut self, ordered: &Ordered, device: DeviceId, place: usize) -> View {
        let number = self.number(device);
        let own = self.events.get(place).copied().flatten().filter(|(seat, _)| *seat == number);
        let known = own.and_then(|(seat, event)| Some(Arc::clone(&self.seats.get(seat)?.events.get(event)?.past)));
        let seen = known.unwrap_or_else(|| Arc::new(self.seen(ordered, number, place)));
        View { seat: number, seen, grounds: Run::default(), role: None }
    }
}

/// So many devices that are admins all the time are looked for, the first that were admitted.
const STEADY: usize = 4;

impl Seats {
    /// Some devices that were admins from their admission on, with its place.
    pub(super) fn steady(&self) -> Vec<(DeviceId, usize)> {
        let steady = |(device, number): (&DeviceId, &usize)| {
            let seat = self.seats.get(*number)?;
            Some((*device, seat.admitted_at())).filter(|_| seat.is_steady())
        };
        let steady: Vec<_> = self.numbers.iter().filter_map(steady).collect();
        let mut steady = sorted_by(steady, |(_, a), (_, b)| a.cmp(b));
        steady.truncate(STEADY);
        steady
    }

    pub(super) fn role_in(&self, view: &mut View, steps: &mut u64) -> Option<Role> {
        self.seats.get(view.seat).and_then(|seat| seat.role_in(view, steps))
    }

    pub(super) fn is_gone(&self, seat: usize) -> bool {
        self.seats.get(seat).is_some_and(|seat| seat.now.is_gone)
    }

    /// Whether something was done about it that stands.
    pub(super) fn is_taken(&self, seat: usize) -> bool {
        self.seats.get(seat).is_some_and(|seat| seat.now.is_gone || seat.now.role.is_some())
    }

    /// Whether the author of an event knew of anything that was done about the device.
    pub(super) fn was_known(&self, (seat, event): (usize, usize)) -> bool {
        let seat = self.seats.get(seat);
        seat.is_some_and(|seat| seat.events.get(event).is_some_and(|event| event.past.meets(&seat.now.standing)))
    }

    pub(super) fn count_with(&self, (seat, event): (usize, usize), before: Count) -> Count {
        self.seats.get(seat).map_or(before, |seat| seat.count_with(event, before))
    }
}

/// The device that an entry does something about, and what that is then; `None`: gone.
pub(super) fn done_by(ordered: &Ordered, node: &Node) -> Option<(DeviceId, Option<Role>)> {
    match &node.act {
        Act::Found { .. } => Some((node.author, Some(Role::Admin))),
        Act::Join { invite, .. } => match ordered.node(invite).map(|invite| &invite.act) {
            Some(Act::Invite { role, .. }) => Some((node.author, Some(*role))),
            Some(Act::Recovery { .. }) => Some((node.author, Some(Role::Admin))),
            _ => None,
        },
        Act::Admit { device, role, .. } | Act::Role { device, role } => Some((*device, Some(*role))),
        Act::Remove { device, .. } => Some((*device, None)),
        Act::Leave => Some((node.author, None)),
        Act::Invite { .. }
        | Act::Name { .. }
        | Act::Rotate { .. }
        | Act::Revoke { .. }
        | Act::Share { .. }
        | Act::Recovery { .. } => None,
    }
}
