//! Which context answers what: one row for each first segment of a path.

/// First path segment, and the context that answers it. A test compares this with the routes of each context.
pub const SEGMENTS: &[(&str, &str)] = &[
    ("members", "member"),
    ("withdrawals", "member"),
    ("messages", "notification"),
    ("notifications", "notification"),
    ("points", "point"),
    ("coupons", "coupon"),
    ("couponCampaigns", "coupon"),
    ("mypages", "mypage"),
    ("donations", "donation"),
    ("causes", "donation"),
    ("deals", "deal"),
    ("merchants", "deal"),
    ("billings", "settlement"),
    ("billingAmountViews", "settlement"),
    ("closings", "settlement"),
    ("dealDashboards", "dashboard"),
    ("dashboards", "dashboard"),
    ("products", "product"),
    ("memberships", "membership"),
    ("payments", "payment"),
    ("gifticons", "gifticon"),
    ("vouchers", "gifticon"),
    ("carts", "cart"),
];

/// First path segments of what every process has, whatever runs there.
pub const COMMON: &[&str] =
    &["parked", "bench", "docs", "openapi.json", "version", "healthz", "readyz", "metrics", "lags"];

/// The first segment of a path, and what follows it, without the slash between.
#[must_use]
pub fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').unwrap_or((path, ""))
}

/// The row of this first segment.
#[must_use]
pub fn row(segment: &str) -> Option<(&'static str, &'static str)> {
    SEGMENTS.iter().find(|(known, _)| *known == segment).copied()
}

/// First path segments that metrics tell apart.
#[must_use]
pub fn resources() -> Vec<&'static str> {
    SEGMENTS.iter().map(|(segment, _)| *segment).chain(COMMON.iter().copied()).collect()
}
