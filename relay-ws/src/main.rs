//! `ashore-relay`: serves, prints its settings, or probes another relay.
use ashore_relay::config::{Command, CommandLine, Config, ConfigError};
use ashore_relay::{logging, probe, server};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ashore-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Serve(#[from] server::ServeError),
    #[error(transparent)]
    Probe(#[from] probe::ProbeError),
}

fn run(line: CommandLine) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match &line.command {
        Some(Command::Probe { url }) => {
            println!("{}", runtime.block_on(probe::probe(url))?);
        }
        Some(Command::Config) => println!("{}", Config::load(&line.flags)?.to_json()),
        None => {
            let config = Config::load(&line.flags)?;
            logging::start(&config)?;
            runtime.block_on(server::run(config))?;
        }
    }
    Ok(())
}
