//! The command line as it is typed. What stands here is also the help, the completions and the man page.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// A document database that keeps its data on this computer and syncs end-to-end encrypted.
///
/// Answers are JSON, one object in each line on stdout. Words for people, errors and progress go to stderr. A database is open in one program at a
/// time.
#[derive(Debug, Parser)]
#[command(name = "ashore", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 nothing there, 2 not understood, 3 storage, 4 keys, 5 sync and time, 6 group and roles, 7 something is \
                          wrong in the database, 8 a file, 9 a fault of Ashore, 130 interrupted.";

/// Which database, and what opens it.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The folder of the databases [default: the platform's place for data]
    #[arg(long, global = true, value_name = "DIR", env = "ASHORE_DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The database's name
    #[arg(long, global = true, value_name = "DB", env = "ASHORE_NAME", default_value = "default")]
    pub(crate) name: String,
    /// The relay's address, such as wss://relay.example.org/v1/ws; the one from before when it is left out
    #[arg(long, global = true, value_name = "URL", env = "ASHORE_RELAY")]
    pub(crate) relay: Option<String>,
    /// The passphrase of the database is the first line of this file; else it is $ASHORE_PASSPHRASE, or asked for
    #[arg(long, global = true, value_name = "FILE", env = "ASHORE_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// What was written waits so long for the relay before a command ends; it stays in the outbox otherwise
    #[arg(long, global = true, value_name = "MS", env = "ASHORE_FLUSH_MS", default_value_t = 500)]
    pub(crate) flush_ms: u64,
    /// No progress bars and no notes on stderr, only errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// How a database is made when there is none.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Making {
    /// What a new database is encrypted with
    #[arg(long, value_enum, default_value_t = Encrypt::None)]
    pub(crate) encrypt: Encrypt,
    /// Keep this device's secret in the system's keychain instead of a file beside the database
    #[arg(long)]
    pub(crate) keychain: bool,
}

/// What encrypts a database on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encrypt {
    /// Nothing: any SQLite tool can read it
    None,
    /// This device's secret
    Device,
    /// A passphrase
    Passphrase,
}

/// What is done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the database
    Init {
        #[command(flatten)]
        making: Making,
    },
    /// Documents by their ids
    Get {
        /// The collection's name
        collection: String,
        /// Which documents
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Put a document in the place of what is there, or many
    Put {
        /// The collection's name
        collection: String,
        /// The document's id
        #[arg(required_unless_present = "lines", conflicts_with = "lines")]
        id: Option<String>,
        /// The document as JSON, `@FILE`, or `-` for stdin, which is the default
        #[arg(conflicts_with = "lines")]
        json: Option<String>,
        /// Take lines of {"id":…,"value":…} from stdin, 1,000 in one step
        #[arg(long)]
        lines: bool,
    },
    /// Delete documents
    Delete {
        /// The collection's name
        collection: String,
        /// Which documents
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// The ids of a collection in byte order, or the names of all collections
    List {
        /// The collection's name
        collection: Option<String>,
        #[command(flatten)]
        range: Range,
    },
    /// The documents that fit a filter in MongoDB's words
    Find {
        /// The collection's name
        collection: String,
        #[command(flatten)]
        asked: Asked,
    },
    /// What fits a filter, and every change of it, until Ctrl-C
    Watch {
        /// The collection's name
        collection: String,
        /// A filter, such as '{"done":false}'; all documents when it is left out
        filter: Option<String>,
        /// End after so many seconds
        #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=31_536_000))]
        seconds: Option<u64>,
    },
    /// Write everything that documents are into one encrypted file
    Export {
        /// The file, which must not be there
        file: PathBuf,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        passphrase: FilePassphrase,
    },
    /// Make a database of an exported file
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        passphrase: FilePassphrase,
        #[command(flatten)]
        making: Making,
    },
    /// Look whether everything that is stored is whole
    Check {},
    /// Mend what is not
    Repair {
        /// Wait so many seconds for what only the relay has
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
        timeout: u64,
    },
    /// How much is stored of what, and where sync stands
    Stats {},
    /// Share the database through a relay, and wait until everything is there and here
    Sync {
        #[command(flatten)]
        asked: SyncAsked,
    },
    /// The members of the group
    Devices {
        #[command(flatten)]
        asked: DevicesAsked,
    },
    /// A code with which other devices join, and who joins
    Invite {
        #[command(flatten)]
        asked: InviteAsked,
    },
    /// Join the group of an invite
    Join {
        /// The code, its link, or `-` for the first line of stdin, which may be what `invite` prints
        code: String,
        #[command(flatten)]
        joining: Joining,
        #[command(flatten)]
        making: Making,
    },
    /// Stay joined to a group as a reader and keep a copy, until Ctrl-C
    Backup {
        /// An invite for a reader, or `-`; needed the first time
        code: Option<String>,
        /// Sync once and end
        #[arg(long)]
        once: bool,
        #[command(flatten)]
        joining: Joining,
        #[command(flatten)]
        making: Making,
    },
    /// A script that completes commands in this shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// The man page
    Man {
        /// The page of this command
        #[arg(conflicts_with = "to")]
        command: Option<String>,
        /// Write all pages into this folder
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

/// A part of a collection.
#[derive(Debug, Args)]
pub(crate) struct Range {
    /// From this id on
    #[arg(long, value_name = "ID")]
    pub(crate) from: Option<String>,
    /// Only ids before this one
    #[arg(long, value_name = "ID")]
    pub(crate) to: Option<String>,
    /// Only ids that start so
    #[arg(long)]
    pub(crate) prefix: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// The documents too
    #[arg(long, short)]
    pub(crate) values: bool,
}

/// A query.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// A filter, such as '{"done":false}'; all documents when it is left out
    pub(crate) filter: Option<String>,
    /// Order by this field, `-FIELD` for the other way round; again for the next
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub(crate) sort: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Leave out the first so many
    #[arg(long, value_name = "N")]
    pub(crate) skip: Option<u64>,
    /// Only this field of each document; again for more
    #[arg(long, value_name = "FIELD")]
    pub(crate) select: Vec<String>,
    /// Only how many there are
    #[arg(long, conflicts_with = "select")]
    pub(crate) count: bool,
}

/// What opens an exported file.
#[derive(Debug, Args)]
pub(crate) struct FilePassphrase {
    /// The passphrase of the exported file is the first line of this one; else it is $ASHORE_EXPORT_PASSPHRASE, or asked for
    #[arg(long, value_name = "FILE", env = "ASHORE_EXPORT_PASSPHRASE_FILE")]
    pub(crate) export_passphrase_file: Option<PathBuf>,
}

/// What `sync` does.
#[derive(Debug, Args)]
pub(crate) struct SyncAsked {
    /// What other members see this device as
    #[arg(long, value_name = "NAME")]
    pub(crate) device_name: Option<String>,
    /// Wait at most so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) timeout: u64,
    /// Only say where sync stands
    #[arg(long, conflicts_with_all = ["off", "device_name"])]
    pub(crate) status: bool,
    /// Stop syncing; documents stay
    #[arg(long, conflicts_with = "device_name")]
    pub(crate) off: bool,
    /// With --off: forget the group and its keys too
    #[arg(long, requires = "off")]
    pub(crate) forget: bool,
}

/// What `devices` does.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct DevicesAsked {
    /// Remove a member and change the group's key; an id, its beginning, or a name that only one has
    #[arg(long, value_name = "DEVICE")]
    pub(crate) remove: Option<String>,
    /// Make a member an admin, a writer or a reader
    #[arg(long, num_args = 2, value_names = ["DEVICE", "ROLE"])]
    pub(crate) role: Option<Vec<String>>,
    /// Rename this device
    #[arg(long, value_name = "NAME")]
    pub(crate) rename: Option<String>,
}

/// What a device becomes in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads, writes, invites and removes
    Admin,
    /// Reads and writes
    Writer,
    /// Reads
    Reader,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Writer => "writer",
            Self::Reader => "reader",
        }
    }
}

/// What `invite` does.
#[derive(Debug, Args)]
pub(crate) struct InviteAsked {
    /// What whoever joins becomes
    #[arg(long, value_enum, default_value_t = Role::Admin)]
    pub(crate) role: Role,
    /// How many devices may join by it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) uses: u32,
    /// How many seconds it opens
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) ttl: u64,
    /// The page that the link opens
    #[arg(long, value_name = "URL")]
    pub(crate) link_base: Option<String>,
    /// Do not wait for who joins
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// What other members see this device as
    #[arg(long, value_name = "NAME")]
    pub(crate) device_name: Option<String>,
}

/// How a group is joined.
#[derive(Debug, Args)]
pub(crate) struct Joining {
    /// What other members see this device as
    #[arg(long, value_name = "NAME")]
    pub(crate) device_name: Option<String>,
    /// Wait at most so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) timeout: u64,
}

#[cfg(test)]
mod tests {
    use super::CommandLine;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
