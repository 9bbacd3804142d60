/* SPDX-License-Identifier: Apache-2.0 */
/* Matches of the enhancement, spec 12.6: colours that follow known neighbourhoods, and recalled samples. */

#include <string.h>

#include "jai_enhance.h"

#define HASH_BITS 18
#define HASH_FACTOR 0x9E3779B1u
#define MISS_BITS 10
#define START_MISS 64
enum { NUM_SOURCES = 7, NUM_MATCH_CONTEXTS = NUM_SOURCES << 8, NONE = -1, RECALL_LIMIT = 15 };
enum { NEAR, FAR, NUM_SIZES };

typedef struct { /* what followed a neighbourhood */
    int64_t last, before;
    int agreed;
} follower;

struct jai_matches {
    follower followers[NUM_SIZES][1 << HASH_BITS];
    jai_mean misses[2][NUM_MATCH_CONTEXTS]; /* of the first and second expectation */
    uint16_t recalled[2][1 << HASH_BITS];   /* of the components 1 and 2 */
    jai_mean recall_errors[2][2][JAI_NUM_RESIDUAL_CONTEXTS]; /* of components 1, 2: of the prediction, the kept sample */
};

void jai_start_matches(enhancer *e)
{
    e->matches = NULL;
    if (!e->match_flag)
        return;
    jai_matches *m = e->matches = jai_zalloc(e->ctx, 1, sizeof *m);
    for (int size = 0; size < NUM_SIZES; size++)
        for (int h = 0; h < 1 << HASH_BITS; h++)
            m->followers[size][h].last = m->followers[size][h].before = NONE;
    for (int i = 0; i < 2; i++) {
        jai_means_start(m->misses[i], NUM_MATCH_CONTEXTS, START_MISS, MISS_BITS);
        for (int k = 0; k < 2; k++)
            jai_means_start(m->recall_errors[i][k], JAI_NUM_RESIDUAL_CONTEXTS, 1 << MISS_BITS, MISS_BITS);
    }
}

static uint32_t add_to_hash(uint32_t h, int64_t colour)
{
    h = (h ^ (uint32_t)colour) * HASH_FACTOR;
    return h ^ h >> 15;
}

static uint32_t finish_hash(uint32_t h) { return h >> (32 - HASH_BITS); }

/* 12.6.1 steps (1) and (2); returns the sources. */
static void expect(const jai_matches *m, position *p, const int64_t *c, int source[2])
{
    const follower *near = &m->followers[NEAR][p->hash[NEAR]], *far = &m->followers[FAR][p->hash[FAR]];
    int64_t others[6] = {c[NW], c[N], c[W], near->before, near->last, far->before}; /* by source - 1 */
    p->expected[0] = far->last != NONE ? far->last : near->last != NONE ? near->last : c[W];
    source[0] = far->last != NONE ? 4 + far->agreed : near->last != NONE ? 1 + near->agreed : 0;
    p->expected[1] = p->expected[0];
    for (source[1] = 6; source[1] > 0; source[1]--) {
        int64_t other = others[source[1] - 1];
        if (other != NONE && other != p->expected[0]) {
            p->expected[1] = other;
            break;
        }
    }
}

static void match_position(const enhancer *e, position *p)
{
    static const int far[] = {WW, NN, 8, 6}; /* the last two: (-1, -2) and (-2, 1) */
    int64_t c[NUM_NEIGHBOURS];
    uint32_t h = 0;
    int source[2];
    for (int i = 0; i < NUM_NEIGHBOURS; i++)
        c[i] = e->colour[(ptrdiff_t)p->at + e->offsets[i]];
    for (int i = W; i <= NE; i++)
        h = add_to_hash(h, c[i]);
    p->hash[NEAR] = finish_hash(h);
    for (int i = 0; i < 4; i++)
        h = add_to_hash(h, c[far[i]]);
    p->hash[FAR] = finish_hash(h);
    expect(e->matches, p, c, source);
    for (int i = 0; i < 2; i++) {
        int bits[] = {c[W] == c[N], c[W] == c[NW], c[N] == c[NE], p->expected[i] == c[W], p->expected[i] == c[N],
                      e->misses[(ptrdiff_t)p->at + e->offsets[W]], e->misses[(ptrdiff_t)p->at + e->offsets[N]],
                      e->misses[(ptrdiff_t)p->at + e->offsets[NE]]};
        p->match_context[i] = source[i];
        for (int b = 0; b < 8; b++)
            p->match_context[i] = p->match_context[i] << 1 | bits[b];
    }
}

/* One call of match symbols, of the positions that have missed so far. */
static void decode_expectation(enhancer *e, int which)
{
    size_t count = 0;
    const int32_t *symbol = e->value;
    for (int k = 0; k < e->wave_size; k++)
        if (e->wave[k].missed) {
            int level = jai_mean_level(&e->matches->misses[which][e->wave[k].match_context[which]], MISS_BITS);
            e->table_idx[count++] = (uint8_t)jai_clip(0, jai_lossless_match.count - 1, level);
        }
    e->substream->tables = e->ctx->codec->lossless_match;
    jai_substream_call(e->substream, e->table_idx, count, e->value);
    for (int k = 0; k < e->wave_size; k++) {
        position *p = &e->wave[k];
        if (!p->missed)
            continue;
        if (*symbol != 0 && *symbol != 1)
            jai_fail(e->ctx, JAI_BAD_STREAM, "SOE-005", e->substream->offset, "a match symbol is neither 0 nor 1");
        jai_mean_add(&e->matches->misses[which][p->match_context[which]], *symbol);
        p->missed = *symbol++;
        if (which == 0)
            p->missed_first = p->missed;
        int depth = e->picture.bit_depth;
        for (int c = 0; c < e->components && !p->missed; c++)
            p->sample[c] = jai_clip(e->picture.min_sample, e->picture.max_sample,
                                    (int)(p->expected[which] >> (e->components - 1 - c) * depth & ((1 << depth) - 1)));
    }
    for (int k = 0; k < e->wave_size; k++)
        jai_mean_settle(&e->matches->misses[which][e->wave[k].match_context[which]]);
}

void jai_decode_matches(enhancer *e)
{
    for (int k = 0; k < e->wave_size; k++)
        match_position(e, &e->wave[k]);
    decode_expectation(e, 0);
    decode_expectation(e, 1);
}

/* 12.6.2 step (2). Positions of a wave see the values from before it; of equal hashes the lowest row stays. */
void jai_update_matches(enhancer *e)
{
    int depth = e->picture.bit_depth;
    for (int k = 0; k < e->wave_size; k++) {
        const position *p = &e->wave[k];
        int64_t colour = 0;
        for (int c = 0; c < e->components; c++)
            colour = colour << depth | p->sample[c];
        e->colour[p->at] = colour;
        e->misses[p->at] = (uint8_t)p->missed_first;
    }
    for (int size = 0; size < NUM_SIZES; size++) {
        follower *followers = e->matches->followers[size];
        for (int k = 0; k < e->wave_size; k++) {
            position *p = &e->wave[k];
            const follower *old = &followers[p->hash[size]];
            int64_t colour = e->colour[p->at];
            p->expected[0] = old->last == NONE || old->last == colour ? old->before : old->last;
            p->match_context[0] = old->last == NONE ? 0 : old->last == colour ? 2 : 1;
        }
        for (int k = 0; k < e->wave_size; k++) {
            const position *p = &e->wave[k];
            follower *f = &followers[p->hash[size]];
            f->last = e->colour[p->at];
            f->before = p->expected[0];
            f->agreed = p->match_context[0];
        }
    }
}

/* 12.6.3 */
void jai_recall(enhancer *e, position *p, int component)
{
    const jai_matches *m = e->matches;
    int depth = e->picture.bit_depth;
    int64_t known = component == 1 ? p->sample[0] : ((int64_t)p->sample[0] << depth) + p->sample[1];
    p->recall_hash = finish_hash(add_to_hash(0, known));
    p->recalled = m->recalled[component - 1][p->recall_hash];
    p->unreplaced = p->prediction;
    if (jai_mean_level(&m->recall_errors[component - 1][1][p->context], MISS_BITS) <
        jai_mean_level(&m->recall_errors[component - 1][0][p->context], MISS_BITS))
        p->prediction = p->recalled;
}

static int limited_error(int a, int b)
{
    int error = a < b ? b - a : a - b;
    return error < RECALL_LIMIT ? error : RECALL_LIMIT;
}

void jai_recall_update(enhancer *e, int component)
{
    jai_matches *m = e->matches;
    for (int k = 0; k < e->wave_size; k++) {
        const position *p = &e->wave[k];
        if (p->missed) {
            jai_mean_add(&m->recall_errors[component - 1][0][p->context], limited_error(p->sample[component], p->unreplaced));
            jai_mean_add(&m->recall_errors[component - 1][1][p->context], limited_error(p->sample[component], p->recalled));
        }
        m->recalled[component - 1][p->recall_hash] = (uint16_t)p->sample[component];
    }
    for (int k = 0; k < e->wave_size; k++)
        for (int i = 0; i < 2; i++)
            jai_mean_settle(&m->recall_errors[component - 1][i][e->wave[k].context]);
}
