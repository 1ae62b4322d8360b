/* An index of 32-byte seeds: where in the source may these new bytes come from?
 *
 * A seed starts at every 32nd byte of an indexed block, so any 63 bytes that are the same in both places
 * hold one. Of equal seeds the index keeps the first. It is a table of 2^bits entries, 0 for none; the low
 * number_bits of an entry are a number n > 0 for seed (n - 1) % 128 of the ((n - 1) / 128)th indexed block,
 * the bits above a part of the hash, so that few places are read in vain.
 */
#include "native.h"

#define SEED 32
#define SEEDS (BLOCK / SEED)
#define AHEAD 16

static inline uint64_t seed_hash(const uint8_t *at)
{
    return fold(load64(at) ^ MIX0, load64(at + 8) ^ MIX1) + fold(load64(at + 16) ^ MIX2, load64(at + 24) ^ MIX3);
}

static inline uint64_t slot_of(uint64_t hash, int bits)
{
    return (hash * MIX1) >> (64 - bits);
}

static inline uint32_t tag_of(uint64_t hash, int number_bits)
{
    return number_bits < 32 ? (uint32_t)hash << number_bits : 0;
}

static inline uint32_t number_in(uint32_t entry, int number_bits)
{
    return number_bits < 32 ? entry & ((UINT32_C(1) << number_bits) - 1) : entry;
}

/* A seed of one repeated word is everywhere and tells nothing. */
static inline int dull(const uint8_t *at)
{
    uint64_t word = load64(at);
    return word == load64(at + 8) && word == load64(at + 16) && word == load64(at + 24);
}

/* Add blocks [first, first + count) of the list. Several threads may add to one table: the smallest
 * number wins, whoever comes first. */
EXPORT void index_seeds(const uint8_t *image, const int64_t *blocks, int64_t first, int64_t count,
                        uint32_t *table, int bits, int number_bits)
{
    uint64_t hashes[SEEDS];
    for (int64_t index = first; index < first + count; index++) {
        const uint8_t *at = image + blocks[index] * BLOCK;
        for (int seed = 0; seed < SEEDS; seed++) { /* all slots are called for before the first is needed */
            hashes[seed] = seed_hash(at + seed * SEED);
            __builtin_prefetch(table + slot_of(hashes[seed], bits), 1);
        }
        for (int seed = 0; seed < SEEDS; seed++) {
            if (dull(at + seed * SEED))
                continue;
            uint32_t number = (uint32_t)(index * SEEDS + seed + 1);
            uint32_t entry = number | tag_of(hashes[seed], number_bits);
            uint32_t *slot = table + slot_of(hashes[seed], bits);
            uint32_t seen = __atomic_load_n(slot, __ATOMIC_RELAXED);
            while ((!seen || number < number_in(seen, number_bits)) &&
                   !__atomic_compare_exchange_n(slot, &seen, entry, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
                ;
        }
    }
}

typedef struct {
    const uint8_t *source;
    int64_t source_size;
    const int64_t *blocks;
    int64_t block_count;
    const uint32_t *table;
    int bits, number_bits;
    const uint8_t *new;
    int64_t size;
    const int64_t *own; /* where the source is the image that holds the new bytes: their blocks; else 0 */
    int64_t always;     /* this many of the indexed blocks may be used by any block, others by later ones */
} Search;

/* Where a source that starts at `place` must end, for the new byte `at`. */
static inline int64_t source_end(const Search *search, int64_t at, int64_t place)
{
    int64_t start = search->own ? search->own[at / BLOCK] * BLOCK : search->source_size;
    return place < start ? start : search->source_size;
}

static int64_t find(const Search *search, int64_t at, uint64_t hash)
{
    uint32_t entry = search->table[slot_of(hash, search->bits)];
    uint32_t number = number_in(entry, search->number_bits);
    if (!number || (entry ^ number) != tag_of(hash, search->number_bits))
        return -1;
    int64_t index = (number - 1) / SEEDS;
    if (index >= search->block_count)
        return -1;
    int64_t place = search->blocks[index] * BLOCK + (number - 1) % SEEDS * SEED;
    if (search->own && index >= search->always && place >= search->own[at / BLOCK] * BLOCK)
        return -1;
    if (place + SEED > source_end(search, at, place) || memcmp(search->source + place, search->new + at, SEED))
        return -1;
    return place;
}

/* Go on along the same diagonal behind a difference of a few bytes, rather than look anew. */
static int64_t resume(const Search *search, int64_t at, int64_t place)
{
    if (at >= search->size)
        return 0;
    int64_t end = source_end(search, at, place);
    for (int64_t skip = 1; skip <= SEED; skip++) {
        if (at + skip + 16 > search->size || place + skip + 16 > end)
            return 0;
        if (!memcmp(search->new + at + skip, search->source + place + skip, 16))
            return skip;
    }
    return 0;
}

/* Cover the new bytes with equal stretches of the source, front to back, without overlap.
 *
 * Writes at most `most` covers and returns how many. A stretch may reach into blocks that are not
 * indexed, and where the source is the new image itself, into any of its blocks. In long stretches without a match only every 3rd, then every 7th place is looked up: odd
 * steps meet every seed of a longer match all the same. */
EXPORT int64_t cover_by_seeds(const uint8_t *source, int64_t source_size, const int64_t *blocks, int64_t block_count,
                              const uint32_t *table, int bits, int number_bits, const uint8_t *new, int64_t size,
                              const int64_t *own, int64_t always, Cover *covers, int64_t most)
{
    Search search = {source, source_size, blocks, block_count, table, bits, number_bits, new, size, own, always};
    int64_t at = 0, covered = 0, found = 0, missed = 0;
    uint64_t hashes[AHEAD];
    while (at + SEED <= size && found < most) {
        int64_t step = missed < 512 ? 1 : missed < 4096 ? 3 : 7;
        int64_t batch = 0, place = -1;
        for (int64_t next = at; batch < AHEAD && next + SEED <= size; next += step, batch++) {
            hashes[batch] = seed_hash(new + next);
            __builtin_prefetch(table + slot_of(hashes[batch], bits));
        }
        int64_t tried = 0;
        for (; tried < batch; tried++, at += step)
            if ((place = find(&search, at, hashes[tried])) >= 0)
                break;
        missed += tried;
        if (place < 0)
            continue;
        missed = 0;
        while (place >= 0 && found < most) {
            int64_t back = at - covered < place ? at - covered : place;
            back = common_suffix(new + at, source + place, back);
            int64_t end = source_end(&search, at, place), room = size - at;
            int64_t length = common_prefix(new + at, source + place, room < end - place ? room : end - place);
            covers[found++] = (Cover){at - back, place - back, back + length};
            at = covered = at + length;
            place += length;
            int64_t skip = resume(&search, at, place);
            place = skip ? place + skip : -1;
            at += skip;
        }
    }
    return found;
}
