//! A Bloom filter in blocks of one cache line: a question about an unknown key costs one miss of the cache.

/// Bits a key takes.
const BITS_PER_KEY: u64 = 16;
/// Bits set for a key; with nine bits each they use 63 bits of the hash.
const PROBES: u32 = 7;
/// Bits of a block: one cache line.
const BLOCK_BITS: u64 = 512;
/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 64;

#[derive(Clone)]
#[repr(align(64))]
struct Block([u64; 8]);

/// Says for certain that a key is absent, and with about one error in a thousand that it is there.
pub(super) struct Filter {
    blocks: Vec<Block>,
}

impl Filter {
    /// An empty filter with room for `key_count` keys; with room for none it holds none.
    pub(super) fn for_keys(key_count: u64) -> Self {
        let block_count = key_count.saturating_mul(BITS_PER_KEY).div_ceil(BLOCK_BITS);
        Self { blocks: vec![Block([0; 8]); block_count as usize] }
    }

    /// The filter whose words were written little-endian; a rest shorter than a block is left out.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
        let block = |bytes: &[u8; BLOCK_BYTES]| {
            let (words, _) = bytes.as_chunks::<8>();
            Block(std::array::from_fn(|at| u64::from_le_bytes(words[at])))
        };
        Self { blocks: blocks.iter().map(block).collect() }
    }

    /// The words in the order in which they are stored.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> {
        self.blocks.iter().flat_map(|block| block.0)
    }

    /// How many blocks there are.
    pub(super) fn block_count(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Remembers a key.
    pub(super) fn insert(&mut self, hash: &[u8; 16]) {
        let (at, probes) = self.place(hash);
        if let Some(block) = self.blocks.get_mut(at) {
            for (word, mask) in bits(probes) {
                block.0[word] |= mask;
            }
        }
    }

    /// Whether the key may have been remembered; `false` is certain.
    pub(super) fn may_contain(&self, hash: &[u8; 16]) -> bool {
        let (at, probes) = self.place(hash);
        self.blocks.get(at).is_some_and(|block| bits(probes).all(|(word, mask)| block.0[word] & mask != 0))
    }

    /// The block by the first half of the hash, the bits in it by the second. Blocks rise with the hash, so that
    /// filling the filter in sorted order walks through memory.
    fn place(&self, hash: &[u8; 16]) -> (usize, u64) {
        let whole = u128::from_be_bytes(*hash);
        let block = ((whole >> 64) * self.blocks.len() as u128) >> 64;
        (block as usize, whole as u64)
    }
}

fn bits(probes: u64) -> impl Iterator<Item = (usize, u64)> {
    (0..PROBES).map(move |probe| {
        let bit = (probes >> (9 * probe)) % BLOCK_BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}
