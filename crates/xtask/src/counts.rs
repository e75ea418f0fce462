//! `cargo xtask counts`: how many instructions the engine's hot paths take, against instruction-budget.json.
//!
//! Each workload of `crates/counts` runs under callgrind, which counts the same in every run. No clock is looked at, so it does not
//! matter what else the machine does.

mod budget;
mod callgrind;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use self::budget::{Budget, Difference};
use crate::failure::{Failure, Outcome};
use crate::native;
use crate::process::{self, program};
use crate::setup;
use crate::workspace;

const FILE: &str = "instruction-budget.json";
/// For a file that is not there yet.
const SLACK_PERCENT: u64 = 3;

/// Counts the workloads named, or all; `--bless` writes what was counted into the file, otherwise it is compared.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let (options, names): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.starts_with('-'));
    match options[..] {
        [] => {
            let budget = read()?;
            let counts = count(&names)?;
            counts.map_or(Ok(()), |counts| compare(&budget, &counts, names.is_empty()))
        }
        ["--bless"] => count(&names)?.map_or(Ok(()), |counts| bless(counts, names.is_empty())),
        _ => Err(Failure::new(format!("cannot read `{}`: counts [--bless] [NAME]...", words.join(" ")))),
    }
}

/// The instructions of each workload named, or of all; `None` where nothing can be compared.
fn count(names: &[&str]) -> Outcome<Option<BTreeMap<String, u64>>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("Instructions are counted on x86-64 Linux alone: another processor has others.");
        return Ok(None);
    }
    setup::valgrind()?;
    let mut build = native::programs(&["counts"]);
    // As CI compiles. For a second build rustc cuts crates into more pieces, and counts differ by a percent.
    build.env("CARGO_INCREMENTAL", "0");
    process::run(build)?;
    let harness = workspace::built("debug", "counts");
    let known = process::read(program(&harness))?;
    let known: Vec<&str> = known.lines().collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(Failure::new(format!("there is no workload `{unknown}`: {}", known.join(" "))));
    }
    let asked = known.into_iter().filter(|name| names.is_empty() || names.contains(name)).collect();
    count_each(&harness, asked).map(Some)
}

/// As many at a time as there are processors. They cannot slow one another down: instructions are no time.
fn count_each(harness: &Path, mut names: Vec<&str>) -> Outcome<BTreeMap<String, u64>> {
    let folder = workspace::target().join("callgrind");
    fs::create_dir_all(&folder)?;
    names.reverse();
    let (waiting, counted) = (Mutex::new(names), Mutex::new(Vec::new()));
    let at_a_time = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(name) = locked(&waiting).pop() {
                    let count = callgrind::count(harness, name, &folder.join(format!("{name}.out")));
                    locked(&counted).push(count.map(|count| (name.to_owned(), count)));
                }
            });
        }
    });
    locked(&counted).drain(..).collect()
}

/// A thread that panicked has ended the scope, and with it us.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Prints every workload beside its budget, and fails when one is above it by more than the slack.
fn compare(budget: &Budget, counts: &BTreeMap<String, u64>, is_all: bool) -> Outcome {
    let rows = budget.compare(counts, is_all);
    println!("{:<18}{:>16}{:>16}{:>12}", "instructions", "now", "budget", "difference");
    for row in &rows {
        println!("{row}");
    }
    let percent = budget.slack_percent;
    if rows.iter().any(|row| row.difference() == Difference::Below) {
        println!(
            "A budget that is more than {percent} % too high guards less: lower it with `cargo xtask counts --bless`."
        );
    }
    let failed: Vec<String> = rows.iter().filter_map(budget::Row::problem).collect();
    Failure::unless_empty(&format!("{FILE} does not allow this (its slack is {percent} %)"), &failed).map_err(|failure| {
        let folder = shown(&workspace::target().join("callgrind"));
        Failure::new(format!(
            "{failure}\nWhere they go: `callgrind_annotate {folder}/NAME.out`. If it is meant: `cargo xtask counts --bless`, and say why in the commit."
        ))
    })
}

fn bless(counts: BTreeMap<String, u64>, is_all: bool) -> Outcome {
    let mut budget =
        if path().exists() { read()? } else { Budget { slack_percent: SLACK_PERCENT, instructions: BTreeMap::new() } };
    if is_all {
        budget.instructions.clear();
    }
    println!("{} of {} written to {FILE}", counts.len(), counts.len().max(budget.instructions.len()));
    budget.instructions.extend(counts);
    fs::write(path(), budget.to_json())?;
    Ok(())
}

fn read() -> Outcome<Budget> {
    let missing = |error| Failure::new(format!("{FILE}: {error}; `cargo xtask counts --bless` writes it"));
    let text = fs::read_to_string(path()).map_err(missing)?;
    Budget::parse(&text).map_err(|mistake| Failure::new(format!("{FILE}: {mistake}")))
}

fn path() -> PathBuf {
    workspace::root().join(FILE)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}
