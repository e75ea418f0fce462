//! `ashore`: a database on this computer, from a shell. JSON lines on stdout, words for people on stderr, an exit code that says what kind of thing went
//! wrong. docs/cli.md describes all of it.

mod args;
mod exit;
mod lines;
mod progress;
mod passphrase;
mod stop;
mod session;
mod making;
mod documents;
mod watch;
mod copies;
mod health;
mod sync;
mod members;
mod joining;
mod backup;
mod shell;

use args::{Command, CommandLine};
use clap::Parser;
use exit::{Exit, Problem};
use session::{Manner, with_database};
use std::process::ExitCode;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return exit::of_parsing(&error),
    };
    match run(&line) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            problem.tell();
            problem.exit().into()
        }
    }
}

fn run(line: &CommandLine) -> Result<Exit, Problem> {
    match &line.command {
        Command::Completions { shell } => return shell::completions(*shell),
        Command::Man { command, to } => return shell::man(command.as_deref(), to.as_deref()),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::cannot("start", &error))?;
    let outcome = runtime.block_on(dispatch(line));
    // Somebody may still be reading a stdin that nobody writes to.
    runtime.shutdown_background();
    outcome
}

/// Every command, what it needs opened, and what a Ctrl-C means to it.
async fn dispatch(line: &CommandLine) -> Result<Exit, Problem> {
    let place = &line.place;
    let (reads, writes, endless) = (Manner::READS, Manner::WRITES, Manner::ENDLESS);
    match &line.command {
        Command::Init { making } => making::init(place, making).await,
        Command::Get { collection, ids } => {
            with_database(place, reads, async |database| documents::get(database, collection, ids).await).await
        }
        Command::Put { collection, id, json, lines } => {
            let put = documents::Put { collection, id: id.as_deref(), json: json.as_deref(), lines: *lines };
            with_database(place, writes, async |database| put.run(database, place.bars()).await).await
        }
        Command::Delete { collection, ids } => {
            with_database(place, writes, async |database| documents::delete(database, collection, ids).await).await
        }
        Command::List { collection, range } => {
            with_database(place, reads, async |database| documents::list(database, collection.as_deref(), range).await)
                .await
        }
        Command::Find { collection, asked } => {
            let query = documents::query_of(asked)?;
            with_database(place, reads, async |database| {
                documents::find(database, collection, &query, asked.count).await
            })
            .await
        }
        Command::Watch { collection, filter, seconds } => {
            let filter = documents::filter_of(filter.as_deref())?;
            let watch = watch::Watch { collection, filter, seconds: *seconds };
            with_database(place, endless, async |database| watch.run(database).await).await
        }
        Command::Export { file, force, passphrase } => copies::export(place, file, *force, passphrase).await,
        Command::Import { file, passphrase, making } => copies::import(place, file, passphrase, making).await,
        Command::Check {} => {
            with_database(place, reads, async |database| health::check(database, place.bars()).await).await
        }
        Command::Repair { timeout } => {
            with_database(place, writes, async |database| health::repair(database, place.bars(), *timeout).await).await
        }
        Command::Stats {} => with_database(place, reads, async |database| health::stats(database, place).await).await,
        Command::Sync { asked } => {
            with_database(place, writes, async |database| sync::run(database, place, asked).await).await
        }
        Command::Devices { asked } => {
            with_database(place, writes, async |database| members::devices(database, asked).await).await
        }
        Command::Invite { asked } => {
            with_database(place, writes, async |database| members::invite(database, place, asked).await).await
        }
        Command::Join { code, joining, making } => joining::join(place, code, joining, making).await,
        Command::Backup { code, once, joining, making } => {
            let asked = backup::Asked { code: code.as_deref(), once: *once, joining, making };
            backup::run(place, &asked).await
        }
        // They need no database, and were answered before.
        Command::Completions { .. } | Command::Man { .. } => Ok(Exit::Done),
    }
}
