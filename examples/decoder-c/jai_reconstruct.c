/* SPDX-License-Identifier: Apache-2.0 */
/* Picture reconstruction, spec 9, strip by strip (9.4). */

#include "jai_internal.h"

#define LATENT_STRIDE 16
#define HALO 3
#define COEFFICIENT_BITS 13
#define SAMPLE_FRACTION 3

enum { STRIP = 8192 }; /* latent positions that are synthesised together */

typedef struct {
    int matrix_coefficients, r_cr, g_cb, g_cr, b_cb;
} matrix;

static const matrix MATRICES[] = {
    {1, 12901, 1535, 3835, 15201},
    {5, 11485, 2819, 5850, 14516},
    {6, 11485, 2819, 5850, 14516},
    {9, 12080, 1348, 4681, 15412},
};
#define NUM_MATRICES (sizeof MATRICES / sizeof *MATRICES)

static const matrix *find_matrix(jai_ctx *ctx, const jai_picture_header *h)
{
    size_t m = 0;
    while (m < NUM_MATRICES && MATRICES[m].matrix_coefficients != h->matrix_coefficients)
        m++;
    if (h->sample_float_flag || h->chroma_format_idc || !h->full_range_flag || m == NUM_MATRICES)
        jai_fail(ctx, JAI_UNSUPPORTED, "PIH-016", 0, "samples of this format cannot be delivered");
    return &MATRICES[m];
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

/* 9.3 on one row of the picture. */
static void convert_colour(const jai_picture_header *h, const matrix *m, const int16_t *planes, size_t pitch,
                           uint16_t *samples)
{
    int shift = COEFFICIENT_BITS + SAMPLE_FRACTION - (h->bit_depth - 8);
    int half = 1 << (shift - 1), centre = 1 << (h->bit_depth - 1), top = (1 << h->bit_depth) - 1;
    for (int j = 0; j < h->pic_width; j++, planes += pitch, samples += h->num_components) {
        int y = planes[0] * (1 << COEFFICIENT_BITS), cb = planes[1], cr = planes[2];
        int v[3] = {y + m->r_cr * cr, y - m->g_cb * cb - m->g_cr * cr, y + m->b_cb * cb};
        if (h->num_components == 1)
            v[0] = y;
        for (int c = 0; c < h->num_components; c++)
            samples[c] = (uint16_t)jai_clip(0, top, ((v[c] + half) >> shift) + centre);
    }
}

void jai_reconstruct(jai_ctx *ctx, const jai_codestream *stream, const jai_latents *latents, int transform,
                     uint16_t *samples)
{
    const jai_picture_header *h = &stream->picture;
    const matrix *m = find_matrix(ctx, h);
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
        for (int i = top * LATENT_STRIDE; i < bottom * LATENT_STRIDE && i < h->pic_height; i++)
            convert_colour(h, m, planes.v + (size_t)(i - first * LATENT_STRIDE) * (size_t)planes.width * planes.pitch,
                           planes.pitch, samples + (size_t)i * (size_t)h->pic_width * (size_t)h->num_components);
        jai_release(ctx, planes.v);
    }
}
