//! Where carts, payments and vouchers lead: to each other, and nowhere to what is not there.

use serde_json::Value;

use crate::support::{Engine, TestApp};
use crate::{all_over, id, paid, programme, put};

#[test]
fn every_link_leads_somewhere() {
    let app = programme(Engine::Sqlite, 100);
    paid(&app, 2);
    paid(&app, 2);
    app.delete("/carts/2").must_be(204);
    all_over(&app);
    assert_eq!(names(&app, "carts"), [["cart", "payment", "self"]]);
    assert_eq!(names(&app, "payments"), [vec!["cart", "payment", "self"], vec!["payment", "self"]]);
    let (good, void) = (vec!["cart", "gifticon", "self", "voucher"], vec!["gifticon", "self", "voucher"]);
    assert_eq!(names(&app, "vouchers"), [good.clone(), good, void.clone(), void]);
    let page = app.get("/mypages").must_be(200).json;
    assert_eq!(followed(&app, &page["_embedded"]["carts"]), [vec!["cart", "payment", "self"], vec!["payment"]]);
    app.stop("payment");
    let cart_id = id(&put(&app, 1).must_be(201));
    let links = app.get(&format!("/carts/{cart_id}")).must_be(200).json["_links"].clone();
    assert!(links["payment"].is_null(), "payment has not decided: {links}");
}

/// The names of the links of each item of a collection, each of which leads somewhere.
fn names(app: &TestApp, collection: &str) -> Vec<Vec<String>> {
    let page = app.get(&format!("/{collection}")).must_be(200).json;
    followed(app, &page["_embedded"][collection])
}

fn followed(app: &TestApp, items: &Value) -> Vec<Vec<String>> {
    let of = |item: &Value| {
        let links = item["_links"].as_object().expect("links");
        for link in links.values() {
            let path = link["href"].as_str().and_then(|href| href.strip_prefix(&app.base())).expect("it leads here");
            app.get(path).must_be(200);
        }
        let mut names: Vec<String> = links.keys().cloned().collect();
        names.sort_unstable();
        names
    };
    items.as_array().expect("items").iter().map(of).collect()
}
