//! The HTTP server: `/v1/ws`, `/health` and, if there are any, pages. Starts, and stops without losing anything.

use crate::config::Config;
use crate::connection;
use crate::hub::{Hub, Input};
use crate::pages;
use crate::storage::{SqliteLogStore, StorageError};
use ashore_protocol::limits::BadLimits;
use ashore_protocol::mailbox::{ConnectionId, Peer};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, ORIGIN};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

/// How long connections have to take the last frames when the relay stops.
const GOODBYE: Duration = Duration::from_secs(5);

/// Why the relay does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The address, a thread or a signal.
    #[error("cannot serve: {0}")]
    Io(#[from] std::io::Error),
    /// The settings contradict one another.
    #[error("settings: {0}")]
    Limits(#[from] BadLimits),
    /// No random bytes.
    #[error("no random source: {0}")]
    Random(#[from] getrandom::Error),
}

#[derive(Clone)]
struct Server {
    config: Arc<Config>,
    hub: Hub,
    started: Instant,
    next_connection: Arc<AtomicU64>,
    /// Held by every connection: when all are dropped, the last has ended.
    open: mpsc::Sender<()>,
}

/// Runs until SIGTERM or SIGINT. Prints one line with the address to standard output when it listens.
pub async fn run(config: Config) -> Result<(), ServeError> {
    let mailbox = config.mailbox();
    mailbox.limits.check()?;
    let store = SqliteLogStore::open(&config.data)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let (hub, thread) = Hub::start(store, mailbox, seed)?;
    let listener = TcpListener::bind((config.bind, config.port)).await?;
    let address = listener.local_addr()?;
    let (open, mut all_closed) = mpsc::channel(1);
    let server = Server {
        config: Arc::new(config),
        hub: hub.clone(),
        started: Instant::now(),
        next_connection: Arc::new(AtomicU64::new(1)),
        open,
    };
    announce(address)?;
    let stopping = stop_signal()?;
    let service = router(server).into_make_service_with_connect_info::<SocketAddr>();
    // Frames are small and answers are waited for: they leave at once.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            let signal = stopping.await;
            info!(signal, "stopping");
            hub.send(Input::Stop).await;
        })
        .await?;
    // The hub ends when it has committed everything and said goodbye.
    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    if timeout(GOODBYE, all_closed.recv()).await.is_err() {
        warn!("some connections did not close in time");
    }
    info!("stopped");
    Ok(())
}

/// Whoever started the relay reads the port from this line.
fn announce(address: SocketAddr) -> Result<(), std::io::Error> {
    info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    let mut out = std::io::stdout().lock();
    writeln!(out, "ashore-relay listening on http://{address}")?;
    out.flush()
}

fn stop_signal() -> Result<impl Future<Output = &'static str>, std::io::Error> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => "SIGINT",
        }
        #[cfg(not(unix))]
        {
            let _ = tokio::signal::ctrl_c().await;
            "interrupt"
        }
    })
}

fn router(server: Server) -> Router {
    let pages = server.config.pages.clone();
    let router = Router::new().route("/health", get(health)).route("/v1/ws", any(upgrade)).with_state(server);
    match pages {
        Some(directory) => pages::with_pages(router, &directory),
        None => router,
    }
}

async fn health(State(server): State<Server>) -> Response {
    let storing = server.hub.is_storing();
    let body = serde_json::json!({
        "status": if storing { "ok" } else { "not-storing" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptimeSeconds": server.started.elapsed().as_secs(),
        "connections": server.hub.connections(),
    });
    let status = if storing { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

async fn upgrade(
    State(server): State<Server>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin_allowed(&server.config.origins, &headers) {
        return (StatusCode::FORBIDDEN, "this origin may not connect").into_response();
    }
    if server.hub.connections() >= server.config.max_connections {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many connections").into_response();
    }
    let conn = ConnectionId(server.next_connection.fetch_add(1, Ordering::Relaxed));
    let peer = peer(&server.config, address, &headers);
    let max_bytes = server.hub.limits().max_frame_bytes as usize;
    upgrade
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_message_size(max_bytes + 1)
        .max_frame_size(max_bytes + 1)
        .on_upgrade(move |socket| async move {
            let Server { hub, open, .. } = server;
            connection::serve(socket, hub, conn, peer).await;
            drop(open);
        })
}

/// A browser always says its origin; a program that says none is no web page.
fn origin_allowed(allowed: &[String], headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    allowed.is_empty() || allowed.iter().any(|one| one.as_bytes() == origin.as_bytes())
}

/// IPv4 addresses one by one, IPv6 by network: one customer has a whole one.
fn peer(config: &Config, address: SocketAddr, headers: &HeaderMap) -> Peer {
    let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|ip| ip.trim().parse::<IpAddr>().ok());
    let ip = last.filter(|_| config.trust_forwarded).unwrap_or(address.ip());
    match ip {
        IpAddr::V4(ip) => Peer(ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => {
            let network = u128::from(ip) & !u128::from(u64::MAX);
            Peer(if ip.to_ipv4_mapped().is_some() { ip.octets() } else { network.to_be_bytes() })
        }
    }
}
