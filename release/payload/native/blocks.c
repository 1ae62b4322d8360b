/* What one block of an image is like: its hash, whether it is empty, how much information it holds. */
#include "native.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the results would differ on a big-endian machine"
#endif

/* A 64-bit hash of each listed block. Good for finding equal blocks, which are then compared. */
EXPORT void hash_blocks(const uint8_t *image, const int64_t *blocks, int64_t count, uint64_t *hashes)
{
    for (int64_t index = 0; index < count; index++) {
        const uint8_t *at = image + blocks[index] * BLOCK;
        uint64_t lanes[4] = {MIX0, MIX1, MIX2, MIX3};
        for (int offset = 0; offset < BLOCK; offset += 64) {
            lanes[0] = fold(load64(at + offset) ^ MIX1 ^ lanes[0], load64(at + offset + 8) ^ MIX2);
            lanes[1] = fold(load64(at + offset + 16) ^ MIX2 ^ lanes[1], load64(at + offset + 24) ^ MIX3);
            lanes[2] = fold(load64(at + offset + 32) ^ MIX3 ^ lanes[2], load64(at + offset + 40) ^ MIX0);
            lanes[3] = fold(load64(at + offset + 48) ^ MIX0 ^ lanes[3], load64(at + offset + 56) ^ MIX1);
        }
        hashes[index] = fold(lanes[0] ^ lanes[1], MIX0) ^ fold(lanes[2] ^ lanes[3], MIX1);
    }
}

/* kinds[b] for block b of [first, first + count): 1 the same in both images, 2 empty (and not the same),
 * 0 neither. Old blocks from old_blocks on do not exist. */
EXPORT void compare_blocks(const uint8_t *old, int64_t old_blocks, const uint8_t *new, int64_t first,
                           int64_t count, uint8_t *kinds)
{
    static const uint8_t empty[BLOCK];
    for (int64_t block = first; block < first + count; block++) {
        const uint8_t *at = new + block * BLOCK;
        if (block < old_blocks && !memcmp(old + block * BLOCK, at, BLOCK))
            kinds[block] = 1;
        else
            kinds[block] = memcmp(at, empty, BLOCK) ? 0 : 2;
    }
}

/* Base-2 logarithm in 1/2^20, rounded down, by repeated squaring: exact integers, so that no
 * mathematical library decides which operation a block gets. */
static uint32_t logarithm(uint32_t value)
{
    uint32_t whole = 31 - (uint32_t)__builtin_clz(value), result = whole << 20;
    uint64_t rest = (uint64_t)value << (31 - whole); /* 1.31 fixed point, from 1 to below 2 */
    for (uint32_t bit = UINT32_C(1) << 19; bit; bit >>= 1) {
        rest = (rest * rest) >> 31;
        if (rest >> 32) {
            rest >>= 1;
            result |= bit;
        }
    }
    return result;
}

/* Order-0 entropy of each listed block, in 1/1024 bit a byte: 0 to 8192. */
EXPORT void measure_entropy(const uint8_t *image, const int64_t *blocks, int64_t count, int32_t *entropy)
{
    uint64_t weights[BLOCK + 1];
    weights[0] = 0;
    for (uint32_t value = 1; value <= BLOCK; value++)
        weights[value] = (uint64_t)value * logarithm(value);
    for (int64_t index = 0; index < count; index++) {
        const uint8_t *at = image + blocks[index] * BLOCK;
        uint16_t counts[4][256];
        memset(counts, 0, sizeof counts); /* four tables: equal bytes in a row do not wait for each other */
        for (int offset = 0; offset < BLOCK; offset += 4)
            for (int lane = 0; lane < 4; lane++)
                counts[lane][at[offset + lane]]++;
        uint64_t sum = 0;
        for (int byte = 0; byte < 256; byte++)
            sum += weights[counts[0][byte] + counts[1][byte] + counts[2][byte] + counts[3][byte]];
        entropy[index] = 12 * 1024 - (int32_t)(sum >> 22);
    }
}
