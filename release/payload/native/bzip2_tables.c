/* Which Huffman tables a block gets, and which of them each group of 50 symbols. */
#include "bzip2.h"

#define ROUNDS 10     /* most rounds of improvement */
#define WORTH 4096    /* a round that saves less than this part is the last */
#define SPAN 14       /* times an alphabet of symbols that pay for a table, roughly */
#define PLENTY 12     /* tables' worth of symbols from which on all tables are used without trying fewer */
#define SMOOTHINGS 3  /* ways to make lengths of neighbours more alike */
#define UNIT 64       /* costs are in 1/64 bit: 50 times the longest code is still below 2^16 */

typedef uint16_t Costs __attribute__((vector_size(16))); /* a lane for each table; the last two are idle */

typedef struct {
    const Symbols *symbols;
    int32_t groups;
    Costs costs[SYMBOLS + 1];         /* of a symbol in each table; the last one is none and costs nothing */
    uint32_t counts[TABLES][SYMBOLS]; /* how often a symbol is coded by a table */
    uint32_t all[SYMBOLS];            /* how often it occurs */
    uint16_t fractions[256];          /* log2(1 + i / 256) */
} Choice;

/* log2 of 1 + i / 256 in 1/UNIT, rounded, by repeated squaring. */
static void make_fractions(uint16_t *fractions)
{
    for (uint32_t index = 0; index < 256; index++) {
        uint64_t rest = (uint64_t)(256 + index) << 23; /* 1.31 fixed point */
        uint32_t result = 0;
        for (uint32_t bit = UNIT; bit; bit >>= 1) {
            rest = (rest * rest) >> 31;
            if (rest >> 32) {
                rest >>= 1;
                result |= bit;
            }
        }
        fractions[index] = (uint16_t)((result + 1) / 2);
    }
}

/* log2 of a value from 1 to 2^31 in 1/UNIT. */
static inline int32_t logarithm(const Choice *choice, uint32_t value)
{
    int whole = 31 - __builtin_clz(value);
    return whole * UNIT + choice->fractions[(((uint64_t)value << 8) >> whole) & 255];
}

/* Where the selectors' own move-to-front list has each table, as the cost of naming it. */
static inline void name_table(Costs *names, int table)
{
    static const Costs zero = {0};
    Costs limit = zero + (*names)[table];
    *names += (Costs)(*names < limit) & UNIT;
    (*names)[table] = UNIT;
}

static void count_group(Choice *choice, int32_t group, int table, uint32_t step)
{
    const uint16_t *symbols = choice->symbols->symbols + group * GROUP;
    int32_t left = choice->symbols->count - group * GROUP;
    left = left < GROUP ? left : GROUP;
    for (int32_t index = 0; index < left; index++)
        choice->counts[table][symbols[index]] += step;
}

/* Give each group the table that costs least, its name included; returns the cost of all. */
static int64_t assign_groups(Choice *choice, int tables, uint8_t *selectors)
{
    Costs names = {UNIT, 2 * UNIT, 3 * UNIT, 4 * UNIT, 5 * UNIT, 6 * UNIT, 7 * UNIT, 8 * UNIT};
    int64_t sum = 0;
    for (int32_t group = 0; group < choice->groups; group++) {
        const uint16_t *symbols = choice->symbols->symbols + group * GROUP;
        Costs one = names, two = {0};
        for (int index = 0; index < GROUP; index += 2) {
            one += choice->costs[symbols[index]];
            two += choice->costs[symbols[index + 1]];
        }
        one += two;
        int best = 0;
        for (int table = 1; table < tables; table++)
            best = one[table] < one[best] ? table : best;
        sum += one[best];
        name_table(&names, best);
        if (best != selectors[group]) {
            if (selectors[group] < TABLES)
                count_group(choice, group, selectors[group], UINT32_MAX);
            count_group(choice, group, best, 1);
            selectors[group] = (uint8_t)best;
        }
    }
    return sum;
}

/* What a symbol would cost in each table if codes could have fractions of bits. Whole bits move too few
 * groups: rounds that use these instead end with 0.2 % less. */
static void set_costs(Choice *choice, int tables)
{
    int alphabet = choice->symbols->alphabet;
    for (int table = 0; table < tables; table++) {
        uint32_t sum = 0;
        for (int symbol = 0; symbol < alphabet; symbol++)
            sum += 2 * choice->counts[table][symbol] + 1;
        int32_t whole = logarithm(choice, sum);
        for (int symbol = 0; symbol < alphabet; symbol++) {
            int32_t cost = whole - logarithm(choice, 2 * choice->counts[table][symbol] + 1);
            cost = cost < UNIT / 8 ? UNIT / 8 : cost;
            choice->costs[symbol][table] = (uint16_t)(cost < LONGEST * UNIT ? cost : LONGEST * UNIT);
        }
    }
}

static void set_whole_costs(Choice *choice, const Codes *codes)
{
    for (int table = 0; table < codes->tables; table++)
        for (int symbol = 0; symbol < choice->symbols->alphabet; symbol++)
            choice->costs[symbol][table] = codes->lengths[table][symbol] * UNIT;
}

static int64_t weigh_table(const Choice *choice, int table, const uint8_t *lengths)
{
    int64_t bits = table_bits(lengths, choice->symbols->alphabet);
    for (int symbol = 0; symbol < choice->symbols->alphabet; symbol++)
        bits += (int64_t)choice->counts[table][symbol] * lengths[symbol];
    return bits;
}

/* Means of each weight with its neighbours, its own counted `own` times. */
static void smooth(const uint32_t *weights, int count, uint32_t own, uint32_t *means)
{
    for (int symbol = 0; symbol < count; symbol++) {
        uint32_t before = weights[symbol ? symbol - 1 : 0];
        uint32_t behind = weights[symbol < count - 1 ? symbol + 1 : symbol];
        means[symbol] = before + own * weights[symbol] + behind;
    }
}

/* Code lengths of a table: the best for its symbols, or ones that change less from symbol to symbol, so
 * that the table itself is shorter. Returns the bits of table and symbols. */
static int64_t make_lengths(const Choice *choice, int table, uint8_t *lengths)
{
    int alphabet = choice->symbols->alphabet;
    uint32_t weights[SYMBOLS], means[SYMBOLS];
    uint8_t others[SYMBOLS];
    for (int symbol = 0; symbol < alphabet; symbol++)
        weights[symbol] = choice->counts[table][symbol] ? choice->counts[table][symbol] : 1;
    code_lengths(weights, alphabet, LONGEST, lengths);
    int64_t best = weigh_table(choice, table, lengths);
    for (uint32_t own = 2; own <= 2 * SMOOTHINGS; own += 2) {
        smooth(weights, alphabet, own, means);
        code_lengths(means, alphabet, LONGEST, others);
        int64_t bits = weigh_table(choice, table, others);
        if (bits < best) {
            best = bits;
            memcpy(lengths, others, (size_t)alphabet);
        }
    }
    return best;
}

static int64_t make_all_lengths(const Choice *choice, Codes *codes)
{
    int64_t bits = 0;
    for (int table = 0; table < codes->tables; table++)
        bits += make_lengths(choice, table, codes->lengths[table]);
    return bits;
}

/* First costs: each table is cheap for a range of symbols, and the ranges occur about equally often. */
static void set_first_costs(Choice *choice, int tables)
{
    int symbol = 0, alphabet = choice->symbols->alphabet;
    int64_t left = choice->symbols->count;
    for (int table = 0; table < tables; table++) {
        int64_t wanted = left / (tables - table), got = 0;
        int first = symbol;
        while (symbol < alphabet && (got < wanted || symbol == first))
            got += choice->all[symbol++];
        for (int other = 0; other < alphabet; other++)
            choice->costs[other][table] = other >= first && other < symbol ? UNIT : 16 * UNIT;
        left -= got;
    }
}

/* Bits of the selectors: the place of each table in a move-to-front list, counted from 1. */
static int64_t weigh_selectors(const Choice *choice, const Codes *codes)
{
    Costs names = {UNIT, 2 * UNIT, 3 * UNIT, 4 * UNIT, 5 * UNIT, 6 * UNIT, 7 * UNIT, 8 * UNIT};
    int64_t sum = 0;
    for (int32_t group = 0; group < choice->groups; group++) {
        sum += names[codes->selectors[group]];
        name_table(&names, codes->selectors[group]);
    }
    return sum / UNIT;
}

/* Codes with one table; a second one, which no group has, is there because the format wants two. */
static void choose_one(Choice *choice, Codes *codes)
{
    memset(choice->counts, 0, sizeof choice->counts);
    memcpy(choice->counts[0], choice->all, sizeof choice->all);
    memset(codes->selectors, 0, (size_t)choice->groups);
    codes->tables = 2;
    codes->bits = make_all_lengths(choice, codes) + choice->groups;
}

/* Codes with so many tables, two or more. */
static void choose_some(Choice *choice, Codes *codes, int tables)
{
    int64_t best = INT64_MAX;
    memset(choice->counts, 0, sizeof choice->counts);
    memset(codes->selectors, 255, (size_t)choice->groups);
    codes->tables = tables;
    set_first_costs(choice, tables);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t sum = assign_groups(choice, tables, codes->selectors);
        if (round && sum + best / WORTH >= best)
            break;
        best = round ? sum : INT64_MAX; /* the first costs mean nothing */
        set_costs(choice, tables);
    }
    make_all_lengths(choice, codes);
    set_whole_costs(choice, codes);
    assign_groups(choice, tables, codes->selectors);
    codes->bits = make_all_lengths(choice, codes) + weigh_selectors(choice, codes);
}

/* Codes with so many tables; whether they are better than those in `best`, which they become then. */
static int try_tables(Choice *choice, Codes *best, Codes *other, int tables)
{
    choose_some(choice, other, tables);
    if (other->bits >= best->bits)
        return 0;
    Codes swap = *best;
    *best = *other;
    *other = swap;
    return 1;
}

void choose_codes(const Symbols *symbols, Codes *codes, Codes *other)
{
    Choice choice = {.symbols = symbols, .groups = (symbols->count + GROUP - 1) / GROUP};
    make_fractions(choice.fractions);
    for (int32_t index = 0; index < symbols->count; index++)
        choice.all[symbols->symbols[index]]++;
    for (int index = 0; index < GROUP; index++)
        symbols->symbols[symbols->count + index] = SYMBOLS;
    choose_one(&choice, codes);
    int32_t worth = symbols->count / (SPAN * symbols->alphabet);
    int first = worth > TABLES ? TABLES : worth < 2 ? 2 : (int)worth;
    int better = try_tables(&choice, codes, other, first);
    if (worth > PLENTY)
        return;
    for (int tables = first + 1; better && tables <= TABLES; tables++)
        better = try_tables(&choice, codes, other, tables);
    better = 1;
    for (int tables = first - 1; better && tables > 1; tables--)
        better = try_tables(&choice, codes, other, tables);
}
