//! Addresses that count who dials them and answer nobody.

use crate::files::{Said, said};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tauri::State;

/// How often each port was dialled.
#[derive(Default)]
pub(crate) struct Sockets(Mutex<BTreeMap<u16, Arc<AtomicU32>>>);

/// Listens on a free port of this computer, until the app ends.
#[tauri::command]
pub(crate) fn listen(sockets: State<'_, Sockets>) -> Said<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(said)?;
    let port = listener.local_addr().map_err(said)?.port();
    let count = Arc::new(AtomicU32::new(0));
    sockets.0.lock().unwrap_or_else(PoisonError::into_inner).insert(port, Arc::clone(&count));
    let accept = move || {
        for _ in listener.incoming() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::Builder::new().name("socket".into()).spawn(accept).map_err(said)?;
    Ok(port)
}

/// How often somebody dialled it.
#[tauri::command]
pub(crate) fn dialled(sockets: State<'_, Sockets>, port: u16) -> Said<u32> {
    let counts = sockets.0.lock().unwrap_or_else(PoisonError::into_inner);
    counts.get(&port).map(|count| count.load(Ordering::Relaxed)).ok_or_else(|| format!("nobody listens on {port}"))
}
