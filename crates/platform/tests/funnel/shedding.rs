//! A full queue and a stopped context answer at once and say when to come back; what was taken is carried out.

use platform::error::ErrorKind;

use super::kit::{Move, Place};

const MORE_THAN_FITS: usize = 20_000;

#[test]
fn a_full_queue_sheds_and_loses_nothing_that_it_took() {
    let place = Place::sqlite();
    let shop = place.shop();
    let mut taken = Vec::new();
    let refused = (0..MORE_THAN_FITS).find_map(|_| match shop.funnel.submit(Move::of(1, 1), None) {
        Ok(answer) => {
            taken.push(answer);
            None
        }
        Err(error) => Some(error),
    });
    let refused = refused.expect("the queue has an end");
    assert_eq!((refused.kind, refused.code.as_ref()), (ErrorKind::Unavailable, "purses.overloaded"));
    assert!(refused.retry_after_s.is_some_and(|seconds| seconds >= 1), "{refused}");
    assert_eq!(shop.funnel.depth(), taken.len());

    while shop.funnel.step() > 0 {}
    assert!(taken.iter_mut().all(|answer| answer.try_recv().is_ok_and(|answer| answer.is_ok())));
    let count = i64::try_from(taken.len()).expect("a small number");
    assert_eq!(shop.balances(1), (count, count));
    shop.run(Move::of(1, 1)).expect("there is room again");
}

#[test]
fn a_stopped_context_takes_nothing_in() {
    let place = Place::sqlite();
    let shop = place.shop();
    shop.funnel.set_open(false);
    let refused = shop.funnel.submit(Move::of(1, 1), None).expect_err("it is stopped");
    assert_eq!((refused.kind, refused.code.as_ref()), (ErrorKind::Unavailable, "purses.stopped"));
    assert!(refused.retry_after_s.is_some());
    shop.funnel.set_open(true);
    shop.run(Move::of(1, 1)).expect("it runs again");
}
