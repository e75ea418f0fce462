//! What a round trip is compared with: four hops of JSON. The page's text is parsed by the app, written again and sent over loopback to a second process,
//! which parses it and asks SQLite; the answer comes back the same way.
//!
//! The second process is this program once more, with other words; its connection stays open. It stores with the durability that is `relaxed` here.

use crate::files::{Said, said};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use tauri::{AppHandle, Manager, State};

/// The word that makes this program the second process; behind it comes the file.
pub(crate) const SIDECAR: &str = "--sidecar";

/// What is asked, one JSON object in a line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
enum Asked {
    Put { collection: String, id: String, document: Value },
    Get { collection: String, id: String },
    Ping { text: String },
}

/// What is answered, likewise.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answered {
    Ok(Value),
    Failed(String),
}

/// The second process, from the first call on.
#[derive(Default)]
pub(crate) struct Sidecar(Mutex<Option<Running>>);

struct Running {
    lines: BufReader<TcpStream>,
    process: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It ends by itself when the connection does, and it is one of ours in any case.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first two hops, and the last two: text in, text out.
#[tauri::command(async)]
pub(crate) fn hop(app: AppHandle, sidecar: State<'_, Sidecar>, message: &str) -> Said<String> {
    let mut held = sidecar.0.lock().unwrap_or_else(PoisonError::into_inner);
    let running = match &mut *held {
        Some(running) => running,
        none => none.insert(start(&app)?),
    };
    let asked: Asked = serde_json::from_str(message).map_err(said)?;
    let answered: Answered = exchange(&mut running.lines, &asked)?;
    serde_json::to_string(&answered).map_err(said)
}

fn start(app: &AppHandle) -> Said<Running> {
    let file = app.path().app_local_data_dir().map_err(said)?.join("sidecar.sqlite");
    let mut command = Command::new(std::env::current_exe().map_err(said)?);
    command.arg(SIDECAR).arg(file).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = command.spawn().map_err(said)?;
    let mut port = String::new();
    let said_port = process.stdout.take().ok_or("it says nothing")?;
    BufReader::new(said_port).read_line(&mut port).map_err(said)?;
    let stream = TcpStream::connect(("127.0.0.1", port.trim().parse::<u16>().map_err(said)?)).map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    Ok(Running { lines: BufReader::new(stream), process })
}

fn exchange(lines: &mut BufReader<TcpStream>, asked: &Asked) -> Said<Answered> {
    write_line(lines.get_mut(), asked)?;
    let mut line = String::new();
    lines.read_line(&mut line).map_err(said)?;
    serde_json::from_str(&line).map_err(said)
}

/// The second process: says its port, serves the one who connects, and ends with the connection.
pub(crate) fn serve(file: &Path) -> Said<()> {
    let documents = open(file).map_err(said)?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(said)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr().map_err(said)?.port()).and_then(|()| stdout.flush()).map_err(said)?;
    let (mut stream, _) = listener.accept().map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    for line in BufReader::new(stream.try_clone().map_err(said)?).lines() {
        let asked = serde_json::from_str(&line.map_err(said)?).map_err(said);
        let answered = asked.and_then(|asked| answer(&documents, asked));
        write_line(&mut stream, &answered.map_or_else(Answered::Failed, Answered::Ok))?;
    }
    Ok(())
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS document (
           collection TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (collection, id)
         ) WITHOUT ROWID",
    )?;
    Ok(connection)
}

fn answer(documents: &Connection, asked: Asked) -> Said<Value> {
    match asked {
        Asked::Ping { text } => Ok(Value::String(text)),
        Asked::Put { collection, id, document } => {
            let json = serde_json::to_string(&document).map_err(said)?;
            let mut put =
                documents.prepare_cached("INSERT OR REPLACE INTO document VALUES (?1, ?2, ?3)").map_err(said)?;
            put.execute(params![collection, id, json]).map_err(said)?;
            Ok(Value::Null)
        }
        Asked::Get { collection, id } => {
            let asked = "SELECT json FROM document WHERE collection = ?1 AND id = ?2";
            let mut get = documents.prepare_cached(asked).map_err(said)?;
            let json: Option<String> = get.query_row([collection, id], |row| row.get(0)).optional().map_err(said)?;
            json.map_or(Ok(Value::Null), |json| serde_json::from_str(&json).map_err(said))
        }
    }
}

fn write_line(stream: &mut TcpStream, message: &impl Serialize) -> Said<()> {
    let mut line = serde_json::to_string(message).map_err(said)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(said)
}
