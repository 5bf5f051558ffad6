//! What every operation may be asked with and answered: parameters, headers, links, pages, and the errors that come
//! from what surrounds the routes.

use app::kit::MAX_SAFE;
use serde_json::{Map, Value, json};

use super::{is_system, object, operations};

/// An error that any request may get: its status, what it means, and a problem as an example.
struct Common {
    status: &'static str,
    about: &'static str,
    title: &'static str,
    code: &'static str,
    detail: &'static str,
}

const fn common(
    status: &'static str,
    about: &'static str,
    title: &'static str,
    code: &'static str,
    detail: &'static str,
) -> Common {
    Common { status, about, title, code, detail }
}

const COMMON: &[Common] = &[
    common(
        "400",
        "It cannot be read",
        "Bad Request",
        "request.malformed_json",
        "the body is not JSON: line 1, column 2",
    ),
    common(
        "401",
        "No API key, or one that is not known",
        "Unauthorized",
        "auth.no_key",
        "send your API key as Authorization: Bearer …",
    ),
    common("403", "This key may not do that", "Forbidden", "auth.not_allowed", "this API key may not do that"),
    common("404", "There is no such thing", "Not Found", "member.unknown", "there is no such member"),
    common(
        "408",
        "The body did not arrive in time",
        "Request Timeout",
        "request.body_timeout",
        "the body did not arrive within 6 seconds",
    ),
    common(
        "409",
        "It cannot be done in the present state, or the same `Idempotency-Key` is still being worked on",
        "Conflict",
        "idempotency.in_progress",
        "this request is still being worked on; repeat it with the same Idempotency-Key",
    ),
    common("413", "The body is too large", "Payload Too Large", "request.too_large", "the body is larger than 64 KiB"),
    common(
        "415",
        "The body is not JSON",
        "Unsupported Media Type",
        "request.not_json",
        "send the body as JSON, with Content-Type: application/json",
    ),
    common(
        "422",
        "A wrong value, or an `Idempotency-Key` that was used with another body",
        "Unprocessable Entity",
        "request.invalid_value",
        "a whole number of at most 64 bits is expected",
    ),
    common(
        "429",
        "Too many requests by this key; see `Retry-After`",
        "Too Many Requests",
        "rate.limited",
        "this API key may send 50 requests a second; wait 1 s, then repeat",
    ),
    common(
        "500",
        "A defect or a broken machine; nothing was changed",
        "Internal Server Error",
        "internal",
        "a defect stopped this request; it is in the log under its id",
    ),
    common(
        "503",
        "Not now; see `Retry-After`",
        "Service Unavailable",
        "server.full",
        "there are too many connections at present; repeat in a moment",
    ),
];

/// What is said of a 404, by the beginning of the path; the longest that fits holds.
const UNKNOWN: &[(&str, &str, &str)] = &[
    ("/billingAmountViews", "settlement.line_unknown", "this deal is none that is settled"),
    ("/billings", "settlement.unknown", "there is no such billing"),
    ("/carts", "cart.unknown", "there is no such cart, or no longer"),
    ("/causes", "donation.cause_unknown", "there is no such cause; GET /causes lists them"),
    ("/closings", "settlement.closing_unknown", "this month was not closed yet; POST /closings does"),
    ("/couponCampaigns", "coupon.campaign_unknown", "there is no such campaign; GET /couponCampaigns lists them"),
    ("/couponCampaigns/{id}/issues/{issueId}", "coupon.issue_unknown", "the campaign has no such bulk issue"),
    ("/coupons", "coupon.unknown", "there is no such coupon"),
    ("/dealDashboards", "dashboard.deal_unknown", "there is no such deal"),
    ("/deals", "deal.unknown", "there is no such deal"),
    ("/docs", "docs.no_such_file", "the documentation has no such file; it begins at /docs"),
    ("/donations", "donation.unknown", "there is no such donation"),
    ("/memberships", "membership.unknown", "there is no such membership"),
    ("/gifticons", "gifticon.unknown", "there is no such gifticon; GET /gifticons lists them"),
    ("/members", "member.unknown", "there is no such member"),
    ("/merchants", "deal.merchant_unknown", "there is no such merchant; GET /merchants lists them"),
    ("/messages", "notification.message_unknown", "there is no such message"),
    ("/mypages", "mypage.unknown", "there is no page of this member"),
    ("/notifications", "notification.unknown", "there is no such notification"),
    ("/parked", "parked.unknown", "there is no such parked event; it was delivered or dropped"),
    ("/payments", "payment.unknown", "there is no such payment"),
    ("/points", "point.account_unknown", "there is no point account of this member"),
    ("/points/{id}/entries/{entryId}", "point.entry_unknown", "there is no such entry of this member"),
    ("/products", "product.unknown", "there is no such product; GET /products lists them"),
    ("/vouchers", "gifticon.voucher_unknown", "no voucher has this code"),
    ("/withdrawals", "member.withdrawal_unknown", "there is no withdrawal of this member"),
];
/// Writes without a key of their own: in a bulk each item has one, and delivering or dropping twice changes nothing.
const UNKEYED: &[&str] =
    &["/points/transactions", "/payments/webhooks", "/parked/{context}/{id}", "/parked/{context}/{id}/retry"];

/// What goes by whole days; elsewhere an instant may be named too.
const SERIES: &str = "/dashboards/series";

/// Completes every operation.
pub(super) fn complete(whole: &mut Value) {
    whole["components"]["headers"] = json!({
        "RequestId": {"description": "The request's id, the client's own if it sent a sane one", "schema": {"type": "string"}},
        "RetryAfter": {"description": "Seconds after which a repeat makes sense", "schema": {"type": "integer", "minimum": 0}},
        "Location": {"description": "Where it is", "schema": {"type": "string", "format": "uri-reference"}},
    });
    whole["components"]["parameters"] = json!({"IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "The same key with the same body counts once and gets the first answer again",
        "schema": {"type": "string", "pattern": "^[ -~]*[!-~][ -~]*$", "minLength": 1, "maxLength": 255},
        "example": "coffee-20261121-0001",
    }});
    let items = items(whole);
    let kinds = kinds(whole);
    for (path, method, operation) in operations(whole) {
        let is_keyed = method != "get" && !is_system(operation) && !UNKEYED.contains(&path);
        parameters(operation, path, is_keyed, &kinds);
        if method == "get" {
            page(operation, path, &items);
        }
        let wanted = common_statuses(operation, method, is_keyed);
        let has_body = operation["requestBody"].is_object();
        let responses = object(operation, "responses");
        for error in COMMON.iter().filter(|error| wanted.contains(&error.status)) {
            let about = if is_keyed { error.about } else { without_key(error.about) };
            responses.entry(error.status).or_insert_with(|| json!({"description": about}));
        }
        for (status, response) in responses.iter_mut() {
            answer(status, response, method, |error| example(error, path, has_body));
        }
        if is_open(operation) {
            operation["security"] = json!([]);
        }
    }
}

/// What one of a collection looks like, by the collection's path: the answer to the GET of one.
fn items(whole: &mut Value) -> Map<String, Value> {
    let mut items = Map::new();
    for (path, method, operation) in operations(whole) {
        let Some((collection, _)) = path.rsplit_once("/{").filter(|_| method == "get") else { continue };
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if schema.is_object() {
            items.insert(collection.to_owned(), schema.clone());
        }
    }
    items
}

/// Whether anybody may ask: the program's own routes, unless they say who may, and those that want no key.
fn is_open(operation: &Value) -> bool {
    let is_signed = operation["security"] == json!([{}]);
    is_signed || (is_system(operation) && operation["security"].as_array().is_none_or(Vec::is_empty))
}

/// A list of kinds of entries as a pattern, from the words that the entry's schema names.
fn kinds(whole: &Value) -> String {
    let about = whole["components"]["schemas"]["EntryView"]["properties"]["kind"]["description"].as_str();
    let named = about.into_iter().flat_map(|text| text.split('`').skip(1).step_by(2));
    let any = named.collect::<Vec<_>>().join("|");
    format!("^({any})(,({any}))*$")
}

/// What an answer means where no `Idempotency-Key` is taken: the part before it is mentioned.
fn without_key(about: &'static str) -> &'static str {
    about.split_once(", or ").filter(|(_, rest)| rest.contains("`Idempotency-Key`")).map_or(about, |(first, _)| first)
}

/// The code and the sentence that stand for an answer in examples.
fn example(error: &'static Common, path: &str, has_body: bool) -> (&'static str, &'static str) {
    let fitting = UNKNOWN.iter().filter(|(beginning, ..)| path.starts_with(beginning));
    match (error.status, fitting.max_by_key(|(beginning, ..)| beginning.len())) {
        ("404", Some((_, code, detail))) => (code, detail),
        ("409", _) if UNKEYED.contains(&path) => {
            ("parked.no_consumer", "this version has no consumer 'point<member'; drop the event")
        }
        ("400", _) if !has_body => ("request.malformed_path", "the path cannot be read"),
        _ => (error.code, error.detail),
    }
}

fn parameters(operation: &mut Value, path: &str, is_keyed: bool, kinds: &str) {
    let mut all = operation["parameters"].as_array().cloned().unwrap_or_default();
    // One description for all of them, whether a route names the header or not.
    all.retain(|parameter| {
        !parameter["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("idempotency-key"))
    });
    for parameter in &mut all {
        let (place, name) = (parameter["in"].clone(), parameter["name"].as_str().unwrap_or_default().to_owned());
        let is_number = parameter["schema"].to_string().contains("\"integer\"");
        match (place.as_str(), name.as_str()) {
            (Some("query"), "limit") => {
                parameter["schema"] = json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 20});
                parameter["example"] = json!(50);
            }
            (Some("query"), "after") => {
                parameter["schema"] = json!({"type": "string", "pattern": "^n[0-7]?[0-9a-f]{1,15}$"});
                parameter["example"] = json!("n14");
            }
            (Some("query"), "kind") => parameter["schema"] = json!({"type": "string", "pattern": kinds}),
            (Some("query"), "consumer") => {
                parameter["schema"] =
                    json!({"type": "string", "minLength": 1, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"});
                parameter["example"] = json!("point<member");
            }
            (Some("query"), "format") => parameter["schema"] = json!({"type": "string", "enum": ["json", "csv"]}),
            (Some("query"), "from" | "to") if path == SERIES => {
                parameter["schema"] = json!({"type": "string", "format": "date"});
            }
            (Some("query"), "from" | "to") => {
                let formats = json!([{"format": "date"}, {"format": "date-time"}]);
                parameter["schema"] = json!({"type": "string", "anyOf": formats});
            }
            (Some("path" | "query"), _) if is_number => {
                // A path beyond the largest number leads nowhere; a filter beyond it is merely one that lets none through.
                let most = if place == "path" { MAX_SAFE } else { i64::MAX };
                parameter["schema"] = json!({"type": "integer", "minimum": 1, "maximum": most});
                parameter["example"] = json!(1);
            }
            _ => {}
        }
    }
    if is_keyed {
        all.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    if !all.is_empty() {
        operation["parameters"] = Value::Array(all);
    }
}

/// The statuses that what surrounds the route may answer.
fn common_statuses(operation: &Value, method: &str, is_keyed: bool) -> Vec<&'static str> {
    let has = |place: &str| {
        let mut all = operation["parameters"].as_array().into_iter().flatten();
        all.any(|parameter| parameter["in"] == place)
    };
    let is_number = |parameter: &Value| parameter["in"] == "path" && parameter["schema"]["type"] == "integer";
    let has_number = operation["parameters"].as_array().is_some_and(|all| all.iter().any(is_number));
    let (is_write, has_body) = (method != "get", operation["requestBody"].is_object());
    let mut statuses = vec!["401", "429", "500"];
    let mut add = |holds: bool, more: &[&'static str]| statuses.extend(more.iter().filter(|_| holds));
    add(!is_open(operation), &["403", "503"]);
    add(has("path"), &["400", "404"]);
    add(has_number || has("query") || is_write, &["422"]);
    add(is_write, &["400", "408", "413"]);
    add(is_keyed, &["409"]);
    add(has_body, &["415"]);
    statuses
}

/// A list's page, where the route does not say itself what it looks like, or names only what is in it.
fn page(operation: &mut Value, path: &str, items: &Map<String, Value>) {
    let query = operation["parameters"].as_array().into_iter().flatten();
    let is_list = query.filter(|parameter| parameter["in"] == "query").any(|parameter| parameter["name"] == "after");
    let Some(response) = operation.pointer_mut("/responses/200") else { return };
    let hal = "application/hal+json";
    let listed = response.get("content").and_then(|content| content.get(hal));
    let array = listed.map(|body| &body["schema"]).filter(|schema| schema["type"] == "array");
    let item = match array {
        Some(array) => array["items"].clone(),
        None if is_list && response.get("content").is_none() => {
            let below = |name: &&String| name.strip_prefix(path).is_some_and(|rest| rest.starts_with("/{"));
            let nearest = items.get(path).or_else(|| items.keys().find(below).and_then(|name| items.get(name)));
            nearest.cloned().unwrap_or(json!({"type": "object"}))
        }
        None => return,
    };
    let collection = path.rsplit('/').next().unwrap_or_default();
    let embedded = json!({"type": "array", "items": linked(&item)});
    let schema = json!({
        "type": "object",
        "required": ["_embedded", "_links"],
        "properties": {
            "_embedded": {"type": "object", "required": [collection], "properties": {collection: embedded}},
            "_links": {"$ref": "#/components/schemas/Links"},
            "page": {"$ref": "#/components/schemas/Page"},
        },
    });
    object(response, "content").insert(hal.to_owned(), json!({"schema": schema}));
}

/// The schema of an item with its links.
fn linked(schema: &Value) -> Value {
    let links = json!({"type": "object", "properties": {"_links": {"$ref": "#/components/schemas/Links"}}});
    json!({"allOf": [schema, links]})
}

fn answer(
    status: &str,
    response: &mut Value,
    method: &str,
    example: impl Fn(&'static Common) -> (&'static str, &'static str),
) {
    let is_error = !status.starts_with(['1', '2', '3']);
    if let Some(error) = COMMON.iter().find(|error| is_error && error.status == status) {
        response["content"] = problem(error, example(error));
        if status == "404" && method == "get" {
            let about = response["description"].as_str().unwrap_or_default();
            response["description"] = json!(format!("{about}. The body is empty unless `Accept` names a type"));
        }
    }
    if !is_error && let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) {
        item(content, method);
    }
    if response["description"].as_str().is_none_or(str::is_empty) {
        let about = if status == "201" { "It is made" } else { "As it is now" };
        response["description"] = json!(about);
    }
    let headers = object(response, "headers");
    headers.insert("X-Request-Id".to_owned(), json!({"$ref": "#/components/headers/RequestId"}));
    if matches!(status, "202" | "429" | "503") {
        headers.insert("Retry-After".to_owned(), json!({"$ref": "#/components/headers/RetryAfter"}));
    }
    if matches!(status, "201" | "202") {
        headers.insert("Location".to_owned(), json!({"$ref": "#/components/headers/Location"}));
    }
}

/// An item comes with links, and is called HAL when it is asked for. What is no item of its own (an array, a part
/// of the program) stays what its route says.
fn item(content: &mut Map<String, Value>, method: &str) {
    let Some(mut body) = content.remove("application/json") else { return };
    let name = body["schema"]["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let is_item = name.is_some_and(|name| name != "Version");
    if is_item {
        body["schema"] = linked(&body["schema"]);
    }
    let kind = if is_item && method == "get" { "application/hal+json" } else { "application/json" };
    content.insert(kind.to_owned(), body);
}

fn problem(error: &Common, (code, detail): (&str, &str)) -> Value {
    let mut example = json!({
        "type": format!("/problems/{code}"), "title": error.title, "detail": detail, "code": code,
        "status": error.status.parse::<u16>().unwrap_or_default(), "requestId": "5f2c9a10-2a",
    });
    if error.status == "422" {
        example["pointer"] = json!("/amount");
    }
    json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}})
}
