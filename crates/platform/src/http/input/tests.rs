//! How large a body a route takes, as its handler says.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use serde::de::IgnoredAny;
use tower::ServiceExt as _;

use super::*;
use crate::access::Principal;

const LARGE: usize = 1024 * 1024;

async fn usual(_: Write<IgnoredAny>) {}

async fn large(_: Write<IgnoredAny, LARGE>) {}

/// The error with which a body of so many bytes is refused; none if it is taken.
async fn refusal(path: &str, bytes: usize) -> Option<Error> {
    let router: Router = Router::new().route("/usual", post(usual)).route("/large", post(large));
    let body = format!("{{{}}}", " ".repeat(bytes - 2));
    let mut request = Request::post(path).body(Body::from(body)).expect("a request");
    request.extensions_mut().insert(Caller(Arc::new(Principal::local_operator())));
    let mut response = router.oneshot(request).await.expect("an answer");
    response.extensions_mut().remove::<Error>()
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_handler_of_its_route_says() {
    for (path, most) in [("/usual", BODY_BYTES), ("/large", LARGE)] {
        assert!(refusal(path, most).await.is_none(), "{path}");
        let refused = refusal(path, most + 1).await.expect("a refusal");
        assert_eq!((refused.kind, refused.code.as_ref()), (ErrorKind::TooLarge, "request.too_large"), "{path}");
        assert!(refused.message.contains(&format!("{} KiB", most / 1024)), "{}", refused.message);
    }
}
