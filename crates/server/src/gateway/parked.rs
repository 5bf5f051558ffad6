//! `GET /parked` over all processes: each says what is parked in the contexts that it runs, and the pages are merged by
//! the same marks that a single process uses, so that none is shifted.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::{Request, Response, StatusCode};
use platform::error::{Error, Result};
use platform::http::filter::{Filter, in_query};
use platform::http::gateway::{Group, Outgoing, Own, Upstream};
use platform::http::list::{PageQuery, Sublist};
use serde_json::Value;

use super::PROGRAM;
use super::own::{PART_TIME, passed_back};
use super::routes::GatewayRoutes;
use crate::parked::{COLLECTION, consumer_in, mark_of};

impl GatewayRoutes {
    /// The page that is asked for, of all contexts that the gateway knows.
    pub(super) async fn parked(&self, own: Own) -> Result<Response<Body>> {
        let (mut head, _) = own.request.into_parts();
        let page = PageQuery::from_request_parts(&mut head, &()).await?;
        let consumer = consumer_in(&Filter::from_request_parts(&mut head, &()).await?)?;
        let context = consumer.as_deref().and_then(|name| name.split_once('<')).map(|(context, _)| context.to_owned());
        let mut items: BTreeMap<i64, Value> = BTreeMap::new();
        let mut more = false;
        for (group, upstream) in self.chosen(context.as_deref())? {
            let mut question = Request::new(Outgoing::none());
            *question.uri_mut() = head.uri.clone();
            *question.headers_mut() = head.headers.clone();
            let answer = upstream.exchange(question, PART_TIME).await.ok_or_else(|| group.unreachable())?;
            if answer.status() != StatusCode::OK {
                return Ok(passed_back(answer));
            }
            let (of_it, goes_on) = read(&answer)?;
            items.extend(of_it);
            more |= goes_on;
        }
        more |= items.len() > page.limit();
        let shown: Vec<(i64, Value)> = items.into_iter().take(page.limit()).collect();
        let next = shown.last().map(|(mark, _)| *mark).filter(|_| more);
        let list = Sublist {
            href: format!("{}/{COLLECTION}", self.base_url),
            collection: COLLECTION,
            query: format!("limit={}{}", page.limit, in_query([("consumer", consumer)])),
            after: Some(page.after).filter(|after| *after > 0),
            next,
            items: shown.into_iter().map(|(_, item)| item).collect(),
        };
        list.show()
    }

    /// A ready process for each context, or for this one; one that runs several is asked once. A list without what one of
    /// them has parked would say that all is well, so all of them have to be there.
    fn chosen(&self, context: Option<&str>) -> Result<Vec<(&Group, Arc<Upstream>)>> {
        let known = context.filter(|context| self.gateway.group(context).is_some_and(|group| group.name != PROGRAM));
        let is_asked = |group: &&Arc<Group>| {
            group.name != PROGRAM && group.has_names() && known.is_none_or(|known| known == group.name)
        };
        let mut chosen: Vec<(&Group, Arc<Upstream>)> = Vec::new();
        for group in self.gateway.groups().iter().filter(is_asked) {
            let upstreams = group.upstreams();
            let mut ready = upstreams.iter().filter(|upstream| upstream.is_ready());
            if ready.clone().any(|one| chosen.iter().any(|(_, other)| Arc::ptr_eq(one, other))) {
                continue;
            }
            chosen.push((group, ready.next().cloned().ok_or_else(|| group.unreachable())?));
        }
        Ok(chosen)
    }
}

/// The items of a page with their marks, and whether there are more behind them.
fn read(answer: &Response<Bytes>) -> Result<(Vec<(i64, Value)>, bool)> {
    let broken = || Error::unavailable("peer.not_understood", "a process of another version answered; repeat later");
    let mut page: Value = serde_json::from_slice(answer.body()).map_err(|_| broken())?;
    let goes_on = page["_links"]["next"].is_object();
    let Value::Array(items) = page["_embedded"][COLLECTION].take() else { return Err(broken()) };
    let marked = items.into_iter().map(|item| {
        let mark = mark_of(item["context"].as_str().unwrap_or_default(), item["parkedId"].as_i64().unwrap_or_default());
        mark.map(|mark| (mark, item)).ok_or_else(broken)
    });
    Ok((marked.collect::<Result<_>>()?, goes_on))
}
