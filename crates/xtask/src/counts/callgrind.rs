//! One workload under callgrind.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::process::{self, program};

/// The function of `crates/counts` whose instructions are collected, and those of all that it calls.
const COUNTED: &str = "--toggle-collect=counts::counted::counted*";

/// Runs the workload, and answers what was counted. The profile stays in `out`.
pub(crate) fn count(harness: &Path, name: &str, out: &Path) -> Outcome<u64> {
    let mut valgrind = program("valgrind");
    // Nothing of the environment reaches the engine, but libc and the loader would read some of it.
    valgrind.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    valgrind.args(["--quiet", "--tool=callgrind", COUNTED]).arg(format!("--callgrind-out-file={}", out.display()));
    process::read({
        valgrind.arg(harness).arg(name);
        valgrind
    })?;
    let said = fs::read_to_string(out)?;
    match total(&said) {
        Some(0) => Err(Failure::new(format!("{name}: nothing was counted; is `{COUNTED}` still its name?"))),
        Some(total) => Ok(total),
        None => Err(Failure::new(format!("{}: there is no total in what callgrind wrote", out.display()))),
    }
}

/// The number behind `totals:`.
fn total(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_of_a_profile_is_read() {
        let profile = "# callgrind format\nevents: Ir\nsummary: 12\n\nfn=(1) f\n16 12\n\ntotals: 12\n";
        assert_eq!(total(profile), Some(12));
        assert_eq!(total("events: Ir\nsummary: 12\n"), None);
        assert_eq!(total("totals: many\n"), None);
    }
}
