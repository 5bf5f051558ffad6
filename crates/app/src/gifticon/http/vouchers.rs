//! Routes of vouchers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use domain::gifticon::VoucherStatus;
use domain::kernel::Day;
use platform::access::Role;
use platform::error::{Error, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::hal::Item;
use platform::http::input::{Bodiless, PathNameId, Write};
use platform::http::list::{PageQuery, Sublist};
use platform::http::number::Whole;
use platform::http::shell::Caller;
use platform::zone::{parse_day, parse_instant};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::gifticon::views::VoucherView;
use crate::gifticon::{ChosenVouchers, Gifticons, Until, VoucherPage};
use crate::kit::{must_be_operator, own_of};

/// A voucher is extended by so many months at most.
const MOST_MONTHS: i64 = 120;

pub(super) fn routes() -> OpenApiRouter<Arc<Gifticons>> {
    OpenApiRouter::new()
        .routes(routes!(list_vouchers))
        .routes(routes!(show_voucher))
        .routes(routes!(use_voucher))
        .routes(routes!(extend_voucher))
        .routes(routes!(cancel_voucher))
}

/// Until when a voucher is to be good: a moment, or months. What the server owns is accepted and ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ExtensionInput {
    /// The first moment at which it is no longer good (RFC 3339), or its last day (`yyyy-MM-dd`): later than now, within
    /// ten years.
    #[schema(example = "2027-12-31")]
    expires_at: Option<String>,
    /// So many months after its last day, or after today if that is over, 1 to 120.
    #[schema(value_type = Option<i64>, example = 3, minimum = 1, maximum = 120)]
    months: Option<Whole>,
    #[serde(default, rename = "status")]
    #[schema(ignore)]
    _status: IgnoredAny,
    #[serde(default, rename = "code")]
    #[schema(ignore)]
    _code: IgnoredAny,
    #[serde(default, rename = "voucherId")]
    #[schema(ignore)]
    _voucher_id: IgnoredAny,
    #[serde(default, rename = "gifticonId")]
    #[schema(ignore)]
    _gifticon_id: IgnoredAny,
    #[serde(default, rename = "cartId")]
    #[schema(ignore)]
    _cart_id: IgnoredAny,
    #[serde(default, rename = "usedAt")]
    #[schema(ignore)]
    _used_at: IgnoredAny,
}

impl ExtensionInput {
    fn read(self) -> Result<Until> {
        match (self.expires_at, self.months) {
            (Some(text), None) => read_moment(&text),
            (None, Some(Whole(months))) => {
                let months = i32::try_from(months).ok().filter(|_| (1..=MOST_MONTHS).contains(&months));
                months
                    .map(Until::Months)
                    .ok_or_else(|| Error::invalid("/months", "a voucher is extended by 1 to 120 months"))
            }
            _ => Err(Error::invalid("/expiresAt", "say either expiresAt or months")),
        }
    }
}

fn read_moment(text: &str) -> Result<Until> {
    if let Some((year, month, day)) = parse_day(text) {
        return Ok(Until::Day(Day::new(year, month, day)));
    }
    let wrong = |_| Error::invalid("/expiresAt", "write it like 2027-12-31 or 2027-12-31T18:00:00+09:00");
    parse_instant(text).map(Until::Moment).map_err(wrong)
}

/// Only the operator, and a merchant, to whom vouchers are brought.
fn must_take_vouchers(caller: &Caller) -> Result<()> {
    if caller.0.role == Role::Owner("merchant") { Ok(()) } else { must_be_operator(caller) }
}

/// A voucher with links to what it is good for and to its cart; that of a void one may have been removed.
fn shown(base: &str, voucher: VoucherView) -> Item<VoucherView> {
    let VoucherView { gifticon_id, cart_id, status, .. } = voucher;
    let item = Item::at(format!("{base}/vouchers/{}", voucher.code), "voucher", voucher)
        .leading_to("gifticon", format!("{base}/gifticons/{gifticon_id}"));
    if status == VoucherStatus::Cancelled {
        return item;
    }
    item.leading_to("cart", format!("{base}/carts/{cart_id}"))
}

/// All vouchers, by number, with their codes. A member's key lists those of one of that member's carts, which has to be
/// named. A page that is chosen by gifticon or status looks at 20,000 vouchers, so it may hold fewer than asked for, even
/// none, and still have a next one.
#[utoipa::path(get, path = "/vouchers", operation_id = "listVouchers", tag = "vouchers",
    params(("cartId" = Option<i64>, Query, description = "Only those that were bought with this cart"), ("gifticonId" = Option<i64>, Query, description = "Only of this gifticon"),
        ("status" = Option<String>, Query, pattern = "^(ISSUED|USED|CANCELLED|EXPIRED)$", description = "Only those that are ISSUED, USED, CANCELLED or EXPIRED"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 20 by default"), ("after" = Option<String>, Query, description = "From the next link of an earlier page")),
    responses((status = 200, description = "A page of vouchers")))]
async fn list_vouchers(
    State(gifticons): State<Arc<Gifticons>>,
    caller: Caller,
    page: PageQuery,
    filter: Filter,
) -> Result<Response<Body>> {
    let chosen = ChosenVouchers {
        cart_id: filter.number("cartId")?,
        customer_id: own_of(&caller, "member")?,
        gifticon_id: filter.number("gifticonId")?,
        status: filter.read("status", "a status is ISSUED, USED, CANCELLED or EXPIRED", VoucherStatus::from_name)?,
    };
    if chosen.customer_id.is_some() && chosen.cart_id.is_none() {
        return Err(Error::invalid("/query/cartId", "a member's key lists the vouchers of one cart: name it"));
    }
    let VoucherPage { vouchers, next } = gifticons.vouchers(chosen, page.after, page.limit).await?;
    let text = |id: Option<i64>| id.map(|id| id.to_string());
    let query = in_query([
        ("cartId", text(chosen.cart_id)),
        ("gifticonId", text(chosen.gifticon_id)),
        ("status", chosen.status.map(|status| status.name().to_owned())),
    ]);
    let (base, query) = (&gifticons.kit.base_url, format!("limit={}{query}", page.limit));
    let items = vouchers.into_iter().map(|voucher| shown(base, voucher)).collect();
    let after = Some(page.after).filter(|after| *after > 0);
    Sublist { href: format!("{base}/vouchers"), collection: "vouchers", query, after, next, items }.show()
}

/// The voucher with a code, as it is typed. Whoever has the code may know what it is good for.
#[utoipa::path(get, path = "/vouchers/{code}", operation_id = "showVoucher", tag = "vouchers",
    params(("code" = String, Path, description = "The code; hyphens and case do not matter")),
    responses((status = 200, body = VoucherView), (status = 404, description = "No voucher has this code"),
        (status = 422, description = "`gifticon.code_malformed`: the check character of the code does not fit")))]
async fn show_voucher(
    State(gifticons): State<Arc<Gifticons>>,
    PathNameId(code, _): PathNameId,
    _caller: Caller,
) -> Result<Response<Body>> {
    shown(&gifticons.kit.base_url, gifticons.voucher(&code).await?).shown()
}

/// A voucher is used, once.
#[utoipa::path(post, path = "/vouchers/{code}/uses", operation_id = "useVoucher", tag = "vouchers",
    params(("code" = String, Path, description = "The code; hyphens and case do not matter")),
    responses((status = 201, body = VoucherView), (status = 403, description = "A member's key uses no vouchers: they are brought to a merchant"),
        (status = 404, description = "No voucher has this code"),
        (status = 409, description = "`gifticon.voucher_used`, `gifticon.voucher_cancelled` or `gifticon.voucher_expired`"),
        (status = 422, description = "`gifticon.code_malformed`: the check character of the code does not fit")))]
async fn use_voucher(
    State(gifticons): State<Arc<Gifticons>>,
    PathNameId(code, _): PathNameId,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_take_vouchers(&request.caller)?;
    let voucher = gifticons.use_voucher(&code, request.stamp).await?;
    shown(&gifticons.kit.base_url, voucher).created()
}

/// The operator makes a voucher good for longer, also one that has expired.
#[utoipa::path(post, path = "/vouchers/{code}/extensions", operation_id = "extendVoucher", tag = "vouchers", request_body = ExtensionInput,
    params(("code" = String, Path, description = "The code; hyphens and case do not matter")),
    responses((status = 201, body = VoucherView), (status = 404, description = "No voucher has this code"),
        (status = 409, description = "`gifticon.voucher_used` or `gifticon.voucher_cancelled`"),
        (status = 422, description = "A wrong value; `gifticon.invalid_expiry`: not later than it is good already, or more than ten years away")))]
async fn extend_voucher(
    State(gifticons): State<Arc<Gifticons>>,
    PathNameId(code, _): PathNameId,
    write: Write<ExtensionInput>,
) -> Result<Response<Body>> {
    must_be_operator(&write.caller)?;
    let voucher = gifticons.extend_voucher(&code, write.body.read()?, write.stamp).await?;
    shown(&gifticons.kit.base_url, voucher).created()
}

/// The operator takes a voucher back: it is void. Its piece stays sold, and no money moves.
#[utoipa::path(post, path = "/vouchers/{code}/cancellations", operation_id = "cancelVoucher", tag = "vouchers",
    params(("code" = String, Path, description = "The code; hyphens and case do not matter")),
    responses((status = 201, body = VoucherView), (status = 404, description = "No voucher has this code"),
        (status = 409, description = "`gifticon.voucher_used`, `gifticon.voucher_cancelled` or `gifticon.voucher_expired`"),
        (status = 422, description = "`gifticon.code_malformed`: the check character of the code does not fit")))]
async fn cancel_voucher(
    State(gifticons): State<Arc<Gifticons>>,
    PathNameId(code, _): PathNameId,
    request: Bodiless,
) -> Result<Response<Body>> {
    must_be_operator(&request.caller)?;
    let voucher = gifticons.cancel_voucher(&code, request.stamp).await?;
    shown(&gifticons.kit.base_url, voucher).created()
}
