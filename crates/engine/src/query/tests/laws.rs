//! What holds for every filter and document: operators explained by one another.

use proptest::prelude::*;

use super::arbitrary::{any_value, document, filter, leaf, nonsense, object, operators, path};
use crate::document::Value;
use crate::query::Filter;

fn asks(filter: &Value, document: &Value) -> bool {
    Filter::parse(filter).unwrap_or_else(|error| panic!("{filter:?}: {error}")).matches(document)
}

/// Whether `{ path: { operator: operand } }` matches.
fn at(path: &str, operator: &str, operand: Value, document: &Value) -> bool {
    asks(&object([(path, object([(operator, operand)]))]), document)
}

fn list(values: &[Value]) -> Value {
    Value::List(values.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn negations_are_exact(path in path(), v in any_value(), w in any_value(), test in operators(), d in document()) {
        prop_assert_eq!(at(path, "$ne", v.clone(), &d), !at(path, "$eq", v.clone(), &d));
        prop_assert_eq!(at(path, "$nin", list(&[v.clone(), w.clone()]), &d), !at(path, "$in", list(&[v, w]), &d));
        prop_assert_eq!(at(path, "$not", test.clone(), &d), !asks(&object([(path, test)]), &d));
        let exists = at(path, "$exists", Value::Bool(true), &d);
        prop_assert_eq!(at(path, "$exists", Value::Bool(false), &d), !exists);
    }

    #[test]
    fn logical_operators_are_those_of_logic(f in filter(), g in filter(), d in document()) {
        let both = list(&[f.clone(), g.clone()]);
        let (f_matches, g_matches) = (asks(&f, &d), asks(&g, &d));
        prop_assert_eq!(asks(&object([("$and", both.clone())]), &d), f_matches && g_matches);
        prop_assert_eq!(asks(&object([("$or", both.clone())]), &d), f_matches || g_matches);
        prop_assert_eq!(asks(&object([("$nor", both)]), &d), !f_matches && !g_matches);
        let nor = |f: &Value| object([("$nor", list(std::slice::from_ref(f)))]);
        let de_morgan = object([("$nor", list(&[nor(&f), nor(&g)]))]);
        prop_assert_eq!(asks(&de_morgan, &d), f_matches && g_matches);
    }

    #[test]
    fn a_plain_value_is_equality(path in path(), v in any_value(), d in document()) {
        prop_assert_eq!(asks(&object([(path, v.clone())]), &d), at(path, "$eq", v, &d));
    }

    #[test]
    fn in_is_or_of_equalities_and_all_is_and(path in path(), vs in proptest::collection::vec(any_value(), 1..4), d in document()) {
        let equal: Vec<bool> = vs.iter().map(|v| at(path, "$eq", v.clone(), &d)).collect();
        prop_assert_eq!(at(path, "$in", list(&vs), &d), equal.contains(&true));
        prop_assert_eq!(at(path, "$all", list(&vs), &d), !equal.contains(&false));
    }

    #[test]
    fn ranges_split_a_class_at_a_value(path in path(), v in leaf(), d in document()) {
        let [below, up_to, from, above] = ["$lt", "$lte", "$gte", "$gt"].map(|side| at(path, side, v.clone(), &d));
        let equal = at(path, "$eq", v, &d);
        prop_assert_eq!(up_to, below || equal);
        prop_assert_eq!(from, above || equal);
    }

    #[test]
    fn several_operators_on_a_path_are_all_asked(path in path(), a in any_value(), b in any_value(), d in document()) {
        let together = object([(path, object([("$gte", a.clone()), ("$ne", b.clone())]))]);
        prop_assert_eq!(asks(&together, &d), at(path, "$gte", a, &d) && at(path, "$ne", b, &d));
    }

    #[test]
    fn null_is_found_where_something_is_null_or_missing(path in path(), d in document()) {
        if at(path, "$exists", Value::Bool(false), &d) {
            prop_assert!(at(path, "$eq", Value::Null, &d));
        }
        if at(path, "$type", Value::String("null".into()), &d) {
            prop_assert!(at(path, "$eq", Value::Null, &d));
        }
    }

    #[test]
    fn an_item_that_passes_is_a_match_of_the_field(path in path(), v in leaf(), side in 0..5usize, d in document()) {
        let operator = ["$eq", "$lt", "$lte", "$gt", "$gte"][side];
        if at(path, "$elemMatch", object([(operator, v.clone())]), &d) {
            prop_assert!(at(path, operator, v, &d));
        }
    }

    #[test]
    fn encoded_documents_answer_as_decoded_ones(f in filter(), d in document()) {
        let f = Filter::parse(&f).unwrap();
        // Some of the numbers by chance are in a form that documents do not have.
        if let Ok(bytes) = d.encode() {
            prop_assert_eq!(f.matches_encoded(&bytes), Ok(f.matches(&d)));
        }
    }

    #[test]
    fn nothing_panics_and_what_is_refused_says_why(f in nonsense(), d in document()) {
        match Filter::parse(&f) {
            Ok(filter) => { let _ = filter.matches(&d); }
            Err(error) => prop_assert!(!error.reason.is_empty() && error.to_string().len() < 2_000),
        }
    }

    #[test]
    fn no_bytes_make_matching_panic(f in filter(), bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = Filter::parse(&f).unwrap().matches_encoded(&bytes);
    }
}
