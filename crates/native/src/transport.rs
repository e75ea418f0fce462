//! WebSockets over TCP or TLS as connections of the engine. They need a tokio runtime and stay on its thread.

#[cfg(test)]
mod tests;

use ashore_engine::driver::{Connection, Transport, TransportEvent};
use ashore_protocol::limits::MAX_FRAME_BYTES;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::{spawn_local, yield_now};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a connection may take to open.
const OPENING: Duration = Duration::from_secs(30);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// Bytes that may wait for a relay that takes them slowly. Then the connection ends, and what was not sent is sent by the next one.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// Opens WebSockets.
pub(crate) struct WebSockets;

impl Transport for WebSockets {
    type Connection = Socket;

    fn connect(&self, address: &str, events: UnboundedSender<TransportEvent>) -> Socket {
        let (frames, outgoing) = unbounded();
        let (give_up, given_up) = oneshot::channel();
        let waiting = Rc::new(Cell::new(0));
        let outgoing = Outgoing { frames: outgoing, waiting: Rc::clone(&waiting) };
        let address = address.to_owned();
        spawn_local(async move {
            let conversation = pin!(converse(&address, &events, outgoing));
            let ended = match select(conversation, given_up).await {
                Either::Left((ended, _)) => ended,
                Either::Right((Ok(reason), _)) => reason,
                // The engine let go of it: the conversation says goodbye.
                Either::Right((Err(_), conversation)) => conversation.await,
            };
            // Nobody listens any more once the engine has let go of the connection.
            let _ = events.unbounded_send(TransportEvent::Closed(ended));
        });
        Socket { frames, waiting, give_up: RefCell::new(Some(give_up)) }
    }
}

/// One connection; dropping it closes it.
pub(crate) struct Socket {
    frames: UnboundedSender<Vec<u8>>,
    waiting: Rc<Cell<usize>>,
    give_up: RefCell<Option<oneshot::Sender<String>>>,
}

impl Connection for Socket {
    fn send(&self, frame: Vec<u8>) {
        self.waiting.update(|bytes| bytes.saturating_add(frame.len()));
        if self.waiting.get() > MAX_WAITING_BYTES {
            if let Some(give_up) = self.give_up.take() {
                let _ = give_up.send("the relay takes what is sent to it too slowly".into());
            }
            return;
        }
        // Nobody takes it once the connection has ended, which is reported.
        let _ = self.frames.unbounded_send(frame);
    }
}

/// Frames on their way to the relay.
struct Outgoing {
    frames: UnboundedReceiver<Vec<u8>>,
    waiting: Rc<Cell<usize>>,
}

/// Opens the connection and carries frames until it ends; answers why it did.
async fn converse(address: &str, events: &UnboundedSender<TransportEvent>, outgoing: Outgoing) -> String {
    if !address.starts_with("ws:") && !address.starts_with("wss:") {
        return "only browsers meet others at such an address".into();
    }
    let limit = Some(MAX_FRAME_BYTES as usize);
    let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    let socket = match timeout(OPENING, dial(address, config)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(reason)) => return reason,
        Err(_) => return "it did not open in time".into(),
    };
    let _ = events.unbounded_send(TransportEvent::Opened);
    let (sink, stream) = socket.split();
    let (sending, receiving) = (pin!(send_all(sink, outgoing)), pin!(receive_all(stream, events)));
    match select(sending, receiving).await {
        Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
    }
}

/// Sends until the engine lets go, and says goodbye then.
async fn send_all(mut sink: impl Sink<Message, Error = Error> + Unpin, mut outgoing: Outgoing) -> String {
    while let Some(frame) = outgoing.frames.next().await {
        let mut bytes = frame.len();
        let mut sent = sink.feed(Message::binary(frame)).await;
        // Whatever waits goes in one write.
        while let (Ok(()), Ok(frame)) = (&sent, outgoing.frames.try_recv()) {
            bytes += frame.len();
            sent = sink.feed(Message::binary(frame)).await;
        }
        let flushed = match sent {
            Ok(()) => sink.flush().await,
            failed => failed,
        };
        if let Err(error) = flushed {
            return words(&error);
        }
        outgoing.waiting.update(|waiting| waiting.saturating_sub(bytes));
    }
    let _ = timeout(GOODBYE, sink.close()).await;
    "closed from here".into()
}

/// Hands on what comes until the other side ends it.
async fn receive_all(
    mut stream: impl Stream<Item = Result<Message, Error>> + Unpin,
    events: &UnboundedSender<TransportEvent>,
) -> String {
    loop {
        match stream.next().await {
            Some(Ok(Message::Binary(frame))) => {
                if events.unbounded_send(TransportEvent::Frame(frame.into())).is_err() {
                    // The engine let go: only the goodbye is left, and that is the other half's.
                    return futures_util::future::pending().await;
                }
                // The engine gets its turn between any two frames: what it has not taken waits with the relay.
                yield_now().await;
            }
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.map(|frame| format!(" with {} {}", u16::from(frame.code), frame.reason));
                return format!("closed{}", frame.unwrap_or_default());
            }
            Some(Ok(Message::Text(_))) => return "it sent text, which no relay does".into(),
            Some(Ok(_)) => {}
            Some(Err(error)) => return words(&error),
            None => return "the connection was lost".into(),
        }
    }
}

fn words(error: &Error) -> String {
    error.to_string()
}

type Dialled = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[cfg(not(feature = "tls"))]
async fn dial(address: &str, config: WebSocketConfig) -> Result<Dialled, String> {
    let opening = tokio_tungstenite::connect_async_with_config(address, Some(config), true);
    opening.await.map(|(socket, _)| socket).map_err(|error| words(&error))
}

/// Over TLS with the authorities that this computer trusts: a relay of one's own may have a certificate of an authority of one's own.
#[cfg(feature = "tls")]
async fn dial(address: &str, config: WebSocketConfig) -> Result<Dialled, String> {
    use tokio_tungstenite::{Connector, connect_async_tls_with_config};
    let connector = if address.starts_with("wss:") { Some(Connector::Rustls(tls()?)) } else { None };
    let opening = connect_async_tls_with_config(address, Some(config), true, connector);
    opening.await.map(|(socket, _)| socket).map_err(|error| words(&error))
}

/// Read once: the authorities are the computer's.
#[cfg(feature = "tls")]
fn tls() -> Result<std::sync::Arc<rustls::ClientConfig>, String> {
    use rustls::{ClientConfig, RootCertStore, crypto};
    use std::sync::{Arc, OnceLock};
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();

    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        return Err("this computer names no certificate authority that it trusts".into());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    Ok(Arc::clone(CONFIG.get_or_init(|| config)))
}
