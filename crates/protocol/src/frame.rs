//! Frames: what a device and a relay say to each other, one to a binary WebSocket message.
//!
//! A frame is a CBOR array whose first item is its number. Numbers are never reused; fields are only ever added at the end
//! and optional. A frame of an unknown number is passed over ([`Received::Unknown`]), so that a newer peer may
//! say more than an older one understands; anything else that does not decode ends the connection.
//!
//! The conversation: the relay opens with [`RelayFrame::Challenge`]; the device answers [`ClientFrame::Hello`]; after
//! [`RelayFrame::Welcome`] requests may be sent without waiting for answers. Each answer carries its request's number.
//!
//! **Following a log.** [`ClientFrame::Open`] says where the device stands; then come [`RelayFrame::Opened`] and, when there is more in the log, the first
//! [`RelayFrame::Page`]. The device pulls until a page says `more: false`: from then on the relay pushes
//! [`RelayFrame::Live`], whose cursors go on from there without a gap. While `more` is true nothing is pushed. When the
//! connection cannot keep up the relay says [`RelayFrame::Lagged`] once and pushes nothing until the device has pulled
//! to the end again.

use crate::codec::{self, Bytes, CodecError};
use crate::envelope::{EnvelopeToken, EnvelopeVerifier, PasswordHint};
use crate::ids::{
    Cursor, DeviceId, EntryId, EnvelopePlace, Epoch, GroupId, InvitePlace, LogId, LogPrefix, SnapshotNonce, Timestamp,
};
use crate::limits::Limits;
use crate::request::{AskState, SignedRequest};
use crate::sign::Signature;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

/// The number a device gives to a request; its answer carries it. Reused at will once answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RequestId(#[n(0)] pub u32);

/// What a device says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum ClientFrame {
    /// Answers the challenge: proves who this device is. See [`crate::handshake`].
    #[n(0)]
    Hello {
        /// The version both speak from here on, one of those in the challenge.
        #[n(0)]
        version: u32,
        /// Who answers.
        #[n(1)]
        device: DeviceId,
        /// Host and port of the relay as the device dialled it, `relay.example.org` or `127.0.0.1:8080`: an answer
        /// meant for one relay is of no use to it against another.
        #[n(2)]
        audience: String,
        /// Over the challenge and all of this.
        #[n(3)]
        signature: Signature,
    },
    /// Follows a group's log from a cursor. Answers: `Opened` (and `Page`), `Diverged` or `Failed`.
    #[n(1)]
    Open {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Whose log.
        #[n(1)]
        group: GroupId,
        /// The log that the cursor belongs to; `None` if the device has followed none at this relay.
        #[n(2)]
        log: Option<LogId>,
        /// The last cursor whose entry the device has stored.
        #[n(3)]
        cursor: Cursor,
        /// All that the device found up to there; `None` at cursor 0.
        #[n(4)]
        prefix: Option<LogPrefix>,
        /// Size of the first page.
        #[n(5)]
        page: PageSize,
    },
    /// Appends entries, all or none, in this order. An entry that the log has keeps its cursor. Answers: `Appended` or `Failed`.
    ///
    /// The first append to a group that the relay does not know begins with its genesis and must make the sender a
    /// member: when a relay is filled again, a group's control entries therefore go first.
    #[n(2)]
    Append {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// To whose log.
        #[n(1)]
        group: GroupId,
        /// Encoded entries.
        #[n(2)]
        entries: Vec<Bytes>,
    },
    /// Asks for the entries after a cursor of an open group. Answers: `Page` or `Failed`.
    #[n(3)]
    Pull {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Of which group; it must be open on this connection.
        #[n(1)]
        group: GroupId,
        /// The last cursor that the device has.
        #[n(2)]
        after: Cursor,
        /// Size of the page.
        #[n(3)]
        page: PageSize,
    },
    /// Leaves a sealed invitation at a place, for one device to take, or for several. Answers: `InvitePut` or `Failed`.
    #[n(4)]
    PutInvite {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// An invitation into this group, of which the sender is an admin.
        #[n(1)]
        group: GroupId,
        /// One hash of the invite code.
        #[n(2)]
        place: InvitePlace,
        /// It cannot be taken later than this.
        #[n(3)]
        expires_at: Timestamp,
        /// Sealed with the other hash of the code.
        #[n(4)]
        sealed: Bytes,
        /// How many devices may take it, at most [`crate::limits::MAX_INVITE_USES`]; one unless told otherwise.
        #[n(5)]
        uses: Option<u32>,
    },
    /// Takes the invitation at a place; one of its uses is gone from then on. Answers: `Invitation` or `Failed`. A device that asks
    /// again (because the answer was lost) gets it again, another does not.
    #[n(5)]
    TakeInvite {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// One hash of the invite code.
        #[n(1)]
        place: InvitePlace,
    },
    /// Withdraws an invitation that somebody may still take. Answers: `InviteRevoked` or `Failed`.
    #[n(6)]
    RevokeInvite {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// The group, of which the sender is an admin.
        #[n(1)]
        group: GroupId,
        /// Where it lies.
        #[n(2)]
        place: InvitePlace,
    },
    /// Stops following a group. Answer: `Closed`, also when it was not open.
    #[n(7)]
    Close {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Which group.
        #[n(1)]
        group: GroupId,
    },
    /// Asks for a [`RelayFrame::Pong`] with the same number.
    #[n(8)]
    Ping {
        /// Any number.
        #[n(0)]
        number: u32,
    },
    /// Leaves one sealed part of a snapshot that the sender is making. Answers: `SnapshotPartPut` or `Failed`.
    ///
    /// A device makes one snapshot of a group at a time: parts of another nonce take the place of those before. The
    /// snapshot is finished by appending its entry, alone.
    #[n(9)]
    PutSnapshotPart {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Of which group; the sender may write in it.
        #[n(1)]
        group: GroupId,
        /// Which snapshot.
        #[n(2)]
        nonce: SnapshotNonce,
        /// Which part, from 0; a part that was put before is replaced.
        #[n(3)]
        index: u32,
        /// At most [`crate::snapshot::MAX_SNAPSHOT_PART_BYTES`].
        #[n(4)]
        sealed: Bytes,
    },
    /// Fetches one part of a finished snapshot. Answers: `SnapshotPart` or `Failed`.
    #[n(10)]
    GetSnapshotPart {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Of which group.
        #[n(1)]
        group: GroupId,
        /// The snapshot's entry.
        #[n(2)]
        snapshot: EntryId,
        /// Which part, from 0.
        #[n(3)]
        index: u32,
    },
    /// Asks for the genesis and control entries after a cursor: what a device needs to judge a snapshot when the entries
    /// below it are gone. Answers: `Controls` or `Failed`.
    #[n(11)]
    GetControls {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Of which group.
        #[n(1)]
        group: GroupId,
        /// The last cursor whose control entry the device has; 0 for all.
        #[n(2)]
        after: Cursor,
    },
    /// Says something to whoever else has the group open just now; nothing of it is kept. It is not answered, except with
    /// `Failed` when it is not forwarded, and then not each time. All whispers of a connection may have the same number.
    #[n(12)]
    Whisper {
        /// A refusal carries it.
        #[n(0)]
        request: RequestId,
        /// To which group; it must be open on this connection.
        #[n(1)]
        group: GroupId,
        /// Whose key it is sealed with.
        #[n(2)]
        epoch: Epoch,
        /// At most [`crate::limits::MAX_WHISPER_BYTES`].
        #[n(3)]
        sealed: Bytes,
    },
    /// Asks to join a group of which the sender is no member. The relay keeps it for the group's admins, one for each device; asked
    /// again it says how the asking stands. Answers: `AskState` or `Failed`.
    #[n(13)]
    Ask {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Which group.
        #[n(1)]
        group: GroupId,
        /// Signed by the sender.
        #[n(2)]
        asks: SignedRequest,
    },
    /// Asks who waits to be let in. Admins only. Answers: `Requests` or `Failed`.
    #[n(14)]
    ListRequests {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Into which group.
        #[n(1)]
        group: GroupId,
    },
    /// Says no to a request. (Yes is a control entry.) Admins only. Answers: `Requests`, those that are left, or `Failed`.
    #[n(15)]
    Reject {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Of which group.
        #[n(1)]
        group: GroupId,
        /// Whose request.
        #[n(2)]
        device: DeviceId,
    },
    /// Takes the sender's own request back. Answers: `AskState` or `Failed`.
    #[n(16)]
    Withdraw {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Of which group.
        #[n(1)]
        group: GroupId,
    },
    /// Leaves the envelope of a recovery at a place, instead of one of the same group that lies there. Answers: `EnvelopePut` or `Failed`.
    #[n(17)]
    PutEnvelope {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// The group, of which the sender is an admin.
        #[n(1)]
        group: GroupId,
        /// The entry that made the recovery; once it is closed, nobody gets the envelope.
        #[n(2)]
        recovery: EntryId,
        /// Where.
        #[n(3)]
        place: EnvelopePlace,
        /// Whether outsiders are to be kept from finding out that something lies there: the place can be guessed.
        #[n(4)]
        hidden: bool,
        /// Whoever has the token of this gets the envelope.
        #[n(5)]
        verifier: EnvelopeVerifier,
        /// At most [`crate::limits::MAX_ENVELOPE_BYTES`].
        #[n(6)]
        sealed: Bytes,
        /// What it takes to make token and key from a password; `None` where there is none.
        #[n(7)]
        hint: Option<PasswordHint>,
    },
    /// Asks what it takes to make a token from a password. Answers: `Hint` or `Failed`; for a hidden place always a `Hint`.
    #[n(18)]
    AskHint {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Where.
        #[n(1)]
        place: EnvelopePlace,
        /// As it was put.
        #[n(2)]
        hidden: bool,
    },
    /// Asks for the envelope at a place. Answers: `Envelope` or `Failed`, and after several wrong tokens only `Failed` for a while.
    #[n(19)]
    OpenEnvelope {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// Where.
        #[n(1)]
        place: EnvelopePlace,
        /// As it was put.
        #[n(2)]
        hidden: bool,
        /// Whoever has it gets the envelope.
        #[n(3)]
        token: EnvelopeToken,
    },
    /// Takes an envelope away. Answers: `EnvelopeDropped`, also when nothing of the group lies there, or `Failed`.
    #[n(20)]
    DropEnvelope {
        /// Answers carry it.
        #[n(0)]
        request: RequestId,
        /// The group, of which the sender is an admin.
        #[n(1)]
        group: GroupId,
        /// Where.
        #[n(2)]
        place: EnvelopePlace,
    },
}

/// How much a page may hold. The relay gives at least one entry, and at most what its own [`Limits`] allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PageSize {
    /// Most entries.
    #[n(0)]
    pub max_entries: u32,
    /// Most bytes of entries.
    #[n(1)]
    pub max_bytes: u32,
    /// Send the sender's own entries in full too, instead of their ids: for a device that lost some of what it wrote.
    #[n(2)]
    pub own_in_full: bool,
}

impl Default for PageSize {
    fn default() -> Self {
        let limits = Limits::default();
        Self { max_entries: limits.max_page_entries, max_bytes: limits.max_page_bytes, own_in_full: false }
    }
}

/// What a relay says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum RelayFrame {
    /// Opens the connection: prove who you are.
    #[n(0)]
    Challenge {
        /// The versions of this conversation that the relay speaks.
        #[n(0)]
        versions: Vec<u32>,
        /// Random, for this connection only.
        #[cbor(n(1), with = "minicbor::bytes")]
        nonce: [u8; 32],
        /// What the relay allows.
        #[n(2)]
        limits: Limits,
        /// The relay's clock.
        #[n(3)]
        now: Timestamp,
    },
    /// The device is who it says. Requests may follow.
    #[n(1)]
    Welcome {
        /// The version spoken from here on.
        #[n(0)]
        version: u32,
        /// The relay's clock.
        #[n(1)]
        now: Timestamp,
    },
    /// The group is open. If `head` is past the device's cursor a `Page` of the same request follows.
    #[n(2)]
    Opened {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The group.
        #[n(1)]
        group: GroupId,
        /// The log that cursors belong to.
        #[n(2)]
        log: LogId,
        /// The last cursor in it.
        #[n(3)]
        head: Cursor,
        /// Entries up to here were dropped, but for control entries: a snapshot covers them. `None`: all are there. No page
        /// follows when the device stands below it: it takes the snapshot, then opens again.
        #[n(4)]
        floor: Option<Cursor>,
        /// The newest finished snapshot, if it covers more than the device has and its author may write: the encoded entry.
        #[n(5)]
        snapshot: Option<Bytes>,
        /// The log's prefix that ends at the floor, for a device that stands below it: who is the only member and lacks what was
        /// dropped goes on from there, when no snapshot may be rested on.
        #[n(6)]
        floor_prefix: Option<LogPrefix>,
    },
    /// The log is another, or another entry stands at the cursor: the relay lost its disk or was restored from a backup.
    /// The group is not open. The device opens again at cursor 0 of this log, and appends whatever the log lacks.
    #[n(3)]
    Diverged {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The group.
        #[n(1)]
        group: GroupId,
        /// The log there is now.
        #[n(2)]
        log: LogId,
        /// The last cursor in it.
        #[n(3)]
        head: Cursor,
    },
    /// Entries after the cursor that was asked for, without gaps.
    #[n(4)]
    Page {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The group.
        #[n(1)]
        group: GroupId,
        /// The log that cursors belong to.
        #[n(2)]
        log: LogId,
        /// The entries, by cursor.
        #[n(3)]
        items: Vec<Item>,
        /// The last cursor in the log.
        #[n(4)]
        head: Cursor,
        /// Pull again. When false, the entries that come are pushed.
        #[n(5)]
        more: bool,
    },
    /// New entries, whose cursors go on where the last page or live frame ended.
    #[n(5)]
    Live {
        /// The group.
        #[n(0)]
        group: GroupId,
        /// The log that cursors belong to.
        #[n(1)]
        log: LogId,
        /// The entries, by cursor.
        #[n(2)]
        items: Vec<Item>,
    },
    /// Entries were held back, because too much waited for this connection: pull.
    #[n(6)]
    Lagged {
        /// The group.
        #[n(0)]
        group: GroupId,
        /// The last cursor in the log.
        #[n(1)]
        head: Cursor,
    },
    /// The entries are stored; this is sent only once they are on the relay's disk.
    #[n(7)]
    Appended {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The group.
        #[n(1)]
        group: GroupId,
        /// The log that cursors belong to.
        #[n(2)]
        log: LogId,
        /// Where each stands, in the order of the append.
        #[n(3)]
        placed: Vec<Placed>,
    },
    /// The invitation lies at its place.
    #[n(8)]
    InvitePut {
        /// The request answered.
        #[n(0)]
        request: RequestId,
    },
    /// The invitation, now used.
    #[n(9)]
    Invitation {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// As it was put.
        #[n(1)]
        sealed: Bytes,
        /// As it was put.
        #[n(2)]
        expires_at: Timestamp,
    },
    /// The invitation is gone.
    #[n(10)]
    InviteRevoked {
        /// The request answered.
        #[n(0)]
        request: RequestId,
    },
    /// The group is not open any more.
    #[n(11)]
    Closed {
        /// The request answered.
        #[n(0)]
        request: RequestId,
    },
    /// A request, or the connection, failed.
    #[n(12)]
    Failed {
        /// The request answered; `None` for the whole connection, which the relay then closes.
        #[n(0)]
        request: Option<RequestId>,
        /// Why.
        #[n(1)]
        code: FailureCode,
        /// Whether the same request may succeed later.
        #[n(2)]
        retry: bool,
        /// Not before so many milliseconds.
        #[n(3)]
        retry_after_ms: Option<u32>,
        /// The entry that an append was refused for.
        #[n(4)]
        entry: Option<EntryId>,
    },
    /// Answers a ping.
    #[n(13)]
    Pong {
        /// The ping's.
        #[n(0)]
        number: u32,
    },
    /// The part is kept; this is sent only once it is on the relay's disk.
    #[n(14)]
    SnapshotPartPut {
        /// The request answered.
        #[n(0)]
        request: RequestId,
    },
    /// A part of a snapshot, as it was put.
    #[n(15)]
    SnapshotPart {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The sealed bytes.
        #[n(1)]
        sealed: Bytes,
    },
    /// Genesis and control entries after the cursor that was asked for, in full, by cursor.
    #[n(16)]
    Controls {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The group.
        #[n(1)]
        group: GroupId,
        /// The log that cursors belong to.
        #[n(2)]
        log: LogId,
        /// The entries, by cursor, with gaps where others stand.
        #[n(3)]
        items: Vec<Item>,
        /// Ask again after the last of these.
        #[n(4)]
        more: bool,
    },
    /// Another member says something; see [`ClientFrame::Whisper`].
    #[n(17)]
    Whispered {
        /// The group.
        #[n(0)]
        group: GroupId,
        /// Who said it, by the relay's word.
        #[n(1)]
        from: DeviceId,
        /// As it was said.
        #[n(2)]
        epoch: Epoch,
        /// As it was said.
        #[n(3)]
        sealed: Bytes,
    },
    /// How the sender's request to join stands.
    #[n(18)]
    AskState {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The group.
        #[n(1)]
        group: GroupId,
        /// How.
        #[n(2)]
        state: AskState,
    },
    /// The requests that wait, as they were made, the earliest first.
    #[n(19)]
    Requests {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The group.
        #[n(1)]
        group: GroupId,
        /// At most [`crate::request::MAX_GROUP_REQUESTS`].
        #[n(2)]
        waiting: Vec<SignedRequest>,
    },
    /// The requests that wait changed, or some wait when the group is opened. To admins who have the group open.
    #[n(20)]
    Asked {
        /// The group.
        #[n(0)]
        group: GroupId,
    },
    /// A request of this device was decided.
    #[n(21)]
    Decided {
        /// The group.
        #[n(0)]
        group: GroupId,
        /// How.
        #[n(1)]
        state: AskState,
    },
    /// What it takes to make a token from a password; made up, but always the same, for a hidden place where nothing lies.
    #[n(22)]
    Hint {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// As it was put.
        #[n(1)]
        hint: PasswordHint,
    },
    /// The envelope, as it was put.
    #[n(23)]
    Envelope {
        /// The request answered.
        #[n(0)]
        request: RequestId,
        /// The sealed bytes.
        #[n(1)]
        sealed: Bytes,
    },
    /// The envelope lies at its place; this is sent only once it is on the relay's disk.
    #[n(24)]
    EnvelopePut {
        /// The request answered.
        #[n(0)]
        request: RequestId,
    },
    /// Nothing of the group lies there any more.
    #[n(25)]
    EnvelopeDropped {
        /// The request answered.
        #[n(0)]
        request: RequestId,
    },
}

/// One place of a log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Item {
    /// An entry.
    #[n(0)]
    Entry {
        /// Where it stands.
        #[n(0)]
        cursor: Cursor,
        /// The encoded entry.
        #[n(1)]
        bytes: Bytes,
    },
    /// An entry of the device that reads: it has the bytes.
    #[n(1)]
    Own {
        /// Where it stands.
        #[n(0)]
        cursor: Cursor,
        /// Which it is.
        #[n(1)]
        id: EntryId,
    },
}

impl Item {
    /// Where it stands in the log.
    pub fn cursor(&self) -> Cursor {
        match self {
            Self::Entry { cursor, .. } | Self::Own { cursor, .. } => *cursor,
        }
    }
}

/// Where an appended entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Placed {
    /// Which entry.
    #[n(0)]
    pub id: EntryId,
    /// Its cursor: the first it got, if it was appended before.
    #[n(1)]
    pub cursor: Cursor,
}

macro_rules! failure_codes {
    ($($(#[$meta:meta])* $name:ident $code:literal retry $retry:literal,)*) => {
        /// Why a relay refused. On the wire it is the text; codes stay for ever.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FailureCode {
            $($(#[$meta])* $name,)*
            /// A code of a newer relay. Whether retrying helps stands beside it in the frame.
            Unknown,
        }

        impl FailureCode {
            /// Every code that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                    Self::Unknown => "relay.unknown",
                }
            }

            /// Whether the same request may succeed later.
            pub const fn retry(self) -> bool {
                match self {
                    $(Self::$name => $retry,)*
                    Self::Unknown => false,
                }
            }

            /// The code with this text.
            pub fn parse(text: &str) -> Self {
                match text {
                    $($code => Self::$name,)*
                    _ => Self::Unknown,
                }
            }
        }
    };
}

failure_codes! {
    /// A frame did not decode, was text, or came where it does not belong. The connection is closed.
    BadFrame "relay.bad-frame" retry false,
    /// A frame is larger than the relay allows. The connection is closed.
    FrameTooLarge "relay.frame-too-large" retry false,
    /// Device and relay have no version in common. The connection is closed.
    UnsupportedVersion "relay.unsupported-version" retry false,
    /// The answer to the challenge does not verify. The connection is closed.
    BadHandshake "relay.bad-handshake" retry false,
    /// The device dialled another relay than this says it is. The connection is closed.
    WrongAudience "relay.wrong-audience" retry false,
    /// A request before the handshake. The connection is closed.
    NotAuthenticated "relay.not-authenticated" retry false,
    /// The relay has no log of this group (any more): append its entries, the genesis first.
    UnknownGroup "relay.unknown-group" retry false,
    /// The device is not a member of the group.
    NotAMember "relay.not-a-member" retry false,
    /// The member's role does not allow it.
    RoleForbids "relay.role-forbids" retry false,
    /// The device was removed from the group, or an entry's author was. The log is served up to the entry that removed it; an entry of a removed author is
    /// taken only when another in the log names it as a parent.
    Removed "relay.removed" retry false,
    /// The control entry came to nothing: something that it needs was taken away at the same time. It is not to be sent again.
    Superseded "relay.superseded" retry false,
    /// The group is not open on this connection.
    NotOpen "relay.not-open" retry false,
    /// More groups than one connection may have open.
    TooManyGroups "relay.too-many-groups" retry false,
    /// An entry does not decode, is forged, or breaks a rule of its group. Nothing of the append is stored.
    BadEntry "relay.bad-entry" retry false,
    /// An entry is larger than the relay allows.
    EntryTooLarge "relay.entry-too-large" retry false,
    /// An entry is of a version or kind that the relay does not know: it has to be updated.
    UnsupportedEntry "relay.unsupported-entry" retry true,
    /// An append has more entries than the relay allows in one.
    TooManyEntries "relay.too-many-entries" retry false,
    /// The group has used up the room it has at this relay.
    QuotaExceeded "relay.quota-exceeded" retry true,
    /// Too many of these in too short a time.
    TooManyAttempts "relay.too-many-attempts" retry true,
    /// The relay cannot store at the moment. Nothing that it did not acknowledge is lost on the device.
    Unavailable "relay.unavailable" retry true,
    /// The relay stops. The connection is closed.
    ShuttingDown "relay.shutting-down" retry true,
    /// The device did not read for too long. The connection is closed.
    TooSlow "relay.too-slow" retry true,
    /// Nothing lies at the place, or the invitation was forgotten since.
    InviteNotFound "invite.not-found" retry false,
    /// Somebody has taken the invitation, or has joined by it.
    InviteUsed "invite.used" retry false,
    /// The invite was withdrawn, or who made it is no admin any more.
    InviteRevoked "invite.revoked" retry false,
    /// The invitation has expired, or is asked to expire too far ahead.
    InviteExpired "invite.expired" retry false,
    /// The sealed invitation is larger than the relay allows.
    InviteTooLarge "invite.too-large" retry false,
    /// Something lies at the place already, or too many invitations of the group wait.
    TooManyInvites "invite.too-many" retry true,
    /// An invitation lies at this place already.
    InvitePlaceTaken "invite.place-taken" retry false,
    /// A snapshot's entry names parts that were not put, or puts other bytes than it names. Nothing is stored.
    SnapshotIncomplete "relay.snapshot-incomplete" retry false,
    /// A snapshot's entry names a place that is not in this log, or one before the newest snapshot's entry. Nothing is stored.
    SnapshotStale "relay.snapshot-stale" retry false,
    /// A part, or the parts of one snapshot together, are larger than the relay allows.
    SnapshotTooLarge "relay.snapshot-too-large" retry false,
    /// The snapshot is not there (any more): open the log again to hear of the newest.
    SnapshotNotFound "relay.snapshot-not-found" retry false,
    /// Entries that were asked for were dropped, since a snapshot covers them: open the log again.
    Pruned "relay.pruned" retry false,
    /// The connection whispers faster than the relay forwards: some of it was dropped.
    TooManyWhispers "relay.too-many-whispers" retry true,
    /// A whisper is larger than the protocol allows.
    WhisperTooLarge "relay.whisper-too-large" retry false,
    /// A request to join does not verify, or is another device's than the sender's. Nothing is stored.
    BadJoinRequest "relay.bad-join-request" retry false,
    /// No request of this device waits.
    JoinRequestNotFound "relay.join-request-not-found" retry false,
    /// As many requests wait for this group as the relay keeps.
    TooManyJoinRequests "relay.too-many-join-requests" retry true,
    /// No envelope lies at the place. Of a hidden place this is never said.
    RecoveryNotFound "recovery.not-found" retry false,
    /// The token is wrong; of a hidden place this is said too where nothing lies.
    RecoveryRefused "recovery.refused" retry false,
    /// The recovery was closed, or who made it is no admin any more.
    RecoveryClosed "recovery.closed" retry false,
    /// An envelope of another group lies at this place.
    RecoveryPlaceTaken "recovery.place-taken" retry false,
    /// The sealed envelope is larger than the protocol allows.
    RecoveryTooLarge "recovery.too-large" retry false,
    /// Too many envelopes of the group lie here already.
    TooManyRecoveries "recovery.too-many" retry false,
}

impl std::fmt::Display for FailureCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<C> Encode<C> for FailureCode {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for FailureCode {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(Self::parse(d.str()?))
    }
}

/// A frame that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<F> {
    /// One that this version knows.
    Frame(F),
    /// One of a newer version, to be passed over: its number.
    Unknown(u32),
}

/// The numbers that this version knows: others are passed over, also between these.
const CLIENT_FRAMES: &[std::ops::RangeInclusive<u32>] = &[0..=20];
const RELAY_FRAMES: &[std::ops::RangeInclusive<u32>] = &[0..=25];

impl ClientFrame {
    /// The bytes of the WebSocket message.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a message from a device.
    pub fn decode(bytes: &[u8]) -> Result<Received<Self>, CodecError> {
        receive(bytes, CLIENT_FRAMES)
    }
}

impl RelayFrame {
    /// The bytes of the WebSocket message.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a message from a relay.
    pub fn decode(bytes: &[u8]) -> Result<Received<Self>, CodecError> {
        receive(bytes, RELAY_FRAMES)
    }

    /// The failure of a request, or of the connection when there is none, with the code's own idea of retrying.
    pub fn failed(request: Option<RequestId>, code: FailureCode) -> Self {
        Self::Failed { request, code, retry: code.retry(), retry_after_ms: None, entry: None }
    }
}

pub(crate) fn receive<'b, F: Decode<'b, ()>>(
    bytes: &'b [u8],
    known: &[std::ops::RangeInclusive<u32>],
) -> Result<Received<F>, CodecError> {
    let number = peek_number(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    let is_known = known.iter().any(|range| range.contains(&number));
    if is_known { codec::decode(bytes).map(Received::Frame) } else { Ok(Received::Unknown(number)) }
}

fn peek_number(bytes: &[u8]) -> Result<u32, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    decoder.array()?;
    decoder.u32()
}
