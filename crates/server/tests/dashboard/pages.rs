//! Purchases on my page: the same whatever log speaks first and however often, on the customer's page if there is one and
//! beside the pages if not.

use domain::cart::Event::CartAdded;
use domain::member::{self, MemberStatus};
use domain::payment::{Event, Order};
use platform::log;
use serde_json::{Value, json};

use crate::bought::{NOON_MS, PIECE_WON, cart, carts, memberships, payment, payments};
use crate::support::{Engine, TestApp, eventually};
use crate::told::{Of, Views, event};

/// Customers of carts and of memberships: 1 is a member, 2 is one who leaves, 3 never joins.
const CARTS: [Option<i64>; 6] = [Some(1), Some(1), Some(2), None, Some(3), Some(1)];
const MEMBERSHIPS: [Option<i64>; 7] = [Some(1), None, Some(1), Some(2), Some(1), Some(3), Some(1)];

#[test]
fn it_does_not_matter_which_log_speaks_first_on_sqlite() {
    it_does_not_matter_which_log_speaks_first(Engine::Sqlite);
}

#[test]
fn it_does_not_matter_which_log_speaks_first_on_postgres() {
    it_does_not_matter_which_log_speaks_first(Engine::Postgres);
}

fn it_does_not_matter_which_log_speaks_first(engine: Engine) {
    let views = Views::on(engine, NOON_MS);
    let logs: [(Of, Vec<log::Event>); 4] = [
        (Of::Member, members()),
        (Of::Cart, carts(CARTS)),
        (Of::Membership, memberships(MEMBERSHIPS)),
        (Of::Payment, payments(CARTS, MEMBERSHIPS)),
    ];
    let tell = |places: [usize; 4], piece: usize| {
        views.forget_pages();
        for place in places {
            logs[place].1.chunks(piece).for_each(|events| views.tell_pages(logs[place].0, events));
        }
        views.pages()
    };
    let told = tell([0, 1, 2, 3], 100);
    shows_what_became_of_them(&views);
    for places in [[3, 2, 1, 0], [3, 0, 1, 2], [1, 3, 0, 2], [2, 0, 3, 1]] {
        assert_eq!(tell(places, 100), told, "{places:?}");
        assert_eq!(tell(places, 3), told, "{places:?} in small pieces");
    }
    // Again, backwards: all of it is known.
    for (of, events) in logs.iter().rev() {
        events.iter().rev().for_each(|event| views.tell_pages(*of, std::slice::from_ref(event)));
    }
    assert_eq!(views.pages(), told);
    let facts = payment(4, Order::Cart(4), None, 20_000);
    views.tell_pages(Of::Payment, &[event((4, 2), NOON_MS, &Event::PaymentApproved(facts))]);
    assert_ne!(views.pages(), told, "control: what is new changes it");
}

#[test]
fn what_another_process_writes_while_a_page_goes_stays_on_postgres() {
    let views = Views::on(Engine::Postgres, NOON_MS);
    views.tell_pages(Of::Member, &members()[1..2]);
    let facts = payment(1, Order::Cart(1), Some(2), PIECE_WON);
    views.tell_pages(Of::Payment, &[event((1, 1), NOON_MS, &Event::PaymentRequested(facts))]);
    views.tell_pages(Of::Cart, &[event((1, 1), NOON_MS, &CartAdded(cart(1, Some(2), 1)))]);
    let (mut other, mut watcher) = (views.another(), views.another());
    let sql = "UPDATE bought_cart SET payment_status = 'PaymentApproved', payment_sequence = 2 WHERE cart_id = 1";
    other.begin().and_then(|()| other.execute(sql, &[])).expect("another process writes");
    std::thread::scope(|scope| {
        let going = scope.spawn(|| views.tell_pages(Of::Member, &members()[3..]));
        let sql = "SELECT CAST(pid AS BIGINT) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("it waits for the other", || !watcher.query(sql, &[]).expect("it can be asked").is_empty());
        other.commit().expect("another process is done");
        going.join().expect("the page goes");
    });
    let (carts, _) = views.alone();
    assert_eq!((carts.len(), &carts[0]["status"]), (1, &json!("PaymentApproved")), "beside the pages, and paid");
}

/// Members 1 and 2 join, 2 leaves.
fn members() -> Vec<log::Event> {
    use member::Event::{MemberJoined, MemberWithdrawn, StatusChanged};
    let joined = |member_id: i64| MemberJoined { member_id, phone_revision: 1, coupon: false };
    let normal = |member_id: i64| StatusChanged { member_id, status: MemberStatus::Normal, welcome: false };
    vec![
        event((1, 1), NOON_MS, &joined(1)),
        event((2, 1), NOON_MS, &joined(2)),
        event((1, 2), NOON_MS, &normal(1)),
        event((2, 2), NOON_MS, &MemberWithdrawn { member_id: 2, attempt: 1 }),
    ]
}

fn shows_what_became_of_them(views: &Views) {
    let page = views.page(1);
    let shown = |list: &Value, id: &str| -> Vec<(i64, Value)> {
        let items = list.as_array().expect("a list").iter();
        items.map(|item| (item[id].as_i64().expect("a number"), item["status"].clone())).collect()
    };
    let paid = json!("PaymentApproved");
    let expected = [(6, paid.clone()), (2, json!("PaymentDeclined")), (1, paid.clone())];
    assert_eq!(shown(&page["carts"], "cartId"), expected, "newest first");
    let standing: Vec<Value> =
        page["memberships"].as_array().expect("a list").iter().map(|one| one["memStatus"].clone()).collect();
    assert_eq!(standing, ["EXPIRED", "CANC", "CANC", "USE"].map(|status| json!(status)));
    let (carts, memberships) = views.alone();
    // Of 2, who left, and of 3, who never joined; and of nobody.
    let off = json!("PaymentCanceled");
    let expected = [(3, off.clone()), (4, json!("PaymentRequested")), (5, off)];
    assert_eq!(shown(&json!(carts), "cartId"), expected);
    assert_eq!(
        carts[1],
        json!({"cartId": 4, "gifticonId": 1, "quantity": 4, "unitPrice": 5_000, "paymentId": 4, "status": "PaymentRequested"})
    );
    let expected = [(2, json!("PaymentRequested")), (4, paid), (6, json!("PaymentDeclined"))];
    assert_eq!(shown(&json!(memberships), "memId"), expected);
}

#[test]
fn purchases_are_on_the_page_of_their_customer_or_beside_the_pages_on_sqlite() {
    purchases_are_on_the_page_of_their_customer(Engine::Sqlite);
}

#[test]
fn purchases_are_on_the_page_of_their_customer_or_beside_the_pages_on_postgres() {
    purchases_are_on_the_page_of_their_customer(Engine::Postgres);
}

fn purchases_are_on_the_page_of_their_customer(engine: Engine) {
    let app = TestApp::open(engine);
    app.join_normal(1);
    app.join_normal(2);
    let gifticon = json!({"gifticonId": 1, "name": "Americano", "availableQuantity": 1_000, "price": 5_000});
    app.post("/gifticons", &gifticon).must_be(201);
    app.post("/products", &json!({"productId": 1, "productName": "CLUB", "price": 30_000})).must_be(201);
    let put_in = |customer_id: Option<i64>| {
        let mut body = json!({"gifticonId": 1, "quantity": 1});
        if let Some(customer_id) = customer_id {
            body["customerId"] = json!(customer_id);
        }
        app.post("/carts", &body).must_be(201).json["cartId"].as_i64().expect("a number")
    };
    let carts = [Some(1), None, Some(7), Some(2), Some(7), Some(1), None].map(put_in);
    let buy = |customer_id: i64| {
        let body = json!({"productId": 1, "customerId": customer_id});
        app.post("/memberships", &body).must_be(201).json["memId"].as_i64().expect("a number")
    };
    let memberships = [7, 1, 8].map(buy);
    app.settle();
    assert_eq!(on_page(&app, 1), (vec![carts[5], carts[0]], vec![memberships[1]]));
    assert_eq!(on_page(&app, 2), (vec![carts[3]], vec![]));
    let (nobodys, sevens, eights) = ([carts[1], carts[6]], [carts[2], carts[4]], memberships[2]);
    let expected = (vec![1, 2], vec![memberships[0], eights], vec![carts[1], carts[2], carts[4], carts[6]]);
    assert_eq!(walk(&app, 1, || {}), expected, "one of each at a time");
    // What comes while somebody walks shifts nothing.
    let (pages, _, walked) = walk(&app, 2, || {
        put_in(None);
        app.join_normal(3);
        app.settle();
    });
    assert_eq!((&pages[..2], &walked[..4]), (&[1, 2][..], &expected.2[..]));

    // Who joins finds what was bought before; who leaves leaves numbers behind.
    app.join_normal(7);
    app.settle();
    assert_eq!(on_page(&app, 7), (vec![sevens[1], sevens[0]], vec![memberships[0]]));
    let (_, alone, left) = walk(&app, 200, || {});
    assert_eq!((alone, &left[..2]), (vec![eights], &nobodys[..]));
    app.leave(1);
    eventually("the page is gone", || app.get("/mypages/1").status == 404);
    app.settle();
    let (pages, alone, left) = walk(&app, 200, || {});
    assert_eq!((pages, alone), (vec![2, 3, 7], vec![memberships[1], eights]));
    assert_eq!(left[..4], [carts[0], carts[1], carts[5], carts[6]]);
    assert!(!app.get("/mypages?limit=200").text.contains("01000000001"), "nothing of who left but the number");
    app.get("/mypages?after=n1.n2.n3.n4").must_be_problem(422);
    app.verify();
}

/// Numbers of the carts and of the memberships on a member's page.
fn on_page(app: &TestApp, member_id: i64) -> (Vec<i64>, Vec<i64>) {
    let page = app.get(&format!("/mypages/{member_id}")).must_be(200).json;
    let listed = app.get("/mypages?limit=200").must_be(200).json["_embedded"]["mypages"].clone();
    let in_list =
        listed.as_array().expect("pages").iter().find(|page| page["memberId"] == member_id).expect("it is listed");
    assert_eq!((&in_list["carts"], &in_list["memberships"]), (&page["carts"], &page["memberships"]));
    (numbers(&page["carts"], "cartId"), numbers(&page["memberships"], "memId"))
}

fn numbers(list: &Value, name: &str) -> Vec<i64> {
    list.as_array().expect("a list").iter().map(|item| item[name].as_i64().expect("a number")).collect()
}

/// Members with pages, and memberships and carts beside them, so many of each at a time; `meanwhile` happens after the
/// first page.
fn walk(app: &TestApp, limit: usize, meanwhile: impl Fn()) -> (Vec<i64>, Vec<i64>, Vec<i64>) {
    let (mut pages, mut memberships, mut carts) = (Vec::new(), Vec::new(), Vec::new());
    let mut path = format!("/mypages?limit={limit}");
    loop {
        let page = app.get(&path).must_be(200).json;
        let shown = [("mypages", "memberId"), ("memberships", "memId"), ("carts", "cartId")]
            .map(|(list, name)| numbers(&page["_embedded"][list], name));
        assert!(shown.iter().all(|list| list.len() <= limit), "{page}");
        assert_eq!(page["page"]["size"], shown.iter().map(Vec::len).sum::<usize>());
        let [more_pages, more_memberships, more_carts] = shown;
        let is_first = pages.is_empty() && carts.is_empty();
        pages.extend(more_pages);
        memberships.extend(more_memberships);
        carts.extend(more_carts);
        if is_first {
            meanwhile();
        }
        let Some(next) = page["_links"]["next"]["href"].as_str() else { return (pages, memberships, carts) };
        path = next.strip_prefix(&app.base()).expect("links lead to this server").to_owned();
    }
}
