//! Ctrl-C and its like.

use crate::exit::Problem;
use std::pin::Pin;

/// Hears whoever wants this program to end.
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Stop {
    /// From now on a signal no longer ends the program by itself.
    pub(crate) fn listen() -> Result<Self, Problem> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| signal(kind).map_err(|error| Problem::cannot("listen for signals", &error));
            let kinds = (SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup());
            Ok(Self { signals: [listen(kinds.0)?, listen(kinds.1)?, listen(kinds.2)?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Resolves when the next signal comes.
    pub(crate) async fn wanted(&mut self) {
        #[cfg(unix)]
        {
            let each =
                self.signals.iter_mut().map(|signal| Box::pin(signal.recv()) as Pin<Box<dyn Future<Output = _>>>);
            futures_util::future::select_all(each).await;
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
