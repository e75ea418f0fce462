//! Counters: what several writers add is added.

use proptest::prelude::*;

use super::replica::{Replica, value};
use crate::document::{Value, Version};

fn with(fields: &str) -> String {
    format!(r#"{{{fields}}}"#)
}

fn likes(number: i64) -> String {
    with(&format!(r#""likes":{{"$ashore":["counter",{number}]}}"#))
}

fn count(replica: &Replica) -> i64 {
    let Value::Map(map) = replica.state().unwrap().2 else { panic!("a document is a map") };
    let Value::Counter(number) = map["likes"] else { panic!("it is a counter: {map:?}") };
    number
}

#[test]
fn increments_of_two_devices_at_once_both_count() {
    let mut alice = Replica::with(1, &likes(3));
    let mut bob = alice.fork(2);
    alice.put(&likes(5));
    bob.put(&likes(2));
    bob.put(&likes(12));
    alice.exchange(&mut bob);
    assert_eq!(count(&alice), 14);
}

#[test]
fn a_stale_copy_put_twice_counts_once() {
    let mut alice = Replica::with(1, &likes(0));
    let read = alice.version();
    let mut bob = alice.fork(2);
    bob.put(&likes(10));
    alice.exchange(&mut bob);
    let first = alice.put_copy(&read, &likes(1));
    assert_eq!(count(&alice), 11);
    assert_eq!(alice.put_copy(&first, &likes(1)), first, "the same copy again changes nothing");
    assert_eq!(count(&alice), 11);
    let second = alice.put_copy(&first, &likes(3));
    assert_eq!(count(&alice), 13, "its own increment, and what bob counted");
    bob.put(&likes(9));
    alice.exchange(&mut bob);
    alice.put_copy(&second, &likes(2));
    assert_eq!(count(&alice), 11);
}

#[test]
fn a_number_over_a_counter_and_a_counter_over_a_number_are_set() {
    let mut alice = Replica::with(1, &likes(3));
    alice.put(&with(r#""likes":4"#));
    assert_eq!(alice.text(), with(r#""likes":4"#));
    let mut bob = alice.fork(2);
    alice.put(&likes(5));
    alice.exchange(&mut bob);
    assert_eq!(count(&bob), 5);
    alice.put(&likes(6));
    bob.put(&likes(7));
    alice.exchange(&mut bob);
    assert_eq!(count(&alice), 8);
}

#[test]
fn counters_in_lists_and_maps_count() {
    let nested = |a: i64, b: i64| {
        with(&format!(r#""m":{{"n":{{"$ashore":["counter",{a}]}}}},"l":["x",{{"$ashore":["counter",{b}]}}]"#))
    };
    let mut alice = Replica::with(1, &nested(0, 0));
    let mut bob = alice.fork(2);
    alice.put(&nested(1, 10));
    bob.put(&nested(2, 20));
    alice.exchange(&mut bob);
    assert_eq!(alice.state().unwrap().2, value(&nested(3, 30)));
}

#[test]
fn two_counters_made_apart_are_two_and_one_of_them_wins() {
    let mut alice = Replica::with(1, &likes(1));
    let mut bob = Replica::with(2, &likes(10));
    alice.exchange(&mut bob);
    let won = count(&alice);
    assert!(won == 1 || won == 10, "{won}");
    alice.put(&likes(won + 1));
    bob.put(&likes(won + 2));
    alice.exchange(&mut bob);
    assert_eq!(count(&alice), won + 3, "from now on there is one");
}

#[test]
fn a_counter_as_far_as_it_goes_is_still_a_counter() {
    let of = |number: i64| Value::Map([("likes".to_owned(), Value::Counter(number))].into());
    let mut alice = Replica::new(1);
    for number in [i64::MIN, i64::MAX, 0, i64::MAX, -1] {
        alice.put_value(None, &of(number)).unwrap();
        assert_eq!(count(&alice), number);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Each device keeps its own copy and puts it, fresh or stale: nothing is counted twice or forgotten.
    #[test]
    fn the_sum_of_all_increments_is_the_counter(steps in proptest::collection::vec((0_usize..3, -5_i64..6, any::<bool>()), 1..25)) {
        let first = Replica::with(1, &likes(0));
        let mut devices: Vec<(Replica, Version, i64)> =
            (2..5).map(|actor| { let device = first.fork(actor); let version = device.version(); (device, version, 0) }).collect();
        let mut sum = 0;
        for (who, by, meet) in steps {
            let (device, base, copy) = &mut devices[who];
            *copy += by;
            sum += by;
            *base = device.put_copy(base, &likes(*copy));
            if meet {
                let (left, right) = devices.split_at_mut(1);
                left[0].0.exchange(&mut right[who % 2].0);
            }
        }
        let (left, right) = devices.split_at_mut(1);
        for _ in 0..2 {
            right.iter_mut().for_each(|(device, ..)| left[0].0.exchange(device));
        }
        for (device, ..) in &devices {
            prop_assert_eq!(count(device), sum);
        }
    }
}
