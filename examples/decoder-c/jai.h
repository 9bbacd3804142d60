/* SPDX-License-Identifier: Apache-2.0 */
/* JAI still pictures: a decoder in C99, written from spec/. This is its whole interface. */

#ifndef JAI_H
#define JAI_H

#include <stddef.h>
#include <stdint.h>

typedef enum { /* the exit statuses of spec B.2 */
    JAI_OK = 0,
    JAI_NO_MEMORY = 1,
    JAI_BAD_STREAM = 3,    /* breaks a requirement of the specification */
    JAI_UNSUPPORTED = 4,   /* legal, but beyond this decoder or beyond max_samples */
    JAI_HASH_MISMATCH = 5, /* differs from a digest that the stream carries */
    JAI_BAD_MODEL = 6
} jai_status;

typedef enum { JAI_STREAM_DEFAULT = -1, JAI_SIMPLE = 0, JAI_BASE = 1 } jai_synthesis;

typedef struct {
    jai_synthesis synthesis; /* JAI_STREAM_DEFAULT: what the stream recommends, spec 9.1 */
    int want_latents;        /* fill jai_picture.latents */
    int latents_only;        /* stop at conformance point L: no samples */
    int want_alpha;          /* fill jai_picture.alpha where the stream has alpha */
    int verify;              /* compare with the digests of the stream */
    uint64_t max_samples;    /* width times height that the caller accepts; 0: that of the level */
} jai_options;

typedef struct {
    int width, height, components, bit_depth;
    int chroma_width, chroma_height;             /* of the planes after the first */
    int is_ycc;                                  /* three components are Y, Cb, Cr, otherwise R, G, B */
    int is_float;                                /* samples stand for binary16 numbers, spec 9.5 */
    int colour_primaries, transfer_characteristics, matrix_coefficients, full_range; /* ITU-T H.273 */
    uint16_t *samples;                           /* plane after plane, each [height][width] */
    int alpha_bit_depth, alpha_premultiplied;    /* 0, 0 where the stream has no alpha */
    uint16_t *alpha;                             /* [height][width]: 0 transparent */
    int latent_channels, latent_height, latent_width;
    int16_t *latents;                            /* [channels][height][width]: y_hat of spec 8.1 */
} jai_picture;

typedef struct {
    jai_status status;
    char requirement[8]; /* its identifier in spec B.4, or empty */
    size_t offset;       /* of the byte near which the fault was found */
    char message[120];
} jai_error;

typedef struct jai_codec jai_codec;

/* Prepares the built-in model set; read only from then on, so threads may share it.
   NULL when memory is short or the model set is unsound. */
jai_codec *jai_open(void);
void jai_close(jai_codec *codec);

/* Decodes one stream. For any bytes it returns a picture, to be given to jai_free_picture, or fills *error. */
jai_status jai_decode(const jai_codec *codec, const uint8_t *data, size_t size, const jai_options *options,
                      jai_picture *picture, jai_error *error);
void jai_free_picture(jai_picture *picture);

#endif
