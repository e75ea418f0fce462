//! Joining by request: tickets, who asks to be let in, and what this device asks itself.

use crate::query::wrong_reply;
use crate::sync::{InviteOptions, Sync};
use ashore_engine::api::{
    Command, Device, ErrorCode, Event, Failure, JoinRequestInfo, OwnRequest, OwnRequestState, Reply,
};
use futures_util::StreamExt;

/// A page's address that lets whoever has it ask to join, and nobody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The address, with the ticket behind `#`.
    pub link: String,
    /// The link as a QR code: a `data:image/svg+xml` URL.
    pub qr_code: String,
}

/// An invite whose holders ask, and an admin decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalInvite {
    /// Its id, as requests that came with it name it.
    pub id: String,
    /// The page's address, with the ticket and the invite's secret behind `#`.
    pub link: String,
    /// The link as a QR code: a `data:image/svg+xml` URL.
    pub qr_code: String,
    /// When it stops marking requests, in milliseconds since 1970.
    pub expires_at: u64,
}

impl Sync {
    /// Where the group is, for somebody who is to ask to join. Any member may make one, offline too; it does not expire.
    pub async fn create_ticket(&self, link_base: Option<String>) -> Result<Ticket, Failure> {
        match self.conversation.ask(Command::CreateTicket { link_base }).await? {
            Reply::Ticket { link, qr_code } => Ok(Ticket { link, qr_code }),
            _ => Err(wrong_reply()),
        }
    }

    /// An invite that needs approval: it has no short code, and is made offline too.
    pub async fn create_approval_invite(&self, options: InviteOptions) -> Result<ApprovalInvite, Failure> {
        let InviteOptions { role, uses, ttl, link_base } = options;
        let (ttl_seconds, role, uses) = (ttl.as_secs(), Some(role), Some(uses));
        let command = Command::CreateApprovalInvite { ttl_seconds, link_base, role, uses };
        match self.conversation.ask(command).await? {
            Reply::ApprovalInvite { id, link, qr_code, expires_at } => {
                Ok(ApprovalInvite { id, link, qr_code, expires_at })
            }
            _ => Err(wrong_reply()),
        }
    }

    /// Asks to join the group of a ticket, as a writer unless `role` or the ticket says otherwise. Resolves when the request is stored here, with or without a
    /// network; its words are to be compared with those that the admin is shown. [`Sync::admitted`] waits for the answer.
    pub async fn request_to_join(
        &self,
        ticket: &str,
        role: Option<&str>,
        device_name: &str,
    ) -> Result<OwnRequest, Failure> {
        let command = Command::RequestToJoin {
            ticket: ticket.to_owned(),
            role: role.map(str::to_owned),
            relay: None,
            device_name: Some(device_name.to_owned()),
        };
        match self.conversation.ask(command).await? {
            Reply::OwnRequest { request: Some(request) } => Ok(request),
            _ => Err(wrong_reply()),
        }
    }

    /// What this device has asked for and how it stands, or how it ended; `None` when nothing was asked.
    pub async fn request(&self) -> Result<Option<OwnRequest>, Failure> {
        match self.conversation.ask(Command::OwnRequest {}).await? {
            Reply::OwnRequest { request } => Ok(request),
            _ => Err(wrong_reply()),
        }
    }

    /// Resolves with the group's id when an admin has let this device in, however long that takes; also for a request of an earlier run.
    ///
    /// `join-request.rejected`: an admin has said no. `join-request.refused`: the relay does not take it. `join-request.not-found`: nothing is asked.
    pub async fn admitted(&self) -> Result<String, Failure> {
        let mut events = self.conversation.events();
        if let Some(decided) = decided(self.request().await?) {
            return decided;
        }
        while let Some(event) = events.next().await {
            let asked = match event {
                Event::OwnRequest { request } => request,
                // One that was missed while an engine was replaced.
                Event::Changed { missed: true, .. } => self.request().await?,
                _ => continue,
            };
            if let Some(decided) = decided(asked) {
                return decided;
            }
        }
        Err(Failure::new(ErrorCode::DatabaseClosed, "The database was closed."))
    }

    /// Takes this device's request back, offline too; of one that was decided, forgets how.
    pub async fn withdraw_request(&self) -> Result<(), Failure> {
        self.conversation.ask(Command::WithdrawRequest {}).await.map(drop)
    }

    /// Who asks to join, the earliest first. Admins only; needs the relay, which keeps the requests.
    pub async fn requests(&self) -> Result<Vec<JoinRequestInfo>, Failure> {
        self.requests_of(Command::Requests {}).await
    }

    /// Lets the device of that id in as an `admin`, a `writer` or a `reader`. Compare the words of its request with those on its screen first. Answers the members.
    pub async fn approve(&self, device: &str, role: &str) -> Result<Vec<Device>, Failure> {
        let (device, role) = (device.to_owned(), role.to_owned());
        match self.conversation.ask(Command::ApproveRequest { device, role }).await? {
            Reply::Devices { devices } => Ok(devices),
            _ => Err(wrong_reply()),
        }
    }

    /// Turns the device of that id away. Answers who still asks.
    pub async fn reject(&self, device: &str) -> Result<Vec<JoinRequestInfo>, Failure> {
        self.requests_of(Command::RejectRequest { device: device.to_owned() }).await
    }

    async fn requests_of(&self, command: Command) -> Result<Vec<JoinRequestInfo>, Failure> {
        match self.conversation.ask(command).await? {
            Reply::Requests { requests } => Ok(requests),
            _ => Err(wrong_reply()),
        }
    }
}

/// What came of a request; `None`: nobody has decided.
fn decided(request: Option<OwnRequest>) -> Option<Result<String, Failure>> {
    let Some(request) = request else {
        return Some(Err(Failure::new(ErrorCode::JoinRequestMissing, "Nothing is asked.")));
    };
    match request.state {
        OwnRequestState::Pending => None,
        OwnRequestState::Admitted => Some(Ok(request.group)),
        OwnRequestState::Rejected => Some(Err(Failure::new(ErrorCode::JoinRequestRejected, "An admin has said no."))),
        OwnRequestState::Refused => {
            let why = request.code.as_deref().unwrap_or("unknown");
            let sentence = format!("The relay does not take it: {why}.");
            Some(Err(Failure::new(ErrorCode::JoinRequestRefused, sentence)))
        }
    }
}
