/* SPDX-License-Identifier: Apache-2.0 */
/* What jai_enhance.c and jai_match.c share: a tile while it is enhanced, spec 12. */

#ifndef JAI_ENHANCE_H
#define JAI_ENHANCE_H

#include "jai_internal.h"

enum { W, N, NW, NE, NN, WW, NUM_NEIGHBOURS = 10, NUM_CANDIDATES = 6, MARGIN = 3 };

typedef struct { /* 12.8.2 */
    int count, sum;
} jai_mean;

typedef struct jai_matches jai_matches;

typedef struct { /* a position of the current wave */
    int x, y;
    size_t at;                       /* in the planes */
    int base[3], sample[3];          /* by component of the pass, such as G, R, B */
    int missed;                      /* all expectations: its residuals are coded */
    int missed_first;
    int64_t expected[2];             /* colours */
    int match_context[2];
    uint32_t hash[2];                /* of the near and the far neighbourhood */
    int line, innovation[2], candidates[NUM_CANDIDATES], prediction, context;
    int unreplaced, recalled;        /* predictions of 12.5.2 and 12.6.3 */
    uint32_t recall_hash;
} position;

typedef struct {
    jai_ctx *ctx;
    jai_picture_header picture; /* as 12.1 or 12.11 says, like the flags */
    int base_flag, match_flag, max_error;
    jai_substream *substream;
    const jai_bytes *payloads; /* of the tiles */
    uint16_t *samples; /* of the picture; those of the base before the tile is decoded */
    int shift, step, num_residuals;

    int components; /* that this pass over the tile decodes together */
    uint16_t *plane[3]; /* of each: its samples, and their number in a row */
    int plane_width;
    int top, left, height, width; /* of the tile, in these samples */
    int pitch;                    /* of the planes below: MARGIN columns on either side, two rows above */
    int offsets[NUM_NEIGHBOURS];
    int32_t *signal[3];
    uint16_t *error[3], *candidate_error[3];
    int64_t *colour;
    uint8_t *misses; /* of the first expectation */

    int wave_size;
    position *wave; /* from the top down */
    uint8_t *table_idx, *low_bits;
    int32_t *value, *low;
    jai_mean means[3][JAI_NUM_RESIDUAL_CONTEXTS]; /* of the residuals, by component */
    jai_matches *matches;
} enhancer;

int jai_level_of(int64_t v);
void jai_means_start(jai_mean *means, int count, int start, int fraction_bits);
int jai_mean_level(const jai_mean *mean, int fraction_bits);
void jai_mean_add(jai_mean *mean, int value);
void jai_mean_settle(jai_mean *mean);

uint16_t *jai_sample(const enhancer *e, const position *p, int component);

void jai_start_matches(enhancer *e);
void jai_decode_matches(enhancer *e);
void jai_update_matches(enhancer *e);
void jai_recall(enhancer *e, position *p, int component);
void jai_recall_update(enhancer *e, int component);

#endif
