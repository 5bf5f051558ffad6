//! Where requests go that come to the gateway.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::body::Body;
use axum::http::{Method, Response};
use platform::error::{Error, Result};
use platform::http::gateway::{Gateway, Own, Routes, Way};
use platform::telemetry::Metrics;

use super::{PROGRAM, table};
use crate::stores::CONTEXTS;
use crate::system::nothing_there;

/// What the gateway knows.
pub(super) struct GatewayRoutes {
    pub(super) gateway: Arc<Gateway>,
    pub(super) metrics: Metrics,
    /// Set when the gateway is asked to end: it is not ready for new work.
    pub(super) draining: Arc<AtomicBool>,
    /// The service key with which it asks for itself.
    pub(super) internal_key: String,
    /// Links begin with this.
    pub(super) base_url: String,
    /// Whether the load test's echo is passed on.
    pub(super) echo: bool,
    /// Whether a load test's faults are.
    pub(super) faults: bool,
}

impl GatewayRoutes {
    fn group(&self, name: &str) -> Way {
        self.gateway.group(name).map_or(Way::Nowhere, |group| Way::Group(Arc::clone(group)))
    }

    /// Where a request goes that is for no context, by its first segment and what follows that.
    fn common(&self, segment: &str, rest: &str) -> Way {
        match (segment, rest) {
            ("healthz" | "readyz" | "metrics" | "lags" | "parked", "") => Way::Own,
            ("bench", "faults") if self.faults => Way::Own,
            ("bench", "echo") if self.echo => self.group(PROGRAM),
            ("" | "openapi.json" | "version", "") | ("docs", _) => self.group(PROGRAM),
            ("parked", rest) => {
                let named = rest.split('/').next().unwrap_or_default();
                let context = CONTEXTS.iter().find(|context| context.name == named);
                self.group(context.map_or(PROGRAM, |context| context.name))
            }
            _ => Way::Nowhere,
        }
    }
}

impl Routes for GatewayRoutes {
    fn find(&self, _method: &Method, path: &str) -> (Way, &'static str) {
        let (segment, rest) = table::split(path);
        if let Some((name, context)) = table::row(segment) {
            return (self.group(context), name);
        }
        let name = table::COMMON.iter().find(|known| **known == segment).copied().unwrap_or("other");
        (self.common(segment, rest), name)
    }

    async fn own(&self, own: Own) -> Result<Response<Body>> {
        self.answer(own).await
    }

    fn nowhere(&self) -> Error {
        nothing_there()
    }
}
