//! In place of Kafka in a program that was built without it: nothing of it can be made.

use super::unfit;
use crate::error::Result;

/// Where a Kafka is; this program has none.
pub enum Kafka {}

impl Kafka {
    pub(super) fn new(_: &str) -> Result<Self> {
        Err(unfit("this program was built without Kafka; the bus URL can only be local:"))
    }

    pub(super) fn with_topics(&self, _: &str, _: i32) -> std::sync::Arc<Self> {
        match *self {}
    }

    pub(super) fn trusting(&self) -> std::sync::Arc<Self> {
        match *self {}
    }

    pub(crate) fn compares(&self) -> bool {
        match *self {}
    }

    /// The name of a context's topic.
    #[must_use]
    pub fn topic(&self, _: &str) -> String {
        match *self {}
    }

    pub(crate) fn source(&self, _: &str) -> String {
        match *self {}
    }
}

pub(crate) enum Publisher {}

impl Publisher {
    pub(crate) fn open(kafka: &Kafka, _: &str) -> Result<Self> {
        match *kafka {}
    }

    pub(crate) fn publish(&mut self, _: &str, _: &str, _: i64) -> Result<bool> {
        match *self {}
    }

    pub(crate) fn sent(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn acknowledged(&self) -> Result<u64> {
        match *self {}
    }

    pub(crate) fn wait_beyond(&self, _: u64, _: std::time::Duration) -> Result<u64> {
        match *self {}
    }
}

pub(crate) enum Subscription {}

pub(crate) struct Taken<'a> {
    pub(crate) offset: i64,
    pub(crate) payload: &'a [u8],
}

impl Subscription {
    pub(crate) fn open(kafka: &Kafka, _: &str, _: impl Fn() + Send + Sync + 'static) -> Result<Self> {
        match *kafka {}
    }

    pub(crate) fn go_to(&mut self, _: Option<i64>) -> Result<bool> {
        match *self {}
    }

    pub(crate) fn next<T>(&mut self, _: impl FnOnce(Taken<'_>) -> T) -> Result<Option<T>> {
        match *self {}
    }
}
