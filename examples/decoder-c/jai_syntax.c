/* SPDX-License-Identifier: Apache-2.0 */
/* Codestream syntax and semantics, spec 6 and 7: one function per structure, one line per element, in the
   order of the syntax tables. */

#include <string.h>

#include "jai_internal.h"

#define SIGNATURE 0x4A0D0A1A
#define MAX_SKIPPABLE 4096
#define MAX_METADATA (1 << 24)
#define MAX_ERROR 255
#define MAX_ENHANCED_TILE (1 << 22)
#define MAX_FRAMES 65536
#define MAX_TICKS 90000
#define MAX_LOOPS 65535
#define LATENT_STRIDE 16

enum { SOC = 0xFF80, EOC = 0xFF81, PIH = 0xFF82, TOH = 0xFF83, SOZ = 0xFF88, SOQ = 0xFF8B, SOR = 0xFF90,
       SOE = 0xFF91, SOA = 0xFF92, DPH = 0xFF93, MTD = 0xFF94, ANI = 0xFF95, FRH = 0xFF96,
       RESERVED_FIRST = 0xFFA0, RESERVED_LAST = 0xFFAF };

/* The table of 6.1: in place i stands this segment. */
static const int SEGMENT_ORDER[] = {SOC, PIH, TOH, ANI, MTD, FRH, SOQ, SOZ, SOR, SOA, SOE, MTD, DPH, EOC};
#define NUM_PLACES ((int)(sizeof SEGMENT_ORDER / sizeof *SEGMENT_ORDER))
enum { PLACE_TOH = 2 };

typedef struct {
    jai_ctx *ctx;
    jai_codestream *out;
    uint64_t max_samples;
    int place;              /* of the last segment in SEGMENT_ORDER */
    int seen[NUM_PLACES];   /* how many segments in each place */
    int skippable;          /* MTD and reserved segments */
    int metadata_types;     /* bit t: type t has occurred, t <= 3 */
    int last_residual, last_enhancement, last_alpha, num_residuals, num_enhancements, num_alphas;
} parser;

static void require(jai_bits *b, int condition, jai_status status, const char *requirement, const char *message)
{
    if (!condition)
        jai_fail(b->ctx, status, requirement, jai_byte_offset(b), message);
}

/* An element with the condition that it shall keep. */
#define READ(element, descriptor) ((element) = (int)jai_##descriptor)
#define SHALL(condition, requirement) require(b, (condition), JAI_BAD_STREAM, requirement, #condition " does not hold")
#define SUPPORTED(condition, requirement) require(b, (condition), JAI_UNSUPPORTED, requirement, #condition " does not hold")

static int is_in(int value, int first, int last) { return value >= first && value <= last; }

/* ---- A: profile and level ---- */

static const jai_profile *profile_of(const parser *p) { return &jai_profiles[p->out->picture.profile_idc]; }

static void check_profile_and_level(parser *p, jai_bits *b, const jai_picture_header *h)
{
    const jai_level *level = &jai_levels[h->level_idc];
    uint64_t samples = (uint64_t)h->pic_width * (uint64_t)h->pic_height;
    SHALL(h->bit_depth <= profile_of(p)->max_bit_depth, "PRF-001");
    SHALL(h->ycc_flag <= profile_of(p)->ycc_samples, "PRF-002");
    SHALL(samples <= level->max_samples, "LVL-001");
    SHALL(h->pic_width <= level->max_side && h->pic_height <= level->max_side, "LVL-002");
    SHALL(h->num_tiles <= level->max_tiles, "LVL-003");
    SHALL(h->num_layers * h->num_tiles <= level->max_residual_segments, "LVL-004");
    SHALL(h->num_lanes <= level->max_lanes, "LVL-005");
    SUPPORTED(!p->max_samples || samples <= p->max_samples, "");
}

/* ---- 6.5 ---- */

static void picture_header(parser *p, jai_bits *b)
{
    jai_picture_header *h = &p->out->picture;
    int size_bits, default_format_flag, default_structure_flag, extension_flag;
    READ(h->profile_idc, u(b, 4));
    SUPPORTED(is_in(h->profile_idc, 0, JAI_NUM_PROFILES - 1), "PIH-001");
    READ(h->level_idc, u(b, 4));
    SUPPORTED(is_in(h->level_idc, 1, JAI_NUM_LEVELS), "PIH-002");
    READ(h->model_set_idc, u(b, 4));
    SUPPORTED(h->model_set_idc == jai_model_set.model_set_idc, "PIH-003");
    size_bits = (int)jai_u(b, 4) + 1;
    h->pic_width = (int)jai_u(b, size_bits) + 1;
    h->pic_height = (int)jai_u(b, size_bits) + 1;
    READ(h->monochrome_flag, u(b, 1));
    READ(default_format_flag, u(b, 1));
    if (default_format_flag == 0) {
        READ(h->bit_depth_minus8, u(b, 4));
        SHALL(is_in(h->bit_depth_minus8, 0, 8), "PIH-004");
        READ(h->sample_float_flag, u(b, 1));
        SHALL(!h->sample_float_flag || h->bit_depth_minus8 == 8, "PIH-011");
        READ(h->chroma_format_idc, u(b, 2));
        SHALL(is_in(h->chroma_format_idc, 0, 2), "PIH-005");
        SHALL(!h->monochrome_flag || h->chroma_format_idc == 0, "PIH-012");
        READ(h->ycc_flag, u(b, 1));
        SHALL(!h->monochrome_flag || h->ycc_flag == 0, "PIH-017");
        SHALL(h->chroma_format_idc == 0 || h->ycc_flag == 1, "PIH-017");
        READ(h->colour_primaries, u(b, 8));
        SHALL(is_in(h->colour_primaries, 1, 2) || is_in(h->colour_primaries, 4, 12) || h->colour_primaries == 22,
              "PIH-006");
        READ(h->transfer_characteristics, u(b, 8));
        SHALL(is_in(h->transfer_characteristics, 1, 2) || is_in(h->transfer_characteristics, 4, 18), "PIH-007");
        READ(h->matrix_coefficients, u(b, 8));
        SHALL(is_in(h->matrix_coefficients, 0, 2) || is_in(h->matrix_coefficients, 4, 17), "PIH-008");
        SHALL(h->matrix_coefficients != 0 || h->chroma_format_idc == 0, "PIH-013");
        READ(h->full_range_flag, u(b, 1));
    } else {
        h->bit_depth_minus8 = 0;
        h->sample_float_flag = 0;
        h->chroma_format_idc = 0;
        h->ycc_flag = 0;
        h->colour_primaries = 1;
        h->transfer_characteristics = 13;
        h->matrix_coefficients = 6;
        h->full_range_flag = 1;
    }
    READ(h->quality_idx, u(b, 6));
    READ(h->log2_lanes, u(b, 4));
    SHALL(is_in(h->log2_lanes, 0, 10), "PIH-009");
    READ(default_structure_flag, u(b, 1));
    if (default_structure_flag == 0) {
        READ(h->tile_grid_flag, u(b, 1));
        if (h->tile_grid_flag == 1) {
            READ(h->tile_width_minus1, u(b, 8));
            READ(h->tile_height_minus1, u(b, 8));
        }
        READ(h->num_layers_minus1, u(b, 3));
        for (int i = 0; i < h->num_layers_minus1; i++) {
            READ(h->layer_last_group[i], u(b, 4));
            SHALL(i == 0 || h->layer_last_group[i - 1] < h->layer_last_group[i], "PIH-014");
            SHALL(h->layer_last_group[i] < jai_model_set.num_groups - 1, "PIH-015");
        }
        READ(h->segment_crc_flag, u(b, 1));
    }
    READ(h->tool_header_flag, u(b, 1));
    READ(extension_flag, u(b, 1));
    SHALL(extension_flag == 0, "PIH-010");

    h->layer_last_group[h->num_layers_minus1] = jai_model_set.num_groups - 1;
    jai_derive_variables(h);
    check_profile_and_level(p, b, h);
    p->out->residual = jai_zalloc(p->ctx, (size_t)h->num_layers * (size_t)h->num_tiles, sizeof(jai_bytes));
    p->out->enhancement = jai_zalloc(p->ctx, (size_t)h->num_tiles, sizeof(jai_bytes));
    p->out->alpha = jai_zalloc(p->ctx, (size_t)h->num_tiles, sizeof(jai_bytes));
}

/* ---- 6.6 ---- */

static void tool_header(parser *p, jai_bits *b)
{
    jai_tool_header *t = &p->out->tools;
    SHALL(p->out->picture.tool_header_flag == 1, "TOH-001");
    t->num_synthesis = (int)jai_u(b, 2) + 1;
    SHALL(t->num_synthesis <= 3, "TOH-002");
    for (int i = 0; i < t->num_synthesis; i++) {
        READ(t->synthesis_transform_idc[i], u(b, 2));
        SHALL(is_in(t->synthesis_transform_idc[i], 0, 2), "TOH-003");
        for (int k = 0; k < i; k++)
            SHALL(t->synthesis_transform_idc[i] != t->synthesis_transform_idc[k], "TOH-004");
    }
    READ(t->enhancement_flag, u(b, 1));
    SHALL(t->enhancement_flag <= profile_of(p)->lossless_tools, "PRF-003");
    if (t->enhancement_flag == 1)
        READ(t->base_flag, u(b, 1));
    if (t->enhancement_flag == 1 && t->base_flag == 1) {
        READ(t->base_transform_idc, u(b, 2));
        SHALL(is_in(t->base_transform_idc, 0, 2), "TOH-005");
    }
    if (t->enhancement_flag == 1) {
        READ(t->match_flag, u(b, 1));
        uint32_t max_error = jai_ue(b);
        SHALL(max_error <= MAX_ERROR, "TOH-006");
        t->max_error = (int)max_error;
    }
    READ(t->alpha_flag, u(b, 1));
    SHALL(t->alpha_flag <= profile_of(p)->lossless_tools, "PRF-004");
    if (t->alpha_flag == 1) {
        READ(t->alpha_bit_depth_minus8, u(b, 4));
        SHALL(is_in(t->alpha_bit_depth_minus8, 0, 8), "TOH-008");
        READ(t->alpha_premultiplied_flag, u(b, 1));
        READ(t->alpha_match_flag, u(b, 1));
    }
    if (t->enhancement_flag || t->alpha_flag) {
        jai_rectangle tile = jai_tile(&p->out->picture, 0); /* the largest */
        int height = jai_clip(0, p->out->picture.pic_height, tile.height * LATENT_STRIDE);
        int width = jai_clip(0, p->out->picture.pic_width, tile.width * LATENT_STRIDE);
        SHALL((int64_t)height * width <= MAX_ENHANCED_TILE, "SOE-007");
    }
}

/* ---- 6.7 to 6.12, 6.15 to 6.18 ---- */

static void metadata(parser *p, jai_bits *b)
{
    int metadata_type;
    READ(metadata_type, u(b, 8));
    if (is_in(metadata_type, 1, 3)) {
        SHALL((p->metadata_types >> metadata_type & 1) == 0, "MTD-001");
        p->metadata_types |= 1 << metadata_type;
    }
    jai_byte_alignment(b);
    SHALL(jai_rest(b).size <= MAX_METADATA, "MTD-002");
}

static void quality_map_segment(parser *p, jai_bits *b)
{
    int reserved_zero_1bit;
    SHALL(p->out->tools.base_flag == 1, "SOE-004");
    READ(p->out->map_scale_idx, u(b, 7));
    SHALL(is_in(p->out->map_scale_idx, 0, JAI_NUM_SCALES - 1), "SOQ-001");
    READ(reserved_zero_1bit, u(b, 1));
    SHALL(reserved_zero_1bit == 0, "SOQ-002");
    jai_byte_alignment(b);
    p->out->map = jai_rest(b);
    p->out->has_map = 1;
}

static void hyper_latent_segment(parser *p, jai_bits *b)
{
    SHALL(p->out->tools.base_flag == 1, "SOE-004");
    jai_byte_alignment(b);
    p->out->hyper = jai_rest(b);
}

static void residual_segment(parser *p, jai_bits *b)
{
    const jai_picture_header *h = &p->out->picture;
    uint32_t layer_idx = 0, tile_idx = 0;
    SHALL(p->out->tools.base_flag == 1, "SOE-004");
    if (h->num_layers * h->num_tiles > 1) {
        layer_idx = jai_ue(b);
        SHALL(layer_idx < (uint32_t)h->num_layers, "SOR-001");
        tile_idx = jai_ue(b);
        SHALL(tile_idx < (uint32_t)h->num_tiles, "SOR-002");
    }
    int number = (int)layer_idx * h->num_tiles + (int)tile_idx;
    SHALL(number > p->last_residual, "SOR-003");
    p->last_residual = number;
    p->num_residuals++;
    jai_byte_alignment(b);
    p->out->residual[number] = jai_rest(b);
}

/* 6.15 and 6.16 have the same elements. */
static void tile_segment(parser *p, jai_bits *b, jai_bytes *payloads, int *last, const char *range, const char *order)
{
    uint32_t tile_idx = 0;
    if (p->out->picture.num_tiles > 1) {
        tile_idx = jai_ue(b);
        SHALL(tile_idx < (uint32_t)p->out->picture.num_tiles, range);
    }
    SHALL((int)tile_idx > *last, order);
    *last = (int)tile_idx;
    jai_byte_alignment(b);
    payloads[tile_idx] = jai_rest(b);
}

static void enhancement_segment(parser *p, jai_bits *b)
{
    SHALL(p->out->tools.enhancement_flag == 1, "SOE-003");
    tile_segment(p, b, p->out->enhancement, &p->last_enhancement, "SOE-001", "SOE-002");
    p->num_enhancements++;
}

static void alpha_segment(parser *p, jai_bits *b)
{
    SHALL(p->out->tools.alpha_flag == 1, "SOA-003");
    tile_segment(p, b, p->out->alpha, &p->last_alpha, "SOA-001", "SOA-002");
    p->num_alphas++;
}

static void animation_header(parser *p, jai_bits *b)
{
    SHALL(profile_of(p)->animation == 1, "PRF-005");
    SHALL(jai_ue(b) <= MAX_FRAMES - 1, "ANI-001");
    SHALL(jai_ue(b) <= MAX_TICKS - 1, "ANI-002");
    SHALL(jai_ue(b) <= MAX_LOOPS, "ANI-003");
    require(b, 0, JAI_UNSUPPORTED, "", "the stream is an animation");
}

static void frame_header(parser *p, jai_bits *b)
{
    (void)p;
    require(b, 0, JAI_BAD_STREAM, "FRH-001", "a frame header in a still");
}

static void decoded_picture_hash(parser *p, jai_bits *b)
{
    p->out->num_hashes = (int)jai_u(b, 4) + 1;
    SHALL(jai_u(b, 4) == 0, "DPH-003");
    for (int i = 0; i < p->out->num_hashes; i++) {
        jai_hash *hash = &p->out->hashes[i];
        READ(hash->point, u(b, 2));
        READ(hash->transform, u(b, 2));
        SHALL(is_in(hash->transform, 0, 2), "DPH-002");
        SHALL(hash->transform == 0 || hash->point == 1, "DPH-004");
        SHALL(jai_u(b, 4) == 0, "DPH-003");
        for (int k = 0; k < 32; k++)
            hash->digest[k] = (uint8_t)jai_u(b, 8);
        for (int k = 0; k < i; k++)
            SHALL(p->out->hashes[k].point != hash->point || p->out->hashes[k].transform != hash->transform, "DPH-005");
    }
}

/* ---- 6.1: order and number of segments ---- */

static void start_of_codestream(parser *p, jai_bits *b)
{
    (void)p;
    SHALL(jai_u(b, 32) == SIGNATURE, "SOC-002");
}

static const struct {
    int marker;
    void (*read)(parser *, jai_bits *); /* none for EOC */
    int once;
} SEGMENTS[] = {
    {SOC, start_of_codestream, 1},   {PIH, picture_header, 1},   {TOH, tool_header, 1},
    {MTD, metadata, 0},              {SOQ, quality_map_segment, 1}, {SOZ, hyper_latent_segment, 1},
    {SOR, residual_segment, 0},      {SOE, enhancement_segment, 0}, {DPH, decoded_picture_hash, 1},
    {SOA, alpha_segment, 0},         {ANI, animation_header, 1}, {FRH, frame_header, 0},
    {EOC, NULL, 1},
};
#define NUM_KINDS (sizeof SEGMENTS / sizeof *SEGMENTS)

static void check_place(parser *p, jai_bits *b, int marker, int once)
{
    int place = p->place, previous = -1;
    for (int i = 0; i < NUM_PLACES; i++)
        if (SEGMENT_ORDER[i] == marker && p->seen[i])
            previous = i;
    SHALL(!once || previous < 0, "SEG-006");
    while (place < NUM_PLACES && SEGMENT_ORDER[place] != marker)
        place++;
    SHALL(place < NUM_PLACES, "SEG-005");
    SHALL(marker == SOC || marker == PIH || p->seen[1], "SEG-007");
    if (marker == SOR || marker == SOA || marker == SOE || marker == DPH || marker == EOC)
        SHALL(p->out->hyper.data || p->out->tools.base_flag == 0, "SEG-007");
    p->place = place;
    p->seen[place]++;
}

static void check_end(parser *p, jai_bits *b)
{
    const jai_picture_header *h = &p->out->picture;
    SHALL(p->seen[PLACE_TOH] == h->tool_header_flag, "TOH-001");
    SHALL(p->num_residuals == (p->out->tools.base_flag ? h->num_layers * h->num_tiles : 0), "SOR-004");
    SHALL(p->num_enhancements == (p->out->tools.enhancement_flag ? h->num_tiles : 0), "SOE-003");
    SHALL(p->num_alphas == (p->out->tools.alpha_flag ? h->num_tiles : 0), "SOA-003");
}

/* Reads one segment, from its marker to its check, and moves rest past it. Returns its marker. */
static int segment(parser *p, jai_bytes *rest)
{
    jai_bits at_marker = {p->ctx, *rest, 0}, *b = &at_marker;
    const uint8_t *start = rest->data;
    uint32_t payload_length = 0;
    size_t kind = 0;

    if (rest->size == 0 && p->seen[0])
        require(b, 0, JAI_BAD_STREAM, "EOC-001", "the stream ends without EOC");
    SHALL(rest->size >= 2, "SEG-003");
    int marker = rest->data[0] << 8 | rest->data[1];
    SHALL(p->seen[0] || marker == SOC, "SOC-001");
    rest->data += 2, rest->size -= 2, rest->offset += 2;

    int is_reserved = is_in(marker, RESERVED_FIRST, RESERVED_LAST);
    while (kind < NUM_KINDS && SEGMENTS[kind].marker != marker)
        kind++;
    SHALL(is_reserved || kind < NUM_KINDS, "SEG-001");
    if (is_reserved)
        SHALL(p->seen[1], "SEG-007");
    else
        check_place(p, b, marker, SEGMENTS[kind].once);
    p->skippable += is_reserved || marker == MTD;
    SHALL(p->skippable <= MAX_SKIPPABLE, "SEG-009");

    if (marker == SOC)
        payload_length = 4;
    else if (marker != EOC) {
        jai_varint_result result = jai_varint(rest, &payload_length);
        SHALL(result != JAI_VARINT_LONG, "BIT-003");
        SHALL(result != JAI_VARINT_PADDED, "BIT-004");
        SHALL(result != JAI_VARINT_SHORT, "SEG-003");
    }
    int has_check = p->out->picture.segment_crc_flag && marker != EOC;
    SHALL(rest->size >= (size_t)payload_length + (has_check ? 4 : 0), "SEG-003");

    jai_bytes payload = {rest->data, payload_length, rest->offset};
    if (kind < NUM_KINDS && SEGMENTS[kind].read) {
        jai_bits in_payload = {p->ctx, payload, 0};
        SEGMENTS[kind].read(p, &in_payload);
        jai_byte_alignment(&in_payload);
        SHALL(in_payload.position == (size_t)payload_length * 8, "SEG-004");
    }
    rest->data += payload_length, rest->size -= payload_length, rest->offset += payload_length;
    if (has_check) {
        const uint8_t *c = rest->data;
        uint32_t segment_crc = (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 | (uint32_t)c[2] << 8 | c[3];
        SHALL(segment_crc == jai_crc32c(start, (size_t)(c - start)), "SEG-008");
        rest->data += 4, rest->size -= 4, rest->offset += 4;
    }
    return marker;
}

void jai_parse(jai_ctx *ctx, jai_bytes stream, uint64_t max_samples, jai_codestream *out)
{
    parser p = {ctx, out, max_samples, 0, {0}, 0, 0, -1, -1, -1, 0, 0, 0};
    jai_bits at_end = {ctx, stream, 0}, *b = &at_end;
    memset(out, 0, sizeof *out);
    out->tools.num_synthesis = 1; /* 7.6: without a tool header */
    out->tools.synthesis_transform_idc[0] = JAI_BASE;
    out->tools.base_flag = 1;
    while (segment(&p, &stream) != EOC)
        continue;
    check_end(&p, b);
    at_end.bytes = stream;
    SHALL(stream.size == 0, "EOC-002");
}
