//! The log: structured lines on standard error. No payload, no code, ids shortened.

use crate::config::{Config, ConfigError, LogFormat};
use tracing_subscriber::EnvFilter;

/// Starts the log of this process.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log_level).map_err(|error| ConfigError::LogLevel(error.to_string()))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Pretty => log.with_ansi(false).try_init(),
    };
    started.map_err(|error| ConfigError::LogLevel(error.to_string()))
}
