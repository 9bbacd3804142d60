/* SPDX-License-Identifier: Apache-2.0 */
/* The conv operation, spec 11.3.1. Values have 16 bits, weights 8, sums 32: C.5.1 bounds every partial sum, so
   that any order of additions gives the same result.

   The inputs of an output position are gathered into a row in the order u, v, c. A row with few values other
   than 0 is multiplied value by value; the others are collected and multiplied as a matrix. */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* vectorise the loops below whatever the rest is built with */
#endif

#include <stdlib.h>
#include <string.h>

#include "jai_internal.h"

/* On x86, the loops below are compiled for two instruction sets, and the better one is chosen at start. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(JAI_NO_CLONES)
#define CLONES __attribute__((target_clones("default", "avx2")))
#else
#define CLONES
#endif

enum {
    ROWS = 32,   /* positions that are multiplied together */
    STEP = 32,   /* rows are padded to a multiple of this */
    OUTPUTS = 4, /* outputs of one step of the matrix product, and its rows */
    TWO = 2,
    SPARSE = 6   /* a row is sparse when fewer than one in SPARSE of its values, with the padding, are not 0 */
};

/* Eight bits of a word as a signed number. */
static int16_t weight_in(uint32_t word, int shift) { return (int16_t)((int)((word >> shift & 0xff) ^ 0x80) - 0x80); }

static void unpack(int16_t *to, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count / 4; i++)
        for (int k = 0; k < 4; k++)
            to[4 * i + (size_t)k] = weight_in(words[i], 8 * k);
    for (size_t i = count / 4 * 4; i < count; i++)
        to[i] = weight_in(words[i / 4], 8 * (int)(i % 4));
}

/* to[ row ][ o ] = from[ o ][ row ], a few outputs at a time to keep to the cache */
static void transpose(int16_t *to, const int16_t *from, size_t outputs, size_t rows, size_t pitch)
{
    for (size_t first = 0; first < outputs; first += STEP)
        for (size_t row = 0; row < rows; row++)
            for (size_t o = first; o < outputs && o < first + STEP; o++)
                to[row * outputs + o] = from[o * pitch + row];
}

int jai_weights_init(jai_weights *weights, const jai_layer *layer)
{
    size_t size = (size_t)(layer->in_channels / layer->groups * layer->n * layer->n);
    size_t outputs = (size_t)layer->channels, group_outputs = outputs / (size_t)layer->groups;
    size_t padded = (size + STEP - 1) / STEP * STEP;
    int16_t *flat;
    weights->padded = (int)padded;
    /* OUTPUTS more: the last step may read past the last output */
    weights->by_output = calloc((outputs + OUTPUTS) * padded, sizeof(int16_t));
    weights->by_input = malloc(size * outputs * sizeof(int16_t));
    if (!weights->by_output || !weights->by_input)
        return 0;
    flat = weights->by_input; /* for a moment */
    unpack(flat, jai_weight_words + layer->weight, size * outputs);
    for (size_t o = 0; o < outputs; o++)
        memcpy(weights->by_output + o * padded, flat + o * size, size * sizeof *flat);
    for (size_t o = 0; o < outputs; o += group_outputs)
        transpose(weights->by_input + o * size, weights->by_output + o * padded, group_outputs, size, padded);
    return 1;
}

/* ---- The loops that take the time ---- */

/* Sums of products of two rows of values with four rows of weights; size is a multiple of STEP. */
CLONES static void multiply_2x4(const int16_t *restrict x0, const int16_t *restrict x1, const int16_t *restrict w,
                                int size, int32_t sums[TWO * OUTPUTS])
{
    const int16_t *restrict w0 = w, *restrict w1 = w + size, *restrict w2 = w + 2 * size, *restrict w3 = w + 3 * size;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    size /= STEP;
    size *= STEP;
    for (int i = 0; i < size; i++) {
        a0 += x0[i] * w0[i];
        a1 += x0[i] * w1[i];
        a2 += x0[i] * w2[i];
        a3 += x0[i] * w3[i];
        b0 += x1[i] * w0[i];
        b1 += x1[i] * w1[i];
        b2 += x1[i] * w2[i];
        b3 += x1[i] * w3[i];
    }
    sums[0] = a0, sums[1] = a1, sums[2] = a2, sums[3] = a3;
    sums[4] = b0, sums[5] = b1, sums[6] = b2, sums[7] = b3;
}

CLONES void jai_multiply_add(int32_t *restrict sums, const int16_t *restrict w, int value, int count)
{
    for (int o = 0; o < count; o++)
        sums[o] += w[o] * value;
}

/* One tap of a conv whose groups have one input and one output each. */
CLONES static void multiply_add_each(int32_t *restrict sums, const int16_t *restrict w, const int16_t *restrict x,
                                     int count)
{
    for (int c = 0; c < count; c++)
        sums[c] += w[c] * x[c];
}

CLONES static void shift_and_clip(int16_t *restrict y, const int32_t *restrict sums, const uint8_t *restrict shift,
                                  int lo, int hi, int count)
{
    for (int o = 0; o < count; o++) {
        int32_t value = sums[o] >> shift[o];
        value = value < lo ? lo : value;
        y[o] = (int16_t)(value > hi ? hi : value);
    }
}

CLONES static int count_nonzero(const int16_t *row, int size)
{
    int count = 0;
    for (int i = 0; i < size; i++)
        count += row[i] != 0;
    return count;
}

/* ---- Rows ---- */

/* Copies what output position (i, j) of a group sees; outside the plane it is 0. */
static void gather(const jai_tensor *x, int i, int j, int first, int inputs, int k, int16_t *row)
{
    size_t bytes = (size_t)inputs * sizeof *row;
    for (int u = 0; u < k; u++)
        for (int v = 0; v < k; v++, row += inputs) {
            int r = i + u - k / 2, q = j + v - k / 2;
            if (r < 0 || r >= x->height || q < 0 || q >= x->width)
                memset(row, 0, bytes);
            else
                memcpy(row, x->v + ((size_t)r * (size_t)x->width + (size_t)q) * x->pitch + first, bytes);
        }
}

typedef struct { /* a group of a layer, and the rows that wait for the matrix product */
    const jai_layer *layer;
    const jai_weights *weights;
    int group, inputs, outputs, size;
    int waiting;
    int16_t *rows;              /* [ROWS][padded] */
    int16_t *to[ROWS];          /* where the outputs of each row belong */
    int32_t *sums;              /* [ROWS][outputs, padded] */
} product;

static void finish_row(const product *p, const int32_t *sums, int16_t *to)
{
    const jai_layer *layer = p->layer;
    shift_and_clip(to, sums, layer->shift + p->group * p->outputs, layer->lo, layer->hi, p->outputs);
}

static void multiply_sparse(const product *p, const int16_t *row, int16_t *to)
{
    const int16_t *w = p->weights->by_input + (size_t)p->group * (size_t)p->size * (size_t)p->outputs;
    memcpy(p->sums, p->layer->bias + p->group * p->outputs, (size_t)p->outputs * sizeof *p->sums);
    for (int i = 0; i < p->size; i++)
        if (row[i])
            jai_multiply_add(p->sums, w + (size_t)i * (size_t)p->outputs, row[i], p->outputs);
    finish_row(p, p->sums, to);
}

static void multiply_waiting(product *p)
{
    int padded = p->weights->padded, stride = jai_ceil_div(p->outputs, OUTPUTS) * OUTPUTS;
    const int32_t *bias = p->layer->bias + p->group * p->outputs;
    for (int o = 0; o < p->outputs; o += OUTPUTS) {
        const int16_t *w = p->weights->by_output + (size_t)(p->group * p->outputs + o) * (size_t)padded;
        for (int r = 0; r < p->waiting; r += TWO) {
            int32_t sums[TWO * OUTPUTS];
            const int16_t *x0 = p->rows + (size_t)r * (size_t)padded;
            multiply_2x4(x0, r + 1 < p->waiting ? x0 + padded : x0, w, padded, sums);
            for (int i = 0; i < TWO * OUTPUTS; i++)
                if (o + i % OUTPUTS < p->outputs)
                    p->sums[(r + i / OUTPUTS) * stride + o + i % OUTPUTS] = sums[i] + bias[o + i % OUTPUTS];
        }
    }
    for (int r = 0; r < p->waiting; r++)
        finish_row(p, p->sums + r * stride, p->to[r]);
    p->waiting = 0;
}

/* ---- The operation ---- */

static int16_t *position(jai_tensor *y, int i, int j)
{
    return y->v + ((size_t)i * (size_t)y->width + (size_t)j) * y->pitch;
}

static int first_column(int phase, int i) { return phase == JAI_EVERYWHERE ? 0 : (i + phase) % 2; }
static int column_step(int phase) { return phase == JAI_EVERYWHERE ? 1 : 2; }

static void conv_channel_by_channel(jai_ctx *ctx, const jai_layer *layer, const jai_weights *weights,
                                    const jai_tensor *x, int phase, jai_tensor *y)
{
    int k = layer->n, count = layer->channels;
    int32_t *sums = jai_alloc(ctx, (size_t)count, sizeof *sums);
    int16_t *w = jai_alloc(ctx, (size_t)(k * k * count), sizeof *w); /* [tap][channel] */
    for (int tap = 0; tap < k * k; tap++)
        for (int c = 0; c < count; c++)
            w[tap * count + c] = weights->by_input[c * k * k + tap];
    for (int i = 0; i < y->height; i++)
        for (int j = first_column(phase, i); j < y->width; j += column_step(phase)) {
            memcpy(sums, layer->bias, (size_t)count * sizeof *sums);
            for (int tap = 0; tap < k * k; tap++) {
                int r = i + tap / k - k / 2, q = j + tap % k - k / 2;
                if (r >= 0 && r < x->height && q >= 0 && q < x->width)
                    multiply_add_each(sums, w + tap * count,
                                      x->v + ((size_t)r * (size_t)x->width + (size_t)q) * x->pitch, count);
            }
            shift_and_clip(position(y, i, j), sums, layer->shift, layer->lo, layer->hi, count);
        }
    jai_release(ctx, w);
    jai_release(ctx, sums);
}

static void conv_group(product *p, const jai_tensor *x, int phase, jai_tensor *y)
{
    int k = p->layer->n;
    for (int i = 0; i < y->height; i++)
        for (int j = first_column(phase, i); j < y->width; j += column_step(phase)) {
            int16_t *row = p->rows + (size_t)p->waiting * (size_t)p->weights->padded;
            int16_t *to = position(y, i, j) + p->group * p->outputs;
            gather(x, i, j, p->group * p->inputs, p->inputs, k, row);
            if (count_nonzero(row, p->size) * SPARSE < p->weights->padded) /* what the matrix product would take */
                multiply_sparse(p, row, to);
            else {
                p->to[p->waiting++] = to;
                if (p->waiting == ROWS)
                    multiply_waiting(p);
            }
        }
    multiply_waiting(p);
}

void jai_conv(jai_ctx *ctx, const jai_layer *layer, const jai_weights *weights, const jai_tensor *x, int phase,
              jai_tensor *y)
{
    product p = {0};
    p.layer = layer;
    p.weights = weights;
    p.inputs = layer->in_channels / layer->groups;
    p.outputs = layer->channels / layer->groups;
    p.size = p.inputs * layer->n * layer->n;
    if (p.inputs == 1 && p.outputs == 1) {
        conv_channel_by_channel(ctx, layer, weights, x, phase, y);
        return;
    }
    p.rows = jai_zalloc(ctx, (size_t)ROWS * (size_t)weights->padded, sizeof *p.rows);
    p.sums = jai_alloc(ctx, (size_t)ROWS * (size_t)(p.outputs + OUTPUTS), sizeof *p.sums);
    for (p.group = 0; p.group < layer->groups; p.group++)
        conv_group(&p, x, phase, y);
    jai_release(ctx, p.sums);
    jai_release(ctx, p.rows);
}
