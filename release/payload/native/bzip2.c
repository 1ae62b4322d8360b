/* A bzip2 encoder: one stream of blocks, as every bzip2 decoder takes it.
 *
 * Written from the format, so that the bytes of a payload depend on this project alone, not on the version
 * of a library. Steps: equal bytes in a row are counted; the block is transformed (suffix.c); bytes become
 * ranks (bzip2_ranks.c), ranks become bits (bzip2_tables.c, bzip2_huffman.c). */
#include "bzip2.h"

#define FREE 19 /* bytes of a block that libbz2 leaves free, and other encoders after it */
#define RUN 255 /* bytes of the longest run: four and a count of 251 */
#define ALIGN 64

typedef struct {
    Rotations all;
    Symbols symbols;
    Codes codes, other;
    uint32_t crcs[8][256];
} Encoder;

/* Tables for eight bytes at a time: crcs[k][b] is the CRC of byte b and k zero bytes behind it. */
static void make_crcs(uint32_t crcs[8][256])
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
        crcs[0][byte] = crc;
    }
    for (int zeros = 1; zeros < 8; zeros++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t crc = crcs[zeros - 1][byte];
            crcs[zeros][byte] = crc << 8 ^ crcs[0][crc >> 24];
        }
}

static uint32_t crc_of(uint32_t crcs[8][256], const uint8_t *at, const uint8_t *end)
{
    uint32_t crc = UINT32_MAX;
    for (; end - at >= 8; at += 8) {
        uint64_t word = __builtin_bswap64(load64(at)) ^ (uint64_t)crc << 32;
        crc = 0;
        for (int byte = 0; byte < 8; byte++)
            crc ^= crcs[byte][(word >> (8 * byte)) & 255];
    }
    for (; at < end; at++)
        crc = crc << 8 ^ crcs[0][crc >> 24 ^ *at];
    return ~crc;
}

/* Whether none of the eight bytes is the same as the one behind it. */
static inline int all_change(const uint8_t *at)
{
    uint64_t word = load64(at) ^ load64(at + 1);
    return !((word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080));
}

/* Fill a block with data, four bytes of a run and then its count. Returns where the data goes on. */
static const uint8_t *fill(const uint8_t *at, const uint8_t *end, uint8_t *block, int32_t most, int32_t *size)
{
    uint8_t *out = block, *full = block + most - 8;
    while (at < end && out < full) {
        if (end - at > 8 && all_change(at)) {
            memcpy(out, at, 8);
            out += 8;
            at += 8;
            continue;
        }
        uint8_t byte = *at;
        int32_t length = 1, room = end - at < RUN ? (int32_t)(end - at) : RUN;
        while (length < room && at[length] == byte)
            length++;
        memset(out, byte, 4);
        out += length < 4 ? length : 4;
        if (length >= 4)
            *out++ = (uint8_t)(length - 4);
        at += length;
    }
    *size = (int32_t)(out - block);
    return at;
}

/* The transform of a block; returns the row of the block itself. */
static int32_t transform_block(Encoder *encoder)
{
    Rotations *all = &encoder->all;
    int32_t first = 1;
    while (first < all->size && all->text[first] == all->text[0])
        first++;
    if (first < all->size)
        return transform(all);
    memset(all->last, all->text[0], (size_t)all->size); /* all rotations are the same */
    return 0;
}

static void write_used(const uint8_t *used, Writer *out)
{
    uint32_t rows = 0, parts[16] = {0};
    for (int byte = 0; byte < 256; byte++) {
        parts[byte >> 4] |= (uint32_t)used[byte] << (15 - (byte & 15));
        rows |= (uint32_t)used[byte] << (15 - (byte >> 4));
    }
    put(out, 16, rows);
    for (int row = 0; row < 16; row++)
        if (parts[row])
            put(out, 16, parts[row]);
}

static void write_block(Encoder *encoder, uint32_t crc, Writer *out)
{
    int32_t first = transform_block(encoder);
    make_symbols(encoder->all.last, encoder->all.size, &encoder->symbols);
    choose_codes(&encoder->symbols, &encoder->codes, &encoder->other);
    put(out, 24, 0x314159);
    put(out, 24, 0x265359);
    put(out, 16, crc >> 16);
    put(out, 16, crc & 0xffff);
    put(out, 1, 0);
    put(out, 24, (uint32_t)first);
    write_used(encoder->symbols.used, out);
    write_codes(&encoder->symbols, &encoder->codes, out);
}

static void *take(uintptr_t *free, int64_t size)
{
    void *taken = (void *)*free;
    *free += (uintptr_t)(size + ALIGN - 1) / ALIGN * ALIGN;
    return taken;
}

/* Lay the buffers for blocks of `most` bytes out from `free` on; returns where they end. */
static uintptr_t lay_out(Encoder *encoder, uintptr_t free, int64_t most)
{
    Rotations *all = &encoder->all;
    all->text = (uint8_t *)take(&free, most + 2 * PAD) + PAD;
    all->last = take(&free, most);
    all->rows = take(&free, 4 * (most + 2));
    all->words = take(&free, 8 * (most / 2 + 1));
    all->starts = take(&free, 4 * (most / 2 + 2));
    all->numbers = take(&free, 4 * (most / 2 + 1));
    all->lengths = take(&free, 4 * (most / 2 + 1));
    all->ranks = take(&free, 4 * (most / 2 + 1));
    all->groups = take(&free, (int64_t)sizeof(Group) * (most / 4 + 1));
    all->pairs = take(&free, 4 * 65537);
    encoder->symbols.symbols = take(&free, 2 * (most + 1 + GROUP));
    encoder->codes.selectors = take(&free, MOST_GROUPS);
    encoder->other.selectors = take(&free, MOST_GROUPS);
    return free;
}

/* Bytes of a block: what `level` allows, or less if there is less. */
static int64_t block_bytes(int64_t size, int level)
{
    int64_t most = level * 100000 - FREE, all = size + size / 4 + 16;
    return all < most ? all : most;
}

/* Bytes of memory that bzip2_compress needs beside input and output. */
EXPORT int64_t bzip2_memory(int64_t size, int level)
{
    Encoder encoder;
    return (int64_t)lay_out(&encoder, 0, block_bytes(size, level)) + ALIGN;
}

/* One stream of `data` in blocks of level * 100000 bytes; returns its length.
 *
 * memory: bzip2_memory(size, level) bytes, any content. out: room for the longest stream: counting runs
 * makes 5 bytes of 4 at worst, a symbol has at most 17 bits, that is below 2.7 bytes a byte; names of
 * tables and the tables themselves take less than 7 KiB a block, the smallest of which have 80 KB of data.
 * So 3 * size + 8192 are enough. */
EXPORT int64_t bzip2_compress(const uint8_t *data, int64_t size, int level, uint8_t *memory, uint8_t *out)
{
    Encoder encoder;
    Writer writer = {.at = out};
    uint32_t combined = 0;
    const uint8_t *at = data, *end = data + size;
    lay_out(&encoder, ((uintptr_t)memory + ALIGN - 1) / ALIGN * ALIGN, block_bytes(size, level));
    make_crcs(encoder.crcs);
    put(&writer, 24, 0x425a68);
    put(&writer, 8, '0' + (uint32_t)level);
    while (at < end) {
        const uint8_t *start = at;
        at = fill(at, end, encoder.all.text, (int32_t)block_bytes(size, level), &encoder.all.size);
        uint32_t crc = crc_of(encoder.crcs, start, at);
        combined = (combined << 1 | combined >> 31) ^ crc;
        write_block(&encoder, crc, &writer);
    }
    put(&writer, 24, 0x177245);
    put(&writer, 24, 0x385090);
    put(&writer, 16, combined >> 16);
    put(&writer, 16, combined & 0xffff);
    put(&writer, -writer.count & 7, 0);
    for (; writer.count; writer.count -= 8)
        *writer.at++ = (uint8_t)(writer.bits >> (writer.count - 8));
    return writer.at - out;
}
