//! The `wasm-bindgen` command line and its test runner as one binary, and what comes after it: `wbg bindgen …`, `wbg test …`,
//! `wbg order FILE`.
//!
//! Pinned by the workspace's lock file to the version of the `wasm-bindgen` library, so nothing has to be installed.

mod order;

use std::path::Path;

fn main() {
    let mut args = std::env::args_os();
    let called = args.next();
    let tool = args.next();
    let mut rest = called.into_iter().chain(args);
    let done = match tool.as_deref().and_then(|name| name.to_str()) {
        Some("bindgen") => {
            wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(rest).map_err(|error| format!("{error:?}"))
        }
        Some("test") => {
            wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(rest).map_err(|error| format!("{error:?}"))
        }
        Some("order") if let Some(file) = rest.nth(1) => {
            order::order(Path::new(&file)).map_err(|error| error.to_string())
        }
        _ => {
            eprintln!("usage: wbg bindgen|test|order …");
            std::process::exit(2);
        }
    };
    if let Err(error) = done {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
