//! instruction-budget.json: what each workload may take, and how far from it is far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// How far above its budget a workload may be, and how far below before the budget should be lowered.
    pub(crate) slack_percent: u64,
    pub(crate) instructions: BTreeMap<String, u64>,
}

/// Why the file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    Line(usize),
    NoSlack,
}

/// A workload beside its budget.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    name: String,
    now: Option<u64>,
    budget: Option<u64>,
    slack_percent: u64,
}

/// How a workload stands to its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    Within,
    /// More instructions than budget and slack allow.
    Above,
    /// So few that the budget guards nothing near them.
    Below,
    /// The file does not know the workload.
    Unknown,
    /// The file names a workload that is not there.
    Gone,
}

impl Budget {
    /// Every workload that was counted, and when those were all, every one in the file.
    pub(crate) fn compare(&self, counts: &BTreeMap<String, u64>, is_all: bool) -> Vec<Row> {
        let in_file = self.instructions.keys().filter(|_| is_all);
        let names: BTreeSet<&String> = counts.keys().chain(in_file).collect();
        let row = |name: &String| Row {
            name: name.clone(),
            now: counts.get(name).copied(),
            budget: self.instructions.get(name).copied(),
            slack_percent: self.slack_percent,
        };
        names.into_iter().map(row).collect()
    }

    /// Reads what `to_json` wrote: a line for each number.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        let (mut slack_percent, mut instructions) = (None, BTreeMap::new());
        for (at, line) in text.lines().map(str::trim).enumerate() {
            match number(line) {
                Some(("slackPercent", percent)) => slack_percent = Some(percent),
                Some((name, count)) if !instructions.contains_key(name) => {
                    instructions.insert(name.into(), count);
                }
                None if matches!(line, "{" | "}" | "" | "\"instructions\": {") => {}
                _ => return Err(Mistake::Line(at + 1)),
            }
        }
        Ok(Self { slack_percent: slack_percent.ok_or(Mistake::NoSlack)?, instructions })
    }

    /// As prettier would have it.
    pub(crate) fn to_json(&self) -> String {
        let rows = self.instructions.iter().map(|(name, count)| format!("    \"{name}\": {count}"));
        let rows = rows.collect::<Vec<_>>().join(",\n");
        format!("{{\n  \"slackPercent\": {},\n  \"instructions\": {{\n{rows}\n  }}\n}}\n", self.slack_percent)
    }
}

/// `"name": 12` or `"name": 12,`
fn number(line: &str) -> Option<(&str, u64)> {
    let (name, number) = line.strip_prefix('"')?.split_once("\": ")?;
    Some((name, number.strip_suffix(',').unwrap_or(number).parse().ok()?))
}

impl Row {
    pub(crate) fn difference(&self) -> Difference {
        let (now, budget) = match (self.now, self.budget) {
            (Some(now), Some(budget)) => (u128::from(now) * 100, u128::from(budget)),
            (Some(_), None) => return Difference::Unknown,
            (None, _) => return Difference::Gone,
        };
        let slack = u128::from(self.slack_percent);
        match now {
            _ if now > budget * (100 + slack) => Difference::Above,
            _ if now < budget * 100_u128.saturating_sub(slack) => Difference::Below,
            _ => Difference::Within,
        }
    }

    /// A line for whoever has to do something about it; `None` when nobody has.
    pub(crate) fn problem(&self) -> Option<String> {
        let name = &self.name;
        match self.difference() {
            Difference::Within | Difference::Below => None,
            Difference::Above => Some(format!("{name}: {} instructions", self.percent())),
            Difference::Unknown => Some(format!("{name}: there is no number for it")),
            Difference::Gone => Some(format!("{name}: there is a number for it, and no such workload")),
        }
    }

    fn percent(&self) -> String {
        let (Some(now), Some(budget)) = (self.now, self.budget) else { return "-".into() };
        format!("{:+.2} %", (now as f64 / budget as f64 - 1.0) * 100.0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [now, budget] = [self.now, self.budget].map(|count| count.map_or("-".into(), in_thousands));
        let mark = match self.difference() {
            Difference::Within => "",
            Difference::Above => "  EXCEEDED",
            Difference::Below => "  lower it",
            Difference::Unknown => "  new",
            Difference::Gone => "  gone",
        };
        write!(out, "{:<18}{now:>16}{budget:>16}{:>12}{mark}", self.name, self.percent())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(out, "line {line} cannot be read"),
            Self::NoSlack => out.write_str("there is no slackPercent"),
        }
    }
}

/// `1234567` as `1,234,567`.
fn in_thousands(number: u64) -> String {
    let digits = number.to_string();
    let places = digits.char_indices().map(|(at, digit)| {
        let begins = at > 0 && (digits.len() - at).is_multiple_of(3);
        if begins { format!(",{digit}") } else { digit.to_string() }
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Budget, Difference, Mistake, in_thousands};
    use std::collections::BTreeMap;

    const FILE: &str =
        "{\n  \"slackPercent\": 3,\n  \"instructions\": {\n    \"get\": 200,\n    \"put\": 1000\n  }\n}\n";

    fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    fn differences<const N: usize>(now: [(&str, u64); N], is_all: bool) -> Vec<Difference> {
        let rows = Budget::parse(FILE).unwrap().compare(&counts(now), is_all);
        rows.iter().map(super::Row::difference).collect()
    }

    fn problems<const N: usize>(now: [(&str, u64); N]) -> Vec<String> {
        let rows = Budget::parse(FILE).unwrap().compare(&counts(now), true);
        rows.iter().filter_map(super::Row::problem).collect()
    }

    #[test]
    fn a_workload_above_its_slack_is_a_problem_and_one_at_its_end_is_not() {
        use Difference::{Above, Within};
        assert_eq!(differences([("get", 206), ("put", 1030)], true), [Within, Within]);
        assert_eq!(differences([("get", 206), ("put", 1031)], true), [Within, Above]);
        assert_eq!(problems([("get", 206), ("put", 1030)]), [""; 0]);
        assert_eq!(problems([("get", 206), ("put", 1031)]), ["put: +3.10 % instructions"]);
    }

    #[test]
    fn a_workload_far_below_asks_for_a_lower_budget_and_is_no_problem() {
        assert_eq!(differences([("get", 194), ("put", 969)], true), [Difference::Within, Difference::Below]);
        assert_eq!(problems([("get", 194), ("put", 1)]), [""; 0]);
    }

    #[test]
    fn a_workload_without_a_budget_and_a_budget_without_a_workload_are_problems() {
        use Difference::{Gone, Unknown, Within};
        assert_eq!(differences([("get", 200), ("open", 1)], true), [Within, Unknown, Gone]);
        assert_eq!(problems([("get", 200), ("open", 1)]).len(), 2);
    }

    #[test]
    fn what_was_not_asked_for_is_not_missed() {
        assert_eq!(differences([("put", 1000)], false), [Difference::Within]);
    }

    #[test]
    fn the_file_is_written_as_it_is_read() {
        assert_eq!(Budget::parse(FILE).unwrap().to_json(), FILE);
    }

    #[test]
    fn a_line_that_says_anything_else_is_named() {
        assert_eq!(Budget::parse(&FILE.replace("1000", "\"many\"")), Err(Mistake::Line(5)));
        assert_eq!(Budget::parse(&FILE.replace("\"put\"", "\"get\"")), Err(Mistake::Line(5)));
        assert_eq!(Budget::parse(&FILE.replace("slackPercent", "slack")), Err(Mistake::NoSlack));
    }

    #[test]
    fn numbers_are_written_in_groups_of_three() {
        assert_eq!([7, 1_000, 1_234_567].map(in_thousands), ["7", "1,000", "1,234,567"]);
    }
}
