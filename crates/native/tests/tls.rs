//! A relay behind `wss://`: a certificate of an authority that this computer trusts is taken, another is not.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;
mod relay;

use ashore_engine::store::conformance::wait_for;
use ashore_native::api::Event;
use ashore_native::{Database, ErrorCode, Options};
use folder::Folder;
use futures_util::StreamExt;
use relay::Relay;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const ADDRESS: &str = "ASHORE_TEST_TLS_RELAY";
/// What names the trusted authorities on systems without a store of their own; read once, so each device is a process.
const TRUSTED: &str = "SSL_CERT_FILE";

/// A device that trusts what it is told to: answers the code of the failure, or `connected`.
#[test]
#[ignore = "it is the process that another test starts"]
fn device() {
    let address = std::env::var(ADDRESS).unwrap_or_else(|_| panic!("only another test starts it"));
    wait_for(async {
        let database = Database::open(Options::in_memory()).await.unwrap();
        let mut events = database.events();
        database.sync().enable(&address, "Alice").await.unwrap();
        let said = loop {
            match events.next().await.unwrap() {
                Event::Connected { .. } => break "connected",
                Event::Error { failure } => break failure.code.as_str(),
                _ => {}
            }
        };
        println!("\nit said {said}");
        database.close().await;
    });
}

fn ask_device(address: &str, trusted: &Path) -> String {
    let Output { stdout, .. } = Command::new(std::env::current_exe().unwrap())
        .args(["device", "--exact", "--ignored", "--nocapture"])
        .env(ADDRESS, address)
        .env(TRUSTED, trusted)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&stdout);
    said.lines().find_map(|line| line.strip_prefix("it said ")).unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn a_relay_is_taken_whose_certificate_this_computer_trusts_and_no_other() {
    let relay = Relay::start();
    let folder = Folder::fresh();
    let certificate = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path(name), made.cert.pem()).unwrap();
        made
    };
    let (ours, _strangers) = (certificate("ours.pem"), certificate("strangers.pem"));
    let config =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
    let config = config.unwrap().with_no_client_auth().with_single_cert(vec![ours.cert.der().clone()], key).unwrap();

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("wss://localhost:{}/v1/ws", listener.local_addr().unwrap().port());
    let behind = relay.host();
    runtime.spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // Who does not trust us is gone before anything is carried.
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let mut inside = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    assert_eq!(ask_device(&address, &folder.path("ours.pem")), "connected");
    let refused = ask_device(&address, &folder.path("strangers.pem"));
    assert_eq!(refused, ErrorCode::RelayUnreachable.as_str());
}
