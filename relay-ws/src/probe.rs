//! `ashore-relay probe`: is a relay healthy, and does it shake hands?

use ashore_protocol::SigningKey;
use ashore_protocol::frame::{Received, RelayFrame};
use ashore_protocol::handshake;
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a relay is not well.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Not an address that the probe can reach.
    #[error("{0:?} is not an address like http://127.0.0.1:7420 (the probe speaks no TLS: ask behind the proxy)")]
    Address(String),
    /// Nobody answers.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// It answers, but not well.
    #[error("not healthy: {0}")]
    Unhealthy(String),
    /// No handshake.
    #[error("no handshake: {0}")]
    Handshake(String),
}

/// Asks for `/health` and shakes hands with a device key made for the purpose. Returns what it found in one line of JSON.
pub async fn probe(url: &str) -> Result<String, ProbeError> {
    let refused = || ProbeError::Address(url.to_owned());
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://")).ok_or_else(refused)?;
    let host = rest.split('/').next().filter(|host| !host.is_empty()).ok_or_else(refused)?;
    let health = within(health(host)).await?;
    let version = within(shake_hands(host)).await?;
    Ok(serde_json::json!({ "status": "ok", "protocol": version, "health": health }).to_string())
}

async fn within<T>(step: impl Future<Output = Result<T, ProbeError>>) -> Result<T, ProbeError> {
    timeout(PATIENCE, step).await.map_err(|_| ProbeError::NoAnswer("timed out".to_owned()))?
}

async fn health(host: &str) -> Result<serde_json::Value, ProbeError> {
    let no_answer = |error: std::io::Error| ProbeError::NoAnswer(error.to_string());
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(address).await.map_err(no_answer)?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(no_answer)?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer).await.map_err(no_answer)?;
    let first = answer.lines().next().unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    if !first.contains(" 200 ") {
        return Err(ProbeError::Unhealthy(first.to_owned()));
    }
    serde_json::from_str(body).map_err(|error| ProbeError::Unhealthy(error.to_string()))
}

async fn shake_hands(host: &str) -> Result<u32, ProbeError> {
    let failed = |error: tokio_tungstenite::tungstenite::Error| ProbeError::Handshake(error.to_string());
    let (mut socket, _) = connect_async(format!("ws://{host}/v1/ws")).await.map_err(failed)?;
    let RelayFrame::Challenge { versions, nonce, .. } = next_frame(&mut socket).await? else {
        return Err(ProbeError::Handshake("the relay did not begin with a challenge".to_owned()));
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| ProbeError::Handshake(error.to_string()))?;
    let hello = handshake::answer(&SigningKey::from_seed(&seed), &versions, nonce, host);
    let hello = hello.ok_or_else(|| ProbeError::Handshake(format!("no common version among {versions:?}")))?;
    socket.send(Message::binary(hello.encode())).await.map_err(failed)?;
    match next_frame(&mut socket).await? {
        RelayFrame::Welcome { version, .. } => {
            let _ = socket.close(None).await;
            Ok(version)
        }
        RelayFrame::Failed { code, .. } => Err(ProbeError::Handshake(code.to_string())),
        _ => Err(ProbeError::Handshake("an answer out of place".to_owned())),
    }
}

async fn next_frame(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Result<RelayFrame, ProbeError> {
    while let Some(message) = socket.next().await {
        let message = message.map_err(|error| ProbeError::Handshake(error.to_string()))?;
        let Message::Binary(bytes) = message else { continue };
        match RelayFrame::decode(&bytes) {
            Ok(Received::Frame(frame)) => return Ok(frame),
            Ok(Received::Unknown(_)) => continue,
            Err(error) => return Err(ProbeError::Handshake(error.to_string())),
        }
    }
    Err(ProbeError::Handshake("the relay closed".to_owned()))
}
