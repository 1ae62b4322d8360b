/* Which blocks of the new image are better made from other blocks of it than sent or made from the old. */
#include "native.h"

/* Bytes of each new block that the covers explain, into covered[blocks]. */
EXPORT void count_covered(const Cover *covers, int64_t count, int64_t *covered)
{
    for (int64_t index = 0; index < count; index++) {
        int64_t at = covers[index].at, end = at + covers[index].length;
        while (at < end) {
            int64_t next = (at / BLOCK + 1) * BLOCK;
            next = next < end ? next : end;
            covered[at / BLOCK] += next - at;
            at = next;
        }
    }
}

/* Walk through the new blocks in order and mark those as derived of which usable sources explain more than
 * `otherwise[block] + margin` bytes; a derived block is no source for any other.
 *
 * covers: sources are places in the new image. own[block]: where the block lies in it. usable, by block of
 * the image: 0 no source, 1 a source for blocks behind it, 2 a source for all; updated. */
EXPORT void mark_derived(const Cover *covers, int64_t count, const int64_t *own, int64_t blocks,
                         const int64_t *otherwise, int64_t margin, uint8_t *usable, uint8_t *derived)
{
    int64_t index = 0;
    for (int64_t block = 0; block < blocks; block++) {
        int64_t start = block * BLOCK, end = start + BLOCK, explained = 0;
        while (index < count && covers[index].at + covers[index].length <= start)
            index++;
        for (int64_t next = index; next < count && covers[next].at < end; next++) {
            int64_t low = covers[next].at > start ? covers[next].at : start;
            int64_t high = covers[next].at + covers[next].length;
            high = high < end ? high : end;
            int64_t place = covers[next].source + low - covers[next].at;
            int usable_here = 1;
            for (int64_t source = place / BLOCK; source <= (place + high - low - 1) / BLOCK; source++)
                usable_here &= usable[source] == 2 || (usable[source] == 1 && source < own[block]);
            if (usable_here)
                explained += high - low;
        }
        derived[block] = explained > otherwise[block] + margin;
        if (derived[block])
            usable[own[block]] = 0;
    }
}

#define MOST_SHARES 512 /* as many sources of one block are told apart; what there are more does not count */

/* For each derived block the usable block that explains most of it, the first of several, into leaders[block];
 * -1 for others. Every usable block that explains something of one gets repeated[source] = 1. */
EXPORT void find_leaders(const Cover *covers, int64_t count, const uint8_t *derived, int64_t blocks,
                         const uint8_t *usable, uint8_t *repeated, int64_t *leaders)
{
    int64_t index = 0;
    for (int64_t block = 0; block < blocks; block++) {
        int64_t start = block * BLOCK, end = start + BLOCK, most = 0;
        int64_t sources[MOST_SHARES], shares[MOST_SHARES];
        int known = 0;
        leaders[block] = -1;
        while (index < count && covers[index].at + covers[index].length <= start)
            index++;
        for (int64_t next = index; derived[block] && next < count && covers[next].at < end; next++) {
            int64_t low = covers[next].at > start ? covers[next].at : start;
            int64_t high = covers[next].at + covers[next].length;
            int64_t place = covers[next].source + low - covers[next].at;
            int64_t stop = place + (high < end ? high : end) - low;
            for (int64_t source = place / BLOCK; source * BLOCK < stop; source++) {
                int64_t from = source * BLOCK > place ? source * BLOCK : place;
                int64_t to = (source + 1) * BLOCK < stop ? (source + 1) * BLOCK : stop;
                int slot = 0;
                while (slot < known && sources[slot] != source)
                    slot++;
                if (!usable[source] || slot == MOST_SHARES)
                    continue;
                shares[slot] = to - from + (slot < known ? shares[slot] : 0);
                sources[slot] = source;
                known += slot == known;
                repeated[source] = 1;
            }
        }
        for (int slot = 0; slot < known; slot++)
            if (shares[slot] > most || (shares[slot] == most && sources[slot] < leaders[block])) {
                most = shares[slot];
                leaders[block] = sources[slot];
            }
    }
}
