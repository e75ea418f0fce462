//! Steps with names and times: what a long run prints, and the plain last line that says how it went.

use std::time::Instant;

use crate::failure::{Failure, Outcome};

/// The steps that ran so far.
pub(crate) struct Steps {
    began: Instant,
    done: Vec<(String, f64)>,
}

impl Steps {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), done: Vec::new() }
    }

    /// Runs one step; the first that fails ends the run, with the closing lines printed.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
        println!("\n==> {name}");
        let began = Instant::now();
        let outcome = work();
        let seconds = began.elapsed().as_secs_f64();
        if let Err(failure) = outcome {
            println!("<== {name}: FAILED after {seconds:.1} s\n{failure}");
            self.close(1);
            return Err(Failure::new(format!("{name} failed")));
        }
        println!("<== {name}: {seconds:.1} s");
        self.done.push((name.to_owned(), seconds));
        Ok(())
    }

    /// The lines that `close` printed last, from the whole output of a run.
    pub(crate) fn summary(output: &str) -> &str {
        output.rfind(&Self::heading()).map_or("", |at| &output[at..])
    }

    fn heading() -> String {
        format!("{:>9}  step", "seconds")
    }

    /// Prints the times and `N passed, N failed`.
    pub(crate) fn close(&self, failed: usize) {
        println!("\n{}", Self::heading());
        for (name, seconds) in &self.done {
            println!("{seconds:>9.1}  {name}");
        }
        println!("{:>9.1}  in all\n{} passed, {failed} failed", self.began.elapsed().as_secs_f64(), self.done.len());
    }
}
