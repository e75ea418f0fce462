//! How far long work is, on stderr and only when a person looks at it.

use ashore_native::Database;
use ashore_native::api::Event;
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Whether bars are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bars {
    Drawn,
    Hidden,
}

impl Bars {
    /// Where stderr is a terminal, unless it shall be quiet.
    pub(crate) fn unless(quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() { Self::Hidden } else { Self::Drawn }
    }

    /// A bar of work whose length is known.
    pub(crate) fn of_bytes(self, what: &'static str, bytes: u64) -> ProgressBar {
        self.bar(Some(bytes), "{msg} [{bar:40}] {bytes}/{total_bytes} {eta}", what)
    }

    /// A count of work whose length is not known.
    pub(crate) fn of_count(self, what: &'static str) -> ProgressBar {
        self.bar(None, "{spinner} {msg} {human_pos} {elapsed}", what)
    }

    fn bar(self, length: Option<u64>, template: &str, what: &'static str) -> ProgressBar {
        let target = match self {
            Self::Drawn => ProgressDrawTarget::stderr(),
            Self::Hidden => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(length, target).with_message(what);
        // A template that cannot be read leaves the bar as it is.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if self == Self::Drawn {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        bar
    }

    /// Shows how much of the relay's log is here while something waits for it.
    pub(crate) async fn while_syncing<T>(self, database: &Database, work: impl Future<Output = T>) -> T {
        let bar = self.bar(Some(0), "syncing [{bar:40}] {human_pos}/{human_len} entries", "");
        let mut events = database.events();
        let shown = async {
            while let Some(event) = events.next().await {
                if let Event::Status { status } = event {
                    bar.set_length(status.head.max(status.cursor));
                    bar.set_position(status.cursor);
                }
            }
            // It never ends before the work.
            std::future::pending().await
        };
        let done = tokio::select! {
            done = work => done,
            done = shown => done,
        };
        bar.finish_and_clear();
        done
    }
}
