/* Sorting 64-bit words by their upper 44 bits. */
#include "suffix.h"

#define FEW 14     /* up to here insertion is fastest */
#define MANY 1500  /* from here on counting digits is */
#define DIGIT 11   /* bits; four digits make 44 */
#define DIGITS 4

static void insert(uint64_t *words, int32_t count)
{
    for (int32_t next = 1; next < count; next++) {
        uint64_t word = words[next];
        int32_t at = next;
        for (; at && words[at - 1] > word; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
}

/* One stable pass by the digit above `shift`. */
static void scatter(const uint64_t *from, uint64_t *to, int32_t count, int32_t *counts, int shift)
{
    int32_t sum = 0;
    for (int digit = 0; digit < 1 << DIGIT; digit++) {
        int32_t here = counts[digit];
        counts[digit] = sum;
        sum += here;
    }
    for (int32_t index = 0; index < count; index++)
        to[counts[(from[index] >> shift) & ((1 << DIGIT) - 1)]++] = from[index];
}

/* By digits, the least significant first; digits that are the same in all words cost nothing. */
static void sort_digits(uint64_t *words, int32_t count, uint64_t *spare)
{
    int32_t counts[1 << DIGIT];
    uint64_t varies = 0, *from = words, *to = spare;
    for (int32_t index = 1; index < count; index++)
        varies |= words[index] ^ words[0];
    for (int shift = PLACE_BITS; shift < 64; shift += DIGIT) {
        if (!((varies >> shift) & ((1 << DIGIT) - 1)))
            continue;
        memset(counts, 0, sizeof counts);
        for (int32_t index = 0; index < count; index++)
            counts[(from[index] >> shift) & ((1 << DIGIT) - 1)]++;
        scatter(from, to, count, counts, shift);
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != words)
        memcpy(words, from, (size_t)count * sizeof *words);
}

static inline uint64_t median(uint64_t one, uint64_t two, uint64_t three)
{
    uint64_t low = one < two ? one : two, high = one < two ? two : one;
    return three < low ? low : three > high ? high : three;
}

static uint64_t choose_pivot(const uint64_t *words, int32_t count)
{
    const uint64_t *middle = words + count / 2, *end = words + count - 1;
    if (count < 100)
        return median(*words, *middle, *end);
    return median(median(words[0], words[1], words[2]), median(middle[-1], middle[0], middle[1]),
                  median(end[-2], end[-1], end[0]));
}

/* Move the words below the pivot to the front, without a branch that nobody can foresee; how many. */
static int32_t part(uint64_t *words, int32_t count, uint64_t pivot)
{
    int32_t below = 0;
    for (int32_t index = 0; index < count; index++) {
        uint64_t word = words[index];
        words[index] = words[below];
        words[below] = word;
        below += word < pivot;
    }
    return below;
}

/* `patience` ends a series of bad pivots: then digits are counted, whose cost does not depend on luck. */
static void sort_parts(uint64_t *words, int32_t count, uint64_t *spare, int patience)
{
    while (count > FEW) {
        if (!patience--) {
            sort_digits(words, count, spare);
            return;
        }
        int32_t below = part(words, count, choose_pivot(words, count));
        sort_parts(words, below, spare, patience); /* the pivot may be the least word: then below is 0 */
        words += below;
        count -= below;
    }
    insert(words, count);
}

void sort_words(uint64_t *words, int32_t count, uint64_t *spare)
{
    if (count > MANY)
        sort_digits(words, count, spare);
    else
        sort_parts(words, count, spare, 24);
}
