/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of the picture header and what follows from them, spec 7.5: tiles and planes. */

#include "jai_internal.h"

#define FINITE_MIN 1024
#define FINITE_MAX 64511
#define TILE_UNIT 64
#define LATENT_STRIDE 16
#define HYPER_STRIDE 4

void jai_derive_variables(jai_picture_header *h)
{
    h->bit_depth = h->bit_depth_minus8 + 8;
    h->min_sample = h->sample_float_flag ? FINITE_MIN : 0;
    h->max_sample = h->sample_float_flag ? FINITE_MAX : (1 << h->bit_depth) - 1;
    h->num_components = h->monochrome_flag ? 1 : 3;
    h->step_x = h->chroma_format_idc > 0 ? 2 : 1;
    h->step_y = h->chroma_format_idc > 1 ? 2 : 1;
    h->chroma_width = jai_ceil_div(h->pic_width, h->step_x);
    h->chroma_height = jai_ceil_div(h->pic_height, h->step_y);
    h->num_lanes = 1 << h->log2_lanes;
    h->num_layers = h->num_layers_minus1 + 1;
    h->h16 = jai_ceil_div(h->pic_height, LATENT_STRIDE);
    h->w16 = jai_ceil_div(h->pic_width, LATENT_STRIDE);
    h->h64 = jai_ceil_div(h->h16, HYPER_STRIDE);
    h->w64 = jai_ceil_div(h->w16, HYPER_STRIDE);
    h->tile_width = h->tile_grid_flag ? TILE_UNIT * (h->tile_width_minus1 + 1) : h->pic_width;
    h->tile_height = h->tile_grid_flag ? TILE_UNIT * (h->tile_height_minus1 + 1) : h->pic_height;
    h->num_tile_columns = jai_ceil_div(h->pic_width, h->tile_width);
    h->num_tiles = h->num_tile_columns * jai_ceil_div(h->pic_height, h->tile_height);
}

jai_rectangle jai_tile(const jai_picture_header *h, int tile)
{
    int rows = jai_ceil_div(h->tile_height, LATENT_STRIDE), columns = jai_ceil_div(h->tile_width, LATENT_STRIDE);
    jai_rectangle r = {tile / h->num_tile_columns * rows, tile % h->num_tile_columns * columns, 0, 0};
    r.height = jai_clip(0, rows, h->h16 - r.top);
    r.width = jai_clip(0, columns, h->w16 - r.left);
    return r;
}

jai_picture_header jai_alpha_header(const jai_codestream *codestream)
{
    jai_picture_header h = codestream->picture;
    h.monochrome_flag = 1;
    h.bit_depth_minus8 = codestream->tools.alpha_bit_depth_minus8;
    h.sample_float_flag = h.chroma_format_idc = h.ycc_flag = 0;
    jai_derive_variables(&h);
    return h;
}

size_t jai_plane_start(const jai_picture_header *h, int component)
{
    size_t luma = (size_t)h->pic_width * (size_t)h->pic_height;
    size_t chroma = (size_t)h->chroma_width * (size_t)h->chroma_height;
    return component == 0 ? 0 : luma + (size_t)(component - 1) * chroma;
}
