//! What was measured, as it is told.

use std::time::Duration;

/// One line of the table.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) relay: String,
    pub(crate) bare: String,
    /// The relay's over the bare one's.
    pub(crate) ratio: f64,
    /// What the other systems' servers reach, in their order in the table.
    pub(crate) others: [String; OTHERS.len()],
}

/// The other systems, as the table names them.
const OTHERS: [&str; 2] = ["Hocuspocus", "automerge-repo"];

impl Figure {
    /// Two numbers of one unit.
    pub(crate) fn of(what: impl Into<String>, unit: &str, relay: f64, bare: f64) -> Self {
        let (relay_told, bare_told) = (told(relay, unit), told(bare, unit));
        Self { what: what.into(), relay: relay_told, bare: bare_told, ratio: relay / bare, others: Default::default() }
    }

    /// Medians and 99th percentiles, compared by the latter.
    pub(crate) fn of_times(what: impl Into<String>, relay: &mut [Duration], bare: &mut [Duration]) -> Self {
        let (relay_told, bare_told) = (times_told(relay), times_told(bare));
        let ratio = ms(at(relay, 0.99)) / ms(at(bare, 0.99));
        Self { what: what.into(), relay: relay_told, bare: bare_told, ratio, others: Default::default() }
    }

    /// With what Hocuspocus and automerge-repo reach; `None` took too long.
    pub(crate) fn beside(self, hocuspocus: Option<String>, automerge_repo: Option<String>) -> Self {
        Self { others: [hocuspocus, automerge_repo].map(|told| told.unwrap_or_else(|| "too slow".to_owned())), ..self }
    }
}

/// A number and its unit.
pub(crate) fn told(number: f64, unit: &str) -> String {
    format!("{} {unit}", short(number))
}

/// Median and 99th percentile.
pub(crate) fn times_told(times: &mut [Duration]) -> String {
    times.sort();
    format!("{} / {} ms", short(ms(at(times, 0.5))), short(ms(at(times, 0.99))))
}

/// A table in Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut lines = vec![
        format!("| | relay | bare WebSockets | relay to bare | {} |", OTHERS.join(" | ")),
        "| --- | ---: | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    lines.extend(figures.iter().map(|Figure { what, relay, bare, ratio, others }| {
        let others = others.each_ref().map(|told| if told.is_empty() { "–" } else { told }).join(" | ");
        format!("| {what} | {relay} | {bare} | {}x | {others} |", short(*ratio))
    }));
    lines.join("\n")
}

fn at(sorted: &[Duration], part: f64) -> Duration {
    sorted[((sorted.len() as f64 * part) as usize).min(sorted.len() - 1)]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Three digits, thousands apart.
pub(crate) fn short(number: f64) -> String {
    if number < 100.0 {
        let digits = if number < 1.0 {
            3
        } else if number < 10.0 {
            2
        } else {
            1
        };
        return format!("{number:.digits$}");
    }
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
