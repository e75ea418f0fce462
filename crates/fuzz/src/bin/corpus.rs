//! `corpus unpack <target> <folder>` writes the seeds and the committed inputs as files; `corpus pack <target> <folder> <bytes>` takes files into the
//! committed corpus; `corpus run <target> <file>` runs one input; `corpus random <target> <seconds> <seed>` runs changed copies without libFuzzer; `corpus list` prints the targets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a tool for people; see the library")]

use ashore_fuzz::mutate::Mutations;
use ashore_fuzz::{TARGETS, corpus, seeds, target};
use std::path::Path;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => TARGETS.iter().for_each(|target| println!("{}", target.name)),
        ["unpack", name, folder] => println!("{} inputs", corpus::unpack(name, Path::new(folder)).unwrap()),
        ["pack", name, folder, bytes] => {
            println!("{} inputs", corpus::pack(name, Path::new(folder), bytes.parse().unwrap()).unwrap());
        }
        ["run", name, file] => (target(name).expect("a target").run)(&std::fs::read(file).unwrap()),
        ["random", name, seconds, seed] => random(name, seconds.parse().unwrap(), seed.parse().unwrap()),
        _ => panic!(
            "corpus list | unpack <target> <folder> | pack <target> <folder> <bytes> | run <target> <file> | random <target> <seconds> <seed>"
        ),
    }
}

fn random(name: &str, seconds: u64, seed: u64) {
    let run = target(name).expect("a target").run;
    let inputs = [seeds::of(name), corpus::read(name)].concat();
    inputs.iter().for_each(|input| run(input));
    let (mut mutations, began, mut count) = (Mutations::of(inputs, seed), Instant::now(), 0_u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        let input = mutations.next_input();
        let failed = std::panic::catch_unwind(|| run(&input)).is_err();
        if failed {
            let file = format!("{name}-{}.bin", &blake3::hash(&input).to_hex()[..16]);
            std::fs::write(&file, &input).unwrap();
            panic!("input {count} fails: {file}");
        }
        count += 1;
    }
    println!("{name}: {count} inputs in {seconds} s, seed {seed}");
}
