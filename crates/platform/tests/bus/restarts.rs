//! A broker that is restarted in good order: while it goes it still answers, and names no broker at all, itself included.
//! librdkafka is left without any address over that, if the connection ends at the same moment.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform::db::Cursor;
use platform::log::Scope;

use super::follower::{bus_at, clock, move_coins, publish, relay, topic, until};
use super::kafka::Broker;
use super::kit::Place;
use super::proxy::Proxy;

/// So many read while it goes; without a new client none of them has found it again after two minutes.
const READERS: usize = 24;
/// How long the broker is away after that.
const AWAY: Duration = Duration::from_secs(2);

#[test]
fn readers_find_a_broker_again_that_named_nobody_when_it_went() {
    let (proxy, pass_to) = Proxy::start();
    let broker = Broker::start_behind(Some(proxy.port));
    pass_to(broker.port());
    let bus = bus_at(&format!("kafka://127.0.0.1:{}", proxy.port));
    let place = Place::sqlite();
    let shop = place.shop();
    let mut publishing = relay(&shop, &bus, &clock(), "relay");
    move_coins(&shop, 1);
    publish(&mut publishing, &shop);
    let first = shop.events(1)[0].cursor;

    let is_back = AtomicBool::new(false);
    let know_it = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let mut reader = topic(&bus).reader(Scope::Everything).expect("a reader");
                until("the first event", || reader.read(Cursor::default(), 10).is_ok_and(|page| page.end == first));
                *know_it.lock().expect("no panic") += 1;
                until("the broker to be back", || {
                    // Whoever begins anew asks where the topic is.
                    let _ = reader.read(Cursor::default(), 10);
                    is_back.load(Ordering::Acquire)
                });
                until("the second event", || reader.read(first, 10).is_ok_and(|page| page.end > first));
            });
        }
        until("all to know the broker", || *know_it.lock().expect("no panic") == READERS);
        proxy.goes(true);
        until("all to hear that there are no brokers", || proxy.told() >= READERS as u64);
        std::thread::sleep(AWAY);
        proxy.goes(false);
        move_coins(&shop, 1);
        until("the relay to publish", || {
            let _ = publishing.step();
            shop.funnel.cursor("bus<purses").expect("a cursor") > first
        });
        is_back.store(true, Ordering::Release);
    });
}
