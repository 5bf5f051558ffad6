//! Of a member who has left nothing personal is stored any more: not in rows, not in free pages or write-ahead logs,
//! not in the logs; and nothing brings it back.

mod support;

#[path = "erasure/canaries.rs"]
mod canaries;
#[path = "erasure/crash.rs"]
mod crash;
#[path = "erasure/leaving.rs"]
mod leaving;
#[allow(dead_code, reason = "shared with the tests of recovery, which use all of it")]
#[path = "recovery/process.rs"]
mod process;
#[path = "erasure/search.rs"]
mod search;
#[path = "erasure/secrets.rs"]
mod secrets;
#[path = "erasure/upgrade.rs"]
mod upgrade;
