//! Ctrl-C and its like.

use crate::exit::Problem;

/// Hears whoever wants this program to end.
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Stop {
    /// From now on a signal no longer ends the program by itself.
    pub(crate) fn listen() -> Result<Self, Problem> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| signal(kind).map_err(|error| Problem::cannot("listen for signals", &error));
            // Not SIGHUP: `nohup` has made it harmless, and listening would undo that.
            Ok(Self { signals: [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Resolves when the next signal comes.
    pub(crate) async fn wanted(&mut self) {
        #[cfg(unix)]
        {
            use std::pin::Pin;
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
