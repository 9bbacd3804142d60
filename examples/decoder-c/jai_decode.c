/* SPDX-License-Identifier: Apache-2.0 */
/* The interface: the codec, and the order in which a stream is decoded and verified (spec 8.1, 9.1, 10). */

#include <stdlib.h>
#include <string.h>

#include "jai_internal.h"

enum { POINT_L = 0, POINT_S = 1, POINT_E = 2, POINT_A = 3 };

/* ---- The codec ---- */

static int init_codec(jai_codec *codec)
{
    const jai_model *model = &jai_model_set;
    codec->residual = jai_tables_new(&jai_residual_tables);
    codec->hyper = jai_tables_new(&jai_hyper_tables);
    codec->lossless_match = jai_tables_new(&jai_lossless_match);
    codec->lossless_residual = jai_tables_new(&jai_lossless_residual);
    codec->lossless_low = jai_tables_new(&jai_lossless_low);
    codec->weights = calloc((size_t)model->num_convs, sizeof *codec->weights);
    if (!codec->residual || !codec->hyper || !codec->lossless_match || !codec->lossless_residual ||
        !codec->lossless_low || !codec->weights)
        return 0;
    for (int i = 0; i < model->num_convs; i++)
        if (!jai_weights_init(&codec->weights[i], model->convs[i]))
            return 0;
    return 1;
}

jai_codec *jai_open(void)
{
    jai_codec *codec = calloc(1, sizeof *codec);
    if (codec && !init_codec(codec)) {
        jai_close(codec);
        return NULL;
    }
    return codec;
}

void jai_close(jai_codec *codec)
{
    if (!codec)
        return;
    jai_tables_free(codec->residual, &jai_residual_tables);
    jai_tables_free(codec->hyper, &jai_hyper_tables);
    jai_tables_free(codec->lossless_match, &jai_lossless_match);
    jai_tables_free(codec->lossless_residual, &jai_lossless_residual);
    jai_tables_free(codec->lossless_low, &jai_lossless_low);
    for (int i = 0; codec->weights && i < jai_model_set.num_convs; i++) {
        free(codec->weights[i].by_output);
        free(codec->weights[i].by_input);
    }
    free(codec->weights);
    free(codec);
}

/* ---- Digests, 10 ---- */

static void verify(jai_ctx *ctx, const jai_codestream *stream, int point, int transform, const jai_sha256 *state)
{
    uint8_t digest[32];
    jai_sha256 hash = *state;
    jai_sha256_end(&hash, digest);
    for (int i = 0; i < stream->num_hashes; i++) {
        const jai_hash *listed = &stream->hashes[i];
        if (listed->point == point && listed->transform == transform && memcmp(listed->digest, digest, 32) != 0)
            jai_fail(ctx, JAI_HASH_MISMATCH, "DPH-006", 0,
                     point == POINT_L   ? "the latents differ from the digest"
                     : point == POINT_A ? "alpha differs from the digest"
                                        : "the samples differ from the digest");
    }
}

static void add_number(jai_sha256 *hash, unsigned value, int bytes)
{
    uint8_t data[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    jai_sha256_add(hash, data + 2 - bytes, (size_t)bytes);
}

static void verify_latents(jai_ctx *ctx, const jai_codestream *stream, const int16_t *latents, size_t count)
{
    jai_sha256 hash;
    jai_sha256_start(&hash);
    for (size_t n = 0; n < count; n++)
        add_number(&hash, (uint16_t)latents[n], 2);
    verify(ctx, stream, POINT_L, 0, &hash);
}

static void verify_samples(jai_ctx *ctx, const jai_codestream *stream, int point, int transform,
                           const uint16_t *samples)
{
    jai_picture_header h = point == POINT_A ? jai_alpha_header(stream) : stream->picture;
    size_t count = jai_plane_start(&h, h.num_components);
    jai_sha256 hash;
    jai_sha256_start(&hash);
    for (size_t n = 0; n < count; n++)
        add_number(&hash, samples[n], h.bit_depth == 8 ? 1 : 2);
    verify(ctx, stream, point, transform, &hash);
}

/* ---- One stream ---- */

static int16_t *raster_order(jai_ctx *ctx, const jai_tensor *y_hat)
{
    size_t area = (size_t)y_hat->height * (size_t)y_hat->width, channels = (size_t)y_hat->channels;
    int16_t *latents = jai_alloc(ctx, area * channels, sizeof *latents);
    for (size_t c = 0; c < channels; c++)
        for (size_t n = 0; n < area; n++)
            latents[c * area + n] = y_hat->v[n * y_hat->pitch + c];
    return latents;
}

/* 9.1: which synthesis transform. */
static int choose_transform(const jai_codestream *stream, jai_synthesis wanted)
{
    if (wanted != JAI_STREAM_DEFAULT)
        return wanted;
    for (int i = 0; i < stream->tools.num_synthesis; i++)
        if (stream->tools.synthesis_transform_idc[i] <= JAI_BASE)
            return stream->tools.synthesis_transform_idc[i];
    return JAI_BASE;
}

static void decode_latents(jai_ctx *ctx, const jai_codestream *stream, const jai_options *options,
                           jai_latents *latents, int16_t **raster)
{
    const jai_picture_header *h = &stream->picture;
    *latents = jai_decode_latents(ctx, stream);
    if (options->want_latents || options->verify)
        *raster = raster_order(ctx, &latents->y_hat);
    if (options->verify)
        verify_latents(ctx, stream, *raster, (size_t)h->h16 * (size_t)h->w16 * (size_t)latents->y_hat.channels);
}

/* Points S and E: the picture as the stream wants it is the enhanced one, with a synthesis transform the lossy one. */
static uint16_t *decode_samples(jai_ctx *ctx, const jai_codestream *stream, const jai_options *options,
                                const jai_latents *latents)
{
    const jai_picture_header *h = &stream->picture;
    int enhanced = stream->tools.enhancement_flag && options->synthesis == JAI_STREAM_DEFAULT;
    int transform = enhanced ? stream->tools.base_transform_idc : choose_transform(stream, options->synthesis);
    uint16_t *samples = jai_alloc(ctx, jai_plane_start(h, h->num_components), sizeof *samples);
    jai_check_matrix(ctx, h);
    if (stream->tools.base_flag) {
        if (transform > JAI_BASE)
            jai_fail(ctx, JAI_UNSUPPORTED, "", 0, "the synthesis transform of the base is not known");
        jai_reconstruct(ctx, stream, latents, transform, samples);
        if (options->verify)
            verify_samples(ctx, stream, POINT_S, transform, samples);
    } else if (!enhanced)
        jai_fail(ctx, JAI_UNSUPPORTED, "", 0, "the stream has no lossy picture");
    if (enhanced) {
        jai_enhance(ctx, stream, samples);
        if (options->verify)
            verify_samples(ctx, stream, POINT_E, 0, samples);
    }
    return samples;
}

static uint16_t *decode_alpha(jai_ctx *ctx, const jai_codestream *stream, int wants_verifying)
{
    const jai_picture_header *h = &stream->picture;
    uint16_t *alpha = jai_alloc(ctx, (size_t)h->pic_width * (size_t)h->pic_height, sizeof *alpha);
    jai_decode_alpha(ctx, stream, alpha);
    if (wants_verifying)
        verify_samples(ctx, stream, POINT_A, 0, alpha);
    return alpha;
}

static void decode(jai_ctx *ctx, jai_bytes data, const jai_options *options, jai_picture *picture)
{
    jai_codestream *stream = jai_alloc(ctx, 1, sizeof *stream);
    const jai_picture_header *h = &stream->picture;
    jai_latents latents = {{0}, {0}};
    uint16_t *samples = NULL, *alpha = NULL;
    int16_t *raster = NULL;

    jai_parse(ctx, data, options->max_samples, stream);
    if (stream->tools.base_flag)
        decode_latents(ctx, stream, options, &latents, &raster);
    else if (options->want_latents)
        jai_fail(ctx, JAI_UNSUPPORTED, "TOH-007", 0, "the stream has no latents");
    if (!options->latents_only)
        samples = decode_samples(ctx, stream, options, &latents);
    if (stream->tools.alpha_flag && (options->want_alpha || options->verify))
        alpha = decode_alpha(ctx, stream, options->verify);

    picture->width = h->pic_width;
    picture->height = h->pic_height;
    picture->components = h->num_components;
    picture->bit_depth = h->bit_depth;
    picture->chroma_width = h->chroma_width;
    picture->chroma_height = h->chroma_height;
    picture->is_ycc = h->ycc_flag;
    picture->is_float = h->sample_float_flag;
    picture->colour_primaries = h->colour_primaries;
    picture->transfer_characteristics = h->transfer_characteristics;
    picture->matrix_coefficients = h->matrix_coefficients;
    picture->full_range = h->full_range_flag;
    picture->alpha_bit_depth = stream->tools.alpha_flag ? stream->tools.alpha_bit_depth_minus8 + 8 : 0;
    picture->alpha_premultiplied = stream->tools.alpha_premultiplied_flag;
    picture->alpha = alpha ? jai_keep(ctx, alpha) : NULL;
    picture->latent_channels = latents.y_hat.channels;
    picture->latent_height = latents.y_hat.height;
    picture->latent_width = latents.y_hat.width;
    picture->samples = samples ? jai_keep(ctx, samples) : NULL;
    picture->latents = options->want_latents ? jai_keep(ctx, raster) : NULL;
}

/* Where errors return to: a function without local variables that they could spoil. */
static void decode_or_fail(jai_ctx *ctx, jai_bytes data, const jai_options *options, jai_picture *picture)
{
    if (setjmp(ctx->failed) == 0)
        decode(ctx, data, options, picture);
}

jai_status jai_decode(const jai_codec *codec, const uint8_t *data, size_t size, const jai_options *options,
                      jai_picture *picture, jai_error *error)
{
    jai_ctx ctx = {0};
    jai_bytes bytes = {data, size, 0};
    ctx.codec = codec;
    ctx.error = error;
    memset(picture, 0, sizeof *picture);
    memset(error, 0, sizeof *error);
    decode_or_fail(&ctx, bytes, options, picture);
    jai_release_all(&ctx);
    return error->status;
}

void jai_free_picture(jai_picture *picture)
{
    jai_free_kept(picture->samples);
    jai_free_kept(picture->alpha);
    jai_free_kept(picture->latents);
    memset(picture, 0, sizeof *picture);
}
