/* Sorting the rotations of a block, for the Burrows-Wheeler transform. See suffix.c. */
#ifndef HUMPYARD_SUFFIX_H
#define HUMPYARD_SUFFIX_H

#include "native.h"

#define PLACE_BITS 20
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)
#define MOST_PLACES 1000000 /* bytes of the longest block: places must fit into PLACE_BITS */
#define PAD 16              /* bytes in front of and behind the text, which repeat it */

/* A stretch of `words` whose rotations agree in their first `depth` bytes. */
typedef struct {
    int32_t start, count, depth;
} Group;

/* All buffers belong to the caller; sizes for a text of n bytes. A place is 1 to n, and n stands for 0. */
typedef struct {
    uint8_t *text;    /* n, with PAD bytes on both sides */
    int32_t size;     /* n: 2 to MOST_PLACES, and not all bytes the same */
    uint8_t *last;    /* n: the result, the last byte of each rotation in their order */
    int32_t *rows;    /* n + 2 */
    uint64_t *words;  /* n / 2 + 1: a key above PLACE_BITS, below it a place or a number */
    int32_t *starts;  /* n / 2 + 2: places of the LMS rotations, ascending, and the first one once more */
    int32_t *numbers; /* n / 2 + 1: which LMS rotation starts at place p, at p / 2: no two are neighbours */
    int32_t *lengths; /* n / 2 + 1: how many rotations from here on in `words` are not told apart */
    int32_t *ranks;   /* n / 2 + 1: the first of the rotations not told apart from LMS rotation k */
    Group *groups;    /* n / 4 + 1: still to be sorted */
    int32_t *pairs;   /* 65537: how many LMS rotations start with two given bytes */
    int32_t count;    /* of LMS rotations */
    int32_t untold;   /* how many of them are in groups that bytes do not tell apart soon */
    int32_t left[256], right[256]; /* how many rotations start with a byte and are of type L, S */
    int32_t firsts[257]; /* the first of the sorted LMS rotations that starts with a byte, and their end */
} Rotations;

/* Sort by the key above PLACE_BITS; of equal keys any order. `spare` has room for as many words. */
void sort_words(uint64_t *words, int32_t count, uint64_t *spare);

/* Put the LMS rotations in order: their places are in the low bits of `words`. */
void sort_starts(Rotations *all);

/* Finish what is left in groups: see suffix_ranks.c. Low bits of `words` are numbers before and after. */
void finish_groups(Rotations *all);

/* Write the last bytes of all rotations in their order; returns the row of the text itself. */
int32_t transform(Rotations *all);

#endif
