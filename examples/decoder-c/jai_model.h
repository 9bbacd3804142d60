/* SPDX-License-Identifier: Apache-2.0 */
/* Model set and tables as make_model.py writes them from spec/: Annex C, 8.5, A.2. */

#ifndef JAI_MODEL_H
#define JAI_MODEL_H

#include <stdint.h>

enum { JAI_NUM_PROFILES = 3, JAI_NUM_LEVELS = 6, JAI_NUM_SCALES = 80, JAI_NUM_QUALITIES = 64, JAI_NUM_RESIDUAL_CONTEXTS = 128,
       JAI_MAX_INPUTS = 5, JAI_MAX_TENSORS = 48 };

typedef enum { /* 11.3 */
    JAI_CONV, JAI_PIXEL_SHUFFLE, JAI_PIXEL_UNSHUFFLE, JAI_ADD, JAI_LOOKUP, JAI_ABS, JAI_CONCAT, JAI_SLICE,
    JAI_QUALITY_BIAS, JAI_SHIFT_PAD, JAI_CROP, JAI_SHIFT_LEFT
} jai_operation;

typedef struct {
    jai_operation operation;
    int num_inputs, inputs[JAI_MAX_INPUTS]; /* tensors: the inputs of the network, then the outputs of its layers */
    int lo, hi;                             /* range of the output */
    int channels, stride, margin;           /* of the output, C.4 */
    int n;                                  /* kernel, factor, begin, or n */
    int groups, in_channels, conv;          /* conv: its number among those of the model set */
    long weight;                            /* the word of its first weight in jai_weight_words; their order is o, u, v, c */
    const int32_t *bias;
    const uint8_t *shift;
    const int16_t *table;
    int table_size;
} jai_layer;

typedef struct {
    const char *name;
    int num_inputs, num_layers, num_outputs;
    const char *input_names[JAI_MAX_INPUTS];
    int input_channels[JAI_MAX_INPUTS], outputs[JAI_MAX_INPUTS];
    int last_use[JAI_MAX_TENSORS];  /* the last layer that reads the tensor; num_layers for outputs */
    int everywhere[JAI_MAX_TENSORS]; /* 1 when a layer reads the tensor beyond the position that it computes */
    const jai_layer *layers;
} jai_network;

typedef struct { /* a set of frequency tables, 8.2.7 */
    int count;
    const int *bounds;
    const uint16_t *const *frequencies;
} jai_table_data;

typedef struct { /* C.6 */
    int model_set_idc, num_groups, mean_groups;
    int latent_channels, hyper_channels, state_channels, mean_channels; /* C, Z, S, M */
    const int *group_size;
    const int16_t *step;      /* [JAI_NUM_QUALITIES][latent_channels] */
    const uint8_t *component; /* [latent_channels] */
    int num_transforms, num_transform_tables, num_transform_channels; /* K, T, n */
    const int16_t *transform_channels; /* [num_transform_channels] */
    const int16_t *transform_matrices; /* [num_transforms - 1][num_transform_channels][num_transform_channels] */
    const jai_network *hyper, *synthesis_simple, *filter_base, *head_transform, *update_transform;
    const jai_network *const *head; /* [2 * group + phase] */
    const jai_network *const *update, *const *activity;
    int num_convs;
    const jai_layer *const *convs;
} jai_model;

typedef struct { /* A.1 */
    int max_bit_depth, ycc_samples, lossless_tools, animation;
} jai_profile;

typedef struct { /* A.2 */
    uint64_t max_samples;
    int max_side, max_tiles, max_residual_segments, max_lanes;
} jai_level;

extern const jai_model jai_model_set;
extern const uint32_t jai_weight_words[]; /* four weights of 8 bits each, the first in the low bits */
extern const jai_profile jai_profiles[JAI_NUM_PROFILES]; /* by profile_idc */
extern const jai_level jai_levels[JAI_NUM_LEVELS + 1]; /* by level_idc */

extern const jai_table_data jai_hyper_tables;    /* C.6, by channel */
extern const jai_table_data jai_residual_tables; /* 8.5, by scale index, then C.6: those of the block transforms */
extern const int jai_skip_threshold;
extern const uint8_t jai_offsets[JAI_NUM_SCALES][2];
extern const jai_table_data jai_lossless_match, jai_lossless_residual; /* 12.9 */
extern const jai_table_data jai_lossless_low; /* 12.9, by the number of low bits minus 1 */
extern const int jai_start_means[JAI_NUM_RESIDUAL_CONTEXTS];

#endif
