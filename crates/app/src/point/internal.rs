//! Questions of other processes to point, on the internal listener.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::post;
use platform::error::Result;
use platform::http::hal::json;
use platform::http::input::Write;

use super::client::{CANCEL, CAPTURE, DEAL, DONATE, HOLD, PREPARE, Prepare, Prepared};
use super::{DealQuestion, DonationQuestion, HoldQuestion, PaymentQuestion, PointApi, Points};
use crate::kit::must_be_service;

/// The routes on the internal listener.
pub fn internal_routes(points: Arc<Points>) -> Router {
    Router::new()
        .route(PREPARE, post(prepare_withdrawal))
        .route(DONATE, post(donate))
        .route(DEAL, post(deal))
        .route(HOLD, post(hold))
        .route(CAPTURE, post(capture_hold))
        .route(CANCEL, post(cancel_hold))
        .with_state(points)
}

async fn prepare_withdrawal(State(points): State<Arc<Points>>, write: Write<Prepare>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    let answer = points.prepare_withdrawal(write.body.member_id, write.body.attempt).await?;
    json(StatusCode::OK, "application/json", &Prepared::of(answer))
}

async fn donate(State(points): State<Arc<Points>>, write: Write<DonationQuestion>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    json(StatusCode::OK, "application/json", &points.donate(write.body).await?)
}

async fn deal(State(points): State<Arc<Points>>, write: Write<DealQuestion>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    json(StatusCode::OK, "application/json", &points.deal(write.body).await?)
}

async fn hold(State(points): State<Arc<Points>>, write: Write<HoldQuestion>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    json(StatusCode::OK, "application/json", &points.hold(write.body).await?)
}

async fn capture_hold(State(points): State<Arc<Points>>, write: Write<PaymentQuestion>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    json(StatusCode::OK, "application/json", &points.capture_hold(write.body).await?)
}

async fn cancel_hold(State(points): State<Arc<Points>>, write: Write<PaymentQuestion>) -> Result<Response<Body>> {
    must_be_service(&write.caller)?;
    json(StatusCode::OK, "application/json", &points.cancel_hold(write.body).await?)
}
