//! The ways out of a browser, by what an address begins with: `ws:` and `wss:` to a relay, `channel:` to other databases of this origin.

use ashore_engine::driver::{Connection, Transport, TransportEvent};
use ashore_protocol::limits::MAX_FRAME_BYTES;
use futures_channel::mpsc::UnboundedSender;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, BroadcastChannel, CloseEvent, MessageEvent, WebSocket};

/// What the address of a channel begins with, and what the name of its `BroadcastChannel` does.
const CHANNEL: &str = "channel:";
const CHANNEL_NAME: &str = "ashore channel ";

/// Opens WebSockets and channels. Where there are none every connection ends at once, and says so.
pub(crate) struct Ways;

impl Transport for Ways {
    type Connection = Way;

    fn connect(&self, address: &str, events: UnboundedSender<TransportEvent>) -> Way {
        let way = match address.strip_prefix(CHANNEL) {
            Some(name) => BroadcastChannel::new(&format!("{CHANNEL_NAME}{name}"))
                .map(|channel| Way::Channel(Channel::new(channel, events.clone()))),
            None => WebSocket::new(address).map(|socket| Way::Socket(Socket::new(socket, events.clone()))),
        };
        way.unwrap_or_else(|error| {
            tell(&events, TransportEvent::Closed(words(&error)));
            Way::None
        })
    }
}

/// One connection; dropping it closes it.
pub(crate) enum Way {
    Socket(Socket),
    Channel(Channel),
    None,
}

impl Connection for Way {
    fn send(&self, frame: Vec<u8>) {
        match self {
            // Fails only while it is still opening; on a closing one it is dropped, and its end is reported.
            Self::Socket(socket) => drop(socket.socket.send_with_u8_array(&frame)),
            Self::Channel(channel) => drop(channel.channel.post_message(&Uint8Array::from(frame.as_slice()))),
            Self::None => {}
        }
    }
}

/// A `BroadcastChannel`: everybody of this origin who has one of the same name hears it, and nobody hears themselves.
pub(crate) struct Channel {
    channel: BroadcastChannel,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    fn new(channel: BroadcastChannel, events: UnboundedSender<TransportEvent>) -> Self {
        tell(&events, TransportEvent::Opened);
        // What is no bytes, or more than any frame, somebody else has said, who uses the same name.
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(bytes) = event.data().dyn_ref::<Uint8Array>().filter(|bytes| bytes.length() <= MAX_FRAME_BYTES)
            {
                tell(&events, TransportEvent::Frame(bytes.to_vec()));
            }
        });
        channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // In Node a channel keeps the process alive unless it is told not to.
        if let Ok(unref) = js_sys::Reflect::get(&channel, &JsValue::from_str("unref"))
            && let Some(unref) = unref.dyn_ref::<js_sys::Function>()
        {
            let _ = unref.call0(&channel);
        }
        Self { channel, _on_message: on_message }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

/// A WebSocket.
pub(crate) struct Socket {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    fn new(socket: WebSocket, events: UnboundedSender<TransportEvent>) -> Self {
        socket.set_binary_type(BinaryType::Arraybuffer);
        let opened = events.clone();
        let on_open = Closure::<dyn FnMut()>::new(move || tell(&opened, TransportEvent::Opened));
        let framed = events.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            tell(&framed, frame(&event.data()));
        });
        // An `error` event says nothing and is followed by `close`; except in WebKit, for an address that it does not dial at all, such as a blocked port.
        let (failed, dialled) = (events.clone(), socket.clone());
        let on_error = Closure::<dyn FnMut()>::new(move || {
            if dialled.ready_state() == WebSocket::CONNECTING {
                tell(&failed, TransportEvent::Closed("the browser does not dial this address".into()));
            }
        });
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            tell(&events, TransportEvent::Closed(format!("closed with {} {}", event.code(), event.reason())));
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Self { socket, _on_open: on_open, _on_message: on_message, _on_error: on_error, _on_close: on_close }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onerror(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

fn frame(data: &JsValue) -> TransportEvent {
    match data.dyn_ref::<ArrayBuffer>() {
        Some(bytes) => TransportEvent::Frame(Uint8Array::new(bytes).to_vec()),
        None => TransportEvent::Closed("it sent text, which no relay does".into()),
    }
}

fn tell(events: &UnboundedSender<TransportEvent>, event: TransportEvent) {
    // Nobody listens any more once the engine has let go of the connection.
    let _ = events.unbounded_send(event);
}

fn words(error: &JsValue) -> String {
    js_sys::Reflect::get(error, &JsValue::from_str("message"))
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_else(|| "it could not be opened".into())
}
