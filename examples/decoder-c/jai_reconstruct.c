/* SPDX-License-Identifier: Apache-2.0 */
/* Picture reconstruction, spec 9, strip by strip (9.4). */

#include "jai_internal.h"

#define LATENT_STRIDE 16
#define HALO 2
#define COEFFICIENT_BITS 13
#define SAMPLE_FRACTION 3

enum { STRIP = 8192 }; /* latent positions that are synthesised together */

typedef struct {
    int matrix_coefficients, to_rgb[3][3]; /* R, G, B of Y, Cb, Cr */
} matrix;

static const matrix MATRICES[] = {
    {0, {{0, 0, 8192}, {8192, 0, 0}, {0, 8192, 0}}},
    {1, {{8192, 0, 12901}, {8192, -1535, -3835}, {8192, 15201, 0}}},
    {4, {{8192, 0, 11469}, {8192, -2719, -5832}, {8192, 14582, 0}}},
    {5, {{8192, 0, 11485}, {8192, -2819, -5850}, {8192, 14516, 0}}},
    {6, {{8192, 0, 11485}, {8192, -2819, -5850}, {8192, 14516, 0}}},
    {7, {{8192, 0, 12911}, {8192, -1856, -3904}, {8192, 14959, 0}}},
    {8, {{8192, -8192, 8192}, {8192, 8192, 0}, {8192, -8192, -8192}}},
    {9, {{8192, 0, 12080}, {8192, -1348, -4681}, {8192, 15412, 0}}},
};
#define NUM_MATRICES (sizeof MATRICES / sizeof *MATRICES)
enum { YCGCO_RE = 16, YCGCO_RO = 17 };

/* NULL for those that are undone by lifting. */
static const matrix *find_matrix(jai_ctx *ctx, const jai_picture_header *h)
{
    for (size_t m = 0; m < NUM_MATRICES; m++)
        if (MATRICES[m].matrix_coefficients == h->matrix_coefficients)
            return &MATRICES[m];
    if (h->matrix_coefficients != YCGCO_RE && h->matrix_coefficients != YCGCO_RO)
        jai_fail(ctx, JAI_UNSUPPORTED, "PIH-016", 0, "R, G, B cannot be made with this matrix");
    return NULL;
}

/* PIH-016, which holds for lossless pictures, too. */
void jai_check_matrix(jai_ctx *ctx, const jai_picture_header *h)
{
    if (!h->ycc_flag && !h->monochrome_flag)
        find_matrix(ctx, h);
}

/* 9.2 on some rows of the latent grid. */
static jai_tensor synthesise(jai_ctx *ctx, jai_tensor y_hat, jai_quality quality, int transform)
{
    jai_tensor planes, filtered;
    jai_evaluate(ctx, jai_model_set.synthesis_simple, &y_hat, quality, JAI_EVERYWHERE, &planes);
    if (transform == JAI_SIMPLE)
        return planes;
    jai_evaluate(ctx, jai_model_set.filter_base, &planes, quality, JAI_EVERYWHERE, &filtered);
    jai_release(ctx, planes.v);
    return filtered;
}

/* 9.3.3 */
static uint16_t round_sample(const jai_picture_header *h, int value)
{
    int shift = COEFFICIENT_BITS + SAMPLE_FRACTION - (h->bit_depth - 8), centre = 1 << (h->bit_depth - 1);
    return (uint16_t)jai_clip(h->min_sample, h->max_sample, ((value + (1 << (shift - 1))) >> shift) + centre);
}

/* 9.3.2 of the position with these plane values; m is NULL for lifting. */
static void to_rgb(const matrix *m, const int16_t *plane, int value[3])
{
    int t = plane[0] - (plane[1] >> 1), b = t - (plane[2] >> 1);
    int lifted[3] = {b + plane[2], t + plane[1], b};
    for (int c = 0; c < 3; c++)
        value[c] = m ? m->to_rgb[c][0] * plane[0] + m->to_rgb[c][1] * plane[1] + m->to_rgb[c][2] * plane[2]
                     : lifted[c] * (1 << COEFFICIENT_BITS);
}

typedef struct { /* rows of the picture with their planes */
    int top, bottom; /* of the picture, bottom after the last */
    const int16_t *v; /* at row top, column 0 */
    size_t pitch, row;
} strip;

static void convert_rgb(const jai_picture_header *h, const matrix *m, const strip *s, uint16_t *samples)
{
    size_t plane = jai_plane_start(h, 1), at = (size_t)s->top * (size_t)h->pic_width;
    for (int i = s->top; i < s->bottom; i++)
        for (int j = 0; j < h->pic_width; j++, at++) {
            int value[3];
            to_rgb(m, s->v + (size_t)(i - s->top) * s->row + (size_t)j * s->pitch, value);
            for (size_t c = 0; c < 3; c++)
                samples[c * plane + at] = round_sample(h, value[c]);
        }
}

/* Monochrome, or Y, Cb, Cr: one plane, whose values are averaged by 9.3.1. */
static void convert_plane(const jai_picture_header *h, const strip *s, int component, uint16_t *samples)
{
    int step_x = component ? h->step_x : 1, step_y = component ? h->step_y : 1, n = step_x * step_y;
    int width = component ? h->chroma_width : h->pic_width;
    uint16_t *to = samples + jai_plane_start(h, component) + (size_t)(s->top / step_y) * (size_t)width;
    for (int i = s->top; i < s->bottom; i += step_y)
        for (int j = 0; j < width; j++) {
            int sum = n / 2;
            for (int k = 0; k < n; k++) {
                int row = jai_clip(0, s->bottom - 1, i + k / step_x);
                int column = jai_clip(0, h->pic_width - 1, j * step_x + k % step_x);
                sum += s->v[(size_t)(row - s->top) * s->row + (size_t)column * s->pitch + (size_t)component];
            }
            *to++ = round_sample(h, (sum >> (n / 2)) * (1 << COEFFICIENT_BITS)); /* n is 1, 2 or 4 */
        }
}

void jai_reconstruct(jai_ctx *ctx, const jai_codestream *stream, const jai_latents *latents, int transform,
                     uint16_t *samples)
{
    const jai_picture_header *h = &stream->picture;
    int is_rgb = !h->ycc_flag && !h->monochrome_flag;
    const matrix *m = is_rgb ? find_matrix(ctx, h) : NULL;
    int rows = jai_clip(4 * HALO, h->h16 > 4 * HALO ? h->h16 : 4 * HALO, STRIP / h->w16);
    for (int top = 0; top < h->h16; top += rows) {
        int bottom = jai_clip(0, h->h16, top + rows);
        int first = jai_clip(0, h->h16, top - HALO), end = jai_clip(0, h->h16, bottom + HALO);
        jai_tensor y_hat = latents->y_hat, planes;
        jai_quality quality = latents->quality;
        y_hat.v += (size_t)first * (size_t)h->w16 * y_hat.pitch;
        quality.v += (size_t)first * quality.pitch;
        y_hat.height = quality.height = end - first;
        planes = synthesise(ctx, y_hat, quality, transform);
        strip s = {top * LATENT_STRIDE, jai_clip(0, h->pic_height, bottom * LATENT_STRIDE), planes.v, planes.pitch,
                   (size_t)planes.width * planes.pitch};
        s.v += (size_t)(s.top - first * LATENT_STRIDE) * s.row;
        if (is_rgb)
            convert_rgb(h, m, &s, samples);
        for (int c = 0; c < h->num_components && !is_rgb; c++)
            convert_plane(h, &s, c, samples);
        jai_release(ctx, planes.v);
    }
}
