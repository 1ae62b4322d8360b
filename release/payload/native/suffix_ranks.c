/* Sorting rotations that agree for long: by the ranks of the LMS rotations behind them.
 *
 * All of a group agree up to and with their next LMS rotation, which is as far away for all of them. So
 * they stand in the order of their next LMS rotations, if these are told apart; else of the ones behind
 * those, and so on. After Larsson and Sadakane (Faster suffix sorting, 1999): each round looks twice as
 * far ahead as the one before. */
#include "suffix.h"

#define BUDGET 4   /* members of groups that are met, for each LMS rotation */
#define LARGEST 200 /* members of a group that is worth meeting */

static inline int32_t number_of(uint64_t word)
{
    return (int32_t)(word & PLACE_MASK);
}

/* The words of a group are sorted: give each set of equal keys its own rank and length. */
static void split(Rotations *all, int32_t start, int32_t count)
{
    const uint64_t *words = all->words + start;
    for (int32_t first = 0, next; first < count; first = next) {
        for (next = first; next < count && !((words[next] ^ words[first]) >> PLACE_BITS); next++)
            all->ranks[number_of(words[next])] = start + first;
        all->lengths[start + first] = next - first;
    }
}

/* Sort a group by what is `ahead` LMS rotations further on; whether it fell apart. */
static int sort_ahead(Rotations *all, int32_t start, int32_t count, int32_t ahead)
{
    uint64_t *words = all->words + start, varies = 0;
    for (int32_t index = 0; index < count; index++) {
        int32_t number = number_of(words[index]), other = number + ahead;
        other -= other >= all->count ? all->count : 0;
        words[index] = (uint64_t)all->ranks[other] << PLACE_BITS | (uint64_t)number;
        varies |= words[index] ^ words[0];
    }
    if (!(varies >> PLACE_BITS))
        return 0;
    sort_words(words, count, (uint64_t *)all->rows);
    split(all, start, count);
    return 1;
}

/* One walk from the end of the text to its start settles whatever is repeated at some distance, however
 * long: where it meets a group, it has settled the group of the next LMS rotations a step before. A group
 * is met once for each of its members, and in a periodic text each time settles but one of them, so there is
 * a budget; what it does not reach stays for the rounds. */
static void walk_back(Rotations *all)
{
    int64_t budget = (int64_t)BUDGET * all->count;
    for (int32_t number = all->count; number-- && budget > 0;) {
        int32_t start = all->ranks[number], count = all->lengths[start];
        if (count < 2 || count > LARGEST)
            continue;
        budget -= count;
        sort_ahead(all, start, count, 1);
    }
}

/* List the groups in `groups`; how many. */
static int32_t list_groups(Rotations *all)
{
    int32_t listed = 0;
    for (int32_t start = 0, count; start < all->count; start += count) {
        count = all->lengths[start];
        if (count > 1)
            all->groups[listed++] = (Group){start, count, 0};
    }
    return listed;
}

void finish_groups(Rotations *all)
{
    for (int32_t start = 0, count; start < all->count; start += count) {
        count = all->lengths[start];
        for (int32_t index = start; index < start + count; index++) {
            int32_t number = all->numbers[(all->words[index] & PLACE_MASK) >> 1];
            all->words[index] = (uint64_t)number;
            all->ranks[number] = start;
        }
    }
    walk_back(all);
    for (int32_t ahead = 1; ahead < all->count; ahead *= 2) { /* what is equal then is a period of the text */
        int32_t listed = list_groups(all);
        if (!listed)
            break;
        for (int32_t index = 0; index < listed; index++)
            sort_ahead(all, all->groups[index].start, all->groups[index].count, ahead);
    }
    for (int32_t index = 0; index < all->count; index++)
        all->words[index] = (uint64_t)all->starts[number_of(all->words[index])];
}
