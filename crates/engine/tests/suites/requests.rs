//! Joining by request between simulated devices: asking, approving, rejecting, withdrawing, and what a hostile relay makes of it.

use ashore_engine::api::{
    Command, Device, Durability, ErrorCode, Event, Failure, InviteInfo, JoinRequestInfo, Outcome, OwnRequest,
    OwnRequestState, Passphrase, Reply, SyncState, Write,
};
use ashore_engine::testing::Network;
use ashore_protocol::control::Role;
use ashore_protocol::frame::RelayFrame;
use ashore_protocol::ids::{Epoch, GroupId, Timestamp};
use ashore_protocol::keys::{KEM_KEY_BYTES, KemKey};
use ashore_protocol::request::{AskState, JoinRequest, SignedRequest};
use ashore_protocol::sign::SigningKey;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const RELAY: &str = "ws://relay.test/v1/ws";
const LONG_MS: u64 = 3_600_000;

struct World {
    network: Network,
    marks: u64,
}

impl World {
    /// Alice's group, and so many devices beside it; all know the relay only from tickets.
    fn of(devices: usize, seed: u64) -> Self {
        let mut world = Self { network: Network::seeded(seed), marks: 0 };
        for device in 0..devices {
            world.network.add_device(["alice", "bob", "carol", "dave"][device]);
        }
        let enable = Command::EnableSync { relay: Some(RELAY.into()), device_name: Some("alice".into()) };
        world.call(ALICE, enable).unwrap();
        world.settle(&[ALICE]);
        world
    }

    fn settle(&mut self, devices: &[usize]) {
        let devices = devices.to_vec();
        let done = |network: &Network| {
            let statuses = devices.iter().map(|device| network.devices[*device].status.as_ref());
            let cursor = statuses.clone().flatten().map(|status| status.cursor).max();
            statuses.clone().all(|status| {
                status.is_some_and(|status| status.state == SyncState::Synced && Some(status.cursor) == cursor)
            })
        };
        assert!(self.network.run_until(LONG_MS, done), "everything comes into step");
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.marks += 1;
        let mark = self.marks;
        self.network.ask(device, command, mark);
        loop {
            let answers = &mut self.network.devices[device].answers;
            if let Some(at) = answers.iter().position(|(call, _)| call.mark == mark) {
                return match answers.remove(at).1 {
                    Outcome::Ok(reply) => Ok(reply),
                    Outcome::Failed(failure) => Err(failure),
                };
            }
            assert!(self.network.step(), "an answer comes");
        }
    }

    fn ticket(&mut self, device: usize) -> String {
        let create = Command::CreateTicket { link_base: Some("https://app.example/".into()) };
        let Reply::Ticket { link, qr_code } = self.call(device, create).unwrap() else { panic!("no ticket") };
        assert!(qr_code.starts_with("data:image/svg+xml"));
        link
    }

    fn try_asking(&mut self, device: usize, ticket: &str, role: Option<&str>) -> Result<OwnRequest, Failure> {
        let device_name = Some(format!("{} the guest", self.network.devices[device].name));
        let (ticket, role) = (ticket.to_owned(), role.map(str::to_owned));
        let reply = self.call(device, Command::RequestToJoin { ticket, role, relay: None, device_name })?;
        let Reply::OwnRequest { request } = reply else { panic!("{reply:?}") };
        Ok(request.unwrap())
    }

    /// An invite of Alice's that needs approval: its id and its link.
    fn approval_invite(&mut self, role: &str, uses: u32) -> (String, String) {
        let (role, link_base) = (Some(role.to_owned()), Some("https://app.example/".to_owned()));
        let create = Command::CreateApprovalInvite { ttl_seconds: 7_200, link_base, role, uses: Some(uses) };
        let reply = self.call(ALICE, create).unwrap();
        let Reply::ApprovalInvite { id, link, .. } = reply else { panic!("{reply:?}") };
        (id, link)
    }

    /// Comes with an invite that needs approval: that asks.
    fn come_with(&mut self, device: usize, link: &str) -> OwnRequest {
        let join = Command::JoinInvite { invite: link.to_owned(), relay: None, device_name: None };
        let reply = self.call(device, join).unwrap();
        let Reply::OwnRequest { request } = reply else { panic!("{reply:?}") };
        request.unwrap()
    }

    fn invite(&mut self, device: usize, id: &str) -> InviteInfo {
        let reply = self.call(device, Command::Invites {}).unwrap();
        let Reply::Invites { invites } = reply else { panic!("{reply:?}") };
        invites.into_iter().find(|invite| invite.id == id).unwrap()
    }

    fn ask(&mut self, device: usize) -> OwnRequest {
        let ticket = self.ticket(ALICE);
        self.try_asking(device, &ticket, None).unwrap()
    }

    fn own(&mut self, device: usize) -> Option<OwnRequest> {
        let Reply::OwnRequest { request } = self.call(device, Command::OwnRequest {}).unwrap() else { panic!("none") };
        request
    }

    fn state(&mut self, device: usize) -> Option<OwnRequestState> {
        self.own(device).map(|request| request.state)
    }

    fn requests(&mut self, device: usize) -> Result<Vec<JoinRequestInfo>, Failure> {
        let reply = self.call(device, Command::Requests {})?;
        let Reply::Requests { requests } = reply else { panic!("{reply:?}") };
        Ok(requests)
    }

    fn approve(&mut self, device: usize, asker: &str, role: &str) -> Result<Vec<Device>, Failure> {
        let (asker, role) = (asker.to_owned(), role.to_owned());
        let reply = self.call(device, Command::ApproveRequest { device: asker, role })?;
        let Reply::Devices { devices } = reply else { panic!("{reply:?}") };
        Ok(devices)
    }

    fn reject(&mut self, device: usize, asker: &str) -> Result<Reply, Failure> {
        self.call(device, Command::RejectRequest { device: asker.to_owned() })
    }

    /// Runs until the device's request stands so.
    fn run_until_it_is(&mut self, device: usize, state: Option<OwnRequestState>) {
        for _ in 0..200 {
            if self.state(device) == state {
                return;
            }
            self.network.run_ms(1_000);
        }
        panic!("it is {:?}", self.own(device));
    }

    fn put(&mut self, device: usize, id: &str) {
        let documents = format!(r#"[{{"title":"{id}"}}]"#);
        let writes =
            vec![Write::Put { collection: "notes".into(), ids: vec![id.into()], documents, bases: vec![None] }];
        self.call(device, Command::Write { writes, durability: Durability::Strict, split: false }).unwrap();
    }

    /// Which of these notes are here.
    fn notes(&mut self, device: usize) -> Vec<String> {
        let list = Command::List { collection: "notes".into(), range: Default::default() };
        let Reply::Ids { ids, .. } = self.call(device, list).unwrap() else { panic!("no ids") };
        ids
    }

    fn restart(&mut self, device: usize) {
        self.network.crash(device, false);
        self.network.open(device);
    }

    fn group(&self) -> GroupId {
        self.network.devices[ALICE].status.as_ref().unwrap().group.as_ref().unwrap().parse().unwrap()
    }

    /// What pages of this device were told of those who ask, the latest last.
    fn told(&mut self, device: usize) -> Vec<Vec<JoinRequestInfo>> {
        let events = std::mem::take(&mut self.network.devices[device].events);
        let told = events.into_iter().filter_map(|event| match event {
            Event::Requests { requests } => Some(requests),
            _ => None,
        });
        told.collect()
    }
}

#[test]
fn who_is_approved_has_everything_with_the_role_that_was_given() {
    let mut world = World::of(2, 1);
    world.put(ALICE, "before");
    world.put(BOB, "of bob");
    world.settle(&[ALICE]);
    world.told(ALICE);
    let asked = world.ask(BOB);
    assert_eq!((asked.state, asked.role.as_str(), asked.delivered), (OwnRequestState::Pending, "writer", false));
    assert_eq!(asked.words.len(), 6);
    world.network.run_ms(2_000);
    assert!(world.own(BOB).unwrap().delivered);
    let told = world.told(ALICE);
    assert_eq!(told.len(), 1, "an admin is told at once, and once");
    let [request] = &told[0][..] else { panic!("{told:?}") };
    assert_eq!((request.name.as_str(), request.role.as_str()), ("bob the guest", "writer"));
    assert_eq!((&request.device, &request.words), (&asked.device, &asked.words), "both show the same words");
    assert_eq!(world.requests(ALICE).unwrap(), told[0]);
    world.approve(ALICE, &asked.device, "writer").unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
    world.settle(&[ALICE, BOB]);
    let status = world.network.devices[BOB].status.clone().unwrap();
    assert_eq!((status.device, status.group), (Some(asked.device.clone()), Some(world.group().to_string())));
    for device in [ALICE, BOB] {
        assert_eq!(world.notes(device), ["before", "of bob"]);
    }
    world.put(BOB, "later");
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.notes(ALICE), ["before", "later", "of bob"]);
    let Reply::Devices { devices } = world.call(BOB, Command::Devices {}).unwrap() else { panic!("no devices") };
    let shown: Vec<_> = devices.iter().map(|device| (device.name.as_str(), device.role.as_str())).collect();
    assert_eq!(shown, [("alice", "admin"), ("bob the guest", "writer")]);
    assert_eq!(world.told(ALICE).last().unwrap(), &[]);
    assert_eq!(world.requests(ALICE).unwrap(), []);
    let again = world.approve(ALICE, &asked.device, "writer").unwrap();
    assert_eq!(again.len(), 2, "asked again of another engine it is done");
}

#[test]
fn the_role_is_the_admins_and_not_the_one_that_was_asked_for() {
    let mut world = World::of(2, 2);
    let ticket = world.ticket(ALICE);
    let asked = world.try_asking(BOB, &ticket, Some("admin")).unwrap();
    world.network.run_ms(2_000);
    assert_eq!(world.requests(ALICE).unwrap()[0].role, "admin");
    assert_eq!(world.approve(ALICE, &asked.device, "king").unwrap_err().code, ErrorCode::RequestInvalid);
    world.approve(ALICE, &asked.device, "reader").unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
    world.settle(&[ALICE, BOB]);
    let refused = world.requests(BOB).unwrap_err();
    assert_eq!(refused.code, ErrorCode::GroupNotAllowed);
}

#[test]
fn after_a_rotation_an_old_ticket_still_asks_and_who_is_let_in_reads_all_of_it() {
    let mut world = World::of(3, 3);
    let ticket = world.ticket(ALICE);
    world.put(ALICE, "first epoch");
    world.call(ALICE, Command::RotateKeys {}).unwrap();
    world.put(ALICE, "second epoch");
    world.settle(&[ALICE]);
    let asked = world.try_asking(BOB, &ticket, None).unwrap();
    world.network.run_ms(2_000);
    assert_eq!(world.requests(ALICE).unwrap()[0].name, "bob the guest");
    world.approve(ALICE, &asked.device, "admin").unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
    world.put(BOB, "of bob");
    world.settle(&[ALICE, BOB]);
    for device in [ALICE, BOB] {
        assert_eq!(world.notes(device), ["first epoch", "of bob", "second epoch"]);
    }
    // Who came by request lets others in by request.
    let asked = world.ask(CAROL);
    world.network.run_ms(2_000);
    world.approve(BOB, &asked.device, "writer").unwrap();
    world.run_until_it_is(CAROL, Some(OwnRequestState::Admitted));
    world.settle(&[ALICE, BOB, CAROL]);
    assert_eq!(world.notes(CAROL), ["first epoch", "of bob", "second epoch"]);
}

#[test]
fn who_is_rejected_hears_it_at_once_or_when_it_comes_back() {
    let mut world = World::of(3, 4);
    let (bob, carol) = (world.ask(BOB), world.ask(CAROL));
    world.network.run_ms(2_000);
    world.network.cut_off(CAROL, true);
    assert_eq!(world.requests(ALICE).unwrap().len(), 2);
    for device in [&bob.device, &carol.device] {
        world.reject(ALICE, device).unwrap();
    }
    assert_eq!(world.reject(ALICE, &bob.device).unwrap_err().code, ErrorCode::JoinRequestMissing);
    assert_eq!(world.approve(ALICE, &bob.device, "writer").unwrap_err().code, ErrorCode::JoinRequestMissing);
    world.network.run_ms(1_000);
    assert_eq!(world.state(BOB), Some(OwnRequestState::Rejected));
    assert_eq!(world.state(CAROL), Some(OwnRequestState::Pending));
    world.network.cut_off(CAROL, false);
    world.run_until_it_is(CAROL, Some(OwnRequestState::Rejected));
    world.restart(BOB);
    assert_eq!(world.state(BOB), Some(OwnRequestState::Rejected), "it is remembered");
    // Asked again it is another device's request.
    let again = world.ask(BOB);
    assert_ne!((again.device.as_str(), &again.words), (bob.device.as_str(), &bob.words));
    world.network.run_ms(2_000);
    world.approve(ALICE, &again.device, "writer").unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
}

#[test]
fn a_request_survives_restarts_of_both_sides_and_of_the_relay() {
    let mut world = World::of(2, 5);
    world.put(ALICE, "note");
    world.settle(&[ALICE]);
    let asked = world.ask(BOB);
    // Not even sent yet.
    world.restart(BOB);
    assert_eq!(world.own(BOB).unwrap(), asked);
    world.network.run_ms(3_000);
    world.network.stop_relay();
    world.restart(ALICE);
    world.restart(BOB);
    world.network.run_ms(5_000);
    world.network.start_relay();
    world.network.run_ms(40_000);
    let told = world.told(ALICE);
    assert_eq!(told.last().map(Vec::len), Some(1), "an admin that comes back is told who waits");
    world.approve(ALICE, &asked.device, "writer").unwrap();
    world.network.cut_off(BOB, true);
    world.restart(BOB);
    world.settle(&[ALICE]);
    world.restart(ALICE);
    world.network.cut_off(BOB, false);
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.notes(BOB), ["note"]);
    world.restart(BOB);
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.state(BOB), Some(OwnRequestState::Admitted));
}

#[test]
fn a_relay_that_lost_its_disk_is_given_the_request_again() {
    let mut world = World::of(2, 6);
    let asked = world.ask(BOB);
    world.network.run_ms(2_000);
    world.network.lose_relay_disk();
    world.network.run_ms(120_000);
    world.settle(&[ALICE]);
    assert_eq!(world.requests(ALICE).unwrap()[0].device, asked.device);
    world.approve(ALICE, &asked.device, "writer").unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
}

#[test]
fn a_request_is_taken_back_with_and_without_a_connection() {
    let mut world = World::of(3, 7);
    let bob = world.ask(BOB);
    world.ask(CAROL);
    world.network.run_ms(2_000);
    assert_eq!(world.requests(ALICE).unwrap().len(), 2);
    world.call(BOB, Command::WithdrawRequest {}).unwrap();
    assert_eq!(world.own(BOB), None);
    world.network.cut_off(CAROL, true);
    world.call(CAROL, Command::WithdrawRequest {}).unwrap();
    assert_eq!(world.own(CAROL), None);
    world.network.run_ms(2_000);
    assert_eq!(world.requests(ALICE).unwrap().len(), 1, "the relay does not know of the second yet");
    assert_eq!(world.approve(ALICE, &bob.device, "writer").unwrap_err().code, ErrorCode::JoinRequestMissing);
    world.restart(CAROL);
    world.network.cut_off(CAROL, false);
    world.network.run_ms(60_000);
    assert_eq!(world.requests(ALICE).unwrap(), []);
    assert_eq!(world.told(ALICE).last().unwrap(), &[]);
    let again = world.ask(CAROL);
    world.network.run_ms(2_000);
    assert_eq!(world.requests(ALICE).unwrap()[0].device, again.device);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let mut world = World::of(3, 8);
    let ticket = world.ticket(ALICE);
    for text in ["", "7KQ2-0000-0000-0000", "https://app.example/#ticket=x&k=y"] {
        assert_eq!(world.try_asking(BOB, text, None).unwrap_err().code, ErrorCode::TicketBad);
    }
    let key = ticket.split("&k=").nth(1).unwrap().split('&').next().unwrap();
    let no_key = ticket.replace(key, &GroupId([0; 32]).to_string());
    assert_eq!(world.try_asking(BOB, &no_key, None).unwrap_err().code, ErrorCode::TicketBad);
    assert_eq!(world.try_asking(BOB, &ticket, Some("king")).unwrap_err().code, ErrorCode::RequestInvalid);
    assert_eq!(world.try_asking(ALICE, &ticket, None).unwrap_err().code, ErrorCode::GroupAlreadyJoined);
    assert_eq!(world.call(BOB, Command::Requests {}).unwrap_err().code, ErrorCode::SyncDisabled);
    // A group that the relay does not have.
    let unknown = ticket.replace(&world.group().to_string(), &GroupId([1; 32]).to_string());
    world.try_asking(BOB, &unknown, None).unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Refused));
    assert_eq!(world.own(BOB).unwrap().code.as_deref(), Some("relay.unknown-group"));
    // The same ticket twice is one request; while one waits there is no other.
    let asked = world.try_asking(CAROL, &(ticket.clone() + "&unknown=1"), None).unwrap();
    assert_eq!(world.try_asking(CAROL, &ticket, None).unwrap().device, asked.device);
    assert_eq!(world.try_asking(CAROL, &unknown, None).unwrap_err().code, ErrorCode::RequestInvalid);
    let invite = Command::JoinInvite { invite: "7KQ2-0000-0000-0000".into(), relay: None, device_name: None };
    assert_eq!(world.call(CAROL, invite).unwrap_err().code, ErrorCode::RequestInvalid);
}

#[test]
fn while_sync_is_off_nothing_is_asked() {
    let mut world = World::of(2, 9);
    world.network.cut_off(BOB, true);
    let asked = world.ask(BOB);
    world.call(BOB, Command::DisableSync { forget: false }).unwrap();
    world.network.cut_off(BOB, false);
    world.restart(BOB);
    world.network.run_ms(120_000);
    assert_eq!(world.requests(ALICE).unwrap(), []);
    assert_eq!(world.state(BOB), Some(OwnRequestState::Pending));
    world.call(BOB, Command::EnableSync { relay: None, device_name: None }).unwrap();
    world.network.run_ms(5_000);
    world.approve(ALICE, &asked.device, "writer").unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
    world.settle(&[ALICE, BOB]);
    world.call(BOB, Command::DisableSync { forget: true }).unwrap();
    assert_eq!(world.own(BOB), None);
}

fn forged(group: GroupId) -> SignedRequest {
    let key = SigningKey::from_seed(&[66; 32]);
    let kem = KemKey::from_slice(&[4; KEM_KEY_BYTES]).unwrap();
    let (role, asked_at, sealed) = (Role::Writer, Timestamp::from_ms(1), vec![].into());
    JoinRequest { device: key.device_id(), kem, role, asked_at, epoch: Epoch(0), sealed }.sign(group, &key)
}

#[test]
fn a_relay_that_swaps_the_askers_keys_shows_the_admin_other_words() {
    let mut world = World::of(2, 10);
    let group = world.group();
    let asked = world.ask(BOB);
    world.network.lie(Some(Box::new(move |_, frame| match frame {
        RelayFrame::Requests { request, group: of, waiting } => {
            let waiting = waiting.iter().map(|_| forged(group)).collect();
            vec![RelayFrame::Requests { request, group: of, waiting }.encode()]
        }
        frame => vec![frame.encode()],
    })));
    world.network.run_ms(2_000);
    let [shown] = &world.requests(ALICE).unwrap()[..] else { panic!("one request") };
    assert_ne!(shown.device, asked.device);
    assert_ne!(shown.words, asked.words, "people see that it is another device");
    assert_eq!(shown.words.len(), 6);
    // The device that asked is not what would be let in.
    world.network.lie(None);
    assert_eq!(world.approve(ALICE, &shown.device.clone(), "writer").unwrap_err().code, ErrorCode::JoinRequestMissing);
}

#[test]
fn a_request_that_a_relay_changed_or_took_from_another_group_is_not_shown() {
    for seed in [11, 12] {
        let mut world = World::of(2, seed);
        world.ask(BOB);
        let other = GroupId([9; 32]);
        world.network.lie(Some(Box::new(move |_, frame| match frame {
            RelayFrame::Requests { request, group, mut waiting } => {
                for asks in &mut waiting {
                    if seed == 11 {
                        *asks.request.0.last_mut().unwrap() ^= 1;
                    } else {
                        *asks = forged(other);
                    }
                }
                vec![RelayFrame::Requests { request, group, waiting }.encode()]
            }
            frame => vec![frame.encode()],
        })));
        world.network.run_ms(20_000);
        assert_eq!(world.told(ALICE), Vec::<Vec<JoinRequestInfo>>::new());
        let status = world.network.devices[ALICE].status.clone().unwrap();
        assert_eq!(status.last_error.map(|error| error.code), Some(ErrorCode::RelayMisbehaved));
        world.network.lie(None);
        world.settle(&[ALICE]);
        assert_eq!(world.requests(ALICE).unwrap().len(), 1);
    }
}

#[test]
fn a_relay_that_says_that_a_device_was_admitted_has_to_prove_it() {
    let mut world = World::of(2, 13);
    world.put(BOB, "of bob");
    world.call(BOB, Command::EnableSync { relay: Some(RELAY.into()), device_name: None }).unwrap();
    world.settle(&[BOB]);
    let alone = world.network.devices[BOB].status.clone().unwrap().group;
    let asked = world.ask(BOB);
    world.network.lie(Some(Box::new(|_, frame| match frame {
        RelayFrame::AskState { request, group, .. } => {
            vec![RelayFrame::AskState { request, group, state: AskState::Admitted }.encode()]
        }
        frame => vec![frame.encode()],
    })));
    world.network.run_ms(60_000);
    assert_eq!(world.state(BOB), Some(OwnRequestState::Pending));
    assert_eq!(world.network.devices[BOB].status.clone().unwrap().group, alone, "what it had is still there");
    world.network.lie(None);
    world.network.run_ms(60_000);
    world.approve(ALICE, &asked.device, "writer").unwrap();
    world.run_until_it_is(BOB, Some(OwnRequestState::Admitted));
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.notes(ALICE), ["of bob"]);
}

#[test]
fn a_device_that_took_its_request_back_while_it_was_approved_stays_as_it_was() {
    let mut world = World::of(2, 14);
    let asked = world.ask(BOB);
    world.network.run_ms(2_000);
    world.network.cut_off(BOB, true);
    world.approve(ALICE, &asked.device, "writer").unwrap();
    world.call(BOB, Command::WithdrawRequest {}).unwrap();
    world.settle(&[ALICE]);
    world.network.cut_off(BOB, false);
    world.network.run_ms(60_000);
    assert_eq!(world.own(BOB), None);
    assert_eq!(world.network.devices[BOB].status.clone().unwrap().group, None);
    // Admins see the device, and remove it.
    world.call(ALICE, Command::RemoveDevice { device: asked.device }).unwrap();
}

#[test]
fn an_invite_for_several_devices_lets_in_so_many_and_no_more() {
    let mut world = World::of(4, 15);
    let create = |uses| Command::CreateInvite {
        ttl_seconds: 600,
        link_base: None,
        role: Some("writer".into()),
        uses: Some(uses),
    };
    for uses in [0, 101] {
        assert_eq!(world.call(ALICE, create(uses)).unwrap_err().code, ErrorCode::RequestInvalid);
    }
    let Reply::Invite { short_code, .. } = world.call(ALICE, create(2)).unwrap() else { panic!("no invite") };
    for (device, left) in [(BOB, 1), (CAROL, 0)] {
        let (invite, relay) = (short_code.clone(), Some(RELAY.to_owned()));
        world.call(device, Command::JoinInvite { invite, relay, device_name: None }).unwrap();
        world.settle(&[ALICE, device]);
        let Reply::Invites { invites } = world.call(ALICE, Command::Invites {}).unwrap() else { panic!("no invites") };
        assert_eq!((invites[0].uses_left, invites[0].open), (Some(left), left > 0));
    }
    let join = Command::JoinInvite { invite: short_code, relay: Some(RELAY.into()), device_name: None };
    assert_eq!(world.call(3, join).unwrap_err().code, ErrorCode::InviteUsed);
    world.settle(&[ALICE, BOB, CAROL]);
    assert_eq!(world.network.devices[CAROL].status.clone().unwrap().group, Some(world.group().to_string()));
}

#[test]
fn a_request_that_is_taken_back_while_it_is_on_its_way_is_gone() {
    for wait_ms in [1, 30, 60, 90, 120, 150, 200, 300] {
        let mut world = World::of(2, 16);
        world.ask(BOB);
        world.network.run_ms(wait_ms);
        world.call(BOB, Command::WithdrawRequest {}).unwrap();
        world.network.run_ms(5_000);
        assert_eq!((world.own(BOB), world.requests(ALICE).unwrap()), (None, vec![]), "after {wait_ms} ms");
        let again = world.ask(BOB);
        world.network.run_ms(5_000);
        assert_eq!(world.requests(ALICE).unwrap()[0].device, again.device);
    }
}

#[test]
fn over_a_bad_network_with_crashes_everybody_who_is_approved_comes_in() {
    for seed in 20..26 {
        let mut world = World::of(3, seed);
        world.put(ALICE, "note");
        world.settle(&[ALICE]);
        let faults = ashore_engine::testing::Faults {
            connection_breaks: 25,
            frame_doubled: 10,
            frame_overtakes: 10,
            device_crashes: 60,
            relay_commit_fails: 20,
            ..Default::default()
        };
        let asked = [world.ask(BOB), world.ask(CAROL)];
        world.network.faults = faults;
        for own in &asked {
            let approve = Command::ApproveRequest { device: own.device.clone(), role: "writer".into() };
            let mut tries = 0;
            loop {
                world.marks += 1;
                let mark = world.marks;
                world.network.ask(ALICE, approve.clone(), mark);
                for _ in 0..60 {
                    (ALICE..=CAROL).for_each(|device| world.network.open(device));
                    world.network.run_ms(1_000);
                }
                let answers = &mut world.network.devices[ALICE].answers;
                let answer = answers.iter().position(|(call, _)| call.mark == mark).map(|at| answers.remove(at).1);
                if matches!(answer, Some(Outcome::Ok(_))) {
                    break;
                }
                tries += 1;
                assert!(tries < 40, "seed {seed}: {answer:?}");
            }
        }
        world.network.faults = Default::default();
        (ALICE..=CAROL).for_each(|device| world.network.open(device));
        for device in [BOB, CAROL] {
            world.run_until_it_is(device, Some(OwnRequestState::Admitted));
        }
        world.settle(&[ALICE, BOB, CAROL]);
        assert_eq!((world.notes(BOB), world.notes(CAROL)), (vec!["note".to_owned()], vec!["note".to_owned()]));
        let Reply::Devices { devices } = world.call(ALICE, Command::Devices {}).unwrap() else { panic!("none") };
        assert_eq!(devices.len(), 3, "each once");
    }
}

#[test]
fn who_comes_with_an_invite_that_needs_approval_asks_and_is_shown_with_it() {
    let mut world = World::of(4, 31);
    let (invite, link) = world.approval_invite("reader", 2);
    let known = world.invite(ALICE, &invite);
    assert_eq!((known.approval, known.open, known.uses_left), (Some(true), true, Some(2)));
    let own = world.come_with(BOB, &link);
    assert_eq!((own.state, own.role.as_str()), (OwnRequestState::Pending, "reader"));
    world.network.run_ms(5_000);
    assert_eq!(world.network.devices[BOB].status.clone().unwrap().group, None, "nobody is in without an admin's word");
    let [request] = world.requests(ALICE).unwrap().try_into().unwrap();
    assert_eq!((request.invite.as_ref(), request.role.as_str()), (Some(&invite), "reader"));
    assert_eq!((&request.device, &request.words), (&own.device, &own.words));
    // One who asks by a ticket is shown without, and whoever was told before is told again.
    world.ask(CAROL);
    world.network.run_ms(5_000);
    let marks: Vec<_> = world.requests(ALICE).unwrap().into_iter().map(|request| request.invite).collect();
    assert_eq!(marks, [Some(invite.clone()), None]);
    world.approve(ALICE, &own.device, "reader").unwrap();
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.state(BOB), Some(OwnRequestState::Admitted));
    assert_eq!(world.invite(ALICE, &invite).uses_left, Some(1));
    // Rejected requests use nothing.
    let own = world.come_with(3, &link);
    world.network.run_ms(5_000);
    world.reject(ALICE, &own.device).unwrap();
    world.run_until_it_is(3, Some(OwnRequestState::Rejected));
    assert_eq!(world.invite(ALICE, &invite).uses_left, Some(1));
}

#[test]
fn uses_are_counted_by_every_admins_device_and_after_restarts_and_removals() {
    let mut world = World::of(4, 32);
    let (invite, link) = world.approval_invite("admin", 2);
    let bob = world.come_with(BOB, &link);
    world.network.run_ms(5_000);
    world.restart(ALICE);
    world.restart(BOB);
    world.network.run_ms(60_000);
    let [request] = world.requests(ALICE).unwrap().try_into().unwrap();
    assert_eq!((request.device, request.invite), (bob.device.clone(), Some(invite.clone())));
    world.approve(ALICE, &bob.device, "admin").unwrap();
    world.settle(&[ALICE, BOB]);
    // The other admin knows the invite from the log, and lets the next one in.
    let carol = world.come_with(CAROL, &link);
    world.network.run_ms(5_000);
    assert_eq!(world.requests(BOB).unwrap()[0].invite, Some(invite.clone()));
    world.approve(BOB, &carol.device, "writer").unwrap();
    world.settle(&[ALICE, BOB, CAROL]);
    world.call(ALICE, Command::RemoveDevice { device: carol.device }).unwrap();
    world.settle(&[ALICE, BOB]);
    for device in [ALICE, BOB] {
        world.restart(device);
        world.network.run_ms(5_000);
        let known = world.invite(device, &invite);
        assert_eq!((known.uses_left, known.open), (Some(0), false), "device {device}");
    }
    // It is used up: who comes with it still asks, as with a ticket.
    let dave = world.come_with(3, &link);
    world.network.run_ms(5_000);
    let [request] = world.requests(ALICE).unwrap().try_into().unwrap();
    assert_eq!((request.device, request.invite), (dave.device, None));
}

#[test]
fn an_invite_that_was_withdrawn_or_has_expired_marks_no_request_any_more() {
    let mut world = World::of(3, 33);
    let (withdrawn, link) = world.approval_invite("reader", 1);
    let bob = world.come_with(BOB, &link);
    world.network.run_ms(5_000);
    assert_eq!(world.requests(ALICE).unwrap()[0].invite, Some(withdrawn.clone()));
    world.call(ALICE, Command::RevokeInvite { invite: withdrawn.clone() }).unwrap();
    let told = world.network.devices[ALICE].events.iter().rev().find_map(|event| match event {
        Event::Requests { requests } => Some(requests.clone()),
        _ => None,
    });
    assert_eq!(told.unwrap()[0].invite, None, "the page is told");
    assert_eq!(world.requests(ALICE).unwrap()[0].invite, None);
    world.approve(ALICE, &bob.device, "writer").unwrap();
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.invite(ALICE, &withdrawn).uses_left, Some(1), "it was no use of the invite");
    let (expiring, link) = world.approval_invite("writer", 1);
    world.come_with(CAROL, &link);
    world.network.run_ms(5_000);
    assert_eq!(world.requests(ALICE).unwrap()[0].invite, Some(expiring.clone()));
    world.network.run_ms(7_200_000);
    assert_eq!(world.requests(ALICE).unwrap()[0].invite, None);
    assert!(!world.invite(ALICE, &expiring).open);
}

#[test]
fn a_link_with_another_secret_asks_as_a_ticket_does() {
    let mut world = World::of(4, 34);
    let (invite, link) = world.approval_invite("admin", 5);
    let (_, other) = world.approval_invite("reader", 5);
    let secret = |link: &str| link.split_once("&i=").unwrap().1[..52].to_owned();
    let forged = link.replace(&secret(&link), &GroupId([3; 32]).to_string());
    let without = link.replace(&format!("&i={}", secret(&link)), "");
    let swapped = other.replace(&secret(&other), &secret(&link));
    assert!(matches!(world.call(BOB, Command::JoinInvite { invite: without.clone(), relay: None, device_name: None }),
        Err(failure) if failure.code == ErrorCode::InviteBadCode));
    world.come_with(BOB, &forged);
    world.try_asking(CAROL, &without, None).unwrap();
    world.come_with(3, &swapped);
    world.network.run_ms(5_000);
    let mut shown: Vec<_> = world.requests(ALICE).unwrap().into_iter().map(|one| (one.invite, one.role)).collect();
    shown.sort();
    // The role of a marked request is the invite's, whatever the link says.
    let (admin, marked) = ("admin".to_owned(), (Some(invite), "admin".to_owned()));
    assert_eq!(shown, [(None, admin.clone()), (None, admin), marked]);
}

#[test]
fn an_invite_that_needs_approval_is_made_offline_and_not_by_others_than_admins() {
    let mut world = World::of(3, 35);
    world.network.cut_off(ALICE, true);
    let (invite, link) = world.approval_invite("writer", 1);
    let create = |ttl_seconds, uses| Command::CreateApprovalInvite { ttl_seconds, link_base: None, role: None, uses };
    for (ttl, uses) in [(0, None), (600, Some(0)), (600, Some(101)), (40 * 86_400, None)] {
        assert_eq!(world.call(ALICE, create(ttl, uses)).unwrap_err().code, ErrorCode::RequestInvalid);
    }
    let bob = world.come_with(BOB, &link);
    world.network.run_ms(5_000);
    world.network.cut_off(ALICE, false);
    world.settle(&[ALICE]);
    assert_eq!(world.requests(ALICE).unwrap()[0].invite, Some(invite));
    world.approve(ALICE, &bob.device, "writer").unwrap();
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.call(BOB, create(600, None)).unwrap_err().code, ErrorCode::GroupNotAllowed);
    assert_eq!(world.call(CAROL, create(600, None)).unwrap_err().code, ErrorCode::SyncDisabled);
}

#[test]
fn a_removed_device_forgets_its_group_before_it_comes_into_another() {
    let mut world = World::of(3, 36);
    let bob = world.ask(BOB);
    world.network.run_ms(5_000);
    world.approve(ALICE, &bob.device, "writer").unwrap();
    world.settle(&[ALICE, BOB]);
    world.call(ALICE, Command::RemoveDevice { device: bob.device }).unwrap();
    world.network.run_ms(5_000);
    assert!(world.network.devices[BOB].status.clone().unwrap().removed);
    // One other member is left, whom it does not share anything with any more.
    let (_, link) = world.approval_invite("writer", 1);
    let joins = [
        Command::JoinInvite { invite: "7KQ2-0000-0000-0000".into(), relay: None, device_name: None },
        Command::JoinInvite { invite: link.clone(), relay: None, device_name: None },
        Command::RequestToJoin { ticket: link.clone(), role: None, relay: None, device_name: None },
        Command::Recover {
            relay: None,
            device_name: None,
            locator: Some("7KQ2-AAAA-BBBB-CCCC".into()),
            secret: Passphrase::new("Grüne Wiese 7"),
        },
    ];
    for join in joins {
        assert_eq!(world.call(BOB, join).unwrap_err().code, ErrorCode::GroupAlreadyJoined);
    }
    world.call(BOB, Command::DisableSync { forget: true }).unwrap();
    let again = world.come_with(BOB, &link);
    world.network.run_ms(5_000);
    world.approve(ALICE, &again.device, "writer").unwrap();
    world.settle(&[ALICE, BOB]);
}
