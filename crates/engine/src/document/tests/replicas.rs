//! Several devices, random edits, changes that arrive late, twice and in any order: all end with the same document.

use proptest::prelude::*;
use proptest::sample::Index;

use super::arbitrary::small_document;
use super::replica::Replica;
use crate::document::edit::{Actor, Merged, create, merge};
use crate::document::{Value, Version};

#[derive(Debug, Clone)]
enum Step {
    Put {
        who: Index,
        document: Value,
    },
    /// A put by somebody who read one of the versions that this device has had, or put one.
    PutAtEarlier {
        who: Index,
        read: Index,
        document: Value,
    },
    Delete {
        who: Index,
    },
    /// One change of one device reaches another, whether or not that one can use it yet.
    Change {
        from: Index,
        which: Index,
        to: Index,
    },
    /// A whole document reaches another device.
    Whole {
        from: Index,
        to: Index,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<Index>;
    prop_oneof![
        4 => (any(), small_document()).prop_map(|(who, document)| Step::Put { who, document }),
        2 => (any(), any(), small_document()).prop_map(|(who, read, document)| Step::PutAtEarlier { who, read, document }),
        1 => any().prop_map(|who| Step::Delete { who }),
        4 => (any(), any(), any()).prop_map(|(from, which, to)| Step::Change { from, which, to }),
        1 => (any(), any()).prop_map(|(from, to)| Step::Whole { from, to }),
    ]
}

struct Devices {
    replicas: Vec<Replica>,
    versions: Vec<Vec<Version>>,
}

impl Devices {
    fn new(count: usize) -> Self {
        let replicas = (0..count).map(|n| Replica::new(n as u8 + 1)).collect();
        Self { replicas, versions: vec![vec![Version::absent()]; count] }
    }

    fn step(&mut self, step: Step) {
        let count = self.replicas.len();
        let who = match step {
            Step::Put { who, document } => {
                let who = who.index(count);
                self.replicas[who].put_value(None, &document).unwrap();
                who
            }
            Step::PutAtEarlier { who, read, document } => {
                let who = who.index(count);
                let read = &self.versions[who][read.index(self.versions[who].len())];
                let (version, _) = self.replicas[who].try_put(Some(read), &document).unwrap();
                self.versions[who].push(version);
                who
            }
            Step::Delete { who } => {
                let who = who.index(count);
                self.replicas[who].delete();
                who
            }
            Step::Change { from, which, to } => {
                let (sent, to) = (self.replicas[from.index(count)].sent.clone(), to.index(count));
                if sent.is_empty() {
                    return;
                }
                self.replicas[to].try_merge(&sent[which.index(sent.len())]);
                to
            }
            Step::Whole { from, to } => {
                let (from, to) = (from.index(count), to.index(count));
                if self.replicas[from].row.is_none() {
                    return;
                }
                let whole = self.replicas[from].whole();
                self.replicas[to].merge(&whole);
                to
            }
        };
        if self.replicas[who].row.is_some() {
            let version = self.replicas[who].version();
            self.versions[who].push(version);
        }
    }

    /// Every change reaches every device, again and again, until nobody misses any.
    fn deliver_everything(&mut self, backwards: bool) {
        let mut changes: Vec<_> = self.replicas.iter().flat_map(|replica| replica.sent.clone()).collect();
        if backwards {
            changes.reverse();
        }
        for replica in &mut self.replicas {
            while changes.iter().filter(|change| replica.try_merge(change).is_none()).count() > 0 {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn all_devices_end_with_the_same_document(
        count in 2_usize..4, backwards: bool, steps in proptest::collection::vec(step(), 1..30),
    ) {
        let mut devices = Devices::new(count);
        steps.into_iter().for_each(|step| devices.step(step));
        devices.deliver_everything(backwards);
        for replica in &devices.replicas {
            prop_assert_eq!(replica.state(), devices.replicas[0].state());
        }
    }

    #[test]
    fn merging_is_idempotent_and_commutative(
        common in small_document(), a in small_document(), b in small_document(),
    ) {
        let mut alice = Replica::new(1);
        alice.put_value(None, &common).unwrap();
        let mut bob = alice.fork(2);
        alice.put_value(None, &a).unwrap();
        bob.put_value(None, &b).unwrap();
        let (of_alice, of_bob) = (alice.whole(), bob.whole());
        let merged = |parts: [&[u8]; 3]| {
            let mut carol = Replica::new(3);
            parts.into_iter().for_each(|part| { carol.merge(part); });
            carol.state()
        };
        let one = merged([&of_alice, &of_bob, &of_alice]);
        prop_assert_eq!(&one, &merged([&of_bob, &of_alice, &of_bob]));
        alice.merge(&of_bob);
        prop_assert!(!alice.merge(&of_bob) && !alice.merge(&of_alice));
        prop_assert_eq!(one, alice.state());
    }

    #[test]
    fn a_put_at_an_earlier_version_leaves_alone_what_it_leaves_alone(
        common in small_document(), theirs in small_document(), mine in small_document(),
    ) {
        let mut alice = Replica::new(1);
        alice.put_value(None, &common).unwrap();
        let read = alice.version();
        alice.put_value(None, &theirs).unwrap();
        alice.put_value(Some(&read), &mine).unwrap();
        let (Value::Map(common), Value::Map(theirs), Value::Map(mine)) = (common, theirs, mine) else { unreachable!() };
        let Some((_, false, Value::Map(after))) = alice.state() else { panic!("it is there") };
        for key in ["a", "b", "c"] {
            if common.get(key) == mine.get(key) {
                prop_assert_eq!(after.get(key), theirs.get(key), "what the caller left alone is as others left it");
            } else if common.get(key) == theirs.get(key) {
                prop_assert_eq!(after.get(key), mine.get(key), "what only the caller changed is as the caller wrote it");
            }
        }
    }

    #[test]
    fn a_copy_put_again_and_again_leaves_alone_what_it_leaves_alone(
        common in small_document(),
        theirs in proptest::collection::vec(small_document(), 1..5),
        copies in proptest::collection::vec(small_document(), 1..5),
    ) {
        let mut alice = Replica::new(1);
        alice.put_value(None, &common).unwrap();
        let mut bob = alice.fork(2);
        let mut read = alice.version();
        for turn in 0..theirs.len().max(copies.len()) {
            if let Some(document) = theirs.get(turn) {
                bob.put_value(None, document).unwrap();
            }
            alice.exchange(&mut bob);
            if let Some(copy) = copies.get(turn) {
                read = alice.try_put(Some(&read), copy).unwrap().0;
            }
        }
        let after = alice.state().unwrap().2;
        alice.exchange(&mut bob);
        let field = |document: &Value, key| {
            let Value::Map(map) = document else { panic!("a document is a map") };
            map.get(key).cloned()
        };
        for key in ["a", "b", "c"] {
            if copies.iter().all(|copy| field(copy, key) == field(&common, key)) {
                let theirs = field(theirs.last().unwrap(), key);
                prop_assert_eq!(field(&after, key), theirs, "what the copies leave alone is as others left it");
            }
        }
    }
}

#[test]
fn changes_that_came_together_are_stored_in_the_order_in_which_they_came() {
    let begun = |who: u8| create(&Value::empty(), Actor([who; 16]), 0).unwrap().change;
    let together: Vec<u8> = (1..=8).flat_map(begun).collect();
    let stored = |_| match merge(None, &together).unwrap() {
        Merged::Changed { write, .. } => write.bytes,
        Merged::Unchanged | Merged::MissingDeps(_) => panic!(),
    };
    let first = stored(0);
    assert!((1..16).map(stored).all(|bytes| bytes == first));
}
