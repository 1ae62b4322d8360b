/* The fine difference of two stretches of bytes that are known to be alike, and its BSDIFF40 streams.
 *
 * The idea is Colin Percival's (Naive differences of executable code, 2003): follow one alignment
 * through bytes that differ here and there, and leave it only for a match that explains clearly more.
 * Matches come from an index of 16-byte seeds in rows of eight instead of a suffix array: that needs a
 * third of the memory and a fraction of the time, and finds what is at least 16 bytes long.
 */
#include "native.h"

#define SEED 16
#define ROW 8
#define AHEAD 16
#define BETTER 8 /* bytes by which a match must beat the alignment at hand */
#define DROP 32  /* more unequal than equal bytes: worth an end here and another start behind */
#define FAR 512  /* bytes without a gain: the same, and no stretch is looked through again and again */
#define PLACE_BITS 25 /* of an entry; the others hold a part of the hash, so that few places are read in vain */

typedef struct {
    const uint8_t *old, *new;
    int64_t old_size, new_size;
    uint32_t *rows;
    uint64_t row_count;
} Fine;

static inline uint64_t seed_hash(const uint8_t *at)
{
    return fold(load64(at) ^ MIX0, load64(at + 8) ^ MIX1) * MIX2;
}

static inline uint32_t *row_of(const Fine *fine, uint64_t hash)
{
    return fine->rows + ROW * (uint64_t)(((unsigned __int128)hash * fine->row_count) >> 64);
}

static inline uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)hash << PLACE_BITS;
}

static void enter(const Fine *fine, uint64_t hash, int64_t place)
{
    uint32_t *row = row_of(fine, hash);
    for (int entry = 0; entry < ROW; entry++)
        if (!row[entry]) {
            row[entry] = tag_of(hash) | ((uint32_t)place + 1);
            break;
        }
}

static inline int dull(const uint8_t *at)
{
    return load64(at) == load64(at + 8) && load64(at) == at[0] * UINT64_C(0x0101010101010101);
}

/* Index the old bytes. Rows are far apart in memory: each is called for AHEAD seeds before it is needed. */
static void fill(const Fine *fine, const uint8_t *strides)
{
    uint64_t hashes[AHEAD];
    int64_t places[AHEAD], entered = 0;
    memset(fine->rows, 0, fine->row_count * ROW * sizeof *fine->rows);
    for (int64_t start = 0; start < fine->old_size; start += BLOCK) {
        int64_t stride = strides[start / BLOCK], end = start + BLOCK;
        end = end < fine->old_size - SEED + 1 ? end : fine->old_size - SEED + 1;
        for (int64_t place = start; stride && place < end; place += stride) {
            if (dull(fine->old + place))
                continue;
            int64_t slot = entered++ % AHEAD;
            if (entered > AHEAD)
                enter(fine, hashes[slot], places[slot]);
            hashes[slot] = seed_hash(fine->old + place);
            places[slot] = place;
            __builtin_prefetch(row_of(fine, hashes[slot]), 1);
        }
    }
    for (int64_t next = entered > AHEAD ? entered - AHEAD : 0; next < entered; next++)
        enter(fine, hashes[next % AHEAD], places[next % AHEAD]);
}

/* The longest match of new[at..] that is longer than `length`; moves *place. */
static int64_t longest(const Fine *fine, int64_t at, int64_t length, int64_t *place)
{
    if (at + AHEAD + SEED <= fine->new_size)
        __builtin_prefetch(row_of(fine, seed_hash(fine->new + at + AHEAD)));
    uint64_t hash = seed_hash(fine->new + at);
    const uint32_t *row = row_of(fine, hash), tag = tag_of(hash);
    for (int entry = 0; entry < ROW && row[entry]; entry++) {
        if ((row[entry] ^ tag) >> PLACE_BITS)
            continue;
        int64_t candidate = (row[entry] & ((UINT32_C(1) << PLACE_BITS) - 1)) - 1;
        int64_t room = fine->old_size - candidate, left = fine->new_size - at;
        room = room < left ? room : left;
        if (length >= room || fine->old[candidate + length] != fine->new[at + length])
            continue;
        int64_t found = common_prefix(fine->old + candidate, fine->new + at, room);
        if (found >= SEED && found > length) {
            length = found;
            *place = candidate;
        }
    }
    return length;
}

static inline int same(const Fine *fine, int64_t at, int64_t shift)
{
    int64_t place = at + shift;
    return place >= 0 && place < fine->old_size && fine->old[place] == fine->new[at];
}

/* How far the alignment that starts at (at, place) is worth following before `end`: to where it has most
 * equal less unequal bytes, unless a stretch in between loses more than DROP. */
static int64_t reach_forward(const Fine *fine, int64_t at, int64_t place, int64_t end)
{
    int64_t score = 0, best = 0, reach = 0, length = 0;
    while (at + length < end && place + length < fine->old_size && score >= best - DROP &&
           length - reach < FAR) {
        score += fine->old[place + length] == fine->new[at + length] ? 1 : -1;
        length++;
        if (score > best) {
            best = score;
            reach = length;
        }
    }
    return reach;
}

static int64_t reach_backward(const Fine *fine, int64_t at, int64_t place, int64_t start)
{
    int64_t score = 0, best = 0, reach = 0;
    for (int64_t length = 1; at - length >= start && place >= length && score >= best - DROP &&
                             length - reach < FAR; length++) {
        score += fine->old[place - length] == fine->new[at - length] ? 1 : -1;
        if (score > best) {
            best = score;
            reach = length;
        }
    }
    return reach;
}

/* The next place from `at` on, before `end`, where the alignment has SEED equal bytes in a row. */
static int64_t next_run(const Fine *fine, int64_t at, int64_t shift, int64_t end)
{
    if (end > fine->old_size - shift)
        end = fine->old_size - shift;
    for (int64_t run = 0; at < end; at++) {
        run = fine->old[at + shift] == fine->new[at] ? run + 1 : 0;
        if (run == SEED)
            return at - SEED + 1;
    }
    return -1;
}

/* Where two alignments claim the same `overlap` bytes: how many of them the first one keeps. */
static int64_t split(const Fine *fine, const Cover *first, int64_t shift, int64_t overlap)
{
    int64_t start = first->at + first->length - overlap, first_shift = first->source - first->at;
    int64_t score = 0, best = 0, keep = 0;
    for (int64_t index = 0; index < overlap; index++) {
        score += same(fine, start + index, first_shift) - same(fine, start + index, shift);
        if (score > best) {
            best = score;
            keep = index + 1;
        }
    }
    return keep;
}

typedef struct {
    Cover *covers;
    int64_t count, most;
} List;

static int append(List *list, Cover cover)
{
    if (list->count == list->most)
        return 0;
    list->covers[list->count++] = cover;
    return 1;
}

/* Put the stretches of one alignment, which ends before `next->at` at the latest, on the list, and let
 * `next` begin earlier where it explains more than the last of them. */
static int close_alignment(const Fine *fine, List *list, Cover last, Cover *next)
{
    int64_t shift = last.source - last.at, end = next->at;
    do {
        int64_t start = last.at;
        last.length = reach_forward(fine, start, start + shift, end);
        int64_t again = next_run(fine, start + last.length, shift, end);
        if (again < 0)
            break;
        if (last.length && !append(list, last))
            return 0;
        int64_t back = reach_backward(fine, again, again + shift, start + last.length);
        last = (Cover){again - back, again - back + shift, 0};
    } while (1);
    int64_t back = next->at < fine->new_size ? reach_backward(fine, next->at, next->source, last.at) : 0;
    int64_t overlap = last.at + last.length - (next->at - back);
    if (overlap > 0) {
        int64_t keep = split(fine, &last, next->source - next->at, overlap);
        last.length += keep - overlap;
        back -= keep;
    }
    next->at -= back;
    next->source -= back;
    return last.length <= 0 || append(list, last);
}

/* Cover new bytes with stretches of old ones that are alike; bytes in a cover may differ.
 *
 * strides[b] says at which distance seeds of old block b are indexed (0: not at all). `rows` has room
 * for 8 * row_count numbers. Old bytes are fewer than 2^25. Writes at most `most` covers, in order and
 * without overlap, and returns how many; what would take more stays uncovered. */
EXPORT int64_t cover_finely(const uint8_t *old, int64_t old_size, const uint8_t *strides, const uint8_t *new,
                            int64_t new_size, uint32_t *rows, int64_t row_count, Cover *covers, int64_t most)
{
    Fine fine = {old, new, old_size, new_size, rows, (uint64_t)row_count};
    List list = {covers, 0, most};
    if (old_size < SEED || new_size < SEED)
        return 0;
    fill(&fine, strides);
    int64_t at = 0, length = 0, place = 0;
    Cover last = {0, 0, 0};
    int following = 0; /* whether there is an alignment, which starts with `last` */
    while (at < new_size) {
        int64_t explained = 0, counted, missed = 0, shift = last.source - last.at;
        at += length;
        counted = at;
        while (at < new_size) {
            length = 0;
            if (following && at + shift >= 0 && at + shift < old_size) {
                int64_t room = old_size - at - shift, left = new_size - at;
                place = at + shift;
                length = common_prefix(old + place, new + at, room < left ? room : left);
            }
            if (length < SEED && at + SEED <= new_size)
                length = longest(&fine, at, length, &place);
            for (; counted < at + length; counted++)
                explained += following && same(&fine, counted, shift);
            if ((length == explained && length) || length > explained + BETTER)
                break;
            missed = length < SEED ? missed + 1 : 0;
            int64_t step = missed < 128 ? 1 : missed < 512 ? 3 : 7; /* odd: meets every stride */
            for (; step && at < new_size; step--, at++)
                if (at < counted)
                    explained -= following && same(&fine, at, shift);
            if (counted < at)
                counted = at;
        }
        if (length == explained && at < new_size)
            continue;
        Cover next = {at, place, 0};
        if (!following && at < new_size) {
            int64_t back = reach_backward(&fine, at, place, 0);
            next = (Cover){at - back, place - back, 0};
        } else if (following && !close_alignment(&fine, &list, last, &next))
            break;
        last = next;
        following = 1;
    }
    return list.count;
}

/* Leave out new blocks: `covers` becomes what makes the kept ones, one behind the other.
 * Returns how many covers were written to `out`, which has room for one more per cover and block. */
EXPORT int64_t cut_covers(const Cover *covers, int64_t count, const uint8_t *keep, const int64_t *place, Cover *out)
{
    int64_t written = 0;
    for (int64_t index = 0; index < count; index++) {
        Cover cover = covers[index];
        while (cover.length > 0) {
            int64_t block = cover.at / BLOCK, part = (block + 1) * BLOCK - cover.at;
            part = part < cover.length ? part : cover.length;
            if (keep[block]) {
                int64_t at = place[block] * BLOCK + cover.at % BLOCK;
                Cover *before = written ? out + written - 1 : 0;
                if (before && before->at + before->length == at && before->source + before->length == cover.source)
                    before->length += part;
                else
                    out[written++] = (Cover){at, cover.source, part};
            }
            cover.at += part;
            cover.source += part;
            cover.length -= part;
        }
    }
    return written;
}

/* The three streams of BSDIFF40. `control` has room for count + 1 entries of three numbers, diff and
 * extra for new_size bytes each; sizes[] becomes entries, diff bytes, extra bytes. */
EXPORT void write_streams(const Cover *covers, int64_t count, const uint8_t *old, const uint8_t *new,
                          int64_t new_size, int64_t *control, uint8_t *diff, uint8_t *extra, int64_t *sizes)
{
    int64_t at = 0, place = 0, entries = 0, diffs = 0, extras = 0;
    if (!count || covers[0].at || covers[0].source) {
        int64_t copy = count ? covers[0].at : new_size;
        control[0] = 0;
        control[1] = copy;
        control[2] = place = count ? covers[0].source : 0;
        memcpy(extra, new, (size_t)copy);
        extras = at = copy;
        entries = 1;
    }
    for (int64_t index = 0; index < count; index++) {
        const Cover *cover = covers + index;
        int64_t next = index + 1 < count ? cover[1].at : new_size;
        for (int64_t byte = 0; byte < cover->length; byte++)
            diff[diffs++] = (uint8_t)(new[cover->at + byte] - old[cover->source + byte]);
        at = cover->at + cover->length;
        place = cover->source + cover->length;
        memcpy(extra + extras, new + at, (size_t)(next - at));
        extras += next - at;
        control[3 * entries] = cover->length;
        control[3 * entries + 1] = next - at;
        control[3 * entries + 2] = index + 1 < count ? cover[1].source - place : 0;
        entries++;
    }
    sizes[0] = entries;
    sizes[1] = diffs;
    sizes[2] = extras;
}
