/* Move-to-front ranks of the last column, and runs of rank 0. */
#include "bzip2.h"

typedef int8_t Lanes __attribute__((vector_size(16)));

/* The rank of each byte that occurs, less 128 so that the comparison can be a signed one. */
typedef struct {
    union {
        Lanes lanes[16];
        int8_t ranks[256];
    };
    int vectors;
} Front;

/* Move byte number `index`, whose rank is not 0, to the front: all smaller ranks grow by one.
 *
 * All ranks are looked at, sixteen at a time, which takes as long for every rank. The moved one is written
 * as part of its vector: a byte alone would make the next load wait until it has left the store buffer. */
static inline int move_to_front(Front *front, int index)
{
    static const Lanes zero = {0};
    int8_t rank = front->ranks[index];
    Lanes limit = zero + rank;
    for (int at = 0; at < front->vectors; at += 4)
        for (int next = at; next < at + 4; next++)
            front->lanes[next] -= front->lanes[next] < limit;
    static const int8_t masks[32] = {[0 ... 15] = -1, [16] = 0, [17 ... 31] = -1};
    static const int8_t first[32] = {[16] = -128};
    Lanes keep, set, *moved = &front->lanes[index >> 4];
    memcpy(&keep, masks + 16 - (index & 15), 16);
    memcpy(&set, first + 16 - (index & 15), 16);
    *moved = (*moved & keep) | set;
    return rank + 128;
}

/* A run of `length` times rank 0 in the digits 1 and 2, of base 2: symbols 0 and 1. */
static inline uint16_t *put_run(uint16_t *out, int32_t length)
{
    for (; length; length = (length - 1) >> 1)
        *out++ = !(length & 1);
    return out;
}

/* Number the bytes that occur; how many. */
static int number_bytes(const uint8_t *last, int32_t size, Symbols *symbols, uint8_t *numbers)
{
    int count = 0;
    memset(symbols->used, 0, sizeof symbols->used);
    for (int32_t index = 0; index < size; index++)
        symbols->used[last[index]] = 1;
    for (int byte = 0; byte < 256; byte++) {
        numbers[byte] = (uint8_t)count;
        count += symbols->used[byte];
    }
    return count;
}

void make_symbols(const uint8_t *last, int32_t size, Symbols *symbols)
{
    uint8_t numbers[256];
    Front front;
    int count = number_bytes(last, size, symbols, numbers), before = 0;
    uint16_t *out = symbols->symbols;
    for (int index = 0; index < 256; index++)
        front.ranks[index] = (int8_t)(index < count ? index - 128 : 127);
    front.vectors = (count + 63) / 64 * 4;
    while (!symbols->used[before])
        before++; /* the byte of rank 0 */
    for (int32_t index = 0; index < size;) {
        int32_t start = index;
        while (index < size && last[index] == before)
            index++;
        out = put_run(out, index - start);
        if (index < size) {
            before = last[index++];
            *out++ = (uint16_t)(move_to_front(&front, numbers[before]) + 1);
        }
    }
    *out++ = (uint16_t)(count + 1);
    symbols->count = (int32_t)(out - symbols->symbols);
    symbols->alphabet = count + 2;
}
