//! What each command does.

use super::approval::needs_approval;
use super::asking::Asked as AskedToJoin;
use super::documents::{Stop, outcome};
use super::find::Asked;
use super::invites::{AskedInvite, sync_disabled};
use super::rows::Missing;
use super::search;
use super::sync::{Wait, Waiter};
use super::task::CommandTask;
use super::{Machine, Phase, many};
use crate::api::{
    Command, Diagnostics, DisconnectReason, DocumentState, Durability, ErrorCode, Failure, Outcome, Passphrase,
    Quarantined, Reply, SyncSettings,
};
use crate::group::ProfilePayload;
use ashore_protocol::control::{Control, Role};

/// The longest a `flush` or `syncNow` waits, in milliseconds.
const LONGEST_WAIT_MS: u64 = 10 * 60_000;
/// The longest that `syncReady` waits: a first sync may be large.
const LONGEST_WAIT_TO_BE_READY_MS: u64 = 24 * 3_600_000;
/// How often the relay may be asked for news though nothing happened, in milliseconds.
const INTERVAL_MS: std::ops::RangeInclusive<u64> = 1_000..=31 * 24 * 3_600_000;
/// The longest device name, in bytes.
const MAX_NAME_BYTES: usize = 256;

impl Machine {
    pub(super) fn run_command(&mut self, task: &mut CommandTask) -> Result<(), Missing> {
        let command = task.command.clone();
        let (client, id) = (task.client.clone(), task.id);
        if let Some(outcome) = self.clients.outcome(&client, id) {
            self.answer_now(&client, id, outcome);
            return Ok(());
        }
        match self.command(task, command) {
            Ok(Some(Done { reply, after_commit, remember })) => {
                let answer = Outcome::Ok(reply);
                if remember {
                    self.clients.remember(&client, id, &answer);
                    self.batch.clients.insert(client.clone());
                }
                if after_commit {
                    self.answer_after_commit(&client, id, answer);
                } else {
                    self.answer_now(&client, id, answer);
                }
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(Stop::Missing(missing)) => Err(missing),
            Err(Stop::Failed(failure)) => {
                self.answer_now(&client, id, outcome(Err(failure)));
                Ok(())
            }
        }
    }

    fn command(&mut self, task: &mut CommandTask, command: Command) -> Result<Option<Done>, Stop> {
        self.check_not_importing(&command)?;
        let client = task.client.clone();
        let reply = match command {
            Command::Ping { text } => Done::now(Reply::Pong { text }),
            Command::Get { collection, ids } => {
                let (reply, uncommitted) = self.get(&collection, &ids)?;
                Done { reply, after_commit: uncommitted, remember: false }
            }
            Command::List { collection, range } => self.read(|machine| machine.list(task, &collection, &range))?,
            Command::Scan { collection, range } => self.read(|machine| machine.scan(task, &collection, &range))?,
            Command::Find { collection, query, after, page, within } => {
                let asked = Asked { query: &query, after: after.as_deref(), page, within: within.as_ref() };
                self.read(|machine| machine.find(task, &collection, asked))?
            }
            Command::Search { collection, text, index, filter, prefix, any, offset, limit } => {
                let (index, filter) = (index.as_deref(), filter.as_deref());
                let asked =
                    search::Asked { collection: &collection, text: &text, index, filter, prefix, any, offset, limit };
                self.read(|machine| machine.search(task, &asked))?
            }
            Command::Explain { collection, query } => Done::now(self.explain(&collection, &query)?),
            Command::Count { collection, query, within } => {
                let asked = Asked { query: &query, within: within.as_ref(), ..Asked::default() };
                self.read(|machine| machine.count(task, &collection, asked))?
            }
            Command::History { collection, id, before, limit } => {
                self.read(|machine| machine.history(&collection, &id, before.as_deref(), limit))?
            }
            Command::At { collection, id, version } => {
                self.read(|machine| machine.document_at(&collection, &id, &version))?
            }
            Command::Conflicts { collection, id } => self.read(|machine| machine.conflicts(&collection, &id))?,
            Command::Collections {} => self.read(|machine| machine.collections(task).map_err(Stop::from))?,
            Command::Write { writes, durability, split } => {
                self.writing(durability, |machine| machine.write(&writes, !split))?
            }
            Command::UpdateMany { collection, query, modifiers, durability } => {
                self.writing(durability, |machine| machine.update_many(task, &collection, &query, &modifiers))?
            }
            Command::DeleteMany { collection, query, durability } => {
                self.writing(durability, |machine| machine.delete_many(task, &collection, &query))?
            }
            Command::Apply { collection, ids, documents, modifiers } => {
                Done::now(many::apply(&collection, &ids, &documents, &modifiers)?)
            }
            Command::DeclareIndexes { collection, indexes } => {
                let reply = self.declare_indexes(&collection, &indexes)?;
                Done { reply, after_commit: self.has_uncommitted(), remember: false }
            }
            Command::IndexConflicts { collection, index } => {
                self.read(|machine| machine.index_conflicts(task, &collection, &index))?
            }
            Command::Indexes { collection } => self.read(|machine| Ok(machine.list_indexes(&collection)?))?,
            Command::DeclareCollection { collection, local, local_fields, sync_fields, sync_deletes } => {
                let fields = (local, local_fields.as_slice(), sync_fields.as_deref());
                let reply = self.declare_collection(task, &collection, fields, sync_deletes)?;
                Done { reply, after_commit: self.has_uncommitted(), remember: false }
            }
            Command::Parked { collection, range } => self.read(|machine| machine.parked(task, &collection, &range))?,
            Command::Text { collection, id, path, ask } => {
                let (reply, uncommitted) = self.text(&collection, &id, &path, &ask)?;
                Done { reply, after_commit: uncommitted, remember: false }
            }
            Command::Flush { timeout_ms } => {
                let pending = self.pending();
                if pending == 0 && !self.has_uncommitted() {
                    return Ok(Some(Done::now(Reply::Flushed { pending })));
                }
                return self.wait_for(task, timeout_ms, Wait::Flush);
            }
            Command::EnableSync { relay, device_name } => {
                self.enable_sync(relay, device_name)?;
                Done::after_commit(Reply::Status { status: self.status() })
            }
            Command::DisableSync { forget } => {
                self.disable_sync(forget);
                Done::after_commit(Reply::Status { status: self.status() })
            }
            Command::Addresses {} => Done::now(Reply::Addresses { addresses: self.addresses() }),
            Command::ConfigureSync { auto, interval_ms, relays, channels } => {
                let reply = self.configure_sync(auto, interval_ms, (relays, channels))?;
                Done { reply, after_commit: self.has_uncommitted(), remember: false }
            }
            Command::SyncNow { timeout_ms } => return self.sync_now(task, timeout_ms),
            Command::SyncReady { timeout_ms } => return self.sync_ready(task, timeout_ms),
            Command::PublishSnapshot { timeout_ms } => {
                self.need_role(Role::Writer)?;
                return self.wait_for(task, timeout_ms, Wait::Snapshot);
            }
            Command::Status {} => Done::now(Reply::Status { status: self.status() }),
            Command::DocumentStatus { collection, id } => {
                let state: DocumentState = self.document_state(&collection, &id)?;
                Done::now(Reply::DocumentStatus { state })
            }
            Command::CreateInvite { ttl_seconds, link_base, role, uses } => {
                self.need_group()?;
                self.create_invite(&task.client, task.id, AskedInvite { ttl_seconds, link_base, role, uses })?;
                return Ok(None);
            }
            Command::Invites {} => Done::after_commit(self.invites()),
            Command::RevokeInvite { invite } => {
                self.revoke_invite(&invite)?;
                Done::changed(self.invites())
            }
            Command::RemoveDevice { device } => {
                self.remove_device(&device)?;
                Done::changed(Reply::Devices { devices: self.devices() })
            }
            Command::ChangeRole { device, role } => {
                self.change_role(&device, &role)?;
                Done::changed(Reply::Devices { devices: self.devices() })
            }
            Command::HandOver { device } => {
                self.hand_over(&device)?;
                Done::changed(Reply::Devices { devices: self.devices() })
            }
            Command::LeaveGroup {} => {
                self.leave()?;
                Done::changed(Reply::Done {})
            }
            Command::RotateKeys {} => {
                self.rotate_keys()?;
                Done::changed(Reply::Done {})
            }
            Command::CreateApprovalInvite { ttl_seconds, link_base, role, uses } => {
                self.need_group()?;
                Done::changed(self.create_approval_invite(&AskedInvite { ttl_seconds, link_base, role, uses })?)
            }
            Command::JoinInvite { invite, relay, device_name } if needs_approval(&invite) => {
                Done::changed(self.request_to_join(AskedToJoin { ticket: invite, role: None, relay, device_name })?)
            }
            Command::JoinInvite { invite, relay, device_name } => {
                self.take_settings(relay, device_name)?;
                self.join_invite(&task.client, task.id, &invite)?;
                return Ok(None);
            }
            Command::Devices {} => Done::after_commit(Reply::Devices { devices: self.devices() }),
            Command::RenameDevice { name } => {
                self.rename_device(&name)?;
                Done::after_commit(Reply::Devices { devices: self.devices() })
            }
            Command::Quarantine {} => Done::now(self.quarantined()),
            Command::Diagnostics {} => Done::now(Reply::Diagnostics { diagnostics: self.diagnostics() }),
            Command::ConfigureRetention { keep_deleted_seconds, idle_seconds, keep_entries_seconds } => {
                self.configure_retention(keep_deleted_seconds, idle_seconds, keep_entries_seconds);
                Done::after_commit(Reply::Done {})
            }
            Command::Storage { after } => self.read(|machine| machine.storage(task, after.as_deref()))?,
            Command::SeenBy { collection, id } => Done::after_commit(self.seen_by(&collection, &id)?),
            Command::Check { after } => self.read(|machine| machine.check(task, after.as_deref()))?,
            Command::Repair { after } => {
                let reply = self.repair(task, after.as_deref())?;
                Done { reply, after_commit: true, remember: false }
            }
            Command::Export { passphrase, after } => self
                .read(|machine| machine.export(task, passphrase.as_ref().map(Passphrase::expose), after.as_deref()))?,
            Command::Import { passphrase, after: None, bytes, .. } => {
                Done::now(self.begin_import(passphrase.as_ref().map_or("", Passphrase::expose), &bytes.0)?)
            }
            Command::Import { after: Some(after), bytes, last, dry, .. } => {
                let reply = self.import(&after, &bytes.0, last, dry)?;
                Done { reply, after_commit: true, remember: false }
            }
            Command::Hint { hint } => {
                self.take_hint(hint);
                Done::now(Reply::Done {})
            }
            Command::Watch { watch, collection, query, id } => {
                self.watch(task, watch, &collection, &query, id.as_deref())?;
                Done { reply: Reply::Done {}, after_commit: self.has_uncommitted(), remember: false }
            }
            Command::WatchTaken { watch, patch } => {
                self.watch_taken(&client, watch, patch);
                Done::now(Reply::Done {})
            }
            Command::Unwatch { watch } => {
                self.watches.end(&client, watch);
                Done::now(Reply::Done {})
            }
            Command::ForgetClient { client } => {
                self.clients.forget(&client);
                self.watches.forget(&client);
                self.forget_presence(&client);
                self.batch.clients.insert(client);
                Done::now(Reply::Done {})
            }
            Command::SetPresence { handle, since, state } => {
                Done::now(self.set_presence(&client, &handle, since, state)?)
            }
            Command::WatchPresence { handle } => Done::now(self.watch_presence(&client, &handle)?),
            Command::UnwatchPresence { handle } => {
                self.unwatch_presence(&client, &handle);
                Done::now(Reply::Done {})
            }
            Command::CreateTicket { link_base } => Done::now(self.create_ticket(link_base.as_deref())?),
            Command::RequestToJoin { ticket, role, relay, device_name } => {
                Done::changed(self.request_to_join(AskedToJoin { ticket, role, relay, device_name })?)
            }
            Command::OwnRequest {} => Done::after_commit(self.own_request()),
            Command::WithdrawRequest {} => {
                self.withdraw_request();
                Done::after_commit(Reply::Done {})
            }
            Command::Requests {} => {
                self.list_requests(&task.client, task.id)?;
                return Ok(None);
            }
            Command::ApproveRequest { device, role } => {
                if !self.approve_request(&task.client, task.id, &device, &role)? {
                    return Ok(None);
                }
                Done::after_commit(Reply::Devices { devices: self.devices() })
            }
            Command::RejectRequest { device } => {
                self.reject_request(&task.client, task.id, &device)?;
                return Ok(None);
            }
            Command::SetPassword { password, locator } => {
                self.set_password(&task.client, task.id, password.expose(), locator.as_deref())?;
                return Ok(None);
            }
            Command::CreateRecoveryPhrase {} => {
                self.create_recovery_phrase(&task.client, task.id)?;
                return Ok(None);
            }
            Command::Recoveries {} => Done::after_commit(self.recoveries()),
            Command::RemoveRecovery { recovery } => {
                self.remove_recovery(&recovery)?;
                Done::changed(self.recoveries())
            }
            Command::Recover { relay, device_name, locator, secret } => {
                let by = super::recover::RecoverBy::parse(locator.as_deref(), secret)?;
                self.take_settings(relay, device_name)?;
                self.recover(&task.client, task.id, by)?;
                return Ok(None);
            }
            Command::Unlock { .. }
            | Command::Lock {}
            | Command::ChangePassphrase { .. }
            | Command::WipeKeys {}
            | Command::Keys {} => {
                let message = "this host keeps no keys";
                return Err(Failure::new(ErrorCode::HostUnsupported, message).into());
            }
            Command::WatchLogs { .. } => {
                return Err(Failure::new(ErrorCode::HostUnsupported, "this host keeps no log").into());
            }
            Command::Close {} => {
                self.phase = Phase::Closing;
                self.end_link(DisconnectReason::Disabled);
                self.write_settings();
                Done::after_commit(Reply::Done {})
            }
        };
        Ok(Some(reply))
    }

    /// A read of more than single documents: it may have seen anything that is written, so it waits for it.
    fn read(&mut self, read: impl FnOnce(&mut Self) -> Result<Reply, Stop>) -> Result<Done, Stop> {
        let reply = read(self)?;
        Ok(Done { reply, after_commit: self.has_uncommitted(), remember: false })
    }

    fn writing(
        &mut self,
        durability: Durability,
        write: impl FnOnce(&mut Self) -> Result<Reply, Stop>,
    ) -> Result<Done, Stop> {
        let before = self.batch.writes_nothing();
        let reply = write(self)?;
        self.batch.set_durability(durability);
        // A write that changed nothing rests on what was written before it.
        let remember = !self.batch.writes_nothing() || !before;
        Ok(Done { reply, after_commit: true, remember })
    }

    /// Answers at once when everything was here before, also without a network.
    fn sync_ready(&mut self, task: &CommandTask, timeout_ms: u64) -> Result<Option<Done>, Stop> {
        let asks = self.sync.asking.as_ref().is_some_and(super::asking::Asking::is_active);
        if self.sync.group.is_none() && self.sync.joining.is_none() && !asks {
            return Err(sync_disabled().into());
        }
        let status = self.status();
        if status.group.is_some() && status.last_synced_at.is_some() {
            return Ok(Some(Done::now(Reply::Status { status })));
        }
        self.wait_for(task, timeout_ms, Wait::Ready)
    }

    fn wait_for(&mut self, task: &CommandTask, timeout_ms: u64, what: Wait) -> Result<Option<Done>, Stop> {
        let longest = if matches!(what, Wait::Ready) { LONGEST_WAIT_TO_BE_READY_MS } else { LONGEST_WAIT_MS };
        let deadline = self.now.plus_ms(timeout_ms.min(longest));
        self.sync.waiters.push(Waiter { client: task.client.clone(), call: task.id, deadline, what });
        Ok(None)
    }

    fn enable_sync(&mut self, relay: Option<String>, device_name: Option<String>) -> Result<(), Failure> {
        self.take_settings(relay, device_name)?;
        if self.sync.settings.relay.is_none() {
            return Err(Failure::new(ErrorCode::RelayInvalidAddress, "no relay is set"));
        }
        self.sync.settings.enabled = true;
        self.pause_asking(false);
        self.write_settings();
        if self.sync.group.is_none() {
            self.found_group()?;
        }
        if self.sync.link.is_none() {
            self.try_now();
        }
        Ok(())
    }

    /// Takes over the relay's address and the device's name. Another relay is another log.
    pub(super) fn take_settings(&mut self, relay: Option<String>, device_name: Option<String>) -> Result<(), Failure> {
        if let Some(name) = device_name {
            check_name(&name)?;
            self.sync.settings.device_name = name;
        }
        let Some(relay) = relay else { return Ok(()) };
        check_address(&relay)?;
        // In a group, which of several relays is followed is not for the app to say each time it starts.
        let known = self.sync.settings.relays().contains(&relay);
        if known && (self.sync.group.is_some() || self.sync.settings.relay.as_ref() == Some(&relay)) {
            self.write_settings();
            return Ok(());
        }
        if !known {
            self.sync.settings.relays = None;
        }
        self.move_to_relay(relay);
        Ok(())
    }

    fn disable_sync(&mut self, forget: bool) {
        self.sync.settings.enabled = false;
        self.pause_asking(true);
        self.end_link(DisconnectReason::Disabled);
        self.forget_faults();
        let failure = sync_disabled();
        self.fail_waiters(&failure, |_| true);
        if forget {
            self.forget_group();
        } else {
            self.write_settings();
        }
    }

    /// What is given is set; answers what holds.
    fn configure_sync(
        &mut self,
        auto: Option<bool>,
        interval_ms: Option<u64>,
        (relays, channels): (Option<Vec<String>>, Option<Vec<String>>),
    ) -> Result<Reply, Failure> {
        if interval_ms.is_some_and(|interval| !INTERVAL_MS.contains(&interval)) {
            let message = "the interval of sync is from one second to 31 days";
            return Err(Failure::new(ErrorCode::RequestInvalid, message));
        }
        if let Some(relays) = relays {
            self.set_relays(relays)?;
        }
        if let Some(channels) = channels {
            self.set_channels(channels)?;
        }
        let settings = &mut self.sync.settings;
        let before = (settings.auto, settings.interval_ms);
        settings.auto = auto.or(settings.auto);
        settings.interval_ms = interval_ms.or(settings.interval_ms);
        if (settings.auto, settings.interval_ms) != before {
            self.sync.safety_at = None;
            self.write_settings();
        }
        if auto == Some(true) && self.sync.link.is_none() {
            self.try_now();
        }
        let settings = &self.sync.settings;
        let settings = SyncSettings {
            auto: settings.is_auto(),
            interval_ms: settings.interval_ms(),
            relays: settings.relays.clone().unwrap_or_default(),
            channels: settings.channels.clone().unwrap_or_default(),
        };
        Ok(Reply::SyncSettings { settings })
    }

    fn sync_now(&mut self, task: &CommandTask, timeout_ms: u64) -> Result<Option<Done>, Stop> {
        self.need_group()?;
        if !self.sync.settings.enabled {
            return Err(sync_disabled().into());
        }
        if self.is_removed() {
            return Err(super::members::removed().into());
        }
        let (pushed, pulled) = (self.sync.pushed, self.sync.pulled);
        if self.sync.link.is_none() {
            self.try_now();
        }
        if let Some(link) = &mut self.sync.link {
            link.hold_sends_until = None;
        }
        self.wait_for(task, timeout_ms, Wait::Now { pushed, pulled, asked: false })
    }

    /// Asks the relay what is new for the calls that want to know now.
    pub(super) fn ask_for_waiters(&mut self) {
        let may_ask =
            self.link_is_open() && self.sync.link.as_ref().is_some_and(|link| link.caught_up && link.pull.is_none());
        if !may_ask {
            return;
        }
        let mut ask = false;
        for waiter in &mut self.sync.waiters {
            if let Wait::Now { asked, .. } = &mut waiter.what {
                ask |= !std::mem::replace(asked, true);
            }
        }
        if ask {
            self.pull();
        }
    }

    fn need_group(&self) -> Result<(), Failure> {
        if self.sync.group.is_some() { Ok(()) } else { Err(sync_disabled()) }
    }

    fn rename_device(&mut self, name: &str) -> Result<(), Failure> {
        check_name(name)?;
        self.sync.settings.device_name = name.to_owned();
        self.write_settings();
        let Some(group) = self.sync.group.as_ref().filter(|group| !group.is_removed()) else { return Ok(()) };
        let device = group.me();
        let Some((_, key)) = group.newest_key() else { return Ok(()) };
        let profile = ProfilePayload::of(name);
        let sealed = profile.seal(&key, &device, &mut self.rng).into();
        self.sign_control(&Control::Name { sealed, kem: None }).map(drop)
    }

    fn quarantined(&self) -> Reply {
        let kept = self.sync.group.iter().flat_map(|group| &group.quarantine);
        let entries = kept.map(|(id, kept)| Quarantined {
            entry: id.to_string(),
            author: kept.author.to_string(),
            reason: kept.reason.as_str().to_owned(),
        });
        Reply::Quarantine { entries: entries.collect() }
    }

    fn diagnostics(&self) -> Diagnostics {
        Diagnostics {
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            store_format: u32::from(crate::store::packed::FORMAT_VERSION),
            waiting_calls: self.tasks.len() as u32,
            outbox: self.sync.group.as_ref().map_or(0, |group| group.outbox.len() as u32),
            commits: self.commits,
            loads: self.next_load,
            cached_bytes: self.rows.byte_len() as u64,
            wasm_bytes: None,
            snapshot: self.snapshot_info(),
        }
    }
}

/// What a command has to tell, and when.
struct Done {
    reply: Reply,
    /// Only when everything written so far is committed.
    after_commit: bool,
    /// It changed something: asked again it is answered, not done again.
    remember: bool,
}

impl Done {
    fn now(reply: Reply) -> Self {
        Self { reply, after_commit: false, remember: false }
    }

    fn after_commit(reply: Reply) -> Self {
        Self { reply, after_commit: true, remember: false }
    }

    fn changed(reply: Reply) -> Self {
        Self { reply, after_commit: true, remember: true }
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    if name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::RequestInvalid, format!("a device's name has at most {MAX_NAME_BYTES} bytes")))
}

pub(super) fn check_address(address: &str) -> Result<(), Failure> {
    let rest = address.strip_prefix("ws://").or_else(|| address.strip_prefix("wss://"));
    match rest {
        Some(rest) if !rest.is_empty() && address.len() <= 1_024 && !address.contains(char::is_whitespace) => Ok(()),
        _ => Err(Failure::new(ErrorCode::RelayInvalidAddress, "a relay's address begins with ws:// or wss://")),
    }
}
