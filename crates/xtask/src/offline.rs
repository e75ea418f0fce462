//! Tests run where there is no network: what comes from outside is fetched before, by the lock files, and everything is built and run behind a cut.
//!
//! The cut is a network namespace of Linux (`unshare --net`), in which there is loopback and an interface that leads nowhere: a browser without one says that
//! it is offline, and would have no network to lose. Elsewhere, and where it is not allowed, cargo and npm
//! are told to stay offline, and that is said.

use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process::{program, read};

/// `cut` for whoever runs behind the cut, `open` where there is none: tests say which.
const CUT: &str = "ASHORE_NETWORK";

/// Brings loopback up in the new namespace and an interface with an address for documentation (RFC 5737) and no route, and goes on as the program named.
const ENTER: &str = "ip link set lo up \
    && { ip link add ashore0 type veth peer name ashore1 2> /dev/null && ip link set ashore1 up || ip link add ashore0 type dummy; } \
    && ip address add 192.0.2.1/32 dev ashore0 && ip link set ashore0 up && exec \"$0\" \"$@\"";

/// `cargo xtask` with these words once more, behind the cut.
pub(crate) fn again(words: &[&str]) -> Outcome<Command> {
    let myself = std::env::current_exe().map_err(|error| Failure::new(format!("cannot find myself: {error}")))?;
    let mut command = match way_in() {
        Some(flags) => {
            let mut command = program("unshare");
            command.args(flags).args(["sh", "-c", ENTER]).arg(myself).env(CUT, "cut");
            command
        }
        None => {
            println!("The network stays: nobody may cut it here (`unshare --net`, and `ip` of iproute2).");
            let mut command = program(myself);
            command.env(CUT, "open");
            command
        }
    };
    command.args(words).env("CARGO_NET_OFFLINE", "true").env("npm_config_offline", "true");
    Ok(command)
}

/// Whether this is the run that `again` began: everything is there.
pub(crate) fn is_again() -> bool {
    std::env::var_os(CUT).is_some()
}

/// How this user gets into a namespace of its own: as root, or as the root of a namespace of users.
fn way_in() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [&["--net"], &["--net", "--map-root-user"]];
    WAYS.into_iter().find(|flags| {
        let mut tried = program("unshare");
        tried.args(*flags).args(["sh", "-c", ENTER, "true"]);
        cfg!(target_os = "linux") && read(tried).is_ok()
    })
}
