/* The Burrows-Wheeler transform of a block: the last bytes of its rotations in their order.
 *
 * Induced sorting after Ko and Aluru and Nong, Zhang and Chan (SA-IS, 2009), on the circle: a rotation is
 * of type S if it is smaller than the one that starts a place later, else of type L; LMS is an S behind
 * an L. The order of the LMS rotations, a third or less of all, gives that of all others in two passes:
 * in front of each rotation, taken in ascending order, stands the next L of its first byte; in descending
 * order, the next S. There is no end of the text and so no sentinel. A text that repeats itself has equal
 * rotations; these may stand in any order, since their last bytes are the same.
 *
 * Only last bytes are wanted, so a rotation leaves a byte in its row, and its place in a list only if
 * there is one in front of it still to come. Lists of places share `rows`: those of L from the left of
 * the rows of their byte upwards (what comes in the same pass) and down from the right end (what waits
 * for the pass of S), those of S from their right end down. */
#include "suffix.h"

typedef struct {
    int32_t row;  /* where the next last byte goes */
    int32_t open; /* where the next place goes from which to go on in this pass */
    int32_t wait; /* where the next place goes from which to go on in the other pass */
    int32_t end;
} Bucket;

typedef struct {
    const uint8_t *text;
    int32_t size;
    uint8_t *restrict last;
    int32_t *restrict rows;
    Bucket *restrict buckets;
    int32_t first; /* row of the text itself */
} Induction;

/* What stands in front of the rotation at `next`, which is of type L: leave its last byte and its place. */
static inline void induce_left(Induction *now, int32_t next)
{
    int32_t place = next > 1 ? next - 1 : now->size;
    uint8_t byte = now->text[place], last = now->text[place - 1];
    Bucket *bucket = now->buckets + byte;
    int32_t row = bucket->row, open = bucket->open, wait = bucket->wait, goes_on = last >= byte;
    if (place == now->size)
        now->first = row;
    now->last[row] = last;
    now->rows[goes_on ? open : wait] = place;
    bucket->row = row + 1;
    bucket->open = open + goes_on;
    bucket->wait = wait - !goes_on;
}

/* The same for type S, in whose lists nothing waits. */
static inline void induce_right(Induction *now, int32_t next)
{
    int32_t place = next > 1 ? next - 1 : now->size;
    uint8_t byte = now->text[place], last = now->text[place - 1];
    Bucket *bucket = now->buckets + byte;
    int32_t row = bucket->row, open = bucket->open;
    if (place == now->size)
        now->first = row;
    now->last[row] = last;
    now->rows[open] = place;
    bucket->row = row - 1;
    bucket->open = open - (last <= byte);
}

static int32_t pass_left(Rotations *all, Bucket *buckets)
{
    Induction now = {all->text, all->size, all->last, all->rows, buckets, 0};
    int32_t row = 0, start = 0;
    for (int byte = 0; byte < 256; byte++) {
        int32_t end = row + all->left[byte];
        buckets[byte] = (Bucket){row, row, end - 1, end};
        row = end + all->right[byte];
    }
    row = 0;
    for (int byte = 0; byte < 256; byte++) {
        for (int32_t at = row; at < now.buckets[byte].open; at++)
            induce_left(&now, now.rows[at]);
        for (int32_t end = all->firsts[byte + 1]; start < end; start++)
            induce_left(&now, (int32_t)(all->words[start] & PLACE_MASK));
        row = now.buckets[byte].end + all->right[byte];
    }
    return now.first;
}

static int32_t pass_right(Rotations *all, Bucket *buckets, int32_t first)
{
    Induction now = {all->text, all->size, all->last, all->rows, buckets, first};
    for (int byte = 0; byte < 256; byte++)
        buckets[byte].row = buckets[byte].open = buckets[byte].end + all->right[byte] - 1;
    for (int byte = 255; byte >= 0; byte--) {
        Bucket *bucket = now.buckets + byte;
        for (int32_t at = bucket->end + all->right[byte] - 1; at > bucket->open; at--)
            induce_right(&now, now.rows[at]);
        for (int32_t at = bucket->wait + 1; at < bucket->end; at++)
            induce_right(&now, now.rows[at]);
    }
    return now.first;
}

int32_t transform(Rotations *all)
{
    Bucket buckets[256];
    for (int32_t index = 0; index < PAD; index++) {
        all->text[all->size + index] = all->text[index % all->size];
        all->text[-1 - index] = all->text[all->size - 1 - index % all->size];
    }
    sort_starts(all);
    return pass_right(all, buckets, pass_left(all, buckets));
}
