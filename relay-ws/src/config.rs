//! Settings: defaults < file (TOML) < environment (`ASHORE_RELAY_*`) < flags.

use ashore_protocol::limits::Limits;
use ashore_protocol::mailbox::{AdmissionLimits, MailboxConfig, Retention, WhisperLimits};
use clap::{Args, Parser, Subcommand, ValueEnum};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Everything that can be set. Names are those of the file; in the environment they are upper case after
/// `ASHORE_RELAY_`, as flags they have hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. Loopback unless set: put a TLS proxy in front to serve others.
    pub bind: IpAddr,
    /// Port to listen on; 0 takes any free one. The one taken is printed.
    pub port: u16,
    /// Directory of the database.
    pub data: PathBuf,
    /// Directory of static files to serve beside the relay.
    pub pages: Option<PathBuf>,
    /// `error`, `warn`, `info`, `debug` or `trace`, or a filter as `tracing` reads it.
    pub log_level: String,
    /// How log lines look, on standard error.
    pub log_format: LogFormat,
    /// Seconds between the pings to a connection; one that answers none of two is closed.
    pub heartbeat_seconds: u32,
    /// Web origins that may connect; empty for all. Programs that send no origin may always.
    pub origins: Vec<String>,
    /// The names (host and port) that devices dial this relay by; empty to accept any. With them set, an answer that a
    /// device gave to another relay is refused here.
    pub names: Vec<String>,
    /// Take a client's address from the last `X-Forwarded-For`: only behind a proxy that sets it.
    pub trust_forwarded: bool,
    /// Connections at a time.
    pub max_connections: usize,
    /// Bytes of entries that one group may keep.
    pub max_group_bytes: u64,
    /// Bytes that may wait for a slow connection before it is told that it lags.
    pub max_pending_bytes: u32,
    /// How long attempts from one address are counted together.
    pub address_window_seconds: u32,
    /// Wrong invite codes from one address in that time.
    pub address_invite_misses: u32,
    /// New groups from one address in that time.
    pub address_new_groups: u32,
    /// Requests to join from one address in that time.
    pub address_join_requests: u32,
    /// Whispers (presence) that one connection may send a second, three times as many at once; 0 forwards none.
    pub whispers_per_second: u32,
    /// Bytes that the parts of one snapshot may have; 0 to keep none.
    pub max_snapshot_bytes: u64,
    /// How long entries that a snapshot covers are kept at least. 7 days unless set.
    pub retention_seconds: u64,
    /// Entries are kept for devices that connected within this time. 90 days unless set.
    pub active_seconds: u64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object to a line.
    Json,
    /// For people.
    Pretty,
}

impl Default for Config {
    fn default() -> Self {
        let (limits, admission, retention) = (Limits::default(), AdmissionLimits::default(), Retention::default());
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 7420,
            data: PathBuf::from("ashore-relay-data"),
            pages: None,
            log_level: "info".to_owned(),
            log_format: LogFormat::Json,
            heartbeat_seconds: limits.heartbeat_ms / 1000,
            origins: Vec::new(),
            names: Vec::new(),
            trust_forwarded: false,
            max_connections: 10_000,
            max_group_bytes: limits.max_group_bytes,
            max_pending_bytes: limits.max_pending_bytes,
            address_window_seconds: u32::try_from(admission.window_ms / 1000).unwrap_or(u32::MAX),
            address_invite_misses: admission.max_invite_misses,
            address_new_groups: admission.max_new_groups,
            address_join_requests: admission.max_join_requests,
            whispers_per_second: WhisperLimits::default().per_second,
            max_snapshot_bytes: limits.max_snapshot_bytes.unwrap_or(0),
            retention_seconds: retention.keep_ms / 1000,
            active_seconds: retention.active_ms / 1000,
        }
    }
}

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "ashore-relay", version, about = "Keeps and forwards sealed entries that it cannot read.")]
pub struct CommandLine {
    /// What to do; serves when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings.
    #[command(flatten)]
    pub flags: Flags,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that a relay is healthy and shakes hands; the exit code tells.
    Probe {
        /// Its address, such as http://127.0.0.1:7420.
        url: String,
    },
    /// Print the settings that would be used, as JSON.
    Config,
}

/// Settings given as flags; each overrides the environment and the file.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct Flags {
    /// File with settings (TOML) [env: ASHORE_RELAY_CONFIG].
    #[arg(long, env = "ASHORE_RELAY_CONFIG", global = true)]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind: Option<IpAddr>,
    /// Port to listen on; 0 takes any free one and prints it.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Directory of the database.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Directory of static files to serve.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<PathBuf>,
    /// error, warn, info, debug or trace.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// How log lines look.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,
    /// Seconds between pings.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_seconds: Option<u32>,
    /// A web origin that may connect; may be repeated.
    #[arg(long = "origin", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// A name (host and port) that devices dial this relay by; may be repeated.
    #[arg(long = "name", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Connections at a time.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// Bytes of entries that one group may keep.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_group_bytes: Option<u64>,
    /// Seconds that entries which a snapshot covers are kept at least.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_seconds: Option<u64>,
    /// Seconds since its last connection in which entries are kept for a device.
    #[arg(long, global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_seconds: Option<u64>,
    /// Say more: debug; given twice, trace.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    #[serde(skip)]
    pub verbose: u8,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting does not parse, or nobody knows it.
    #[error("settings: {0}")]
    Settings(#[from] Box<figment::Error>),
    /// The file is not there.
    #[error("settings: there is no file {0}")]
    NoFile(String),
    /// The log cannot be started.
    #[error("log level: {0}")]
    LogLevel(String),
}

impl Config {
    /// Defaults, then the file, then the environment, then flags.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = &flags.config {
            if !path.is_file() {
                return Err(ConfigError::NoFile(path.display().to_string()));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        let figment = figment.merge(Env::prefixed("ASHORE_RELAY_").ignore(&["config"]));
        let mut config: Self = figment.merge(Serialized::defaults(flags)).extract().map_err(Box::new)?;
        match flags.verbose {
            0 => {}
            1 => config.log_level = "debug".to_owned(),
            _ => config.log_level = "trace".to_owned(),
        }
        Ok(config)
    }

    /// For people and scripts to look at.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// What of it the mailbox has to know.
    pub fn mailbox(&self) -> MailboxConfig {
        let limits = Limits {
            max_group_bytes: self.max_group_bytes,
            max_pending_bytes: self.max_pending_bytes.max(1),
            heartbeat_ms: self.heartbeat_seconds.max(1).saturating_mul(1000),
            max_snapshot_bytes: (self.max_snapshot_bytes > 0).then_some(self.max_snapshot_bytes),
            ..Limits::default()
        };
        let admission = AdmissionLimits {
            window_ms: u64::from(self.address_window_seconds) * 1000,
            max_invite_misses: self.address_invite_misses,
            max_new_groups: self.address_new_groups,
            max_join_requests: self.address_join_requests,
        };
        let per_second = self.whispers_per_second;
        let whispers = WhisperLimits { per_second, burst: per_second.saturating_mul(3) };
        let retention = Retention {
            keep_ms: self.retention_seconds.saturating_mul(1000),
            active_ms: self.active_seconds.saturating_mul(1000),
            ..Retention::default()
        };
        let audiences = self.names.clone();
        MailboxConfig { limits, audiences, admission, whispers, retention, ..MailboxConfig::default() }
    }
}
