//! Commands that are decided in one batch: what one of them changes holds for those behind it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use app::coupon::{Coupons, NewCampaign};
use domain::coupon::campaign::ChangeCampaign;
use domain::kernel::Day;
use platform::error::Result;
use serde_json::json;

use crate::ENGINES;
use crate::kit::{alone, campaign, claim, figures, verify};
use crate::senders::Sent;

type Asking = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

fn claims(coupons: &Arc<Coupons>, campaign_id: i64, member_id: i64) -> Asking {
    let coupons = Arc::clone(coupons);
    Box::pin(async move { coupons.claim(campaign_id, member_id, None).await.map(|_| ()) })
}

/// Has these decided in one batch, in this order: the funnel is kept busy until all of them wait. What each came to.
fn in_one_batch(coupons: &Arc<Coupons>, first: Asking, asking: Vec<Asking>) -> Vec<String> {
    let (held, is_held) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            coupons.funnel.with_session(|_| {
                held.send(()).expect("the test waits");
                may_go.recv().expect("the test goes on");
                Ok(())
            })
        });
        is_held.recv().expect("the funnel is held");
        let depth = |count| async move {
            while coupons.funnel.depth() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        runtime.block_on(async {
            // The funnel's thread takes the first alone, and waits with it.
            let first = tokio::spawn(first);
            tokio::time::sleep(Duration::from_millis(50)).await;
            depth(0).await;
            let count = asking.len();
            let asking: Vec<_> = asking.into_iter().map(tokio::spawn).collect();
            tokio::task::yield_now().await;
            depth(count).await;
            go.send(()).expect("the funnel is held");
            drop(first.await);
            let mut answers = Vec::with_capacity(count);
            for answer in asking {
                let answer = answer.await.expect("no panic");
                answers.push(answer.map_or_else(|error| error.code.to_string(), |()| "yes".to_owned()));
            }
            answers
        })
    })
}

#[test]
fn who_asks_right_behind_a_change_gets_one_of_those_that_came_with_it() {
    for engine in ENGINES {
        let app = alone(engine, 6);
        let campaign_id = campaign(&app, 1, 1);
        claim(&app, campaign_id, 1).must_be(201);
        let coupons = &app.app().coupons;
        let changing = Arc::clone(coupons);
        let change = ChangeCampaign { quantity: Some(4), ..ChangeCampaign::default() };
        let mut asking: Vec<Asking> =
            vec![Box::pin(async move { changing.change_campaign(campaign_id, change, None).await.map(|_| ()) })];
        asking.extend((2..=5).map(|member_id| claims(coupons, campaign_id, member_id)));
        let answers = in_one_batch(coupons, claims(coupons, campaign_id, 6), asking);
        assert_eq!(answers, ["yes", "yes", "yes", "yes", "coupon.campaign_exhausted"]);
        assert_eq!(figures(&app, campaign_id), [4, 0, 0, 0, 0, 0]);
        verify(&app);
    }
}

#[test]
fn who_asks_for_a_campaign_in_the_moment_in_which_it_opens_comes_before_it() {
    for engine in ENGINES {
        let app = alone(engine, 3);
        let coupons = &app.app().coupons;
        let opening = Arc::clone(coupons);
        let (start_date, end_date) = (Day::new(2026, 8, 31), Day::new(2026, 9, 2));
        let (name, code_pattern) = ("summer".to_owned(), "SUMMER-####-####-####".to_owned());
        let (campaign_id, quantity, per_member_limit, open) = (Some(7), 5, 1, true);
        let new =
            NewCampaign { campaign_id, name, code_pattern, quantity, per_member_limit, start_date, end_date, open };
        let asking: Vec<Asking> = vec![
            Box::pin(async move { opening.open_campaign(new, None).await.map(|_| ()) }),
            claims(coupons, 7, 1),
            claims(coupons, 7, 2),
        ];
        let answers = in_one_batch(coupons, claims(coupons, 9, 3), asking);
        assert_eq!(answers, ["yes", "coupon.campaign_unknown", "coupon.campaign_unknown"]);
        claim(&app, 7, 1).must_be(201);
        verify(&app);
    }
}

/// A bulk issue that was a mistake ends; what it had set aside is there for others.
#[test]
fn a_bulk_issue_that_is_stopped_gives_back_what_it_has_not_made() {
    for engine in ENGINES {
        let app = alone(engine, 1);
        let campaign_id = campaign(&app, 1_000_000, 1);
        let path = crate::kit::request(&app, campaign_id, 1_000_000);
        let stop = Sent { method: "DELETE", path: path.clone(), body: None, key: Some("stop".to_owned()) };
        stop.to(app.address()).must_be(204);
        let stopped = app.get(&path).must_be(200).json;
        assert_eq!(stopped["status"], "STOPPED", "{stopped}");
        let made = stopped["issued"].as_i64().expect("a number");
        assert_eq!(figures(&app, campaign_id), [made, 0, made, 0, 0, 0]);
        stop.to(app.address()).must_be(204);
        app.delete(&path).must_be(204);
        assert_eq!(app.get(&path).json, stopped);
        app.delete(&format!("/couponCampaigns/{campaign_id}/issues/99")).must_be_problem(404);
        app.delete("/couponCampaigns/99/issues/1").must_be_problem(404);
        let smaller = json!({"quantity": made.max(1)});
        app.patch(&format!("/couponCampaigns/{campaign_id}"), &smaller).must_be(200);
        verify(&app);
    }
}
