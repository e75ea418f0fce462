//! Documents that come from outside: one as JSON, or many as lines. Everything is bounded before it is held.

use crate::exit::Problem;
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use tokio::sync::{mpsc, oneshot};

/// The engine takes documents of 1 MiB; their JSON may be longer.
const MAX_JSON_BYTES: u64 = 8 << 20;
/// So many documents, or so many bytes of JSON, are put in one step.
const BATCH_DOCUMENTS: usize = 1_000;
const BATCH_BYTES: u64 = 4 << 20;

/// A document as it was typed, from `@FILE` or, for `-`, from stdin.
pub(super) async fn read_document(json: &str) -> Result<Value, Problem> {
    let text = if json == "-" {
        on_a_thread(|| read_all("stdin", std::io::stdin().lock())).await?
    } else if let Some(path) = json.strip_prefix('@') {
        let file = std::fs::File::open(path).map_err(|error| Problem::file(path, &error))?;
        read_all(path, file)?
    } else {
        json.as_bytes().to_vec()
    };
    serde_json::from_slice(&text).map_err(|error| Problem::usage(format!("the document is no JSON: {error}")))
}

fn read_all(name: &str, from: impl Read) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    from.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Problem::file(name, &error))?;
    if bytes.len() as u64 > MAX_JSON_BYTES {
        return Err(Problem::usage(format!("{name} has more than {MAX_JSON_BYTES} bytes, which no document has")));
    }
    Ok(bytes)
}

/// Reading stdin may take for ever: whoever presses Ctrl-C is heard meanwhile.
async fn on_a_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (answer, answered) = oneshot::channel();
    std::thread::spawn(move || drop(answer.send(read())));
    answered.await.unwrap_or_else(|_| Err(Problem::usage("stdin could not be read")))
}

type Batch = Vec<(String, Value)>;

/// Lines of stdin as documents, some at a time.
pub(super) struct Batches(mpsc::Receiver<Result<Batch, Problem>>);

impl Batches {
    pub(super) fn of_stdin() -> Self {
        let (sender, batches) = mpsc::channel(2);
        std::thread::spawn(move || {
            let mut lines = Documents { from: BufReader::new(std::io::stdin()), line: 0, bytes: 0 };
            loop {
                match lines.batch() {
                    Ok(batch) if batch.is_empty() => return,
                    batch => {
                        let failed = batch.is_err();
                        // After a failure nothing is read any more; without a receiver neither.
                        if sender.blocking_send(batch).is_err() || failed {
                            return;
                        }
                    }
                }
            }
        });
        Self(batches)
    }

    pub(super) async fn next(&mut self) -> Option<Result<Batch, Problem>> {
        self.0.recv().await
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    value: Value,
}

struct Documents<R> {
    from: R,
    line: u64,
    /// Of the batch that is being read.
    bytes: u64,
}

impl<R: BufRead> Documents<R> {
    /// The next documents; none at the end.
    fn batch(&mut self) -> Result<Batch, Problem> {
        let mut batch = Vec::new();
        self.bytes = 0;
        while batch.len() < BATCH_DOCUMENTS && self.bytes < BATCH_BYTES {
            let Some(line) = self.next_line()? else { break };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let wrong = |error| Problem::usage(format!("line {}: {error}", self.line));
            let Line { id, value } = serde_json::from_slice(&line).map_err(wrong)?;
            batch.push((id, value));
        }
        Ok(batch)
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let mut line = Vec::new();
        let read = self.from.by_ref().take(MAX_JSON_BYTES + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Problem::file("stdin", &error))? as u64;
        self.line += 1;
        self.bytes += read;
        if read > MAX_JSON_BYTES {
            return Err(Problem::usage(format!("line {} has more than {MAX_JSON_BYTES} bytes", self.line)));
        }
        Ok((read > 0).then_some(line))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{BATCH_DOCUMENTS, Documents, MAX_JSON_BYTES};
    use serde_json::json;
    use std::io::{BufReader, Read};

    fn documents<R: Read>(from: R) -> Documents<BufReader<R>> {
        Documents { from: BufReader::new(from), line: 0, bytes: 0 }
    }

    #[test]
    fn lines_are_read_in_batches_and_empty_ones_passed_over() {
        let one = "{\"id\":\"a\",\"value\":{\"n\":1}}\n\n";
        let mut lines = documents(std::io::Cursor::new(one.repeat(BATCH_DOCUMENTS + 1)));
        let first = lines.batch().unwrap();
        assert_eq!((first.len(), first.first().unwrap()), (BATCH_DOCUMENTS, &("a".to_owned(), json!({ "n": 1 }))));
        assert_eq!(lines.batch().unwrap().len(), 1);
        assert_eq!(lines.batch().unwrap().len(), 0);
    }

    #[test]
    fn a_line_that_is_wrong_is_named_by_its_number() {
        let text = b"{\"id\":\"a\",\"value\":{}}\n{\"id\":\"b\"}\n";
        let problem = documents(&text[..]).batch().unwrap_err();
        assert!(format!("{problem:?}").contains("line 2: missing field"), "{problem:?}");
    }

    #[test]
    fn a_line_without_an_end_is_given_up_before_it_fills_the_memory() {
        let mut from = documents(std::io::repeat(b'x'));
        let problem = from.batch().unwrap_err();
        assert!(format!("{problem:?}").contains("more than"), "{problem:?}");
        assert_eq!(from.bytes, MAX_JSON_BYTES + 1);
    }
}
