//! The table of the gateway says neither more nor less than the routes of the contexts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use server::gateway::table::{COMMON, SEGMENTS, split};
use server::stores::context_names;
use server::system;
use utoipa_axum::router::OpenApiRouter;

use crate::support::{Engine, TestApp};

fn segments(router: OpenApiRouter) -> BTreeSet<String> {
    let described = router.split_for_parts().1;
    described.paths.paths.keys().map(|path| split(path).0.to_owned()).collect()
}

#[test]
fn each_context_answers_what_the_table_says() {
    use app::*;
    let server = TestApp::open(Engine::Sqlite);
    let running = server.app();
    let purchases = &running.purchases;
    let routers: [(&str, OpenApiRouter); 14] = [
        ("member", member::http::routes(Arc::clone(&running.members))),
        ("notification", notification::http::routes(Arc::clone(&running.notifications))),
        ("point", point::http::routes(Arc::clone(&running.points))),
        ("coupon", coupon::http::routes(Arc::clone(&running.coupons))),
        ("mypage", mypage::http::routes(Arc::clone(&running.pages))),
        ("donation", donation::http::routes(Arc::clone(&running.donations))),
        ("deal", deal::http::routes(Arc::clone(&running.deals))),
        ("settlement", settlement::http::routes(Arc::clone(&running.settlements))),
        ("dashboard", dashboard::http::routes(Arc::clone(&running.dashboards))),
        ("product", product::http::routes(Arc::clone(&purchases.products))),
        ("membership", membership::http::routes(Arc::clone(&purchases.memberships))),
        ("payment", payment::http::routes(Arc::clone(&purchases.payments))),
        ("gifticon", gifticon::http::routes(Arc::clone(&purchases.gifticons))),
        ("cart", cart::http::routes(Arc::clone(&purchases.carts))),
    ];
    let mut there: BTreeMap<String, &str> = BTreeMap::new();
    for (context, router) in routers {
        for segment in segments(router) {
            assert_eq!(there.insert(segment.clone(), context), None, "{segment} belongs to two contexts");
        }
    }
    let table: BTreeMap<String, &str> =
        SEGMENTS.iter().map(|(segment, context)| ((*segment).to_owned(), *context)).collect();
    assert_eq!(table, there);
    assert_eq!(table.len(), SEGMENTS.len(), "no row twice");
    let named: BTreeSet<&str> = there.into_values().collect();
    assert_eq!(named, context_names().into_iter().collect(), "every context answers something");
    // What is left are the routes that every process has.
    let all = running.routes().1.paths.paths.into_keys().map(|path| split(&path).0.to_owned());
    let all: BTreeSet<String> = all.chain(program()).filter(|segment| !table.contains_key(segment)).collect();
    let common: BTreeSet<String> = COMMON.iter().map(|segment| (*segment).to_owned()).chain([String::new()]).collect();
    assert_eq!(all, common);
}

fn program() -> Vec<String> {
    let described = system::routes(true, true).split_for_parts().1;
    described.paths.paths.keys().map(|path| split(path).0.to_owned()).collect()
}
