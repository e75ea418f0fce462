//! The thread that writes: one connection, one job after another.

use futures_channel::oneshot;
use rusqlite::Connection;
use std::cell::RefCell;
use std::sync::mpsc;
use std::thread;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Hands jobs to the thread. When it is dropped, the thread does what it was given and ends.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: RefCell<Option<mpsc::Sender<Job>>>,
    ended: RefCell<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(mut connection: Connection) -> std::io::Result<Self> {
        let (jobs, next) = mpsc::channel::<Job>();
        let (over, ended) = oneshot::channel();
        thread::Builder::new().name("ashore-writer".into()).spawn(move || {
            for job in next {
                job(&mut connection);
            }
            // The last connection to close moves the log into the file. What goes wrong there is mended at the next opening.
            let _ = connection.close();
            let _ = over.send(());
        })?;
        Ok(Self { jobs: RefCell::new(Some(jobs)), ended: RefCell::new(Some(ended)) })
    }

    /// What came of the job; `None` when the thread has ended before it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let _ = done.send(job(connection));
        });
        self.jobs.borrow().as_ref()?.send(job).ok()?;
        answer.await.ok()
    }

    /// Waits for the jobs under way and for the connection to be closed.
    pub(super) async fn close(&self) {
        self.jobs.replace(None);
        let ended = self.ended.replace(None);
        if let Some(ended) = ended {
            let _ = ended.await;
        }
    }
}
