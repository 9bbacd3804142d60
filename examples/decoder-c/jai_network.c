/* SPDX-License-Identifier: Apache-2.0 */
/* Integer networks, spec 11: the interpreter, and every operation but conv. */

#include <string.h>

#include "jai_internal.h"

#define LATENT_STRIDE 16

jai_tensor jai_new_tensor(jai_ctx *ctx, int channels, int height, int width)
{
    jai_tensor t = {channels, height, width, (size_t)channels, NULL};
    t.v = jai_alloc(ctx, (size_t)height * (size_t)width * (size_t)channels, sizeof *t.v);
    return t;
}

jai_tensor jai_channels(jai_tensor x, int first, int count)
{
    x.v += first;
    x.channels = count;
    return x;
}

static int16_t *at(const jai_tensor *t, int i, int j)
{
    return t->v + ((size_t)i * (size_t)t->width + (size_t)j) * t->pitch;
}

/* ---- Operations on the values of one position: n channels ---- */

static void add(const jai_layer *layer, int16_t *restrict y, const int16_t *x0, const int16_t *x1, int n)
{
    int lo = layer->lo, hi = layer->hi;
    for (int c = 0; c < n; c++) {
        int value = x0[c] + x1[c];
        value = value < lo ? lo : value;
        y[c] = (int16_t)(value > hi ? hi : value);
    }
}

static void lookup(const jai_layer *layer, int16_t *restrict y, const int16_t *x, int n)
{
    for (int c = 0; c < n; c++)
        y[c] = layer->table[jai_clip(0, layer->table_size - 1, x[c])];
}

static void absolute(int16_t *restrict y, const int16_t *x, int n)
{
    for (int c = 0; c < n; c++)
        y[c] = (int16_t)(x[c] < 0 ? -x[c] : x[c]);
}

static void shift_left(const jai_layer *layer, int16_t *restrict y, const int16_t *x, int n)
{
    for (int c = 0; c < n; c++)
        y[c] = (int16_t)jai_clip(layer->lo, layer->hi, x[c] * (1 << layer->n));
}

/* 11.3.9: the row of the table for position (i, j). */
static const int16_t *quality_row(const jai_layer *layer, jai_quality quality, int i, int j)
{
    int at_row = i * layer->stride - layer->margin, at_column = j * layer->stride - layer->margin;
    int qi = at_row < 0 ? 0 : jai_clip(0, quality.height - 1, at_row / LATENT_STRIDE);
    int qj = at_column < 0 ? 0 : jai_clip(0, quality.width - 1, at_column / LATENT_STRIDE);
    return layer->table + (size_t)quality.v[(size_t)qi * quality.pitch + (size_t)qj] * (size_t)layer->channels;
}

static void at_one_position(const jai_layer *layer, const jai_tensor *x, jai_quality quality, int i, int j,
                            jai_tensor *y)
{
    int n = y->channels;
    int16_t *to = at(y, i, j), *from = at(&x[0], i, j);
    switch (layer->operation) {
    case JAI_ADD: add(layer, to, from, at(&x[1], i, j), n); break;
    case JAI_LOOKUP: lookup(layer, to, from, n); break;
    case JAI_ABS: absolute(to, from, n); break;
    case JAI_SHIFT_LEFT: shift_left(layer, to, from, n); break;
    case JAI_SLICE: memcpy(to, from + layer->n, (size_t)n * sizeof *to); break;
    case JAI_QUALITY_BIAS: add(layer, to, from, quality_row(layer, quality, i, j), n); break;
    default: /* JAI_CONCAT */
        for (int k = 0; k < layer->num_inputs; to += x[k++].channels)
            memcpy(to, at(&x[k], i, j), (size_t)x[k].channels * sizeof *to);
    }
}

/* A row whose values lie side by side is one long position to the operations that treat all channels alike. */
static void pointwise(const jai_layer *layer, const jai_tensor *x, jai_quality quality, jai_tensor *y)
{
    int alike = layer->operation == JAI_ADD || layer->operation == JAI_LOOKUP || layer->operation == JAI_ABS ||
                layer->operation == JAI_SHIFT_LEFT;
    for (int k = 0; k < layer->num_inputs; k++)
        alike = alike && x[k].pitch == (size_t)x[k].channels;
    jai_tensor long_row = *y;
    long_row.channels = alike ? y->width * y->channels : y->channels;
    for (int i = 0; i < y->height; i++)
        for (int j = 0; j < (alike ? 1 : y->width); j++)
            at_one_position(layer, x, quality, i, j, &long_row);
}

/* ---- Operations that move values ---- */

static void pixel_shuffle(int f, const jai_tensor *x, jai_tensor *y)
{
    for (int i = 0; i < x->height; i++)
        for (int j = 0; j < x->width; j++) {
            const int16_t *from = at(x, i, j);
            for (int c = 0; c < y->channels; c++)
                for (int u = 0; u < f; u++) {
                    int16_t *to = at(y, i * f + u, j * f) + c;
                    for (int v = 0; v < f; v++, to += y->pitch)
                        *to = *from++;
                }
        }
}

static void pixel_unshuffle(int f, const jai_tensor *x, jai_tensor *y)
{
    for (int i = 0; i < y->height; i++)
        for (int j = 0; j < y->width; j++) {
            int16_t *to = at(y, i, j);
            for (int c = 0; c < x->channels; c++)
                for (int u = 0; u < f; u++) {
                    const int16_t *from = at(x, i * f + u, j * f) + c;
                    for (int v = 0; v < f; v++, from += x->pitch)
                        *to++ = *from;
                }
        }
}

static int mirror(int a, int size)
{
    int period = 2 * size, b = a % period;
    b = b < 0 ? b + period : b;
    return b < size ? b : period - 1 - b;
}

/* shift_pad with n > 0, crop with n < 0. */
static void change_margin(int n, const jai_tensor *x, jai_tensor *y)
{
    size_t bytes = (size_t)x->channels * sizeof *x->v;
    for (int i = 0; i < y->height; i++) {
        int row = mirror(i - n, x->height);
        int begin = jai_clip(0, y->width, n), end = jai_clip(begin, y->width, n + x->width);
        for (int j = 0; j < begin; j++)
            memcpy(at(y, i, j), at(x, row, mirror(j - n, x->width)), bytes);
        if (x->pitch == (size_t)x->channels)
            memcpy(at(y, i, begin), at(x, row, begin - n), (size_t)(end - begin) * bytes);
        else
            for (int j = begin; j < end; j++)
                memcpy(at(y, i, j), at(x, row, j - n), bytes);
        for (int j = end; j < y->width; j++)
            memcpy(at(y, i, j), at(x, row, mirror(j - n, x->width)), bytes);
    }
}

/* ---- 11.2 ---- */

static jai_tensor run_layer(jai_ctx *ctx, const jai_layer *layer, const jai_tensor *x, jai_quality quality,
                            int phase)
{
    jai_tensor y = {0};
    int height = x->height, width = x->width, n = layer->n;
    switch (layer->operation) {
    case JAI_PIXEL_SHUFFLE: height *= n, width *= n; break;
    case JAI_PIXEL_UNSHUFFLE: height /= n, width /= n; break;
    case JAI_SHIFT_PAD: height += 2 * n, width += 2 * n; break;
    case JAI_CROP: height -= 2 * n, width -= 2 * n; break;
    default: break;
    }
    y = jai_new_tensor(ctx, layer->channels, height, width);
    switch (layer->operation) {
    case JAI_CONV:
        if (phase != JAI_EVERYWHERE)
            memset(y.v, 0, (size_t)height * (size_t)width * y.pitch * sizeof *y.v);
        jai_conv(ctx, layer, &ctx->codec->weights[layer->conv], x, phase, &y);
        break;
    case JAI_PIXEL_SHUFFLE: pixel_shuffle(n, x, &y); break;
    case JAI_PIXEL_UNSHUFFLE: pixel_unshuffle(n, x, &y); break;
    case JAI_SHIFT_PAD: change_margin(n, x, &y); break;
    case JAI_CROP: change_margin(-n, x, &y); break;
    default: pointwise(layer, x, quality, &y);
    }
    return y;
}

void jai_evaluate(jai_ctx *ctx, const jai_network *network, const jai_tensor *inputs, jai_quality quality,
                  int phase, jai_tensor *outputs)
{
    jai_tensor tensors[JAI_MAX_TENSORS];
    int first = network->num_inputs, count = first + network->num_layers;
    memcpy(tensors, inputs, (size_t)first * sizeof *tensors);
    for (int t = first; t < count; t++) {
        const jai_layer *layer = &network->layers[t - first];
        jai_tensor x[JAI_MAX_INPUTS];
        for (int i = 0; i < layer->num_inputs; i++)
            x[i] = tensors[layer->inputs[i]];
        tensors[t] = run_layer(ctx, layer, x, quality, network->everywhere[t] ? JAI_EVERYWHERE : phase);
        for (int i = first; i < t; i++)
            if (network->last_use[i] == t - first)
                jai_release(ctx, tensors[i].v);
    }
    for (int i = 0; i < network->num_outputs; i++)
        outputs[i] = tensors[network->outputs[i]];
}
