//! The settings there are: one row each. `onepoint config` shows these rows.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Dotted name, as it stands in files and after `--set`.
    pub key: &'static str,
    /// What holds when nobody says otherwise.
    pub default: &'static str,
    /// Whether its value is never shown: it is a secret or, as a database URL may, has one in it.
    pub secret: bool,
    /// One line for people.
    pub help: &'static str,
}

const fn row(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, secret: false, help }
}

const fn secret(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, secret: true, help }
}

/// Every setting, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    row("listen", "127.0.0.1:8080", "address and port of the public API"),
    row("internal.listen", "", "address and port for questions of other processes; empty: none"),
    secret("internal.key", "", "service key with which this process asks others"),
    row(
        "point.url",
        "",
        "internal addresses of context point in other processes, with commas between; empty: this process",
    ),
    row(
        "coupon.url",
        "",
        "internal addresses of context coupon in other processes, with commas between; empty: this process",
    ),
    row(
        "member.url",
        "",
        "internal addresses of context member in other processes, with commas between; empty: this process",
    ),
    row(
        "deal.url",
        "",
        "internal addresses of context deal in other processes, with commas between; empty: this process",
    ),
    row(
        "product.url",
        "",
        "internal addresses of context product in other processes, with commas between; empty: this process",
    ),
    row(
        "membership.url",
        "",
        "internal addresses of context membership in other processes, with commas between; empty: this process",
    ),
    row(
        "gifticon.url",
        "",
        "internal addresses of context gifticon in other processes, with commas between; empty: this process",
    ),
    row(
        "cart.url",
        "",
        "internal addresses of context cart in other processes, with commas between; empty: this process",
    ),
    row(
        "notification.url",
        "",
        "internal addresses of context notification in other processes, for figures; empty: this process",
    ),
    row(
        "donation.url",
        "",
        "internal addresses of context donation in other processes, for figures; empty: this process",
    ),
    row(
        "settlement.url",
        "",
        "internal addresses of context settlement in other processes, for figures; empty: this process",
    ),
    row("mypage.url", "", "internal addresses of context mypage in other processes, for figures; empty: this process"),
    row(
        "dashboard.url",
        "",
        "internal addresses of context dashboard in other processes, for figures; empty: this process",
    ),
    row(
        "payment.internal_url",
        "",
        "internal addresses of context payment in other processes, for figures; empty: this process",
    ),
    row("data", "./onepoint-data", "folder of the SQLite files and the made secret"),
    secret(
        "database.url",
        "sqlite:",
        "sqlite: (files in the data folder), sqlite:FOLDER, postgres://user@host/name; coupon, notification, access: mysql:// too",
    ),
    secret("access.database.url", "", "database of the API keys; empty: as database.url"),
    secret("member.database.url", "", "database of context member; empty: as database.url"),
    secret("notification.database.url", "", "database of context notification; empty: as database.url"),
    secret("point.database.url", "", "database of context point; empty: as database.url"),
    secret("coupon.database.url", "", "database of context coupon; empty: as database.url"),
    secret("mypage.database.url", "", "database of context mypage; empty: as database.url"),
    secret("donation.database.url", "", "database of context donation; empty: as database.url"),
    secret("deal.database.url", "", "database of context deal; empty: as database.url"),
    secret("settlement.database.url", "", "database of context settlement; empty: as database.url"),
    secret("dashboard.database.url", "", "database of context dashboard; empty: as database.url"),
    secret("product.database.url", "", "database of context product; empty: as database.url"),
    secret("membership.database.url", "", "database of context membership; empty: as database.url"),
    secret("payment.database.url", "", "database of context payment; empty: as database.url"),
    secret("gifticon.database.url", "", "database of context gifticon; empty: as database.url"),
    secret("cart.database.url", "", "database of context cart; empty: as database.url"),
    secret("bus.url", "local:", "how events travel: local: (logs are read where they lie) or kafka://host:port"),
    row("bus.prefix", "onepoint", "what the name of every topic begins with: <prefix>.<context>"),
    row("bus.replicas", "1", "replicas of a topic that is made because there is none, 1 to 100"),
    row("contexts", "", "contexts to run, with commas between; empty: all"),
    row("gateway.member", "", "gateway: addresses of the processes that run context member: http://host:port,…"),
    row(
        "gateway.notification",
        "",
        "gateway: addresses of the processes that run context notification: http://host:port,…",
    ),
    row("gateway.point", "", "gateway: addresses of the processes that run context point: http://host:port,…"),
    row("gateway.coupon", "", "gateway: addresses of the processes that run context coupon: http://host:port,…"),
    row("gateway.mypage", "", "gateway: addresses of the processes that run context mypage: http://host:port,…"),
    row("gateway.donation", "", "gateway: addresses of the processes that run context donation: http://host:port,…"),
    row("gateway.deal", "", "gateway: addresses of the processes that run context deal: http://host:port,…"),
    row(
        "gateway.settlement",
        "",
        "gateway: addresses of the processes that run context settlement: http://host:port,…",
    ),
    row("gateway.dashboard", "", "gateway: addresses of the processes that run context dashboard: http://host:port,…"),
    row("gateway.product", "", "gateway: addresses of the processes that run context product: http://host:port,…"),
    row(
        "gateway.membership",
        "",
        "gateway: addresses of the processes that run context membership: http://host:port,…",
    ),
    row("gateway.payment", "", "gateway: addresses of the processes that run context payment: http://host:port,…"),
    row("gateway.gifticon", "", "gateway: addresses of the processes that run context gifticon: http://host:port,…"),
    row("gateway.cart", "", "gateway: addresses of the processes that run context cart: http://host:port,…"),
    row("gateway.check_ms", "250", "gateway: milliseconds between two looks at whether an address is ready"),
    row("gateway.time_limit_ms", "35000", "gateway: milliseconds until an answer has to begin, repeats included"),
    row("gateway.wait_ms", "1000", "gateway: milliseconds that a request waits for an address to become ready"),
    row(
        "gateway.concurrency",
        "4096",
        "gateway: requests to a context under way at once; further ones are answered 503",
    ),
    row("gateway.body_kb", "64", "gateway: bodies up to this, in KiB, are kept so that they can be sent again"),
    row(
        "gateway.lag_limit_s",
        "5",
        "gateway: seconds by which followers may fall behind before writes are answered 503",
    ),
    row("http.base_url", "", "beginning of the links in answers; empty: made from listen"),
    row("http.share_port", "false", "gateway: share its port with another gateway, as while one is replaced"),
    row("http.workers", "0", "threads that serve HTTP; 0: chosen from the number of cores"),
    row("http.connections", "8192", "connections served at once; further ones are answered 503 and closed"),
    row("http.request_time_ms", "30000", "milliseconds until a request is answered 503; what it began goes on"),
    row("limits.requests_per_s", "50", "requests a second for each key of a member or merchant; 0: no limit"),
    row("limits.burst", "100", "requests that such a key may send at once after a quiet time"),
    row("limits.operator_requests_per_s", "0", "requests a second for each key of an operator or service; 0: no limit"),
    row("limits.operator_burst", "100", "requests that such a key may send at once after a quiet time"),
    row("log.format", "auto", "auto (text on a terminal, otherwise json), text or json"),
    row("log.level", "info", "error, warn, info, debug or trace; also info,hyper=warn"),
    row("otel.endpoint", "", "collector of traces that speaks OTLP over HTTP: http://host:4318; empty: no traces"),
    row("otel.service_name", "", "name of this process in traces; empty: onepoint, or onepoint-CONTEXT if it runs one"),
    row(
        "otel.sample_bp",
        "10000",
        "share of requests that are traced, in 1/100 percent, where their sender does not say",
    ),
    row("clock.now", "", "instant at which the clock starts, loopback only; empty: the machine's time"),
    row("timezone", "Asia/Seoul", "time zone that days and months are counted in"),
    row("points.welcome", "1000", "points given once, when a member becomes NORMAL"),
    row("points.expiry_months", "60", "months after which points expire"),
    row("welcome.again_after_days", "365", "days before a phone number is welcomed again; 0: no limit"),
    row("withdrawal.mode", "strict", "strict (refused while point does not answer) or deferred (done when it does)"),
    row("coupon.join_months", "6", "months for which the coupon for joining is good; 0: there is none"),
    row("donation.balance_above", "1000", "a donation needs more points than this available"),
    row("donation.capacity", "256", "donations that may be under way at once; further ones are answered 503"),
    row(
        "deals.earn_rate_bp",
        "100",
        "share of an amount that a save earns, in 1/100 percent; merchants may have their own",
    ),
    row("deals.unknown_merchant", "create", "create (opened by its first deal) or refuse (the deal fails)"),
    row("deals.clawback", "owed", "points of a cancelled save that are spent: owed, or refuse (the cancel fails)"),
    row("deals.capacity", "1024", "deals that may be under way at once; further ones are answered 503"),
    row(
        "settlement.fee_rate_bp",
        "200",
        "share that the programme keeps at settlement, in 1/100 percent; merchants may have their own",
    ),
    row("membership.months", "12", "calendar months that a membership lasts, where its product says nothing"),
    row("membership.refund_days", "7", "days after a purchase in which a cancelled membership is paid back; 0: none"),
    row(
        "payment.url",
        "",
        "address of the provider for cards; empty: a sandbox, where the API is on this machine only",
    ),
    secret("payment.key", "", "key that the provider knows the programme by, and signs its webhooks with"),
    row("payment.time_limit_ms", "3000", "milliseconds that an exchange with the provider may take"),
    row("payment.parallel", "64", "exchanges with the provider that may be under way at once, 1 to 1024"),
    row("payment.give_up_s", "600", "seconds after which a charge is given up of which the provider says nothing"),
    row("gifticon.voucher_months", "12", "months for which a voucher is good, to the end of its last day"),
    row("cart.capacity", "1024", "carts that may be under way at once; further ones are answered 503"),
    row("dashboard.stuck_after_s", "60", "seconds after which a flow that is still under way counts as stuck"),
    row("notification.give_up_h", "24", "hours after which a message that cannot be sent is given up"),
    row("notification.sender", "log", "what sends the messages: log (nothing leaves), smtp (mail) or sms (a gateway)"),
    row(
        "notification.operator",
        "",
        "mail address or mobile number for notices to the operator; empty: /notifications alone",
    ),
    row("notification.language", "ko", "language of the messages: ko (Korean) or en (English)"),
    row("notification.parallel", "8", "messages that may be on their way at once, 1 to 64"),
    row("notification.time_limit_ms", "10000", "milliseconds that sending one message may take"),
    row("programme.name", "OnePoint", "name of the programme, as messages begin with it"),
    row("smtp.host", "", "mail server, by the name in its certificate"),
    row("smtp.port", "587", "port of the mail server"),
    row("smtp.tls", "starttls", "how the mail server is reached: starttls, tls (from the first byte on) or none"),
    row("smtp.ca", "", "file with the certificate (PEM) that vouches for the mail server; empty: the usual ones"),
    row("smtp.user", "", "user at the mail server; empty: none"),
    secret("smtp.password", "", "password at the mail server"),
    row("smtp.from", "", "sender of mail: a@example.org or Name <a@example.org>"),
    secret("sms.url", "", "address of the SMS gateway: https://host/path (http:// only on this machine)"),
    secret("sms.header", "", "header that the SMS gateway wants, as Authorization: Bearer KEY; empty: none"),
    row(
        "sms.template",
        r#"{"to":"{to}","text":"{text}","ref":"{ref}"}"#,
        "JSON that the SMS gateway wants; also {type} (SMS or LMS) and {subject}",
    ),
    row("questions.point.time_limit_ms", "610", "milliseconds that a question to point may take"),
    row("questions.coupon.time_limit_ms", "610", "milliseconds that a question to coupon may take"),
    row("questions.deal.time_limit_ms", "610", "milliseconds that a question to deal may take"),
    row("questions.member.time_limit_ms", "610", "milliseconds that a question to member may take"),
    row("questions.product.time_limit_ms", "250", "milliseconds that a question to product may take"),
    row("questions.membership.time_limit_ms", "610", "milliseconds that a question to membership may take"),
    row("questions.gifticon.time_limit_ms", "250", "milliseconds that a question to gifticon may take"),
    row("questions.cart.time_limit_ms", "250", "milliseconds that a question to cart may take"),
    row("breaker.window_ms", "10000", "milliseconds that a circuit breaker looks back"),
    row("breaker.min_calls", "3", "calls in that window before it judges"),
    row("breaker.failure_rate_bp", "5000", "share of failures that opens it, in 1/100 percent"),
    row("breaker.open_ms", "2000", "milliseconds that it stays open before it probes"),
    secret(
        "programme.secret",
        "",
        "seals contact data; 32 bytes or more; belongs into the backup; empty: made once, kept in the data folder",
    ),
    row("bench.echo", "false", "opens POST /bench/echo, loopback only"),
    row("bench.faults", "false", "lets load tests inject faults, loopback only"),
    row("point.delay", "", "delay of questions to point, loopback only: 700ms or 450ms..680ms; empty: none"),
    row("gifticon.delay", "", "delay of questions to gifticon, loopback only: 700ms or 450ms..680ms; empty: none"),
    row("drain.grace_ms", "0", "milliseconds between /readyz saying 503 and the end of listening"),
];

/// The row of this key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
