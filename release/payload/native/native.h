/* What the native parts of the payload engine share.
 *
 * Rules for all of them: integers only, no clock, no allocation the caller cannot foresee, no global
 * state that changes; so the same input gives the same output on every machine, and any number of
 * threads may call in. Lengths are bytes unless a name says blocks. Callers own every buffer and have
 * checked every bound that a comment names; nothing here reads or writes outside of what it was given.
 */
#ifndef HUMPYARD_NATIVE_H
#define HUMPYARD_NATIVE_H

#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define BLOCK 4096

typedef struct {
    int64_t at;     /* place in the new bytes */
    int64_t source; /* place in the source bytes */
    int64_t length;
} Cover;

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* Both halves of a 128-bit product, folded: a fast mixer of two words. */
static inline uint64_t fold(uint64_t one, uint64_t other)
{
    unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define MIX0 UINT64_C(0x9E3779B97F4A7C15)
#define MIX1 UINT64_C(0xC2B2AE3D27D4EB4F)
#define MIX2 UINT64_C(0x165667B19E3779F9)
#define MIX3 UINT64_C(0xD6E8FEB86659FD93)

/* How many of the first `most` bytes are equal. */
static inline int64_t common_prefix(const uint8_t *one, const uint8_t *other, int64_t most)
{
    int64_t length = 0;
    while (length + 8 <= most) {
        uint64_t differs = load64(one + length) ^ load64(other + length);
        if (differs)
            return length + (__builtin_ctzll(differs) >> 3); /* little endian: see native.c */
        length += 8;
    }
    while (length < most && one[length] == other[length])
        length++;
    return length;
}

/* How many of the `most` bytes in front of the two places are equal. */
static inline int64_t common_suffix(const uint8_t *one, const uint8_t *other, int64_t most)
{
    int64_t length = 0;
    while (length + 8 <= most) {
        uint64_t differs = load64(one - length - 8) ^ load64(other - length - 8);
        if (differs)
            return length + (__builtin_clzll(differs) >> 3);
        length += 8;
    }
    while (length < most && one[-1 - length] == other[-1 - length])
        length++;
    return length;
}

#endif
