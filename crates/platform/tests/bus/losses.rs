//! A broker that has lost what it had acknowledged: it is seen, nothing is taken in out of order, and it is mended by
//! publishing again.

use std::time::Duration;

use platform::bus::{Bus, publish_again};
use platform::clock::SystemClock;
use platform::log::Scope;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::follower::{Follower, bus, clock, kafka_of, move_coins, publish, relay, topic, until};
use super::kafka;
use super::kit::{Place, Shop};

fn admin() -> AdminClient<DefaultClientContext> {
    let url = kafka::shared();
    let servers = url.strip_prefix("kafka://").expect("a bus URL");
    ClientConfig::new().set("bootstrap.servers", servers).create().expect("a client")
}

fn wait_for<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(answer)
}

/// Takes a topic away with all that is in it.
fn delete(bus: &Bus) {
    let name = kafka_of(bus).topic("purses");
    let admin = admin();
    let deleted = wait_for(admin.delete_topics(&[&name], &AdminOptions::new())).expect("the broker is there");
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    until("the topic to be gone", || {
        let found = admin.inner().fetch_metadata(None, Duration::from_secs(5)).expect("the broker is there");
        found.topics().iter().all(|topic| topic.name() != name)
    });
}

/// 10 coins arrive, 10 are lost with the topic, 10 come into the new one; who follows was stopped meanwhile, because what
/// it has fetched ahead is not lost.
fn a_topic_is_lost(source: &Shop, bus: &Bus, elsewhere: &Place) -> Follower {
    let mut first = relay(source, bus, &clock(), "first");
    move_coins(source, 10);
    publish(&mut first, source);
    Follower::new(elsewhere, bus).follow_to(10);
    move_coins(source, 10);
    publish(&mut first, source);
    drop(first);
    delete(bus);
    let mut second = relay(source, bus, &clock(), "second");
    move_coins(source, 10);
    publish(&mut second, source);
    Follower::new(elsewhere, bus)
}

#[test]
fn a_loss_is_seen_and_mended_by_publishing_again() {
    let (place, elsewhere, bus) = (Place::sqlite(), Place::sqlite(), bus());
    let source = place.shop();
    let mut follower = a_topic_is_lost(&source, &bus, &elsewhere);
    follower.follow_for(Duration::from_secs(3));
    assert_eq!(follower.coins(), 10, "nothing behind the hole");

    let stands = follower.cursor();
    let mut reader = topic(&bus).reader(Scope::Everything).expect("a reader");
    let mut missing = 0;
    until("the loss to be seen", || {
        let page = reader.read(stands, 1_000).expect("the broker is there");
        assert_eq!((page.end, page.events.len()), (stands, 0));
        missing += page.missing;
        missing == 10
    });

    // Whoever has seen some of it passes over that, so any place before the hole will do.
    let clock = SystemClock::new();
    let only_counted = publish_again(&source.log, None, &clock, stands).expect("the log can be read");
    assert_eq!(only_counted.events, 20);
    let again = publish_again(&source.log, Some(kafka_of(&bus)), &clock, Default::default()).expect("it is published");
    assert_eq!((again.events, again.end), (30, only_counted.end));
    follower.follow_to(30);
    assert_eq!(follower.cursor(), again.end);
}

#[test]
fn control_without_the_comparisons_the_loss_is_skipped() {
    let (place, elsewhere) = (Place::sqlite(), Place::sqlite());
    let (source, bus) = (place.shop(), bus().trusting());
    let mut follower = a_topic_is_lost(&source, &bus, &elsewhere);
    until("what comes behind the hole", || {
        follower.step();
        follower.coins() > 10
    });
    follower.follow_for(Duration::from_millis(500));
    let coins = follower.coins();
    assert!(coins < 30, "{coins} of 30 coins");
}

#[test]
fn a_topic_with_several_partitions_is_refused() {
    let (place, elsewhere, bus) = (Place::sqlite(), Place::sqlite(), bus());
    let source = place.shop();
    let name = kafka_of(&bus).topic("purses");
    let divided = NewTopic::new(&name, 2, TopicReplication::Fixed(1));
    wait_for(admin().create_topics([&divided], &AdminOptions::new())).expect("the broker is there");
    let mut relay = relay(&source, &bus, &clock(), "relay");
    move_coins(&source, 1);
    let mut codes = Vec::new();
    until("both to refuse it", || {
        codes = vec![relay.step().err().map(|error| error.code)];
        let mut reader = topic(&bus).reader(Scope::Everything).expect("a reader");
        codes.push(reader.read(Default::default(), 10).err().map(|error| error.code));
        codes.iter().all(|code| code.as_deref() == Some("bus.partitions"))
    });
    assert_eq!(Follower::new(&elsewhere, &bus).coins(), 0);
}
