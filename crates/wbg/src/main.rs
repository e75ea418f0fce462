//! The `wasm-bindgen` command line and its test runner as one binary: `wbg bindgen …`, `wbg test …`.
//!
//! Pinned by the workspace's lock file to the version of the `wasm-bindgen` library, so nothing has to be installed.

fn main() {
    let mut args = std::env::args_os();
    let called = args.next();
    let tool = args.next();
    let rest = called.into_iter().chain(args);
    let done = match tool.as_deref().and_then(|name| name.to_str()) {
        Some("bindgen") => wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(rest),
        Some("test") => wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(rest),
        _ => {
            eprintln!("usage: wbg bindgen|test …");
            std::process::exit(2);
        }
    };
    if let Err(error) = done {
        eprintln!("error: {error:?}");
        std::process::exit(1);
    }
}
