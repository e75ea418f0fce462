//! Requests of other devices to join this group: an admin's device hears of them from the relay, shows them, and decides.
//!
//! The relay keeps them. What is here is what it said last, each request verified; it is asked anew before one is approved. A yes is a
//! control entry, so it needs nobody's word; a no is only between the relay and the device that asked.

use super::Machine;
use super::input::ConnectionId;
use super::invites::sync_disabled;
use super::link::Stage;
use super::members::{parse_role, role_name};
use super::sync::{Group, Wait, Waiter};
use super::task::Task;
use crate::api::{ErrorCode, Event, Failure, JoinRequestInfo, Outcome, Reply};
use crate::group::{Introduction, Marked, NamePlace, ProfilePayload, Ticket, request_words, ticket_secret};
use crate::time::Timestamp;
use ashore_protocol::control::{Control, Role};
use ashore_protocol::frame::{ClientFrame, FailureCode, RequestId};
use ashore_protocol::ids::{DeviceId, EntryId, GroupId};
use ashore_protocol::request::{JoinRequest, MAX_GROUP_REQUESTS, SignedRequest};
use ashore_protocol::sign::Signature;

/// How long a call waits for the relay.
const RELAY_WAIT_MS: u64 = 15_000;

/// What this device knows of those who ask.
#[derive(Default)]
pub(super) struct Requests {
    known: Vec<Known>,
    told: Vec<JoinRequestInfo>,
    /// The relay is to be asked who waits.
    stale: bool,
    listing: Option<(ConnectionId, RequestId)>,
}

/// A request that was verified.
struct Known {
    asks: SignedRequest,
    request: JoinRequest,
    name: String,
    mark: Mark,
    words: Vec<String>,
}

/// By which invite a device came that asks.
#[derive(Clone, Copy)]
enum Mark {
    /// By none, or what it says of itself does not open.
    None,
    /// It has one, which is of none of so many invites.
    Unknown(Signature, usize),
    /// By this one, open or not.
    Of(EntryId),
}

/// What a call wants of the requests, once the relay has said which there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deciding {
    List,
    Approve {
        device: DeviceId,
        role: Role,
    },
    Reject {
        device: DeviceId,
    },
    /// The device asks as the relay has just said: it is let in.
    Admit {
        device: DeviceId,
        role: Role,
    },
}

impl Group {
    /// A request that the relay says was made; `None` when it does not verify in this group.
    fn known_request(&self, asks: SignedRequest) -> Option<Known> {
        let group = self.state.group;
        let request = asks.verify(group).ok()?;
        let place = NamePlace { group, device: request.device, epoch: request.epoch };
        let said = self.secrets.epochs.of(request.epoch).find_map(|key| place.open(key, &request.sealed));
        let Introduction { name, mark } = said.unwrap_or_default();
        let words = request_words(group, request.device, &request.kem);
        let mark = mark.map_or(Mark::None, |mark| Mark::Unknown(mark, 0));
        Some(Known { asks, request, name, mark, words })
    }

    /// Finds out by which invites those came who ask; again when there are more invites than before.
    fn look_at_marks(&mut self) {
        let (group, invites) = (self.state.group, &self.marks);
        for known in &mut self.requests.known {
            let Mark::Unknown(mark, tried) = known.mark else { continue };
            if tried == invites.len() {
                continue;
            }
            let marked = Marked::of(group, &known.request);
            let of = invites.iter().find(|(_, key)| marked.is_by(key, &mark));
            known.mark = of.map_or(Mark::Unknown(mark, invites.len()), |(invite, _)| Mark::Of(*invite));
        }
    }

    /// The invite that a request came with, and what it proposes, while it is open.
    fn invite_of(&self, known: &Known, now: Timestamp) -> Option<(EntryId, Role)> {
        let Mark::Of(id) = known.mark else { return None };
        let invite = self.membership.invite_in(&id)?;
        let open = !invite.closed && invite.expires_at > now && self.uses_left(&id, invite) > 0;
        open.then_some((id, invite.role))
    }

    /// Who waits, as an admin's page is shown it.
    fn shown_requests(&self, now: Timestamp) -> Vec<JoinRequestInfo> {
        if !self.membership.may_admit(&self.me()) {
            return vec![];
        }
        let waits = |known: &&Known| !self.membership.has_heard_of(&known.request.device);
        let waiting = self.requests.known.iter().filter(waits).map(|known| {
            let invite = self.invite_of(known, now);
            JoinRequestInfo {
                device: known.request.device.to_string(),
                name: known.name.clone(),
                role: role_name(invite.map_or(known.request.role, |(_, role)| role)).to_owned(),
                asked_at: known.request.asked_at.as_ms(),
                words: known.words.clone(),
                invite: invite.map(|(id, _)| id.to_string()),
            }
        });
        waiting.collect()
    }
}

impl Machine {
    /// Where the group is, for a device that wants to ask. Every member may pass it on.
    pub(super) fn create_ticket(&self, link_base: Option<&str>) -> Result<Reply, Failure> {
        let group = self.need_role(Role::Reader)?;
        let (epoch, key) = group.newest_key().ok_or_else(lacks_the_key)?;
        let relays = self.sync.settings.relays();
        let key = ticket_secret(&key).public();
        let ticket = Ticket { group: group.state.group, relays, key, epoch, mark: None, role: None };
        let link = ticket.link(link_base.unwrap_or("ashore:"));
        Ok(Reply::Ticket { qr_code: super::qr::svg_data_url(&link), link })
    }

    /// Who waits; the answer comes when the relay has said.
    pub(super) fn list_requests(&mut self, client: &str, call: u64) -> Result<(), Failure> {
        self.decide(client, call, Deciding::List)
    }

    /// Lets a device in; `true` when it is in already.
    pub(super) fn approve_request(
        &mut self,
        client: &str,
        call: u64,
        device: &str,
        role: &str,
    ) -> Result<bool, Failure> {
        let role = parse_role(role)?;
        let device: DeviceId = device.parse().map_err(|_| no_request())?;
        let group = self.need_role(Role::Admin)?;
        // The call may be asked again of an engine that finds it done.
        if group.membership.member(&device).is_some() {
            return Ok(true);
        }
        self.decide(client, call, Deciding::Approve { device, role })?;
        Ok(false)
    }

    /// Turns a device away.
    pub(super) fn reject_request(&mut self, client: &str, call: u64, device: &str) -> Result<(), Failure> {
        let device: DeviceId = device.parse().map_err(|_| no_request())?;
        self.decide(client, call, Deciding::Reject { device })
    }

    fn decide(&mut self, client: &str, call: u64, deciding: Deciding) -> Result<(), Failure> {
        self.need_role(Role::Admin)?;
        if !self.sync.settings.enabled {
            return Err(sync_disabled());
        }
        self.need_network()?;
        let deadline = self.now.plus_ms(RELAY_WAIT_MS);
        let what = Wait::Requests { deciding, request: None };
        self.sync.waiters.push(Waiter { client: client.to_owned(), call, deadline, what });
        if self.sync.link.is_none() {
            self.try_now();
        }
        Ok(())
    }

    /// Says to the relay what calls wait for, and asks it who waits when that has changed.
    pub(super) fn ask_about_requests(&mut self) {
        let Some((group, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return };
        if link.stage != Stage::Open {
            return;
        }
        let id = group.state.group;
        let mut frames = Vec::new();
        for waiter in &mut self.sync.waiters {
            let Wait::Requests { deciding, request: sent @ None } = &mut waiter.what else { continue };
            let request = link.request();
            *sent = Some((link.id, request));
            frames.push(match deciding {
                Deciding::Reject { device } => ClientFrame::Reject { request, group: id, device: *device },
                _ => ClientFrame::ListRequests { request, group: id },
            });
        }
        if std::mem::take(&mut group.requests.stale) {
            let request = link.request();
            group.requests.listing = Some((link.id, request));
            frames.push(ClientFrame::ListRequests { request, group: id });
        }
        for frame in frames {
            self.send_now(&frame);
        }
    }

    /// The relay says that the requests have changed.
    pub(super) fn requests_changed(&mut self, group: GroupId) {
        if let Some(own) = self.sync.group.as_mut().filter(|own| own.state.group == group) {
            own.requests.stale = true;
        }
    }

    /// On a new connection nobody says that a request is gone which was known before.
    pub(super) fn look_at_requests_again(&mut self) {
        if let Some(group) = &mut self.sync.group {
            group.requests.stale |= !group.requests.known.is_empty();
        }
    }

    /// The relay says who waits.
    pub(super) fn requests_came(&mut self, request: RequestId, group: GroupId, waiting: Vec<SignedRequest>) {
        let Some((own, link)) = self.sync.group.as_mut().zip(self.sync.link.as_ref()) else { return };
        if own.state.group != group || waiting.len() > MAX_GROUP_REQUESTS {
            return self.misbehaved("requests that were not asked for");
        }
        let at = (link.id, request);
        let mut before = std::mem::take(&mut own.requests.known);
        let mut known = Vec::with_capacity(waiting.len());
        for asks in waiting {
            // One whose name did not open is looked at again: the key may have come.
            let opened = |known: &Known| known.asks == asks && !known.name.is_empty();
            let same = before.iter().position(opened).map(|at| before.swap_remove(at));
            match same.or_else(|| own.known_request(asks)) {
                Some(each) => known.push(each),
                None => return self.misbehaved("a request to join that does not verify"),
            }
        }
        own.requests.known = known;
        own.look_at_marks();
        own.requests.listing.take_if(|listing| *listing == at);
        let waits = |waiter: &Waiter| matches!(&waiter.what, Wait::Requests { request, .. } if *request == Some(at));
        let Some(place) = self.sync.waiters.iter().position(waits) else { return };
        // What changes the group is a task of its own.
        if let Some(Waiter { what: Wait::Requests { deciding, .. }, .. }) = self.sync.waiters.get_mut(place)
            && let Deciding::Approve { device, role } = *deciding
        {
            *deciding = Deciding::Admit { device, role };
            return self.tasks.push_back(Task::Admit);
        }
        let Waiter { client, call, .. } = self.sync.waiters.remove(place);
        let reply = self.requests();
        self.answer_now(&client, call, Outcome::Ok(reply));
    }

    /// Lets in whom calls have approved.
    pub(super) fn admit_approved(&mut self) {
        let approved = |waiter: &Waiter| {
            matches!(&waiter.what, Wait::Requests { deciding: Deciding::Admit { .. }, request: Some(_) })
        };
        while let Some(place) = self.sync.waiters.iter().position(approved) {
            let Waiter { client, call, what, .. } = self.sync.waiters.remove(place);
            let Wait::Requests { deciding: Deciding::Admit { device, role }, .. } = what else { continue };
            match self.admit(device, role) {
                Ok(reply) => self.answer_after_commit(&client, call, Outcome::Ok(reply)),
                Err(failure) => self.answer_now(&client, call, Outcome::Failed(failure)),
            }
        }
    }

    /// The relay refused; `false` when the request was about something else.
    pub(super) fn deciding_refused(&mut self, request: RequestId, code: FailureCode, failure: &Failure) -> bool {
        let Some(link) = &self.sync.link else { return false };
        let at = (link.id, request);
        if let Some(group) = &mut self.sync.group
            && group.requests.listing.take_if(|listing| *listing == at).is_some()
        {
            return true;
        }
        let waits = |waiter: &Waiter| matches!(&waiter.what, Wait::Requests { request, .. } if *request == Some(at));
        let Some(place) = self.sync.waiters.iter().position(waits) else { return false };
        let Waiter { client, call, .. } = self.sync.waiters.remove(place);
        let failure = if code == FailureCode::JoinRequestNotFound { no_request() } else { failure.clone() };
        self.answer_now(&client, call, Outcome::Failed(failure));
        true
    }

    fn requests(&self) -> Reply {
        let shown = self.sync.group.as_ref().map(|group| group.shown_requests(self.now));
        Reply::Requests { requests: shown.unwrap_or_default() }
    }

    /// Writes the entry that makes the device a member, with the group's present key for it alone.
    fn admit(&mut self, device: DeviceId, role: Role) -> Result<Reply, Failure> {
        let me = self.need_role(Role::Admin)?.me();
        let group = self.sync.group.as_ref().ok_or_else(sync_disabled)?;
        if group.membership.member(&device).is_some() {
            return Ok(Reply::Devices { devices: self.devices() });
        }
        let known = group.requests.known.iter().find(|known| known.request.device == device).ok_or_else(no_request)?;
        let (kem, name) = (known.request.kem.clone(), known.name.clone());
        let invite = group.invite_of(known, self.now).map(|(invite, _)| invite);
        let (epoch, key) = group.sealing().map(|(epoch, key)| (epoch, key.clone())).ok_or_else(lacks_the_key)?;
        let share = group.wrapping(epoch, me).wrap(device.into(), &kem, &key, &mut self.rng);
        let share = share.map_err(|_| Failure::new(ErrorCode::JoinRequestMissing, "the request's key is none"))?.into();
        let sealed = ProfilePayload { name, invite }.seal(&key, &device, &mut self.rng).into();
        self.sign_control(&Control::Admit { device, role, admitted_at: self.now, kem, sealed, share })?;
        Ok(Reply::Devices { devices: self.devices() })
    }

    /// Tells everybody who waits, if that changed.
    pub(super) fn tell_requests(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        if group.requests.known.is_empty() && group.requests.told.is_empty() {
            return;
        }
        group.look_at_marks();
        let requests = group.shown_requests(self.now);
        if group.requests.told != requests {
            group.requests.told.clone_from(&requests);
            self.tell(Event::Requests { requests });
        }
    }
}

fn no_request() -> Failure {
    Failure::new(ErrorCode::JoinRequestMissing, "no request of this device waits (any more)")
}

fn lacks_the_key() -> Failure {
    let message =
        "this device does not have the group's present key yet: an admin's device gives it, once both are online";
    Failure::new(ErrorCode::SyncOffline, message)
}
