//! The documentation of the API for people, at `/docs`: Swagger UI out of this program, with a frame of our own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Response};
use platform::error::{Error, ErrorKind, Result};
use utoipa_swagger_ui::{Config, serve};

/// Everything comes from this server. Images may stand in the style sheet itself, which is how its icons come.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = include_str!("../../../web/docs.html");
const SCRIPT: &str = include_str!("../../../web/docs.js");
const STYLE: &str = include_str!("../../../web/docs.css");
/// The files of Swagger UI that the page needs; it carries more.
const VENDORED: [&str; 3] = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"];

/// The API's documentation, as a page.
#[utoipa::path(get, path = "/docs", operation_id = "showDocs", tag = "system",
    responses((status = 200, description = "A page for people", body = String, content_type = "text/html")))]
pub async fn page() -> Response<Body> {
    answer("text/html; charset=utf-8", Body::from(PAGE))
}

/// What the documentation page is made of: scripts, styles, its icon.
#[utoipa::path(get, path = "/docs/{file}", operation_id = "showDocsFile", tag = "system",
    params(("file" = String, Path, description = "One of the files that the page names", example = "onepoint.css")),
    responses((status = 200, description = "The file", content((String = "text/css"), (String = "text/javascript"), (String = "image/png"))),
        (status = 404, description = "No such file")))]
pub async fn file(name: Result<Path<String>, PathRejection>) -> Result<Response<Body>> {
    let Path(name) = name.map_err(|_| missing())?;
    match name.as_str() {
        "onepoint.js" => Ok(kept(answer("text/javascript; charset=utf-8", Body::from(SCRIPT)))),
        "onepoint.css" => Ok(kept(answer("text/css; charset=utf-8", Body::from(STYLE)))),
        name if VENDORED.contains(&name) => vendored(name),
        _ => Err(missing()),
    }
}

fn vendored(name: &str) -> Result<Response<Body>> {
    let found = serve(name, Arc::new(Config::default())).ok().flatten().ok_or_else(missing)?;
    let mut response = answer(&found.content_type, Body::from(found.bytes.into_owned()));
    if found.gzpipped {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(kept(response))
}

fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "docs.no_such_file", "the documentation has no such file; it begins at /docs")
}

/// The files change with the program only; an hour bounds how long a browser mixes two versions.
fn kept(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

fn answer(content_type: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
