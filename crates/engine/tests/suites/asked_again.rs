//! A page that asks again after a crash what was not answered: what was done is answered, not done again.

use ashore_engine::api::{Command, Durability, Outcome, Reply, Write, WriteResult};
use ashore_engine::testing::Network;

fn answer(network: &mut Network, mark: u64) -> Reply {
    loop {
        let answers = &mut network.devices[0].answers;
        if let Some(at) = answers.iter().position(|(call, _)| call.mark == mark) {
            match answers.remove(at).1 {
                Outcome::Ok(reply) => return reply,
                Outcome::Failed(failure) => panic!("{failure}"),
            }
        }
        assert!(network.step(), "an answer comes");
    }
}

fn put(documents: &str, base: Option<String>) -> Command {
    let (collection, ids) = ("notes".to_owned(), vec!["n1".to_owned()]);
    let write = Write::Put { collection, ids, documents: documents.into(), bases: vec![base] };
    Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false }
}

#[test]
fn an_item_that_was_added_before_a_crash_is_not_added_again() {
    for seed in 0..40 {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        network.ask(0, put(r#"[{"log":[1]}]"#, None), 1);
        let Reply::Written { results, .. } = answer(&mut network, 1) else { panic!("not written") };
        let WriteResult::Put { versions } = &results[0] else { panic!("not put") };
        network.ask(0, put(r#"[{"log":[1,2]}]"#, Some(versions[0].clone())), 2);
        for _ in 0..network.rng.below(3) {
            network.step();
        }
        network.crash(0, false);
        network.open(0);
        if !network.devices[0].answers.iter().any(|(call, _)| call.mark == 2) {
            answer(&mut network, 2);
        }
        network.ask(0, Command::Get { collection: "notes".into(), ids: vec!["n1".into()] }, 3);
        let Reply::Documents { documents, .. } = answer(&mut network, 3) else { panic!("no documents") };
        assert_eq!(documents, r#"[{"log":[1,2]}]"#, "seed {seed}");
    }
}
