/* Sorting the LMS rotations of a block: by their first bytes, as far as those tell them apart soon. */
#include "suffix.h"

#define KEY_BYTES 5 /* whole bytes in the 44 bits of a key */
#define FEW 4000    /* rotations that are sorted without counting their first bytes */
#define DEPTH 32    /* bytes that are compared before the next LMS rotations are looked at instead */

/* Eight bytes of the text, the first one in the highest bits, at a place that may lie behind its end. */
static inline uint64_t bytes_at(const Rotations *all, int64_t place)
{
    if (place >= all->size)
        place %= all->size;
    return __builtin_bswap64(load64(all->text + place));
}

static inline int32_t distance(const Rotations *all, uint64_t word)
{
    const int32_t *start = all->starts + all->numbers[(word & PLACE_MASK) >> 1];
    return start[1] - start[0];
}

static inline void push(Rotations *all, int32_t *open, int32_t start, int32_t count, int32_t depth)
{
    all->groups[(*open)++] = (Group){start, count, depth};
}

/* Where keys are equal in the sorted words, more bytes have to be compared. */
static void push_equal(Rotations *all, int32_t *open, Group group, int32_t depth)
{
    const uint64_t *words = all->words;
    int32_t end = group.start + group.count;
    for (int32_t start = group.start, next; start < end; start = next) {
        for (next = start + 1; next < end && !((words[next] ^ words[start]) >> PLACE_BITS);)
            next++;
        if (next - start > 1)
            push(all, open, start, next - start, depth);
    }
}

/* Sort two rotations; if they agree in DEPTH bytes and as many as they did before, push them again. */
static void sort_two(Rotations *all, int32_t *open, Group group)
{
    uint64_t *words = all->words + group.start, one, two;
    int32_t depth = group.depth, end = depth < DEPTH ? DEPTH : depth + 1;
    do {
        one = bytes_at(all, (int64_t)(words[0] & PLACE_MASK) + depth);
        two = bytes_at(all, (int64_t)(words[1] & PLACE_MASK) + depth);
        depth += 8;
    } while (one == two && depth < end);
    if (one == two)
        push(all, open, group.start, 2, depth);
    else if (one > two) {
        uint64_t word = words[0];
        words[0] = words[1];
        words[1] = word;
    }
}

static void sort_more(Rotations *all, int32_t *open, Group group)
{
    uint64_t *words = all->words + group.start, varies = 0;
    for (int32_t index = 0; index < group.count; index++) {
        uint64_t place = words[index] & PLACE_MASK;
        words[index] = (bytes_at(all, (int64_t)place + group.depth) & ~PLACE_MASK) | place;
        varies |= words[index] ^ words[0];
    }
    if (varies >> PLACE_BITS) {
        sort_words(words, group.count, (uint64_t *)all->rows);
        push_equal(all, open, group, group.depth + KEY_BYTES);
    } else
        push(all, open, group.start, group.count, group.depth + KEY_BYTES);
}

/* Take those rotations out of a group whose next LMS rotation is known by now, because the bytes up to it
 * and its first one were compared; returns the rest.
 *
 * Rotations that agree so far and have their next LMS rotation at different distances: at the shorter
 * distance both have the same byte, one begins a rotation of type S there, the other one of type L, and
 * L is in front of S. So the shorter distance comes later; those that are not known, first. */
static Group set_aside(Rotations *all, Group group)
{
    uint64_t *words = all->words + group.start;
    int32_t unknown = 0;
    for (int32_t index = 0; index < group.count; index++) {
        int32_t length = distance(all, words[index]);
        uint64_t key = length < group.depth ? (UINT64_C(1) << PLACE_BITS) - (uint64_t)length : 0;
        unknown += !key;
        words[index] = key << PLACE_BITS | (words[index] & PLACE_MASK);
    }
    sort_words(words, group.count, (uint64_t *)all->rows);
    all->untold += group.count - unknown;
    for (int32_t start = unknown, next; start < group.count; start = next) {
        for (next = start + 1; next < group.count && !((words[next] ^ words[start]) >> PLACE_BITS);)
            next++;
        all->lengths[group.start + start] = next - start;
    }
    return (Group){group.start, unknown, group.depth};
}

/* Sort a group, the keys of which are those of its depth. */
static void sort_group(Rotations *all, Group group)
{
    int32_t open = 0;
    sort_words(all->words + group.start, group.count, (uint64_t *)all->rows);
    push_equal(all, &open, group, group.depth + KEY_BYTES);
    while (open) {
        group = all->groups[--open];
        if (group.depth >= DEPTH)
            group = set_aside(all, group);
        if (group.count == 2)
            sort_two(all, &open, group);
        else if (group.count > 2)
            sort_more(all, &open, group);
    }
}

/* Type S is what is smaller than the rotation one place on, L what is larger; LMS is an S behind an L. */
static void find_starts(Rotations *all)
{
    const uint8_t *text = all->text;
    int32_t types[2][256], first = 1, most = all->size / 2 + 1, at = most;
    memset(types, 0, sizeof types);
    while (text[first] == text[0])
        first++;
    int type = text[0] < text[first], next = text[0];
    for (int32_t place = all->size; place--;) {
        int byte = text[place], before = (byte < next) | ((byte == next) & type);
        all->starts[at] = place + 1;
        at -= type & ~before;
        types[before][byte]++;
        type = before;
        next = byte;
    }
    all->count = most - at;
    memmove(all->starts, all->starts + at + 1, (size_t)all->count * sizeof *all->starts);
    all->starts[all->count] = all->starts[0] + all->size;
    memcpy(all->left, types[0], sizeof all->left);
    memcpy(all->right, types[1], sizeof all->right);
}

static inline uint32_t pair_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* Count them by their first two bytes, put them where they belong by these, then sort what shares them. */
static void sort_by_pairs(Rotations *all)
{
    memset(all->pairs, 0, 65537 * sizeof *all->pairs);
    for (int32_t number = 0; number < all->count; number++)
        all->pairs[pair_at(all->text + all->starts[number])]++;
    for (int32_t pair = 0, sum = 0; pair < 65537; pair++) {
        sum += all->pairs[pair];
        all->pairs[pair] = sum;
    }
    for (int32_t number = all->count; number--;) {
        int32_t place = all->starts[number];
        uint64_t key = bytes_at(all, (int64_t)place + 2) & ~PLACE_MASK;
        all->words[--all->pairs[pair_at(all->text + place)]] = key | (uint64_t)place;
    }
    for (int32_t pair = 0; pair < 65536; pair++) {
        int32_t start = all->pairs[pair], count = all->pairs[pair + 1] - start;
        if (count > 1)
            sort_group(all, (Group){start, count, 2});
    }
}

/* For a few, 65536 counters are too many. */
static void sort_few(Rotations *all)
{
    for (int32_t number = 0; number < all->count; number++) {
        int32_t place = all->starts[number];
        all->words[number] = (bytes_at(all, place) & ~PLACE_MASK) | (uint64_t)place;
    }
    sort_group(all, (Group){0, all->count, 0});
}

void sort_starts(Rotations *all)
{
    find_starts(all);
    all->untold = 0;
    memset(all->firsts, 0, sizeof all->firsts);
    for (int32_t number = 0; number < all->count; number++) {
        all->numbers[all->starts[number] >> 1] = number;
        all->lengths[number] = 1;
        all->firsts[all->text[all->starts[number]] + 1]++;
    }
    for (int byte = 0; byte < 256; byte++)
        all->firsts[byte + 1] += all->firsts[byte];
    if (all->count < FEW)
        sort_few(all);
    else
        sort_by_pairs(all);
    if (all->untold)
        finish_groups(all);
}
