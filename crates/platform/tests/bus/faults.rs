//! A cluster that makes mistakes: acknowledgements that are lost, leaders that change, brokers that refuse and go away.
//! librdkafka brings it along.

use std::time::{Duration, Instant};

use platform::bus::{Bus, Relay};
use platform::db::Cursor;
use platform::error::ErrorKind;
use platform::log::{LogReader, Scope};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::follower::{Follower, PATIENCE, bus_at, clock, kafka_of, move_coins, publish, relay, topic, until};
use super::kit::{Place, Shop};

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// Three brokers with a topic for purses.
fn cluster() -> (Cluster, Bus) {
    let cluster = MockCluster::new(3).expect("a cluster");
    let bus = bus_at(&format!("kafka://{}", cluster.bootstrap_servers()));
    cluster.create_topic(&kafka_of(&bus).topic("purses"), 1, 3).expect("a topic");
    (cluster, bus)
}

/// Coins move while `disturb` does its worst, round by round; in the end each of them has arrived once.
fn all_arrive_once(disturb: impl Fn(&Cluster, &str, usize)) {
    let (cluster, bus) = cluster();
    let name = kafka_of(&bus).topic("purses");
    let (place, elsewhere) = (Place::sqlite(), Place::sqlite());
    let shop = place.shop();
    let mut follower = Follower::new(&elsewhere, &bus);
    let mut relay = relay(&shop, &bus, &clock(), "relay");
    for round in 0..12 {
        disturb(&cluster, &name, round);
        move_coins(&shop, 50);
        for _ in 0..5 {
            step(&mut relay);
            follower.step();
        }
    }
    arrive(&mut relay, &mut follower, 600);
}

fn arrive(relay: &mut Relay, follower: &mut Follower, coins: i64) {
    let started = Instant::now();
    while follower.coins() < coins {
        step(relay);
        follower.step();
        assert!(started.elapsed() < PATIENCE, "{} of {coins} coins arrived", follower.coins());
    }
    follower.follow_to(coins);
}

fn step(relay: &mut Relay) {
    if let Err(error) = relay.step() {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn acknowledgements_that_are_lost() {
    all_arrive_once(|cluster, _, round| {
        // What was stored is not acknowledged: the connection breaks, or the answer says that it took too long.
        let lost = [RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT, RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT];
        cluster.request_errors(RDKafkaApiKey::Produce, &lost[round % 2..]);
    });
}

#[test]
fn leaders_that_change() {
    all_arrive_once(|cluster, topic, round| {
        let leader = i32::try_from(round % 3 + 1).expect("a small number");
        cluster.partition_leader(topic, 0, Some(leader)).expect("a leader");
        let moved = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION];
        cluster.request_errors(RDKafkaApiKey::Produce, &moved);
        cluster.request_errors(RDKafkaApiKey::Fetch, &moved);
    });
}

#[test]
fn brokers_that_refuse() {
    all_arrive_once(|cluster, _, round| {
        let refusals = [
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        ];
        match round % 3 {
            0 => cluster.request_errors(RDKafkaApiKey::Produce, &refusals),
            1 => cluster.request_errors(RDKafkaApiKey::Fetch, &refusals[..2]),
            _ => cluster.request_errors(RDKafkaApiKey::InitProducerId, &refusals[1..2]),
        }
    });
}

#[test]
fn brokers_that_go_away() {
    all_arrive_once(|cluster, _, round| {
        let broker = |number: usize| i32::try_from(number % 3 + 1).expect("a small number");
        cluster.broker_up(broker(round)).expect("a broker");
        cluster.broker_down(broker(round + 1)).expect("a broker");
        std::thread::sleep(Duration::from_millis(50));
        if round == 11 {
            (0..3).for_each(|number| cluster.broker_up(broker(number)).expect("a broker"));
        }
    });
}

/// A reader that has read the first event, and where it stands.
fn read_one(shop: &Shop, relay: &mut Relay, bus: &Bus) -> (LogReader, Cursor) {
    move_coins(shop, 1);
    publish(relay, shop);
    let mut reader = topic(bus).reader(Scope::Everything).expect("a reader");
    let mut end = Cursor::default();
    until("the first event", || {
        end = reader.read(end, 10).map_or(end, |page| page.end);
        end > Cursor::default()
    });
    (reader, end)
}

#[test]
fn errors_that_gathered_do_not_stand_before_what_has_come() {
    let (cluster, bus) = cluster();
    let place = Place::sqlite();
    let shop = place.shop();
    let mut relay = relay(&shop, &bus, &clock(), "relay");
    let (mut reader, end) = read_one(&shop, &mut relay, &bus);

    // Nobody reads while connections fail, as where the next look is some seconds away.
    (1..=3).for_each(|broker| cluster.broker_down(broker).expect("a broker"));
    std::thread::sleep(Duration::from_secs(4));
    (1..=3).for_each(|broker| cluster.broker_up(broker).expect("a broker"));
    move_coins(&shop, 1);
    until("the relay to publish", || {
        step(&mut relay);
        shop.funnel.cursor("bus<purses").expect("a cursor") > end
    });
    std::thread::sleep(Duration::from_secs(2));
    let looks = (1..=20).find(|_| reader.read(end, 10).is_ok_and(|page| page.end > end));
    assert!(looks.is_some_and(|looks| looks <= 2), "what has come is found with look {looks:?}");
}

#[test]
fn a_topic_whose_messages_do_not_come_is_read_with_a_new_client() {
    let (cluster, bus) = cluster();
    let place = Place::sqlite();
    let shop = place.shop();
    let mut relay = relay(&shop, &bus, &clock(), "relay");
    let (mut reader, end) = read_one(&shop, &mut relay, &bus);

    // Every question is answered but the one for messages, and librdkafka keeps that to itself.
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 2_000];
    cluster.request_errors(RDKafkaApiKey::Fetch, &refused);
    move_coins(&shop, 1);
    publish(&mut relay, &shop);
    until("somebody to notice that nothing comes", || match reader.read(end, 10) {
        Ok(page) => {
            assert_eq!(page.end, end, "nothing can come");
            false
        }
        Err(error) => error.code == "bus.stalled",
    });
    cluster.clear_request_errors(RDKafkaApiKey::Fetch);
    until("the second event", || reader.read(end, 10).is_ok_and(|page| page.end > end));
}
