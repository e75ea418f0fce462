//! One WebSocket connection: bytes in to the hub, bytes out from it, and a heartbeat.

use crate::hub::{Hub, Input, ToDevice};
use ashore_protocol::frame::FailureCode;
use ashore_protocol::mailbox::{ConnectionId, Peer, Prepared, prepare};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};
use tracing::debug;

/// Frames that go out with one flush.
const FRAMES_PER_FLUSH: usize = 64;

/// Serves the connection until either end closes it.
pub async fn serve(socket: WebSocket, hub: Hub, conn: ConnectionId, peer: Peer) {
    let mut nonce = [0; 32];
    if getrandom::fill(&mut nonce).is_err() {
        return;
    }
    let (outbox, frames) = mpsc::unbounded_channel();
    if !hub.send(Input::Connected { conn, peer, nonce, outbox }).await {
        return;
    }
    let heartbeat = Duration::from_millis(u64::from(hub.limits().heartbeat_ms));
    let (sink, stream) = socket.split();
    let mut writer = tokio::spawn(write(sink, frames, hub.clone(), conn, heartbeat));
    let (reason, writing) = tokio::select! {
        reason = read(stream, &hub, conn, heartbeat) => (reason, true),
        _ = &mut writer => ("closed by the relay", false),
    };
    hub.send(Input::Disconnected(conn)).await;
    if writing {
        // The hub drops its end of the channel, and with it the writer ends.
        let _ = timeout(heartbeat, writer).await;
    }
    debug!(conn = conn.0, reason, "disconnected");
}

/// Signatures are checked here, on as many cores as there are, before the hub sees a frame. A connection that only
/// answers pings does not stay: its first frame is due within two heartbeats.
async fn read(mut stream: SplitStream<WebSocket>, hub: &Hub, conn: ConnectionId, heartbeat: Duration) -> &'static str {
    let opened = Instant::now();
    let mut greeted = false;
    loop {
        let heard = if greeted { Instant::now() } else { opened };
        let message = match timeout_at(heard + heartbeat * 2, stream.next()).await {
            Err(_) => return "no heartbeat",
            Ok(None) => return "closed",
            Ok(Some(Err(_))) => return "broken",
            Ok(Some(Ok(message))) => message,
        };
        let prepared = match message {
            Message::Binary(bytes) => prepare(&bytes, hub.limits()),
            Message::Text(_) => Prepared::Bad(FailureCode::BadFrame),
            Message::Close(_) => return "closed by the device",
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        greeted = true;
        if !hub.send(Input::Received(conn, prepared)).await {
            return "the relay stops";
        }
    }
}

/// A device that takes nothing for two heartbeats is given up.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut frames: mpsc::UnboundedReceiver<ToDevice>,
    hub: Hub,
    conn: ConnectionId,
    heartbeat: Duration,
) {
    let mut beats = interval_at(Instant::now() + heartbeat, heartbeat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            biased;
            next = frames.recv() => {
                let Some(next) = next else { break };
                timeout(heartbeat * 2, put(&mut sink, &mut frames, next)).await
            }
            _ = beats.tick() => timeout(heartbeat * 2, ping(&mut sink)).await,
        };
        match sent {
            Ok(Ok(Put::Sent(bytes))) => {
                hub.send(Input::Flushed(conn, bytes)).await;
            }
            Ok(Ok(Put::Closed)) | Ok(Err(_)) | Err(_) => break,
        }
    }
    let _ = timeout(heartbeat, sink.close()).await;
}

enum Put {
    Sent(usize),
    Closed,
}

async fn ping(sink: &mut SplitSink<WebSocket, Message>) -> Result<Put, axum::Error> {
    sink.send(Message::Ping(Bytes::new())).await?;
    Ok(Put::Sent(0))
}

/// Sends what waits, with one flush for many frames.
async fn put(
    sink: &mut SplitSink<WebSocket, Message>,
    frames: &mut mpsc::UnboundedReceiver<ToDevice>,
    first: ToDevice,
) -> Result<Put, axum::Error> {
    let mut next = Some(first);
    let mut bytes = 0;
    for _ in 0..FRAMES_PER_FLUSH {
        match next.take() {
            Some(ToDevice::Frame(frame)) => {
                bytes += frame.len();
                sink.feed(Message::Binary(Bytes::from_owner(frame))).await?;
            }
            Some(ToDevice::Close(reason)) => {
                sink.send(Message::Close(Some(close_frame(reason)))).await?;
                return Ok(Put::Closed);
            }
            None => break,
        }
        next = frames.try_recv().ok();
    }
    if let Some(ToDevice::Frame(frame)) = next {
        bytes += frame.len();
        sink.feed(Message::Binary(Bytes::from_owner(frame))).await?;
    } else if let Some(ToDevice::Close(reason)) = next {
        sink.send(Message::Close(Some(close_frame(reason)))).await?;
        return Ok(Put::Closed);
    }
    sink.flush().await?;
    Ok(Put::Sent(bytes))
}

/// Close codes of RFC 6455: going away, try again later, message too big, or policy violation.
fn close_frame(reason: FailureCode) -> CloseFrame {
    let code = match reason {
        FailureCode::ShuttingDown => 1001,
        FailureCode::Unavailable | FailureCode::TooSlow => 1013,
        FailureCode::FrameTooLarge => 1009,
        _ => 1008,
    };
    CloseFrame { code, reason: Utf8Bytes::from_static(reason.as_str()) }
}
