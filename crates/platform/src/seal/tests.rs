//! What is sealed opens where it belongs, and nowhere else.

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const SPOT: Spot = Spot { purpose: "letter", subject: 7 };

fn seal(context: &'static str) -> Seal {
    Seal::new(SECRET, context).expect("a seal")
}

#[test]
fn what_is_sealed_opens_again() {
    for plain in ["", "a", "서울시 종로구", &"long ".repeat(2_000)] {
        let sealed = seal("post").seal(SPOT, plain.as_bytes()).expect("sealed");
        assert_eq!(sealed.len(), plain.len() + 41);
        assert_eq!(seal("post").open(SPOT, &sealed).expect("opened"), plain.as_bytes());
    }
}

#[test]
fn the_same_is_sealed_differently_each_time_and_shows_nothing_of_itself() {
    let [one, other] = [(); 2].map(|()| seal("post").seal(SPOT, b"Zebulon Zebulon").expect("sealed"));
    assert_ne!(one, other);
    for sealed in [one, other] {
        assert!(!sealed.windows(4).any(|piece| b"Zebulon Zebulon".windows(4).any(|plain| plain == piece)));
    }
}

#[test]
fn every_flipped_bit_and_every_missing_end_is_refused() {
    let seal = seal("post");
    let sealed = seal.seal(SPOT, b"to whom it may concern").expect("sealed");
    for place in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[place] ^= 1 << bit;
            assert_eq!(seal.open(SPOT, &changed).expect_err("a changed byte").code, "seal.broken");
        }
        seal.open(SPOT, &sealed[..place]).expect_err("a cut end");
    }
    seal.open(SPOT, &[sealed.as_slice(), &[0]].concat()).expect_err("one byte too many");
}

#[test]
fn what_is_moved_elsewhere_does_not_open() {
    let sealed = seal("post").seal(SPOT, b"mine").expect("sealed");
    seal("post").open(Spot { subject: 8, ..SPOT }, &sealed).expect_err("of somebody else");
    seal("post").open(Spot { purpose: "parcel", ..SPOT }, &sealed).expect_err("for something else");
    seal("bank").open(SPOT, &sealed).expect_err("of another context");
    let other = Seal::new(b"another secret of thirty-two byte", "post").expect("a seal");
    other.open(SPOT, &sealed).expect_err("under another secret");
}

/// Somebody who could choose what is digested under the secret would have the key otherwise.
#[test]
fn no_text_is_what_the_key_is_derived_from() {
    let derived_from = |label: &[u8]| [label, b"post"].concat();
    assert!(std::str::from_utf8(&derived_from(KEY_LABEL)).is_err());
    assert!(std::str::from_utf8(&derived_from(b"onepoint seal 1\0")).is_ok(), "control: texts may have a byte 0");
}

#[test]
fn nothing_of_the_key_is_printed() {
    assert_eq!(format!("{:?}", seal("post")), "Seal(…)");
}
