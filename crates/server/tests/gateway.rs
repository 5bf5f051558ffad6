//! The gateway: where requests go, what it does when processes end, hang or refuse, and that nothing is done twice.

mod support;

#[path = "gateway/bodies.rs"]
mod bodies;
#[path = "gateway/breaker.rs"]
mod breaker;
#[path = "gateway/kit.rs"]
mod kit;
#[path = "gateway/lists.rs"]
mod lists;
#[path = "gateway/overload.rs"]
mod overload;
#[path = "gateway/repeats.rs"]
mod repeats;
#[path = "gateway/replaced.rs"]
mod replaced;
#[path = "gateway/routing.rs"]
mod routing;
#[path = "gateway/table.rs"]
mod table;
