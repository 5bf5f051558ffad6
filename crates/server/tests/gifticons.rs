//! Gifticons: what the MD registers, stock that is reserved and never oversold, what comes back, vouchers.

mod support;

#[path = "gifticons/killed.rs"]
mod killed;
#[path = "gifticons/kit.rs"]
mod kit;
#[allow(dead_code, reason = "shared with the tests of recovery, which use all of it")]
#[path = "recovery/process.rs"]
mod process;
#[path = "gifticons/registered.rs"]
mod registered;
#[path = "gifticons/remote.rs"]
mod remote;
#[path = "gifticons/reserved.rs"]
mod reserved;
#[path = "gifticons/returned.rs"]
mod returned;
#[path = "gifticons/roles.rs"]
mod roles;
#[allow(dead_code, reason = "the tests of faults use the rest")]
#[path = "faults/senders.rs"]
mod senders;
#[path = "gifticons/verified.rs"]
mod verified;
#[path = "gifticons/vouchers.rs"]
mod vouchers;

use support::Engine;

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];
