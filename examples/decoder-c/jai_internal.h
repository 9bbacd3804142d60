/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the decoder share. Clause numbers are those of spec/. */

#ifndef JAI_INTERNAL_H
#define JAI_INTERNAL_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "jai.h"
#include "jai_model.h"

#if defined(__GNUC__)
#define NORETURN __attribute__((noreturn))
#else
#define NORETURN
#endif

/* ---- One decoding: its memory, and where an error returns to (jai_memory.c). ---- */

typedef struct jai_block jai_block;

typedef struct {
    const jai_codec *codec;
    jai_error *error;
    jai_block *blocks;
    jmp_buf failed;
} jai_ctx;

void *jai_alloc(jai_ctx *ctx, size_t count, size_t size);  /* never NULL: fails instead */
void *jai_zalloc(jai_ctx *ctx, size_t count, size_t size); /* the same, set to 0 */
void jai_release(jai_ctx *ctx, void *memory);
void *jai_keep(jai_ctx *ctx, void *memory); /* leaves it to the caller, who ends it with jai_free_kept */
void jai_free_kept(void *memory);
void jai_release_all(jai_ctx *ctx);
NORETURN void jai_fail(jai_ctx *ctx, jai_status status, const char *requirement, size_t offset,
                       const char *message);

/* ---- Bits and digests (jai_bits.c, jai_digest.c): 5.4, 7.3, 10. ---- */

typedef struct { /* bytes of the stream; offset is where they stand in it */
    const uint8_t *data;
    size_t size, offset;
} jai_bytes;

typedef struct {
    jai_ctx *ctx;
    jai_bytes bytes;
    size_t position; /* in bits */
} jai_bits;

uint32_t jai_u(jai_bits *bits, int n);
uint32_t jai_ue(jai_bits *bits);
void jai_byte_alignment(jai_bits *bits);
jai_bytes jai_rest(jai_bits *bits); /* b(v) */
size_t jai_byte_offset(const jai_bits *bits);

typedef enum { JAI_VARINT_OK, JAI_VARINT_SHORT, JAI_VARINT_LONG, JAI_VARINT_PADDED } jai_varint_result;
jai_varint_result jai_varint(jai_bytes *bytes, uint32_t *value); /* moves bytes past it */

uint32_t jai_crc32c(const uint8_t *data, size_t size);

typedef struct {
    uint32_t h[8];
    uint64_t size;
    uint8_t block[64];
} jai_sha256;
void jai_sha256_start(jai_sha256 *hash);
void jai_sha256_add(jai_sha256 *hash, const uint8_t *data, size_t size);
void jai_sha256_end(jai_sha256 *hash, uint8_t digest[32]);

/* ---- Codestream (jai_syntax.c): 6, 7. ---- */

typedef struct { /* elements of 6.5, then the variables of 7.5 */
    int profile_idc, level_idc, model_set_idc, monochrome_flag;
    int bit_depth_minus8, sample_float_flag, chroma_format_idc, ycc_flag;
    int colour_primaries, transfer_characteristics, matrix_coefficients, full_range_flag;
    int quality_idx, log2_lanes, tile_grid_flag, tile_width_minus1, tile_height_minus1;
    int num_layers_minus1, layer_last_group[8], segment_crc_flag, tool_header_flag;

    int pic_width, pic_height, bit_depth, min_sample, max_sample, num_components;
    int step_x, step_y, chroma_width, chroma_height, num_lanes, num_layers;
    int tile_width, tile_height, num_tile_columns, num_tiles;
    int h16, w16, h64, w64;
} jai_picture_header;

typedef struct { /* elements of 6.6 */
    int num_synthesis, synthesis_transform_idc[3];
    int enhancement_flag, base_flag, base_transform_idc, match_flag, max_error;
    int alpha_flag, alpha_bit_depth_minus8, alpha_premultiplied_flag, alpha_match_flag;
} jai_tool_header;

typedef struct {
    int point, transform;
    uint8_t digest[32];
} jai_hash;

typedef struct {
    jai_picture_header picture;
    jai_tool_header tools;
    int has_map, map_scale_idx;
    jai_bytes map, hyper;
    jai_bytes *residual; /* [NumLayers * NumTiles] */
    jai_bytes *enhancement, *alpha; /* [NumTiles] */
    int num_hashes;
    jai_hash hashes[16];
} jai_codestream;

void jai_parse(jai_ctx *ctx, jai_bytes stream, uint64_t max_samples, jai_codestream *codestream);

/* ---- Tiles and planes (jai_geometry.c): 7.5, 12.11. ---- */

typedef struct {
    int top, left, height, width;
} jai_rectangle;
jai_rectangle jai_tile(const jai_picture_header *picture, int tile); /* on the latent grid, 7.5 */

void jai_derive_variables(jai_picture_header *picture);                   /* 7.5 */
jai_picture_header jai_alpha_header(const jai_codestream *codestream);    /* of the one plane of 12.11 */
size_t jai_plane_start(const jai_picture_header *picture, int component); /* in samples; of num_components: their end */

/* ---- Entropy-coded sub-streams (jai_rans.c): 8.2. ---- */

#define JAI_MAX_LANES 1024
#define JAI_TOTAL 4096

typedef struct {
    int bound;
    const uint16_t *frequency;      /* of each symbol */
    uint16_t *cumulative;           /* of each symbol */
    uint16_t *symbol;               /* of each slot */
} jai_table;

typedef struct {
    jai_ctx *ctx;
    const jai_table *tables;
    size_t offset; /* of its payload in the stream */
    int empty, used, lanes;
    uint32_t x[JAI_MAX_LANES];
    const uint8_t *words, *escapes;
    uint32_t num_words, word_pos, escape_bits, escape_pos;
} jai_substream;

jai_table *jai_tables_new(const jai_table_data *data); /* NULL when they are no tables or memory is short */
void jai_tables_free(jai_table *tables, const jai_table_data *data);
void jai_substream_open(jai_ctx *ctx, jai_substream *s, jai_bytes payload, int lanes, const jai_table *tables);
void jai_substream_call(jai_substream *s, const uint8_t *table_idx, size_t count, int32_t *value);
void jai_substream_finish(jai_substream *s);

/* ---- Integer networks (jai_network.c, jai_conv.c): 11. ---- */

typedef struct { /* value of channel c at row i, column j: v[((size_t)i * width + j) * pitch + c] */
    int channels, height, width;
    size_t pitch;
    int16_t *v;
} jai_tensor;

typedef struct { /* quality[i * pitch + j] at each latent position */
    int height, width;
    size_t pitch;
    const uint8_t *v;
} jai_quality;

enum { JAI_EVERYWHERE = -1 }; /* instead of a checkerboard phase */

/* Evaluates a network (11.2). outputs[] are new; inputs stay. With a phase, outputs hold at the positions with
   (row + column) % 2 == phase only, and are 0 or meaningless at the others. */
void jai_evaluate(jai_ctx *ctx, const jai_network *network, const jai_tensor *inputs, jai_quality quality,
                  int phase, jai_tensor *outputs);
jai_tensor jai_new_tensor(jai_ctx *ctx, int channels, int height, int width);
jai_tensor jai_channels(jai_tensor x, int first, int count);

typedef struct { /* weights of a conv, rearranged for jai_conv */
    int16_t *by_output; /* [outputs][padded], the inputs of an output in the order u, v, c */
    int16_t *by_input;  /* [u, v, c][outputs of the group] */
    int padded;
} jai_weights;

int jai_weights_init(jai_weights *weights, const jai_layer *layer);
void jai_conv(jai_ctx *ctx, const jai_layer *layer, const jai_weights *weights, const jai_tensor *x, int phase,
              jai_tensor *y);
void jai_multiply_add(int32_t *restrict sums, const int16_t *restrict w, int value, int count);

/* ---- Decoding (jai_latent.c: 8; jai_reconstruct.c: 9; jai_enhance.c, jai_match.c: 12; jai_decode.c: the order
   of calls, 10). ---- */

struct jai_codec {
    jai_table *residual, *hyper, *lossless_match, *lossless_residual, *lossless_low;
    jai_weights *weights; /* one per conv, by jai_layer.conv */
};

typedef struct {
    jai_tensor y_hat;
    jai_quality quality;
} jai_latents;

jai_latents jai_decode_latents(jai_ctx *ctx, const jai_codestream *codestream);
void jai_check_matrix(jai_ctx *ctx, const jai_picture_header *h);
void jai_reconstruct(jai_ctx *ctx, const jai_codestream *codestream, const jai_latents *latents, int transform,
                     uint16_t *samples);

/* Replaces the samples of the base, of any value where there is none, by the enhanced ones. */
void jai_enhance(jai_ctx *ctx, const jai_codestream *codestream, uint16_t *samples);
void jai_decode_alpha(jai_ctx *ctx, const jai_codestream *codestream, uint16_t *alpha);

static inline int jai_clip(int lo, int hi, int a) { return a < lo ? lo : a > hi ? hi : a; }
static inline int jai_ceil_div(int a, int b) { return (a + b - 1) / b; }

#endif
