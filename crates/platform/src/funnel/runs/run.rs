//! One run: an immutable file of keys sorted by hash. Records come first, so that pages of records are pages of
//! the file; then the filter; then a footer of eight words, which a truncated file has lost.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Entry;
use super::filter::{BLOCK_BYTES, Filter};

/// Name of a run being written; there is one at a time.
pub(super) const TEMPORARY: &str = "next.tmp";
/// Ending of a run's name.
pub(super) const ENDING: &str = ".run";

const RECORD_BYTES: usize = 32;
const PAGE_BYTES: usize = 4096;
const PAGE_RECORDS: u64 = (PAGE_BYTES / RECORD_BYTES) as u64;
const BUFFER_BYTES: usize = 64 * 1024;
const FOOTER_BYTES: usize = 64;
const MAGIC: u64 = u64::from_le_bytes(*b"1PKEYRUN");
const VERSION: u64 = 1;
/// Interpolation finds a uniform hash in two or three reads; past this many, halving bounds the search.
const INTERPOLATIONS: u32 = 8;

/// The positions a run covers: `(after, up_to]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Everything up to here stands in earlier runs.
    pub(super) after: i64,
    /// The last position covered.
    pub(super) up_to: i64,
}

impl Span {
    /// The name of the file of a run; names sort like positions.
    pub(super) fn file_name(self) -> String {
        format!("{:020}-{:020}{ENDING}", self.after, self.up_to)
    }

    /// The span a file claims by its name.
    pub(super) fn from_file_name(name: &str) -> Option<Self> {
        let (after, up_to) = name.strip_suffix(ENDING)?.split_once('-')?;
        let span = Self { after: after.parse().ok()?, up_to: up_to.parse().ok()? };
        (span.file_name() == name).then_some(span)
    }
}

/// A run in place: its file kept open, and its filter in memory.
pub(super) struct Run {
    pub(super) span: Span,
    /// Keys in it, each once.
    pub(super) key_count: u64,
    /// Time of its newest key, in ms since 1970.
    pub(super) newest_at_ms: i64,
    pub(super) path: PathBuf,
    filter: Filter,
    file: File,
}

impl Run {
    /// Writes `entries`, sorted by hash and at most `most_keys`, as a file that is complete and durable when this
    /// returns. A failure leaves nothing behind.
    pub(super) fn write(
        folder: &Path,
        span: Span,
        newest_at_ms: i64,
        most_keys: u64,
        entries: impl Iterator<Item = io::Result<Entry>>,
    ) -> io::Result<Self> {
        let temporary = folder.join(TEMPORARY);
        let path = folder.join(span.file_name());
        let filter = Filter::for_keys(most_keys);
        let written =
            write_file(&temporary, span, newest_at_ms, filter, entries).and_then(|(file, filter, key_count)| {
                fs::rename(&temporary, &path)?;
                sync_folder(folder)?;
                Ok(Self { span, key_count, newest_at_ms, path, filter, file })
            });
        if written.is_err() {
            // Already gone if only the folder could not be synced; what remains is overwritten by the next run.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Opens the file at `path`, which claims `span` by its name. `InvalidData` and `UnexpectedEof` mean that the
    /// file is not a complete run; other errors say nothing about the file.
    pub(super) fn open(path: PathBuf, span: Span) -> io::Result<Self> {
        let file = File::open(&path)?;
        let length = file.metadata()?.len();
        let footer_at = length.checked_sub(FOOTER_BYTES as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = [0; FOOTER_BYTES];
        file.read_exact_at(&mut bytes, footer_at)?;
        let (words, _) = bytes.as_chunks::<8>();
        let [magic, version, key_count, block_count, after, up_to, newest_at_ms, sum] =
            std::array::from_fn(|at| u64::from_le_bytes(words[at]));
        if magic != MAGIC || version != VERSION {
            return Err(broken("not a run of this version"));
        }
        let filter_bytes = u128::from(block_count) * BLOCK_BYTES as u128;
        if u128::from(key_count) * RECORD_BYTES as u128 + filter_bytes != u128::from(footer_at) {
            return Err(broken("the length is wrong"));
        }
        let mut bytes = vec![0; filter_bytes as usize];
        file.read_exact_at(&mut bytes, footer_at - filter_bytes as u64)?;
        let filter = Filter::from_bytes(&bytes);
        let found = Self { span, key_count, newest_at_ms: newest_at_ms.cast_signed(), path, filter, file };
        if sum != checksum(&found.footer(), &found.filter) {
            return Err(broken("the checksum is wrong"));
        }
        if span != (Span { after: after.cast_signed(), up_to: up_to.cast_signed() }) {
            return Err(broken("the name is not that of the content"));
        }
        Ok(found)
    }

    /// The row of this hash. Every page read is counted in `pages_read`.
    pub(super) fn find(&self, hash: &[u8; 16], pages_read: &AtomicU64) -> io::Result<Option<Entry>> {
        if !self.filter.may_contain(hash) {
            return Ok(None);
        }
        let key = prefix(hash);
        let (mut low, mut high) = (0, self.key_count.div_ceil(PAGE_RECORDS));
        let (mut low_key, mut high_key) = (0, u64::MAX);
        let mut buffer = [0; PAGE_BYTES];
        let mut reads = 0;
        while low < high {
            let page = if reads < INTERPOLATIONS {
                low + interpolate(key, low_key, high_key, high - low)
            } else {
                low.midpoint(high)
            };
            reads += 1;
            pages_read.fetch_add(1, Ordering::Relaxed);
            let records = self.read_page(page, &mut buffer)?;
            match records.binary_search_by(|record| record[..16].cmp(hash)) {
                Ok(at) => return Ok(Some(Entry::from_bytes(&records[at]))),
                Err(0) => (high, high_key) = (page, prefix(&records[0])),
                Err(at) if at == records.len() => (low, low_key) = (page + 1, prefix(&records[at - 1])),
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// All rows in the order of their hashes, read through a buffer of its own.
    pub(super) fn entries(&self) -> impl Iterator<Item = io::Result<Entry>> {
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, FromStart { file: &self.file, offset: 0 });
        (0..self.key_count).map(move |_| {
            let mut bytes = [0; RECORD_BYTES];
            reader.read_exact(&mut bytes)?;
            Ok(Entry::from_bytes(&bytes))
        })
    }

    /// The records of a page, at least one for every page below the number of pages.
    fn read_page<'a>(&self, page: u64, buffer: &'a mut [u8; PAGE_BYTES]) -> io::Result<&'a [[u8; RECORD_BYTES]]> {
        let first = page * PAGE_RECORDS;
        let count = (self.key_count - first).min(PAGE_RECORDS) as usize;
        let bytes = &mut buffer[..count * RECORD_BYTES];
        self.file.read_exact_at(bytes, first * RECORD_BYTES as u64)?;
        Ok(bytes.as_chunks().0)
    }

    fn footer(&self) -> [u64; 7] {
        footer(self.span, self.key_count, self.newest_at_ms, &self.filter)
    }
}

impl Entry {
    fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..16].copy_from_slice(&self.hash);
        bytes[16..24].copy_from_slice(&self.digest.to_le_bytes());
        bytes[24..].copy_from_slice(&self.position.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let (halves, _) = bytes.as_chunks::<16>();
        Self { hash: halves[0], digest: i64::from_le_bytes(words[2]), position: i64::from_le_bytes(words[3]) }
    }
}

/// Reads a file from its start without its shared cursor.
struct FromStart<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Makes what was renamed in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_file(
    path: &Path,
    span: Span,
    newest_at_ms: i64,
    mut filter: Filter,
    entries: impl Iterator<Item = io::Result<Entry>>,
) -> io::Result<(File, Filter, u64)> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut key_count = 0;
    for entry in entries {
        let entry = entry?;
        filter.insert(&entry.hash);
        out.write_all(&entry.to_bytes())?;
        key_count += 1;
    }
    let footer = footer(span, key_count, newest_at_ms, &filter);
    let sum = checksum(&footer, &filter);
    for word in filter.words().chain(footer).chain([sum]) {
        out.write_all(&word.to_le_bytes())?;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok((file, filter, key_count))
}

/// The words of the footer before the checksum.
fn footer(span: Span, key_count: u64, newest_at_ms: i64, filter: &Filter) -> [u64; 7] {
    let (after, up_to) = (span.after.cast_unsigned(), span.up_to.cast_unsigned());
    [MAGIC, VERSION, key_count, filter.block_count(), after, up_to, newest_at_ms.cast_unsigned()]
}

/// FNV-1a over words with the high half folded in: each step is one-to-one, so a single wrong word always shows.
fn checksum(footer: &[u64; 7], filter: &Filter) -> u64 {
    footer.iter().copied().chain(filter.words()).fold(0xcbf2_9ce4_8422_2325, |sum, word| {
        let mixed = (sum ^ word).wrapping_mul(0x0100_0000_01b3);
        mixed ^ (mixed >> 32)
    })
}

/// The first eight bytes of a hash or record as a number that sorts like them.
fn prefix(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// Where `key` lies among `pages` pages if keys between `low_key` and `high_key` are spread evenly; below `pages`.
fn interpolate(key: u64, low_key: u64, high_key: u64, pages: u64) -> u64 {
    let width = u128::from(high_key.saturating_sub(low_key)) + 1;
    let distance = u128::from(key.saturating_sub(low_key)).min(width - 1);
    (distance * u128::from(pages) / width) as u64
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
