/* The parts of the bzip2 encoder. See bzip2.c. */
#ifndef HUMPYARD_BZIP2_H
#define HUMPYARD_BZIP2_H

#include "suffix.h"

#define TABLES 6       /* most Huffman tables of a block */
#define SYMBOLS 258    /* most symbols: two for runs, 255 for bytes, one for the end */
#define GROUP 50       /* symbols that share a table */
#define LONGEST 17     /* bits of a code; decoders take 20, libbz2 makes 17 */
#define MOST_GROUPS (900000 / GROUP + 2)

/* What follows the transform: symbols, and the codes that make them bits. */
typedef struct {
    uint16_t *symbols; /* of the block, the end symbol included, and GROUP more that do not count */
    int32_t count;
    int32_t alphabet; /* symbols that may occur: 0 and 1 for runs, then ranks, then the end */
    uint8_t used[256]; /* whether a byte occurs */
} Symbols;

typedef struct {
    int tables; /* 2 to TABLES */
    uint8_t lengths[TABLES][SYMBOLS];
    uint8_t *selectors; /* MOST_GROUPS: the table of each group */
    int64_t bits;       /* of selectors, tables and symbols together */
} Codes;

/* Most significant bit first. */
typedef struct {
    uint8_t *at;
    uint64_t bits;
    int count; /* bits that wait, below 32 */
} Writer;

static inline void put(Writer *out, int count, uint32_t value)
{
    out->bits = out->bits << count | value;
    out->count += count;
    if (out->count >= 32) {
        out->count -= 32;
        uint32_t word = __builtin_bswap32((uint32_t)(out->bits >> out->count));
        memcpy(out->at, &word, 4);
        out->at += 4;
    }
}

/* Ranks and runs of `size` bytes of the last column; fills `symbols`. */
void make_symbols(const uint8_t *last, int32_t size, Symbols *symbols);

/* The best code lengths, up to `limit`, for symbols of these weights, none of them 0. */
void code_lengths(const uint32_t *weights, int count, int limit, uint8_t *lengths);

/* Bits that the lengths of a table take in a block. */
int32_t table_bits(const uint8_t *lengths, int count);

/* Choose tables and what they code; `other` is room for another choice. Both have selectors. */
void choose_codes(const Symbols *symbols, Codes *codes, Codes *other);

/* Selectors, tables and symbols. */
void write_codes(const Symbols *symbols, const Codes *codes, Writer *out);

#endif
