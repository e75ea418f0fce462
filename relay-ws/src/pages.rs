//! Static files beside the relay: the demo, or any app.
//!
//! Files under `assets/` carry a hash in their name and are kept for ever; all others are asked for again each time.
//! A navigation to a path that is no file gets `index.html`; anything else that is not there is not found.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tower_http::services::{ServeDir, ServeFile};

/// Serves what the router does not know from this directory.
pub fn with_pages(router: Router, directory: &Path) -> Router {
    let directory = directory.to_owned();
    router.fallback(move |request: Request| serve(directory.clone(), request))
}

async fn serve(directory: PathBuf, request: Request) -> Response {
    let kept = request.uri().path().starts_with("/assets/");
    let navigation = is_navigation(&request);
    let response = file(&directory, request).await;
    let missing = response.status() == StatusCode::NOT_FOUND;
    let mut response = if missing && navigation { index(&directory).await } else { response };
    let cache = if kept && !missing { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A browser that opens an address, and not a script, style or module that is missing.
fn is_navigation(request: &Request) -> bool {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    request.method() == Method::GET && accepts.contains("text/html") && !last.contains('.')
}

async fn file(directory: &Path, request: Request) -> Response {
    match ServeDir::new(directory).try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) if is_missing(&error) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

async fn index(directory: &Path) -> Response {
    let mut response = match ServeFile::new(directory.join("index.html")).try_call(Request::new(Body::empty())).await {
        Ok(response) => response.map(Body::new),
        Err(_) => return StatusCode::NOT_FOUND.into_response(),
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}
