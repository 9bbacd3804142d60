/* SPDX-License-Identifier: Apache-2.0 */
/* Latent decoding, spec 8: hyper-latent, quality map, and the block transforms, groups and phases of each tile. */

#include <string.h>

#include "jai_internal.h"

#define HYPER_LATENT_MAX 127
#define HYPER_LANE_SYMBOLS 2048
#define QUALITY_MAX 63
#define MAP_LANES 1
#define SYMBOL_MAX 127
#define RESIDUAL_MAX 8191
#define DEVIATION_MAX 2047
#define DEVIATION_ONE 32
#define LATENT_MAX 4095
#define STEP_SHIFT 8
#define SCALE_OFFSET 224
#define SCALE_SHIFT 3
#define INDICATOR_ONE 16
#define TABLE_OFFSET 512
#define TABLE_SHIFT 5
#define MATRIX_SHIFT 14

static int16_t *at(const jai_tensor *t, int i, int j)
{
    return t->v + ((size_t)i * (size_t)t->width + (size_t)j) * t->pitch;
}

/* ---- 8.3 ---- */

static jai_tensor hyper_latent(jai_ctx *ctx, const jai_codestream *stream)
{
    const jai_picture_header *h = &stream->picture;
    int channels = jai_model_set.hyper_channels;
    size_t area = (size_t)h->h64 * (size_t)h->w64, count = area * (size_t)channels;
    int lanes = jai_clip(1, JAI_MAX_LANES, (int)(count / HYPER_LANE_SYMBOLS));
    jai_tensor z = jai_new_tensor(ctx, channels, h->h64, h->w64);
    uint8_t *table_idx = jai_alloc(ctx, count, 1);
    int32_t *value = jai_alloc(ctx, count, sizeof *value);
    jai_substream *s = jai_alloc(ctx, 1, sizeof *s);

    for (size_t n = 0; n < count; n++)
        table_idx[n] = (uint8_t)(n / area);
    jai_substream_open(ctx, s, stream->hyper, lanes, ctx->codec->hyper);
    jai_substream_call(s, table_idx, count, value);
    jai_substream_finish(s);
    for (size_t n = 0; n < count; n++) {
        if (value[n] < -HYPER_LATENT_MAX || value[n] > HYPER_LATENT_MAX)
            jai_fail(ctx, JAI_BAD_STREAM, "SOZ-001", stream->hyper.offset, "a value of the hyper-latent is too large");
        z.v[n % area * (size_t)channels + n / area] = (int16_t)value[n];
    }
    jai_release(ctx, s);
    jai_release(ctx, value);
    jai_release(ctx, table_idx);
    return z;
}

/* ---- 8.7 ---- */

static jai_quality decode_quality(jai_ctx *ctx, const jai_codestream *stream)
{
    const jai_picture_header *h = &stream->picture;
    size_t count = (size_t)h->h16 * (size_t)h->w16, width = (size_t)h->w16;
    uint8_t *quality = jai_alloc(ctx, count, 1);
    jai_quality result = {h->h16, h->w16, width, quality};
    memset(quality, h->quality_idx, count);
    if (!stream->has_map)
        return result;

    uint8_t *table_idx = jai_alloc(ctx, count, 1);
    int32_t *offset = jai_alloc(ctx, count, sizeof *offset);
    jai_substream *s = jai_alloc(ctx, 1, sizeof *s);
    memset(table_idx, stream->map_scale_idx, count);
    jai_substream_open(ctx, s, stream->map, MAP_LANES, ctx->codec->residual);
    jai_substream_call(s, table_idx, count, offset);
    jai_substream_finish(s);
    for (size_t n = 0; n < count; n++) {
        if (n > 0)
            offset[n] += n % width ? offset[n - 1] : offset[n - width];
        if (offset[n] < -QUALITY_MAX || offset[n] > QUALITY_MAX)
            jai_fail(ctx, JAI_BAD_STREAM, "SOQ-003", stream->map.offset, "an offset of the quality map is too large");
        quality[n] = (uint8_t)jai_clip(0, QUALITY_MAX, h->quality_idx + offset[n]);
    }
    jai_release(ctx, s);
    jai_release(ctx, offset);
    jai_release(ctx, table_idx);
    return result;
}

/* ---- 8.4 ---- */

typedef struct { /* a tile while it is decoded; tensors are those of the tile, y_hat a part of the picture's */
    jai_ctx *ctx;
    const jai_codestream *stream;
    int tile;
    jai_quality quality;
    jai_tensor y_hat, state, indicators, activity, deviation, symbols;
    int32_t *transform_idx;   /* [height][width] */
    jai_substream *substream; /* of the current layer */
    uint8_t *scale_idx;       /* of the coded positions, then their residuals, in C, H, W order */
    int32_t *residual;
} tile_decoder;

static jai_tensor crop(jai_ctx *ctx, const jai_tensor *x, jai_rectangle r)
{
    jai_tensor y = jai_new_tensor(ctx, x->channels, r.height, r.width);
    for (int i = 0; i < r.height; i++)
        memcpy(at(&y, i, 0), at(x, r.top + i, r.left), (size_t)r.width * y.pitch * sizeof *y.v);
    return y;
}

static jai_tensor zeros(jai_ctx *ctx, int channels, int height, int width)
{
    jai_tensor t = jai_new_tensor(ctx, channels, height, width);
    memset(t.v, 0, (size_t)height * (size_t)width * t.pitch * sizeof *t.v);
    return t;
}

static int16_t *y_hat_at(const tile_decoder *d, int i, int j)
{
    return d->y_hat.v + ((size_t)i * (size_t)d->stream->picture.w16 + (size_t)j) * d->y_hat.pitch;
}

/* The inputs of a network by the names that its description lists. */
static void evaluate(tile_decoder *d, const jai_network *network, const char *const *names,
                     const jai_tensor *const *tensors, int count, int phase, jai_tensor *outputs)
{
    jai_tensor inputs[JAI_MAX_INPUTS] = {{0}};
    for (int i = 0; i < network->num_inputs; i++)
        for (int k = 0; k < count; k++)
            if (strcmp(network->input_names[i], names[k]) == 0)
                inputs[i] = *tensors[k];
    jai_evaluate(d->ctx, network, inputs, d->quality, phase, outputs);
}

/* 8.4.5 */
static uint8_t *transform_tables(tile_decoder *d)
{
    static const char *const names[] = {"state"};
    const jai_tensor *tensors[] = {&d->state};
    jai_tensor scale;
    evaluate(d, jai_model_set.head_transform, names, tensors, 1, JAI_EVERYWHERE, &scale);
    size_t count = (size_t)scale.height * (size_t)scale.width;
    uint8_t *table_idx = jai_alloc(d->ctx, count, 1);
    for (size_t n = 0; n < count; n++) {
        int table = (scale.v[n * scale.pitch] + TABLE_OFFSET) >> TABLE_SHIFT;
        table_idx[n] = (uint8_t)(JAI_NUM_SCALES + jai_clip(0, jai_model_set.num_transform_tables - 1, table));
    }
    jai_release(d->ctx, scale.v);
    return table_idx;
}

/* 8.4.6, and the indicators of 8.4. */
static void decode_transforms(tile_decoder *d)
{
    int transforms = jai_model_set.num_transforms;
    size_t count = (size_t)d->state.height * (size_t)d->state.width;
    uint8_t *table_idx = transform_tables(d);
    d->transform_idx = jai_alloc(d->ctx, count, sizeof *d->transform_idx);
    d->indicators = zeros(d->ctx, transforms, d->state.height, d->state.width);
    jai_substream_call(d->substream, table_idx, count, d->transform_idx);
    for (size_t n = 0; n < count; n++) {
        d->transform_idx[n] += (transforms - 1) / 2;
        if (d->transform_idx[n] < 0 || d->transform_idx[n] >= transforms)
            jai_fail(d->ctx, JAI_BAD_STREAM, "SOR-006", d->substream->offset, "a block transform does not exist");
        d->indicators.v[n * d->indicators.pitch + (size_t)d->transform_idx[n]] = INDICATOR_ONE;
    }
    jai_release(d->ctx, table_idx);
}

/* 8.4, before the first group. */
static void add_transforms_to_state(tile_decoder *d)
{
    static const char *const names[] = {"state", "transform"};
    const jai_tensor *tensors[] = {&d->state, &d->indicators};
    jai_tensor out;
    evaluate(d, jai_model_set.update_transform, names, tensors, 2, JAI_EVERYWHERE, &out);
    jai_release(d->ctx, d->state.v);
    d->state = out;
}

/* 8.4.7 at one position: k is not 0, sums has num_transform_channels numbers. */
static void invert_transform(int k, int16_t *y_hat, int32_t *sums)
{
    int n = jai_model_set.num_transform_channels;
    const int16_t *channels = jai_model_set.transform_channels;
    const int16_t *matrix = jai_model_set.transform_matrices + (size_t)(k - 1) * (size_t)n * (size_t)n;
    for (int a = 0; a < n; a++)
        sums[a] = 1 << (MATRIX_SHIFT - 1);
    for (int b = 0; b < n; b++)
        if (y_hat[channels[b]])
            jai_multiply_add(sums, matrix + (size_t)b * (size_t)n, y_hat[channels[b]], n);
    for (int a = 0; a < n; a++)
        y_hat[channels[a]] = (int16_t)jai_clip(-LATENT_MAX, LATENT_MAX, sums[a] >> MATRIX_SHIFT);
}

/* 8.4.7 */
static void invert_transforms(tile_decoder *d)
{
    int32_t *sums = jai_alloc(d->ctx, (size_t)jai_model_set.num_transform_channels, sizeof *sums);
    const int32_t *k = d->transform_idx;
    for (int i = 0; i < d->state.height; i++)
        for (int j = 0; j < d->state.width; j++, k++)
            if (*k != 0)
                invert_transform(*k, y_hat_at(d, i, j), sums);
    jai_release(d->ctx, sums);
}

/* 8.4 step (1): outputs[0] is scale, outputs[1] is mean where the group has one. */
static void predict(tile_decoder *d, int group, int phase, int first, jai_tensor *outputs)
{
    static const char *const names[] = {"state", "transform", "symbols", "activity", "deviation"};
    int size = jai_model_set.group_size[group];
    jai_tensor activity = jai_channels(d->activity, 0, first);
    jai_tensor deviation = jai_channels(d->deviation, 0, phase == 0 ? first : first + size);
    const jai_tensor *tensors[] = {&d->state, &d->indicators, &d->symbols, &activity, &deviation};
    evaluate(d, jai_model_set.head[2 * group + phase], names, tensors, 5, phase, outputs);
}

/* 8.4.2 */
static int scale_index(int scale)
{
    return jai_clip(0, JAI_NUM_SCALES - 1, (scale + SCALE_OFFSET) >> SCALE_SHIFT);
}

static int is_present(const tile_decoder *d, int channel)
{
    return !d->stream->picture.monochrome_flag || jai_model_set.component[channel] == 0;
}

/* 8.4.1 */
static void decode_residual(tile_decoder *d, int phase, int first, const jai_tensor *scale)
{
    size_t count = 0;
    for (int c = 0; c < scale->channels; c++)
        if (is_present(d, first + c))
            for (int i = 0; i < scale->height; i++) {
                const int16_t *row = at(scale, i, 0) + c;
                for (int j = (i + phase) % 2; j < scale->width; j += 2) {
                    int index = scale_index(row[(size_t)j * scale->pitch]);
                    d->scale_idx[count] = (uint8_t)index;
                    count += index >= jai_skip_threshold;
                }
            }
    jai_substream_call(d->substream, d->scale_idx, count, d->residual);
    for (size_t n = 0; n < count; n++)
        if (d->residual[n] < -RESIDUAL_MAX || d->residual[n] > RESIDUAL_MAX)
            jai_fail(d->ctx, JAI_BAD_STREAM, "SOR-005", d->substream->offset, "a residual is too large");
}

/* 8.4 steps (2) and (3) at the positions of the phase: d->residual becomes latents, symbols and news. */
static void reconstruct(tile_decoder *d, int group, int phase, int first, const jai_tensor *scale,
                        const jai_tensor *mean, jai_tensor *news, jai_tensor *drift)
{
    int channels = jai_model_set.latent_channels;
    const int32_t *next = d->residual;
    for (int c = 0; c < scale->channels; c++)
        if (is_present(d, first + c))
            for (int i = 0; i < scale->height; i++)
                for (int j = (i + phase) % 2; j < scale->width; j += 2) {
                    int index = scale_index(at(scale, i, j)[c]);
                    int r = index >= jai_skip_threshold ? *next++ : 0;
                    if (r == 0 && !mean)
                        continue; /* everything stays as it is */
                    int offset = r == 0 ? 0 : jai_offsets[index][r < -1 || r > 1];
                    int deviation = (mean ? at(mean, i, j)[c] : 0) + DEVIATION_ONE * r - (r < 0 ? -offset : offset);
                    int quality = d->quality.v[(size_t)i * d->quality.pitch + (size_t)j];
                    int step = jai_model_set.step[quality * channels + first + c];
                    int scaled = (deviation * step + (1 << (STEP_SHIFT - 1))) >> STEP_SHIFT;
                    int16_t *y_hat = y_hat_at(d, i, j) + first + c;
                    *y_hat = (int16_t)jai_clip(-LATENT_MAX, LATENT_MAX, *y_hat + scaled);

                    int symbol = jai_clip(-SYMBOL_MAX, SYMBOL_MAX, r);
                    at(news, i, j)[c] = (int16_t)symbol;
                    at(&d->symbols, i, j)[c] = (int16_t)symbol;
                    if (group < jai_model_set.mean_groups) {
                        int clipped = jai_clip(-DEVIATION_MAX, DEVIATION_MAX, deviation);
                        at(drift, i, j)[c] = (int16_t)clipped;
                        at(&d->deviation, i, j)[first + c] = (int16_t)clipped;
                    }
                }
}

/* 8.4 step (3), the network. */
static void update_state(tile_decoder *d, int group, const jai_tensor *news, const jai_tensor *drift)
{
    static const char *const names[] = {"state", "symbols", "deviation"};
    const jai_tensor *tensors[] = {&d->state, news, drift};
    jai_tensor out;
    evaluate(d, jai_model_set.update[group], names, tensors, 3, JAI_EVERYWHERE, &out);
    jai_release(d->ctx, d->state.v);
    d->state = out;
}

/* 8.4 step (4) */
static void add_activity(tile_decoder *d, int group, int first)
{
    static const char *const names[] = {"symbols"};
    const jai_tensor *tensors[] = {&d->symbols};
    jai_tensor blur;
    evaluate(d, jai_model_set.activity[group], names, tensors, 1, JAI_EVERYWHERE, &blur);
    for (int i = 0; i < blur.height; i++)
        for (int j = 0; j < blur.width; j++)
            memcpy(at(&d->activity, i, j) + first, at(&blur, i, j), (size_t)blur.channels * sizeof *blur.v);
    jai_release(d->ctx, blur.v);
}

static void decode_group(tile_decoder *d, int group, int first)
{
    int size = jai_model_set.group_size[group], last = group == jai_model_set.num_groups - 1;
    int height = d->state.height, width = d->state.width, has_mean = group < jai_model_set.mean_groups;
    d->symbols = zeros(d->ctx, size, height, width);
    for (int phase = 0; phase < 2; phase++) {
        jai_tensor outputs[2] = {{0}, {0}}, news, drift = {0};
        predict(d, group, phase, first, outputs);
        decode_residual(d, phase, first, &outputs[0]);
        news = zeros(d->ctx, size, height, width);
        if (has_mean)
            drift = zeros(d->ctx, size, height, width);
        reconstruct(d, group, phase, first, &outputs[0], has_mean ? &outputs[1] : NULL, &news, &drift);
        if (!(last && phase == 1))
            update_state(d, group, &news, &drift);
        jai_release(d->ctx, drift.v);
        jai_release(d->ctx, news.v);
        jai_release(d->ctx, outputs[1].v);
        jai_release(d->ctx, outputs[0].v);
    }
    if (!last)
        add_activity(d, group, first);
    jai_release(d->ctx, d->symbols.v);
}

static void decode_tile(tile_decoder *d, jai_tensor *y_hat, const jai_tensor *state, const jai_quality *quality)
{
    const jai_picture_header *h = &d->stream->picture;
    jai_rectangle r = jai_tile(h, d->tile);
    int group = 0, first = 0, largest = 0;
    for (int k = 0; k < jai_model_set.num_groups; k++)
        largest = jai_model_set.group_size[k] > largest ? jai_model_set.group_size[k] : largest;
    size_t positions = (size_t)largest * (size_t)r.height * (size_t)((r.width + 1) / 2);

    d->y_hat = *y_hat;
    d->y_hat.v = at(y_hat, r.top, r.left);
    d->quality = *quality;
    d->quality.height = r.height, d->quality.width = r.width;
    d->quality.v += (size_t)r.top * quality->pitch + (size_t)r.left;
    d->state = crop(d->ctx, state, r);
    d->activity = zeros(d->ctx, jai_model_set.latent_channels, r.height, r.width);
    d->deviation = zeros(d->ctx, jai_model_set.mean_channels, r.height, r.width);
    d->scale_idx = jai_alloc(d->ctx, positions + 1, sizeof *d->scale_idx); /* one more: it is written, then counted */
    d->residual = jai_alloc(d->ctx, positions, sizeof *d->residual);

    for (int layer = 0; layer < h->num_layers; layer++) {
        jai_substream_open(d->ctx, d->substream, d->stream->residual[layer * h->num_tiles + d->tile], h->num_lanes,
                           d->ctx->codec->residual);
        if (layer == 0) {
            decode_transforms(d);
            add_transforms_to_state(d);
        }
        for (; group <= h->layer_last_group[layer]; first += jai_model_set.group_size[group++])
            decode_group(d, group, first);
        jai_substream_finish(d->substream);
    }
    invert_transforms(d);
    jai_release(d->ctx, d->transform_idx);
    jai_release(d->ctx, d->indicators.v);
    jai_release(d->ctx, d->residual);
    jai_release(d->ctx, d->scale_idx);
    jai_release(d->ctx, d->deviation.v);
    jai_release(d->ctx, d->activity.v);
    jai_release(d->ctx, d->state.v);
}

/* ---- 8.1 ---- */

/* y_hat before the first group: the hyper mean where there is one, 8.4. */
static jai_tensor start_latents(jai_ctx *ctx, const jai_codestream *stream, const jai_tensor *mu)
{
    const jai_picture_header *h = &stream->picture;
    jai_tensor y_hat = zeros(ctx, jai_model_set.latent_channels, h->h16, h->w16);
    for (int i = 0; i < h->h16; i++)
        for (int j = 0; j < h->w16; j++)
            for (int c = 0; c < mu->channels; c++)
                if (!h->monochrome_flag || jai_model_set.component[c] == 0)
                    at(&y_hat, i, j)[c] = at(mu, i, j)[c];
    return y_hat;
}

jai_latents jai_decode_latents(jai_ctx *ctx, const jai_codestream *stream)
{
    const jai_picture_header *h = &stream->picture;
    jai_latents latents;
    jai_tensor z_hat = hyper_latent(ctx, stream), features[2];
    tile_decoder d = {0};
    d.ctx = ctx;
    d.stream = stream;
    latents.quality = decode_quality(ctx, stream);
    jai_evaluate(ctx, jai_model_set.hyper, &z_hat, latents.quality, JAI_EVERYWHERE, features); /* state, mean */
    jai_release(ctx, z_hat.v);
    latents.y_hat = start_latents(ctx, stream, &features[1]);
    jai_release(ctx, features[1].v);
    d.substream = jai_alloc(ctx, 1, sizeof *d.substream);
    for (d.tile = 0; d.tile < h->num_tiles; d.tile++)
        decode_tile(&d, &latents.y_hat, &features[0], &latents.quality);
    jai_release(ctx, d.substream);
    jai_release(ctx, features[0].v);
    return latents;
}
