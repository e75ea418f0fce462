//! Whether members keep an admin when one entry more stands: counted from the first entry on, where no admin is there all the time who would answer it at once.

use super::Refusal;
use super::act::{Act, Node};
use super::places::Places;
use super::seats::{Count, done_by};
use super::settled::{Round, Settled};
use crate::control::Role;
use crate::ids::DeviceId;
use std::collections::BTreeMap;

/// What a device is, as far as entries were looked at.
#[derive(Default)]
struct Seat {
    role: Option<Role>,
    is_gone: bool,
    /// What none of the others has in its past, and what each says.
    last: Vec<(usize, Option<Role>)>,
}

/// One thing done about a device.
struct Event<'n> {
    place: usize,
    device: DeviceId,
    role: Option<Role>,
    past: &'n Places,
}

impl Settled {
    /// Whether a new entry stands as far as admins go, and nothing else is judged otherwise by that; `None` where something is.
    pub(super) fn is_led_with(
        &self,
        (node, past, rank): (&Node, &Places, usize),
        round: &Round,
    ) -> Option<Result<(), Refusal>> {
        let mut seats: BTreeMap<DeviceId, Seat> = BTreeMap::new();
        let mut count = Count::default();
        let Some((device, role)) = done_by(&self.ordered, node) else { return Some(Ok(())) };
        let new = Event { place: usize::MAX, device, role, past };
        for turn in 0..=self.ordered.order.len() {
            if turn == rank {
                let after = count_with(&seats, &new, count);
                if needs_an_admin(node) && !after.is_led() {
                    return Some(Err(Refusal::LastAdmin));
                }
                count = after;
                stand(&mut seats, &new);
            }
            let Some(place) = self.ordered.order.get(turn).copied() else { continue };
            let (stands, lacks) = (round.standing.contains(place), round.lacking.contains(place));
            let Some(node) = self.ordered.nodes.get(place).filter(|_| stands || lacks) else { continue };
            let (Some((device, role)), Some(past)) = (done_by(&self.ordered, node), self.ordered.pasts.get(place))
            else {
                continue;
            };
            let event = Event { place, device, role, past };
            let after = count_with(&seats, &event, count);
            if stands == (needs_an_admin(node) && !after.is_led()) {
                return None;
            }
            if stands {
                count = after;
                stand(&mut seats, &event);
            }
        }
        Some(Ok(()))
    }
}

/// Whether an entry stands only if members have an admin then: it may not take the last one from those who stay, nor let somebody into a group that all admins
/// have left at the same time.
pub(super) fn needs_an_admin(node: &Node) -> bool {
    matches!(node.act, Act::Remove { .. } | Act::Leave | Act::Role { .. } | Act::Join { .. } | Act::Admit { .. })
}

fn count_with(seats: &BTreeMap<DeviceId, Seat>, event: &Event<'_>, before: Count) -> Count {
    let seat = seats.get(&event.device);
    before.without(seat.and_then(|seat| seat.role)).with(role_with(seat, event))
}

fn role_with(seat: Option<&Seat>, event: &Event<'_>) -> Option<Role> {
    let Some(seat) = seat else { return event.role };
    let others = seat.last.iter().filter(|(other, _)| !event.past.contains(*other));
    let least = others.filter_map(|(_, role)| *role).chain(event.role).min();
    least.filter(|_| !seat.is_gone && event.role.is_some())
}

fn stand(seats: &mut BTreeMap<DeviceId, Seat>, event: &Event<'_>) {
    let role = role_with(seats.get(&event.device), event);
    let seat = seats.entry(event.device).or_default();
    (seat.role, seat.is_gone) = (role, seat.is_gone || event.role.is_none());
    seat.last.retain(|(other, _)| !event.past.contains(*other));
    seat.last.push((event.place, event.role));
}
