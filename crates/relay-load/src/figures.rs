//! What was measured, as it is told.

use std::time::Duration;

/// One line of the table.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) relay: String,
    pub(crate) bare: String,
    /// The relay's over the bare one's.
    pub(crate) ratio: f64,
}

impl Figure {
    /// Two numbers of one unit.
    pub(crate) fn of(what: impl Into<String>, unit: &str, relay: f64, bare: f64) -> Self {
        let told = |number: f64| format!("{} {unit}", short(number));
        Self { what: what.into(), relay: told(relay), bare: told(bare), ratio: relay / bare }
    }

    /// Medians and 99th percentiles, compared by the latter.
    pub(crate) fn of_times(what: impl Into<String>, relay: &mut [Duration], bare: &mut [Duration]) -> Self {
        let told = |times: &mut [Duration]| {
            times.sort();
            format!("{} / {} ms", short(ms(at(times, 0.5))), short(ms(at(times, 0.99))))
        };
        let (relay_told, bare_told) = (told(relay), told(bare));
        let ratio = ms(at(relay, 0.99)) / ms(at(bare, 0.99));
        Self { what: what.into(), relay: relay_told, bare: bare_told, ratio }
    }
}

/// A table in Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut lines =
        vec!["| | relay | bare WebSockets | relay to bare |".to_owned(), "| --- | ---: | ---: | ---: |".to_owned()];
    lines.extend(
        figures
            .iter()
            .map(|Figure { what, relay, bare, ratio }| format!("| {what} | {relay} | {bare} | {}x |", short(*ratio))),
    );
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
