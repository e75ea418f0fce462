//! What a shell and `man` get of the command line.

use crate::args::CommandLine;
use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use std::path::Path;

/// The script that completes commands.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "ashore", &mut script);
    Lines::new().text(&script)?;
    Ok(Exit::Done)
}

/// The page of the program or of one command on stdout, or all pages into a folder.
pub(crate) fn man(command: Option<&str>, to: Option<&Path>) -> Result<Exit, Problem> {
    let mut whole = CommandLine::command();
    // Names of subcommands and options that are everywhere reach their pages only when it is built.
    whole.build();
    if let Some(folder) = to {
        let failed = |error: std::io::Error| Problem::file(folder.display(), &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        clap_mangen::generate_to(whole, folder).map_err(failed)?;
        return Ok(Exit::Done);
    }
    let page = match command {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name).cloned();
            found.ok_or_else(|| Problem::usage(format!("there is no command `{name}`")))?
        }
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(|error| Problem::file("the page", &error))?;
    Lines::new().text(&text)?;
    Ok(Exit::Done)
}
