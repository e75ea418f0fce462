//! Disks that refuse: one that is full, a file and a folder that may only be read. A typed failure, nothing lost, and it works again when it can.
//!
//! A limit on the size of files stands in for a full disk. `ASHORE_SMALL_DISK=FOLDER` names a real one of 16 megabytes, for the ignored test;
//! CONTRIBUTING.md has the lines.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::wait_for;
use ashore_native::{Database, ErrorCode, Options};
use folder::Folder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PATH: &str = "ASHORE_TEST_REFUSED_PATH";
const SEALED: &str = "ASHORE_TEST_REFUSED_SEALED";
/// No file grows beyond this, in blocks of 512 bytes.
const LIMIT_BLOCKS: u32 = 6_000;
/// Documents in one strict call; 100 bytes to a call's number in each.
const AT_ONCE: u32 = 20;
/// Somebody who owns nothing.
const NOBODY: u32 = 65_534;

fn options(path: &Path, sealed: bool) -> Options {
    let options = Options::at(path).secrets_in_files();
    if sealed { options.encrypted() } else { options }
}

fn documents(call: u32) -> Vec<(String, Value)> {
    (0..AT_ONCE)
        .map(|n| (format!("{call:06} {n:02}"), json!({ "call": call, "of": format!("{call} ").repeat(300) })))
        .collect()
}

/// Opens the database of its surroundings and writes until that is refused; then, whenever it is told a word, once more.
#[test]
#[ignore = "it is the process that other tests start"]
fn writer() {
    let path = std::env::var(PATH).unwrap_or_else(|_| panic!("only other tests start it"));
    let sealed = std::env::var(SEALED).unwrap() == "true";
    let say = |what: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nsaid {what}").unwrap();
        out.flush().unwrap();
    };
    wait_for(async {
        let database = loop {
            match Database::open(options(Path::new(&path), sealed)).await {
                Ok(database) => break database,
                // A program that another test of this one is just starting holds all that was open for a moment.
                Err(failure) if failure.code == ErrorCode::StoreLocked => {}
                Err(failure) => return say(&format!("refused {} {}", failure.code.as_str(), failure.message)),
            }
        };
        let notes = database.collection::<Value>("notes").strict();
        let mut call = 0;
        let refused = loop {
            let mut written = notes.put_many(documents(call)).await;
            if written.is_err() {
                // The next engine moves the log into the file, which may make room.
                written = notes.put_many(documents(call)).await;
            }
            match written {
                Ok(()) => say(&format!("acknowledged {call}")),
                Err(failure) => break failure,
            }
            call += 1;
        };
        say(&format!("refused {} {}", refused.code.as_str(), refused.message));
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let answer = match line.as_str() {
                "read" => notes.get("000000 00").await.map(|found| assert!(found.is_some())),
                _ => notes.put_many(documents(call)).await,
            };
            match answer {
                Ok(()) => say("done"),
                Err(failure) => say(&format!("refused {} {}", failure.code.as_str(), failure.message)),
            }
        }
        database.close().await;
    });
}

/// The writer, started.
struct Writer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(mut command: Command, path: &Path, sealed: bool) -> Self {
        let mut child = command
            .args(["writer", "--exact", "--ignored", "--nocapture"])
            .env(PATH, path)
            .env(SEALED, sealed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { stdin: child.stdin.take(), child, lines }
    }

    /// The next thing that it says.
    fn hear(&mut self) -> String {
        let mut said = self.lines.by_ref().map_while(Result::ok);
        said.find_map(|line| line.strip_prefix("said ").map(str::to_owned)).expect("it says something")
    }

    /// Everything up to its refusal: how many calls were acknowledged, and the code.
    fn hear_refusal(&mut self) -> (u32, String) {
        let mut acknowledged = 0;
        loop {
            let said = self.hear();
            match said.split(' ').collect::<Vec<_>>()[..] {
                ["acknowledged", call] => assert_eq!(call, acknowledged.to_string()),
                ["refused", code, ..] => {
                    println!("after {acknowledged} calls: {said}");
                    return (acknowledged, code.to_owned());
                }
                _ => panic!("{said}"),
            }
            acknowledged += 1;
        }
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.stdin.as_ref().unwrap(), "{what}").unwrap();
        self.hear()
    }

    /// What an engine that begins again may have made room for, or not.
    fn ask_for_what_may_fail(&mut self, what: &str, code: &str) {
        let said = self.ask(what);
        println!("then {what}: {said}");
        assert!(said == "done" || said.starts_with(&format!("refused {code} ")), "{said}");
    }

    /// The engine that was refused something may still be there to refuse the next call too.
    fn ask_twice(&mut self, what: &str) -> String {
        let said = self.ask(what);
        if said == "done" { said } else { self.ask(what) }
    }

    /// It closes its database and ends.
    fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// The calls up to this one are there whole, nothing else is, and nothing is wrong with it.
fn has_exactly(path: &Path, sealed: bool, calls: u32) {
    wait_for(async {
        let database = Database::open(options(path, sealed)).await.unwrap();
        let found = database.collection::<Value>("notes").all().rows().await.unwrap();
        assert!(found == (0..calls).flat_map(documents).collect::<Vec<_>>(), "{} of {calls} calls", found.len());
        let mut findings = Vec::new();
        database.check(|page| findings.extend(page.found.clone())).await.unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        database.close().await;
    });
}

#[test]
fn a_file_that_may_not_grow_is_a_typed_failure_and_works_again_when_it_may() {
    for sealed in [false, true] {
        let folder = Folder::fresh();
        let path = folder.path("notes.ashore");
        let mut limited = Command::new("sh");
        limited
            .arg("-c")
            .arg(format!(r#"trap "" XFSZ; ulimit -S -f {LIMIT_BLOCKS}; exec "$0" "$@""#))
            .arg(this_program());
        let mut writer = Writer::start(limited, &path, sealed);
        let (acknowledged, code) = writer.hear_refusal();
        assert!(acknowledged > 10, "{acknowledged}");
        assert_eq!(code, "store.failed");
        // An encrypted one may begin with a write.
        writer.ask_for_what_may_fail("read", if sealed { "store.failed" } else { "-" });
        writer.ask_for_what_may_fail("again", "store.failed");
        // As if there was room again.
        let pid = writer.child.id().to_string();
        assert!(Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap().success());
        assert_eq!(writer.ask_twice("read"), "done");
        assert_eq!(writer.ask_twice("again"), "done");
        writer.end();
        has_exactly(&path, sealed, acknowledged + 1);
    }
}

#[test]
#[ignore = "needs a small disk"]
fn a_disk_that_is_full_is_a_typed_failure_and_works_again_when_there_is_room() {
    let disk = PathBuf::from(std::env::var("ASHORE_SMALL_DISK").expect("the folder of a small disk"));
    for sealed in [false, true] {
        let (ballast, path) = (disk.join("ballast"), disk.join(format!("sealed-{sealed}/notes.ashore")));
        std::fs::write(&ballast, vec![1; 8 << 20]).unwrap();
        let mut writer = Writer::start(Command::new(this_program()), &path, sealed);
        let (acknowledged, code) = writer.hear_refusal();
        assert!(acknowledged > 10, "{acknowledged}");
        assert_eq!(code, "store.quota-exceeded");
        assert_eq!(writer.ask_twice("read"), "done");
        writer.ask_for_what_may_fail("again", "store.quota-exceeded");
        std::fs::remove_file(&ballast).unwrap();
        assert_eq!(writer.ask_twice("again"), "done");
        writer.end();
        has_exactly(&path, sealed, acknowledged + 1);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

/// A folder for which permissions count: root has all, so another user works in it then.
struct Restricted {
    folder: PathBuf,
    root: bool,
}

impl Restricted {
    fn fresh() -> Self {
        let folder = std::env::temp_dir().join(format!("ashore-refused-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("data")).unwrap();
        std::fs::copy(this_program(), folder.join("program")).unwrap();
        let root = std::fs::metadata(&folder).unwrap().uid() == 0;
        Self { folder, root }
    }

    /// What is there belongs to that user, if there is one.
    fn give_away(&self) {
        let data = self.folder.join("data");
        let all = files(&data).into_iter().map(|(file, _)| file).chain([data]);
        if self.root {
            all.for_each(|file| chown(file, Some(NOBODY), Some(NOBODY)).unwrap());
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("data/notes.ashore")
    }

    fn writer(&self) -> Writer {
        let mut program = Command::new(self.folder.join("program"));
        program.current_dir(&self.folder);
        if self.root {
            program.uid(NOBODY).gid(NOBODY);
        }
        Writer::start(program, &self.path(), false)
    }

    fn allow(&self, what: &Path, mode: u32) {
        std::fs::set_permissions(what, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Restricted {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_file_or_folder_that_may_only_be_read_is_a_typed_failure_and_stays_as_it_is() {
    let restricted = Restricted::fresh();
    let path = restricted.path();
    let data = path.parent().unwrap();
    wait_for(async {
        let database = Database::open(options(&path, false)).await.unwrap();
        database.collection::<Value>("notes").put_many(documents(0)).await.unwrap();
        database.close().await;
    });
    restricted.give_away();
    let before = files(data);
    for (what, mode, usual) in [(&*path, 0o400, 0o600), (data, 0o500, 0o700)] {
        restricted.allow(what, mode);
        let mut writer = restricted.writer();
        let (acknowledged, code) = writer.hear_refusal();
        assert_eq!((acknowledged, &*code), (0, "store.failed"), "{}", what.display());
        writer.end();
        restricted.allow(what, usual);
    }
    assert!(before == files(data), "nothing was changed");
    has_exactly(&path, false, 1);
}

/// The files of a folder, and what is in them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = names.map(|file| (file.clone(), std::fs::read(&file).unwrap())).collect();
    files.sort();
    files
}
