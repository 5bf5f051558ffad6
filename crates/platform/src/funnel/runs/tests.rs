//! Tests of the key runs: finding, merging, and what a crash or a broken disk leaves behind.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A hash that looks random, from a number (splitmix64 twice).
fn hash(number: u64) -> [u8; 16] {
    let mix = |seed: u64| {
        let mut word = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(word ^ (word >> 31))
    };
    ((mix(number + 1) << 64) | mix(number + (1 << 40))).to_be_bytes()
}

fn entry(position: i64) -> Entry {
    Entry { hash: hash(position as u64), digest: -position, position }
}

/// Adds the next `count` positions, made at a time equal to the last of them.
fn add_next(runs: &KeyRuns, count: i64) {
    let (after, up_to) = (runs.covered_to(), runs.covered_to() + count);
    runs.add((after + 1..=up_to).map(entry).collect(), up_to, up_to).unwrap();
}

fn assert_finds(runs: &KeyRuns, positions: impl IntoIterator<Item = i64>) {
    for position in positions {
        assert_eq!(runs.find(&hash(position as u64)).unwrap(), Some((-position, position)));
    }
}

/// The files in the folder, oldest positions first.
fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn filled(run_sizes: &[i64]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let runs = KeyRuns::open(folder.path()).unwrap();
    run_sizes.iter().for_each(|&count| add_next(&runs, count));
    folder
}

fn truncate(file: &Path, left_out: u64) {
    let length = fs::metadata(file).unwrap().len();
    File::options().write(true).open(file).unwrap().set_len(length - left_out).unwrap();
}

#[test]
fn every_key_is_found_after_many_merges_and_after_reopening() {
    let folder = TempDir::new().unwrap();
    let runs = KeyRuns::open(folder.path()).unwrap();
    for _ in 0..40 {
        add_next(&runs, 5_000);
    }
    assert!(files(&folder).len() < 14, "{} files", files(&folder).len());
    for runs in [runs, KeyRuns::open(folder.path()).unwrap()] {
        assert_eq!((runs.covered_to(), runs.key_count()), (200_000, 200_000));
        assert_finds(&runs, 1..=200_000);
    }
}

#[test]
fn unknown_keys_hardly_touch_the_files_and_known_ones_take_few_reads() {
    let folder = filled(&[100_000, 5_000, 5_000, 300]);
    let runs = KeyRuns::open(folder.path()).unwrap();
    for number in 1_000_000..1_020_000 {
        assert_eq!(runs.find(&hash(number)).unwrap(), None);
    }
    assert!(runs.pages_read() < 20_000 / 10, "{} pages for 20000 unknown keys", runs.pages_read());
    let before = runs.pages_read();
    assert_finds(&runs, 1..=20_000);
    assert!(runs.pages_read() - before < 20_000 * 3, "{} pages for 20000 keys", runs.pages_read() - before);
}

#[test]
fn an_empty_folder_covers_nothing_and_finds_nothing() {
    let folder = TempDir::new().unwrap();
    let runs = KeyRuns::open(&folder.path().join("point.keys")).unwrap();
    assert_eq!((runs.covered_to(), runs.key_count(), runs.find(&hash(1)).unwrap()), (0, 0, None));
}

#[test]
fn of_rows_with_one_hash_the_newest_wins_in_a_run_across_runs_and_after_a_merge() {
    let folder = TempDir::new().unwrap();
    let runs = KeyRuns::open(folder.path()).unwrap();
    let row = |position| Entry { hash: hash(7), digest: position * 10, position };
    runs.add(vec![row(1), row(3), row(2)], 3, 3).unwrap();
    assert_eq!(runs.find(&hash(7)).unwrap(), Some((30, 3)));
    for position in 4..=11 {
        runs.add(vec![row(position)], position, position).unwrap();
        assert_eq!(runs.find(&hash(7)).unwrap(), Some((position * 10, position)));
    }
    assert!(runs.key_count() < 8, "a merge keeps one of them");
}

#[test]
fn hashes_that_are_not_spread_are_still_found() {
    let folder = TempDir::new().unwrap();
    let runs = KeyRuns::open(folder.path()).unwrap();
    let crowded = |position: i64| Entry { hash: (position as u128).to_be_bytes(), digest: 0, position };
    let mut entries: Vec<_> = (1..=9_999).map(crowded).collect();
    entries.push(Entry { hash: [255; 16], digest: 0, position: 10_000 });
    runs.add(entries.clone(), 10_000, 0).unwrap();
    for entry in entries {
        assert_eq!(runs.find(&entry.hash).unwrap(), Some((0, entry.position)));
    }
}

#[test]
fn a_range_without_keys_counts_as_covered_and_reaches_the_disk_with_the_next_run() {
    let folder = filled(&[10]);
    let runs = KeyRuns::open(folder.path()).unwrap();
    runs.add(Vec::new(), 50, 50).unwrap();
    runs.add(Vec::new(), 40, 40).unwrap();
    assert_eq!((runs.covered_to(), KeyRuns::open(folder.path()).unwrap().covered_to()), (50, 10));
    add_next(&runs, 10);
    assert_eq!(KeyRuns::open(folder.path()).unwrap().covered_to(), 60);
}

#[test]
fn entries_outside_of_their_range_are_refused_and_change_nothing() {
    let folder = filled(&[10]);
    let runs = KeyRuns::open(folder.path()).unwrap();
    for (position, up_to) in [(10, 20), (21, 20), (5, 5)] {
        assert!(runs.add(vec![entry(position)], up_to, 0).is_err());
    }
    assert_eq!((runs.covered_to(), runs.key_count()), (10, 10));
}

#[test]
fn a_broken_run_takes_everything_behind_it_along() {
    let flip_a_byte_of_the_filter = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        let at = bytes.len() - 100;
        bytes[at] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let breakages: [&dyn Fn(&Path); 5] = [
        &|file| truncate(file, 1),
        &|file| truncate(file, 32),
        &|file| fs::write(file, "no run").unwrap(),
        &|file| fs::remove_file(file).unwrap(),
        &flip_a_byte_of_the_filter,
    ];
    for break_it in breakages {
        for (broken, covered_to) in [(0, 0), (1, 100), (2, 200)] {
            let folder = filled(&[100, 100, 100]);
            break_it(&files(&folder)[broken]);
            let runs = KeyRuns::open(folder.path()).unwrap();
            assert_eq!((runs.covered_to(), files(&folder).len()), (covered_to, broken));
            assert_finds(&runs, 1..=covered_to);
            add_next(&runs, 300 - covered_to);
            assert_finds(&KeyRuns::open(folder.path()).unwrap(), 1..=300);
        }
    }
}

#[test]
fn a_run_under_a_wrong_name_is_removed_and_a_file_of_another_kind_stays() {
    let folder = filled(&[10, 10]);
    let last = &files(&folder)[1];
    fs::rename(last, folder.path().join(Span { after: 10, up_to: 30 }.file_name())).unwrap();
    fs::write(folder.path().join("strange.run"), "strange").unwrap();
    fs::write(folder.path().join("README"), "written by an operator").unwrap();
    assert_eq!(KeyRuns::open(folder.path()).unwrap().covered_to(), 10);
    assert_eq!(files(&folder).len(), 2);
}

#[test]
fn a_crash_while_writing_leaves_a_temporary_file_that_is_removed() {
    let folder = filled(&[10]);
    fs::write(folder.path().join(run::TEMPORARY), "half a run").unwrap();
    assert_eq!(KeyRuns::open(folder.path()).unwrap().covered_to(), 10);
    assert_eq!(files(&folder).len(), 1);
}

#[test]
fn a_crash_between_the_rename_and_the_removal_of_the_sources_keeps_the_merged_run() {
    let folder = filled(&[100; 7]);
    let sources: Vec<_> = files(&folder).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    assert_eq!(sources.len(), 7);
    add_next(&KeyRuns::open(folder.path()).unwrap(), 100);
    let merged = files(&folder);
    assert_eq!(merged.len(), 1);
    for removed_before_the_crash in [0, 2] {
        for (bytes, file) in &sources[removed_before_the_crash..] {
            fs::write(file, bytes).unwrap();
        }
        let runs = KeyRuns::open(folder.path()).unwrap();
        assert_eq!((runs.covered_to(), runs.key_count(), files(&folder)), (800, 800, merged.clone()));
        assert_finds(&runs, 1..=800);
    }
}

#[test]
fn a_broken_merged_run_falls_back_to_its_sources() {
    let folder = filled(&[100; 7]);
    let sources: Vec<_> = files(&folder).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    add_next(&KeyRuns::open(folder.path()).unwrap(), 100);
    truncate(&files(&folder)[0], 64);
    for (bytes, file) in &sources {
        fs::write(file, bytes).unwrap();
    }
    let runs = KeyRuns::open(folder.path()).unwrap();
    assert_eq!(runs.covered_to(), 700);
    assert_finds(&runs, 1..=700);
}

#[test]
fn expiring_forgets_whole_runs_from_the_oldest_and_keeps_what_is_covered() {
    let folder = filled(&[100, 100, 100]);
    let runs = KeyRuns::open(folder.path()).unwrap();
    runs.expire(100).unwrap();
    assert_eq!(runs.key_count(), 300, "the newest key of the first run is not older than 100");
    for (before_ms, forgotten) in [(150, 100), (150, 100), (201, 200), (1_000, 300)] {
        runs.expire(before_ms).unwrap();
        for runs in [&runs, &KeyRuns::open(folder.path()).unwrap()] {
            assert_eq!((runs.covered_to(), runs.key_count()), (300, 300 - forgotten as u64));
            assert!((1..=forgotten).all(|position| runs.find(&hash(position as u64)).unwrap().is_none()));
            assert_finds(runs, forgotten + 1..=300);
        }
    }
    assert_eq!(files(&folder).len(), 1);
    add_next(&runs, 100);
    assert_finds(&KeyRuns::open(folder.path()).unwrap(), 301..=400);
}

#[test]
fn a_lost_marker_of_expired_runs_is_a_gap() {
    let folder = filled(&[100, 100]);
    KeyRuns::open(folder.path()).unwrap().expire(150).unwrap();
    fs::remove_file(&files(&folder)[0]).unwrap();
    assert_eq!(KeyRuns::open(folder.path()).unwrap().covered_to(), 0);
}

#[test]
fn uneven_runs_are_merged_too_and_large_ones_are_left_alone() {
    assert_eq!(merge::due_from(&[]), None);
    assert_eq!(merge::due_from(&[5_000; 7]), None);
    assert_eq!(merge::due_from(&[5_000; 8]), Some(0));
    assert_eq!(merge::due_from(&[[900_000].as_slice(), &[5_000; 8]].concat()), Some(1));
    assert_eq!(merge::due_from(&[[3_000, 5_000].repeat(7), vec![3_000]].concat()), None);
    assert_eq!(merge::due_from(&[3_000, 5_000].repeat(8)), Some(0));
    let mut key_counts = Vec::new();
    for at in 0..20_000_u64 {
        key_counts.push(1 + at.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 9_000);
        while let Some(start) = merge::due_from(&key_counts) {
            let merged = key_counts.drain(start..).sum();
            key_counts.push(merged);
        }
        assert!(key_counts.len() < 64, "{key_counts:?}");
    }
}

#[test]
fn finding_goes_on_while_runs_are_added_and_merged() {
    let folder = filled(&[1_000]);
    let runs = KeyRuns::open(folder.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..30).for_each(|_| add_next(&runs, 500));
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        while !done.load(std::sync::atomic::Ordering::Acquire) {
            let covered_to = runs.covered_to();
            assert_finds(&runs, (1..=covered_to).step_by(97));
        }
    });
}

#[derive(Debug, Clone)]
enum Step {
    Add(Vec<u8>),
    Expire(u8),
    Reopen,
    Break(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Add),
        1 => (0..100_u8).prop_map(Step::Expire),
        2 => Just(Step::Reopen),
        1 => any::<prop::sample::Index>().prop_map(Step::Break),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_runs_agree_with_a_map_of_the_covered_part_of_the_log(steps in prop::collection::vec(step(), 1..60)) {
        let folder = TempDir::new().unwrap();
        let mut runs = KeyRuns::open(folder.path()).unwrap();
        let (mut log, mut expired_before): (Vec<Entry>, i64) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Add(numbers) => {
                    let first = runs.covered_to() + 1;
                    let row = |(number, position): (u8, i64)| Entry {
                        hash: hash(number.into()),
                        digest: position ^ 5,
                        position,
                    };
                    let rows: Vec<_> = numbers.into_iter().zip(first..).map(row).collect();
                    let up_to = first + rows.len() as i64;
                    runs.add(rows.clone(), up_to, up_to).unwrap();
                    log.extend(rows);
                }
                Step::Expire(percent) => {
                    let before = runs.covered_to() * i64::from(percent) / 100;
                    expired_before = expired_before.max(before);
                    let covered_to = runs.covered_to();
                    runs.expire(before).unwrap();
                    prop_assert_eq!(runs.covered_to(), covered_to);
                }
                Step::Reopen => runs = KeyRuns::open(folder.path()).unwrap(),
                Step::Break(index) => {
                    if let Some(file) = files(&folder).get(index.index(64)) {
                        truncate(file, 5);
                        runs = KeyRuns::open(folder.path()).unwrap();
                    }
                }
            }
            log.retain(|row| row.position <= runs.covered_to());
            let newest: HashMap<_, _> = log.iter().map(|row| (row.hash, (row.digest, row.position))).collect();
            for number in 0..=255 {
                let (found, expected) = (runs.find(&hash(number)).unwrap(), newest.get(&hash(number)).copied());
                let may_be_forgotten = expected.is_some_and(|(_, position)| position < expired_before);
                prop_assert!(found == expected || (found.is_none() && may_be_forgotten), "{found:?}, not {expected:?}");
            }
        }
    }
}

#[test]
#[ignore = "a measurement, to be read by a person; run it with --release --nocapture"]
fn measure_finding_among_thirty_runs() {
    let sizes: Vec<i64> =
        [1_600_000; 5].into_iter().chain([200_000; 7]).chain([25_000; 7]).chain([3_000; 7]).chain([300; 4]).collect();
    let folder = filled(&sizes);
    let runs = KeyRuns::open(folder.path()).unwrap();
    let asked = 1_000_000_u64;
    for (what, first) in [("unknown", 1 << 32), ("known", 1)] {
        let (started, pages) = (Instant::now(), runs.pages_read());
        let found = (first..first + asked).filter(|&number| runs.find(&hash(number)).unwrap().is_some()).count();
        let (ns, pages) = (started.elapsed().as_nanos() / u128::from(asked), runs.pages_read() - pages);
        println!("{what}: {ns} ns per find, {found} found, {pages} pages read, {} runs", files(&folder).len());
    }
}
