//! WebSockets as connections of the engine.

use ashore_engine::driver::{Connection, Transport, TransportEvent};
use futures_channel::mpsc::UnboundedSender;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// Opens WebSockets. Where there are none every connection ends at once, and says so.
pub(crate) struct WebSockets;

impl Transport for WebSockets {
    type Connection = Socket;

    fn connect(&self, address: &str, events: UnboundedSender<TransportEvent>) -> Socket {
        match WebSocket::new(address) {
            Ok(socket) => Socket { open: Some(Open::new(socket, events)) },
            Err(error) => {
                tell(&events, TransportEvent::Closed(words(&error)));
                Socket { open: None }
            }
        }
    }
}

/// One connection; dropping it closes it.
pub(crate) struct Socket {
    open: Option<Open>,
}

impl Connection for Socket {
    fn send(&self, frame: Vec<u8>) {
        if let Some(open) = &self.open {
            // Fails only while it is still opening; on a closing one it is dropped, and its end is reported.
            let _ = open.socket.send_with_u8_array(&frame);
        }
    }
}

struct Open {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Open {
    fn new(socket: WebSocket, events: UnboundedSender<TransportEvent>) -> Self {
        socket.set_binary_type(BinaryType::Arraybuffer);
        let opened = events.clone();
        let on_open = Closure::<dyn FnMut()>::new(move || tell(&opened, TransportEvent::Opened));
        let framed = events.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            tell(&framed, frame(&event.data()));
        });
        // An `error` event says nothing and is always followed by `close`.
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            tell(&events, TransportEvent::Closed(format!("closed with {} {}", event.code(), event.reason())));
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Self { socket, _on_open: on_open, _on_message: on_message, _on_close: on_close }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
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
