//! The API's description (OpenAPI 3.1): what the routes say of themselves, completed in one place by what holds for
//! all of them: who may ask, which errors any request may get, what idempotency keys, links and pages look like.

mod answers;
mod examples;
mod numbers;
mod schemas;

use platform::error::{Error, Result};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

/// The tag of routes that belong to the program, not to a context.
const SYSTEM: &str = "system";
const ABOUT: &str = "A loyalty programme that you host yourself: members, their points, and what they do with them.\n\n\
    **Who asks.** Send an API key as `Authorization: Bearer op_…` (or as `X-API-Key`); `onepoint keys create` makes \
    one. From the machine itself, on a loopback address and not through a proxy, no key is needed.\n\n\
    **Numbers.** A whole number may come as a JSON number or as text, with blanks around it, a sign and leading zeros.\n\n\
    **Errors** are problems (RFC 9457) with a stable `code`. A GET of something that is not there is answered 404 with \
    an empty body, unless `Accept` names a type.\n\n\
    **Repeats.** A write takes an `Idempotency-Key`: the same key with the same body counts once and gets the first \
    answer again, for 35 days. In a bulk each item has a `key` of its own instead.\n\n\
    **Lists** come a page at a time, by number; `_links.next` leads to the next one.";

/// What the tags mean; a tag that is not here is listed by its name alone.
const TAGS: &[(&str, &str)] = &[
    ("members", "Who belongs to the programme: joining, contact data, leaving"),
    ("messages", "What members were told, and how it ended"),
    ("notifications", "What the operator was told, and how it ended"),
    ("points", "The ledger: accounts, movements, entries"),
    ("donations", "Points given to causes"),
    ("causes", "To whom points can be given"),
    ("deals", "Points earned and used at merchants, and taken back"),
    ("merchants", "Where points are earned and used"),
    ("billings", "What merchants are paid for points used there"),
    ("closings", "Months that are settled with every merchant"),
    ("coupons", "Issued to members, redeemed once, taken back"),
    ("couponCampaigns", "So many coupons with one pattern of codes, given one by one or made in advance"),
    ("gifticons", "What the MD sells: prices, and how many pieces are left"),
    ("carts", "Pieces of a gifticon that somebody wants: kept, paid, removed"),
    ("products", "Paid memberships that are sold: price, limit, how long they last"),
    ("memberships", "Who bought which product, whether it is paid, and until when it is good"),
    ("payments", "What carts and memberships cost: charged once, given back once"),
    ("vouchers", "What was bought: used once, extended, taken back"),
    ("mypages", "Everything that one member may see"),
    ("dashboards", "The programme as a whole: every deal, figures and what they mean, day by day"),
    ("parked", "Events that could not be taken in and wait for a person"),
    (SYSTEM, "The program itself: health, figures, this description"),
];

/// The description, complete.
#[derive(Debug, Clone)]
pub struct Description(Value);

impl Description {
    /// Completes what the contexts' routes and the program's own say of themselves.
    ///
    /// # Errors
    /// `Internal` if that is no description, which is a defect of a route.
    pub fn of(mut contexts: OpenApi, program: OpenApi) -> Result<Self> {
        contexts.merge(program);
        let broken = |error: serde_json::Error| Error::internal("a route is described badly").caused_by(error);
        let mut whole = serde_json::to_value(contexts).map_err(broken)?;
        introduce(&mut whole);
        schemas::complete(&mut whole);
        answers::complete(&mut whole);
        examples::complete(&mut whole);
        Ok(Self(whole))
    }

    /// As it is sent.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// The paths of the contexts' collections: `/members`.
    pub fn collections(&self) -> impl Iterator<Item = &str> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        let is_collection = |(path, item): &(&String, &Value)| {
            path.matches('/').count() == 1 && !is_system(&item["get"]) && item["get"].is_object()
        };
        paths.filter(is_collection).map(|(path, _)| path.as_str())
    }
}

/// Whether an operation belongs to the program.
fn is_system(operation: &Value) -> bool {
    operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == SYSTEM))
}

/// The object in this field, made if it is not there.
fn object<'a>(value: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    if !value[field].is_object() {
        value[field] = json!({});
    }
    value[field].as_object_mut().expect("it was just made one")
}

/// Every operation with its path and method.
fn operations(whole: &mut Value) -> impl Iterator<Item = (&str, &str, &mut Value)> {
    const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
    let paths = whole["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let found = item.as_object_mut().into_iter().flatten();
        found
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// What stands above the routes: the program, where it is, who may ask.
fn introduce(whole: &mut Value) {
    whole["info"] = json!({
        "title": "OnePoint", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    whole["servers"] = json!([{"url": "/", "description": "This program"}]);
    whole["security"] = json!([{"bearer": []}, {"header": []}]);
    whole["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: op_…"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key"},
    });
    let mut used: Vec<String> = Vec::new();
    for (_, _, operation) in operations(whole) {
        let tags = operation["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        used.extend(tags.map(str::to_owned));
    }
    let known = TAGS.iter().filter(|(tag, _)| used.iter().any(|used| used == tag));
    let mut tags: Vec<Value> = known.map(|(name, about)| json!({"name": name, "description": about})).collect();
    used.sort_unstable();
    used.dedup();
    let is_known = |used: &String| TAGS.iter().any(|(tag, _)| tag == used);
    tags.extend(used.iter().filter(|used| !is_known(used)).map(|name| json!({"name": name})));
    whole["tags"] = Value::Array(tags);
}
