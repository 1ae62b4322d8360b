/* Huffman codes: the lengths, limited, and writing symbols in them. */
#include "bzip2.h"

/* Lengths after Larmore and Hirschberg's package-merge (1990): `sorted` has weights above PLACE_BITS and
 * symbols below. A level's list merges the symbols with the pairs of the list below; of the last list the
 * first 2 * count - 2 are taken, and so on down with the pairs among them. */
static void merge_packages(const uint64_t *sorted, int count, int limit, uint8_t *lengths)
{
    uint64_t lists[2][2 * SYMBOLS];
    uint8_t single[LONGEST + 3][2 * SYMBOLS];
    int size = 0;
    for (int level = 0; level < limit; level++) {
        const uint64_t *below = lists[(level + 1) & 1];
        uint64_t *list = lists[level & 1];
        int pairs = size / 2, pair = 0, symbol = 0;
        for (size = 0; size < count + pairs; size++) {
            uint64_t sum = pair < pairs ? below[2 * pair] + below[2 * pair + 1] : UINT64_MAX;
            single[level][size] = symbol < count && sorted[symbol] >> PLACE_BITS <= sum;
            list[size] = single[level][size] ? sorted[symbol++] >> PLACE_BITS : sum;
            pair += !single[level][size];
        }
    }
    memset(lengths, 0, (size_t)count);
    for (int level = limit, taken = 2 * count - 2; level-- && taken;) {
        int symbols = 0;
        for (int index = 0; index < taken; index++)
            symbols += single[level][index];
        for (int symbol = 0; symbol < symbols; symbol++)
            lengths[sorted[symbol] & PLACE_MASK]++;
        taken = 2 * (taken - symbols);
    }
}

/* Depths of the leaves of the Huffman tree, by two queues: the symbols, and the sums, which come in order.
 * Returns the greatest. */
static int tree_depths(const uint64_t *sorted, int count, uint8_t *lengths)
{
    uint32_t sums[SYMBOLS];
    int16_t parents[SYMBOLS], owners[SYMBOLS];
    int symbol = 0, sum = 0;
    for (int made = 0; made < count - 1; made++) {
        sums[made] = 0;
        for (int child = 0; child < 2; child++) {
            if (symbol < count && (sum == made || sorted[symbol] >> PLACE_BITS <= sums[sum])) {
                sums[made] += (uint32_t)(sorted[symbol] >> PLACE_BITS);
                owners[symbol++] = (int16_t)made;
            } else {
                sums[made] += sums[sum];
                parents[sum++] = (int16_t)made;
            }
        }
    }
    int16_t depths[SYMBOLS];
    depths[count - 2] = 0;
    for (int made = count - 2; made--;)
        depths[made] = depths[parents[made]] + 1;
    for (symbol = 0; symbol < count; symbol++)
        lengths[sorted[symbol] & PLACE_MASK] = (uint8_t)(depths[owners[symbol]] + 1);
    return depths[owners[0]] + 1;
}

void code_lengths(const uint32_t *weights, int count, int limit, uint8_t *lengths)
{
    uint64_t sorted[SYMBOLS], spare[SYMBOLS];
    for (int symbol = 0; symbol < count; symbol++)
        sorted[symbol] = (uint64_t)weights[symbol] << PLACE_BITS | (uint64_t)symbol;
    sort_words(sorted, count, spare);
    if (tree_depths(sorted, count, lengths) > limit)
        merge_packages(sorted, count, limit, lengths);
}

int32_t table_bits(const uint8_t *lengths, int count)
{
    int32_t bits = 5 + count;
    for (int symbol = 1; symbol < count; symbol++) {
        int change = lengths[symbol] - lengths[symbol - 1];
        bits += 2 * (change < 0 ? -change : change);
    }
    return bits;
}

static void write_table(const uint8_t *lengths, int count, Writer *out)
{
    int length = lengths[0];
    put(out, 5, (uint32_t)length);
    for (int symbol = 0; symbol < count; symbol++) {
        for (; length < lengths[symbol]; length++)
            put(out, 2, 2);
        for (; length > lengths[symbol]; length--)
            put(out, 2, 3);
        put(out, 1, 0);
    }
}

/* Codes in ascending order of length, then of symbol: the length in the low byte, the code above. */
static void assign_codes(const uint8_t *lengths, int count, uint32_t *codes)
{
    uint32_t code = 0;
    for (int length = 1; length <= LONGEST; length++, code <<= 1)
        for (int symbol = 0; symbol < count; symbol++)
            if (lengths[symbol] == length)
                codes[symbol] = code++ << 8 | (uint32_t)length;
}

static void write_selectors(const Codes *codes, int32_t groups, Writer *out)
{
    uint8_t order[TABLES] = {0, 1, 2, 3, 4, 5};
    put(out, 3, (uint32_t)codes->tables);
    put(out, 15, (uint32_t)groups);
    for (int32_t group = 0; group < groups; group++) {
        uint8_t table = codes->selectors[group], next = order[0];
        int rank = 0;
        while (next != table) {
            uint8_t swap = order[++rank];
            order[rank] = next;
            next = swap;
        }
        order[0] = table;
        put(out, rank + 1, (2u << rank) - 2);
    }
}

void write_codes(const Symbols *symbols, const Codes *codes, Writer *out)
{
    uint32_t words[TABLES][SYMBOLS];
    int32_t groups = (symbols->count + GROUP - 1) / GROUP;
    write_selectors(codes, groups, out);
    for (int table = 0; table < codes->tables; table++) {
        write_table(codes->lengths[table], symbols->alphabet, out);
        assign_codes(codes->lengths[table], symbols->alphabet, words[table]);
    }
    for (int32_t group = 0; group < groups; group++) {
        const uint32_t *table = words[codes->selectors[group]];
        int32_t start = group * GROUP, end = start + GROUP < symbols->count ? start + GROUP : symbols->count;
        for (int32_t index = start; index < end; index++) {
            uint32_t word = table[symbols->symbols[index]];
            put(out, word & 255, word >> 8);
        }
    }
}
