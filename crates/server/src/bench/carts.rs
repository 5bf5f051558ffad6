//! Carts as a load: gifticons that `prepare` opens, what is posted, and how long after the last request all carts of a
//! run are paid.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::profile::Profile;
use super::request::{Random, RequestWriter, push_number};
use super::target::Target;

/// The gifticon that everybody wants.
const HOT: u64 = 1_000_000;
/// As many as it takes for hardly two requests at once to want the same one.
const SPREAD: RangeInclusive<u64> = 1_000_001..=1_001_000;
/// The one of which nothing is there.
const SOLD_OUT: u64 = 1_001_001;
/// More than any run buys.
const STOCK: u64 = 1_000_000_000;
/// In won; the sandbox approves it at once.
const PRICE: u64 = 5_000;
/// Carts that are not paid after this long are reported as what they are: left over.
const ENDED_MAX: Duration = Duration::from_secs(60);
/// How often it is asked whether pieces are still reserved.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// All carts of a run are paid within this after its last request, in seconds.
const BOUND_S: f64 = 5.0;

/// The gifticons of which this profile buys, each time one at random; none if it buys nothing.
fn wanted(profile: Profile) -> Option<RangeInclusive<u64>> {
    match profile {
        Profile::CartHot => Some(HOT..=HOT),
        Profile::CartSpread => Some(SPREAD),
        Profile::CartSoldout | Profile::CartSoldoutKeyed => Some(SOLD_OUT..=SOLD_OUT),
        _ => None,
    }
}

/// Whether this profile posts carts.
pub(super) fn is_about(profile: Profile) -> bool {
    wanted(profile).is_some()
}

/// Replaces `body` by a cart with one piece of a gifticon of this profile.
pub(super) fn write(body: &mut Vec<u8>, profile: Profile, random: &mut Random) {
    let wanted = wanted(profile).unwrap_or(HOT..=HOT);
    body.clear();
    body.extend_from_slice(b"{\"gifticonId\":");
    push_number(body, wanted.start() + random.below(wanted.end() - wanted.start() + 1));
    body.extend_from_slice(b",\"quantity\":1}");
}

/// Opens the gifticons of all cart profiles that are not there yet; how many it opened.
pub(super) async fn open(target: &Target, writer: &RequestWriter) -> Result<u64, String> {
    let mut connection = Connection::open(target.address).await?;
    let (mut request, mut body, mut opened) = (Vec::new(), Vec::new(), 0);
    for (gifticon, stock) in SPREAD.chain([HOT]).map(|gifticon| (gifticon, STOCK)).chain([(SOLD_OUT, 0)]) {
        gifticon_body(&mut body, gifticon, stock);
        writer.post(&mut request, b"/gifticons", Some(writer.keys().take()), &body);
        let answer = connection.ask(&request).await?;
        match answer.status {
            201 => opened += 1,
            409 => {}
            status => {
                let text = String::from_utf8_lossy(answer.body);
                return Err(format!("gifticon {gifticon} cannot be opened: answer {status} {text}"));
            }
        }
    }
    Ok(opened)
}

/// Replaces `body` by the registration of a gifticon.
fn gifticon_body(body: &mut Vec<u8>, gifticon: u64, stock: u64) {
    body.clear();
    body.extend_from_slice(b"{\"gifticonId\":");
    push_number(body, gifticon);
    body.extend_from_slice(b",\"name\":\"Americano\",\"availableQuantity\":");
    push_number(body, stock);
    body.extend_from_slice(b",\"price\":");
    push_number(body, PRICE);
    body.push(b'}');
}

/// How the carts of a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ended {
    /// From the last request's answer until no piece was reserved any more, in seconds.
    pub(super) after_s: f64,
    /// Carts that the run was told of with 201.
    pub(super) added: u64,
    /// Pieces that were sold from its beginning on.
    pub(super) sold: u64,
    /// Pieces that were still reserved when waiting was given up.
    pub(super) reserved: u64,
}

impl Ended {
    /// Every cart that was answered must be paid, and soon.
    pub(super) fn verdict(self) -> Result<(), String> {
        let Self { after_s, added, sold, reserved } = self;
        if reserved > 0 {
            return Err(format!("{reserved} pieces are still reserved {after_s:.1} s after the last request"));
        }
        if sold < added {
            return Err(format!("only {sold} of {added} carts were paid"));
        }
        if after_s > BOUND_S {
            return Err(format!(
                "the last cart was paid {after_s:.1} s after the last request, not within {BOUND_S} s"
            ));
        }
        Ok(())
    }
}

/// Pieces of a gifticon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pieces {
    sold: u64,
    reserved: u64,
}

/// Looks at the stock before and after a run that buys.
pub(super) struct Watch<'a> {
    target: &'a Target,
    writer: &'a RequestWriter,
    gifticons: RangeInclusive<u64>,
    sold_before: u64,
}

impl<'a> Watch<'a> {
    /// Before the run; none for a profile that buys nothing. An error if a gifticon is not there, or if pieces are
    /// reserved: they would be sold within this run, and count as its own.
    pub(super) async fn begin(
        target: &'a Target,
        writer: &'a RequestWriter,
        profile: Profile,
    ) -> Result<Option<Self>, String> {
        // Of what is sold out nothing is bought.
        let Some(gifticons) = wanted(profile).filter(|wanted| !wanted.contains(&SOLD_OUT)) else { return Ok(None) };
        let mut watch = Self { target, writer, gifticons, sold_before: 0 };
        let mut connection = Connection::open(target.address).await?;
        for gifticon in watch.gifticons.clone() {
            let Pieces { sold, reserved } = watch.pieces(&mut connection, gifticon).await?;
            if reserved > 0 {
                return Err(format!(
                    "{reserved} pieces of gifticon {gifticon} are reserved by earlier carts; wait until these are paid"
                ));
            }
            watch.sold_before += sold;
        }
        Ok(Some(watch))
    }

    /// After the run, of which so many carts were answered with 201 and the last request was answered at this moment:
    /// waits until no piece is reserved.
    pub(super) async fn end(&self, added: u64, last: Instant) -> Result<Ended, String> {
        let mut connection = Connection::open(self.target.address).await?;
        let mut ended = Ended { after_s: 0.0, added, sold: 0, reserved: 0 };
        for gifticon in self.gifticons.clone() {
            loop {
                let pieces = self.pieces(&mut connection, gifticon).await?;
                ended.after_s = last.elapsed().as_secs_f64();
                if pieces.reserved == 0 || last.elapsed() > ENDED_MAX {
                    ended.sold += pieces.sold;
                    ended.reserved += pieces.reserved;
                    break;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        ended.sold = ended.sold.saturating_sub(self.sold_before);
        Ok(ended)
    }

    async fn pieces(&self, connection: &mut Connection, gifticon: u64) -> Result<Pieces, String> {
        let mut request = Vec::new();
        self.writer.get(&mut request, format!("/gifticons/{gifticon}").as_bytes());
        let answer = connection.ask(&request).await?;
        let (status, text) = (answer.status, String::from_utf8_lossy(answer.body));
        read_pieces(&text)
            .filter(|_| status == 200)
            .ok_or_else(|| format!("gifticon {gifticon}: answer {status} (is it there? run `onepoint bench prepare`)"))
    }
}

fn read_pieces(body: &str) -> Option<Pieces> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(Pieces { sold: body["soldQuantity"].as_u64()?, reserved: body["reservedQuantity"].as_u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_right_when_every_cart_was_paid_in_time() {
        let ended = Ended { after_s: 0.3, added: 10, sold: 10, reserved: 0 };
        assert_eq!(ended.verdict(), Ok(()));
        // A cart whose answer was lost is sold too.
        assert_eq!(Ended { sold: 11, ..ended }.verdict(), Ok(()));
        for wrong in [Ended { sold: 9, ..ended }, Ended { reserved: 1, ..ended }, Ended { after_s: 5.1, ..ended }] {
            assert!(wrong.verdict().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_spread_profile_wants_all_of_its_gifticons_alike() {
        let (mut random, mut body) = (Random::from_environment(), Vec::new());
        let mut found = std::collections::HashSet::new();
        for _ in 0..20_000 {
            write(&mut body, Profile::CartSpread, &mut random);
            let cart: serde_json::Value = serde_json::from_slice(&body).expect("the body is JSON");
            assert_eq!(cart["quantity"], 1);
            found.insert(cart["gifticonId"].as_u64().expect("a number"));
        }
        assert_eq!(found.len(), 1_000);
        assert!(found.iter().all(|gifticon| SPREAD.contains(gifticon)));
    }

    #[test]
    fn each_other_profile_wants_one_gifticon_of_its_own() {
        let (mut random, mut body) = (Random::from_environment(), Vec::new());
        for (profile, expected) in
            [(Profile::CartHot, HOT), (Profile::CartSoldout, SOLD_OUT), (Profile::CartSoldoutKeyed, SOLD_OUT)]
        {
            write(&mut body, profile, &mut random);
            let cart: serde_json::Value = serde_json::from_slice(&body).expect("the body is JSON");
            assert_eq!(cart, serde_json::json!({"gifticonId": expected, "quantity": 1}));
        }
        assert!(!is_about(Profile::Echo) && !is_about(Profile::DealMixed));
    }

    #[test]
    fn a_gifticon_is_registered_with_its_stock() {
        let mut body = Vec::new();
        gifticon_body(&mut body, SOLD_OUT, 0);
        let body: serde_json::Value = serde_json::from_slice(&body).expect("the body is JSON");
        assert_eq!((body["gifticonId"].as_u64(), body["availableQuantity"].as_u64()), (Some(SOLD_OUT), Some(0)));
        assert_eq!((body["price"].as_u64(), body["name"].as_str()), (Some(PRICE), Some("Americano")));
    }

    #[test]
    fn pieces_are_read_from_the_gifticon() {
        let text = r#"{"gifticonId":1,"availableQuantity":7,"soldQuantity":2,"reservedQuantity":1}"#;
        assert_eq!(read_pieces(text), Some(Pieces { sold: 2, reserved: 1 }));
        assert_eq!(read_pieces(r#"{"code":"gifticon.unknown"}"#), None);
    }
}
