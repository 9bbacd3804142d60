/* SPDX-License-Identifier: Apache-2.0 */
/* Enhancement, spec 12: the samples of a tile, wave by wave. Matches are in jai_match.c. */

#include <string.h>

#include "jai_enhance.h"

#define WEIGHT_BITS 24
#define LOW_BITS_LEVEL 33
#define NUM_OTHERS 4
#define NUM_ACTIVITIES 32
#define MEAN_BITS 6
enum { MEDIAN, LINE, PLANE, GRADIENT, ABOVE, LEFT };

static const int LINE_WEIGHTS[NUM_NEIGHBOURS] = {204, 144, -107, 39, -19, -26, -9, 14, 12, 4};
/* (row, column) of the neighbours of 12.3, in its order. */
static const int NEIGHBOURS[NUM_NEIGHBOURS][2] = {{0, -1}, {-1, 0}, {-1, -1}, {-1, 1}, {-2, 0},
                                                  {0, -2}, {-2, 1}, {-2, -1}, {-1, -2}, {-2, 2}};

/* ---- 12.8: levels and means ---- */

int jai_level_of(int64_t v)
{
    int64_t u = v + 1;
    int e = 0;
    while (u >> (e + 1))
        e++;
    return 4 * e + (int)(4 * u >> e) - 4;
}

void jai_means_start(jai_mean *means, int count, int start, int fraction_bits)
{
    for (int i = 0; i < count; i++)
        means[i].count = 4, means[i].sum = 4 * start >> fraction_bits;
}

int jai_mean_level(const jai_mean *mean, int fraction_bits)
{
    return jai_level_of(((int64_t)mean->sum << fraction_bits) / mean->count);
}

void jai_mean_add(jai_mean *mean, int value) { mean->count++, mean->sum += value; }

void jai_mean_settle(jai_mean *mean)
{
    while (mean->count > 255)
        mean->count >>= 1, mean->sum >>= 1;
}

/* ---- 12.5: prediction ---- */

static int own_prediction(const enhancer *e, int which, const int *s)
{
    int w = s[W], n = s[N], nw = s[NW], ne = s[NE], sum = 128;
    switch (which) {
    case MEDIAN: return jai_clip(w < n ? w : n, w < n ? n : w, w + n - nw);
    case PLANE: return w + ne - n;
    case GRADIENT: return (2 * (w + n) + ne - nw) >> 2;
    case ABOVE: return n;
    case LEFT: return e->base_flag ? 0 : w;
    default: /* LINE */
        for (int i = 0; i < NUM_NEIGHBOURS; i++)
            sum += LINE_WEIGHTS[i] * s[i];
        return sum >> 8;
    }
}

static void neighbours(const enhancer *e, int component, size_t at, int *s)
{
    for (int i = 0; i < NUM_NEIGHBOURS; i++)
        s[i] = e->signal[component][(ptrdiff_t)at + e->offsets[i]];
}

/* 12.5.2 steps (1) and (2) */
static void candidates(const enhancer *e, int component, const int *s, const int *innovation, int *c)
{
    int mean = component == 2 ? (innovation[0] + innovation[1]) >> 1 : innovation[0];
    int median = own_prediction(e, MEDIAN, s), line = own_prediction(e, LINE, s), left = own_prediction(e, LEFT, s);
    if (component == 0 || e->picture.ycc_flag) {
        for (int i = 0; i < NUM_CANDIDATES; i++)
            c[i] = own_prediction(e, i, s);
        return;
    }
    c[0] = median + mean;
    c[1] = line + mean;
    c[2] = line + (mean >> 1);
    c[3] = component == 1 ? median : line + innovation[0];
    c[4] = line;
    c[5] = left + mean;
}

/* 12.5.2 steps (3) and (4) */
static int blend(const enhancer *e, int component, size_t at, const int *c)
{
    int64_t sum = 0, total = 0;
    for (int i = 0; i < NUM_CANDIDATES; i++) {
        int64_t errors = 0;
        for (int k = 0; k < 6; k++) /* W, N, NW, NE, NN, WW */
            errors += e->candidate_error[component][((ptrdiff_t)at + e->offsets[k]) * NUM_CANDIDATES + i];
        errors = (errors >> e->shift) + 1;
        errors = errors > 256 ? 256 : errors;
        int64_t weight = ((int64_t)1 << WEIGHT_BITS) / (errors * errors * errors) + 1;
        sum += c[i] * weight;
        total += weight;
    }
    sum += total >> 1;
    return (int)(sum >= 0 ? sum / total : -((-sum + total - 1) / total));
}

/* ---- 12.8.4 ---- */

static int difference(int a, int b) { return a < b ? b - a : a - b; }

static int residual_context(const enhancer *e, int component, size_t at, const int *s)
{
    const uint16_t *error = e->error[component];
    int64_t activity = difference(s[W], s[NW]) + difference(s[N], s[NW]) + difference(s[NE], s[N]) +
                       difference(s[W], s[WW]) + difference(s[N], s[NN]);
    int other = 0, level;
    for (int k = 0; k < 6; k++)
        activity += (k == W || k == N ? 8 : 4) * (int64_t)error[(ptrdiff_t)at + e->offsets[k]];
    if (component == 1)
        activity += 8 * (int64_t)e->error[0][at];
    if (component == 2)
        activity += 4 * ((int64_t)e->error[0][at] + e->error[1][at]);
    if (component > 0)
        other = jai_clip(0, NUM_OTHERS - 1, jai_level_of(e->error[component - 1][at] >> e->shift) >> 2);
    level = jai_clip(0, NUM_ACTIVITIES - 1, jai_level_of(activity >> e->shift) >> 1);
    return other + NUM_OTHERS * level;
}

/* ---- One component of a wave, 12.2 step (2) ---- */

/* 12.7 */
static int reconstruct_sample(const enhancer *e, int prediction, int residual)
{
    int max_error = e->max_error, v = prediction + residual * e->step;
    if (v < e->picture.min_sample - max_error)
        v += e->num_residuals * e->step;
    if (v > e->picture.max_sample + max_error)
        v -= e->num_residuals * e->step;
    return jai_clip(e->picture.min_sample, e->picture.max_sample, v);
}

/* The low bits of the residuals that have some, 12.2.2. */
static void decode_low_bits(enhancer *e, size_t count)
{
    size_t split = 0;
    const int32_t *low = e->low;
    for (size_t n = 0; n < count; n++)
        if (e->low_bits[n])
            e->table_idx[split++] = (uint8_t)(e->low_bits[n] - 1);
    if (split == 0)
        return;
    e->substream->tables = e->ctx->codec->lossless_low;
    jai_substream_call(e->substream, e->table_idx, split, e->low);
    for (size_t n = 0; n < count; n++)
        if (e->low_bits[n])
            e->value[n] = e->value[n] * (1 << e->low_bits[n]) + *low++;
}

static void decode_residuals(enhancer *e, int component)
{
    size_t count = 0;
    int half = e->num_residuals >> 1;
    for (int k = 0; k < e->wave_size; k++)
        if (e->wave[k].missed) { /* 12.8.5 */
            int level = jai_mean_level(&e->means[component][e->wave[k].context], MEAN_BITS);
            int low_bits = jai_clip(0, e->shift, (level - LOW_BITS_LEVEL) >> 2);
            e->low_bits[count] = (uint8_t)low_bits;
            e->table_idx[count++] = (uint8_t)jai_clip(0, jai_lossless_residual.count - 1, level - 4 * low_bits);
        }
    e->substream->tables = e->ctx->codec->lossless_residual;
    jai_substream_call(e->substream, e->table_idx, count, e->value);
    decode_low_bits(e, count);
    for (size_t n = 0; n < count; n++)
        if (e->value[n] < -half || e->value[n] >= e->num_residuals - half)
            jai_fail(e->ctx, JAI_BAD_STREAM, "SOE-006", e->substream->offset, "a residual is too large");
}

static void decode_component(enhancer *e, int component)
{
    const int32_t *residual = e->value;
    for (int k = 0; k < e->wave_size; k++) {
        position *p = &e->wave[k];
        int s[NUM_NEIGHBOURS];
        neighbours(e, component, p->at, s);
        p->line = own_prediction(e, LINE, s);
        p->context = residual_context(e, component, p->at, s);
        candidates(e, component, s, p->innovation, p->candidates);
        p->prediction = jai_clip(e->picture.min_sample, e->picture.max_sample,
                                 blend(e, component, p->at, p->candidates) + p->base[component]);
        if (e->match_flag && component > 0)
            jai_recall(e, p, component);
    }
    decode_residuals(e, component);
    for (int k = 0; k < e->wave_size; k++) {
        position *p = &e->wave[k];
        if (p->missed) {
            p->sample[component] = reconstruct_sample(e, p->prediction, *residual);
            jai_mean_add(&e->means[component][p->context], *residual < 0 ? -*residual : *residual);
            residual++;
        }
        int signal = p->sample[component] - p->base[component];
        e->signal[component][p->at] = signal;
        e->error[component][p->at] = (uint16_t)difference(p->sample[component], p->prediction);
        for (int i = 0; i < NUM_CANDIDATES; i++) {
            int error = difference(p->candidates[i], signal);
            e->candidate_error[component][p->at * NUM_CANDIDATES + (size_t)i] = (uint16_t)(error < 65535 ? error : 65535);
        }
        if (component < 2)
            p->innovation[component] = signal - p->line;
    }
    for (int k = 0; k < e->wave_size; k++)
        jai_mean_settle(&e->means[component][e->wave[k].context]);
    if (e->match_flag && component > 0)
        jai_recall_update(e, component);
}

/* 12.4 */
static void extend_margins(enhancer *e)
{
    for (int k = 0; k < e->wave_size; k++)
        for (int c = 0; c < e->components; c++) {
            const position *p = &e->wave[k];
            int32_t *plane = e->signal[c], *at = plane + p->at, signal = *at;
            for (int n = 1; n <= MARGIN; n++) {
                if (p->x == 0 && p->y + 1 < e->height)
                    at[e->pitch - n] = signal;
                if (p->x == e->width - 1)
                    at[n] = signal;
            }
            if (p->y == 0)
                at[MARGIN - e->pitch] = at[MARGIN - 2 * e->pitch] = signal;
        }
}

/* ---- Waves and tiles ---- */

static void start_wave(enhancer *e, int t)
{
    int y = t < e->width ? 0 : (t - e->width + 2) / 2;
    e->wave_size = 0;
    for (; y < e->height && 2 * y <= t; y++) {
        position *p = &e->wave[e->wave_size++];
        memset(p, 0, sizeof *p);
        p->y = y;
        p->x = t - 2 * y;
        p->at = (size_t)((y + 2) * e->pitch + p->x + MARGIN);
        p->missed = 1;
        if (e->base_flag)
            for (int c = 0; c < e->components; c++)
                p->base[c] = *jai_sample(e, p, c);
    }
}

static void decode_waves(enhancer *e)
{
    for (int t = 0; t <= e->width + 2 * e->height - 3; t++) {
        start_wave(e, t);
        if (e->match_flag)
            jai_decode_matches(e);
        for (int c = 0; c < e->components; c++)
            decode_component(e, c);
        extend_margins(e);
        if (e->match_flag)
            jai_update_matches(e);
        for (int k = 0; k < e->wave_size; k++)
            for (int c = 0; c < e->components; c++)
                *jai_sample(e, &e->wave[k], c) = (uint16_t)e->wave[k].sample[c];
    }
}

uint16_t *jai_sample(const enhancer *e, const position *p, int component)
{
    return e->plane[component] + (size_t)(e->top + p->y) * (size_t)e->plane_width + (size_t)(e->left + p->x);
}

/* ---- A pass: components of a tile that are decoded together, 12.1 ---- */

typedef struct {
    int components, planes[3]; /* in the order of 12.2 */
} pass;

static const pass ONE = {1, {0}}, CHROMA = {2, {1, 2}}, YCC = {3, {0, 1, 2}}, RGB = {3, {1, 0, 2}};

/* Where the tile lies in the planes of the pass. */
static void start_planes(enhancer *e, int tile, const pass *pass)
{
    const jai_picture_header *h = &e->picture;
    jai_rectangle r = jai_tile(h, tile);
    int is_chroma = pass->planes[0] > 0 && h->chroma_format_idc > 0;
    int step_x = is_chroma ? h->step_x : 1, step_y = is_chroma ? h->step_y : 1;
    e->components = pass->components;
    for (int c = 0; c < pass->components; c++)
        e->plane[c] = e->samples + jai_plane_start(h, pass->planes[c]);
    e->plane_width = is_chroma ? h->chroma_width : h->pic_width;
    e->top = 16 * r.top / step_y, e->left = 16 * r.left / step_x;
    e->height = jai_ceil_div(jai_clip(0, h->pic_height - 16 * r.top, 16 * r.height), step_y);
    e->width = jai_ceil_div(jai_clip(0, h->pic_width - 16 * r.left, 16 * r.width), step_x);
}

static void start_pass(enhancer *e)
{
    e->pitch = e->width + 2 * MARGIN;
    size_t area = (size_t)(e->height + 2) * (size_t)e->pitch;
    int outside = e->base_flag ? 0 : 1 << (e->picture.bit_depth - 1);
    for (int i = 0; i < NUM_NEIGHBOURS; i++)
        e->offsets[i] = NEIGHBOURS[i][0] * e->pitch + NEIGHBOURS[i][1];
    for (int c = 0; c < e->components; c++) {
        e->signal[c] = jai_alloc(e->ctx, area, sizeof *e->signal[c]);
        e->error[c] = jai_zalloc(e->ctx, area, sizeof *e->error[c]);
        e->candidate_error[c] = jai_zalloc(e->ctx, area * NUM_CANDIDATES, sizeof *e->candidate_error[c]);
        for (size_t n = 0; n < area; n++)
            e->signal[c][n] = outside;
        for (int i = 0; i < JAI_NUM_RESIDUAL_CONTEXTS; i++)
            jai_means_start(&e->means[c][i], 1, jai_start_means[i] << e->shift, MEAN_BITS);
    }
    e->colour = jai_zalloc(e->ctx, area, sizeof *e->colour);
    e->misses = jai_zalloc(e->ctx, area, sizeof *e->misses);
    e->wave = jai_alloc(e->ctx, (size_t)e->height, sizeof *e->wave);
    e->table_idx = jai_alloc(e->ctx, (size_t)e->height, sizeof *e->table_idx);
    e->low_bits = jai_alloc(e->ctx, (size_t)e->height, sizeof *e->low_bits);
    e->value = jai_alloc(e->ctx, (size_t)e->height, sizeof *e->value);
    e->low = jai_alloc(e->ctx, (size_t)e->height, sizeof *e->low);
    jai_start_matches(e);
}

static void end_pass(enhancer *e)
{
    for (int c = 0; c < e->components; c++) {
        jai_release(e->ctx, e->signal[c]);
        jai_release(e->ctx, e->error[c]);
        jai_release(e->ctx, e->candidate_error[c]);
    }
    jai_release(e->ctx, e->colour);
    jai_release(e->ctx, e->misses);
    jai_release(e->ctx, e->wave);
    jai_release(e->ctx, e->table_idx);
    jai_release(e->ctx, e->low_bits);
    jai_release(e->ctx, e->value);
    jai_release(e->ctx, e->low);
    jai_release(e->ctx, e->matches);
}

static void decode_pass(enhancer *e, int tile, const pass *pass)
{
    start_planes(e, tile, pass);
    start_pass(e);
    decode_waves(e);
    end_pass(e);
}

static void decode_tiles(enhancer *e)
{
    const jai_picture_header *h = &e->picture;
    e->shift = h->bit_depth - 8;
    e->step = 2 * e->max_error + 1;
    e->num_residuals = (h->max_sample - h->min_sample + 2 * e->max_error) / e->step + 1;
    e->substream = jai_alloc(e->ctx, 1, sizeof *e->substream);
    for (int tile = 0; tile < h->num_tiles; tile++) {
        jai_substream_open(e->ctx, e->substream, e->payloads[tile], h->num_lanes, NULL);
        if (h->chroma_format_idc) {
            decode_pass(e, tile, &ONE);
            decode_pass(e, tile, &CHROMA);
        } else
            decode_pass(e, tile, h->monochrome_flag ? &ONE : h->ycc_flag ? &YCC : &RGB);
        jai_substream_finish(e->substream);
    }
    jai_release(e->ctx, e->substream);
}

/* 12.1 */
void jai_enhance(jai_ctx *ctx, const jai_codestream *stream, uint16_t *samples)
{
    enhancer *e = jai_zalloc(ctx, 1, sizeof *e);
    e->ctx = ctx;
    e->picture = stream->picture;
    e->payloads = stream->enhancement;
    e->samples = samples;
    e->base_flag = stream->tools.base_flag;
    e->match_flag = stream->tools.match_flag;
    e->max_error = stream->tools.max_error;
    decode_tiles(e);
    jai_release(ctx, e);
}

/* 12.11 */
void jai_decode_alpha(jai_ctx *ctx, const jai_codestream *stream, uint16_t *alpha)
{
    enhancer *e = jai_zalloc(ctx, 1, sizeof *e);
    e->ctx = ctx;
    e->picture = jai_alpha_header(stream);
    e->payloads = stream->alpha;
    e->samples = alpha;
    e->match_flag = stream->tools.alpha_match_flag;
    decode_tiles(e);
    jai_release(ctx, e);
}
