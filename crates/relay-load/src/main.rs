//! How much a relay bears, beside bare WebSockets on the same stack, each in a process of its own, and beside other systems' servers: `relay-load RELAY FOLDER BENCH`
//! prints a table in Markdown. What goes wrong makes the measurement void: it panics.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod figures;

mod bare;

mod others;

mod workloads;

use std::path::PathBuf;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare"] => runtime.block_on(bare::run()),
        [relay, folder, bench] => {
            let [relay, folder, bench] = [relay, folder, bench].map(PathBuf::from);
            println!("{}", runtime.block_on(workloads::all(workloads::Place { relay, folder, bench })));
        }
        _ => panic!("relay-load RELAY FOLDER BENCH"),
    }
}
