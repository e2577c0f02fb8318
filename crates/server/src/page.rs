//! The web client, embedded: one binary is the whole product.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web-client/dist"]
#[allow_missing = true]
struct Built;

/// A file whose name has a hash of its content: it never changes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Anything else: asked for again each time, and answered 304 when it is the same.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

const NOT_BUILT: &str = "<!doctype html><title>Palabre</title><meta charset=utf-8>\
    <p>This server was built without its web client. Build both with <code>cargo xtask run</code>, or the \
    web client alone with <code>npm ci &amp;&amp; npm run build</code> in <code>web-client</code> and then \
    the server again.</p>";

/// The page for `/` and `/r/…`, or a file of the web client.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let is_page = path.is_empty() || path == "r" || path.starts_with("r/");
    let name = if is_page { "index.html" } else { path };
    let Some(file) = Built::get(name) else {
        return if is_page {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/html")], NOT_BUILT)
                .into_response()
        } else {
            (StatusCode::NOT_FOUND, "no such file\n").into_response()
        };
    };
    let hash = file.metadata.sha256_hash();
    let tag: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let cache = if name.starts_with("assets/") { IMMUTABLE } else { REVALIDATE };
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let base = [
        (header::CACHE_CONTROL, cache),
        (
            header::ETAG,
            HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are a header"),
        ),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, base).into_response();
    }
    let kind = HeaderValue::from_str(file.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    (base, [(header::CONTENT_TYPE, kind)], Body::from(file.data.into_owned())).into_response()
}
