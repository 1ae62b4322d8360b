/* Which block elsewhere has the content of this one? Exact, by hash and comparison. */
#include "native.h"

/* A chained table of blocks by hash. heads has 2^bits numbers, links one per block; 0 ends a chain. */
typedef struct {
    const uint64_t *hashes;
    uint32_t *heads, *links;
    int bits;
} Chains;

static inline uint32_t *head_of(const Chains *chains, uint64_t hash)
{
    return chains->heads + (hash >> (64 - chains->bits));
}

/* For each listed new block, the old block it is a copy of, or -1.
 *
 * Of several copies the one that goes on where the block before came from; else the one after which most
 * listed blocks go on alike (at most `look` of either are looked at); else one that stays as it is, else
 * the first. hashes of all old blocks, new_hashes of the listed ones; staying[b]: old block b is not
 * overwritten. heads must be zero. */
EXPORT void find_copies(const uint8_t *old, int64_t old_blocks, const uint64_t *hashes, const uint8_t *staying,
                        const uint8_t *new, const int64_t *blocks, int64_t count, const uint64_t *new_hashes,
                        uint32_t *heads, int bits, uint32_t *links, int64_t look, int64_t *sources)
{
    Chains chains = {hashes, heads, links, bits};
    for (int64_t block = old_blocks - 1; block >= 0; block--) { /* backwards: chains start with the first */
        uint32_t *head = head_of(&chains, hashes[block]);
        links[block] = *head;
        *head = (uint32_t)block + 1;
    }
    int64_t last = -2, last_source = -2;
    for (int64_t index = 0; index < count; index++) {
        int64_t block = blocks[index], next = last_source + 1, best = -1, best_run = -1;
        if (block == last + 1 && last_source >= 0 && next < old_blocks && hashes[next] == new_hashes[index])
            best = next;
        else {
            int64_t looked = 0;
            uint32_t number = *head_of(&chains, new_hashes[index]);
            for (; number && looked < look; number = links[number - 1]) {
                int64_t candidate = number - 1, run = 1;
                if (hashes[candidate] != new_hashes[index])
                    continue;
                looked++;
                while (run < look && index + run < count && candidate + run < old_blocks &&
                       blocks[index + run] == block + run && hashes[candidate + run] == new_hashes[index + run])
                    run++;
                run = 2 * run + staying[candidate];
                if (run > best_run) {
                    best_run = run;
                    best = candidate;
                }
            }
        }
        if (best >= 0 && memcmp(old + best * BLOCK, new + block * BLOCK, BLOCK))
            best = -1; /* two contents with one hash: sent as data */
        sources[index] = best;
        last = block;
        last_source = best >= 0 ? best : -2;
    }
}
